#include "ledger/sqlite_store.hpp"

#include <sqlite3.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "ledger/checkpointer.hpp"
#include "ledger/schema.hpp"
#include "ledger/start_rows.hpp"

namespace ledger {
namespace {

constexpr std::int64_t rows_per_trim = 5000;
constexpr std::int64_t starts_per_trim = 1000;

// Of the write-ahead log, in pages of 4 KiB: the second thread begins; the writer does it itself,
// because something keeps the second thread from getting on.
constexpr int wal_pages_to_begin = 4096;
constexpr int wal_pages_at_most = 65536;
constexpr int busy_ms = 5000;  // for another process's group

LastStatus status_of_number(std::int64_t number) {
  const bool known = number >= 0 && number <= static_cast<std::int64_t>(LastStatus::terminated);
  return known ? static_cast<LastStatus>(number) : LastStatus::unknown;
}

std::string random_tag() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw StoreError{"the system gives no random numbers", true};
  constexpr std::string_view digits = "0123456789abcdef";
  std::string tag;
  for (const unsigned char byte : bytes) {
    tag += digits[byte >> 4U];
    tag += digits[byte & 15U];
  }
  return tag;
}

std::int64_t ask(Database& database, const char* sql) {
  Statement statement{database, sql};
  return statement.step() ? statement.number(0) : 0;
}

}  // namespace

// All that ends with the connection; statements before the database.
struct SqliteStore::Connection {
  explicit Connection(const std::string& path) : database{path} {}

  void prepare(const std::string& path, const std::string& tag, bool on_disk) {
    starts.emplace(database, tag);
    put.emplace(database, "INSERT OR REPLACE INTO instance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    // Of two processes whose clocks disagree both may count from the same row.
    remove.emplace(database, "DELETE FROM instance WHERE row = ? AND key = ?");
    by_key.emplace(database,
                   "WHERE key_scope = ? AND key_scope <> '' ORDER BY number DESC LIMIT 1");
    body.emplace(database, "SELECT bytes FROM body WHERE start = ?");
    owners.emplace(database, "SELECT DISTINCT owner FROM start WHERE owner <> '' AND owner <> ?");
    if (!on_disk) return;
    // In place of SQLite's own, which would checkpoint within a commit.
    sqlite3_wal_hook(
        database.handle(),
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<Connection*>(self)->wal_pages = pages;
          static_cast<Connection*>(self)->wal_is_used = true;
          return SQLITE_OK;
        },
        this);
    checkpointer.emplace(path);
  }

  Database database;
  std::optional<StartRows> starts;
  std::optional<Statement> put, remove;
  std::optional<StartReader> by_key;
  std::optional<Statement> body, owners;
  bool full_sync = false;
  int wal_pages = 0;
  bool wal_is_used = false;  // what was removed from the tables may still be in it
  bool empty_wal = false;    // asked for
  std::optional<Checkpointer> checkpointer;
};

SqliteStore::SqliteStore(std::string path)
    : path_{std::move(path)}, on_disk_{path_ != in_memory}, tag_{random_tag()} {}

SqliteStore::~SqliteStore() = default;

void SqliteStore::close() {
  if (on_disk_) connection_.reset();  // in memory everything would be gone; it is rolled back
}

template <class Work>
auto SqliteStore::guarded(Work work) {
  try {
    if (!connection_) throw SqliteError{"not open", SQLITE_MISUSE};
    return work(connection_->database);
  } catch (const SqliteError& error) {
    close();
    if (error.code == SQLITE_CORRUPT || error.code == SQLITE_NOTADB)
      throw StoreError{path_ + " is damaged (" + error.what() + "): rename it (mv " + path_ + " " +
                           path_ +
                           ".damaged) and start again; instances are then learned anew, starts "
                           "that were open in it are not resolved",
                       true};
    throw StoreError{"cannot use " + path_ + ": " + error.what(), false};
  } catch (...) {
    close();
    throw;
  }
}

