#include "rehearsal/hub_wire.hpp"

#include <nlohmann/json.hpp>

namespace rehearsal {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json parse(std::string_view text) {
  return Json::parse(text, nullptr, false);
}

template <class T, class Read>
std::optional<T> guarded(std::string_view text, Read read) {
  const Json json = parse(text);
  if (!json.is_object()) return std::nullopt;
  try {
    return read(json);
  } catch (const Json::exception&) {
    return std::nullopt;  // a member is missing or of another type
  }
}

WallTime read_time(const Json& json) {
  return WallTime{std::chrono::milliseconds{json.get<std::int64_t>()}};
}

std::chrono::milliseconds read_duration(const Json& json) {
  return std::chrono::milliseconds{json.get<std::int64_t>()};
}

Json instance_json(const Instance& instance) {
  return {{"id", instance.id},
          {"function", instance.function},
          {"status", to_string(instance.status)},
          {"input", instance.input},
          {"custom_status", instance.custom_status},
          {"output", instance.output},
          {"created", number_of(instance.created)},
          {"updated", number_of(instance.updated)}};
}

Instance instance_of(const Json& json) {
  Instance out;
  out.id = json.at("id").get<std::string>();
  out.function = json.at("function").get<std::string>();
  out.status =
      parse_runtime_status(json.at("status").get<std::string>()).value_or(RuntimeStatus::failed);
  out.input = json.at("input").get<std::string>();
  out.custom_status = json.at("custom_status").get<std::string>();
  out.output = json.at("output").get<std::string>();
  out.created = read_time(json.at("created"));
  out.updated = read_time(json.at("updated"));
  return out;
}

Json share_json(const AppShare& share) {
  return {{"app", share.app},
          {"turns", share.turns},
          {"activitiesStarted", share.started},
          {"activities", share.activities},
          {"takenOver", share.taken_over}};
}

Json shares_json(const std::vector<AppShare>& shares) {
  Json apps = Json::array();
  for (const AppShare& share : shares) apps.push_back(share_json(share));
  return apps;
}

}  // namespace

std::string write_new_instance(const NewInstance& start) {
  return dump({{"id", start.id},
               {"function", start.function},
               {"input", start.input},
               {"plan", write_plan(start.plan)}});
}

std::optional<NewInstance> read_new_instance(std::string_view text) {
  return guarded<NewInstance>(text, [](const Json& json) -> std::optional<NewInstance> {
    NewInstance out;
    out.id = json.at("id").get<std::string>();
    out.function = json.at("function").get<std::string>();
    out.input = json.at("input").get<std::string>();
    auto plan = read_plan(json.at("plan").get<std::string>());
    if (!plan) return std::nullopt;
    out.plan = std::move(*plan);
    return out;
  });
}

std::string write_instance(const Instance& instance, const std::vector<HistoryEvent>& history) {
  Json json = instance_json(instance);
  Json list = Json::array();
  for (const HistoryEvent& event : history)
    list.push_back({{"type", event.type},
                    {"at", number_of(event.at)},
                    {"name", event.name},
                    {"result", event.result},
                    {"app", event.app},
                    {"scheduled", number_of(event.scheduled)}});
  json["history"] = std::move(list);
  return dump(json);
}

std::optional<InstanceAndHistory> read_instance(std::string_view text) {
  return guarded<InstanceAndHistory>(text, [](const Json& json) {
    InstanceAndHistory out;
    out.instance = instance_of(json);
    for (const Json& event : json.at("history")) {
      HistoryEvent one;
      one.type = event.at("type").get<std::string>();
      one.at = read_time(event.at("at"));
      one.name = event.at("name").get<std::string>();
      one.result = event.at("result").get<std::string>();
      one.app = event.at("app").get<std::string>();
      one.scheduled = read_time(event.at("scheduled"));
      out.history.push_back(std::move(one));
    }
    return out;
  });
}

std::string write_page(const Page& page) {
  Json list = Json::array();
  for (const Instance& instance : page.instances) list.push_back(instance_json(instance));
  return dump({{"instances", std::move(list)}, {"next", page.next}});
}

