#include "ledger/schema.hpp"

#include <algorithm>
#include <array>

#include "ledger/store.hpp"

namespace ledger {
namespace {

constexpr std::int64_t application_id = 0x55534459;  // "USDY"

// One script per schema version; a file of version n gets those from n on. Never edit one that was
// released.
//
// `start.owner` is empty once nobody has to look after the entry. Bodies have a table of their own,
// so that a change of state does not write a megabyte again.
constexpr std::array<const char*, 2> migrations = {
    "CREATE TABLE secret (name TEXT PRIMARY KEY, high INTEGER NOT NULL, low INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE instance (row INTEGER PRIMARY KEY, key TEXT NOT NULL, endpoint TEXT NOT NULL,"
    " status INTEGER NOT NULL, function TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, credential INTEGER NOT NULL);",

    "CREATE TABLE start (number INTEGER PRIMARY KEY, owner TEXT NOT NULL,"
    " settlement INTEGER NOT NULL, told INTEGER NOT NULL, listed INTEGER NOT NULL,"
    " possible_duplicate INTEGER NOT NULL, duplicate_found INTEGER NOT NULL,"
    " resubmitted INTEGER NOT NULL, clock_doubt INTEGER NOT NULL, terminate INTEGER NOT NULL,"
    " id_seen_before INTEGER NOT NULL, earlier_created_ms INTEGER, earlier_place TEXT NOT NULL,"
    " ran_at TEXT NOT NULL, ran_created_ms INTEGER, changed_ms INTEGER NOT NULL,"
    " has_body INTEGER NOT NULL, id TEXT NOT NULL, origin INTEGER NOT NULL, via INTEGER NOT NULL,"
    " function TEXT NOT NULL, content_type TEXT NOT NULL, body_kept INTEGER NOT NULL,"
    " body_hash BLOB NOT NULL, key_scope TEXT NOT NULL, arrived_ms INTEGER NOT NULL,"
    " extra_wait_ms INTEGER NOT NULL, may_use_keys INTEGER NOT NULL, held INTEGER NOT NULL,"
    " credential INTEGER NOT NULL);"
    "CREATE INDEX start_owner ON start (owner) WHERE owner <> '';"
    "CREATE INDEX start_key ON start (key_scope, number) WHERE key_scope <> '';"
    "CREATE INDEX start_settled ON start (changed_ms) WHERE settlement <> 0;"
    "CREATE INDEX start_body ON start (changed_ms)"
    " WHERE has_body = 1 AND settlement <> 0 AND listed = 0;"
    "CREATE TABLE attempt (start INTEGER NOT NULL, position INTEGER NOT NULL, place TEXT NOT NULL,"
    " begun_ms INTEGER NOT NULL, state INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " status INTEGER NOT NULL, said_exists INTEGER NOT NULL, weak INTEGER NOT NULL,"
    " PRIMARY KEY (start, position)) WITHOUT ROWID;"
    "CREATE TABLE body (start INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE answer (start INTEGER PRIMARY KEY, status INTEGER NOT NULL,"
    " content_type TEXT NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE action (row INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL,"
    " action TEXT NOT NULL, text TEXT NOT NULL, start INTEGER NOT NULL);"
    "CREATE TABLE request (row INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL,"
    " action TEXT NOT NULL, text TEXT NOT NULL, start INTEGER NOT NULL);",
};

std::int64_t ask(Database& database, const char* sql) {
  Statement statement{database, sql};
  return statement.step() ? statement.number(0) : 0;
}

}  // namespace

std::int64_t schema_version() {
  return static_cast<std::int64_t>(migrations.size());
}

std::int64_t schema_version_of(Database& database) {
  return std::max<std::int64_t>(0, ask(database, "PRAGMA user_version"));
}

void check_schema(Database& database, const std::string& path) {
  const std::int64_t owner = ask(database, "PRAGMA application_id");
  const bool empty = ask(database, "SELECT count(*) FROM sqlite_master") == 0;
  if (owner != application_id && !(owner == 0 && empty))
    throw StoreError{path +
                         " is the database of another program: give durable.ledger.path a file "
                         "of its own",
                     true};
  const std::int64_t version = schema_version_of(database);
  if (version > schema_version())
    throw StoreError{path + " was written by a newer version (schema " + std::to_string(version) +
                         ", this one knows " + std::to_string(schema_version()) +
                         "): run that version, or give this one another durable.ledger.path",
                     true};
}

void migrate_schema(Database& database) {
  if (schema_version_of(database) == schema_version()) return;
  Transaction transaction{database};
  // Again, for another process may have done it meanwhile.
  const auto version = static_cast<std::size_t>(schema_version_of(database));
  for (std::size_t next = version; next < migrations.size(); ++next)
    database.execute(migrations[next]);
  database.execute(("PRAGMA user_version = " + std::to_string(schema_version())).c_str());
  database.execute(("PRAGMA application_id = " + std::to_string(application_id)).c_str());
  transaction.commit();
}

}  // namespace ledger
