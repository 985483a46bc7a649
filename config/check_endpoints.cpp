#include <algorithm>

#include "config/check.hpp"
#include "config/tree.hpp"
#include "config/url.hpp"

namespace config {
namespace {

bool refused_whole(const Findings& findings, const std::string& path) {
  return findings.refused(path) || findings.refused("endpoints") || findings.refused("");
}

void check_identity(const Config& config, std::size_t index, Findings& findings) {
  const Endpoint& endpoint = config.endpoints[index];
  const std::string path = endpoint_path(index);
  if (endpoint.name.empty() && !findings.refused(path + ".name"))
    findings.error(path, "", "has no name", "add one, like \"primary\"");
  if (endpoint.url.host.empty() && !findings.refused(path + ".url"))
    findings.error(path, "", "has no url", "add one, like \"https://app.example.com\"");
  for (std::size_t i = 0; i < index; ++i) {
    const Endpoint& other = config.endpoints[i];
    if (!endpoint.name.empty() && other.name == endpoint.name)
      findings.error(path + ".name", quoted(endpoint.name),
                     "is already used by " + endpoint_path(i), "give each endpoint its own name");
    if (findings.wrote(path + ".priority") && other.priority == endpoint.priority &&
        findings.wrote(endpoint_path(i) + ".priority") &&
        !findings.refused(endpoint_path(i) + ".priority"))
      findings.error(path + ".priority", std::to_string(endpoint.priority),
                     "is already used by " + quoted(other.name),
                     "give each endpoint its own priority");
    if (!endpoint.url.host.empty() && other.url.host == endpoint.url.host &&
        other.url.port == endpoint.url.port)
      findings.warn(path + ".url", quoted(endpoint.url.authority()),
                    "is the same server as " + quoted(other.name),
                    "an outage takes both; there is nothing to fail over to");
  }
}

void check_priorities(const Config& config, Findings& findings) {
  std::size_t written = 0;
  for (std::size_t i = 0; i < config.endpoints.size(); ++i)
    written += findings.wrote(endpoint_path(i) + ".priority") ? 1 : 0;
  if (written == 0 || written == config.endpoints.size()) return;
  for (std::size_t i = 0; i < config.endpoints.size(); ++i)
    if (!findings.wrote(endpoint_path(i) + ".priority") && !findings.refused(endpoint_path(i)))
      findings.error(endpoint_path(i), "", "has no priority, but other endpoints do",
                     "give all of them one, or none (then their order counts)");
}

// A request to such an endpoint would come back in and go out again until something breaks.
void check_loop(const Config& config, std::size_t index, Findings& findings) {
  const Url& url = config.endpoints[index].url;
  const auto reaches = [&](const Address& address) {
    if (url.host.empty() || address.host.empty() || address.port != url.port) return false;
    const bool local = is_loopback(url.host) || is_wildcard(url.host);
    return url.host == address.host ||
           (local && (is_wildcard(address.host) || is_loopback(address.host)));
  };
  for (const Listener& listener : config.listen)
    if (reaches(listener.address))
      findings.error(endpoint_path(index) + ".url", quoted(url.origin()),
                     "is this proxy's own listener (" + listener.address.text() + ")",
                     "an endpoint is another server");
  if (reaches(config.admin.address))
    findings.error(endpoint_path(index) + ".url", quoted(url.origin()),
                   "is this proxy's admin listener", "an endpoint is another server");
}

void check_settings(const Endpoint& endpoint, const std::string& path, Findings& findings) {
  if (endpoint.always_serve && !endpoint.enabled)
    findings.warn(path + ".always_serve", "", "has no effect on a disabled endpoint",
                  "enable the endpoint or remove it");
  if (endpoint.host == HostPolicy::explicit_value && endpoint.host_value.empty() &&
      !findings.refused(path + ".host_value"))
    findings.error(path + ".host", "\"explicit\"", "needs the host name to send", "add host_value");
  if (endpoint.host != HostPolicy::explicit_value && findings.wrote(path + ".host_value"))
    findings.error(path + ".host_value", quoted(endpoint.host_value), "has no effect",
                   "write \"host\": \"explicit\" to use it");
  const bool secrets = !endpoint.keys.function.empty() || !endpoint.keys.durable.empty() ||
                       !endpoint.keys.admin.empty() || endpoint.secret_header.has_value() ||
                       !endpoint.probe.key.empty();
  if (secrets && !endpoint.url.host.empty() && !endpoint.url.tls && !is_loopback(endpoint.url.host))
    findings.warn(path + ".url", quoted(endpoint.url.origin()),
                  "is not encrypted, and keys are sent to it", "use https");
}

// What the proxy writes, takes away or reads: a lock under such a name would open or break.
bool is_taken(std::string_view name) {
  constexpr std::string_view taken[] = {"accept-encoding",
                                        "content-encoding",
                                        "content-type",
                                        "cookie",
                                        "date",
                                        "forwarded",
                                        "traceparent",
                                        "via",
                                        "x-forwarded-for",
                                        "x-forwarded-host",
                                        "x-forwarded-proto",
                                        "x-functions-key"};
  return std::find(std::begin(taken), std::end(taken), name) != std::end(taken) ||
         name.starts_with("x-arr-") || name.starts_with("x-ms-client-principal") ||
         name.starts_with("x-ms-token-") || name.starts_with("client-cert") ||
         name == "disguised-host" || name == "was-default-hostname";
}

void check_secret_header(const Endpoint& endpoint, const std::string& path, Findings& findings) {
  if (!endpoint.secret_header || findings.refused(path)) return;
  const NameValue& header = *endpoint.secret_header;
  if (header.name.empty() && !findings.refused(path + ".name"))
    findings.error(path, "", "has no name", "it needs name and value");
  if (header.value.empty() && !findings.refused(path + ".value"))
    findings.error(path, "", "has no value", "it needs name and value");
  const std::string name = lower(header.name);
  if (name == "host")
    findings.error(path + ".name", quoted(header.name), "is set by the endpoint's host policy",
                   "use host and host_value");
  if (is_taken(name))
    findings.error(path + ".name", quoted(header.name), "has a meaning of its own",
                   "take a name that nobody else sends, like \"X-Proxy-Secret\"");
  for (const NameValue& probe : endpoint.probe.headers)
    if (!name.empty() && lower(probe.name) == name)
      findings.error(path + ".name", quoted(header.name), "is a header of the probe as well",
                     "remove it from probe.headers: probes send the secret header too");
}

void check_tls(const Endpoint& endpoint, const std::string& path, const Environment& environment,
               Findings& findings) {
  const EndpointTls& tls = endpoint.tls;
  if (findings.wrote(path) && !endpoint.url.host.empty() && !endpoint.url.tls &&
      tls != EndpointTls{})
    findings.warn(path, "", "has no effect on an http endpoint", "use an https url");
  if (tls.certificate.empty() != tls.key.empty() && !findings.refused(path + ".certificate") &&
      !findings.refused(path + ".key"))
    findings.error(path, "", "has a certificate or a key, but not both",
                   "a client certificate needs both files");
  check_pem(path + ".ca", tls.ca, environment, findings);
  check_pem(path + ".certificate", tls.certificate, environment, findings);
  check_pem(path + ".key", tls.key, environment, findings);
}

}  // namespace

void check_endpoints(const Config& config, const Environment& environment, Findings& findings) {
  constexpr std::size_t most = 200;  // Traffic Manager's limit too
  if (findings.refused("endpoints") || findings.refused("")) return;
  if (config.endpoints.empty()) {
    findings.error("endpoints", "", "needs at least one endpoint",
                   "add {\"name\": \"primary\", \"url\": \"https://...\"}");
    return;
  }
  if (config.endpoints.size() > most)
    findings.error("endpoints", std::to_string(config.endpoints.size()) + " endpoints",
                   "are more than 200", "split the profile");
  if (config.endpoints.size() == 1)
    findings.warn("endpoints", "", "has only one endpoint",
                  "there is nothing to fail over to; add a second one");
  if (std::none_of(config.endpoints.begin(), config.endpoints.end(),
                   [](const Endpoint& endpoint) { return endpoint.enabled; }))
    findings.warn("endpoints", "", "every endpoint is disabled", "all requests will get 503");
  check_priorities(config, findings);
  for (std::size_t i = 0; i < std::min(config.endpoints.size(), most); ++i) {
    const std::string path = endpoint_path(i);
    if (refused_whole(findings, path)) continue;
    check_identity(config, i, findings);
    check_loop(config, i, findings);
    check_settings(config.endpoints[i], path, findings);
    check_secret_header(config.endpoints[i], path + ".secret_header", findings);
    check_tls(config.endpoints[i], path + ".tls", environment, findings);
  }
}

}  // namespace config
