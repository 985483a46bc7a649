#include <algorithm>
#include <cctype>

#include "config/check.hpp"
#include "config/tree.hpp"
#include "config/units.hpp"
#include "config/words.hpp"

namespace config {
namespace {

// One endpoint's probe and the places where its settings may be written.
struct Probe {
  const Endpoint& endpoint;
  const ProbePolicy& policy;
  std::string own;  // "endpoints[0].probe."
  const Findings& findings;

  // Where a key that counts for this endpoint is written: the endpoint's own wins.
  std::string at(const std::string& key) const {
    return findings.wrote(own + key) ? own + key : "probe." + key;
  }
  bool wrote(const std::string& key) const { return findings.wrote(at(key)); }
};

void check_headers(const std::vector<NameValue>& headers, const std::string& path,
                   Findings& findings) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const std::string at = path + "[" + std::to_string(i) + "]";
    if (headers[i].name.empty()) {
      if (!findings.refused(at + ".name"))
        findings.error(at, "", "has no name", "a header has name and value");
      continue;
    }
    if (!findings.wrote(at + ".value"))
      findings.error(at, "", "has no value", "a header has name and value");
    if (lower(headers[i].name) == "host" && headers[i].value.find('*') != std::string::npos)
      findings.error(at + ".value", "", "a Host header cannot hold a \"*\"", "name one host");
    for (std::size_t k = 0; k < i; ++k) {
      if (lower(headers[k].name) != lower(headers[i].name)) continue;
      findings.error(at + ".name", quoted(headers[i].name), "is already given above",
                     "keep one of them");
      break;
    }
  }
}

// What a TCP probe cannot have: it only opens a connection.
void check_tcp(const Probe& probe, Findings& findings) {
  if (probe.policy.protocol != Protocol::tcp) return;
  for (const char* key : {"path", "method", "headers", "status", "body_match", "json_match", "key"})
    if (probe.wrote(key))
      findings.error(probe.at(key), "", "has no meaning for a TCP probe",
                     "remove it, or choose http or https");
}

// Azure's rules and ranges: what it would not accept is not a rehearsal of it.
void check_traffic_manager(const Config& config, const Probe& probe, Findings& findings) {
  const ProbePolicy& policy = probe.policy;
  const auto refuse = [&](const char* key, std::string found, std::string rule, std::string hint) {
    findings.error(probe.at(key), std::move(found), std::move(rule), std::move(hint));
  };
  const bool fast = policy.interval == 10s;
  if (!fast && policy.interval != 30s) {
    refuse("interval", duration_text(policy.interval), "is no interval of Traffic Manager",
           "choose 10s or 30s");
  } else {
    const Millis longest = fast ? 9s : 10s;
    if (policy.timeout < 5s || policy.timeout > longest || policy.timeout.count() % 1000 != 0)
      refuse(
          "timeout", duration_text(policy.timeout),
          "is no timeout of Traffic Manager for an interval of " + duration_text(policy.interval),
          "choose whole seconds, 5s.." + duration_text(longest));
  }
  if (policy.tolerated_failures > 9)
    refuse("tolerated_failures", std::to_string(policy.tolerated_failures),
           "is more than Traffic Manager tolerates", "choose 0..9");
  if (policy.required_passes != 1)
    refuse("required_passes", std::to_string(policy.required_passes),
           "is more than Traffic Manager asks for", "it returns after 1; remove the key");
  if (policy.method != "GET")
    refuse("method", quoted(policy.method), "is not the method of Traffic Manager",
           "it sends GET; remove the key");
  if (policy.headers.size() > 8)
    refuse("headers", std::to_string(policy.headers.size()) + " headers",
           "are more than Traffic Manager sends", "keep at most 8");
  if (policy.status.size() > 8)
    refuse("status", std::to_string(policy.status.size()) + " ranges",
           "are more than Traffic Manager knows", "keep at most 8");
  for (const char* key : {"body_match", "json_match"})
    if (probe.wrote(key))
      refuse(key, "", "cannot be: Traffic Manager does not look at bodies", "remove the key");
  for (const char* key : {"standby_interval", "doubt_interval"})
    if (probe.wrote(key))
      refuse(key, "", "cannot be: Traffic Manager has one interval", "remove the key");
  if (policy.verify_tls)
    findings.warn(probe.at("verify_tls"), "true",
                  "checks certificates, which Traffic Manager does not",
                  "a probe may fail here where Azure's would pass");
  if (config.stickiness.ttl.count() % 1000 != 0)
    findings.error("stickiness.ttl", duration_text(config.stickiness.ttl),
                   "is no TTL of Traffic Manager", "use whole seconds");
}

void check_timing(const Probe& probe, Findings& findings) {
  const ProbePolicy& policy = probe.policy;
  if (policy.preset == Preset::responsive && probe.endpoint.url.tls &&
      !is_loopback(probe.endpoint.url.host))
    findings.error(
        probe.at("preset"), "\"responsive\"",
        "is for loopback and http endpoints, and " + quoted(probe.endpoint.name) + " is neither",
        "use azure there: brief trouble of a remote host is no outage");
  if (policy.preset != Preset::traffic_manager && policy.timeout > policy.interval &&
      !findings.refused(probe.at("interval")))
    findings.warn(probe.at("timeout"), duration_text(policy.timeout),
                  "is longer than the interval (" + duration_text(policy.interval) + ")",
                  "probes of a frozen endpoint then start a timeout apart");
  if (policy.preset != Preset::traffic_manager && probe.wrote("doubt_interval") &&
      policy.doubt_interval >= policy.interval)
    findings.warn(probe.at("doubt_interval"), "", "is not shorter than the interval",
                  "it has no effect; lower it or remove it");
}

void check_telling(const Config& config, const Probe& probe, Findings& findings,
                   const std::string& path) {
  if (!probe.policy.host_only || config.durable.task_hub == TaskHub::none) return;
  findings.warn(path, "", "is probed at \"/\", which proves only the host, not the task hub",
                "set keys.durable or probe.key for the Durable probe, or probe.path");
}

}  // namespace

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void check_probes(const Config& config, Findings& findings) {
  check_headers(config.probe.headers, "probe.headers", findings);
  bool counts = config.endpoints.empty();
  for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
    const Endpoint& endpoint = config.endpoints[i];
    const std::string path = endpoint_path(i);
    check_headers(endpoint.probe_overrides.headers, path + ".probe.headers", findings);
    counts = counts || endpoint.evidence.starts_probe || endpoint.evidence.degrades;
    if (endpoint.url.host.empty()) continue;  // refused or missing: the preset is a guess
    const Probe probe{endpoint, endpoint.probe, path + ".probe.", findings};
    if (findings.refused(probe.at("preset")) || findings.refused(probe.at("protocol"))) continue;
    check_tcp(probe, findings);
    if (endpoint.probe.preset == Preset::traffic_manager)
      check_traffic_manager(config, probe, findings);
    check_timing(probe, findings);
    check_telling(config, probe, findings, path);
  }
  if (!counts && findings.wrote("evidence"))
    findings.warn("evidence", "", "has no effect in the traffic-manager preset",
                  "live traffic does not count there");
}

}  // namespace config
