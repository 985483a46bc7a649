#include "rehearsal/hub_store.hpp"

#include <algorithm>
#include <stdexcept>

#include "rehearsal/hub_run.hpp"

namespace rehearsal {

using ledger::Statement;
using ledger::Transaction;

namespace {

constexpr std::int64_t schema_version = 3;

constexpr const char* schema = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA busy_timeout = 2000;
CREATE TABLE IF NOT EXISTS hubs (
  hub TEXT PRIMARY KEY COLLATE NOCASE, created INTEGER NOT NULL,
  worked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS instances (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hub TEXT NOT NULL COLLATE NOCASE, id TEXT NOT NULL, execution INTEGER NOT NULL,
  function TEXT NOT NULL, status TEXT NOT NULL, input TEXT NOT NULL,
  custom_status TEXT NOT NULL DEFAULT 'null', output TEXT NOT NULL DEFAULT 'null',
  created INTEGER NOT NULL, updated INTEGER NOT NULL, plan TEXT NOT NULL,
  steps_done INTEGER NOT NULL DEFAULT 0, started INTEGER NOT NULL DEFAULT 0,
  repaired INTEGER NOT NULL DEFAULT 0, ready INTEGER NOT NULL DEFAULT 1,
  wake_at INTEGER NOT NULL DEFAULT 0, failure TEXT NOT NULL DEFAULT '',
  parent TEXT NOT NULL DEFAULT '', parent_execution INTEGER NOT NULL DEFAULT 0,
  parent_step INTEGER NOT NULL DEFAULT 0,
  UNIQUE (hub, id));
CREATE INDEX IF NOT EXISTS ready_ones ON instances (hub, position) WHERE ready = 1;
CREATE INDEX IF NOT EXISTS sleeping_ones ON instances (hub, wake_at) WHERE wake_at > 0;
CREATE INDEX IF NOT EXISTS children_of ON instances (hub, parent_execution)
  WHERE parent_execution > 0;
CREATE TABLE IF NOT EXISTS history (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hub TEXT NOT NULL COLLATE NOCASE, id TEXT NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL,
  name TEXT NOT NULL, result TEXT NOT NULL, app TEXT NOT NULL, scheduled INTEGER NOT NULL,
  step INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS history_of ON history (hub, id);
CREATE TABLE IF NOT EXISTS activities (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hub TEXT NOT NULL COLLATE NOCASE, id TEXT NOT NULL, execution INTEGER NOT NULL,
  name TEXT NOT NULL, step INTEGER NOT NULL, of INTEGER NOT NULL, milliseconds INTEGER NOT NULL,
  fails INTEGER NOT NULL, scheduled INTEGER NOT NULL, owner TEXT NOT NULL DEFAULT '',
  lease_until INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 0,
  UNIQUE (hub, id, step));
CREATE INDEX IF NOT EXISTS claimable ON activities (hub, lease_until);
)sql";

// While the file is opened, its last owner may still be ending; afterwards a call that waits makes
// all others wait.
constexpr const char* patience_in_service = "PRAGMA busy_timeout = 50";

constexpr std::string_view columns =
    "SELECT position, id, function, status, input, custom_status, output, created, updated,"
    " plan, execution, steps_done, started, repaired, wake_at, failure, parent, parent_execution,"
    " parent_step FROM instances ";

Instance read_instance(const Statement& row) {
  Instance out;
  out.id = row.text(1);
  out.function = row.text(2);
  out.status = parse_runtime_status(row.text(3)).value_or(RuntimeStatus::failed);
  out.input = row.text(4);
  out.custom_status = row.text(5);
  out.output = row.text(6);
  out.created = time_of(row.number(7));
  out.updated = time_of(row.number(8));
  return out;
}

bool contains(const std::vector<RuntimeStatus>& list, RuntimeStatus status) {
  return list.empty() || std::find(list.begin(), list.end(), status) != list.end();
}

bool matches(const Instance& instance, const ListFilter& filter) {
  return instance.id.starts_with(filter.id_prefix) && contains(filter.statuses, instance.status) &&
         (!filter.created_from || instance.created >= *filter.created_from) &&
         (!filter.created_to || instance.created <= *filter.created_to);
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

}  // namespace

HubStore::HubStore(const std::string& file, const std::string& journal_file) : db_{file} {
  {
    Statement version{db_, "PRAGMA user_version"};
    version.step();
    Statement tables{db_, "SELECT count(*) FROM sqlite_master"};
    tables.step();
    if (tables.number(0) > 0 && version.number(0) != schema_version)
      throw std::runtime_error(file + " was written by another version; take a new file");
  }
  db_.execute(schema);
  db_.execute(("PRAGMA user_version = " + std::to_string(schema_version)).c_str());
  entities_.create_tables();
  app_leases_.create_tables();
  db_.execute("DROP TABLE IF EXISTS replica_info");  // who serves from a replica is the primary
  journal_.open(journal_file.empty() ? file + ".runs" : journal_file);
  db_.execute(patience_in_service);
}

void HubStore::set_read_only(bool on) {
  if (on == read_only_) return;
  db_.execute(on ? "PRAGMA query_only = 1" : "PRAGMA query_only = 0");
  read_only_ = on;
}

void HubStore::ensure_hub(std::string_view hub, WallTime now) {
  const std::string name = lower(hub);
  if (known_hubs_.contains(name)) return;
  Statement select{db_, "SELECT 1 FROM hubs WHERE hub = ?"};
  if (!select.bind(hub).step()) {
    Statement insert{db_, "INSERT OR IGNORE INTO hubs (hub, created) VALUES (?,?)"};
    insert.bind(hub).bind(number_of(now)).run();
  }
  constexpr std::size_t most_remembered = 10'000;
  if (known_hubs_.size() < most_remembered) known_hubs_.insert(name);
}

std::vector<HubSummary> HubStore::hubs() {
  std::vector<HubSummary> out;
  Statement select{db_,
                   "SELECT hub, worked, (SELECT count(*) FROM instances i WHERE i.hub = h.hub)"
                   " FROM hubs h ORDER BY hub"};
  while (select.step()) {
    HubSummary one;
    one.hub = select.text(0);
    one.worked = select.number(1) != 0;
    one.instances = select.number(2);
    out.push_back(std::move(one));
  }
  return out;
}

std::optional<RuntimeStatus> HubStore::create(std::string_view hub, const NewInstance& start,
                                              WallTime now) {
  Transaction transaction{db_};
  if (const auto existing = load(hub, start.id)) {
    if (!is_finished(existing->instance.status)) return existing->instance.status;
    forget(hub, *existing);
  }
  insert(hub, start, nullptr, 0, now);
  transaction.commit();
  return std::nullopt;
}

void HubStore::insert(std::string_view hub, const NewInstance& start, const Run* parent,
                      int parent_step, WallTime now) {
  // Nothing of an earlier instance: a cut in the queues may have left work items without one.
  Statement stray{db_, "DELETE FROM activities WHERE hub = ? AND id = ?"};
  stray.bind(hub).bind(start.id).run();
  const std::int64_t execution = journal_.accepted(hub, start, now);
  Statement insert{db_,
                   "INSERT INTO instances (hub, id, execution, function, status, input, created,"
                   " updated, plan, parent, parent_execution, parent_step)"
                   " VALUES (?,?,?,?,'Pending',?,?,?,?,?,?,?)"};
  insert.bind(hub).bind(start.id).bind(execution).bind(start.function);
  insert.bind(start.input).bind(number_of(now)).bind(number_of(now)).bind(write_plan(start.plan));
  insert.bind(parent == nullptr ? std::string{} : parent->instance.id);
  insert.bind(parent == nullptr ? std::int64_t{0} : parent->execution);
  insert.bind(std::int64_t{parent_step}).run();
  HistoryEvent event;
  event.type = "ExecutionStarted";
  event.at = now;
  event.name = start.function;
  add_history(hub, start.id, event);
}

std::optional<Instance> HubStore::get(std::string_view hub, std::string_view id) {
  Statement select{db_, std::string{columns} + "WHERE hub = ? AND id = ?"};
  select.bind(hub).bind(id);
  if (!select.step()) return std::nullopt;
  return read_instance(select);
}

std::optional<HubStore::Run> HubStore::load(std::string_view hub, std::string_view id) {
  Statement select{db_, std::string{columns} + "WHERE hub = ? AND id = ?"};
  select.bind(hub).bind(id);
  if (!select.step()) return std::nullopt;
  Run run;
  run.instance = read_instance(select);
  auto plan = read_plan(select.text(9));
  if (!plan) throw std::runtime_error("the plan of " + run.instance.id + " cannot be read");
  run.plan = std::move(*plan);
  run.execution = select.number(10);
  run.steps_done = static_cast<int>(select.number(11));
  run.started = select.number(12) != 0;
  run.repaired = select.number(13) != 0;
  run.wake_at = select.number(14);
  run.failure = select.text(15);
  run.parent = select.text(16);
  run.parent_execution = select.number(17);
  run.parent_step = static_cast<int>(select.number(18));
  return run;
}

std::vector<HistoryEvent> HubStore::history(std::string_view hub, std::string_view id) {
  std::vector<HistoryEvent> out;
  Statement select{db_,
                   "SELECT type, at, name, result, app, scheduled FROM history"
                   " WHERE hub = ? AND id = ? ORDER BY position"};
  select.bind(hub).bind(id);
  while (select.step()) {
    HistoryEvent event;
    event.type = select.text(0);
    event.at = time_of(select.number(1));
    event.name = select.text(2);
    event.result = select.text(3);
    event.app = select.text(4);
    event.scheduled = time_of(select.number(5));
    out.push_back(std::move(event));
  }
  return out;
}

Page HubStore::list(std::string_view hub, const ListFilter& filter) {
  Page page;
  Statement select{db_, std::string{columns} + "WHERE hub = ? AND position > ? ORDER BY position"};
  select.bind(hub).bind(filter.after);
  std::int64_t last = 0;
  while (select.step()) {
    Instance instance = read_instance(select);
    if (!matches(instance, filter)) continue;
    if (page.instances.size() == filter.top) {
      page.next = last;
      break;
    }
    last = select.number(0);
    page.instances.push_back(std::move(instance));
  }
  return page;
}

bool HubStore::purge(std::string_view hub, std::string_view id) {
  Transaction transaction{db_};
  const auto run = load(hub, id);
  if (!run) return false;
  forget(hub, *run);
  transaction.commit();
  return true;
}

std::size_t HubStore::purge(std::string_view hub, const ListFilter& filter) {
  Transaction transaction{db_};
  ListFilter everything = filter;
  everything.top = static_cast<std::size_t>(-1);
  std::size_t purged = 0;
  for (const Instance& instance : list(hub, everything).instances) {
    if (!is_finished(instance.status)) continue;
    if (const auto run = load(hub, instance.id)) forget(hub, *run);
    ++purged;
  }
  transaction.commit();
  return purged;
}

void HubStore::forget(std::string_view hub, const Run& run) {
  if (!is_finished(run.instance.status)) journal_.changed(run.execution, "Purged");
  for (const std::string_view table : {"instances", "history", "activities"}) {
    Statement remove{db_, "DELETE FROM " + std::string{table} + " WHERE hub = ? AND id = ?"};
    remove.bind(hub).bind(run.instance.id).run();
  }
}

void HubStore::add_history(std::string_view hub, std::string_view id, const HistoryEvent& event,
                           int step) {
  Statement insert{db_,
                   "INSERT INTO history (hub, id, type, at, name, result, app, scheduled, step)"
                   " VALUES (?,?,?,?,?,?,?,?,?)"};
  insert.bind(hub).bind(id).bind(event.type).bind(number_of(event.at)).bind(event.name);
  insert.bind(event.result).bind(event.app).bind(number_of(event.scheduled));
  insert.bind(std::int64_t{step}).run();
}

}  // namespace rehearsal
