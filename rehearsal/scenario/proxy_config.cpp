#include <nlohmann/json.hpp>

#include "config/words.hpp"
#include "rehearsal/scenario/adopt.hpp"

namespace scenario {
namespace {

using Json = nlohmann::ordered_json;

Json& object_at(Json& parent, const char* key) {
  Json& value = parent[key];
  if (!value.is_object()) value = Json::object();
  return value;
}

bool asks_something(const Json& probe) {
  for (const char* key :
       {"path", "method", "status", "body_match", "json_match", "key", "protocol"})
    if (probe.contains(key)) return true;
  return false;
}

// Without a claimed hub, or with a key that the proxy is not given, the Durable probe is
// impossible, and "/" proves little. The stand-in answers /api/health while it can work.
bool needs_health_path(const StandIn& app, const Json& endpoint, bool hub) {
  if (!hub) return true;
  const bool has_key = endpoint.contains("keys") && endpoint["keys"].is_object() &&
                       endpoint["keys"].contains("durable");
  return !app.durable_key.empty() && !has_key;
}

Json endpoint_object(const Endpoint& endpoint, const Json& extra, const Json& profile_probe,
                     const Places& places, std::size_t index, bool hub) {
  Json result = Json::object();
  result["name"] = endpoint.name;
  const auto* app = std::get_if<StandIn>(&endpoint.is);
  const auto place = places.urls.find(endpoint.name);
  const auto* url = std::get_if<config::Url>(&endpoint.is);
  if (place != places.urls.end())
    result["url"] = place->second;
  else if (url)
    result["url"] = url->origin() + url->base_path;
  else
    result["url"] = std::string(app && app->tls ? "https" : "http") +
                    "://127.0.0.1:" + std::to_string(10'001 + index);
  result["priority"] = endpoint.priority;
  if (!endpoint.region.empty()) result["region"] = endpoint.region;
  if (app && app->gateway) result["peer"] = "gateway";
  if (app && app->tls && !places.ca_file.empty()) result["tls"]["ca"] = places.ca_file;
  if (extra.is_object()) {
    Json wins = extra;
    for (const char* key : {"name", "url", "priority", "region"}) wins.erase(key);
    result.merge_patch(wins);
  }
  const Json own_probe = result.value("probe", Json::object());
  const std::string preset = own_probe.is_object() && own_probe.contains("preset")
                                 ? own_probe["preset"].dump()
                                 : profile_probe.value("preset", Json{}).dump();
  const bool no_durable_probe = preset == "\"traffic-manager\"";
  if (app && own_probe.is_object() && !asks_something(own_probe) &&
      !asks_something(profile_probe) && (no_durable_probe || needs_health_path(*app, result, hub)))
    result["probe"]["path"] = "/api/health";
  return result;
}

void add_durable(Json& config, const Scenario& scenario, const Places& places) {
  Json& durable = object_at(config, "durable");
  const bool claimed = scenario.topology.claim;
  if (!durable.contains("task_hub"))
    durable["task_hub"] = claimed ? config::to_string(scenario.topology.task_hub) : "none";
  if (durable["task_hub"] == "none") return;
  bool any_stand_in = false;
  for (const Endpoint& endpoint : scenario.topology.endpoints)
    any_stand_in = any_stand_in || std::holds_alternative<StandIn>(endpoint.is);
  if (any_stand_in && !durable.contains("start_routes"))
    durable["start_routes"] =
        Json::array({Json{{"route", "POST /api/orchestrators/{function}"}, {"via", "built-in"}}});
  Json& ledger = object_at(durable, "ledger");
  const bool on_disk = !ledger.contains("mode") || ledger["mode"] == "durable";
  if (!on_disk || ledger.contains("path")) return;
  if (places.ledger_file.empty())
    ledger["mode"] = "memory";
  else
    ledger["path"] = places.ledger_file;
}

}  // namespace

std::string proxy_config(const Scenario& scenario, const Places& places) {
  Json config = Json::parse(scenario.proxy, nullptr, false);
  if (!config.is_object()) config = Json::object();
  const Json extras = config.value("endpoints", Json::object());
  config["listen"] = Json::array({Json{{"address", places.listen}}});
  object_at(config, "admin")["address"] = places.admin;
  add_durable(config, scenario, places);
  const bool hub = config["durable"]["task_hub"] != "none";
  Json probe = config.value("probe", Json::object());
  if (!probe.is_object()) probe = Json::object();
  Json endpoints = Json::array();
  for (std::size_t i = 0; i < scenario.topology.endpoints.size(); ++i) {
    const Endpoint& endpoint = scenario.topology.endpoints[i];
    const Json extra = extras.is_object() ? extras.value(endpoint.name, Json::object()) : Json{};
    endpoints.push_back(endpoint_object(endpoint, extra, probe, places, i, hub));
  }
  config["endpoints"] = std::move(endpoints);
  return config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace scenario
