#include "health/monitor.hpp"

#include <algorithm>
#include <cmath>

namespace health {
namespace {

using Finding = Monitor::Finding;

template <class Change>
std::optional<StatusChange> changing(Monitor& monitor, TimePoint now, Cause cause, Change change) {
  const MonitorStatus from = status(monitor);
  change();
  const MonitorStatus to = status(monitor);
  if (from == to) return std::nullopt;
  monitor.cause = cause;
  monitor.since = now;
  return StatusChange{from, to, cause, {}, {}};
}

void forget_findings(Monitor& monitor) {
  monitor.finding = Finding::nothing_yet;
  monitor.last_contact.reset();
  monitor.probe_started.reset();  // to be looked at as soon as it is probed again
  restart_counters(monitor);
}

std::string count(int number, std::string_view what) {
  return std::to_string(number) + " " + std::string{what} + (number == 1 ? "" : "s");
}

std::optional<StatusChange> observe_pass(Monitor& monitor, const config::ProbePolicy& policy,
                                         const ProbeOutcome& outcome, TimePoint now) {
  monitor.failures = 0;
  ++monitor.passes;
  note_contact(monitor, now);
  const bool enough =
      monitor.finding == Finding::nothing_yet || monitor.passes >= policy.required_passes;
  if (monitor.finding == Finding::online || !enough) return std::nullopt;
  auto change = changing(monitor, now, Cause::probe, [&] { monitor.finding = Finding::online; });
  monitor.ever_online = true;
  change->detail = count(monitor.passes, "probe") + " passed in a row: " + outcome.detail;
  return change;
}

std::optional<StatusChange> observe_failure(Monitor& monitor, const config::ProbePolicy& policy,
                                            const ProbeOutcome& outcome, TimePoint now,
                                            const Suspicion* traffic) {
  monitor.passes = 0;
  if (monitor.failures == 0) monitor.first_failure = outcome.started;
  ++monitor.failures;
  const bool exceeded = monitor.failures > policy.tolerated_failures;
  if (monitor.finding == Finding::degraded) {
    if (exceeded) monitor.cause = Cause::probe;  // probing confirms what live traffic said
    return std::nullopt;
  }
  if (exceeded) {
    auto change =
        changing(monitor, now, Cause::probe, [&] { monitor.finding = Finding::degraded; });
    change->detail = count(monitor.failures, "probe") + " failed in a row: " + outcome.detail;
    change->first_failure = monitor.first_failure;
    return change;
  }
  if (traffic == nullptr) return std::nullopt;
  Suspicion confirmed = *traffic;
  confirmed.detail += ", and the confirming probe failed: " + outcome.detail;
  confirmed.first_failure = std::min(confirmed.first_failure, monitor.first_failure);
  return degrade_by_traffic(monitor, confirmed, now);
}

std::chrono::nanoseconds interval_now(const Monitor& monitor, const config::ProbePolicy& policy,
                                      double dice) {
  const config::Millis normal = monitor.serving ? policy.interval : policy.standby_interval;
  if (monitor.probe_wanted || in_doubt(monitor)) return std::min(normal, policy.doubt_interval);
  const double factor = 1.0 + policy.jitter * (2.0 * dice - 1.0);
  const double ticks = static_cast<double>(std::chrono::nanoseconds{normal}.count()) * factor;
  return std::chrono::nanoseconds{std::llround(std::max(ticks, 0.0))};
}

}  // namespace

MonitorStatus status(const Monitor& monitor) {
  if (!monitor.enabled) return MonitorStatus::disabled;  // whatever the profile is
  if (!monitor.profile_enabled) return MonitorStatus::inactive;
  if (monitor.always_serve) return MonitorStatus::unmonitored;
  switch (monitor.finding) {
    case Finding::online:
      return MonitorStatus::online;
    case Finding::degraded:
      return MonitorStatus::degraded;
    case Finding::nothing_yet:
      break;
  }
  return MonitorStatus::checking_endpoint;
}

bool is_probed(const Monitor& monitor) {
  return monitor.enabled && monitor.profile_enabled && !monitor.always_serve;
}

bool in_doubt(const Monitor& monitor) {
  if (monitor.finding == Finding::degraded) return monitor.passes > 0;
  return monitor.failures > 0 || monitor.slow_in_grace;
}

std::optional<StatusChange> observe(Monitor& monitor, const config::ProbePolicy& policy,
                                    const ProbeOutcome& outcome, TimePoint now,
                                    const Suspicion* traffic) {
  monitor.probe_ended = now;
  if (!is_probed(monitor)) return std::nullopt;
  if (outcome.passed()) return observe_pass(monitor, policy, outcome, now);
  if (outcome.result == ProbeResult::timed_out && monitor.finding != Finding::degraded &&
      in_cold_grace(monitor, policy, now)) {
    monitor.slow_in_grace = true;
    return std::nullopt;
  }
  return observe_failure(monitor, policy, outcome, now, traffic);
}

std::optional<StatusChange> degrade_by_traffic(Monitor& monitor, const Suspicion& suspicion,
                                               TimePoint now) {
  if (!is_probed(monitor) || monitor.finding == Finding::degraded) return std::nullopt;
  auto change =
      changing(monitor, now, Cause::live_traffic, [&] { monitor.finding = Finding::degraded; });
  monitor.passes = 0;
  change->detail = suspicion.detail;
  change->first_failure = suspicion.first_failure;
  return change;
}

std::optional<StatusChange> set_enabled(Monitor& monitor, bool enabled, Cause cause,
                                        TimePoint now) {
  if (monitor.enabled == enabled) return std::nullopt;
  return changing(monitor, now, cause, [&] {
    monitor.enabled = enabled;
    forget_findings(monitor);
  });
}

std::optional<StatusChange> set_profile_enabled(Monitor& monitor, bool enabled, Cause cause,
                                                TimePoint now) {
  if (monitor.profile_enabled == enabled) return std::nullopt;
  return changing(monitor, now, cause, [&] {
    monitor.profile_enabled = enabled;
    forget_findings(monitor);
  });
}

std::optional<StatusChange> set_always_serve(Monitor& monitor, bool always_serve, Cause cause,
                                             TimePoint now) {
  if (monitor.always_serve == always_serve) return std::nullopt;
  return changing(monitor, now, cause, [&] {
    monitor.always_serve = always_serve;
    forget_findings(monitor);
  });
}

void restart_counters(Monitor& monitor) {
  monitor.failures = 0;
  monitor.passes = 0;
  monitor.grace_until.reset();
  monitor.slow_in_grace = false;
}

void note_contact(Monitor& monitor, TimePoint now) {
  monitor.last_contact = now;
  monitor.grace_until.reset();
  monitor.slow_in_grace = false;
}

bool in_cold_grace(const Monitor& monitor, const config::ProbePolicy& policy, TimePoint now) {
  if (monitor.grace_until) return now < *monitor.grace_until;
  return monitor.last_contact && now - *monitor.last_contact >= policy.idle_after;
}

void begin_probe(Monitor& monitor, const config::ProbePolicy& policy, TimePoint now) {
  monitor.probe_started = now;
  monitor.probe_ended.reset();
  monitor.probe_wanted = false;
  // Armed once per idling: only a contact, which ends the idling, lets the next one begin.
  const bool idle = monitor.last_contact && now - *monitor.last_contact >= policy.idle_after;
  if (idle && !monitor.grace_until) monitor.grace_until = now + policy.cold_grace;
}

void discard_probe(Monitor& monitor, TimePoint now) {
  monitor.probe_ended = now;
  monitor.probe_started.reset();
}

void skip_probe(Monitor& monitor, TimePoint now) {
  monitor.probe_ended = now;
}

void want_probe(Monitor& monitor) {
  monitor.probe_wanted = true;
}

std::optional<TimePoint> next_probe(const Monitor& monitor, const config::ProbePolicy& policy,
                                    double dice, TimePoint now) {
  if (!is_probed(monitor)) return std::nullopt;
  if (!monitor.probe_started) return monitor.probe_ended.value_or(now);
  const TimePoint due = *monitor.probe_started + interval_now(monitor, policy, dice);
  return std::max(due, monitor.probe_ended.value_or(*monitor.probe_started));
}

}  // namespace health
