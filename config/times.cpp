// The arithmetic of explain.hpp, whose header comment derives it.
#include <algorithm>
#include <cmath>

#include "config/explain.hpp"

namespace config {
namespace {

// Rounded up to the millisecond; the small allowance keeps 200 * 1.1 from becoming 221.
Millis stretched(Millis gap, double jitter) {
  const double longest = static_cast<double>(gap.count()) * (1 + jitter);
  return Millis{static_cast<Millis::rep>(std::ceil(longest - 1e-6))};
}

std::uint64_t per_month(Millis interval) {
  constexpr Millis month = std::chrono::hours{30 * 24};
  return static_cast<std::uint64_t>(month / std::max(interval, Millis{1}));
}

// The longest wait the flap penalty can reach. Nothing to multiply: no penalty.
Millis longest_wait(const Failback& failback) {
  const Millis wait = failback.effective_healthy_for;
  if (wait == 0ms || failback.flap_factor <= 1) return wait;
  return std::max(wait, failback.flap_max);
}

}  // namespace

EndpointTimes compute_times(const Config& config, const Endpoint& endpoint) {
  const ProbePolicy& probe = endpoint.probe;
  const Millis usual = stretched(probe.interval, probe.jitter);
  const Millis doubt = stretched(std::min(probe.interval, probe.doubt_interval), probe.jitter);
  const Millis slow_doubt = std::max(doubt, probe.timeout);
  const int more_failures = probe.tolerated_failures;
  const int more_passes = probe.required_passes - 1;
  const Millis ttl = config.stickiness.ttl;

  EndpointTimes times;
  times.name = endpoint.name;
  times.preset = probe.preset;
  times.detect_refused = usual + more_failures * doubt;
  times.detect_frozen = usual + more_failures * slow_doubt + probe.timeout;
  if (endpoint.evidence.degrades)
    times.detect_live = 0ms;
  else if (endpoint.evidence
               .starts_probe)  // the early probe keeps doubt_interval to the one before
    times.detect_live = (more_failures + 1) * doubt;
  if (usual > probe.idle_after) times.slow_start = probe.cold_grace;
  times.failover_new = times.detect_frozen;
  times.failover_sticky =
      times.detect_frozen + (config.stickiness.on_degraded == OnDegraded::hold ? ttl : 0ms);
  // Until it is back it serves nothing, so the standby interval may be the one that counts.
  const Millis away = stretched(std::max(probe.interval, probe.standby_interval), probe.jitter);
  times.recover = std::max(away, probe.timeout) + more_passes * slow_doubt + probe.timeout;
  if (config.failback.mode == FailbackMode::automatic) {
    times.failback_new = times.recover + config.failback.effective_healthy_for;
    times.failback_sticky = *times.failback_new + ttl;
    times.failback_flapping = times.recover + longest_wait(config.failback) + ttl;
  }
  times.probes_per_month = per_month(probe.interval);
  times.standby_probes_per_month = per_month(probe.standby_interval);
  return times;
}

ProfileTimes compute_times(const Config& config) {
  ProfileTimes times;
  for (const Endpoint& endpoint : config.endpoints)
    times.endpoints.push_back(compute_times(config, endpoint));
  if (times.endpoints.empty()) return times;
  // The last endpoint has none to fail over to and is never failed back to.
  const std::size_t leading = std::max<std::size_t>(times.endpoints.size(), 2) - 1;
  times.worst = times.endpoints.front();
  for (std::size_t i = 1; i < leading; ++i) {
    const EndpointTimes& other = times.endpoints[i];
    const auto raise = [](auto& into, const auto& value) { into = std::max(into, value); };
    raise(times.worst.detect_refused, other.detect_refused);
    raise(times.worst.detect_frozen, other.detect_frozen);
    if (!other.detect_live) times.worst.detect_live.reset();
    if (times.worst.detect_live) raise(*times.worst.detect_live, *other.detect_live);
    raise(times.worst.slow_start, other.slow_start);
    raise(times.worst.failover_new, other.failover_new);
    raise(times.worst.failover_sticky, other.failover_sticky);
    raise(times.worst.recover, other.recover);
    raise(times.worst.failback_new, other.failback_new);
    raise(times.worst.failback_sticky, other.failback_sticky);
    raise(times.worst.failback_flapping, other.failback_flapping);
    if (times.worst.detect_frozen == other.detect_frozen) {
      times.worst.name = other.name;
      times.worst.preset = other.preset;
    }
  }
  times.worst.probes_per_month = 0;  // of all endpoints together: the best one serves
  for (std::size_t i = 0; i < times.endpoints.size(); ++i)
    times.worst.probes_per_month +=
        i == 0 ? times.endpoints[i].probes_per_month : times.endpoints[i].standby_probes_per_month;
  times.worst.standby_probes_per_month = 0;
  return times;
}

}  // namespace config