std::optional<Page> read_page(std::string_view text) {
  return guarded<Page>(text, [](const Json& json) {
    Page page;
    for (const Json& one : json.at("instances")) page.instances.push_back(instance_of(one));
    page.next = json.at("next").get<std::int64_t>();
    return page;
  });
}

std::string write_entity_page(const EntityPage& page) {
  Json list = Json::array();
  for (const Entity& entity : page.entities)
    list.push_back({{"name", entity.name},
                    {"key", entity.key},
                    {"state", entity.state},
                    {"last_operation", number_of(entity.last_operation)}});
  return dump({{"entities", std::move(list)}, {"next", page.next}});
}

std::optional<EntityPage> read_entity_page(std::string_view text) {
  return guarded<EntityPage>(text, [](const Json& json) {
    EntityPage page;
    for (const Json& one : json.at("entities")) {
      Entity entity;
      entity.name = one.at("name").get<std::string>();
      entity.key = one.at("key").get<std::string>();
      entity.state = one.at("state").get<std::string>();
      entity.last_operation = read_time(one.at("last_operation"));
      page.entities.push_back(std::move(entity));
    }
    page.next = json.at("next").get<std::int64_t>();
    return page;
  });
}

std::string write_report(const WorkReport& report) {
  Json held = Json::array();
  for (const ActivityLease& lease : report.held)
    held.push_back({{"id", lease.id}, {"epoch", lease.epoch}});
  Json finished = Json::array();
  for (const ActivityReport& one : report.finished)
    finished.push_back({{"id", one.id}, {"epoch", one.epoch}, {"result", one.result}});
  return dump({{"app", report.app},
               {"lease_ms", report.lease.count()},
               {"held", std::move(held)},
               {"finished", std::move(finished)},
               {"orchestrates", report.orchestrates},
               {"functions", report.functions},
               {"capacity", report.capacity},
               {"release", report.release}});
}

std::optional<WorkReport> read_report(std::string_view text) {
  return guarded<WorkReport>(text, [](const Json& json) {
    WorkReport out;
    out.app = json.at("app").get<std::string>();
    out.lease = read_duration(json.at("lease_ms"));
    for (const Json& one : json.at("held")) {
      ActivityLease lease;
      lease.id = one.at("id").get<std::int64_t>();
      lease.epoch = one.at("epoch").get<std::int64_t>();
      out.held.push_back(lease);
    }
    for (const Json& one : json.at("finished")) {
      ActivityReport done;
      done.id = one.at("id").get<std::int64_t>();
      done.epoch = one.at("epoch").get<std::int64_t>();
      done.result = one.at("result").get<std::string>();
      out.finished.push_back(std::move(done));
    }
    out.orchestrates = json.at("orchestrates").get<bool>();
    out.functions = json.at("functions").get<std::vector<std::string>>();
    out.capacity = json.at("capacity").get<std::size_t>();
    out.release = json.at("release").get<bool>();
    return out;
  });
}

std::string write_answer(const WorkAnswer& answer) {
  Json activities = Json::array();
  for (const Activity& one : answer.activities)
    activities.push_back({{"id", one.id},
                          {"epoch", one.epoch},
                          {"name", one.name},
                          {"step", one.step},
                          {"of", one.of},
                          {"ms", one.time.count()}});
  return dump(
      {{"activities", std::move(activities)}, {"lost", answer.lost}, {"more", answer.more}});
}

std::optional<WorkAnswer> read_answer(std::string_view text) {
  return guarded<WorkAnswer>(text, [](const Json& json) {
    WorkAnswer out;
    for (const Json& one : json.at("activities")) {
      Activity activity;
      activity.id = one.at("id").get<std::int64_t>();
      activity.epoch = one.at("epoch").get<std::int64_t>();
      activity.name = one.at("name").get<std::string>();
      activity.step = one.at("step").get<int>();
      activity.of = one.at("of").get<int>();
      activity.time = read_duration(one.at("ms"));
      out.activities.push_back(std::move(activity));
    }
    out.lost = json.at("lost").get<std::vector<std::int64_t>>();
    out.more = json.at("more").get<bool>();
    return out;
  });
}

std::string write_lease_state(const AppLeaseState& state) {
  return dump({{"id", state.id},
               {"active", state.active},
               {"owner", state.owner},
               {"desired", state.desired}});
}

