#include "rehearsal/hub_json.hpp"

#include <algorithm>
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

// JSON text that storage keeps as text; what is not JSON is shown as a string.
Json embedded(const std::string& text) {
  Json json = parse(text);
  return json.is_discarded() ? Json(text) : json;
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

Json plan_json(const Plan& plan) {
  return {{"steps", plan.steps},
          {"step_ms", plan.step_time.count()},
          {"wait_for", plan.wait_for},
          {"fails", plan.fails}};
}

Plan read_plan(const Json& json) {
  Plan plan;
  plan.steps = json.at("steps").get<int>();
  plan.step_time = std::chrono::milliseconds{json.at("step_ms").get<std::int64_t>()};
  plan.wait_for = json.at("wait_for").get<std::string>();
  plan.fails = json.at("fails").get<bool>();
  return plan;
}

std::int64_t number_of(WallTime time) {
  return time.time_since_epoch().count();
}

WallTime read_time(const Json& json) {
  return WallTime{std::chrono::milliseconds{json.get<std::int64_t>()}};
}

Json instance_json(const Instance& instance) {
  return {{"id", instance.id},
          {"function", instance.function},
          {"status", to_string(instance.status)},
          {"input", instance.input},
          {"custom_status", instance.custom_status},
          {"output", instance.output},
          {"created", number_of(instance.created)},
          {"updated", number_of(instance.updated)},
          {"plan", plan_json(instance.plan)},
          {"steps_done", instance.steps_done},
          {"owner", instance.owner},
          {"epoch", instance.epoch}};
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
  out.plan = read_plan(json.at("plan"));
  out.steps_done = json.at("steps_done").get<int>();
  out.owner = json.at("owner").get<std::string>();
  out.epoch = json.at("epoch").get<std::int64_t>();
  return out;
}

Json history_json(const std::vector<HistoryEvent>& history, bool with_output) {
  Json list = Json::array();
  for (const HistoryEvent& event : history) {
    Json one{{"EventType", event.type}, {"Timestamp", time_text(event.at)}};
    if (!event.name.empty()) one["Name"] = event.name;
    if (with_output && !event.result.empty()) one["Result"] = embedded(event.result);
    if (!event.app.empty()) one["App"] = event.app;
    list.push_back(std::move(one));
  }
  return list;
}

Json status_json(const Instance& instance, const StatusView& view) {
  return {{"name", instance.function},
          {"instanceId", instance.id},
          {"runtimeStatus", to_string(instance.status)},
          {"input", view.input ? embedded(instance.input) : Json(nullptr)},
          {"customStatus", embedded(instance.custom_status)},
          {"output", embedded(instance.output)},
          {"createdTime", time_text(instance.created)},
          {"lastUpdatedTime", time_text(instance.updated)}};
}

}  // namespace

std::string write_new_instance(const NewInstance& start) {
  return dump({{"id", start.id},
               {"function", start.function},
               {"input", start.input},
               {"plan", plan_json(start.plan)}});
}

