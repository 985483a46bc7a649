#include "durable/away.hpp"

#include <nlohmann/json.hpp>

namespace durable {
namespace {

using Json = nlohmann::json;

constexpr int poll_again_after = 5;  // seconds, what the apps say in a poll's answer

std::string json_string(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string status_json(const LastKnownStatus& last) {
  const bool custom = !last.custom_status.empty() && Json::accept(last.custom_status);
  std::string text = "{\"name\":" + json_string(last.name);
  text += ",\"instanceId\":" + json_string(last.instance_id);
  text += ",\"runtimeStatus\":" + json_string(last.runtime_status);
  text += ",\"input\":null,\"customStatus\":";
  text += custom ? last.custom_status : "null";
  text += ",\"output\":" + (last.output.empty() ? "null" : last.output);
  text += ",\"createdTime\":\"" + wall_time_text(last.created_time);
  text += "\",\"lastUpdatedTime\":\"" + wall_time_text(last.last_updated_time) + "\"}";
  return text;
}

std::optional<AwayAnswer> away_answer(const LastKnownStatus& last,
                                      const std::optional<std::string>& kept_final_body) {
  if (!is_final_status(last.runtime_status))
    return AwayAnswer{202, poll_again_after, status_json(last)};
  if (!kept_final_body) return std::nullopt;
  return AwayAnswer{200, 0, *kept_final_body};
}

}  // namespace durable
