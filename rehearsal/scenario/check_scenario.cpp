#include "rehearsal/scenario/check_scenario.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/syntax.hpp"
#include "config/tree.hpp"
#include "rehearsal/scenario/adopt.hpp"

namespace scenario {
namespace {

using config::Findings;
using config::TaskHub;
using Json = nlohmann::ordered_json;

std::string item(const char* list, std::size_t index) {
  return std::string("topology.") + list + "[" + std::to_string(index) + "]";
}

std::string endpoint_path(std::size_t index) {
  return item("endpoints", index);
}

// The name of a role in the mind of the reader; a part of that name comes first.
bool is_taken(const Scenario& scenario, std::string_view name) {
  const auto named = [&](const auto& part) { return part.name == name; };
  const Topology& topology = scenario.topology;
  return std::any_of(topology.endpoints.begin(), topology.endpoints.end(), named) ||
         std::any_of(topology.processes.begin(), topology.processes.end(), named) ||
         std::any_of(topology.storage.begin(), topology.storage.end(), named);
}

void resolve_role(const Scenario& scenario, std::string& name) {
  const std::size_t cut = std::min(name.rfind('#'), name.size());
  const std::string role = name.substr(0, cut), instance = name.substr(cut);
  if ((role != "primary" && role != "secondary") || is_taken(scenario, role)) return;
  const auto endpoints = by_priority(scenario);
  const std::size_t index = role == "primary" ? 0 : 1;
  if (index < endpoints.size()) name = endpoints[index]->name + instance;
}

void check_name(const std::string& path, const std::string& name, Findings& findings,
                std::map<std::string, std::string>& taken) {
  if (name.empty()) return findings.error(path, "", "has no name", "add one, like \"primary\"");
  if (name == "proxy" || name == "all")
    return findings.error(path + ".name", config::quoted(name), "means something else in a step",
                          "choose another name");
  const auto [other, fresh] = taken.emplace(name, path);
  if (!fresh)
    findings.error(path + ".name", config::quoted(name), "is already used by " + other->second,
                   "give each part its own name");
}

void check_endpoint(const Scenario& scenario, std::size_t index, Findings& findings) {
  const Endpoint& endpoint = scenario.topology.endpoints[index];
  const std::string path = endpoint_path(index);
  for (std::size_t i = 0; i < index; ++i)
    if (scenario.topology.endpoints[i].priority == endpoint.priority)
      findings.error(path + ".priority", std::to_string(endpoint.priority),
                     "is already used by " + config::quoted(scenario.topology.endpoints[i].name),
                     "give each endpoint its own priority");
  const auto* app = std::get_if<StandIn>(&endpoint.is);
  if (!app) return;
  const std::string own = path + ".stand_in";
  if (app->instances > 1 && !app->gateway)
    findings.error(own + ".gateway", "false", "leaves nobody to spread requests over the instances",
                   "remove it: more than one instance stands behind a gateway");
  if (!app->gateway && findings.wrote(own + ".cut_after"))
    findings.error(own + ".cut_after", "", "has no meaning without a gateway",
                   "remove it, or add \"gateway\": true");
  if (app->lease_store.empty()) return;
  std::vector<std::string> names;
  for (const Process& process : scenario.topology.processes) names.push_back(process.name);
  if (std::find(names.begin(), names.end(), app->lease_store) != names.end()) return;
  const auto close = config::nearest(app->lease_store, names);
  findings.error(own + ".lease_store", config::quoted(app->lease_store),
                 "is no process of the topology",
                 close ? "did you mean \"" + *close + "\"?" : "add it to topology.processes");
}

void check_storage(const Scenario& scenario, Findings& findings) {
  const auto& accounts = scenario.topology.storage;
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    const std::string path = item("storage", i);
    if (accounts[i].name.empty()) {
      findings.error(path, "", "has no name", "add one, like \"shared\"");
      continue;
    }
    for (std::size_t k = 0; k < i; ++k)
      if (accounts[k].name == accounts[i].name)
        findings.error(path + ".name", config::quoted(accounts[i].name),
                       "is already used by " + item("storage", k), "write it once");
    if (accounts[i].skew != 0ms && accounts[i].replicate_every == 0ms)
      findings.error(path + ".skew", "", "has no meaning without a replica",
                     "add \"replicate_every\": \"1s\"");
    std::vector<std::string> used;
    for (const Endpoint& endpoint : scenario.topology.endpoints)
      if (std::string name = account_of(scenario, endpoint); !name.empty())
        used.push_back(std::move(name));
    if (std::find(used.begin(), used.end(), accounts[i].name) != used.end()) continue;
    const auto close = config::nearest(accounts[i].name, used);
    findings.error(
        path + ".name", config::quoted(accounts[i].name), "is the account of no stand-in",
        close ? "did you mean \"" + *close + "\"?" : "remove it, or name it in stand_in.storage");
  }
}

void check_topology(const Scenario& scenario, Findings& findings) {
  const Topology& topology = scenario.topology;
  if (topology.endpoints.empty()) {
    findings.error("topology", "", "has no endpoints",
                   "add \"endpoints\": [{\"name\": \"primary\"}, {\"name\": \"secondary\"}]");
    return;
  }
  if (topology.endpoints.size() > 16)
    findings.error("topology.endpoints", std::to_string(topology.endpoints.size()) + " endpoints",
                   "are more than 16", "one machine plays no more");
  std::map<std::string, std::string> taken;
  for (std::size_t i = 0; i < topology.endpoints.size(); ++i) {
    check_name(endpoint_path(i), topology.endpoints[i].name, findings, taken);
    check_endpoint(scenario, i, findings);
  }
  for (std::size_t i = 0; i < topology.processes.size(); ++i) {
    const std::string path = item("processes", i);
    check_name(path, topology.processes[i].name, findings, taken);
    if (topology.processes[i].command.words.empty())
      findings.error(path, "", "has no command", "add \"command\": [\"azurite\", ...]");
  }
  check_storage(scenario, findings);
}

void check_parts(const Scenario& scenario, Findings& findings) {
  if (scenario.name.empty() && !findings.refused("scenario"))
    findings.error("", "", "has no name", "add \"scenario\": \"my-outage\"");
  if (scenario.title.empty() && !findings.refused("title"))
    findings.error("", "", "has no title", "say in one line what it plays: \"title\": \"...\"");
  if (scenario.steady.within < scenario.steady.lasts)
    findings.error(
        "steady.within", config::duration_text(scenario.steady.within),
        "is shorter than steady.for (" + config::duration_text(scenario.steady.lasts) + ")",
        "it could not be reached in time");
}

// "endpoints[1].probe.path" of the configuration is "proxy.endpoints.NAME.probe.path" here.
std::string path_here(const std::string& path, const Scenario& scenario) {
  constexpr std::string_view list = "endpoints[";
  if (path.empty()) return "proxy";
  if (!path.starts_with(list)) return "proxy." + path;
  const std::size_t close = path.find(']');
  const std::size_t index = std::strtoul(path.c_str() + list.size(), nullptr, 10);
  if (close == std::string::npos || index >= scenario.topology.endpoints.size())
    return "proxy." + path;
  return "proxy.endpoints." + scenario.topology.endpoints[index].name + path.substr(close + 1);
}

bool check_own_keys(const Scenario& scenario, const Json& proxy, Findings& findings) {
  bool good = true;
  const auto refuse = [&](const std::string& path, std::string found, std::string rule,
                          std::string hint) {
    findings.error(path, std::move(found), std::move(rule), std::move(hint));
    good = false;
  };
  if (proxy.contains("listen"))
    refuse("proxy.listen", "", "is chosen by the rehearsal", "remove it");
  if (proxy.contains("admin")) refuse("proxy.admin", "", "is chosen by the rehearsal", "remove it");
  if (!proxy.contains("endpoints")) return good;
  const Json& endpoints = proxy["endpoints"];
  if (!endpoints.is_object()) {
    refuse("proxy.endpoints", "", "is not an object",
           "write {\"NAME\": { keys of that endpoint }}; the list is topology.endpoints");
    return good;
  }
  std::vector<std::string> names;
  for (const Endpoint& endpoint : scenario.topology.endpoints) names.push_back(endpoint.name);
  for (const auto& [name, keys] : endpoints.items()) {
    const std::string path = "proxy.endpoints." + name;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const auto close = config::nearest(name, names);
      refuse(path, "", "is no endpoint of the topology",
             close ? "did you mean \"" + *close + "\"?" : "add it to topology.endpoints");
    } else if (!keys.is_object()) {
      refuse(path, "", "is not an object", "write { ... }");
    } else {
      for (const char* key : {"name", "url", "priority", "region"})
        if (keys.contains(key))
          refuse(path + "." + key, "", "belongs to topology.endpoints", "write it there");
    }
  }
  return good;
}

}  // namespace

