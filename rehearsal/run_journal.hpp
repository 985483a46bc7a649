// What really ran: every accepted start, every run of an orchestrator, and what each app did for
// it. The rehearsal's own knowledge and no part of what the account stores: it lies in a file of
// its own (attached as `truth`), which replication leaves alone, so that an account failover that
// loses instances does not lose what is known of them. A transaction of the account covers it too.
// Part of HubStore, which owns the database; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ledger/sqlite.hpp"
#include "rehearsal/instance.hpp"

namespace rehearsal {

class RunJournal {
 public:
  explicit RunJournal(ledger::Database& database) : db_{database} {}
  // Throws std::runtime_error when the file is something else. The account's tables must be there.
  void open(const std::string& file);

  std::int64_t accepted(std::string_view hub, const NewInstance&, WallTime now);  // the execution
  void began(std::int64_t execution, std::string_view app, WallTime now);
  void changed(std::int64_t execution, std::string_view status);
  void ended(std::int64_t execution, WallTime now);
  void count(std::string_view hub, std::int64_t execution, const AppShare&);

  std::vector<AppShare> shares(std::string_view hub);  // "": of all
  // Of one id, or of all when it is "".
  ExecutionPage executions(std::string_view hub, std::string_view id, std::int64_t after,
                           std::size_t top);
  // Of one hub and id, or of all that "" stands for.
  RunPage runs(std::string_view hub, std::string_view id, std::int64_t after, std::size_t top);

 private:
  ledger::Database& db_;
};

}  // namespace rehearsal
