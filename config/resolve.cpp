#include "config/resolve.hpp"

#include <algorithm>
#include <utility>

namespace config {
namespace {

// An endpoint's header replaces the profile's of the same name.
std::vector<NameValue> merge_headers(const std::vector<NameValue>& profile,
                                     const std::vector<NameValue>& own) {
  const auto same = [](const std::string& a, const std::string& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      };
      return lower(x) == lower(y);
    });
  };
  std::vector<NameValue> merged;
  for (const NameValue& header : profile)
    if (std::none_of(own.begin(), own.end(),
                     [&](const NameValue& other) { return same(header.name, other.name); }))
      merged.push_back(header);
  merged.insert(merged.end(), own.begin(), own.end());
  return merged;
}

template <class T>
void take(std::optional<T>& into, const std::optional<T>& own) {
  if (own) into = own;
}

ProbeSettings merge(const ProbeSettings& profile, const ProbeSettings& own) {
  ProbeSettings merged = profile;
  take(merged.preset, own.preset);
  take(merged.protocol, own.protocol);
  take(merged.method, own.method);
  take(merged.path, own.path);
  take(merged.port, own.port);
  merged.headers = merge_headers(profile.headers, own.headers);
  if (!own.status.empty()) merged.status = own.status;
  take(merged.body_match, own.body_match);
  take(merged.json_match, own.json_match);
  take(merged.key, own.key);
  take(merged.interval, own.interval);
  take(merged.timeout, own.timeout);
  take(merged.tolerated_failures, own.tolerated_failures);
  take(merged.required_passes, own.required_passes);
  take(merged.jitter, own.jitter);
  take(merged.standby_interval, own.standby_interval);
  take(merged.doubt_interval, own.doubt_interval);
  take(merged.cold_grace, own.cold_grace);
  take(merged.idle_after, own.idle_after);
  take(merged.verify_tls, own.verify_tls);
  return merged;
}

// What is asked and which answer counts. Without a path or an answer rule of its own the endpoint
// gets the most telling probe that its configuration allows; Traffic Manager knows neither.
void decide_question(ProbePolicy& policy, const ProbeSettings& written, const Config& config,
                     const Endpoint& endpoint) {
  const bool own_question = written.path || written.method || !written.status.empty() ||
                            written.body_match || written.json_match ||
                            policy.preset == Preset::traffic_manager;
  const Secret key = written.key ? *written.key : Secret{};
  const Secret& durable_key = key.empty() ? endpoint.keys.durable : key;
  policy.path = written.path.value_or("/");
  policy.key = key;
  if (policy.protocol == Protocol::tcp) {
    policy.path.clear();
  } else if (!own_question) {
    const bool open_door =
        endpoint.auth == AuthMode::none && config.durable.task_hub != TaskHub::none;
    policy.durable = !durable_key.empty() || open_door;
    policy.host_only = !policy.durable;
    if (policy.durable) {
      policy.path = durable_probe_path;
      policy.key = durable_key;
      policy.status = {{404, 404}};
    } else {
      policy.status = {{100, 499}};
    }
  }
  if (policy.protocol != Protocol::tcp) policy.path = endpoint.url.base_path + policy.path;
}

std::uint16_t probe_port(const Url& url, Protocol protocol) {
  if (protocol == Protocol::tcp || (protocol == Protocol::https) == url.tls) return url.port;
  const bool usual = url.port == (url.tls ? 443 : 80);
  if (!usual) return url.port;
  return protocol == Protocol::https ? 443 : 80;
}

ProbePolicy resolve_probe(const Config& config, const Endpoint& endpoint) {
  const ProbeSettings written = merge(config.probe, endpoint.probe_overrides);
  ProbePolicy policy = preset_policy(written.preset.value_or(default_preset(endpoint.url)));
  policy.protocol = written.protocol.value_or(endpoint.url.tls ? Protocol::https : Protocol::http);
  policy.method = written.method.value_or("GET");
  policy.port = written.port.value_or(probe_port(endpoint.url, policy.protocol));
  policy.headers = written.headers;
  if (!written.status.empty()) policy.status = written.status;
  policy.body_match = written.body_match.value_or("");
  policy.json_match = written.json_match;
  decide_question(policy, written, config, endpoint);

  policy.interval = written.interval.value_or(policy.interval);
  // Traffic Manager's default timeout depends on its interval: 10 s, or 9 s when that is 10 s.
  if (policy.preset == Preset::traffic_manager && policy.interval <= 10s) policy.timeout = 9s;
  policy.timeout = written.timeout.value_or(policy.timeout);
  policy.tolerated_failures = written.tolerated_failures.value_or(policy.tolerated_failures);
  policy.required_passes = written.required_passes.value_or(policy.required_passes);
  policy.jitter = written.jitter.value_or(policy.jitter);
  policy.standby_interval = written.standby_interval.value_or(policy.interval);
  if (policy.preset == Preset::traffic_manager) policy.doubt_interval = policy.interval;
  policy.doubt_interval =
      std::min(written.doubt_interval.value_or(policy.doubt_interval), policy.interval);
  policy.cold_grace = written.cold_grace.value_or(policy.cold_grace);
  policy.idle_after = written.idle_after.value_or(policy.idle_after);
  policy.verify_tls = written.verify_tls.value_or(policy.verify_tls);
  return policy;
}

