// The bodies of our own errors: application/problem+json (RFC 9457). `type` is left out
// ("about:blank"), so `title` is the phrase of the status; `kind` is the word to program against.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/retry.hpp"

namespace proxy {

enum class ProblemKind {
  bad_request,            // 400 framing or syntax
  unauthorized,           // 401 no client key
  forbidden,              // 403 a closed path
  method_not_allowed,     // 405
  request_timeout,        // 408
  length_required,        // 411
  body_too_large,         // 413
  uri_too_long,           // 414
  expectation_failed,     // 417
  lease_unsafe,           // 409 makeprimary while only one app lives
  id_in_use,              // 409 the id is being started with another body
  id_elsewhere,           // 409 the id lives in another region's hub
  already_exists,         // 409 durable.duplicate_status
  not_known_to_run,       // 409 what is asked can be done only to a running instance
  misdirected,            // 421
  key_reused,             // 422 the Idempotency-Key was used for something else
  too_many_requests,      // 429 limits.per_client
  head_too_large,         // 431
  internal,               // 500
  not_implemented,        // 501
  connect_failed,         // 502
  tls_failed,             // 502
  upstream_closed,        // 502 reset or closed before the answer was complete
  bad_response,           // 502
  key_refused,            // 502 the endpoint refused the key that this proxy has for it
  no_endpoint,            // 503 nobody may serve
  overloaded,             // 503 a limit of ours
  shutting_down,          // 503
  away,                   // 503 the instance lives where nothing can be reached
  ledger_unavailable,     // 503 the start could not be written down
  held_start,             // 503 on_degraded is hold and the start never ran: try again later
  first_byte_timeout,     // 504
  outcome_unknown,        // 504 no answer, and it may have run
  version_not_supported,  // 505
  loop_detected,          // 508 our own Via came back
};
std::string_view to_string(ProblemKind);  // "connect_failed"
int status_of(ProblemKind);
std::string_view status_phrase(int status);  // "Bad Gateway"; "" for what we never send

// How an attempt that ended a request is told. A request that may have run is never called
// failed: without an answer it is outcome_unknown, 504. A held start that never ran gets 503, so
// that its client tries again later.
ProblemKind problem_of(AttemptFailureKind, Outcome, durable::RequestKind, bool held);

struct Problem {
  ProblemKind kind = ProblemKind::internal;
  std::string_view detail;       // one sentence: what happened and, if it helps, what to do
  std::string_view endpoint;     // name; empty members are left out
  std::string_view reason;       // why this endpoint: the selection's reason
  std::string_view outcome;      // not_run | unknown | failed
  std::string_view instance_id;  // Durable instance
  std::string_view status_url;
  std::string_view trace_id;
  int attempts = 0;  // left out when 0
};

inline constexpr std::string_view problem_content_type = "application/problem+json";
std::string problem_json(const Problem&);

// Appends `text` as JSON string content, without the quotes; invalid UTF-8 becomes U+FFFD.
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace proxy
