// Everything an operator can see, as plain values of one moment: taken by the App on the control
// thread, then turned into JSON (status_json), metrics (metrics) and the page by pure functions.
// No key, no query string and no user part of a URL ever enters a Picture.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "desk/hub_desk.hpp"
#include "health/status.hpp"
#include "ledger/instance_directory.hpp"
#include "ledger/start_ledger.hpp"
#include "proxy/counters.hpp"

namespace app {

using WallTime = std::chrono::system_clock::time_point;

// One line of the operator's history: a health transition, a routing change, a command, ...
struct Event {
  std::uint64_t sequence = 0;
  WallTime at{};
  std::string kind;      // health, routing, command, reload, alert, lifecycle, durable
  std::string level;     // info, warning, alert
  std::string endpoint;  // "" when it concerns the profile
  std::string from, to;
  std::string reason;             // one word: the cause, the kind of change, the result
  std::string text;               // for people
  std::optional<double> seconds;  // how long detection, failover or failback took
};

struct Alert {  // raised until its condition is gone
  std::string kind;
  std::string endpoint;
  std::string text;
  WallTime since{};
};

// Sums of the workers' counters for one endpoint.
struct EndpointTraffic {
  std::array<std::uint64_t, 6> by_class{};
  std::array<std::uint64_t, proxy::latency_bounds_us.size() + 1> latency{};
  std::uint64_t latency_sum_us = 0;
  std::uint64_t answered = 0, attempts = 0, retries = 0, rescues = 0;
  std::uint64_t connects = 0, connect_failures = 0, pool_reuses = 0, stale_connections = 0;
  std::uint64_t in_flight = 0, connections = 0, idle_connections = 0;
  std::array<std::uint64_t, 5> starts{};
  std::uint64_t unknown_outcomes = 0;
  std::uint64_t key_refusals = 0;
};

// Sums of the workers' counters that belong to no endpoint.
struct ProxyTraffic {
  std::uint64_t accepted = 0, accept_pauses = 0;
  std::uint64_t connections = 0, idle_connections = 0, requests = 0, in_flight = 0;
  std::uint64_t retries_in_flight = 0, retry_budget_exhausted = 0, tunnels = 0, client_aborts = 0;
  std::uint64_t tls_handshakes = 0, tls_failures = 0, bytes_in = 0, bytes_out = 0;
  std::uint64_t sticky_hits = 0, sticky_misses = 0, best_effort = 0;
  std::uint64_t rewritten_bodies = 0, unrewritten_bodies = 0;
  std::uint64_t look_ups = 0, away_polls = 0, merged_answers = 0, lent_keys = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(proxy::Refusal::count_)> refusals{};
  std::array<std::uint64_t, static_cast<std::size_t>(proxy::TunnelEnd::count_)> tunnel_ends{};
};

// Upper bounds of the probe duration histogram, in milliseconds; the last bucket is +Inf.
inline constexpr std::array<std::uint64_t, 9> probe_bounds_ms{1,   5,    10,   50,   100,
                                                              500, 1000, 5000, 10000};

struct ProbeTally {  // of one endpoint, since the proxy started
  struct Result {
    std::string outcome;  // passed, timed_out, connect, ...
    std::uint64_t count = 0;
  };
  std::vector<Result> results;
  std::array<std::uint64_t, probe_bounds_ms.size() + 1> duration{};
  double duration_sum_s = 0;
};

struct LastProbe {
  WallTime at{};
  bool passed = false;
  std::string outcome;
  std::string detail;
  double latency_ms = 0;
};

struct EndpointPicture {
  std::string name;
  std::string url;  // origin only
  std::string region;
  int priority = 1;
  bool enabled = true;
  health::MonitorStatus status = health::MonitorStatus::checking_endpoint;
  health::Cause cause = health::Cause::start;
  std::string status_text;  // "Degraded (passive)"
  std::string detail;
  WallTime since{};
  std::string rotation;  // serving, waiting, degraded, out
  bool draining = false;
  bool active = false;
  bool never_online = false;
  bool key_refused = false;
  std::string disagreement;  // "" or "probe ok, traffic failing"
  std::string fault;         // that a rehearsal plays on the way there, in words
  int consecutive_failures = 0;
  int consecutive_passes = 0;
  std::optional<LastProbe> last_probe;
  std::vector<std::string> addresses;
  std::size_t sticky_clients = 0;
  EndpointTraffic traffic;
  ProbeTally probes;
};

struct FaultCount {
  std::string endpoint, mode;
  std::uint64_t count = 0;
};

struct Bounds {  // computed worst cases, as `explain` prints them
  double detect_s = 0, failover_s = 0;
  std::optional<double> failback_s;  // unset when failback is manual
};

struct TransitionCount {
  std::string kind;    // failover, failback, ...
  std::string reason;  // why
  std::uint64_t count = 0;
};

struct Tally {  // what the event log has counted since the start
  std::vector<TransitionCount> transitions;
  std::vector<TransitionCount> alerts;   // kind only
  std::vector<TransitionCount> reloads;  // kind is the result
  std::optional<double> last_detect_s, last_failover_s, last_failback_s;
  std::optional<WallTime> last_reload;
  std::string last_reload_text;
  std::uint64_t access_log_dropped = 0;
  std::uint64_t evidence_dropped = 0;
};

struct HoldPicture {
  std::string endpoint;
  std::optional<WallTime> until;
};

struct FailbackPicture {
  std::string mode;  // automatic, manual
  std::string waiting_for;
  std::optional<WallTime> until;  // unset while waiting for an operator
  double wait_s = 0;              // healthy_for with the flap penalty
};

struct LeaseView {                   // of a shared hub
  std::optional<std::string> owner;  // the app that runs the orchestrations; nothing: not known
  std::string sure;                  // unknown, likely, certain
  WallTime since{};
  std::string why;
  std::optional<std::string> http;  // where requests go
  bool split = false;               // two different apps, both known
  bool makeprimary_safe = false;
  std::string makeprimary_why;
  std::string follow;      // ask, auto, never
  std::string suggested;   // an endpoint that makeprimary should be sent to, or ""
  std::string suggestion;  // why and how
  std::string text;        // "orchestrations run at neu (likely), HTTP at weu"
};

struct ClaimView {      // what came of the check of durable.task_hub
  std::string verdict;  // ok, contradiction, cannot_tell
  std::string hubs;     // what was seen: unknown, shared, separate
  std::string message;
  std::string text;  // the message as a line of its own
  bool contradiction = false;
  WallTime checked_at{};
};

struct DurableView {
  std::string task_hub;
  int time_scale = 1;
  ledger::DirectoryStatus directory;
  std::string directory_path;                       // of the one database; the starts are there too
  std::optional<ledger::StartLedgerStatus> starts;  // nothing: they are not protected
  desk::DeskCounts desk;
  std::optional<ClaimView> hub_claim;
  std::optional<LeaseView> lease;
};

struct Picture {
  std::string version;
  std::string profile;
  WallTime now{};
  WallTime started{};
  std::string config_source;
  std::string config_hash;
  std::uint64_t config_generation = 0;
  std::optional<std::string> active;
  WallTime active_since{};
  std::string active_why;   // one word
  std::string active_text;  // for people
  std::string profile_status;
  bool all_degraded = false;
  bool draining = false;  // the proxy itself
  std::optional<HoldPicture> hold;
  FailbackPicture failback;
  std::optional<Bounds> bounds;
  std::vector<EndpointPicture> endpoints;
  std::size_t sticky_clients = 0, sticky_capacity = 0;
  std::size_t workers = 0;
  DurableView durable;
  ProxyTraffic traffic;
  Tally tally;
  std::vector<Alert> alerts;
  std::optional<std::vector<FaultCount>> faults;  // injected so far; unset unless they are allowed
  std::vector<Event> recent;                      // oldest first
};

// Adds one worker's counters to a sum.
void add_counters(EndpointTraffic& sum, const proxy::EndpointCounters& worker);
void add_counters(ProxyTraffic& sum, const proxy::WorkerCounters& worker);

// Is there an endpoint that a request may be given now? "" or the reason why not (for /readyz).
std::string not_ready_reason(const Picture& picture);

std::string rfc3339(WallTime at);  // "2025-11-23T15:15:02.125Z"

}  // namespace app
