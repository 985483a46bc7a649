#include "rehearsal/replica.hpp"

#include <sqlite3.h>

#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace rehearsal {

using ledger::Database;
using ledger::Statement;
using ledger::Transaction;

namespace {

constexpr std::size_t most_listed = 1000;

// A further database of a connection, for as long as this lives.
class Attached {
 public:
  Attached(Database& database, const std::string& file, const std::string& name)
      : database_{database}, name_{name} {
    Statement attach{database, "ATTACH ? AS " + name};
    attach.bind(file).run();
  }
  ~Attached() {
    sqlite3_exec(database_.handle(), ("DETACH " + name_).c_str(), nullptr, nullptr, nullptr);
  }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  Database& database_;
  const std::string name_;
};

void remove_database(const std::string& file) {
  for (const char* end : {"", "-wal", "-shm", "-journal"}) {
    std::error_code ignored;
    std::filesystem::remove(file + end, ignored);
  }
}

std::int64_t number(Database& database, std::string_view query) {
  Statement select{database, query};
  return select.step() ? select.number(0) : 0;
}

// An unfinished instance that something will wake: the row has its message.
constexpr std::string_view awaited =
    "(i.ready = 1 OR i.wake_at > 0 OR EXISTS (SELECT 1 FROM main.activities a WHERE a.hub = i.hub"
    " AND a.id = i.id AND a.execution = i.execution AND a.step = i.steps_done + 1))";

constexpr const char* cut = R"sql(
CREATE TABLE queues.messages AS SELECT hub, id, execution, started, steps_done, ready, wake_at
  FROM main.instances WHERE (ready = 1 OR wake_at > 0)
  AND status IN ('Pending', 'Running', 'Suspended');
CREATE TABLE queues.activities AS SELECT * FROM main.activities;
CREATE TABLE queues.signals AS SELECT * FROM main.signals;
)sql";

// A message that the history has behind it, or does not know yet, wakes nobody.
constexpr const char* put_together = R"sql(
CREATE INDEX queues.message_of ON messages (hub, id);
UPDATE main.instances SET ready = 0, wake_at = 0 WHERE ready = 1 OR wake_at > 0;
UPDATE main.instances SET ready = m.ready, wake_at = m.wake_at FROM queues.messages m
  WHERE m.hub = instances.hub AND m.id = instances.id AND m.execution = instances.execution
  AND m.started = instances.started AND m.steps_done = instances.steps_done
  AND instances.status IN ('Pending', 'Running', 'Suspended');
DELETE FROM main.activities;
INSERT INTO main.activities SELECT * FROM queues.activities;
DELETE FROM main.signals;
INSERT INTO main.signals SELECT * FROM queues.signals;
)sql";

}  // namespace

std::optional<ReplicaInfo> read_replica(const std::string& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  Database database{file};
  ReplicaInfo info;
  try {
    Statement select{database,
                     "SELECT tables, queues, rows_without_message, messages_without_row"
                     " FROM replica_info"};
    if (!select.step()) throw std::runtime_error("it says nothing of itself");
    info.tables = time_of(select.number(0));
    info.queues = time_of(select.number(1));
    info.rows_without_message = select.number(2);
    info.messages_without_row = select.number(3);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(file + " is not the replica of a storage account: " + error.what());
  }
  return info;
}

ReplicaCopy::ReplicaCopy(Database& primary, std::string file)
    : primary_{primary},
      file_{std::move(file)},
      part_{file_ + ".part"},
      queues_{file_ + ".queues"} {
  remove_database(part_);
  remove_database(queues_);
}

ReplicaCopy::~ReplicaCopy() {
  if (backup_ != nullptr) sqlite3_backup_finish(backup_);
  copy_.reset();
  remove_database(part_);
  remove_database(queues_);
}

void ReplicaCopy::cut_queues(WallTime now) {
  const Attached queues{primary_, queues_, "queues"};
  primary_.execute("PRAGMA queues.synchronous = OFF");
  Transaction transaction{primary_};
  primary_.execute(cut);
  transaction.commit();
  queues_cut_ = now;
}

void ReplicaCopy::begin_tables(WallTime now) {
  copy_ = std::make_unique<Database>(part_);
  copy_->execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY");
  backup_ = sqlite3_backup_init(copy_->handle(), "main", primary_.handle(), "main");
  if (backup_ == nullptr)
    throw ledger::SqliteError("cannot copy to " + part_ + ": " + sqlite3_errmsg(copy_->handle()),
                              SQLITE_ERROR);
  info_.tables = now;
  info_.queues = now;
}

