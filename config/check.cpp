#include "config/check.hpp"

#include <algorithm>

#include "config/explain.hpp"
#include "config/tree.hpp"
#include "config/units.hpp"
#include "config/url.hpp"
#include "config/words.hpp"

namespace config {
namespace {

std::string item(const char* list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

bool uses_durable(const Config& config) {
  return config.durable.task_hub != TaskHub::none ||
         std::any_of(config.endpoints.begin(), config.endpoints.end(),
                     [](const Endpoint& endpoint) { return !endpoint.keys.durable.empty(); });
}

void check_listeners(const Config& config, const Environment& environment, Findings& findings) {
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const Listener& listener = config.listen[i];
    const std::string path = item("listen", i);
    if (findings.refused(path) || findings.refused(path + ".address")) continue;
    if (findings.wrote(path) && !findings.wrote(path + ".address")) {
      findings.error(path, "", "has no address", "write \"address\": \"127.0.0.1:8080\"");
      continue;
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (config.listen[k].address != listener.address || listener.address.port == 0) continue;
      findings.error(path + ".address", quoted(listener.address.text()),
                     "is already used by " + item("listen", k), "remove one of them");
      break;
    }
    if (config.admin.address == listener.address && listener.address.port != 0)
      findings.error(path + ".address", quoted(listener.address.text()),
                     "is the address of the admin listener", "give admin.address another port");
    if (!listener.tls) continue;
    const ListenerTls& tls = *listener.tls;
    for (const auto& [key, file] :
         {std::pair{"certificate", &tls.certificate}, {"key", &tls.key}}) {
      if (file->empty() && !findings.refused(path + ".tls." + key))
        findings.error(path + ".tls", "", std::string("has no ") + key,
                       "a TLS listener needs \"certificate\" and \"key\", both PEM files");
      check_pem(path + ".tls." + key, *file, environment, findings);
    }
    check_pem(path + ".tls.client_ca", tls.client_ca, environment, findings);
  }
}

// Management URLs are moved to the address that clients use. On loopback that is the Host field;
// elsewhere a client could choose that field and so learn where its keys are sent.
void check_origin(const Config& config, Findings& findings) {
  if (!config.public_origin.empty() || findings.refused("public_origin")) return;
  if (!uses_durable(config)) return;
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const Address& address = config.listen[i].address;
    if (address.host.empty() || is_loopback(address.host)) continue;
    findings.error(item("listen", i) + ".address", quoted(address.text()),
                   "can be reached from other machines, so status URLs need a fixed origin",
                   "set public_origin to the URL that clients use");
    return;
  }
}

void check_admin(const Config& config, Findings& findings) {
  if (is_loopback(config.admin.address.host)) {
  } else if (config.admin.tokens.empty()) {
    findings.error("admin.address", quoted(config.admin.address.text()),
                   "opens the admin listener to other machines without tokens",
                   "use a loopback address");
  } else {
    findings.error("admin.address", quoted(config.admin.address.text()),
                   "opens the admin listener to other machines, and tokens are not in this version",
                   "use a loopback address");
  }
  for (std::size_t i = 0; i < config.admin.tokens.size(); ++i) {
    const AdminToken& token = config.admin.tokens[i];
    const std::string path = item("admin.tokens", i);
    if (findings.refused(path)) continue;
    for (const auto& [key, missing] : {std::pair{"name", token.name.empty()},
                                       {"role", token.role.empty()},
                                       {"token", token.token.empty()}})
      if (missing && !findings.refused(path + "." + key))
        findings.error(path, "", std::string("has no ") + key, "a token has name, role and token");
    for (std::size_t k = 0; k < i; ++k) {
      if (token.name.empty() || config.admin.tokens[k].name != token.name) continue;
      findings.error(path + ".name", quoted(token.name), "is already used by another token",
                     "give each token its own name");
      break;
    }
  }
}

void check_clients(const Config& config, Findings& findings) {
  for (std::size_t i = 0; i < config.trusted_proxies.size(); ++i)
    if (config.trusted_proxies[i].ends_with("/0"))
      findings.warn(item("trusted_proxies", i), quoted(config.trusted_proxies[i]),
                    "trusts forwarded headers from everyone",
                    "list the proxies in front of this one");
  if (config.clients.anonymous && !config.clients.keys.empty())
    findings.warn("clients.anonymous", "", "makes clients.keys pointless", "choose one of them");
  if (config.clients.anonymous || !config.clients.keys.empty() || findings.refused("clients.keys"))
    return;
  for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
    const EndpointKeys& keys = config.endpoints[i].keys;
    if (keys.function.empty() && keys.durable.empty() && keys.admin.empty()) continue;
    findings.error(
        endpoint_path(i) + ".keys", "",
        "would be lent to every client, because clients.keys is not set",
        "set clients.keys, or write \"clients\": {\"anonymous\": true} to mean it; a key "
        "for the probe alone is probe.key");
  }
}

void check_sticky_cookie(const Stickiness& sticky, Findings& findings) {
  constexpr std::size_t shortest = 16;
  for (std::size_t i = 0; i < sticky.cookie_keys.size(); ++i)
    if (sticky.cookie_keys[i].size() < shortest)
      findings.error(item("stickiness.cookie_keys", i), "", "is shorter than 16 characters",
                     "take a random text, as of `openssl rand -hex 32`");
  if (sticky.client == StickyClient::cookie) {
    if (sticky.cookie_keys.empty() && !findings.refused("stickiness.cookie_keys"))
      findings.warn("stickiness.client", "\"cookie\"", "has no stickiness.cookie_keys",
                    "clients ask again after a restart and at each other proxy; give all proxies "
                    "the same key");
    if (findings.wrote("stickiness.max_clients"))
      findings.warn("stickiness.max_clients", "", "has no effect",
                    "cookies need no memory here; remove it");
    return;
  }
  for (const char* key : {"stickiness.cookie", "stickiness.cookie_keys"})
    if (findings.wrote(key))
      findings.warn(key, "", "has no effect", "write \"client\": \"cookie\" to use it");
}

