// What the writer thread needs of a database, so that SQLite can be joined by another one. A store
// is used by one thread at a time: the one that opens it, then the writer's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "ledger/instance.hpp"

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
  // One transaction, in order: all or nothing.
  virtual void write(std::span<const InstanceWrite>) = 0;
  // Removes what is older than `oldest_ms` and the oldest beyond `most`; a bounded number of rows
  // per call, true when there may be more.
  virtual bool trim(std::size_t most, std::int64_t oldest_ms) = 0;
  virtual std::string warning() const { return {}; }  // after open()
};

}  // namespace ledger
