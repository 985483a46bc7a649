// The ledger's file for commands, when no proxy runs or beside one that does: reads it as it is,
// takes nothing over, and can leave a request for the next proxy (Store::take_requests). One
// thread. Each function throws StoreError, its text meant for the operator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ledger/name_table.hpp"
#include "ledger/sqlite.hpp"
#include "ledger/start_entry.hpp"
#include "ledger/store.hpp"

namespace ledger {

class LedgerFile {
 public:
  explicit LedgerFile(std::string path);

  enum class Which { of_interest, all };  // open, watched, listed or marked; oldest first
  void read_starts(Which, NameTable&, const std::function<void(StartEntry&&)>& take);
  void read_instances(std::size_t most, std::int64_t oldest_ms,
                      const std::function<void(const StoredInstance&)>& take);
  std::vector<OperatorAction> actions();   // the record, oldest first
  std::vector<OperatorAction> requests();  // not taken yet

 private:
  template <class Work>
  auto guarded(Work work);

  const std::string path_;
  Database database_;
  bool has_starts_ = false;
};

// Whether a process holds the file right now. Then its admin listener is to be asked instead.
bool ledger_is_in_use(const std::string& path);
// `action`: "resubmit" or "forget", with the start's number or its id as text; or "failed_over",
// with the time as text.
void leave_request(const std::string& path, const OperatorAction&);

}  // namespace ledger
