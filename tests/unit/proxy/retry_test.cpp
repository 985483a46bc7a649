#include "proxy/retry.hpp"

#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>
#include <vector>

namespace proxy {

std::ostream& operator<<(std::ostream& out, const Decision& decision) {
  return out << to_string(decision.action) << (decision.counts_against_budget ? ", counted" : "")
             << ", " << to_string(decision.outcome);
}

namespace {

using durable::RequestKind;
using Kind = AttemptFailureKind;
using config::TaskHub;

// A case is a base plus what differs from it: a GET whose request went out whole, with another
// endpoint at hand and two attempts left.
AttemptFailure get(Kind kind, BytesSent sent = BytesSent::all) {
  AttemptFailure f;
  f.kind = kind;
  f.sent = sent;
  f.other_endpoint = true;
  f.attempts_left = 2;
  return f;
}
AttemptFailure post(Kind kind, BytesSent sent = BytesSent::all) {
  AttemptFailure f = get(kind, sent);
  f.method = MethodClass::other;
  return f;
}
AttemptFailure put(Kind kind, BytesSent sent = BytesSent::all) {
  AttemptFailure f = get(kind, sent);
  f.method = MethodClass::idempotent;
  return f;
}
template <class Change>
AttemptFailure with(AttemptFailure f, const Change& change) {
  change(f);
  return f;
}
const auto held = [](AttemptFailure& f) { f.held = true; };
const auto alone = [](AttemptFailure& f) { f.other_endpoint = false; };
const auto spent = [](AttemptFailure& f) { f.attempts_left = 0; };
const auto no_budget = [](AttemptFailure& f) { f.budget_available = false; };
const auto not_kept = [](AttemptFailure& f) { f.body_replayable = false; };
const auto started = [](AttemptFailure& f) { f.response_started = true; };
const auto answered = [](AttemptFailure& f) { f.answered_before = true; };
const auto regional_instance = [](AttemptFailure& f) {
  f.request = RequestKind::instance;
  f.hub = TaskHub::per_region;
};
const auto shared_instance = [](AttemptFailure& f) {
  f.request = RequestKind::instance;
  f.hub = TaskHub::shared;
};
const auto regional_start = [](AttemptFailure& f) {
  f.request = RequestKind::start;
  f.hub = TaskHub::per_region;
};
const auto regional_list = [](AttemptFailure& f) {
  f.request = RequestKind::collection;
  f.hub = TaskHub::per_region;
};
const auto lease = [](AttemptFailure& f) { f.request = RequestKind::lease_control; };

constexpr Decision next_free(Outcome outcome) {
  return {RetryAction::next_endpoint, false, outcome};
}
constexpr Decision next_counted(Outcome outcome) {
  return {RetryAction::next_endpoint, true, outcome};
}
constexpr Decision fresh(Outcome outcome) {
  return {RetryAction::same_endpoint_fresh_connection, false, outcome};
}
constexpr Decision wait(Outcome outcome) {
  return {RetryAction::keep_waiting, false, outcome};
}
constexpr Decision stop(Outcome outcome) {
  return {RetryAction::give_up, false, outcome};
}

constexpr Outcome not_run = Outcome::not_run;
constexpr Outcome unknown = Outcome::unknown;
constexpr Outcome failed = Outcome::failed;
constexpr BytesSent none = BytesSent::none;
constexpr BytesSent some = BytesSent::some;

struct Row {
  const char* rule;
  AttemptFailure failure;
  Decision decision;
};

std::vector<Row> rows() {  // NOLINT(readability-function-size): a table
  return {
      // Connect and TLS: at once, every method, no budget.
      {"connect: a GET moves on", get(Kind::connect, none), next_free(not_run)},
      {"connect: so does a POST", post(Kind::connect, none), next_free(not_run)},
      {"connect: and a PUT", put(Kind::connect, none), next_free(not_run)},
      {"tls: a POST moves on", post(Kind::tls, none), next_free(not_run)},
      {"connect: without a budget too", with(post(Kind::connect, none), no_budget),
       next_free(not_run)},
      {"connect: a start of a hub per region moves on",
       with(post(Kind::connect, none), regional_start), next_free(not_run)},
      {"connect: a held client sees the failure", with(get(Kind::connect, none), held),
       stop(not_run)},
      {"tls: so does a held POST", with(post(Kind::tls, none), held), stop(not_run)},
      {"connect: nobody else is left", with(get(Kind::connect, none), alone), stop(not_run)},
      {"connect: no attempt is left", with(get(Kind::connect, none), spent), stop(not_run)},
      {"connect: part of the body is gone already", with(post(Kind::connect, none), not_kept),
       stop(not_run)},
      {"connect: an instance of a hub per region has no other home",
       with(get(Kind::connect, none), regional_instance), stop(not_run)},
      {"connect: an instance of a shared hub moves on",
       with(post(Kind::connect, none), shared_instance), next_free(not_run)},
      {"connect: a list is asked of each region by itself",
       with(get(Kind::connect, none), regional_list), stop(not_run)},
      {"connect: a lease is not taken to another app", with(post(Kind::connect, none), lease),
       stop(not_run)},

      // A pooled connection that was closed just then.
      {"stale: a GET is sent again to the same endpoint", get(Kind::stale_connection),
       fresh(failed)},
      {"stale: also held, without other endpoints, attempts or budget",
       with(with(with(with(get(Kind::stale_connection), held), alone), spent), no_budget),
       fresh(failed)},
      {"stale: also an instance of a hub per region",
       with(get(Kind::stale_connection), regional_instance), fresh(failed)},
      {"stale: a POST of which nothing was sent", post(Kind::stale_connection, none),
       fresh(not_run)},
      {"stale: a POST of which something was sent may have run", post(Kind::stale_connection, some),
       stop(unknown)},
      {"stale: a POST that was sent whole may have run", post(Kind::stale_connection),
       stop(unknown)},
      {"stale: a PUT is no exception", put(Kind::stale_connection), stop(unknown)},
      {"stale: a GET whose body was not kept", with(get(Kind::stale_connection), not_kept),
       stop(failed)},
      {"stale: a makeprimary by GET", with(get(Kind::stale_connection), lease), stop(unknown)},

      // A fresh connection that ended before an answer.
      {"reset: a GET moves on within the budget", get(Kind::reset_before_response),
       next_counted(failed)},
      {"closed: so here", get(Kind::closed_before_response), next_counted(failed)},
      {"reset: no budget", with(get(Kind::reset_before_response), no_budget), stop(failed)},
      {"reset: held", with(get(Kind::reset_before_response), held), stop(failed)},
      {"reset: a POST may have run", post(Kind::reset_before_response), stop(unknown)},
      {"closed: a POST of which some was sent may have run",
       post(Kind::closed_before_response, some), stop(unknown)},
      {"reset: a DELETE may have run", put(Kind::reset_before_response), stop(unknown)},
      {"reset: a POST of which nothing was sent moves on like after a failed connect",
       with(post(Kind::reset_before_response, none), no_budget), next_free(not_run)},
      {"reset: a poll of an instance of a hub per region",
       with(get(Kind::reset_before_response), regional_instance), stop(failed)},
      {"reset: a makeprimary by GET may have run", with(get(Kind::reset_before_response), lease),
       stop(unknown)},

      // No answer in time, or no HTTP.
      {"timeout: a GET is tried elsewhere", get(Kind::first_byte_timeout), next_counted(failed)},
      {"timeout: a POST may be running", post(Kind::first_byte_timeout), stop(unknown)},
      {"garbage: a GET is tried elsewhere", get(Kind::bad_response), next_counted(failed)},
      {"garbage: a POST may have run", post(Kind::bad_response), stop(unknown)},

      // Answers.
      {"never ran: a POST moves on", post(Kind::answer_proves_not_run), next_counted(not_run)},
      {"never ran: a start moves on", with(post(Kind::answer_proves_not_run), regional_start),
       next_counted(not_run)},
      {"never ran: a GET moves on", get(Kind::answer_proves_not_run), next_counted(not_run)},
      {"never ran: no budget", with(post(Kind::answer_proves_not_run), no_budget), stop(not_run)},
      {"never ran: the body was not kept", with(post(Kind::answer_proves_not_run), not_kept),
       stop(not_run)},
      {"never ran: held", with(post(Kind::answer_proves_not_run), held), stop(not_run)},
      {"never ran: an event for an instance of a hub per region",
       with(post(Kind::answer_proves_not_run), regional_instance), stop(not_run)},
      {"our key refused: a POST moves on", post(Kind::key_refused), next_counted(not_run)},
      {"our key refused: an event for an instance of a hub per region",
       with(post(Kind::key_refused), regional_instance), stop(not_run)},
      {"503: a GET is tried once elsewhere", get(Kind::answer_502_503_504), next_counted(failed)},
      {"503: and only once", with(get(Kind::answer_502_503_504), answered), stop(failed)},
      {"503: no budget", with(get(Kind::answer_502_503_504), no_budget), stop(failed)},
      {"503: held", with(get(Kind::answer_502_503_504), held), stop(failed)},
      {"503: a POST is answered with what came", post(Kind::answer_502_503_504), stop(unknown)},
      {"503: a PUT too", put(Kind::answer_502_503_504), stop(unknown)},
      {"503: a poll of an instance of a hub per region",
       with(get(Kind::answer_502_503_504), regional_instance), stop(failed)},

      // Rescue.
      {"rescue: a GET goes to the next endpoint at once, without budget",
       with(get(Kind::rescued_by_degraded), no_budget), next_free(failed)},
      {"rescue: a POST keeps waiting", post(Kind::rescued_by_degraded), wait(unknown)},
      {"rescue: a POST of which nothing was sent goes", post(Kind::rescued_by_degraded, none),
       next_free(not_run)},
      {"rescue: a PUT keeps waiting", put(Kind::rescued_by_degraded), wait(unknown)},
      {"rescue: a GET whose body was not kept waits",
       with(get(Kind::rescued_by_degraded), not_kept), wait(failed)},
      {"rescue: nowhere to go", with(get(Kind::rescued_by_degraded), alone), wait(failed)},
      {"rescue: a held client stays", with(get(Kind::rescued_by_degraded), held), wait(failed)},
      {"rescue: a poll of an instance of a hub per region waits",
       with(get(Kind::rescued_by_degraded), regional_instance), wait(failed)},
      {"drain: a GET leaves", get(Kind::rescued_by_drain), next_free(failed)},
      {"drain: even a held client", with(get(Kind::rescued_by_drain), held), next_free(failed)},
      {"drain: a POST keeps waiting", post(Kind::rescued_by_drain), wait(unknown)},

      // An answer that the client has begun to see.
      {"begun: a GET is over", with(get(Kind::reset_before_response), started), stop(failed)},
      {"begun: a POST may have run", with(post(Kind::closed_before_response), started),
       stop(unknown)},
      {"begun: a rescue changes nothing", with(get(Kind::rescued_by_degraded), started),
       wait(failed)},
  };
}

TEST(RetryRule, decides_each_row) {
  for (const Row& row : rows()) EXPECT_EQ(decide(row.failure), row.decision) << row.rule;
}

void check_promises(const AttemptFailure& f) {
  const Decision d = decide(f);
  const bool repeats = d.action == RetryAction::next_endpoint ||
                       d.action == RetryAction::same_endpoint_fresh_connection;
  const bool before_sending =
      f.sent == BytesSent::none || f.kind == Kind::connect || f.kind == Kind::tls;
  const bool may_have_run = f.method != MethodClass::safe && !before_sending &&
                            f.kind != Kind::answer_proves_not_run && f.kind != Kind::key_refused;
  const bool rescue = f.kind == Kind::rescued_by_degraded || f.kind == Kind::rescued_by_drain;
  if (repeats) {
    ASSERT_FALSE(may_have_run) << d;
    ASSERT_FALSE(f.response_started) << d;
    ASSERT_TRUE(f.body_replayable) << d;
  }
  if (d.action == RetryAction::next_endpoint) {
    ASSERT_TRUE(f.other_endpoint && f.attempts_left > 0);
    ASSERT_FALSE(f.hub == TaskHub::per_region &&
                 (f.request == RequestKind::instance || f.request == RequestKind::collection));
    ASSERT_NE(f.request, RequestKind::lease_control);
    ASSERT_TRUE(!f.held || f.kind == Kind::rescued_by_drain);
    ASSERT_TRUE(!d.counts_against_budget || f.budget_available);
  }
  ASSERT_TRUE(!d.counts_against_budget || d.action == RetryAction::next_endpoint);
  // "Failed" is never said of what may have run, nor "not run".
  if (may_have_run) {
    ASSERT_EQ(d.outcome, Outcome::unknown);
  }
  ASSERT_TRUE(d.action != RetryAction::keep_waiting || rescue);
  ASSERT_TRUE(d.action != RetryAction::give_up || !rescue);
  if (f.kind == Kind::connect || f.kind == Kind::tls || rescue) {
    ASSERT_FALSE(d.counts_against_budget);
  }
}

TEST(RetryRule, keeps_its_promises_in_every_case) {
  constexpr std::array kinds{Kind::connect,
                             Kind::tls,
                             Kind::stale_connection,
                             Kind::reset_before_response,
                             Kind::closed_before_response,
                             Kind::first_byte_timeout,
                             Kind::bad_response,
                             Kind::answer_proves_not_run,
                             Kind::answer_502_503_504,
                             Kind::key_refused,
                             Kind::rescued_by_degraded,
                             Kind::rescued_by_drain};
  std::size_t cases = 0;
  for (const Kind kind : kinds)
    for (const MethodClass method :
         {MethodClass::safe, MethodClass::idempotent, MethodClass::other})
      for (const RequestKind request :
           {RequestKind::plain, RequestKind::start, RequestKind::instance, RequestKind::collection,
            RequestKind::lease_control})
        for (const TaskHub hub :
             {TaskHub::none, TaskHub::shared, TaskHub::per_region, TaskHub::geo_replicated})
          for (const BytesSent sent : {BytesSent::none, BytesSent::some, BytesSent::all})
            for (unsigned bits = 0; bits < 128; ++bits) {
              ++cases;
              AttemptFailure f;
              f.kind = kind;
              f.method = method;
              f.request = request;
              f.hub = hub;
              f.sent = sent;
              f.body_replayable = (bits & 1) != 0;
              f.response_started = (bits & 2) != 0;
              f.answered_before = (bits & 4) != 0;
              f.held = (bits & 8) != 0;
              f.other_endpoint = (bits & 16) != 0;
              f.budget_available = (bits & 32) != 0;
              f.attempts_left = (bits & 64) != 0 ? 1 : 0;
              check_promises(f);
              if (::testing::Test::HasFatalFailure()) return;
            }
  EXPECT_EQ(cases, 12U * 3 * 5 * 4 * 3 * 128);
}

TEST(MethodClass, knows_the_methods_of_rfc_9110_and_trusts_no_other) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE"})
    EXPECT_EQ(method_class(method), MethodClass::safe) << method;
  for (const char* method : {"PUT", "DELETE"})
    EXPECT_EQ(method_class(method), MethodClass::idempotent) << method;
  for (const char* method : {"POST", "PATCH", "CONNECT", "PROPFIND", "get", "Get", "", "GETS"})
    EXPECT_EQ(method_class(method), MethodClass::other) << method;
}

TEST(RetryBudget, is_a_share_of_the_live_requests_and_never_under_its_minimum) {
  RetryBudget budget;
  EXPECT_EQ(budget.limit(), 64U);
  budget.in_flight = 63;
  EXPECT_TRUE(budget.available());
  budget.in_flight = 64;
  EXPECT_FALSE(budget.available());
  budget.live = 1000;
  EXPECT_EQ(budget.limit(), 200U);
  EXPECT_TRUE(budget.available());
  budget.in_flight = 200;
  EXPECT_FALSE(budget.available());
  budget.share = 0;
  budget.min = 0;
  budget.in_flight = 0;
  EXPECT_FALSE(budget.available());
}

}  // namespace
}  // namespace proxy
