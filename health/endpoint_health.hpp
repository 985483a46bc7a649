// What one endpoint looks like at a moment, for the status page and the metrics: a copy, free to
// leave the control thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/socket_address.hpp"
#include "health/probe_outcome.hpp"
#include "health/status.hpp"

namespace health {

struct EndpointHealth {
  EndpointId id = no_endpoint;
  std::string name;
  MonitorStatus status = MonitorStatus::checking_endpoint;
  Cause cause = Cause::start;
  TimePoint since{};
  bool enabled = true;
  bool serving = true;
  std::optional<ProbeOutcome> last_probe;
  TimePoint last_probe_at{};  // when the outcome was there
  int failures = 0;           // probes in a row
  int passes = 0;
  bool ever_online = false;     // false while Degraded: the probe's path is probably wrong
  TimePoint first_failure{};    // of the latest series of failures
  std::string disagreement;     // "probe ok, traffic failing: ..."; empty when they agree
  std::string resolve_problem;  // why the latest look-up of the name failed; empty when it did not
  std::vector<config::SocketAddress> addresses;
};

}  // namespace health
