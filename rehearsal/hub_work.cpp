// The part of HubStore that hands out work, records progress and plays the orchestrators.
#include <algorithm>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/hub_run.hpp"
#include "rehearsal/hub_store.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

using ledger::Statement;
using ledger::Transaction;

namespace {

// Two apps that both ask for activities are dealt them in turn, so that one of them cannot have all
// just because it schedules them: in the real thing both listen to the queue. What is left lying
// is anybody's.
constexpr std::chrono::milliseconds dealt_for{300};
constexpr std::chrono::seconds remembered_for{2};

constexpr std::size_t most_turns = 200;  // in one exchange: the storage has others to serve

std::string asked_to_fail(const std::string& who, int step) {
  return json_string(who + " failed at step " + std::to_string(step) + ": it was asked to.");
}

bool knows(const std::vector<std::string>& functions, const std::string& name) {
  return functions.empty() ||
         std::any_of(functions.begin(), functions.end(),
                     [&name](const std::string& one) { return same_ignoring_case(one, name); });
}

std::string child_id(const std::string& parent, int step) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string id = parent + ":";
  for (int shift = 12; shift >= 0; shift -= 4)
    id += digits[(static_cast<unsigned>(step) >> static_cast<unsigned>(shift)) & 15U];
  return id;
}

}  // namespace

WorkAnswer HubStore::exchange(std::string_view hub, const WorkReport& report, WallTime now) {
  ensure_hub(hub, now);
  WorkAnswer answer;
  Transaction transaction{db_};
  Statement worked{db_, "UPDATE hubs SET worked = 1 WHERE hub = ? AND worked = 0"};
  worked.bind(hub).run();
  for (const ActivityReport& one : report.finished)
    if (!record(hub, report, one, now)) answer.lost.push_back(one.id);
  for (const ActivityLease& lease : report.held)
    if (!renew(hub, report, lease, now)) answer.lost.push_back(lease.id);
  if (!report.release) {
    if (report.orchestrates) {
      const bool signals_left = entities_.apply_signals(hub, now);
      answer.more = run_turns(hub, report, now) || signals_left;
    }
    claim(hub, report, now, answer);
  }
  transaction.commit();
  return answer;
}

// False: the activity is not this app's any more, and what it gave is not recorded.
bool HubStore::record(std::string_view hub, const WorkReport& report, const ActivityReport& done,
                      WallTime now) {
  HistoryEvent event;
  std::string id;
  std::int64_t execution = 0;
  int step = 0;
  bool fails = false;
  {
    Statement select{db_,
                     "SELECT id, step, name, fails, scheduled, execution FROM activities"
                     " WHERE hub = ? AND position = ? AND epoch = ? AND owner = ?"};
    select.bind(hub).bind(done.id).bind(done.epoch).bind(report.app);
    if (!select.step()) return false;
    id = select.text(0);
    step = static_cast<int>(select.number(1));
    event.name = select.text(2);
    fails = select.number(3) != 0;
    event.scheduled = time_of(select.number(4));
    execution = select.number(5);
  }
  Statement remove{db_, "DELETE FROM activities WHERE position = ?"};
  remove.bind(done.id).run();
  auto run = load(hub, id);
  // After a failover to queues and tables of different moments an activity may belong to no
  // instance, or to a step that its instance has not reached or has behind it.
  if (!run || run->execution != execution || step != run->steps_done + 1) return false;
  AppShare share;
  share.app = report.app;
  share.activities = 1;
  journal_.count(hub, execution, share);
  event.type = fails ? "TaskFailed" : "TaskCompleted";
  event.at = now;
  event.app = report.app;
  if (fails) {
    run->failure = asked_to_fail("Activity function '" + event.name + "'", step);
    event.result = run->failure;
  } else {
    event.result = done.result;
    run->step_done();
  }
  add_history(hub, id, event, fails ? 0 : step);
  save(hub, *run, true, now);
  return true;
}

