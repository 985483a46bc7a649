// One probe's result, by the layer that decided it. A plain value: made by the prober, judged by
// the monitor, counted by the metrics, shown to operators.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "health/status.hpp"

namespace health {

enum class ProbeResult {
  passed,
  resolve_failed,  // the name has no address
  connect_failed,  // refused or unreachable
  tls_failed,      // handshake or certificate
  timed_out,       // the whole answer was not there within the timeout, whatever took so long
  broken,          // the connection ended before the answer did, or the answer is no HTTP
  bad_status,      // a complete answer with a status that is not accepted
  bad_body,        // an accepted status, but the body does not match
};

std::string_view to_string(ProbeResult);  // "resolve_failed", ...: metric label and JSON value

struct ProbeOutcome {
  ProbeResult result = ProbeResult::passed;
  int status = 0;                       // HTTP status; 0: no answer, or a TCP probe
  std::chrono::microseconds latency{};  // from the start to the outcome
  std::string detail;                   // for operators: "answered 503 (expected 200)"
  TimePoint started{};
  bool own_fault = false;  // what was missing was a descriptor or memory of this process
  bool refused = false;    // of connect_failed: by the host, so that nobody listens there any more

  bool passed() const { return result == ProbeResult::passed; }
};

}  // namespace health
