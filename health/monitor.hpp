// Traffic Manager's monitor of one endpoint as a plain value and functions over it: no clock, no
// I/O. The HealthBoard owns one per endpoint and feeds it on the control thread; tests feed it
// stories. Worked example with tolerated_failures 3 and required_passes 3:
//   probes P F F F F P P P
//   status O O O O D D D O     (the fourth failure in a row degrades, the third pass restores)
// The very first verdict needs one pass only: an endpoint being checked gets traffic anyway.
#pragma once

#include <optional>
#include <string>

#include "config/config.hpp"
#include "health/evidence.hpp"
#include "health/probe_outcome.hpp"
#include "health/status.hpp"

namespace health {

struct Monitor {
  enum class Finding { nothing_yet, online, degraded };

  // What was set.
  bool profile_enabled = true;
  bool enabled = true;
  bool always_serve = false;
  bool serving = true;  // false: a standby, probed at standby_interval

  // What was found.
  Finding finding = Finding::nothing_yet;
  Cause cause = Cause::start;  // of the present status
  TimePoint since{};           // of the present status
  int failures = 0;            // probes failed in a row
  int passes = 0;              // probes passed in a row
  bool ever_online = false;    // never: the probe itself is probably wrong
  TimePoint first_failure{};   // start of the series that is counted in `failures`

  // Idling and the cold grace: while it lasts, a probe that only timed out is not counted.
  std::optional<TimePoint> last_contact;  // last passed probe or answered request
  std::optional<TimePoint> grace_until;
  bool slow_in_grace = false;

  // The schedule.
  std::optional<TimePoint> probe_started, probe_ended;  // of the latest probe
  bool probe_wanted = false;                            // something asked for an early probe
};

// A change of status; the board adds whose it is and makes it a HealthTransition.
struct StatusChange {
  MonitorStatus from = MonitorStatus::checking_endpoint;
  MonitorStatus to = MonitorStatus::checking_endpoint;
  Cause cause = Cause::start;
  std::string detail;
  TimePoint first_failure{};
};

MonitorStatus status(const Monitor&);
bool is_probed(const Monitor&);  // not when Disabled, Inactive or Unmonitored
// Some failures but not Degraded yet, or some passes but not back yet: probed faster.
bool in_doubt(const Monitor&);

// Applies one probe outcome. A failure while live traffic is suspicious as well (`traffic`, null
// when it is not, or when traffic must not degrade) is the confirming probe: it degrades at once.
std::optional<StatusChange> observe(Monitor&, const config::ProbePolicy&, const ProbeOutcome&,
                                    TimePoint now, const Suspicion* traffic = nullptr);
// Live traffic alone is reason enough. Recovery takes the required passes like any other.
std::optional<StatusChange> degrade_by_traffic(Monitor&, const Suspicion&, TimePoint now);

std::optional<StatusChange> set_enabled(Monitor&, bool, Cause, TimePoint now);
std::optional<StatusChange> set_profile_enabled(Monitor&, bool, Cause, TimePoint now);
std::optional<StatusChange> set_always_serve(Monitor&, bool, Cause, TimePoint now);
void restart_counters(Monitor&);  // a changed policy: the status stays, the counting starts again

// Live traffic got an answer: the endpoint is not idle.
void note_contact(Monitor&, TimePoint now);
// A timeout says nothing now: the endpoint idled, and its host may be starting.
bool in_cold_grace(const Monitor&, const config::ProbePolicy&, TimePoint now);

// The schedule: probes of one endpoint never overlap, and the next one starts a gap after the
// *start* of the one before, or when that one ended if it took longer. `dice` in [0, 1) sets the
// jitter. Empty: not probed.
void begin_probe(Monitor&, const config::ProbePolicy&, TimePoint now);
void discard_probe(Monitor&, TimePoint now);  // its outcome says nothing: probe again at once
void skip_probe(Monitor&, TimePoint now);     // likewise, but the next one is due as usual
void want_probe(Monitor&);                    // soon, but not within doubt_interval of the last
std::optional<TimePoint> next_probe(const Monitor&, const config::ProbePolicy&, double dice,
                                    TimePoint now);

}  // namespace health
