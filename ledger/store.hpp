// What the writer thread needs of a database, so that SQLite can be joined by another one. A store
// is used by one thread at a time: the one that opens it, then the writer's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/instance.hpp"
#include "ledger/name_table.hpp"
#include "ledger/start_entry.hpp"

namespace ledger {

// A failure with words for the operator. `refused`: trying again cannot help, somebody must act.
class StoreError : public std::runtime_error {
 public:
  StoreError(const std::string& what, bool is_refused) : runtime_error{what}, refused{is_refused} {}
  bool refused;
};

// Where an instance stands on disk. A changed one moves to the end, so that writing appends, the
// oldest are at the front and no index is needed: the table in memory is the index.
struct Row {
  std::int64_t to = 0;    // 0: nowhere
  std::int64_t from = 0;  // leaves this row; 0: was on no disk
};

struct StoredInstance {
  std::int64_t row = 0;
  std::string key;
  std::string endpoint;  // its name: places are this process's own numbers
  Instance instance;     // without place
};

struct InstanceWrite {
  std::string key;
  std::string endpoint;
  std::optional<Instance> instance;  // nothing: forgotten
  Row row;
};

using HashKey = std::array<std::uint64_t, 2>;

// One start as it is to stand on disk. The entry is the caller's and does not change until write()
// has returned.
struct StartWrite {
  std::uint64_t number = 0;
  const StartEntry* entry = nullptr;  // null: removed, with its attempts, body and answer
  bool is_new = false;                // what was asked, and the body, are written once
  bool drop_body = false;             // its bytes are overwritten in the file
};

// What an operator did, or asked for while no proxy ran.
struct OperatorAction {
  std::int64_t at_ms = 0;
  std::string who, action, text;  // "instances resubmit", "abc123 at weu"
  std::uint64_t number = 0;       // of the start; 0: none
  bool operator==(const OperatorAction&) const = default;
};

// What becomes durable together.
struct Group {
  std::span<const InstanceWrite> instances;
  std::span<const StartWrite> starts;
  std::span<const OperatorAction> actions;  // for the record
  bool sync = false;  // on the disk itself when write() returns; else it may be lost with the power
};

class Store {
 public:
  virtual ~Store() = default;
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Each throws StoreError. After one the store is closed, and open() is the way back.
  virtual void open() = 0;
  virtual HashKey credential_key(const HashKey& proposed) = 0;  // the first one is kept for good
  // Newest row first, at most `most`, none seen before `oldest_ms`. A key may come twice: the first
  // is the one to believe.
  virtual void load_instances(std::size_t most, std::int64_t oldest_ms,
                              const std::function<void(const StoredInstance&)>&) = 0;
  // One transaction, in order: all or nothing. `places` gives the names of the starts' endpoints.
  virtual void write(const Group&, const NameTable& places) = 0;
  // Removes what is older than `oldest_ms` and the oldest beyond `most`; a bounded number of rows
  // per call, true when there may be more.
  virtual bool trim(std::size_t most, std::int64_t oldest_ms) = 0;
  virtual std::string warning() const { return {}; }  // after open()
  // Between two groups: what need not be done while somebody waits for a commit.
  virtual void maintain() {}

  // Starts. Several processes may share the file (an upgrade while the old one drains); each entry
  // belongs to one of them, this process's are those that it wrote or took over.

  // Makes the entries of processes that are gone this one's own and hands them out, oldest first:
  // all that are open, watched, listed or marked, without bodies of settled ones. Cheap when there
  // are none.
  virtual void take_over_starts(NameTable& places,
                                const std::function<void(StartEntry&&)>& take) = 0;
  // The highest number in the file, whoever wrote it; 0: none. A start of a number that is taken
  // fails its group.
  virtual std::uint64_t highest_start() = 0;
  // Of a settled start too, while it is kept; null: it is not.
  virtual std::shared_ptr<const std::string> body_of(std::uint64_t number) = 0;
  // The newest with this key scope, settled ones included, whoever owns it.
  virtual std::optional<StartEntry> find_start_by_key(std::string_view scope,
                                                      NameTable& places) = 0;
  // Settled as ran at `since` or later (geo-replicated hubs), oldest first, at most `most` behind
  // `after_number`, without bodies (see body_of); none of another living process.
  virtual std::vector<StartEntry> starts_ran_since(std::int64_t since_ms,
                                                   std::uint64_t after_number, std::size_t most,
                                                   NameTable& places) = 0;
  // Removes settled entries that changed before `oldest_ms`, bodies of settled ones that changed
  // before `bodies_oldest_ms` unless they are listed, and, while the file is above `max_bytes`, the
  // oldest settled ones that nobody is waiting to see. A bounded number per call; true: there may
  // be more.
  virtual bool trim_starts(std::int64_t oldest_ms, std::int64_t bodies_oldest_ms,
                           std::uint64_t max_bytes) = 0;
  virtual std::uint64_t bytes_used() const = 0;  // of the file, free pages not counted
  // What was asked for while no proxy ran (ledger_file.hpp); each is given out once.
  virtual std::vector<OperatorAction> take_requests() = 0;
};

}  // namespace ledger
