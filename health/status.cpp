#include "health/status.hpp"

#include <algorithm>

#include "health/evidence.hpp"
#include "health/probe_outcome.hpp"

namespace health {

std::string_view to_string(MonitorStatus status) {
  switch (status) {
    case MonitorStatus::checking_endpoint:
      return "CheckingEndpoint";
    case MonitorStatus::online:
      return "Online";
    case MonitorStatus::degraded:
      return "Degraded";
    case MonitorStatus::disabled:
      return "Disabled";
    case MonitorStatus::inactive:
      return "Inactive";
    case MonitorStatus::stopped:
      return "Stopped";
    case MonitorStatus::unmonitored:
      return "Unmonitored";
  }
  return "unknown";
}

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::start:
      return "start";
    case Cause::probe:
      return "probe";
    case Cause::live_traffic:
      return "live_traffic";
    case Cause::operator_command:
      return "operator_command";
    case Cause::config:
      return "config";
  }
  return "unknown";
}

std::string_view to_string(ProfileStatus status) {
  switch (status) {
    case ProfileStatus::checking_endpoints:
      return "CheckingEndpoints";
    case ProfileStatus::online:
      return "Online";
    case ProfileStatus::degraded:
      return "Degraded";
    case ProfileStatus::disabled:
      return "Disabled";
    case ProfileStatus::inactive:
      return "Inactive";
  }
  return "unknown";
}

std::string_view to_string(ProbeResult result) {
  switch (result) {
    case ProbeResult::passed:
      return "passed";
    case ProbeResult::resolve_failed:
      return "resolve_failed";
    case ProbeResult::connect_failed:
      return "connect_failed";
    case ProbeResult::tls_failed:
      return "tls_failed";
    case ProbeResult::timed_out:
      return "timed_out";
    case ProbeResult::broken:
      return "broken";
    case ProbeResult::bad_status:
      return "bad_status";
    case ProbeResult::bad_body:
      return "bad_body";
  }
  return "unknown";
}

std::string_view to_string(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::connect_failed:
      return "connect_failed";
    case EvidenceKind::tls_failed:
      return "tls_failed";
    case EvidenceKind::reset:
      return "reset";
    case EvidenceKind::bad_gateway:
      return "bad_gateway";
    case EvidenceKind::unavailable:
      return "unavailable";
    case EvidenceKind::gateway_timeout:
      return "gateway_timeout";
    case EvidenceKind::stopped_page:
      return "stopped_page";
    case EvidenceKind::first_byte_timeout:
      return "first_byte_timeout";
    case EvidenceKind::hub_trouble:
      return "hub_trouble";
  }
  return "unknown";
}

std::string_view status_text(MonitorStatus status, Cause cause) {
  if (status == MonitorStatus::degraded && cause == Cause::live_traffic)
    return "Degraded (passive)";
  return to_string(status);
}

ProfileStatus profile_status(bool profile_enabled, std::span<const MonitorStatus> endpoints) {
  if (!profile_enabled) return ProfileStatus::disabled;
  const auto any = [&](MonitorStatus wanted) {
    return std::find(endpoints.begin(), endpoints.end(), wanted) != endpoints.end();
  };
  if (any(MonitorStatus::degraded)) return ProfileStatus::degraded;
  if (any(MonitorStatus::online) || any(MonitorStatus::unmonitored)) return ProfileStatus::online;
  if (any(MonitorStatus::checking_endpoint)) return ProfileStatus::checking_endpoints;
  return ProfileStatus::inactive;
}

}  // namespace health
