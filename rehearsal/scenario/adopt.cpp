#include "rehearsal/scenario/adopt.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/explain.hpp"
#include "config/tree.hpp"
#include "config/units.hpp"
#include "config/words.hpp"
#include "rehearsal/scenario/profile.hpp"

namespace scenario {
namespace {

using config::Issue;
using Json = nlohmann::ordered_json;
using Names = std::map<std::string, std::string>;  // of the scenario -> of the file

constexpr std::string_view sticky_header = "X-Client";

// Keys that belong to the real place, or that a stand-in has its own answer to.
bool stays_behind(std::string_view path) {
  for (const std::string_view start :
       {"listen", "public_origin", "trusted_proxies", "clients", "admin", "faults", "dns", "log",
        "profile", "stickiness.client", "stickiness.header", "stickiness.cookie",
        "durable.status_tokens", "durable.open_webhooks", "durable.start_routes",
        "durable.ledger.path", "durable.ledger.queue_starts"})
    if (path.starts_with(start)) return true;
  if (!path.starts_with("endpoints[")) return false;
  const std::size_t close = std::min(path.find(']'), path.size() - 1);
  const std::string_view key = path.substr(std::min(close + 2, path.size()));
  for (const std::string_view start : {"name",
                                       "url",
                                       "priority",
                                       "region",
                                       "auth",
                                       "keys",
                                       "host",
                                       "tls",
                                       "task_hub_name",
                                       "connection",
                                       "secret_header",
                                       "probe.protocol",
                                       "probe.port",
                                       "probe.path",
                                       "probe.method",
                                       "probe.headers",
                                       "probe.status",
                                       "probe.body_match",
                                       "probe.json_match",
                                       "probe.key"})
    if (key.starts_with(start)) return true;
  return false;
}

bool is_served(std::string_view path) {
  for (const std::string_view known :
       {"/", "/api/health", "/runtime/health", "/runtime/health/ready", "/admin/host/ping"})
    if (path == known) return true;
  return false;
}

class Adoption {
 public:
  Adoption(Scenario& scenario, const config::ParseResult& parsed, std::vector<Issue>& issues)
      : scenario_{scenario}, config_{*parsed.config}, parsed_{parsed}, issues_{issues} {}

  bool adopt() {
    if (config_.endpoints.size() < 2)
      return refuse("endpoints", "has only one endpoint",
                    "a rehearsal needs one to fail over to; add a second one");
    const auto before = times();
    Scenario old = scenario_;
    if (!name_parts()) return false;
    take_endpoints(old.topology);
    rename_steps();
    take_hub();
    take_settings();
    const config::ParseResult proxy = proxy_of(scenario_);
    for (const Issue& issue : proxy.issues)
      if (issue.severity == config::Severity::error) issues_.push_back(issue);
    if (!proxy.config) return false;
    const auto after = config::compute_times(*proxy.config);
    if (before) follow(before->worst, after.worst);
    if (config_.failback.mode == config::FailbackMode::manual)
      warn("failback.mode", "is manual, so a step that waits for the best endpoint waits in vain",
           "add {\"operate\": \"failback\"} to a file of your own");
    return true;
  }

 private:
  bool refuse(const std::string& path, std::string rule, std::string hint) {
    issues_.push_back(issue(config::Severity::error, path, std::move(rule), std::move(hint)));
    return false;
  }
  void warn(const std::string& path, std::string rule, std::string hint) {
    issues_.push_back(issue(config::Severity::warning, path, std::move(rule), std::move(hint)));
  }
  Issue issue(config::Severity severity, const std::string& path, std::string rule,
              std::string hint) const {
    const config::Position at = parsed_.source.at(path);
    return {severity, parsed_.source.file, at.line,        at.column, path,
            "",       std::move(rule),     std::move(hint)};
  }
  void note(std::string text) { scenario_.changed.push_back(std::move(text)); }

  std::optional<config::ProfileTimes> times() const {
    const config::ParseResult proxy = proxy_of(scenario_);
    if (!proxy.config) return std::nullopt;
    return config::compute_times(*proxy.config);
  }

  // Which endpoint of the file plays which one of the scenario: by priority.
  bool name_parts() {
    const auto& own = scenario_.topology.endpoints;
    if (own.size() > config_.endpoints.size())
      return refuse("endpoints",
                    "has " + std::to_string(config_.endpoints.size()) +
                        " endpoints, and the scenario is about " + std::to_string(own.size()),
                    "choose another scenario");
    for (std::size_t i = 0; i < own.size(); ++i) names_[own[i].name] = config_.endpoints[i].name;
    for (const Process& process : scenario_.topology.processes)
      for (const config::Endpoint& endpoint : config_.endpoints)
        if (process.name == endpoint.name || endpoint.name == "proxy" || endpoint.name == "all")
          return refuse("endpoints", "an endpoint has the name of another part: " + endpoint.name,
                        "choose another scenario");
    return true;
  }

