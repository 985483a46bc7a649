// The part of HubStore that clients steer a running instance with. The real extension queues these
// as messages that the next turn reads; here they take effect at once.
#include "rehearsal/hub_run.hpp"
#include "rehearsal/hub_store.hpp"

namespace rehearsal {

using ledger::Statement;
using ledger::Transaction;

namespace {

HistoryEvent event_of(const char* type, std::string_view result, WallTime now) {
  HistoryEvent event;
  event.type = type;
  event.at = now;
  event.result = std::string{result};
  return event;
}

}  // namespace

void HubStore::set_status(std::string_view hub, const Run& run, RuntimeStatus to, WallTime now) {
  Statement update{db_,
                   "UPDATE instances SET status = ?, updated = ?, ready = 1"
                   " WHERE hub = ? AND id = ?"};
  update.bind(to_string(to)).bind(number_of(now)).bind(hub).bind(run.instance.id).run();
  journal_.changed(run.execution, to_string(to));
}

Control HubStore::terminate(std::string_view hub, std::string_view id, std::string_view reason,
                            WallTime now) {
  Transaction transaction{db_};
  const auto run = load(hub, id);
  if (!run) return Control::not_found;
  if (is_finished(run->instance.status)) return Control::finished;
  add_history(hub, id, event_of("ExecutionTerminated", reason, now));
  finish(hub, *run, RuntimeStatus::terminated, std::string{reason}, "", now);
  transaction.commit();
  return Control::accepted;
}

Control HubStore::suspend(std::string_view hub, std::string_view id, std::string_view reason,
                          WallTime now) {
  Transaction transaction{db_};
  const auto run = load(hub, id);
  if (!run) return Control::not_found;
  if (is_finished(run->instance.status)) return Control::finished;
  if (run->instance.status == RuntimeStatus::suspended) return Control::accepted;
  set_status(hub, *run, RuntimeStatus::suspended, now);
  add_history(hub, id, event_of("ExecutionSuspended", reason, now));
  transaction.commit();
  return Control::accepted;
}

Control HubStore::resume(std::string_view hub, std::string_view id, std::string_view reason,
                         WallTime now) {
  Transaction transaction{db_};
  const auto run = load(hub, id);
  if (!run) return Control::not_found;
  if (is_finished(run->instance.status)) return Control::finished;
  if (run->instance.status != RuntimeStatus::suspended) return Control::accepted;
  set_status(hub, *run, run->started ? RuntimeStatus::running : RuntimeStatus::pending, now);
  add_history(hub, id, event_of("ExecutionResumed", reason, now));
  transaction.commit();
  return Control::accepted;
}

Control HubStore::rewind(std::string_view hub, std::string_view id, std::string_view reason,
                         WallTime now) {
  Transaction transaction{db_};
  const auto run = load(hub, id);
  if (!run) return Control::not_found;
  if (!is_finished(run->instance.status)) return Control::wrong_state;
  if (run->instance.status != RuntimeStatus::failed) return Control::finished;
  rewind(hub, *run, reason, now);
  transaction.commit();
  return Control::accepted;
}

// What had failed is tried again; a failed child is rewound with its parent.
void HubStore::rewind(std::string_view hub, const Run& run, std::string_view reason, WallTime now) {
  const std::string& id = run.instance.id;
  Statement failures{db_,
                     "DELETE FROM history WHERE hub = ? AND id = ? AND type IN ('TaskFailed',"
                     " 'SubOrchestrationInstanceFailed', 'ExecutionCompleted')"};
  failures.bind(hub).bind(id).run();
  Statement retry{db_,
                  "UPDATE instances SET repaired = 1, failure = '', output = 'null', wake_at = 0"
                  " WHERE hub = ? AND id = ?"};
  retry.bind(hub).bind(id).run();
  set_status(hub, run, RuntimeStatus::running, now);
  add_history(hub, id, event_of("ExecutionRewound", reason, now));
  std::string child;
  {
    Statement failed{db_,
                     "SELECT id FROM instances WHERE hub = ? AND parent_execution = ?"
                     " AND parent_execution > 0 AND parent_step = ? AND status = 'Failed'"};
    failed.bind(hub).bind(run.execution).bind(std::int64_t{run.steps_done + 1});
    if (!failed.step()) return;
    child = failed.text(0);
  }
  if (const auto failed = load(hub, child)) rewind(hub, *failed, reason, now);
}

Control HubStore::raise_event(std::string_view hub, std::string_view id, std::string_view event,
                              std::string_view data, WallTime now) {
  Transaction transaction{db_};
  const auto run = load(hub, id);
  if (!run) return Control::not_found;
  if (is_finished(run->instance.status)) return Control::finished;
  HistoryEvent raised = event_of("EventRaised", data, now);
  raised.name = std::string{event};
  add_history(hub, id, raised);
  Statement wake{db_, "UPDATE instances SET ready = 1 WHERE hub = ? AND id = ?"};
  wake.bind(hub).bind(id).run();
  transaction.commit();
  return Control::accepted;
}

}  // namespace rehearsal
