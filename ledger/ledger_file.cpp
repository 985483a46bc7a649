#include "ledger/ledger_file.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ledger/schema.hpp"
#include "ledger/sqlite_store.hpp"
#include "ledger/start_rows.hpp"
#include "ledger/store_file.hpp"

namespace ledger {
namespace {

constexpr std::int64_t first_schema_with_starts = 2;
constexpr int busy_ms = 5000;

[[noreturn]] void explain(const std::string& path, const SqliteError& error) {
  if (error.code == SQLITE_NOTADB || error.code == SQLITE_CORRUPT)
    throw StoreError{path + " is not a ledger, or damaged (" + error.what() + ")", true};
  throw StoreError{
      "cannot use " + path + ": " + error.what() + "; run this as the user that the proxy runs as",
      false};
}

Database open_database(const std::string& path, Database::Access access) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      throw StoreError{"there is no ledger at " + path + ": no proxy has run with this path", true};
    throw StoreError{"cannot read " + path + ": " + std::strerror(errno), false};
  }
  if (!S_ISREG(info.st_mode)) throw StoreError{path + " is not a file", true};
  try {
    return Database{path, access};
  } catch (const SqliteError& error) {
    explain(path, error);
  }
}

}  // namespace

template <class Work>
auto LedgerFile::guarded(Work work) {
  try {
    return work();
  } catch (const SqliteError& error) {
    explain(path_, error);
  }
}

LedgerFile::LedgerFile(std::string path)
    : path_{std::move(path)}, database_{open_database(path_, Database::Access::read)} {
  guarded([this] {
    sqlite3_busy_timeout(database_.handle(), busy_ms);
    check_schema(database_, path_);
    has_starts_ = schema_version_of(database_) >= first_schema_with_starts;
  });
}

void LedgerFile::read_starts(Which which, NameTable& places,
                             const std::function<void(StartEntry&&)>& take) {
  if (!has_starts_) return;
  guarded([&] {
    StartReader reader{
        database_, which == Which::all ? "ORDER BY number" : "WHERE owner <> '' ORDER BY number"};
    while (auto entry = reader.next(places, StartReader::Bodies::of_open_ones))
      take(std::move(*entry));
  });
}

void LedgerFile::read_instances(std::size_t most, std::int64_t oldest_ms,
                                const std::function<void(const StoredInstance&)>& take) {
  guarded([&] {
    if (schema_version_of(database_) > 0) ledger::read_instances(database_, most, oldest_ms, take);
  });
}

std::vector<OperatorAction> LedgerFile::actions() {
  if (!has_starts_) return {};
  return guarded([this] { return read_actions(database_, "action"); });
}

std::vector<OperatorAction> LedgerFile::requests() {
  if (!has_starts_) return {};
  return guarded([this] { return read_actions(database_, "request"); });
}

bool ledger_is_in_use(const std::string& path) {
  const std::vector<std::string> tags = OwnerLock::tags(path);
  return std::any_of(tags.begin(), tags.end(), [&path](const std::string& tag) {
    return !OwnerLock::of_dead(path, tag).held();
  });
}

void leave_request(const std::string& path, const OperatorAction& request) {
  Database database = open_database(path, Database::Access::change);
  try {
    sqlite3_busy_timeout(database.handle(), busy_ms);
    check_schema(database, path);
    if (schema_version_of(database) < first_schema_with_starts)
      throw StoreError{path + " holds no starts yet", true};
    database.execute("PRAGMA synchronous = FULL");
    Transaction transaction{database};
    Statement insert{database,
                     "INSERT INTO request (at_ms, who, action, text, start)"
                     " VALUES (?, ?, ?, ?, ?)"};
    insert.bind(request.at_ms)
        .bind(request.who)
        .bind(request.action)
        .bind(request.text)
        .bind(std::bit_cast<std::int64_t>(request.number))
        .run();
    transaction.commit();
  } catch (const SqliteError& error) {
    explain(path, error);
  }
}

}  // namespace ledger
