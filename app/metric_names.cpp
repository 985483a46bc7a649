// The label values of counters that are indexed by an enum.
#include "app/metrics.hpp"
#include "proxy/counters.hpp"

namespace app {

std::string_view refusal_name(std::size_t index) {
  using proxy::Refusal;
  switch (static_cast<Refusal>(index)) {
    case Refusal::bad_request:
      return "bad_request";
    case Refusal::head_too_large:
      return "head_too_large";
    case Refusal::body_too_large:
      return "body_too_large";
    case Refusal::timeout:
      return "timeout";
    case Refusal::overloaded:
      return "overloaded";
    case Refusal::connection_limit:
      return "connection_limit";
    case Refusal::client_limit:
      return "client_limit";
    case Refusal::endpoint_limit:
      return "endpoint_limit";
    case Refusal::connect_limit:
      return "connect_limit";
    case Refusal::out_of_descriptors:
      return "out_of_descriptors";
    case Refusal::too_slow:
      return "too_slow";
    case Refusal::no_endpoint:
      return "no_endpoint";
    case Refusal::upstream_failed:
      return "upstream_failed";
    case Refusal::upstream_timeout:
      return "upstream_timeout";
    case Refusal::not_supported:
      return "not_supported";
    case Refusal::loop:
      return "loop";
    case Refusal::draining:
      return "draining";
    case Refusal::closed_path:
      return "closed_path";
    case Refusal::lease_unsafe:
      return "lease_unsafe";
    case Refusal::away:
      return "away";
    case Refusal::bad_start:
      return "bad_start";
    case Refusal::ledger:
      return "ledger";
    case Refusal::count_:
      break;
  }
  return "other";
}

std::string_view tunnel_end_name(std::size_t index) {
  using proxy::TunnelEnd;
  switch (static_cast<TunnelEnd>(index)) {
    case TunnelEnd::idle:
      return "idle";
    case TunnelEnd::stalled:
      return "stalled";
    case TunnelEnd::endpoint_drained:
      return "endpoint_drained";
    case TunnelEnd::endpoint_disabled:
      return "endpoint_disabled";
    case TunnelEnd::endpoint_removed:
      return "endpoint_removed";
    case TunnelEnd::proxy_draining:
      return "proxy_draining";
    case TunnelEnd::none:
    case TunnelEnd::count_:
      break;
  }
  return "other";
}

std::string_view start_outcome_name(std::size_t index) {
  using proxy::StartOutcome;
  switch (static_cast<StartOutcome>(index)) {
    case StartOutcome::accepted:
      return "accepted";
    case StartOutcome::refused:
      return "refused";
    case StartOutcome::failed_not_run:
      return "failed_not_run";
    case StartOutcome::unknown:
      return "unknown";
    case StartOutcome::other:
      break;
  }
  return "other";
}

}  // namespace app
