#include "ledger/sqlite_store.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

namespace ledger {
namespace {

constexpr std::int64_t application_id = 0x55534459;  // "USDY"
constexpr std::int64_t rows_per_trim = 5000;

// One script per schema version; a file of version n gets those from n on. Never edit one that was
// released.
constexpr std::array<const char*, 1> migrations = {
    "CREATE TABLE secret (name TEXT PRIMARY KEY, high INTEGER NOT NULL, low INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE instance (row INTEGER PRIMARY KEY, key TEXT NOT NULL, endpoint TEXT NOT NULL,"
    " status INTEGER NOT NULL, function TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, credential INTEGER NOT NULL);",
};
constexpr auto schema_version = static_cast<std::int64_t>(migrations.size());

LastStatus status_of_number(std::int64_t number) {
  const bool known = number >= 0 && number <= static_cast<std::int64_t>(LastStatus::terminated);
  return known ? static_cast<LastStatus>(number) : LastStatus::unknown;
}

}  // namespace

template <class Work>
auto SqliteStore::guarded(Work work) {
  try {
    if (!database_) throw SqliteError{"not open", SQLITE_MISUSE};
    return work(*database_);
  } catch (const SqliteError& error) {
    database_.reset();
    if (error.code == SQLITE_CORRUPT || error.code == SQLITE_NOTADB)
      throw StoreError{path_ + " is damaged (" + error.what() + "): rename it (mv " + path_ + " " +
                           path_ + ".damaged) and start again; instances are then learned anew",
                       true};
    throw StoreError{"cannot use " + path_ + ": " + error.what(), false};
  } catch (...) {
    database_.reset();
    throw;
  }
}

std::int64_t SqliteStore::ask(const char* sql) {
  Statement statement{*database_, sql};
  return statement.step() ? statement.number(0) : 0;
}

void SqliteStore::open() {
  if (!file_) file_.emplace(path_);
  database_.reset();
  try {
    database_.emplace(path_);
  } catch (const SqliteError& error) {
    throw StoreError{error.what(), false};
  }
  guarded([this](Database& database) {
    // SQLite falls back to reading when it may not write.
    if (sqlite3_db_readonly(database.handle(), "main") == 1)
      throw StoreError{"cannot write to " + path_, false};
    database.execute("PRAGMA busy_timeout = 2000");  // for somebody who looks into the file
    check_owner();
    Statement mode{database, "PRAGMA journal_mode = WAL"};
    if (!mode.step() || mode.text(0) != "wal")
      throw StoreError{path_ +
                           " is where SQLite cannot keep a write-ahead log: give "
                           "durable.ledger.path a place on a local disk",
                       true};
    mode.run();
    database.execute("PRAGMA synchronous = NORMAL");
    database.execute("PRAGMA journal_size_limit = 67108864");
    migrate();
    rows_ = ask("SELECT count(*) FROM instance");
  });
}

void SqliteStore::check_owner() {
  const std::int64_t owner = ask("PRAGMA application_id");
  const bool empty = ask("SELECT count(*) FROM sqlite_master") == 0;
  if (owner != application_id && !(owner == 0 && empty))
    throw StoreError{path_ +
                         " is the database of another program: give durable.ledger.path a file "
                         "of its own",
                     true};
  const std::int64_t version = ask("PRAGMA user_version");
  if (version > schema_version)
    throw StoreError{path_ + " was written by a newer version (schema " + std::to_string(version) +
                         ", this one knows " + std::to_string(schema_version) +
                         "): run that version, or give this one another durable.ledger.path",
                     true};
}

void SqliteStore::migrate() {
  const auto version =
      static_cast<std::size_t>(std::max<std::int64_t>(0, ask("PRAGMA user_version")));
  if (version == migrations.size()) return;
  Transaction transaction{*database_};
  for (std::size_t next = version; next < migrations.size(); ++next)
    database_->execute(migrations[next]);
  database_->execute(("PRAGMA user_version = " + std::to_string(schema_version)).c_str());
  database_->execute(("PRAGMA application_id = " + std::to_string(application_id)).c_str());
  transaction.commit();
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

void SqliteStore::load_instances(std::size_t most, std::int64_t oldest_ms,
                                 const std::function<void(const StoredInstance&)>& take) {
  guarded([&](Database& database) {
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
  });
}

void SqliteStore::write(std::span<const InstanceWrite> writes) {
  guarded([this, writes](Database& database) {
    Transaction transaction{database};
    Statement put{database, "INSERT OR REPLACE INTO instance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"};
    Statement remove{database, "DELETE FROM instance WHERE row = ?"};
    for (const InstanceWrite& write : writes) {
      if (write.row.from != 0) {
        remove.reset().bind(write.row.from).run();
        rows_ -= database.rows_changed();
      }
      if (!write.instance) continue;
      const Instance& instance = *write.instance;
      put.reset()
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
    transaction.commit();
  });
}

bool SqliteStore::trim(std::size_t most, std::int64_t oldest_ms) {
  return guarded([this, most, oldest_ms](Database& database) {
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

}  // namespace ledger
