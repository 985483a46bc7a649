// Counters of the data path. Each worker owns one set and is its only writer (relaxed loads and
// stores, no locked instruction); any thread may read. `add` sums sets for a scrape.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace proxy {

// One counter with one writer: `bump` is a plain load and store, not a locked add.
class Counter {
 public:
  void bump(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void drop(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - by, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Upper bounds of the latency histogram in microseconds; the last bucket is +Inf.
inline constexpr std::array<std::uint64_t, 14> latency_bounds_us{
    500,    1000,   2500,   5000,    10000,   25000,   50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

struct EndpointCounters {           // one per endpoint and worker
  std::array<Counter, 6> by_class;  // [1]..[5]: answers 1xx..5xx relayed; [0]: no answer
  std::array<Counter, latency_bounds_us.size() + 1> latency;
  Counter latency_sum_us;
  Counter answered;  // answers that say nothing against the endpoint's health
  Counter attempts;
  Counter retries;  // attempts that moved here from another endpoint
  Counter rescues;  // requests that left this endpoint while waiting for a first byte
  Counter connects;
  Counter connect_failures;
  Counter pool_reuses;
  Counter stale_connections;
  Counter in_flight;                  // gauge
  Counter connecting;                 // gauge: connections on their way
  Counter upstream_connections;       // gauge, idle ones included
  Counter idle_upstream_connections;  // gauge
  std::array<Counter, 5> starts;      // indexed by StartOutcome
  Counter key_refusals;               // 401 to a key that this proxy put in
  Counter unknown_outcomes;           // requests other than starts that may have run
};

enum class StartOutcome { accepted, refused, failed_not_run, unknown, other };

enum class Refusal {  // requests the proxy answered itself
  bad_request,
  head_too_large,
  body_too_large,
  timeout,
  overloaded,          // limits.in_flight, or the ledger's and the desk's
  connection_limit,    // limits.connections
  client_limit,        // limits.per_client
  endpoint_limit,      // limits.per_endpoint
  connect_limit,       // limits.pending_connects
  out_of_descriptors,  // or of another resource of this machine
  too_slow,            // below limits.min_rate: 408, or a reset while it reads its answer
  no_endpoint,
  upstream_failed,
  upstream_timeout,
  not_supported,
  loop,
  draining,
  closed_path,
  lease_unsafe,
  away,       // the instance lives where nothing can be reached
  bad_start,  // repeats a key or an id in a way that cannot be meant
  ledger,     // it could not be written down
  count_
};

enum class TunnelEnd : std::uint8_t {  // why this proxy ended a tunnel
  none,
  idle,               // timeouts.tunnel_idle
  stalled,            // timeouts.write: a peer does not read
  endpoint_drained,   // by an operator
  endpoint_disabled,  // likewise, or in the configuration
  endpoint_removed,   // from the configuration
  proxy_draining,
  count_
};

struct WorkerCounters {
  Counter accepted;
  Counter accept_pauses;     // descriptors or memory ran out; accepting pauses for a tick
  Counter connections;       // gauge: open client connections
  Counter idle_connections;  // gauge: parked between requests
  Counter requests;
  Counter in_flight;          // gauge
  Counter retries_in_flight;  // gauge
  Counter retry_budget_exhausted;
  Counter tunnels;  // gauge
  std::array<Counter, static_cast<std::size_t>(TunnelEnd::count_)> tunnel_ends;
  Counter client_aborts;
  Counter tls_handshakes, tls_failures;
  Counter bytes_in, bytes_out;  // bodies, client side
  Counter sticky_hits, sticky_misses;
  Counter best_effort;  // requests served while everything was degraded
  Counter rewritten_bodies, unrewritten_bodies;
  Counter look_ups;    // of instances that the directory does not know
  Counter away_polls;  // answered with the last known status
  Counter merged_answers;
  Counter lent_keys;  // requests that an endpoint's key was put into
  std::array<Counter, static_cast<std::size_t>(Refusal::count_)> refusals;
};

}  // namespace proxy
