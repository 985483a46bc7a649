#include "rehearsal/scenario/profile.hpp"

#include <nlohmann/json.hpp>

#include "rehearsal/scenario/adopt.hpp"

namespace scenario {

using Json = nlohmann::ordered_json;

std::string key_of(std::string_view path) {
  std::string key;
  bool inside = false;
  for (const char c : path) {
    if (c == ']') inside = false;
    if (!inside) key += c;
    if (c == '[') inside = true;
  }
  return key;
}

const config::KeyInfo* find_key(std::string_view path) {
  static const std::vector<config::KeyInfo> keys = config::all_keys();
  const std::string wanted = key_of(path);
  for (const config::KeyInfo& key : keys)
    if (key.path == wanted) return &key;
  return nullptr;
}

void put(Json& proxy, std::string_view path, Json value) {
  Json* at = &proxy;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find_first_of(".["), path.size());
    const std::string key(path.substr(0, end));
    path.remove_prefix(end);
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[key];
    if (path.starts_with('[')) {
      const std::size_t close = std::min(path.find(']'), path.size() - 1);
      const std::string item(path.substr(1, close - 1));
      path.remove_prefix(close + 1);
      if (key == "endpoints")
        at = &(*at)[item];
      else
        at = &(*at)[static_cast<std::size_t>(std::stoul(item))];
    }
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  *at = std::move(value);
}

Json json_of(const config::Setting& setting, const config::KeyInfo& key) {
  const bool plain = key.kind == "integer" || key.kind == "number" || key.kind == "boolean";
  return plain ? Json::parse(setting.value) : Json(setting.value);
}

config::ParseResult proxy_of(const Scenario& scenario) {
  config::Environment nothing;
  // What a variable or a file holds changes no time.
  nothing.variable = [](const std::string&) { return std::optional<std::string>{"hidden"}; };
  nothing.file = [](const std::string& path) {
    const bool pem = path.ends_with(".pem") || path.ends_with(".crt");
    return std::optional<std::string>{pem ? "-----BEGIN CERTIFICATE-----" : "hidden"};
  };
  return config::parse_text(proxy_config(scenario, {}), "", nothing);
}

}  // namespace scenario