Evidence resolve_evidence(const Config::EvidenceSettings& written, Preset preset) {
  Evidence evidence = preset_evidence(preset);
  evidence.connect_failures = written.connect_failures.value_or(evidence.connect_failures);
  evidence.connect_window = written.connect_window.value_or(evidence.connect_window);
  evidence.http_share = written.http_share.value_or(evidence.http_share);
  evidence.http_min = written.http_min.value_or(evidence.http_min);
  evidence.http_window = written.http_window.value_or(evidence.http_window);
  return evidence;
}

}  // namespace

Preset default_preset(const Url& url) {
  return url.tls ? Preset::azure : Preset::responsive;
}

ProbePolicy preset_policy(Preset preset) {
  ProbePolicy policy;  // the initialisers are the responsive preset
  policy.preset = preset;
  if (preset == Preset::azure) {
    policy.interval = policy.standby_interval = 10s;
    policy.timeout = 5s;
    policy.tolerated_failures = 3;
    policy.required_passes = 3;
    policy.doubt_interval = 1s;
    policy.healthy_for = 5min;
  } else if (preset == Preset::traffic_manager) {
    policy.interval = policy.standby_interval = policy.doubt_interval = 30s;
    policy.timeout = 10s;
    policy.tolerated_failures = 3;
    policy.required_passes = 1;
    policy.jitter = 0;
    policy.cold_grace = 0s;
    policy.verify_tls = false;
    policy.healthy_for = 0s;
  }
  return policy;
}

Evidence preset_evidence(Preset preset) {
  Evidence evidence;
  evidence.starts_probe = preset != Preset::traffic_manager;
  evidence.degrades = preset == Preset::responsive;
  return evidence;
}

Endpoint make_endpoint(std::string name, Url url, int priority) {
  Endpoint endpoint;
  const bool loopback = is_loopback(url.host);
  endpoint.name = std::move(name);
  endpoint.url = std::move(url);
  endpoint.priority = priority;
  endpoint.peer = loopback ? Peer::direct : Peer::gateway;
  endpoint.auth = loopback ? AuthMode::none : AuthMode::keys;
  return endpoint;
}

void resolve_values(Config& config) {
  if (config.listen.empty()) config.listen.push_back({{"127.0.0.1", 8080}, std::nullopt});
  Millis longest{0};
  for (Endpoint& endpoint : config.endpoints) {
    endpoint.probe = resolve_probe(config, endpoint);
    endpoint.evidence = resolve_evidence(config.evidence, endpoint.probe.preset);
    endpoint.disagreement = config.routing.disagreement.value_or(
        endpoint.probe.preset == Preset::responsive ? Disagreement::traffic : Disagreement::probe);
    longest = std::max(longest, endpoint.probe.healthy_for);
  }
  config.failback.effective_healthy_for = config.failback.healthy_for.value_or(longest);
}

std::vector<std::size_t> priority_order(const Config& config) {
  std::vector<std::pair<int, std::size_t>> order;
  for (std::size_t i = 0; i < config.endpoints.size(); ++i)
    order.emplace_back(config.endpoints[i].priority, i);
  std::sort(order.begin(), order.end());
  std::vector<std::size_t> indexes;
  for (const auto& [priority, index] : order) indexes.push_back(index);
  return indexes;
}

void resolve(Config& config) {
  resolve_values(config);
  std::vector<Endpoint> sorted;
  for (const std::size_t index : priority_order(config))
    sorted.push_back(std::move(config.endpoints[index]));
  config.endpoints = std::move(sorted);
}

}  // namespace config
