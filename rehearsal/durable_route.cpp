#include "rehearsal/durable_route.hpp"

#include <algorithm>
#include <vector>

#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace {

constexpr std::string_view base_paths[] = {
    "/runtime/webhooks/durabletask",
    "/admin/extensions/DurableTaskExtension",  // of version 1
};

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

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return text;
}

void parse_entities(std::string_view method, const std::vector<std::string_view>& parts,
                    DurableRoute& route) {
  if (parts.size() > 3) return;
  if (parts.size() > 1) route.entity = lower(percent_decode(parts[1]));
  if (parts.size() > 2) route.key = parts[2] == "$" ? std::string{} : percent_decode(parts[2]);
  if (method == "GET")
    route.action = route.key ? DurableAction::entity_get : DurableAction::entity_list;
  if ((method == "POST" || method == "DELETE") && parts.size() > 1)
    route.action = DurableAction::entity_signal;
}

// What follows the extension's path; nullopt: it is another path.
std::optional<std::string_view> below_base(std::string_view path) {
  for (const std::string_view base : base_paths) {
    if (!same_ignoring_case(path.substr(0, base.size()), base)) continue;
    path.remove_prefix(base.size());
    if (path.empty() || path.front() == '/') return path;
    return std::nullopt;
  }
  return std::nullopt;
}

// The verbs that the host lets through to an extension.
bool reaches_extensions(std::string_view method) {
  return method == "GET" || method == "PUT" || method == "POST" || method == "DELETE" ||
         method == "OPTIONS";
}

}  // namespace

std::optional<DurableRoute> parse_durable_route(std::string_view method, std::string_view path) {
  const auto rest = below_base(path);
  if (!rest) return std::nullopt;
  DurableRoute route;
  const auto parts = split(*rest);
  if (parts.empty()) return route;
  if (same_ignoring_case(parts[0], "makeprimary") && parts.size() == 1) {
    if (reaches_extensions(method)) route.action = DurableAction::make_primary;
  } else if (same_ignoring_case(parts[0], "entities")) {
    parse_entities(method, parts, route);
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

}  // namespace rehearsal
