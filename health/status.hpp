// The words of Traffic Manager's monitoring (endpointMonitorStatus, learn.microsoft.com
// "Traffic Manager endpoint monitoring"), shared by health and routing. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace health {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// Stable for the life of the process: a reload that keeps an endpoint's name and URL keeps its id,
// an id is never given to another endpoint, so a sticky answer or a pooled connection that outlives
// a reload cannot reach the wrong one.
using EndpointId = std::uint32_t;
inline constexpr EndpointId no_endpoint = 0xffffffff;

enum class MonitorStatus {
  checking_endpoint,  // no probe result yet: gets traffic
  online,
  degraded,
  disabled,
  inactive,     // the profile is disabled
  stopped,      // not in this version
  unmonitored,  // always serve
};

// What the profile as a whole shows (profileMonitorStatus; only here the plural "Endpoints").
enum class ProfileStatus { checking_endpoints, online, degraded, disabled, inactive };

// Why the status is what it is.
enum class Cause { start, probe, live_traffic, operator_command, config };

std::string_view to_string(MonitorStatus);  // Traffic Manager's spelling: "CheckingEndpoint", ...
std::string_view to_string(Cause);
std::string_view to_string(ProfileStatus);

// As operators read it: a degradation by live traffic shows as "Degraded (passive)".
std::string_view status_text(MonitorStatus, Cause);

// One endpoint Degraded makes the profile Degraded, however many others are Online. Unmonitored
// counts as Online; a profile whose endpoints are all Disabled or Stopped is Inactive.
ProfileStatus profile_status(bool profile_enabled, std::span<const MonitorStatus> endpoints);

struct HealthTransition {  // emitted by the HealthBoard on each change of an endpoint's status
  EndpointId endpoint = no_endpoint;
  std::string name;
  MonitorStatus from = MonitorStatus::checking_endpoint;
  MonitorStatus to = MonitorStatus::checking_endpoint;
  Cause cause = Cause::start;
  std::string detail;  // "4 probes failed in a row: timed out after 1000 ms"
  TimePoint at{};
  TimePoint first_failure{};  // of the series that led to Degraded: detection time = at - this
};

}  // namespace health