void SqliteStore::open() {
  if (!on_disk_ && connection_) return;
  connection_.reset();
  if (on_disk_) {
    if (file_)
      file_->prepare();
    else
      file_.emplace(path_, tag_);
  }
  try {
    connection_ = std::make_unique<Connection>(path_);
  } catch (const SqliteError& error) {
    throw StoreError{error.what(), false};
  }
  guarded([this](Database& database) {
    if (on_disk_) prepare_file(database);
    database.execute("PRAGMA secure_delete = ON");
    migrate_schema(database);
    connection_->prepare(path_, tag_, on_disk_);
    rows_ = ask(database, "SELECT count(*) FROM instance");
  });
}

void SqliteStore::prepare_file(Database& database) {
  // SQLite falls back to reading when it may not write.
  if (sqlite3_db_readonly(database.handle(), "main") == 1)
    throw StoreError{"cannot write to " + path_, false};
  sqlite3_busy_timeout(database.handle(), busy_ms);
  check_schema(database, path_);
  Statement mode{database, "PRAGMA journal_mode = WAL"};
  if (!mode.step() || mode.text(0) != "wal")
    throw StoreError{path_ +
                         " is where SQLite cannot keep a write-ahead log: give "
                         "durable.ledger.path a place on a local disk",
                     true};
  mode.run();
  database.execute("PRAGMA synchronous = NORMAL");
  database.execute("PRAGMA journal_size_limit = 67108864");
}

HashKey SqliteStore::credential_key(const HashKey& proposed) {
  return guarded([&proposed](Database& database) {
    Statement insert{database, "INSERT OR IGNORE INTO secret VALUES ('credential', ?, ?)"};
    insert.bind(std::bit_cast<std::int64_t>(proposed[0]))
        .bind(std::bit_cast<std::int64_t>(proposed[1]))
        .run();
    Statement select{database, "SELECT high, low FROM secret WHERE name = 'credential'"};
    select.step();
    return HashKey{std::bit_cast<std::uint64_t>(select.number(0)),
                   std::bit_cast<std::uint64_t>(select.number(1))};
  });
}

void read_instances(Database& database, std::size_t most, std::int64_t oldest_ms,
                    const std::function<void(const StoredInstance&)>& take) {
  Statement rows{database,
                 "SELECT row, key, endpoint, status, function, created_ms, updated_ms, seen_ms,"
                 " credential FROM instance WHERE seen_ms >= ? ORDER BY row DESC LIMIT ?"};
  rows.bind(oldest_ms).bind(static_cast<std::int64_t>(most));
  StoredInstance row;
  while (rows.step()) {
    row.row = rows.number(0);
    row.key = rows.text(1);
    row.endpoint = rows.text(2);
    row.instance.status = status_of_number(rows.number(3));
    row.instance.function = rows.text(4);
    row.instance.created_ms = rows.number(5);
    row.instance.updated_ms = rows.number(6);
    row.instance.seen_ms = rows.number(7);
    row.instance.credential = std::bit_cast<std::uint64_t>(rows.number(8));
    take(row);
  }
}

void SqliteStore::load_instances(std::size_t most, std::int64_t oldest_ms,
                                 const std::function<void(const StoredInstance&)>& take) {
  guarded([&](Database& database) { read_instances(database, most, oldest_ms, take); });
}

void SqliteStore::check_file() const {
  if (file_ && !file_->is_there())
    throw StoreError{path_ + " or its lock was removed or replaced while it was in use", false};
}

