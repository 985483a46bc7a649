#include "rehearsal/hub_store.hpp"

#include <stdexcept>

namespace rehearsal {

namespace {

constexpr const char* schema = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA busy_timeout = 2000;
CREATE TABLE IF NOT EXISTS instances (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hub TEXT NOT NULL, id TEXT NOT NULL, function TEXT NOT NULL, status TEXT NOT NULL,
  input TEXT NOT NULL, custom_status TEXT NOT NULL DEFAULT 'null',
  output TEXT NOT NULL DEFAULT 'null', created INTEGER NOT NULL, updated INTEGER NOT NULL,
  steps INTEGER NOT NULL, step_ms INTEGER NOT NULL, wait_for TEXT NOT NULL,
  fails INTEGER NOT NULL, steps_done INTEGER NOT NULL DEFAULT 0,
  waiting INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '',
  lease_until INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 0,
  UNIQUE (hub, id));
CREATE INDEX IF NOT EXISTS claimable ON instances (hub, status, lease_until);
CREATE TABLE IF NOT EXISTS history (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hub TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL,
  name TEXT NOT NULL, result TEXT NOT NULL, app TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS history_of ON history (hub, id);
CREATE TABLE IF NOT EXISTS activity_counts (
  hub TEXT NOT NULL, app TEXT NOT NULL, activities INTEGER NOT NULL DEFAULT 0,
  taken_over INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (hub, app));
)sql";

constexpr std::string_view columns =
    "SELECT position, id, function, status, input, custom_status, output, created, updated, steps,"
    " step_ms, wait_for, fails, steps_done, owner, epoch FROM instances ";

WallTime time_of(std::int64_t milliseconds) {
  return WallTime{std::chrono::milliseconds{milliseconds}};
}

std::int64_t number_of(WallTime time) {
  return time.time_since_epoch().count();
}

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
  out.plan.steps = static_cast<int>(row.number(9));
  out.plan.step_time = std::chrono::milliseconds{row.number(10)};
  out.plan.wait_for = row.text(11);
  out.plan.fails = row.number(12) != 0;
  out.steps_done = static_cast<int>(row.number(13));
  out.owner = row.text(14);
  out.epoch = row.number(15);
  return out;
}

bool contains(const std::vector<RuntimeStatus>& list, RuntimeStatus status) {
  for (const RuntimeStatus one : list)
    if (one == status) return true;
  return list.empty();
}

bool matches(const Instance& instance, const ListFilter& filter) {
  return instance.id.starts_with(filter.id_prefix) && contains(filter.statuses, instance.status) &&
         (!filter.created_from || instance.created >= *filter.created_from) &&
         (!filter.created_to || instance.created <= *filter.created_to);
}

}  // namespace

HubStore::HubStore(const std::string& file) : db_{file} {
  db_.execute(schema);
}

std::optional<RuntimeStatus> HubStore::create(std::string_view hub, const NewInstance& start,
                                              WallTime now) {
  Transaction transaction{db_};
  if (const auto existing = get(hub, start.id)) {
    if (!is_finished(existing->status)) return existing->status;
    forget(hub, start.id);
  }
  Statement insert{db_,
                   "INSERT INTO instances (hub, id, function, status, input, created, updated,"
                   " steps, step_ms, wait_for, fails) VALUES (?,?,?,'Pending',?,?,?,?,?,?,?)"};
  insert.bind(hub).bind(start.id).bind(start.function).bind(start.input);
  insert.bind(number_of(now)).bind(number_of(now)).bind(std::int64_t{start.plan.steps});
  insert.bind(std::int64_t{start.plan.step_time.count()}).bind(start.plan.wait_for);
  insert.bind(std::int64_t{start.plan.fails ? 1 : 0}).run();
  add_history(hub, start.id, "ExecutionStarted", start.function, start.input, "", now);
  transaction.commit();
  return std::nullopt;
}

std::optional<Instance> HubStore::get(std::string_view hub, std::string_view id) {
  Statement select{db_, std::string{columns} + "WHERE hub = ? AND id = ?"};
  select.bind(hub).bind(id);
  if (!select.step()) return std::nullopt;
  return read_instance(select);
}

