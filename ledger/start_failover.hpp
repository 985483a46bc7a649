// The search after a storage failover, while it is under way: everything that ran since the last
// sync is looked up again. Belongs to the ledger's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "ledger/start_driver.hpp"

namespace ledger {

struct StartDriver::Failover {
  std::uint64_t sweep = 0;
  std::int64_t since_ms = 0;
  std::uint64_t after_number = 0;  // pages of the store are read up to here
  bool read_all = false;
  std::deque<StartEntry> waiting;
  std::map<std::uint64_t, StartEntry> out;
  std::size_t looked_up = 0, lost = 0, unanswered = 0, without_id = 0;
  std::function<void(OperatorResult)> done;  // null: the operator has an answer already
};

}  // namespace ledger
