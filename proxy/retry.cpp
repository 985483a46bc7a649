#include "proxy/retry.hpp"

#include <algorithm>

namespace proxy {
namespace {

// A lease moves with any method, so not even a GET of makeprimary is safe to repeat.
bool changes_something(const AttemptFailure& f) {
  return f.method != MethodClass::safe || f.request == durable::RequestKind::lease_control;
}

bool nothing_sent(const AttemptFailure& f) {
  return f.sent == BytesSent::none || f.kind == AttemptFailureKind::connect ||
         f.kind == AttemptFailureKind::tls;
}

// Whether the request means the same at another endpoint. With a hub per region an instance lives
// at one of them, and a list is asked of each; a lease belongs to the app that was asked.
bool another_endpoint_can_answer(const AttemptFailure& f) {
  using durable::RequestKind;
  if (f.request == RequestKind::lease_control) return false;
  const bool by_hub = f.request == RequestKind::instance || f.request == RequestKind::collection;
  return !(by_hub && f.hub == config::TaskHub::per_region);
}

bool can_move(const AttemptFailure& f) {
  // A drain is the operator's word and beats `hold`, which only says what a dead endpoint means.
  const bool stays = f.held && f.kind != AttemptFailureKind::rescued_by_drain;
  return !stays && f.other_endpoint && f.attempts_left > 0 && f.body_replayable &&
         another_endpoint_can_answer(f);
}

Outcome outcome_of(const AttemptFailure& f) {
  if (!f.response_started &&
      (nothing_sent(f) || f.kind == AttemptFailureKind::answer_proves_not_run ||
       f.kind == AttemptFailureKind::key_refused))
    return Outcome::not_run;
  return changes_something(f) ? Outcome::unknown : Outcome::failed;
}

}  // namespace

MethodClass method_class(std::string_view method) {
  if (method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE")
    return MethodClass::safe;
  if (method == "PUT" || method == "DELETE") return MethodClass::idempotent;
  return MethodClass::other;
}

Decision decide(const AttemptFailure& f) {
  using Kind = AttemptFailureKind;
  const Outcome outcome = outcome_of(f);
  const bool rescue = f.kind == Kind::rescued_by_degraded || f.kind == Kind::rescued_by_drain;
  const Decision stay{rescue ? RetryAction::keep_waiting : RetryAction::give_up, false, outcome};
  const Decision move_free{RetryAction::next_endpoint, false, outcome};
  const Decision move_counted{RetryAction::next_endpoint, true, outcome};
  if (f.response_started) return stay;

  const bool repeatable = nothing_sent(f) || !changes_something(f);
  switch (f.kind) {
    case Kind::connect:
    case Kind::tls:
      return can_move(f) ? move_free : stay;
    case Kind::stale_connection:
      // The endpoint closed an idle connection just as it was picked: says nothing about the
      // endpoint, and costs no attempt.
      if (repeatable && f.body_replayable)
        return {RetryAction::same_endpoint_fresh_connection, false, outcome};
      return stay;
    case Kind::reset_before_response:
    case Kind::closed_before_response:
    case Kind::first_byte_timeout:
    case Kind::bad_response:
      if (!repeatable || !can_move(f)) return stay;
      if (nothing_sent(f)) return move_free;  // no load on anybody: like a failed connect
      return f.budget_available ? move_counted : stay;
    case Kind::answer_proves_not_run:
    case Kind::key_refused:
      return can_move(f) && f.budget_available ? move_counted : stay;
    case Kind::answer_502_503_504:
      if (changes_something(f) || f.answered_before || !can_move(f)) return stay;
      return f.budget_available ? move_counted : stay;
    case Kind::rescued_by_degraded:
    case Kind::rescued_by_drain:
      return repeatable && can_move(f) ? move_free : stay;
  }
  return stay;
}

std::size_t RetryBudget::limit() const {
  return std::max(min, static_cast<std::size_t>(share * static_cast<double>(live)));
}

std::string_view to_string(AttemptFailureKind kind) {
  switch (kind) {
    case AttemptFailureKind::connect:
      return "connect";
    case AttemptFailureKind::tls:
      return "tls";
    case AttemptFailureKind::stale_connection:
      return "stale_connection";
    case AttemptFailureKind::reset_before_response:
      return "reset_before_response";
    case AttemptFailureKind::closed_before_response:
      return "closed_before_response";
    case AttemptFailureKind::first_byte_timeout:
      return "first_byte_timeout";
    case AttemptFailureKind::bad_response:
      return "bad_response";
    case AttemptFailureKind::answer_proves_not_run:
      return "answer_proves_not_run";
    case AttemptFailureKind::answer_502_503_504:
      return "answer_502_503_504";
    case AttemptFailureKind::key_refused:
      return "key_refused";
    case AttemptFailureKind::rescued_by_degraded:
      return "rescued_by_degraded";
    case AttemptFailureKind::rescued_by_drain:
      return "rescued_by_drain";
  }
  return "?";
}

std::string_view to_string(RetryAction action) {
  switch (action) {
    case RetryAction::same_endpoint_fresh_connection:
      return "same_endpoint_fresh_connection";
    case RetryAction::next_endpoint:
      return "next_endpoint";
    case RetryAction::keep_waiting:
      return "keep_waiting";
    case RetryAction::give_up:
      return "give_up";
  }
  return "?";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::not_run:
      return "not_run";
    case Outcome::unknown:
      return "unknown";
    case Outcome::failed:
      return "failed";
  }
  return "?";
}

}  // namespace proxy
