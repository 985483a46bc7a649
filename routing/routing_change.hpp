// What the Router reports whenever the endpoint that new clients are given changes, and when a
// best effort begins or ends. The app turns these into log lines, counters and /api/status.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "routing/routing_table.hpp"

namespace routing {

enum class ChangeKind {
  startup,           // the first choice
  failover,          // to a lower priority, because the active endpoint may not serve any more
  failback,          // back to a higher priority
  operator_command,  // drain, disable or enable moved it
  reload,            // a new configuration moved it
  best_effort,       // everything is degraded: fail open (`from` and `to` may be the same)
  unavailable,       // nobody may serve: `to` is no_endpoint
  restored,          // after best_effort or unavailable, without a move between endpoints
};
std::string_view to_string(ChangeKind);

struct RoutingChange {
  ChangeKind kind = ChangeKind::startup;
  EndpointId from = no_endpoint;
  EndpointId to = no_endpoint;
  std::string from_name, to_name;  // "" for nobody
  std::string reason;              // a clause: primary is Degraded: 3 connections failed in 2 s
  health::TimePoint at{};
  // Failover: the first failure of the series that led here. Failback: the recovery of the
  // endpoint that traffic returns to (its last required pass). `at` minus this is how long it took.
  std::optional<health::TimePoint> since;
};

}  // namespace routing
