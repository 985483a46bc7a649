// What a configuration promises: worst-case detection, failover and failback times computed from
// the prober's schedule, probes per month, and every effective value with its origin. Pure.
//
// The schedule (health/prober): probes of one endpoint never overlap; the next one starts at
//   max(previous start + gap, previous end)
// where gap is `interval`, or `doubt_interval` if smaller while the endpoint is in doubt (it failed
// and is not yet Degraded, or passed and is not yet back), stretched by at most `jitter`. Below:
//   I = interval * (1 + jitter)     D = min(interval, doubt_interval) * (1 + jitter)
//   T = timeout     F = tolerated failures     P = required passes
//
// detect, refused:  I + F * D
//   The outage begins right after a probe passed, so the first failing one starts up to I later
//   and F more follow; a refused connection is an answer at once.
// detect, frozen:   I + F * max(D, T) + T
//   Each probe uses its whole timeout, which also delays the next one.
// With Traffic Manager's numbers (no jitter, D = I, T < I) this is I + F*I + T: 130 s for 30/10/3.
//
// recover:          max(A, T) + (P - 1) * max(D, T) + T     A = as I, of standby_interval if longer
//   A probe that started just before the endpoint came back still fails, after up to T; then P
//   passes are needed, each of them allowed to take T. Failback waits `healthy_for` after the last.
// detect, live:     (F + 1) * D
//   Where live traffic starts a probe: at once, but not within D of the probe before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/parse.hpp"

namespace config {

struct EndpointTimes {
  std::string name;
  Preset preset = Preset::responsive;
  Millis detect_refused{};  // by probes, while connections are refused
  Millis detect_frozen{};   // by probes, while connections hang: the worst case
  // By live traffic, for failures to connect: 0 when the traffic itself degrades the endpoint (it
  // takes `connect_failures` of them), else the probes it starts; unset when traffic does not
  // count.
  std::optional<Millis> detect_live;
  Millis slow_start{};       // added to detect_frozen once the endpoint has idled: cold_grace
  Millis failover_new{};     // frozen; clients without a sticky answer
  Millis failover_sticky{};  // frozen; clients with one: the same unless on_degraded is hold
  Millis recover{};          // back online after the outage ended
  std::optional<Millis> failback_new;     // unset when failback is manual
  std::optional<Millis> failback_sticky;  // + ttl
  std::optional<Millis>
      failback_flapping;               // the longest penalty of an endpoint that keeps relapsing
  std::uint64_t probes_per_month = 0;  // 30 days, while it serves
  std::uint64_t standby_probes_per_month = 0;  // while it serves nothing
  bool operator==(const EndpointTimes&) const = default;
};

// Per endpoint, then the worst of those that have another one to fail over to.
struct ProfileTimes {
  std::vector<EndpointTimes> endpoints;
  EndpointTimes worst;
};

EndpointTimes compute_times(const Config&, const Endpoint&);
ProfileTimes compute_times(const Config&);

enum class Origin { by_default, preset, file, command_line, computed };
std::string_view to_string(Origin);

struct Setting {      // one effective value
  std::string path;   // as in the file; endpoints by name: endpoints[primary].url
  std::string value;  // "(set)" for a secret
  Origin origin = Origin::by_default;
  bool later = false;  // not in this version
  bool operator==(const Setting&) const = default;
};
std::vector<Setting> settings(const Config&, const Source&);

// Every key that the parser knows, lists as "endpoints[].url": for the schema, the README, tests.
struct KeyInfo {
  std::string path;
  std::string kind;  // duration, size, rate, integer, number, boolean, word, string, secret, ...
  std::string fallback;  // the struct initialiser as the file would write it; "" when there is none
  std::string min, max;  // of durations, sizes and numbers
  std::vector<std::string> words;
  bool later = false;  // not in this version
};
std::vector<KeyInfo> all_keys();

// Which preset an endpoint has and why; what its probe asks and what a pass proves.
std::string preset_reason(const Config&, const Source&, std::size_t endpoint);
std::string probe_summary(const Endpoint&);

std::string explain_text(const Config&, const Source&);
std::string explain_json(const Config&, const Source&);

}  // namespace config