void check_stickiness(const Config& config, Findings& findings) {
  const Stickiness& sticky = config.stickiness;
  check_sticky_cookie(sticky, findings);
  if (sticky.client == StickyClient::header && sticky.header.empty())
    findings.error("stickiness.client", "\"header\"", "needs the name of the header",
                   "add stickiness.header");
  if (sticky.client != StickyClient::header && findings.wrote("stickiness.header"))
    findings.warn("stickiness.header", "", "has no effect",
                  "write \"client\": \"header\" to use it");
  const Millis healthy_for = config.failback.effective_healthy_for;
  const bool chosen = findings.wrote("stickiness.ttl") || findings.wrote("failback.healthy_for");
  if (chosen && healthy_for > 0ms && sticky.ttl > healthy_for &&
      !findings.refused("failback.healthy_for"))
    findings.warn("stickiness.ttl", duration_text(sticky.ttl),
                  "is longer than failback.healthy_for (" + duration_text(healthy_for) + ")",
                  "sticky clients stay on the secondary long after failback");
  const Failback& failback = config.failback;
  if ((findings.wrote("failback.flap_max") || findings.wrote("failback.healthy_for")) &&
      healthy_for > 0ms && failback.flap_max < healthy_for &&
      !findings.refused("failback.flap_max"))
    findings.warn("failback.flap_max", duration_text(failback.flap_max),
                  "is shorter than healthy_for (" + duration_text(healthy_for) + ")",
                  "an endpoint that keeps relapsing gets no longer wait");
}

void check_faults(const Config& config, Findings& findings) {
  if (config.faults_allow)
    findings.warn("faults.allow", "true", "lets an operator break the way to the endpoints",
                  "leave it out of profiles that are not rehearsed");
}

void check_durable(const Config& config, Findings& findings) {
  if (config.durable.status_tokens && config.clients.keys.empty() &&
      !findings.refused("clients.keys"))
    findings.error("durable.status_tokens", "", "has nothing to sign tokens with",
                   "set clients.keys: the tokens are derived from them");
  if (findings.refused("durable.task_hub") || findings.refused("durable")) return;
  if (config.durable.merged_purge && config.durable.task_hub != TaskHub::per_region)
    findings.warn("durable.merged_purge", "", "has no effect without a hub per region",
                  "remove it: one hub is purged as a whole anyway");
  if (!findings.wrote("durable.task_hub"))
    findings.warn("", "", "starts are not protected: set durable.task_hub",
                  "to shared, per_region or geo_replicated, or to none when no Durable Functions "
                  "are behind this proxy");
  if (config.durable.task_hub != TaskHub::per_region) return;
  for (std::size_t i = 0; i < config.endpoints.size(); ++i)
    if (config.endpoints[i].auth == AuthMode::keys && config.endpoints[i].keys.durable.empty())
      findings.warn(endpoint_path(i), "", "has no keys.durable",
                    "without it instances can be looked for there only with a client's own key");
  for (const Endpoint& endpoint : config.endpoints) {
    const Millis detect = compute_times(config, endpoint).detect_frozen;
    if (detect >= 30s) continue;
    findings.warn(
        "durable.task_hub", "\"per_region\"",
        "with an outage detected in " + duration_text(detect) + " (" + endpoint.name + ")",
        "each failover strands instances in the other region's hub; let an outage last "
        "30s before acting: raise interval or tolerated_failures");
    return;
  }
}

}  // namespace

std::string endpoint_path(std::size_t index) {
  return item("endpoints", index);
}

void Findings::add(Severity severity, const std::string& path, std::string found, std::string rule,
                   std::string hint) {
  // An error about a key or about what holds it makes every further word about it noise.
  if (refused_.contains("")) return;
  for (std::string up = path; !up.empty();) {
    if (refused_.contains(up)) return;
    const std::size_t cut = up.find_last_of(".[");
    up = cut == std::string::npos ? "" : up.substr(0, cut);
  }
  const Position at = source_.at(path);
  Issue issue{severity, source_.file,     at.line,         at.column,
              path,     std::move(found), std::move(rule), std::move(hint)};
  if (std::find(issues_.begin(), issues_.end(), issue) == issues_.end())
    issues_.push_back(std::move(issue));
}

void Findings::error(const std::string& path, std::string found, std::string rule,
                     std::string hint) {
  add(Severity::error, path, std::move(found), std::move(rule), std::move(hint));
}

void Findings::warn(const std::string& path, std::string found, std::string rule,
                    std::string hint) {
  add(Severity::warning, path, std::move(found), std::move(rule), std::move(hint));
}

void check_pem(const std::string& path, const std::string& name, const Environment& environment,
               Findings& findings) {
  if (name.empty()) return;
  const auto text = environment.file(name);
  if (!text)
    findings.error(path, quoted(name), "cannot be read",
                   "relative names start at the folder of this file");
  else if (text->find("-----BEGIN ") == std::string::npos)
    findings.error(path, quoted(name), "is not a PEM file", "it holds \"-----BEGIN ...\" blocks");
}

void check(const Config& config, const Environment& environment, Findings& findings) {
  check_listeners(config, environment, findings);
  check_origin(config, findings);
  check_admin(config, findings);
  check_clients(config, findings);
  check_stickiness(config, findings);
  check_endpoints(config, environment, findings);
  check_probes(config, findings);
  check_faults(config, findings);
  check_durable(config, findings);
  check_ledger(config, findings);
}

}  // namespace config