bool HubStore::renew(std::string_view hub, const WorkReport& report, const ActivityLease& lease,
                     WallTime now) {
  Statement update{db_,
                   "UPDATE activities SET lease_until = ?, owner = ? WHERE hub = ?"
                   " AND position = ? AND epoch = ? AND owner = ?"};
  update.bind(report.release ? 0 : number_of(now + report.lease));
  update.bind(report.release ? std::string_view{} : std::string_view{report.app});
  update.bind(hub).bind(lease.id).bind(lease.epoch).bind(report.app).run();
  return db_.rows_changed() == 1;
}

// True: some turns are left for the next exchange.
bool HubStore::run_turns(std::string_view hub, const WorkReport& report, WallTime now) {
  Statement wake{db_,
                 "UPDATE instances SET ready = 1 WHERE hub = ? AND wake_at > 0 AND wake_at <= ?"
                 " AND ready = 0"};
  wake.bind(hub).bind(number_of(now)).run();
  std::size_t turns = 0;
  while (turns < most_turns) {
    std::vector<std::string> ids;
    {
      Statement select{db_,
                       "SELECT id FROM instances WHERE hub = ? AND ready = 1"
                       " AND status IN ('Pending', 'Running') ORDER BY position LIMIT ?"};
      select.bind(hub).bind(static_cast<std::int64_t>(most_turns - turns));
      while (select.step()) ids.push_back(select.text(0));
    }
    if (ids.empty()) return false;
    turns += ids.size();
    for (const std::string& id : ids)
      if (auto run = load(hub, id)) run_turn(hub, *run, report, now);
  }
  return true;
}

// The app whose turn it is may not have the orchestrator, in a hub that another app shares: then
// the instance has failed, as in the real thing, and is nobody else's to try.
void HubStore::run_turn(std::string_view hub, Run& run, const WorkReport& report, WallTime now) {
  const std::string& app = report.app;
  if (!run.started) {
    journal_.began(run.execution, app, now);
    set_status(hub, run, RuntimeStatus::running, now);
    run.started = true;
  }
  AppShare share;
  share.app = app;
  share.turns = 1;
  journal_.count(hub, run.execution, share);
  const int last = step_count(run.plan);
  if (run.failure.empty() && !knows(report.functions, run.instance.function))
    run.failure = json_string("The app '" + app + "' has no orchestrator function named '" +
                              run.instance.function + "'.");
  while (run.failure.empty() && run.steps_done < last && take_step(hub, run, app, now)) {
  }
  save(hub, run, false, now);
  if (!run.failure.empty())
    finish(hub, run, RuntimeStatus::failed, run.failure, app, now);
  else if (run.steps_done == last && run.plan.fails && !run.repaired)
    finish(hub, run, RuntimeStatus::failed,
           json_string("Orchestrator function '" + run.instance.function +
                       "' failed: it was asked to."),
           app, now);
  else if (run.steps_done == last)
    finish(hub, run, RuntimeStatus::completed,
           run.plan.output.empty() ? results(hub, run.instance.id) : run.plan.output, app, now);
}

bool HubStore::take_step(std::string_view hub, Run& run, const std::string& app, WallTime now) {
  const int number = run.steps_done + 1;
  const Step step = step_at(run.plan, number);
  const bool fails = number == run.plan.fail_at && !run.repaired;
  if (fails && step.kind != StepKind::activity) {
    run.failure = asked_to_fail("Orchestrator function '" + run.instance.function + "'", number);
    return false;
  }
  switch (step.kind) {
    case StepKind::activity:
      schedule(hub, run, step, now);
      return false;
    case StepKind::timer:
      if (!await_timer(hub, run, step, app, now)) return false;
      break;
    case StepKind::wait_event:
      if (!await_event(hub, run, step)) return false;
      break;
    case StepKind::sub_orchestration:
      await_child(hub, run, step, now);
      return false;
    case StepKind::custom_status:
      run.instance.custom_status = step.data;
      break;
    case StepKind::fail:
      if (run.repaired) break;
      run.failure = step.data;
      return false;
  }
  run.step_done();
  return true;
}