std::optional<AppLeaseState> read_lease_state(std::string_view text) {
  return guarded<AppLeaseState>(text, [](const Json& json) {
    AppLeaseState out;
    out.id = json.at("id").get<std::string>();
    out.active = json.at("active").get<bool>();
    out.owner = json.at("owner").get<std::string>();
    out.desired = json.at("desired").get<std::string>();
    return out;
  });
}

std::string write_shares(const std::vector<AppShare>& shares) {
  return dump({{"apps", shares_json(shares)}});
}

std::string write_executions(const ExecutionPage& page) {
  Json list = Json::array();
  for (const Execution& one : page.executions)
    list.push_back({{"id", one.id},
                    {"execution", one.position},
                    {"function", one.function},
                    {"created", time_text(one.created)},
                    {"createdMilliseconds", number_of(one.created)},
                    {"startedBy", one.started_by},
                    {"status", one.status},
                    {"apps", shares_json(one.apps)}});
  return dump({{"executions", std::move(list)}, {"next", page.next}});
}

std::string write_hubs(const std::vector<HubSummary>& hubs) {
  Json list = Json::array();
  for (const HubSummary& one : hubs)
    list.push_back({{"hub", one.hub}, {"instances", one.instances}, {"hasWorkers", one.worked}});
  return dump({{"hubs", std::move(list)}});
}

std::string write_runs(const RunPage& page) {
  Json list = Json::array();
  for (const OrchestrationRun& one : page.runs) {
    Json run{{"hub", one.hub},
             {"instance", one.id},
             {"function", one.function},
             {"run", one.number},
             {"execution", one.execution},
             {"created", exact_time_text(one.created)},
             {"app", one.app},
             {"started", exact_time_text(one.started)},
             {"finished", nullptr},
             {"status", one.status},
             {"ends", one.ends},
             {"input", one.input}};
    if (one.finished != WallTime{}) run["finished"] = exact_time_text(one.finished);
    list.push_back(std::move(run));
  }
  return dump({{"executions", std::move(list)}, {"next", page.next}});
}

namespace {

Json sync_json(const std::optional<ReplicaInfo>& replica) {
  Json out{{"lastSyncTime", nullptr}};
  if (!replica) return out;
  out["lastSyncTime"] = exact_time_text(replica->last_sync());
  out["lastSyncMilliseconds"] = number_of(replica->last_sync());
  out["tablesSyncTime"] = exact_time_text(replica->tables);
  out["queuesSyncTime"] = exact_time_text(replica->queues);
  out["rowsWithoutMessage"] = replica->rows_without_message;
  out["messagesWithoutRow"] = replica->messages_without_row;
  return out;
}

Json failover_json(const AccountFailover& failover) {
  Json out{{"kind", failover.planned ? "planned" : "unplanned"},
           {"redundancy", failover.planned ? "geo" : "local"},
           {"lost", nullptr}};
  out.update(sync_json(failover.replica));
  if (!failover.difference) return out;
  const ReplicaDifference& difference = *failover.difference;
  Json lost = Json::array();
  for (const auto& [hub, id] : difference.lost_instances)
    lost.push_back({{"hub", hub}, {"instance", id}});
  out["lost"] = difference.lost;
  out["rolledBack"] = difference.rolled_back;
  out["reappeared"] = difference.reappeared;
  out["lostInstances"] = std::move(lost);
  return out;
}

}  // namespace

std::string write_replica_state(const ReplicaState& state) {
  Json out{{"redundancy", state.replication.every.count() > 0 ? "geo" : "local"},
           {"everyMilliseconds", state.replication.every.count()},
           {"skewMilliseconds", state.replication.skew.count()},
           {"copying", state.copying},
           {"copies", state.copies},
           {"failingOver", state.failing_over},
           {"failovers", state.failovers},
           {"trouble", state.trouble},
           {"lastFailover", nullptr}};
  out.update(sync_json(state.last));
  if (state.last_failover) out["lastFailover"] = failover_json(*state.last_failover);
  return dump(out);
}

std::string write_failover(const AccountFailover& failover) {
  return dump(failover_json(failover));
}

}  // namespace rehearsal
