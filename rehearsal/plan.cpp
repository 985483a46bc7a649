#include "rehearsal/plan.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace rehearsal {

namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

constexpr std::int64_t most_steps = 10'000;
constexpr std::size_t most_listed = 1000;
constexpr std::int64_t longest = 86'400'000;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::int64_t> number_in(const Json& object, const char* name, std::int64_t least,
                                      std::int64_t most) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  // A number above the signed range would wrap into a negative one.
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(most))
    return most;
  return std::clamp(found->get<std::int64_t>(), least, most);
}

std::optional<std::string> text_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<Step> listed_step(const Json& json, milliseconds step_time) {
  if (!json.is_object()) return std::nullopt;
  Step step;
  if (const auto activity = text_in(json, "activity")) {
    step.name = *activity;
    step.time =
        milliseconds{number_in(json, "milliseconds", 0, longest).value_or(step_time.count())};
    return step;
  }
  if (const auto timer = number_in(json, "timer", 0, longest)) {
    step.kind = StepKind::timer;
    step.time = milliseconds{*timer};
    return step;
  }
  if (const auto event = text_in(json, "waitForEvent")) {
    step.kind = StepKind::wait_event;
    step.name = *event;
    return step;
  }
  if (const auto child = text_in(json, "subOrchestration")) {
    step.kind = StepKind::sub_orchestration;
    step.name = *child;
    step.child_id = text_in(json, "instanceId").value_or("");
    if (json.contains("input")) step.data = dump(json.at("input"));
    return step;
  }
  if (json.contains("customStatus")) {
    step.kind = StepKind::custom_status;
    step.data = dump(json.at("customStatus"));
    return step;
  }
  if (json.contains("fail")) {
    step.kind = StepKind::fail;
    step.data = dump(json.at("fail"));
    return step;
  }
  return std::nullopt;
}

Json step_json(const Step& step) {
  return Json::array(
      {static_cast<int>(step.kind), step.name, step.time.count(), step.data, step.child_id});
}

Step step_of(const Json& json) {
  Step step;
  const int kind = json.at(0).get<int>();
  if (kind < 0 || kind > static_cast<int>(StepKind::fail))
    throw Json::out_of_range::create(401, "not a kind of step", &json);
  step.kind = static_cast<StepKind>(kind);
  step.name = json.at(1).get<std::string>();
  step.time = milliseconds{json.at(2).get<std::int64_t>()};
  step.data = json.at(3).get<std::string>();
  step.child_id = json.at(4).get<std::string>();
  return step;
}

}  // namespace

int steps_before_wait(const Plan& plan) {
  return plan.list.empty() ? plan.steps : static_cast<int>(plan.list.size());
}

int step_count(const Plan& plan) {
  return steps_before_wait(plan) + (plan.wait_for.empty() ? 0 : 1);
}

Step step_at(const Plan& plan, int number) {
  Step step;
  if (number > steps_before_wait(plan)) {
    step.kind = StepKind::wait_event;
    step.name = plan.wait_for;
  } else if (plan.list.empty()) {
    step.name = "Step";
    step.time = plan.step_time;
  } else {
    step = plan.list[static_cast<std::size_t>(number - 1)];
  }
  return step;
}

bool shows_own_status(const Plan& plan) {
  return std::any_of(plan.list.begin(), plan.list.end(),
                     [](const Step& step) { return step.kind == StepKind::custom_status; });
}

Plan plan_of(std::string_view input, const Plan& defaults) {
  Plan plan = defaults;
  const Json json = Json::parse(input, nullptr, false);
  if (!json.is_object()) return plan;
  if (const auto time = number_in(json, "stepMilliseconds", 0, longest))
    plan.step_time = milliseconds{*time};
  if (const auto steps = number_in(json, "steps", 1, most_steps))
    plan.steps = static_cast<int>(*steps);
  if (const auto list = json.find("steps"); list != json.end() && list->is_array())
    for (const Json& one : *list)
      if (auto step = listed_step(one, plan.step_time); step && plan.list.size() < most_listed)
        plan.list.push_back(std::move(*step));
  if (const auto event = text_in(json, "waitForEvent")) plan.wait_for = *event;
  if (const auto fail = json.find("fail"); fail != json.end() && fail->is_boolean())
    plan.fails = fail->get<bool>();
  if (const auto step = number_in(json, "failAtStep", 0, most_steps))
    plan.fail_at = static_cast<int>(*step);
  if (json.contains("output")) plan.output = dump(json.at("output"));
  return plan;
}

std::string write_plan(const Plan& plan) {
  Json list = Json::array();
  for (const Step& step : plan.list) list.push_back(step_json(step));
  return dump({{"steps", plan.steps},
               {"step_ms", plan.step_time.count()},
               {"list", std::move(list)},
               {"wait_for", plan.wait_for},
               {"fails", plan.fails},
               {"fail_at", plan.fail_at},
               {"output", plan.output}});
}

std::optional<Plan> read_plan(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    Plan plan;
    plan.steps = json.at("steps").get<int>();
    plan.step_time = milliseconds{json.at("step_ms").get<std::int64_t>()};
    for (const Json& step : json.at("list")) plan.list.push_back(step_of(step));
    plan.wait_for = json.at("wait_for").get<std::string>();
    plan.fails = json.at("fails").get<bool>();
    plan.fail_at = json.at("fail_at").get<int>();
    plan.output = json.at("output").get<std::string>();
    return plan;
  } catch (const Json::exception&) {
    return std::nullopt;  // a member is missing or of another type
  }
}

}  // namespace rehearsal
