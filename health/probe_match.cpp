#include "health/probe_match.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "health/evidence.hpp"

namespace health {
namespace {

using Json = nlohmann::json;

std::string answered(const ProbeAnswer& answer) {
  return "answered " + std::to_string(answer.status);
}

ProbeOutcome outcome(ProbeResult result, const ProbeAnswer& answer, std::string detail) {
  ProbeOutcome made;
  made.result = result;
  made.status = answer.status;
  made.detail = std::move(detail);
  return made;
}

std::string shortened(std::string text) {
  constexpr std::size_t longest = 80;
  if (text.size() > longest) text = text.substr(0, longest) + "...";
  return text;
}

std::string in_print(const Json& value) {
  return shortened(value.dump(-1, ' ', true, Json::error_handler_t::replace));
}

Json parsed(std::string_view text) {
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

std::string ranges_text(const std::vector<config::StatusRange>& ranges) {
  std::string text;
  for (const config::StatusRange& range : ranges) {
    if (!text.empty()) text += ", ";
    text += std::to_string(range.min);
    if (range.max != range.min) text += "-" + std::to_string(range.max);
  }
  return text;
}

bool accepted(const std::vector<config::StatusRange>& ranges, int status) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const config::StatusRange& range) {
    return range.min <= status && status <= range.max;
  });
}

constexpr std::string_view stopped_text = ": the web app is stopped";

// An unknown instance is a 404 without a body; a host without the extension, a wrong path or a
// platform page has one. Should somebody have started an instance of the probed id, its status
// proves as much: otherwise whoever may start instances could degrade every endpoint.
ProbeOutcome match_durable(const ProbeAnswer& answer) {
  if (answer.status == 404 && answer.body.empty())
    return outcome(ProbeResult::passed, answer, "host and task hub answered");
  if (answer.status == 200 || answer.status == 202) {
    const Json body = parsed(answer.body);
    if (body.is_object() && body.contains("runtimeStatus"))
      return outcome(ProbeResult::passed, answer, "host and task hub answered (id in use)");
    return outcome(ProbeResult::bad_body, answer,
                   answered(answer) + ": not an answer of the Durable Functions extension");
  }
  if (answer.status == 404)
    return outcome(ProbeResult::bad_body, answer,
                   "answered 404 with a body: the Durable Functions extension was not reached");
  std::string detail = answered(answer);
  if (answer.status == 401)
    detail += ": the probe's key is wrong or missing (set keys.durable or probe.key)";
  else if (is_stopped_page(answer.status, answer.content_type, answer.body))
    detail += stopped_text;
  else if (answer.status == 403)
    detail += ": access is restricted (allow this proxy's address)";
  else if (answer.status == 500)
    detail += ": the task hub's storage may be in trouble";
  return outcome(ProbeResult::bad_status, answer, detail);
}

ProbeOutcome match_status(const config::ProbePolicy& policy, const ProbeAnswer& answer) {
  const bool stopped = is_stopped_page(answer.status, answer.content_type, answer.body);
  if (policy.host_only) {
    if (!stopped && answer.status < 500)
      return outcome(ProbeResult::passed, answer, answered(answer) + " (proves only the host)");
    std::string detail = answered(answer);
    if (stopped) detail += stopped_text;
    return outcome(ProbeResult::bad_status, answer, detail);
  }
  if (accepted(policy.status, answer.status))
    return outcome(ProbeResult::passed, answer, answered(answer));
  std::string detail = answered(answer) + " (expected " + ranges_text(policy.status) + ")";
  if (stopped) detail += stopped_text;
  if (answer.status == 401) detail += ": the probe's key is wrong or missing";
  if (answer.status >= 300 && answer.status < 400 && !answer.location.empty()) {
    // Without the query: that is where keys travel.
    const std::string_view target = answer.location.substr(0, answer.location.find('?'));
    detail += ": a redirect to " + shortened(std::string{target}) + ", which is not followed";
  }
  return outcome(ProbeResult::bad_status, answer, detail);
}

std::string json_mismatch(const config::JsonMatch& wanted, std::string_view text) {
  const Json body = parsed(text);
  if (body.is_discarded()) return "the body is not JSON";
  try {
    const Json::json_pointer pointer{wanted.pointer};
    if (!body.contains(pointer)) return "the body has nothing at " + wanted.pointer;
    const Json& found = body.at(pointer);
    const Json expected = parsed(wanted.expected);
    if (found == expected) return {};
    return "the body has " + in_print(found) + " at " + wanted.pointer + " (expected " +
           in_print(expected) + ")";
  } catch (const Json::exception&) {  // `contains` and `at` throw for a pointer such as /a/01
    return "the body has nothing at " + wanted.pointer;
  }
}

}  // namespace

ProbeOutcome match_answer(const config::ProbePolicy& policy, const ProbeAnswer& answer) {
  if (policy.durable) return match_durable(answer);
  ProbeOutcome matched = match_status(policy, answer);
  if (!matched.passed()) return matched;
  if (!policy.body_match.empty() && answer.body.find(policy.body_match) == std::string_view::npos) {
    return outcome(ProbeResult::bad_body, answer,
                   answered(answer) + ", but the body does not contain \"" +
                       shortened(policy.body_match) + "\"");
  }
  if (policy.json_match) {
    const std::string mismatch = json_mismatch(*policy.json_match, answer.body);
    if (!mismatch.empty())
      return outcome(ProbeResult::bad_body, answer, answered(answer) + ", but " + mismatch);
  }
  return matched;
}

}  // namespace health