std::vector<HistoryEvent> HubStore::history(std::string_view hub, std::string_view id) {
  std::vector<HistoryEvent> out;
  Statement select{db_,
                   "SELECT type, at, name, result, app FROM history WHERE hub = ? AND id = ?"
                   " ORDER BY position"};
  select.bind(hub).bind(id);
  while (select.step())
    out.push_back(HistoryEvent{select.text(0), time_of(select.number(1)), select.text(2),
                               select.text(3), select.text(4)});
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

Control HubStore::act(std::string_view hub, std::string_view id, RuntimeStatus to,
                      std::string_view event, std::string_view reason, WallTime now) {
  // The epoch moves on, so that the app that runs it learns of it with its next report.
  Statement update{db_,
                   "UPDATE instances SET status = ?, updated = ?, owner = '', lease_until = 0,"
                   " epoch = epoch + 1 WHERE hub = ? AND id = ?"};
  update.bind(to_string(to)).bind(number_of(now)).bind(hub).bind(id).run();
  add_history(hub, id, event, "", reason, "", now);
  return Control::accepted;
}

Control HubStore::terminate(std::string_view hub, std::string_view id, std::string_view reason,
                            WallTime now) {
  Transaction transaction{db_};
  const auto instance = get(hub, id);
  if (!instance) return Control::not_found;
  if (is_finished(instance->status)) return Control::finished;
  act(hub, id, RuntimeStatus::terminated, "ExecutionTerminated", reason, now);
  Statement output{db_, "UPDATE instances SET output = ? WHERE hub = ? AND id = ?"};
  output.bind(reason).bind(hub).bind(id).run();
  transaction.commit();
  return Control::accepted;
}

Control HubStore::suspend(std::string_view hub, std::string_view id, std::string_view reason,
                          WallTime now) {
  Transaction transaction{db_};
  const auto instance = get(hub, id);
  if (!instance) return Control::not_found;
  if (is_finished(instance->status)) return Control::finished;
  if (instance->status == RuntimeStatus::suspended) return Control::accepted;
  act(hub, id, RuntimeStatus::suspended, "ExecutionSuspended", reason, now);
  transaction.commit();
  return Control::accepted;
}

Control HubStore::resume(std::string_view hub, std::string_view id, std::string_view reason,
                         WallTime now) {
  Transaction transaction{db_};
  const auto instance = get(hub, id);
  if (!instance) return Control::not_found;
  if (is_finished(instance->status)) return Control::finished;
  if (instance->status != RuntimeStatus::suspended) return Control::accepted;
  act(hub, id, RuntimeStatus::running, "ExecutionResumed", reason, now);
  transaction.commit();
  return Control::accepted;
}

Control HubStore::rewind(std::string_view hub, std::string_view id, std::string_view reason,
                         WallTime now) {
  Transaction transaction{db_};
  const auto instance = get(hub, id);
  if (!instance) return Control::not_found;
  if (!is_finished(instance->status)) return Control::wrong_state;
  if (instance->status != RuntimeStatus::failed) return Control::finished;
  act(hub, id, RuntimeStatus::running, "ExecutionRewound", reason, now);
  // What made it fail is taken to be repaired; its last step runs again.
  Statement retry{db_,
                  "UPDATE instances SET fails = 0, output = 'null',"
                  " steps_done = max(steps_done - 1, 0) WHERE hub = ? AND id = ?"};
  retry.bind(hub).bind(id).run();
  Statement last{db_,
                 "DELETE FROM history WHERE position = (SELECT max(position) FROM history"
                 " WHERE hub = ? AND id = ? AND type = 'TaskCompleted')"};
  last.bind(hub).bind(id).run();
  transaction.commit();
  return Control::accepted;
}

Control HubStore::raise_event(std::string_view hub, std::string_view id, std::string_view event,
                              std::string_view data, WallTime now) {
  Transaction transaction{db_};
  const auto instance = get(hub, id);
  if (!instance) return Control::not_found;
  if (is_finished(instance->status)) return Control::finished;
  add_history(hub, id, "EventRaised", event, data, "", now);
  Statement waiting{db_, "SELECT waiting FROM instances WHERE hub = ? AND id = ?"};
  waiting.bind(hub).bind(id);
  const bool waits = waiting.step() && waiting.number(0) != 0;
  if (waits && has_event(hub, id, instance->plan.wait_for)) finish(hub, *instance, now);
  transaction.commit();
  return Control::accepted;
}

bool HubStore::purge(std::string_view hub, std::string_view id) {
  Transaction transaction{db_};
  if (!get(hub, id)) return false;
  forget(hub, id);
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
    forget(hub, instance.id);
    ++purged;
  }
  transaction.commit();
  return purged;
}

void HubStore::forget(std::string_view hub, std::string_view id) {
  for (const std::string_view table : {"instances", "history"}) {
    Statement remove{db_, "DELETE FROM " + std::string{table} + " WHERE hub = ? AND id = ?"};
    remove.bind(hub).bind(id).run();
  }
}

void HubStore::add_history(std::string_view hub, std::string_view id, std::string_view type,
                           std::string_view name, std::string_view result, std::string_view app,
                           WallTime now) {
  Statement insert{db_,
                   "INSERT INTO history (hub, id, type, at, name, result, app)"
                   " VALUES (?,?,?,?,?,?,?)"};
  insert.bind(hub).bind(id).bind(type).bind(number_of(now)).bind(name).bind(result).bind(app).run();
}

}  // namespace rehearsal