void SqliteStore::set_sync(bool full) {
  if (!on_disk_ || connection_->full_sync == full) return;
  connection_->database.execute(full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  connection_->full_sync = full;
}

void SqliteStore::write(const Group& group, const NameTable& places) {
  guarded([&](Database& database) {
    check_file();
    set_sync(group.sync);
    const std::int64_t rows_before = rows_;
    try {
      Transaction transaction{database};
      write_instances(group);
      for (const StartWrite& start : group.starts) connection_->starts->write(start, places);
      for (const OperatorAction& action : group.actions) connection_->starts->record(action);
      transaction.commit();
    } catch (...) {
      rows_ = rows_before;
      throw;
    }
  });
}

void SqliteStore::write_instances(const Group& group) {
  for (const InstanceWrite& write : group.instances) {
    if (write.row.from != 0) {
      connection_->remove->reset().bind(write.row.from).bind(write.key).run();
      rows_ -= connection_->database.rows_changed();
    }
    if (!write.instance) continue;
    const Instance& instance = *write.instance;
    connection_->put->reset()
        .bind(write.row.to)
        .bind(write.key)
        .bind(write.endpoint)
        .bind(static_cast<std::int64_t>(instance.status))
        .bind(instance.function)
        .bind(instance.created_ms)
        .bind(instance.updated_ms)
        .bind(instance.seen_ms)
        .bind(std::bit_cast<std::int64_t>(instance.credential))
        .run();
    ++rows_;
  }
}

bool SqliteStore::trim(std::size_t most, std::int64_t oldest_ms) {
  return guarded([this, most, oldest_ms](Database& database) {
    set_sync(false);
    Transaction transaction{database};
    // The oldest are at the front; rows beyond `most` are those whose removal was lost.
    const std::int64_t excess = rows_ - static_cast<std::int64_t>(most);
    Statement remove{database,
                     "DELETE FROM instance WHERE row IN"
                     " (SELECT row FROM instance ORDER BY row LIMIT ?) AND (? OR seen_ms < ?)"};
    const std::int64_t looked_at = excess > 0 ? std::min(excess, rows_per_trim) : rows_per_trim;
    remove.bind(looked_at).bind(std::int64_t{excess > 0}).bind(oldest_ms).run();
    const std::int64_t removed = database.rows_changed();
    transaction.commit();
    rows_ -= removed;
    return removed == looked_at;
  });
}

// The log is moved by the second thread while groups go on; what came meanwhile is little and is
// moved here, after which SQLite begins the log anew.
void SqliteStore::maintain() {
  if (!on_disk_) return;
  guarded([this](Database& database) {
    Connection& open = *connection_;
    using State = Checkpointer::State;
    const State state = open.checkpointer->state();
    const bool too_long = open.wal_pages >= wal_pages_at_most;
    if (state == State::idle && (open.wal_pages >= wal_pages_to_begin || open.empty_wal)) {
      open.checkpointer->start();
    } else if (state == State::finished || (state == State::idle && too_long)) {
      // What keeps it from being done, a reader in another process, is gone the next time.
      sqlite3_busy_timeout(database.handle(), 0);
      const int kind = open.empty_wal ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
      const int result =
          sqlite3_wal_checkpoint_v2(database.handle(), "main", kind, nullptr, nullptr);
      sqlite3_busy_timeout(database.handle(), busy_ms);
      open.wal_pages = 0;  // the next commit says
      if (open.empty_wal && result == SQLITE_OK) open.empty_wal = open.wal_is_used = false;
      open.checkpointer->take();
    }
  });
}

void SqliteStore::take_over_starts(NameTable& places,
                                   const std::function<void(StartEntry&&)>& take) {
  std::vector<OwnerLock> dead;
  guarded([&](Database& database) {
    std::vector<std::string> gone;
    Statement& owners = connection_->owners->reset().bind(tag_);
    while (owners.step()) {
      OwnerLock lock = on_disk_ ? OwnerLock::of_dead(path_, owners.text(0)) : OwnerLock{};
      if (!lock.held()) continue;
      gone.push_back(owners.text(0));
      dead.push_back(std::move(lock));
    }
    owners.reset();
    if (gone.empty()) return;
    set_sync(true);
    Transaction transaction{database};
    std::vector<StartEntry> entries;
    StartReader reader{database, "WHERE owner = ?"};
    Statement claim{database, "UPDATE start SET owner = ? WHERE owner = ?"};
    for (const std::string& owner : gone) {
      reader.rows().bind(owner);
      while (auto entry = reader.next(places, StartReader::Bodies::of_open_ones))
        entries.push_back(std::move(*entry));
      claim.reset().bind(tag_).bind(owner).run();
    }
    transaction.commit();
    std::sort(entries.begin(), entries.end(),
              [](const StartEntry& a, const StartEntry& b) { return a.number < b.number; });
    for (StartEntry& entry : entries) take(std::move(entry));
  });
  for (OwnerLock& lock : dead) lock.remove();
  if (!on_disk_) return;
  for (const std::string& tag : OwnerLock::tags(path_))  // of those that left nothing behind
    if (tag != tag_) OwnerLock::of_dead(path_, tag).remove();
}

std::uint64_t SqliteStore::highest_start() {
  return guarded([](Database& database) {
    return static_cast<std::uint64_t>(ask(database, "SELECT max(number) FROM start"));
  });
}

std::shared_ptr<const std::string> SqliteStore::body_of(std::uint64_t number) {
  return guarded([&](Database&) { return read_body(*connection_->body, number); });
}

std::optional<StartEntry> SqliteStore::find_start_by_key(std::string_view scope,
                                                         NameTable& places) {
  return guarded([&](Database&) {
    StartReader& reader = *connection_->by_key;
    reader.rows().bind(scope);
    std::optional<StartEntry> entry = reader.next(places, StartReader::Bodies::of_open_ones);
    reader.done();
    return entry;
  });
}

std::vector<StartEntry> SqliteStore::starts_ran_since(std::int64_t since_ms,
                                                      std::uint64_t after_number, std::size_t most,
                                                      NameTable& places) {
  return guarded([&](Database& database) {
    StartReader reader{database,
                       "WHERE settlement = 1 AND changed_ms >= ? AND number > ?"
                       " AND owner IN ('', ?) ORDER BY number LIMIT ?"};
    reader.rows()
        .bind(since_ms)
        .bind(std::bit_cast<std::int64_t>(after_number))
        .bind(tag_)
        .bind(static_cast<std::int64_t>(most));
    std::vector<StartEntry> entries;
    while (auto entry = reader.next(places, StartReader::Bodies::of_open_ones))
      entries.push_back(std::move(*entry));
    return entries;
  });
}

bool SqliteStore::trim_starts(std::int64_t oldest_ms, std::int64_t bodies_oldest_ms,
                              std::uint64_t max_bytes) {
  const bool more = guarded([&](Database& database) {
    set_sync(false);
    StartRows& starts = *connection_->starts;
    Transaction transaction{database};
    bool left = starts.remove_settled(oldest_ms, starts_per_trim);
    if (starts.remove_bodies(bodies_oldest_ms, starts_per_trim)) left = true;
    starts.remove_actions(oldest_ms, starts_per_trim);
    if (bytes_used() > max_bytes && starts.remove_oldest_unseen(starts_per_trim)) left = true;
    transaction.commit();
    if (!left && connection_->wal_is_used) connection_->empty_wal = true;
    return left;
  });
  maintain();
  return more;
}

std::uint64_t SqliteStore::bytes_used() const {
  if (!connection_) return 0;
  Database& database = connection_->database;
  return static_cast<std::uint64_t>(
      (ask(database, "PRAGMA page_count") - ask(database, "PRAGMA freelist_count")) *
      ask(database, "PRAGMA page_size"));
}

std::vector<OperatorAction> SqliteStore::take_requests() {
  return guarded([this](Database& database) {
    std::vector<OperatorAction> requests;
    if (ask(database, "SELECT count(*) FROM request") == 0) return requests;
    set_sync(true);
    Transaction transaction{database};
    requests = read_actions(database, "request");
    for (OperatorAction request : requests) {
      request.action = "taken up: " + request.action;  // in the record whatever becomes of it
      connection_->starts->record(request);
    }
    database.execute("DELETE FROM request");
    transaction.commit();
    return requests;
  });
}

}  // namespace ledger
