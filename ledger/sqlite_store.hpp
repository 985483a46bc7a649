// The store in one SQLite file (WAL), or in memory for the path ":memory:". A group that somebody
// waits for is committed with `synchronous` FULL, any other with NORMAL: that survives kill -9 at
// once and a power cut from the next full commit or checkpoint on. It is a decision per
// transaction, taken before its BEGIN. Nothing of the write-ahead log is checkpointed inside a
// commit; see maintain().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/sqlite.hpp"
#include "ledger/store.hpp"
#include "ledger/store_file.hpp"

namespace ledger {

// Newest row first, as Store::load_instances.
void read_instances(Database&, std::size_t most, std::int64_t oldest_ms,
                    const std::function<void(const StoredInstance&)>&);

class SqliteStore : public Store {
 public:
  static constexpr std::string_view in_memory = ":memory:";

  explicit SqliteStore(std::string path);
  ~SqliteStore() override;

  void open() override;
  HashKey credential_key(const HashKey& proposed) override;
  void load_instances(std::size_t most, std::int64_t oldest_ms,
                      const std::function<void(const StoredInstance&)>&) override;
  void write(const Group&, const NameTable& places) override;
  bool trim(std::size_t most, std::int64_t oldest_ms) override;
  std::string warning() const override { return file_ ? file_->warning() : std::string{}; }
  void maintain() override;

  void take_over_starts(NameTable& places, const std::function<void(StartEntry&&)>& take) override;
  std::uint64_t highest_start() override;
  std::shared_ptr<const std::string> body_of(std::uint64_t number) override;
  std::optional<StartEntry> find_start_by_key(std::string_view scope, NameTable& places) override;
  std::vector<StartEntry> starts_ran_since(std::int64_t since_ms, std::uint64_t after_number,
                                           std::size_t most, NameTable& places) override;
  bool trim_starts(std::int64_t oldest_ms, std::int64_t bodies_oldest_ms,
                   std::uint64_t max_bytes) override;
  std::uint64_t bytes_used() const override;
  std::vector<OperatorAction> take_requests() override;

 private:
  struct Connection;

  void prepare_file(Database&);
  void set_sync(bool full);
  void write_instances(const Group&);
  void check_file() const;
  void close();
  template <class Work>
  auto guarded(Work work);  // SqliteError in, StoreError out

  const std::string path_;
  const bool on_disk_;
  const std::string tag_;          // of this process's entries
  std::optional<StoreFile> file_;  // held while the database is closed and opened again
  std::unique_ptr<Connection> connection_;
  std::int64_t rows_ = 0;  // of instances, since open()
};

}  // namespace ledger