std::optional<NewInstance> read_new_instance(std::string_view text) {
  return guarded<NewInstance>(text, [](const Json& json) {
    NewInstance out;
    out.id = json.at("id").get<std::string>();
    out.function = json.at("function").get<std::string>();
    out.input = json.at("input").get<std::string>();
    out.plan = read_plan(json.at("plan"));
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
                    {"app", event.app}});
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

std::string write_report(const WorkReport& report) {
  Json held = Json::array();
  for (const Lease& lease : report.held) held.push_back({{"id", lease.id}, {"epoch", lease.epoch}});
  Json steps = Json::array();
  for (const StepReport& step : report.steps)
    steps.push_back(
        {{"id", step.id}, {"epoch", step.epoch}, {"step", step.step}, {"result", step.result}});
  return dump({{"app", report.app},
               {"lease_ms", report.lease.count()},
               {"held", std::move(held)},
               {"steps", std::move(steps)},
               {"capacity", report.capacity},
               {"release", report.release}});
}

std::optional<WorkReport> read_report(std::string_view text) {
  return guarded<WorkReport>(text, [](const Json& json) {
    WorkReport out;
    out.app = json.at("app").get<std::string>();
    out.lease = std::chrono::milliseconds{json.at("lease_ms").get<std::int64_t>()};
    for (const Json& lease : json.at("held"))
      out.held.push_back(
          Lease{lease.at("id").get<std::string>(), lease.at("epoch").get<std::int64_t>()});
    for (const Json& step : json.at("steps"))
      out.steps.push_back(
          StepReport{step.at("id").get<std::string>(), step.at("epoch").get<std::int64_t>(),
                     step.at("step").get<int>(), step.at("result").get<std::string>()});
    out.capacity = json.at("capacity").get<std::size_t>();
    out.release = json.at("release").get<bool>();
    return out;
  });
}

std::string write_answer(const WorkAnswer& answer) {
  Json work = Json::array();
  for (const Work& one : answer.work)
    work.push_back({{"id", one.id},
                    {"epoch", one.epoch},
                    {"plan", plan_json(one.plan)},
                    {"steps_done", one.steps_done}});
  return dump({{"work", std::move(work)}, {"lost", answer.lost}});
}

std::optional<WorkAnswer> read_answer(std::string_view text) {
  return guarded<WorkAnswer>(text, [](const Json& json) {
    WorkAnswer out;
    for (const Json& one : json.at("work"))
      out.work.push_back(Work{one.at("id").get<std::string>(), one.at("epoch").get<std::int64_t>(),
                              read_plan(one.at("plan")), one.at("steps_done").get<int>()});
    out.lost = json.at("lost").get<std::vector<std::string>>();
    return out;
  });
}

std::string write_counts(const std::vector<ActivityCount>& counts) {
  Json apps = Json::array();
  for (const ActivityCount& count : counts)
    apps.push_back(
        {{"app", count.app}, {"activities", count.activities}, {"takenOver", count.taken_over}});
  return dump({{"apps", std::move(apps)}});
}

std::string status_object(const Instance& instance, const std::vector<HistoryEvent>& history,
                          const StatusView& view) {
  Json json = status_json(instance, view);
  if (view.history) json["historyEvents"] = history_json(history, view.history_output);
  return dump(json);
}

std::string status_array(const std::vector<Instance>& instances, const StatusView& view) {
  Json list = Json::array();
  for (const Instance& instance : instances) list.push_back(status_json(instance, view));
  return dump(list);
}

std::string error_object(std::string_view message) {
  return dump({{"Message", message}});
}

std::string exception_object(std::string_view message, std::string_view exception_message) {
  return dump({{"Message", message},
               {"ExceptionMessage", exception_message},
               {"ExceptionType", "System.InvalidOperationException"},
               {"StackTrace", "   at a stand-in, which has no stack to show"}});
}

std::string string_object(const std::vector<std::pair<std::string_view, std::string>>& members) {
  Json json = Json::object();
  for (const auto& [name, value] : members) json[std::string{name}] = value;
  return dump(json);
}

std::string json_string(std::string_view text) {
  return dump(Json(text));
}

bool is_json(std::string_view text) {
  return !parse(text).is_discarded();
}

Plan plan_of(std::string_view input, const Plan& defaults) {
  Plan plan = defaults;
  const Json json = parse(input);
  if (!json.is_object()) return plan;
  const auto number = [&json](const char* name, std::int64_t otherwise, std::int64_t most) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_number_integer()) return otherwise;
    return std::clamp(found->get<std::int64_t>(), std::int64_t{0}, most);
  };
  constexpr std::int64_t most_steps = 10'000;
  constexpr std::int64_t longest_step = 3'600'000;
  plan.steps = static_cast<int>(std::max<std::int64_t>(1, number("steps", plan.steps, most_steps)));
  plan.step_time =
      std::chrono::milliseconds{number("stepMilliseconds", plan.step_time.count(), longest_step)};
  if (const auto event = json.find("waitForEvent"); event != json.end() && event->is_string())
    plan.wait_for = event->get<std::string>();
  if (const auto fail = json.find("fail"); fail != json.end() && fail->is_boolean())
    plan.fails = fail->get<bool>();
  return plan;
}

}  // namespace rehearsal
