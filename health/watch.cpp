#include "health/watch.hpp"

#include <algorithm>
#include <tuple>

namespace health {
namespace {

std::string disagreement_text(const Watch& watch, TimePoint now) {
  if (!watch.last_probe || !watch.last_probe->passed()) return {};
  const std::string text = "probe ok, traffic failing";
  const config::Endpoint& endpoint = watch.endpoint;
  const TrafficVerdict verdict =
      judge_traffic(watch.window, endpoint.evidence, endpoint.disagreement, now);
  // A probe older than the failures has not seen what the traffic saw.
  if (verdict.suspicious && watch.last_probe->started >= verdict.suspicious->first_failure)
    return text + ": " + verdict.suspicious->detail;
  const bool degraded_by_traffic = status(watch.monitor) == MonitorStatus::degraded &&
                                   watch.monitor.cause == Cause::live_traffic;
  return degraded_by_traffic && watch.last_probe->started >= watch.monitor.since ? text : "";
}

}  // namespace

EndpointHealth describe(const Watch& watch, TimePoint now) {
  EndpointHealth one;
  one.id = watch.id;
  one.name = watch.endpoint.name;
  one.status = status(watch.monitor);
  one.cause = watch.monitor.cause;
  one.since = watch.monitor.since;
  one.enabled = watch.monitor.enabled;
  one.serving = watch.monitor.serving;
  one.last_probe = watch.last_probe;
  one.last_probe_at = watch.last_probe_at;
  one.failures = watch.monitor.failures;
  one.passes = watch.monitor.passes;
  one.ever_online = watch.monitor.ever_online;
  one.first_failure = watch.monitor.first_failure;
  one.disagreement = disagreement_text(watch, now);
  one.resolve_problem = watch.resolve_problem;
  one.addresses = watch.addresses;
  return one;
}

bool same_addresses(std::vector<config::SocketAddress> a, std::vector<config::SocketAddress> b) {
  const auto before = [](const config::SocketAddress& x, const config::SocketAddress& y) {
    return std::tie(x.v6, x.bytes, x.port, x.scope) < std::tie(y.v6, y.bytes, y.port, y.scope);
  };
  std::sort(a.begin(), a.end(), before);
  std::sort(b.begin(), b.end(), before);
  return a == b;
}

}  // namespace health
