// The part of HubStore that hands out work and records progress.
#include "rehearsal/hub_store.hpp"

namespace rehearsal {

namespace {

std::int64_t number_of(WallTime time) {
  return time.time_since_epoch().count();
}

}  // namespace

WorkAnswer HubStore::exchange(std::string_view hub, const WorkReport& report, WallTime now) {
  WorkAnswer answer;
  Transaction transaction{db_};
  for (const StepReport& step : report.steps)
    if (!checkpoint(hub, report, step, now)) answer.lost.push_back(step.id);
  for (const Lease& lease : report.held)
    if (!renew(hub, report, lease, now)) answer.lost.push_back(lease.id);
  if (!report.release) claim(hub, report, now, answer);
  transaction.commit();
  return answer;
}

// False: the lease is not this app's any more, and what it did is not recorded.
bool HubStore::checkpoint(std::string_view hub, const WorkReport& report, const StepReport& step,
                          WallTime now) {
  auto instance = get(hub, step.id);
  if (!instance || instance->epoch != step.epoch || instance->owner != report.app) return false;
  if (step.step <= instance->steps_done) return true;  // a repeated report: the answer got lost
  if (step.step != instance->steps_done + 1) return false;
  instance->steps_done = step.step;
  const std::string custom_status = "{\"step\":" + std::to_string(step.step) +
                                    ",\"of\":" + std::to_string(instance->plan.steps) + "}";
  Statement update{db_,
                   "UPDATE instances SET steps_done = ?, custom_status = ?, updated = ?"
                   " WHERE hub = ? AND id = ?"};
  update.bind(std::int64_t{step.step}).bind(custom_status).bind(number_of(now));
  update.bind(hub).bind(step.id).run();
  add_history(hub, step.id, "TaskCompleted", instance->function, step.result, report.app, now);
  count(hub, report.app, 1, 0);
  if (step.step < instance->plan.steps) return true;
  if (instance->plan.wait_for.empty() || has_event(hub, step.id, instance->plan.wait_for)) {
    finish(hub, *instance, now);
  } else {
    Statement wait{db_,
                   "UPDATE instances SET waiting = 1, owner = '', lease_until = 0"
                   " WHERE hub = ? AND id = ?"};
    wait.bind(hub).bind(step.id).run();
  }
  return true;
}

void HubStore::finish(std::string_view hub, const Instance& instance, WallTime now) {
  const auto status = instance.plan.fails ? RuntimeStatus::failed : RuntimeStatus::completed;
  const std::string output = instance.plan.fails ? "\"Orchestrator function '" + instance.function +
                                                       "' failed: it was asked to.\""
                                                 : results(hub, instance.id);
  Statement update{db_,
                   "UPDATE instances SET status = ?, output = ?, updated = ?, owner = '',"
                   " lease_until = 0, waiting = 0 WHERE hub = ? AND id = ?"};
  update.bind(to_string(status)).bind(output).bind(number_of(now)).bind(hub).bind(instance.id);
  update.run();
  add_history(hub, instance.id, "ExecutionCompleted", instance.function, output, instance.owner,
              now);
}

bool HubStore::has_event(std::string_view hub, std::string_view id, std::string_view event) {
  Statement select{db_,
                   "SELECT 1 FROM history WHERE hub = ? AND id = ? AND type = 'EventRaised'"
                   " AND name = ? COLLATE NOCASE"};
  return select.bind(hub).bind(id).bind(event).step();
}

// The steps' results as a JSON array, in order.
std::string HubStore::results(std::string_view hub, std::string_view id) {
  std::string out;
  Statement select{db_,
                   "SELECT result FROM history WHERE hub = ? AND id = ? AND type = 'TaskCompleted'"
                   " ORDER BY position"};
  select.bind(hub).bind(id);
  while (select.step()) out += (out.empty() ? "" : ",") + select.text(0);
  return "[" + out + "]";
}

bool HubStore::renew(std::string_view hub, const WorkReport& report, const Lease& lease,
                     WallTime now) {
  Statement update{db_,
                   "UPDATE instances SET lease_until = ?, owner = ? WHERE hub = ? AND id = ?"
                   " AND epoch = ? AND owner = ? AND status = 'Running'"};
  update.bind(report.release ? 0 : number_of(now + report.lease));
  update.bind(report.release ? std::string_view{} : std::string_view{report.app});
  update.bind(hub).bind(lease.id).bind(lease.epoch).bind(report.app).run();
  return db_.rows_changed() == 1;
}

void HubStore::claim(std::string_view hub, const WorkReport& report, WallTime now,
                     WorkAnswer& answer) {
  std::vector<std::pair<Work, std::string>> found;
  {
    Statement select{db_,
                     "SELECT id, epoch, steps, step_ms, wait_for, fails, steps_done, owner"
                     " FROM instances WHERE hub = ? AND status IN ('Pending', 'Running')"
                     " AND waiting = 0 AND lease_until <= ? ORDER BY position LIMIT ?"};
    select.bind(hub).bind(number_of(now)).bind(static_cast<std::int64_t>(report.capacity));
    while (select.step()) {
      Work work;
      work.id = select.text(0);
      work.epoch = select.number(1) + 1;
      work.plan.steps = static_cast<int>(select.number(2));
      work.plan.step_time = std::chrono::milliseconds{select.number(3)};
      work.plan.wait_for = select.text(4);
      work.plan.fails = select.number(5) != 0;
      work.steps_done = static_cast<int>(select.number(6));
      found.emplace_back(std::move(work), select.text(7));
    }
  }
  for (auto& [work, previous_owner] : found) {
    Statement update{db_,
                     "UPDATE instances SET status = 'Running', owner = ?, epoch = ?,"
                     " lease_until = ?, updated = ? WHERE hub = ? AND id = ?"};
    update.bind(report.app).bind(work.epoch).bind(number_of(now + report.lease));
    update.bind(number_of(now)).bind(hub).bind(work.id).run();
    if (!previous_owner.empty() && previous_owner != report.app) {
      count(hub, report.app, 0, 1);
      add_history(hub, work.id, "LeaseTakenOver", previous_owner, "", report.app, now);
    }
    answer.work.push_back(std::move(work));
  }
}

void HubStore::count(std::string_view hub, std::string_view app, int activities, int taken_over) {
  Statement upsert{db_,
                   "INSERT INTO activity_counts (hub, app, activities, taken_over)"
                   " VALUES (?,?,?,?) ON CONFLICT (hub, app) DO UPDATE SET"
                   " activities = activities + excluded.activities,"
                   " taken_over = taken_over + excluded.taken_over"};
  upsert.bind(hub).bind(app).bind(std::int64_t{activities}).bind(std::int64_t{taken_over}).run();
}

std::vector<ActivityCount> HubStore::activity_counts(std::string_view hub) {
  std::vector<ActivityCount> out;
  Statement select{db_,
                   "SELECT app, activities, taken_over FROM activity_counts WHERE hub = ?"
                   " ORDER BY app"};
  select.bind(hub);
  while (select.step()) {
    ActivityCount row;
    row.app = select.text(0);
    row.activities = select.number(1);
    row.taken_over = select.number(2);
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace rehearsal
