// What happens after an attempt failed: try again (where?), keep waiting, or tell the client. The
// one rule of it, as a function of values. Nothing that may have run is ever repeated: once a byte
// of a request that may change something was sent, only an answer that proves it never ran allows
// another attempt. Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "config/config.hpp"
#include "durable/request_kind.hpp"

namespace proxy {

enum class MethodClass {
  safe,        // GET, HEAD, OPTIONS, TRACE: may be sent twice
  idempotent,  // PUT, DELETE: RFC 9110 section 9.2.2 would allow it, a Durable app does not
  other,       // POST, PATCH and every method we do not know
};
MethodClass method_class(std::string_view method);  // case-sensitive, as methods are

enum class AttemptFailureKind {
  connect,                 // refused, unreachable, timed out, or the name did not resolve
  tls,                     // no byte of the request was sent
  stale_connection,        // a reused connection ended before any byte of an answer
  reset_before_response,   // a fresh connection was reset before any byte of an answer
  closed_before_response,  // a fresh connection was closed before any byte of an answer
  first_byte_timeout,
  bad_response,           // what came back is no HTTP message we accept
  answer_proves_not_run,  // stopped page, "Function host is not running", app_offline
  answer_502_503_504,     // any other answer of these
  key_refused,            // 401 to a key that this proxy put in: it never ran
  rescued_by_degraded,    // the endpoint turned Degraded while the request waits for a first byte
  rescued_by_drain,       // or was drained, or disabled
};
std::string_view to_string(AttemptFailureKind);

enum class BytesSent { none, some, all };  // of the request, head included

struct AttemptFailure {
  AttemptFailureKind kind = AttemptFailureKind::connect;
  MethodClass method = MethodClass::safe;
  durable::RequestKind request = durable::RequestKind::plain;
  config::TaskHub hub = config::TaskHub::none;
  BytesSent sent = BytesSent::none;
  bool body_replayable = true;    // every body byte taken from the client so far is still kept
  bool response_started = false;  // bytes of an answer were passed to the client
  bool answered_before = false;   // an earlier attempt ended in one of the answer_* kinds
  bool held = false;              // on_degraded is hold and the choice was a sticky answer
  bool other_endpoint = false;    // select_next has one to offer
  bool budget_available = true;
  int attempts_left = 0;
};

enum class RetryAction {
  same_endpoint_fresh_connection,  // not from the pool; not an attempt of its own
  next_endpoint,
  keep_waiting,  // only for rescues
  give_up,       // an answer_* failure: relay that answer; else a problem document
};
std::string_view to_string(RetryAction);

// What to tell the client if this is how the request ends.
enum class Outcome {
  not_run,  // no endpoint ran it
  unknown,  // it may have run
  failed,   // it was safe to begin with, so that nothing is in doubt
};
std::string_view to_string(Outcome);

struct Decision {
  RetryAction action = RetryAction::give_up;
  bool counts_against_budget = false;
  Outcome outcome = Outcome::failed;
  bool operator==(const Decision&) const = default;
};

Decision decide(const AttemptFailure&);

// Retries in flight stay below a share of the live requests, so that a bad endpoint cannot double
// the load on the good one. Connect failures and rescues do not count. One per worker.
struct RetryBudget {
  std::size_t live = 0;       // requests
  std::size_t in_flight = 0;  // retries that counted
  double share = 0.2;
  std::size_t min = 64;

  std::size_t limit() const;
  bool available() const { return in_flight < limit(); }
};

}  // namespace proxy
