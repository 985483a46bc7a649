// The copy of a storage account in another region: one SQLite file, made by the online backup API
// in steps, between which the account serves on. A copy counts once it is complete: it is written
// beside the file and takes its place by a rename.
//
// Of one moment, tables and queues agree. With a skew they are cut at different moments, as in the
// real thing, where each service replicates by itself. A queue here: what lets an orchestrator take
// its next turn (its start or a timer), activities not yet done, signals to entities. What no
// longer fits when both are put together:
//
//   a row without its message   stays Pending or Running for ever
//   a message without its row   is dropped: the real thing gives it up after ten tries
//
// Used by StorageAccount on its one thread. Throws std::runtime_error when a file cannot be read or
// written.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/sqlite.hpp"
#include "rehearsal/instance.hpp"

struct sqlite3_backup;

namespace rehearsal {

// What a replica says of itself.
struct ReplicaInfo {
  WallTime tables{};  // all writes to them until then are in the replica
  WallTime queues{};
  std::int64_t rows_without_message = 0;
  std::int64_t messages_without_row = 0;

  WallTime last_sync() const { return std::min(tables, queues); }
};

// nullopt: there is no such file. Throws when it is no replica.
std::optional<ReplicaInfo> read_replica(const std::string& file);

class ReplicaCopy {
 public:
  // Neither cuts anything. `primary` must outlive the copy.
  ReplicaCopy(ledger::Database& primary, std::string file);
  ~ReplicaCopy();  // unfinished: nothing is left of it
  ReplicaCopy(const ReplicaCopy&) = delete;
  ReplicaCopy& operator=(const ReplicaCopy&) = delete;

  void cut_queues(WallTime now);  // not called: they are those of the tables
  void begin_tables(WallTime now);
  bool copy_pages(int most);  // true: all of them; writes meanwhile are copied too
  ReplicaInfo complete();     // and now it counts

 private:
  void unite();

  ledger::Database& primary_;
  const std::string file_, part_, queues_;
  std::unique_ptr<ledger::Database> copy_;
  sqlite3_backup* backup_ = nullptr;
  std::optional<WallTime> queues_cut_;
  ReplicaInfo info_;
};

// What an account loses when it goes on with the replica. Executions are compared: an id that was
// used again is another instance.
struct ReplicaDifference {
  std::int64_t lost = 0;         // instances that the replica does not know
  std::int64_t rolled_back = 0;  // it knows less of them
  std::int64_t reappeared = 0;   // purged, or replaced by another of their id, since
  std::vector<std::pair<std::string, std::string>> lost_instances;  // hub and id; the first 1000
};
ReplicaDifference compare_with_replica(ledger::Database& primary, const std::string& file);

struct Replication {
  std::string file;                    // "" is beside the account's own: FILE.replica
  std::chrono::milliseconds every{0};  // 0: the account is locally redundant
  std::chrono::milliseconds skew{0};   // queues are cut this much after the tables
};

// What an account failover did.
struct AccountFailover {
  bool planned = false;
  ReplicaInfo replica;
  std::optional<ReplicaDifference> difference;  // nullopt: the primary could not be read
};

struct ReplicaState {
  Replication replication;
  bool failing_over = false;
  bool copying = false;
  std::int64_t copies = 0;
  std::optional<ReplicaInfo> last;  // nullopt: no copy is complete
  std::string trouble;              // of the last copy; "" none
  int failovers = 0;
  std::optional<AccountFailover> last_failover;
};

// The replica becomes the account's file; nothing may have either open. `keep`: by a copy.
void take_place(const std::string& replica, const std::string& file, bool keep);

}  // namespace rehearsal