  std::string renamed(const std::string& name) const {
    const std::size_t cut = std::min(name.rfind('#'), name.size());
    const auto found = names_.find(name.substr(0, cut));
    return found == names_.end() ? name : found->second + name.substr(cut);
  }

  void take_endpoints(const Topology& old) {
    std::vector<Endpoint> endpoints;
    std::string list;
    for (std::size_t i = 0; i < config_.endpoints.size(); ++i) {
      const config::Endpoint& real = config_.endpoints[i];
      Endpoint endpoint;
      StandIn app;
      if (i < old.endpoints.size()) {
        endpoint.link = old.endpoints[i].link;
        if (const auto* played = std::get_if<StandIn>(&old.endpoints[i].is)) app = *played;
      }
      app.storage = renamed(app.storage);
      app.durable_key.clear();
      if (real.peer == config::Peer::gateway) app.gateway = true;
      endpoint.name = real.name;
      endpoint.region = real.region;
      endpoint.priority = real.priority;
      endpoint.is = std::move(app);
      endpoints.push_back(std::move(endpoint));
      list += (list.empty() ? "" : ", ") + real.name;
    }
    scenario_.topology.endpoints = std::move(endpoints);
    scenario_.load.key.clear();
    note("the settings are those of " + parsed_.source.file + "; " + list +
         " are stand-ins without keys");
  }

  void rename_steps() {
    for (Step& step : scenario_.steps) {
      if (auto* fault = std::get_if<Fault>(&step)) fault->target = renamed(fault->target);
      if (auto* heal = std::get_if<Heal>(&step)) heal->target = renamed(heal->target);
      if (auto* operate = std::get_if<Operate>(&step)) operate->target = renamed(operate->target);
      auto* wait = std::get_if<WaitUntil>(&step);
      if (wait && wait->until != Until::alert) wait->name = renamed(wait->name);
    }
  }

  bool plays_storage() const {
    return std::any_of(scenario_.steps.begin(), scenario_.steps.end(), [](const Step& step) {
      const auto* fault = std::get_if<Fault>(&step);
      const auto* operate = std::get_if<Operate>(&step);
      return (fault && fault->kind >= FaultKind::storage_errors &&
              fault->kind <= FaultKind::storage_read_only) ||
             (operate && operate->operation >= Operation::account_failover_planned);
    });
  }

  void take_hub() {
    Topology& topology = scenario_.topology;
    const config::TaskHub wanted = config_.durable.task_hub;
    topology.claim = wanted != config::TaskHub::none;
    if (topology.claim && wanted != topology.task_hub) {
      const std::string file{config::to_string(wanted)}, own{config::to_string(topology.task_hub)};
      if (plays_storage()) {
        warn("durable.task_hub",
             "is " + file + ", and the scenario is about storage that is " + own,
             "it is played with " + own);
      } else {
        warn("durable.task_hub", "is " + file + ", and the scenario was written for " + own,
             "it is played with " + file + "; its objectives may not fit");
        topology.task_hub = wanted;
      }
    }
    if (!topology.claim)
      note("the file names no task hub, so starts are not protected and the stand-ins' hub is " +
           std::string(config::to_string(topology.task_hub)));
    const std::vector<Storage> old = std::exchange(topology.storage, {});
    for (const Endpoint& endpoint : topology.endpoints) add_account(endpoint, old);
  }

  void add_account(const Endpoint& endpoint, const std::vector<Storage>& old) {
    Topology& topology = scenario_.topology;
    std::string name = std::get<StandIn>(endpoint.is).storage;
    if (name.empty())
      name = topology.task_hub == config::TaskHub::per_region ? endpoint.name : "shared";
    for (const Storage& storage : topology.storage)
      if (storage.name == name) return;
    Storage account{name, 0ms, 0ms};
    for (const Storage& storage : old)
      if (renamed(storage.name) == name) account = {name, storage.replicate_every, storage.skew};
    if (topology.task_hub == config::TaskHub::geo_replicated && account.replicate_every == 0ms)
      account.replicate_every = 1s;
    topology.storage.push_back(std::move(account));
  }