// Once: the turn may come again while the activity is under way.
void HubStore::schedule(std::string_view hub, const Run& run, const Step& step, WallTime now) {
  const int number = run.steps_done + 1;
  Statement insert{db_,
                   "INSERT OR IGNORE INTO activities (hub, id, execution, name, step, of,"
                   " milliseconds, fails, scheduled) VALUES (?,?,?,?,?,?,?,?,?)"};
  insert.bind(hub).bind(run.instance.id).bind(run.execution).bind(step.name);
  insert.bind(std::int64_t{number}).bind(std::int64_t{steps_before_wait(run.plan)});
  insert.bind(std::int64_t{step.time.count()});
  insert.bind(std::int64_t{number == run.plan.fail_at && !run.repaired ? 1 : 0});
  insert.bind(number_of(now)).run();
}

bool HubStore::await_timer(std::string_view hub, Run& run, const Step& step, const std::string& app,
                           WallTime now) {
  if (run.wake_at == 0) run.wake_at = std::max<std::int64_t>(1, number_of(now + step.time));
  if (run.wake_at > number_of(now)) return false;
  HistoryEvent event;
  event.type = "TimerFired";
  event.at = now;
  event.app = app;
  event.scheduled = time_of(run.wake_at);
  add_history(hub, run.instance.id, event);
  return true;
}

// Events wait for their step in the order in which they came.
bool HubStore::await_event(std::string_view hub, const Run& run, const Step& step) {
  Statement select{db_,
                   "SELECT position FROM history WHERE hub = ? AND id = ? AND type = 'EventRaised'"
                   " AND step = 0 AND name = ? COLLATE NOCASE ORDER BY position LIMIT 1"};
  select.bind(hub).bind(run.instance.id).bind(step.name);
  if (!select.step()) return false;
  Statement take{db_, "UPDATE history SET step = ? WHERE position = ?"};
  take.bind(std::int64_t{run.steps_done + 1}).bind(select.number(0)).run();
  return true;
}

void HubStore::await_child(std::string_view hub, Run& run, const Step& step, WallTime now) {
  const int number = run.steps_done + 1;
  NewInstance child;
  child.id = step.child_id.empty() ? child_id(run.instance.id, number) : step.child_id;
  if (const auto there = load(hub, child.id)) {
    const bool ours = there->parent_execution == run.execution && there->parent_step == number;
    if (!is_finished(there->instance.status)) {
      if (!ours) run.failure = json_string("An instance with the id of the child is running.");
      return;
    }
    forget(hub, *there);
  }
  child.function = step.name;
  child.input = step.data;
  Plan defaults;
  defaults.steps = 1;
  defaults.step_time = run.plan.step_time;
  child.plan = plan_of(child.input, defaults);
  insert(hub, child, &run, number, now);
}

void HubStore::save(std::string_view hub, const Run& run, bool ready, WallTime now) {
  Statement update{db_,
                   "UPDATE instances SET steps_done = ?, custom_status = ?, wake_at = ?,"
                   " failure = ?, started = ?, ready = ?, updated = ? WHERE hub = ? AND id = ?"};
  update.bind(std::int64_t{run.steps_done}).bind(run.instance.custom_status).bind(run.wake_at);
  update.bind(run.failure).bind(std::int64_t{run.started ? 1 : 0});
  update.bind(std::int64_t{ready ? 1 : 0}).bind(number_of(now)).bind(hub).bind(run.instance.id);
  update.run();
}

void HubStore::finish(std::string_view hub, const Run& run, RuntimeStatus status,
                      const std::string& output, std::string_view app, WallTime now) {
  set_status(hub, run, status, now);
  journal_.ended(run.execution, now);
  Statement update{db_,
                   "UPDATE instances SET output = ?, ready = 0, wake_at = 0"
                   " WHERE hub = ? AND id = ?"};
  update.bind(output).bind(hub).bind(run.instance.id).run();
  Statement activities{db_, "DELETE FROM activities WHERE hub = ? AND id = ?"};
  activities.bind(hub).bind(run.instance.id).run();
  if (status != RuntimeStatus::terminated) {
    HistoryEvent event;
    event.type = "ExecutionCompleted";
    event.at = now;
    event.name = std::string{to_string(status)};
    event.result = output;
    event.app = std::string{app};
    add_history(hub, run.instance.id, event);
  }
  if (run.parent_execution != 0) tell_parent(hub, run, status, output, now);
}

