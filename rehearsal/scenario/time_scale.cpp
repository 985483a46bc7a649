#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/explain.hpp"
#include "config/units.hpp"
#include "config/words.hpp"
#include "rehearsal/scenario/adopt.hpp"
#include "rehearsal/scenario/profile.hpp"

namespace scenario {
namespace {

using config::duration_text;
using config::Issue;
using Json = nlohmann::ordered_json;

// The machine is as slow as before, so what it needs itself is not divided: an answer of a process
// that has to be scheduled, a wait that is only a limit, an objective that is met by working.
constexpr Millis shortest_wait{2'000}, shortest_objective{1'000}, shortest_timeout{200};

// What a run never reaches, or what is about the clocks of this machine.
bool stays_whole(std::string_view path) {
  return path.ends_with("retention") || path == "durable.ledger.hub_clock_skew" ||
         path == "durable.ledger.loss_window" || path == "durable.ledger.max_wait";
}

class Scaling {
 public:
  Scaling(Scenario& scenario, int n, std::vector<Issue>& issues)
      : scenario_{scenario}, n_{n}, issues_{issues} {}

  bool scale() {
    const config::ParseResult parsed = proxy_of(scenario_);
    if (!parsed.config) {
      issues_.insert(issues_.end(), parsed.issues.begin(), parsed.issues.end());
      return false;
    }
    scale_proxy(*parsed.config, parsed.source);
    scale_steps();
    scale_objectives();
    scale_topology();
    scenario_.time_scale *= n_;
    const config::ParseResult scaled = proxy_of(scenario_);
    for (const Issue& issue : scaled.issues)
      if (issue.severity == config::Severity::error) issues_.push_back(issue);
    return scaled.config.has_value();
  }

 private:
  void warn(const std::string& path, std::string found, std::string rule, std::string hint) {
    issues_.push_back({config::Severity::warning, "", 0, 0, "proxy." + path, std::move(found),
                       std::move(rule), std::move(hint)});
  }

  void divide(Millis& time, Millis least = Millis{0}) const {
    time = std::max(time / n_, std::min(time, least));
  }
  void divide(std::optional<Millis>& time, Millis least) const {
    if (time) divide(*time, least);
  }

  // Never below what the key allows: that place is named.
  std::string divided(const std::string& path, const config::KeyInfo& key, Millis value) {
    Millis least{0};
    if (!key.min.empty()) (void)config::parse_duration(key.min, least);
    if (path.starts_with("timeouts.") && value > shortest_timeout)
      least = std::max(least, shortest_timeout);
    const Millis scaled = value / n_;
    if (scaled >= least || value <= least) return duration_text(value <= least ? value : scaled);
    warn(path, duration_text(value) + " / " + std::to_string(n_),
         "is shorter than can be, " + duration_text(least), "it is that long in this run");
    return duration_text(least);
  }

  void scale_proxy(const config::Config& config, const config::Source& source) {
    Json proxy = Json::parse(scenario_.proxy);
    for (const config::Endpoint& endpoint : config.endpoints) free_of_preset(endpoint, proxy);
    for (const config::Setting& setting : config::settings(config, source)) {
      const config::KeyInfo* key = find_key(setting.path);
      Millis value{0};
      if (!key || key->kind != "duration" || setting.later || stays_whole(setting.path) ||
          config::parse_duration(setting.value, value))
        continue;
      put(proxy, setting.path, divided(setting.path, *key, value));
      if (proxy.contains("probe") && setting.path.find("].probe.") != std::string::npos)
        proxy["probe"].erase(setting.path.substr(setting.path.rfind('.') + 1));
    }
    if (!config.durable.ledger.settle_after) {
      bool gateway = false;
      for (const config::Endpoint& endpoint : config.endpoints)
        gateway = gateway || endpoint.peer == config::Peer::gateway;
      const std::string path = "durable.ledger.settle_after";
      put(proxy, path, divided(path, *find_key(path), gateway ? 240s : 5s));
    }
    scenario_.proxy = proxy.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  // The preset of Traffic Manager has Azure's ranges. `azure` behaves the same with its numbers
  // written down, but for live traffic, which also starts probes there.
  void free_of_preset(const config::Endpoint& endpoint, Json& proxy) {
    const config::ProbePolicy& policy = endpoint.probe;
    if (policy.preset != config::Preset::traffic_manager) return;
    Json& probe = proxy["endpoints"][endpoint.name]["probe"];
    probe["preset"] = "azure";
    probe["tolerated_failures"] = policy.tolerated_failures;
    probe["required_passes"] = policy.required_passes;
    probe["jitter"] = policy.jitter;
    probe["verify_tls"] = policy.verify_tls;
    if (policy.protocol != config::Protocol::tcp)
      probe["path"] = policy.path.substr(endpoint.url.base_path.size());
    if (proxy.contains("probe")) proxy["probe"].erase("preset");
    warn("endpoints." + endpoint.name + ".probe.preset", "\"traffic-manager\"",
         "allows 10s and 30s only",
         "its numbers are written out on the preset azure, where live "
         "traffic may start a probe early");
  }

  void scale_steps() {
    for (Step& step : scenario_.steps) {
      if (auto* fault = std::get_if<Fault>(&step)) {
        for (Millis* time : {&fault->lasts, &fault->by, &fault->jitter, &fault->up, &fault->down})
          divide(*time, Millis{10});
      } else if (auto* operate = std::get_if<Operate>(&step)) {
        divide(operate->takes);
      } else if (auto* wait = std::get_if<WaitUntil>(&step)) {
        divide(wait->time, Millis{10});
        divide(wait->within, shortest_wait);
      }
    }
    divide(scenario_.steady.lasts, Millis{500});
    divide(scenario_.steady.within, shortest_wait);
    divide(scenario_.load.work, Millis{1});
    divide(scenario_.load.poll_every, Millis{50});
  }

  void scale_objectives() {
    Objectives& o = scenario_.objectives;
    for (auto* time : {&o.http_rto, &o.work_rto, &o.detect, &o.failback, &o.p95_during,
                       &o.instance_recovery, &o.alert_within})
      divide(*time, shortest_objective);
  }

  void scale_topology() {
    Topology& topology = scenario_.topology;
    topology.lease_scale = std::min(topology.lease_scale * n_, 600);
    for (Endpoint& endpoint : topology.endpoints) {
      auto* app = std::get_if<StandIn>(&endpoint.is);
      if (!app) continue;
      divide(app->cut_after, Millis{100});
      divide(app->cold_start, Millis{1});
      divide(app->idle_after, Millis{100});
    }
    for (Storage& storage : topology.storage) {
      divide(storage.replicate_every, Millis{50});
      storage.skew /= n_;
    }
  }

  Scenario& scenario_;
  int n_;
  std::vector<Issue>& issues_;
};

}  // namespace

bool apply_time_scale(Scenario& scenario, int n, std::vector<Issue>& issues) {
  if (n < 1 || n > 100) {
    issues.push_back({config::Severity::error, "", 0, 0, "", std::to_string(n), "is no time scale",
                      "choose 1..100"});
    return false;
  }
  if (n == 1) return true;
  Scenario scaled = scenario;
  if (!Scaling{scaled, n, issues}.scale()) return false;
  scenario = std::move(scaled);
  return true;
}

}  // namespace scenario
