// The store in one SQLite file, which the start ledger is to share: WAL, one connection, used by
// the writer thread. `synchronous` is NORMAL: a commit survives kill -9 at once and a power cut
// from the next checkpoint on, which is enough for the directory. It is a decision per transaction,
// not per connection: a group that holds a start sets FULL before its BEGIN, and its sync covers
// whatever was committed before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "ledger/sqlite.hpp"
#include "ledger/store.hpp"
#include "ledger/store_file.hpp"

namespace ledger {

class SqliteStore : public Store {
 public:
  explicit SqliteStore(std::string path) : path_{std::move(path)} {}

  void open() override;
  HashKey credential_key(const HashKey& proposed) override;
  void load_instances(std::size_t most, std::int64_t oldest_ms,
                      const std::function<void(const StoredInstance&)>&) override;
  void write(std::span<const InstanceWrite>) override;
  bool trim(std::size_t most, std::int64_t oldest_ms) override;
  std::string warning() const override { return file_ ? file_->warning() : std::string{}; }

 private:
  void check_owner();
  void migrate();
  std::int64_t ask(const char* sql);
  template <class Work>
  auto guarded(Work work);  // SqliteError in, StoreError out

  const std::string path_;
  std::optional<StoreFile> file_;  // held while the database is closed and opened again
  std::optional<Database> database_;
  std::int64_t rows_ = 0;  // of instances, since open()
};

}  // namespace ledger