void HubStore::tell_parent(std::string_view hub, const Run& child, RuntimeStatus status,
                           const std::string& output, WallTime now) {
  auto parent = load(hub, child.parent);
  if (!parent || parent->execution != child.parent_execution ||
      is_finished(parent->instance.status) || parent->steps_done + 1 != child.parent_step)
    return;
  const bool completed = status == RuntimeStatus::completed;
  HistoryEvent event;
  event.type = completed ? "SubOrchestrationInstanceCompleted" : "SubOrchestrationInstanceFailed";
  event.at = now;
  event.name = child.instance.function;
  event.result = output;
  add_history(hub, child.parent, event, completed ? child.parent_step : 0);
  if (completed)
    parent->step_done();
  else
    parent->failure = json_string("The sub-orchestration '" + child.instance.function + "' is " +
                                  std::string{to_string(status)} + ".");
  save(hub, *parent, true, now);
}

// What the steps gave, as a JSON array in their order.
std::string HubStore::results(std::string_view hub, std::string_view id) {
  std::string out;
  Statement select{db_,
                   "SELECT result FROM history WHERE hub = ? AND id = ? AND step > 0"
                   " ORDER BY step"};
  select.bind(hub).bind(id);
  while (select.step()) out += (out.empty() ? "" : ",") + select.text(0);
  return "[" + out + "]";
}

HubStore::Deal HubStore::deal(std::string_view hub, const std::string& app, WallTime now) {
  auto& seen = consumers_[std::string{hub}];
  std::erase_if(seen, [now](const auto& one) { return one.second + remembered_for < now; });
  seen[app] = now;
  Deal deal;
  deal.apps = static_cast<std::int64_t>(seen.size());
  deal.rank = std::distance(seen.begin(), seen.find(app));
  return deal;
}

void HubStore::claim(std::string_view hub, const WorkReport& report, WallTime now,
                     WorkAnswer& answer) {
  struct Found {
    Activity activity;
    std::int64_t execution = 0;
    std::string previous_owner;
  };
  if (report.capacity == 0) return;
  const Deal dealt = deal(hub, report.app, now);
  std::vector<Found> found;
  {
    Statement select{db_,
                     "SELECT position, epoch, name, step, of, milliseconds, execution, owner"
                     " FROM activities WHERE hub = ? AND lease_until <= ?"
                     " AND (epoch > 0 OR scheduled <= ? OR position % ? = ?)"
                     " ORDER BY lease_until, position LIMIT ?"};
    select.bind(hub).bind(number_of(now)).bind(number_of(now - dealt_for));
    select.bind(dealt.apps).bind(dealt.rank).bind(static_cast<std::int64_t>(report.capacity));
    while (select.step()) {
      Found one;
      one.activity.id = select.number(0);
      one.activity.epoch = select.number(1) + 1;
      one.activity.name = select.text(2);
      one.activity.step = static_cast<int>(select.number(3));
      one.activity.of = static_cast<int>(select.number(4));
      one.activity.time = std::chrono::milliseconds{select.number(5)};
      one.execution = select.number(6);
      one.previous_owner = select.text(7);
      found.push_back(std::move(one));
    }
  }
  if (found.size() == report.capacity) answer.more = true;
  for (Found& one : found) {
    Statement update{db_,
                     "UPDATE activities SET owner = ?, epoch = ?, lease_until = ?"
                     " WHERE position = ?"};
    update.bind(report.app).bind(one.activity.epoch).bind(number_of(now + report.lease));
    update.bind(one.activity.id).run();
    AppShare share;
    share.app = report.app;
    share.started = 1;
    share.taken_over = !one.previous_owner.empty() && one.previous_owner != report.app ? 1 : 0;
    journal_.count(hub, one.execution, share);
    answer.activities.push_back(std::move(one.activity));
  }
}

}  // namespace rehearsal