std::string step_path(std::size_t index) {
  return "steps[" + std::to_string(index) + "]";
}

std::string account_of(const Scenario& scenario, const Endpoint& endpoint) {
  const auto* app = std::get_if<StandIn>(&endpoint.is);
  if (!app) return {};
  if (!app->storage.empty()) return app->storage;
  return scenario.topology.task_hub == TaskHub::per_region ? endpoint.name : "shared";
}

std::vector<const Endpoint*> by_priority(const Scenario& scenario) {
  std::vector<std::pair<int, std::size_t>> order;
  const auto& endpoints = scenario.topology.endpoints;
  for (std::size_t i = 0; i < endpoints.size(); ++i) order.emplace_back(endpoints[i].priority, i);
  std::sort(order.begin(), order.end());
  std::vector<const Endpoint*> sorted;
  for (const auto& [priority, index] : order) sorted.push_back(&endpoints[index]);
  return sorted;
}

void complete(Scenario& scenario, const Findings& findings) {
  Topology& topology = scenario.topology;
  int last = 0;
  for (Endpoint& endpoint : topology.endpoints) {
    if (endpoint.priority == 0) endpoint.priority = std::min(last + 1, 1000);
    last = std::max(last, endpoint.priority);
  }
  for (const Endpoint& endpoint : topology.endpoints) {
    const std::string account = account_of(scenario, endpoint);
    const auto named = [&](const Storage& storage) { return storage.name == account; };
    if (account.empty() || std::any_of(topology.storage.begin(), topology.storage.end(), named))
      continue;
    topology.storage.push_back({account, 0ms, 0ms});
  }
  if (topology.task_hub != TaskHub::geo_replicated) return;
  for (std::size_t i = 0; i < topology.storage.size(); ++i)
    if (!findings.wrote(item("storage", i) + ".replicate_every"))
      topology.storage[i].replicate_every = 1s;
}

void resolve_roles(Scenario& scenario) {
  for (Step& step : scenario.steps) {
    if (auto* fault = std::get_if<Fault>(&step)) resolve_role(scenario, fault->target);
    if (auto* heal = std::get_if<Heal>(&step)) resolve_role(scenario, heal->target);
    if (auto* operate = std::get_if<Operate>(&step)) resolve_role(scenario, operate->target);
    auto* wait = std::get_if<WaitUntil>(&step);
    if (wait && wait->until != Until::alert) resolve_role(scenario, wait->name);
  }
}

void check_scenario(const Scenario& scenario, Findings& findings) {
  check_parts(scenario, findings);
  check_topology(scenario, findings);
  check_steps(scenario, findings);
}

void check_proxy(const Scenario& scenario, const config::Environment& environment,
                 Findings& findings) {
  const Json proxy = Json::parse(scenario.proxy, nullptr, false);
  if (!check_own_keys(scenario, proxy, findings)) return;
  const auto parsed = config::parse_text(proxy_config(scenario, {}), "", environment);
  for (const config::Issue& issue : parsed.issues)
    if (issue.severity == config::Severity::error)
      findings.error(path_here(issue.path, scenario), issue.found, issue.rule, issue.hint);
}

}  // namespace scenario