// Writes of the connection that is copied from go into the copy by themselves.
bool ReplicaCopy::copy_pages(int most) {
  const int result = sqlite3_backup_step(backup_, most);
  if (result == SQLITE_OK || result == SQLITE_BUSY || result == SQLITE_LOCKED) return false;
  const int ended = sqlite3_backup_finish(backup_);
  backup_ = nullptr;
  if (result != SQLITE_DONE || ended != SQLITE_OK)
    throw ledger::SqliteError("cannot copy to " + part_ + ": " + sqlite3_errstr(result), result);
  return true;
}

ReplicaInfo ReplicaCopy::complete() {
  if (queues_cut_) unite();
  copy_->execute(
      "CREATE TABLE replica_info (tables INTEGER, queues INTEGER,"
      " rows_without_message INTEGER, messages_without_row INTEGER)");
  {
    Statement insert{*copy_, "INSERT INTO replica_info VALUES (?,?,?,?)"};
    insert.bind(number_of(info_.tables)).bind(number_of(info_.queues));
    insert.bind(info_.rows_without_message).bind(info_.messages_without_row).run();
  }
  copy_->execute("PRAGMA journal_mode = DELETE");  // no log that could outlive a rename
  copy_.reset();
  std::filesystem::rename(part_, file_);
  return info_;
}

void ReplicaCopy::unite() {
  info_.queues = *queues_cut_;
  const Attached queues{*copy_, queues_, "queues"};
  Transaction transaction{*copy_};
  const std::string unfinished = "status IN ('Pending', 'Running', 'Suspended')";
  copy_->execute(("CREATE TEMP TABLE had AS SELECT hub, id FROM main.instances i WHERE " +
                  unfinished + " AND " + std::string{awaited})
                     .c_str());
  copy_->execute(put_together);
  info_.rows_without_message =
      number(*copy_,
             "SELECT count(*) FROM temp.had h JOIN main.instances i ON i.hub = h.hub"
             " AND i.id = h.id WHERE NOT " +
                 std::string{awaited});
  info_.messages_without_row = number(
      *copy_,
      "SELECT (SELECT count(*) FROM queues.messages m WHERE NOT EXISTS (SELECT 1 FROM"
      " main.instances i WHERE i.hub = m.hub AND i.id = m.id AND i.execution = m.execution))"
      " + (SELECT count(*) FROM main.activities a WHERE NOT EXISTS (SELECT 1 FROM"
      " main.instances i WHERE i.hub = a.hub AND i.id = a.id AND i.execution = a.execution))");
  transaction.commit();
  copy_->execute("DROP TABLE temp.had");
}

ReplicaDifference compare_with_replica(Database& primary, const std::string& file) {
  const Attached replica{primary, file, "replica"};
  constexpr std::string_view same = "r.hub = m.hub AND r.id = m.id AND r.execution = m.execution";
  ReplicaDifference out;
  {
    Statement select{primary,
                     "SELECT m.hub, m.id FROM main.instances m WHERE NOT EXISTS"
                     " (SELECT 1 FROM replica.instances r WHERE " +
                         std::string{same} + ") ORDER BY m.position"};
    for (; select.step(); ++out.lost)
      if (out.lost_instances.size() < most_listed)
        out.lost_instances.emplace_back(select.text(0), select.text(1));
  }
  out.rolled_back =
      number(primary, "SELECT count(*) FROM main.instances m JOIN replica.instances r ON " +
                          std::string{same} +
                          " WHERE m.status <> r.status OR m.steps_done <> r.steps_done"
                          " OR m.started <> r.started");
  out.reappeared = number(primary,
                          "SELECT count(*) FROM replica.instances r WHERE NOT EXISTS"
                          " (SELECT 1 FROM main.instances m WHERE " +
                              std::string{same} + ")");
  return out;
}

void take_place(const std::string& replica, const std::string& file, bool keep) {
  // A log of the file's former content must not be read as one of the replica.
  for (const char* end : {"-wal", "-shm", "-journal"}) std::filesystem::remove(file + end);
  std::error_code elsewhere;
  if (!keep) std::filesystem::rename(replica, file, elsewhere);
  if (!keep && !elsewhere) return;
  const std::string part = file + ".part";
  std::filesystem::copy_file(replica, part, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::rename(part, file);
  if (!keep) std::filesystem::remove(replica);
}

}  // namespace rehearsal
