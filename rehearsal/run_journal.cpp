#include "rehearsal/run_journal.hpp"

#include <stdexcept>

namespace rehearsal {

using ledger::Statement;

namespace {

constexpr std::int64_t schema_version = 1;
constexpr std::size_t longest_input = 4096;

constexpr const char* schema = R"sql(
PRAGMA truth.journal_mode = WAL;
PRAGMA truth.synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS truth.executions (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hub TEXT NOT NULL COLLATE NOCASE, id TEXT NOT NULL, function TEXT NOT NULL,
  input TEXT NOT NULL, created INTEGER NOT NULL, started_by TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS truth.executions_of ON executions (hub, id);
CREATE TABLE IF NOT EXISTS truth.runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  execution INTEGER NOT NULL, app TEXT NOT NULL, started INTEGER NOT NULL,
  finished INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL, ends INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS truth.runs_of ON runs (execution);
CREATE TABLE IF NOT EXISTS truth.shares (
  hub TEXT NOT NULL COLLATE NOCASE, execution INTEGER NOT NULL, app TEXT NOT NULL,
  turns INTEGER NOT NULL, started INTEGER NOT NULL, activities INTEGER NOT NULL,
  taken_over INTEGER NOT NULL, PRIMARY KEY (hub, execution, app));
)sql";

AppShare read_share(const Statement& row, int first) {
  AppShare share;
  share.app = row.text(first);
  share.turns = row.number(first + 1);
  share.started = row.number(first + 2);
  share.activities = row.number(first + 3);
  share.taken_over = row.number(first + 4);
  return share;
}

}  // namespace

void RunJournal::open(const std::string& file) {
  Statement attach{db_, "ATTACH ? AS truth"};
  attach.bind(file).run();
  {
    Statement version{db_, "PRAGMA truth.user_version"};
    version.step();
    Statement tables{db_, "SELECT count(*) FROM truth.sqlite_master"};
    tables.step();
    if (tables.number(0) > 0 && version.number(0) != schema_version)
      throw std::runtime_error(file + " is not the journal of this version; take a new file");
  }
  db_.execute(schema);
  db_.execute(("PRAGMA truth.user_version = " + std::to_string(schema_version)).c_str());
  // A new journal beside instances that are already there must not give their numbers again.
  db_.execute(
      "INSERT INTO truth.sqlite_sequence (name, seq) SELECT 'executions', 0 WHERE NOT EXISTS"
      " (SELECT 1 FROM truth.sqlite_sequence WHERE name = 'executions');"
      "UPDATE truth.sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(execution), 0)"
      " FROM main.instances)) WHERE name = 'executions'");
}

std::int64_t RunJournal::accepted(std::string_view hub, const NewInstance& start, WallTime now) {
  Statement insert{db_,
                   "INSERT INTO truth.executions (hub, id, function, input, created, status)"
                   " VALUES (?,?,?,?,?,'Pending') RETURNING position"};
  insert.bind(hub).bind(start.id).bind(start.function);
  insert.bind(std::string_view{start.input}.substr(0, longest_input)).bind(number_of(now)).step();
  return insert.number(0);
}

void RunJournal::began(std::int64_t execution, std::string_view app, WallTime now) {
  Statement insert{db_,
                   "INSERT INTO truth.runs (execution, app, started, status)"
                   " VALUES (?,?,?,'Running')"};
  insert.bind(execution).bind(app).bind(number_of(now)).run();
  Statement first{db_,
                  "UPDATE truth.executions SET started_by = ? WHERE position = ?"
                  " AND started_by = ''"};
  first.bind(app).bind(execution).run();
}

void RunJournal::changed(std::int64_t execution, std::string_view status) {
  Statement start{db_, "UPDATE truth.executions SET status = ? WHERE position = ?"};
  start.bind(status).bind(execution).run();
  Statement run{db_,
                "UPDATE truth.runs SET status = ? WHERE number ="
                " (SELECT max(number) FROM truth.runs WHERE execution = ?)"};
  run.bind(status).bind(execution).run();
}

void RunJournal::ended(std::int64_t execution, WallTime now) {
  Statement run{db_,
                "UPDATE truth.runs SET finished = ?, ends = ends + 1 WHERE number ="
                " (SELECT max(number) FROM truth.runs WHERE execution = ?)"};
  run.bind(number_of(now)).bind(execution).run();
}

void RunJournal::count(std::string_view hub, std::int64_t execution, const AppShare& share) {
  Statement upsert{db_,
                   "INSERT INTO truth.shares (hub, execution, app, turns, started, activities,"
                   " taken_over) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
                   " turns = turns + excluded.turns, started = started + excluded.started,"
                   " activities = activities + excluded.activities,"
                   " taken_over = taken_over + excluded.taken_over"};
  upsert.bind(hub).bind(execution).bind(share.app).bind(share.turns).bind(share.started);
  upsert.bind(share.activities).bind(share.taken_over).run();
}

std::vector<AppShare> RunJournal::shares(std::string_view hub) {
  std::vector<AppShare> out;
  const std::string where = hub.empty() ? "" : " WHERE hub = ?";
  Statement select{db_,
                   "SELECT app, sum(turns), sum(started), sum(activities), sum(taken_over)"
                   " FROM truth.shares" +
                       where + " GROUP BY app ORDER BY app"};
  if (!hub.empty()) select.bind(hub);
  while (select.step()) out.push_back(read_share(select, 0));
  return out;
}

ExecutionPage RunJournal::executions(std::string_view hub, std::string_view id, std::int64_t after,
                                     std::size_t top) {
  ExecutionPage page;
  // The plus keeps the index on ids out of a question that has none: by position it needs no sort.
  const std::string where =
      id.empty() ? "+hub = ? AND position > ?" : "hub = ? AND position > ? AND id = ?";
  Statement select{db_,
                   "SELECT position, id, function, created, started_by, status"
                   " FROM truth.executions WHERE " +
                       where + " ORDER BY position LIMIT ?"};
  select.bind(hub).bind(after);
  if (!id.empty()) select.bind(id);
  select.bind(static_cast<std::int64_t>(top) + 1);
  while (select.step()) {
    if (page.executions.size() == top) {
      page.next = page.executions.back().position;
      break;
    }
    Execution one;
    one.position = select.number(0);
    one.id = select.text(1);
    one.function = select.text(2);
    one.created = time_of(select.number(3));
    one.started_by = select.text(4);
    one.status = select.text(5);
    Statement apps{db_,
                   "SELECT app, turns, started, activities, taken_over FROM truth.shares"
                   " WHERE hub = ? AND execution = ? ORDER BY app"};
    apps.bind(hub).bind(one.position);
    while (apps.step()) one.apps.push_back(read_share(apps, 0));
    page.executions.push_back(std::move(one));
  }
  return page;
}

RunPage RunJournal::runs(std::string_view hub, std::string_view id, std::int64_t after,
                         std::size_t top) {
  RunPage page;
  std::string where = "r.number > ?";
  if (!hub.empty()) where += id.empty() ? " AND +e.hub = ?" : " AND e.hub = ?";
  if (!id.empty()) where += " AND e.id = ?";
  Statement select{db_,
                   "SELECT r.number, r.execution, e.hub, e.id, e.function, e.input, e.created,"
                   " r.app, r.started, r.finished, r.status, r.ends FROM truth.runs r"
                   " JOIN truth.executions e ON e.position = r.execution WHERE " +
                       where + " ORDER BY r.number LIMIT ?"};
  select.bind(after);
  if (!hub.empty()) select.bind(hub);
  if (!id.empty()) select.bind(id);
  select.bind(static_cast<std::int64_t>(top) + 1);
  while (select.step()) {
    if (page.runs.size() == top) {
      page.next = page.runs.back().number;
      break;
    }
    OrchestrationRun one;
    one.number = select.number(0);
    one.execution = select.number(1);
    one.hub = select.text(2);
    one.id = select.text(3);
    one.function = select.text(4);
    one.input = select.text(5);
    one.created = time_of(select.number(6));
    one.app = select.text(7);
    one.started = time_of(select.number(8));
    one.finished = time_of(select.number(9));
    one.status = select.text(10);
    one.ends = select.number(11);
    page.runs.push_back(std::move(one));
  }
  return page;
}

}  // namespace rehearsal
