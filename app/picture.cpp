#include "app/picture.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace app {

void add_counters(EndpointTraffic& sum, const proxy::EndpointCounters& worker) {
  for (std::size_t i = 0; i < sum.by_class.size(); ++i)
    sum.by_class[i] += worker.by_class[i].value();
  for (std::size_t i = 0; i < sum.latency.size(); ++i) sum.latency[i] += worker.latency[i].value();
  for (std::size_t i = 0; i < sum.starts.size(); ++i) sum.starts[i] += worker.starts[i].value();
  sum.latency_sum_us += worker.latency_sum_us.value();
  sum.answered += worker.answered.value();
  sum.attempts += worker.attempts.value();
  sum.retries += worker.retries.value();
  sum.rescues += worker.rescues.value();
  sum.connects += worker.connects.value();
  sum.connect_failures += worker.connect_failures.value();
  sum.pool_reuses += worker.pool_reuses.value();
  sum.stale_connections += worker.stale_connections.value();
  sum.in_flight += worker.in_flight.value();
  sum.connections += worker.upstream_connections.value();
  sum.idle_connections += worker.idle_upstream_connections.value();
  sum.unknown_outcomes += worker.unknown_outcomes.value();
  sum.key_refusals += worker.key_refusals.value();
}

void add_counters(ProxyTraffic& sum, const proxy::WorkerCounters& worker) {
  sum.accepted += worker.accepted.value();
  sum.accept_pauses += worker.accept_pauses.value();
  sum.connections += worker.connections.value();
  sum.idle_connections += worker.idle_connections.value();
  sum.requests += worker.requests.value();
  sum.in_flight += worker.in_flight.value();
  sum.retries_in_flight += worker.retries_in_flight.value();
  sum.retry_budget_exhausted += worker.retry_budget_exhausted.value();
  sum.tunnels += worker.tunnels.value();
  sum.client_aborts += worker.client_aborts.value();
  sum.tls_handshakes += worker.tls_handshakes.value();
  sum.tls_failures += worker.tls_failures.value();
  sum.bytes_in += worker.bytes_in.value();
  sum.bytes_out += worker.bytes_out.value();
  sum.sticky_hits += worker.sticky_hits.value();
  sum.sticky_misses += worker.sticky_misses.value();
  sum.best_effort += worker.best_effort.value();
  sum.rewritten_bodies += worker.rewritten_bodies.value();
  sum.unrewritten_bodies += worker.unrewritten_bodies.value();
  sum.look_ups += worker.look_ups.value();
  sum.away_polls += worker.away_polls.value();
  sum.merged_answers += worker.merged_answers.value();
  sum.lent_keys += worker.lent_keys.value();
  for (std::size_t i = 0; i < sum.refusals.size(); ++i)
    sum.refusals[i] += worker.refusals[i].value();
  for (std::size_t i = 0; i < sum.tunnel_ends.size(); ++i)
    sum.tunnel_ends[i] += worker.tunnel_ends[i].value();
}

std::string not_ready_reason(const Picture& picture) {
  if (picture.draining) return "draining: the proxy is shutting down";
  if (!picture.active) return "no endpoint may serve";
  if (picture.all_degraded) return "every endpoint is degraded; requests are a best effort";
  return "";
}

std::string rfc3339(WallTime at) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(millis).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds),
                     (millis.count() % 1000 + 1000) % 1000);
}

}  // namespace app
