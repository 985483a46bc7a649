#include "rehearsal/durable_route.hpp"

#include <algorithm>
#include <vector>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace {

constexpr std::string_view webhook_path = "/runtime/webhooks/durabletask";

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    if (path.front() == '/') path.remove_prefix(1);
    const std::string_view part = path.substr(0, path.find('/'));
    if (!part.empty()) parts.push_back(part);
    path.remove_prefix(part.size());
  }
  return parts;
}

DurableAction action_of(std::string_view word) {
  constexpr std::pair<std::string_view, DurableAction> words[] = {
      {"terminate", DurableAction::terminate}, {"suspend", DurableAction::suspend},
      {"resume", DurableAction::resume},       {"rewind", DurableAction::rewind},
      {"restart", DurableAction::restart},
  };
  for (const auto& [text, action] : words)
    if (same_ignoring_case(text, word)) return action;
  return DurableAction::unknown;
}

void parse_instances(std::string_view method, const std::vector<std::string_view>& parts,
                     DurableRoute& route) {
  if (parts.size() == 1) {
    if (method == "GET") route.action = DurableAction::list;
    if (method == "DELETE") route.action = DurableAction::purge_many;
    return;
  }
  route.instance_id = percent_decode(parts[1]);
  if (parts.size() == 2) {
    if (method == "GET") route.action = DurableAction::status;
    if (method == "DELETE") route.action = DurableAction::purge_one;
    return;
  }
  if (method != "POST") return;
  if (parts.size() == 3) route.action = action_of(parts[2]);
  if (parts.size() == 4 && same_ignoring_case(parts[2], "raiseEvent")) {
    route.action = DurableAction::raise_event;
    route.event = percent_decode(parts[3]);
  }
}

}  // namespace

std::optional<DurableRoute> parse_durable_route(std::string_view method, std::string_view path) {
  if (!same_ignoring_case(path.substr(0, webhook_path.size()), webhook_path)) return std::nullopt;
  path.remove_prefix(webhook_path.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  DurableRoute route;
  const auto parts = split(path);
  if (parts.empty()) return route;
  if (same_ignoring_case(parts[0], "makeprimary") && parts.size() == 1) {
    if (method == "POST") route.action = DurableAction::make_primary;
  } else if (same_ignoring_case(parts[0], "instances")) {
    parse_instances(method, parts, route);
  } else if (same_ignoring_case(parts[0], "orchestrators") && method == "POST" &&
             (parts.size() == 2 || parts.size() == 3)) {
    route.action = DurableAction::start;
    route.function = percent_decode(parts[1]);
    if (parts.size() == 3) route.instance_id = percent_decode(parts[2]);
  }
  return route;
}

std::optional<std::string> parse_custom_starter(std::string_view method, std::string_view path) {
  const auto parts = split(path);
  if (method != "POST" || parts.size() != 3 || !same_ignoring_case(parts[0], "api") ||
      !same_ignoring_case(parts[1], "orchestrators"))
    return std::nullopt;
  return percent_decode(parts[2]);
}

bool is_valid_instance_id(std::string_view id) {
  constexpr std::size_t longest = 256;
  static constexpr std::string_view forbidden = "/\\#?";
  if (id.empty() || id.size() > longest || id.front() == '@') return false;
  return std::none_of(id.begin(), id.end(), [](char c) {
    return forbidden.find(c) != std::string_view::npos || static_cast<unsigned char>(c) < ' ' ||
           c == '\x7f';
  });
}

bool is_valid_hub_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_allowed = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return name.size() >= 3 && name.size() <= 45 && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), is_allowed);
}

namespace {

std::string instance_uri(const ManagementContext& context, std::string_view id) {
  return context.origin + std::string{webhook_path} + "/instances/" + percent_encode(id);
}

std::string parameters(const ManagementContext& context) {
  std::string text = "taskHub=" + context.hub + "&connection=Storage";
  if (!context.key.empty()) text += "&code=" + percent_encode(context.key);
  return text;
}

}  // namespace

std::string status_query_uri(const ManagementContext& context, std::string_view id) {
  return instance_uri(context, id) + "?" + parameters(context);
}

std::string check_status_payload(const ManagementContext& context, std::string_view id) {
  const std::string instance = instance_uri(context, id);
  const std::string common = parameters(context);
  const auto with_reason = [&](const char* action) {
    return instance + "/" + action + "?reason={text}&" + common;
  };
  return string_object({{"id", std::string{id}},
                        {"statusQueryGetUri", instance + "?" + common},
                        {"sendEventPostUri", instance + "/raiseEvent/{eventName}?" + common},
                        {"terminatePostUri", with_reason("terminate")},
                        {"purgeHistoryDeleteUri", instance + "?" + common},
                        {"restartPostUri", instance + "/restart?" + common},
                        {"suspendPostUri", with_reason("suspend")},
                        {"resumePostUri", with_reason("resume")}});
}

}  // namespace rehearsal