  void take_settings() {
    Json proxy = Json::object();
    for (const config::Setting& setting : config::settings(config_, parsed_.source)) {
      const bool written =
          setting.origin == config::Origin::file || setting.origin == config::Origin::command_line;
      const config::KeyInfo* key = find_key(setting.path);
      if (!written || !key || setting.later || stays_behind(setting.path)) continue;
      const bool word =
          std::find(key->words.begin(), key->words.end(), setting.value) != key->words.end();
      if (setting.value == "none" && !word) continue;
      put(proxy, setting.path, json_of(setting, *key));
    }
    proxy["durable"]["task_hub"] =
        scenario_.topology.claim ? config::to_string(scenario_.topology.task_hub) : "none";
    take_routes(proxy);
    if (config_.durable.ledger.queue_starts || config_.durable.status_tokens)
      note("queued starts and status tokens are off: they need the keys of clients");
    if (config_.stickiness.client != config::StickyClient::header ||
        config_.stickiness.header != sticky_header)
      note("clients are told apart by the header X-Client: all of them have one address here");
    proxy["stickiness"]["client"] = "header";
    proxy["stickiness"]["header"] = sticky_header;
    for (const config::Endpoint& endpoint : config_.endpoints)
      take_probe(endpoint, proxy["endpoints"][endpoint.name]);
    using Handler = Json::error_handler_t;
    scenario_.proxy = proxy.dump(-1, ' ', false, Handler::replace);
  }

  // The stand-ins have one starter function; it is what the file's first one is to its proxy.
  void take_routes(Json& proxy) {
    Json routes = Json::array();
    if (config_.durable.start_routes.empty()) {
      scenario_.load.custom_share = 0;
    } else {
      routes.push_back({{"route", "POST /api/orchestrators/{function}"},
                        {"via", config::to_string(config_.durable.start_routes.front().via)}});
      note(
          "POST /api/orchestrators/{function} of the stand-ins stands for the file's start routes");
    }
    proxy["durable"]["start_routes"] = std::move(routes);
  }

  void take_probe(const config::Endpoint& endpoint, Json& keys) {
    const config::ProbePolicy& probe = endpoint.probe;
    keys["peer"] = config::to_string(endpoint.peer);
    keys["probe"]["preset"] = config::to_string(probe.preset);
    if (probe.protocol == config::Protocol::tcp) {
      keys["probe"]["protocol"] = "tcp";
    } else if (probe.host_only) {
      keys["auth"] = "keys";  // without one: the same poor probe as in the file
    } else if (!probe.durable) {
      const std::string path = probe.path.substr(endpoint.url.base_path.size());
      keys["probe"]["path"] = is_served(path) ? path : "/api/health";
      if (!is_served(path))
        note("the probe of " + endpoint.name + " asks for /api/health, which a stand-in answers");
    }
  }

  static void raise(Millis& time, Millis by) { time += std::max(by, Millis{0}); }
  static void raise(std::optional<Millis>& time, Millis by) {
    if (time) raise(*time, by);
  }

  // Faults have to outlast detection, waits and objectives have to allow for what the profile
  // takes: all are longer by the difference of the computed worst cases.
  void follow(const config::EndpointTimes& before, const config::EndpointTimes& after) {
    const Millis detect = after.detect_frozen - before.detect_frozen;
    const Millis failover = after.failover_sticky - before.failover_sticky;
    const Millis recover = after.recover - before.recover;
    const Millis failback = after.failback_sticky.value_or(after.recover) -
                            before.failback_sticky.value_or(before.recover);
    Millis added{0};
    for (Step& step : scenario_.steps) {
      if (auto* fault = std::get_if<Fault>(&step); fault && fault->lasts > 0ms) {
        raise(fault->lasts, failover);
        raise(added, failover);
      }
      if (auto* wait = std::get_if<WaitUntil>(&step)) {
        raise(wait->within, failover);
        raise(wait->within, failback);
        raise(added, failover);
        raise(added, failback);
        if (wait->until == Until::since_fault) raise(wait->time, failover);
      }
    }
    Objectives& o = scenario_.objectives;
    raise(o.detect, detect);
    raise(o.alert_within, detect);
    for (auto* time : {&o.http_rto, &o.work_rto, &o.p95_during, &o.instance_recovery})
      raise(*time, failover);
    raise(o.instance_recovery, recover);
    raise(o.failback, failback);
    raise(scenario_.limit, added);
    if (added > 0ms)
      note("detection takes up to " + config::duration_text(after.detect_frozen) +
           " with this file instead of " + config::duration_text(before.detect_frozen) +
           ": faults, waits and objectives are longer by what the computed times differ");
  }

  Scenario& scenario_;
  const config::Config& config_;
  const config::ParseResult& parsed_;
  std::vector<Issue>& issues_;
  Names names_;
};

}  // namespace

bool adopt_config(Scenario& scenario, const config::ParseResult& parsed,
                  std::vector<Issue>& issues) {
  if (!parsed.config) {
    issues.insert(issues.end(), parsed.issues.begin(), parsed.issues.end());
    return false;
  }
  Scenario adopted = scenario;
  if (!Adoption{adopted, parsed, issues}.adopt()) return false;
  scenario = std::move(adopted);
  return true;
}

}  // namespace scenario
