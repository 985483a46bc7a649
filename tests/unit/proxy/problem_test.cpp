#include "proxy/problem.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace proxy {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_json_escaped(out, text);
  return out;
}

TEST(ProblemJson, leaves_out_what_is_not_known) {
  Problem problem;
  problem.kind = ProblemKind::no_endpoint;
  EXPECT_EQ(problem_json(problem),
            "{\"title\":\"Service Unavailable\",\"status\":503,\"kind\":\"no_endpoint\"}\n");
}

TEST(ProblemJson, says_which_endpoint_why_and_what_became_of_it) {
  Problem problem;
  problem.kind = ProblemKind::outcome_unknown;
  problem.detail = "primary closed the connection";
  problem.endpoint = "primary";
  problem.reason = "sticky";
  problem.outcome = "unknown";
  problem.instance_id = "a+b";
  problem.status_url = "https://orders.example.com/x";
  problem.trace_id = "4bf92f";
  problem.attempts = 2;
  EXPECT_EQ(problem_json(problem),
            R"({"title":"Gateway Timeout","status":504,"kind":"outcome_unknown",)"
            R"("detail":"primary closed the connection","endpoint":"primary","reason":"sticky",)"
            R"("outcome":"unknown","instanceId":"a+b","statusUrl":"https://orders.example.com/x",)"
            R"("traceId":"4bf92f","attempts":2})"
            "\n");
}

TEST(ProblemJson, stays_json_whatever_a_name_holds) {
  EXPECT_EQ(escaped("plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x8e\xad"),
            "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x8e\xad");
  EXPECT_EQ(escaped("\"\\/\n\r\t"), "\\\"\\\\/\\n\\r\\t");
  EXPECT_EQ(escaped(std::string_view{"\0\x1f\x7f", 3}), "\\u0000\\u001f\\u007f");
  for (const std::string& invalid :
       {std::string{"\xff"}, std::string{"\x80"}, std::string{"\xc3"}, std::string{"\xc0\xaf"},
        std::string{"\xe0\x80\xaf"}, std::string{"\xed\xa0\x80"}, std::string{"\xe2\x82"},
        std::string{"\xf0\x80\x80\x80"}, std::string{"\xf4\x90\x80\x80"},
        std::string{"\xf5\x80\x80\x80"}}) {
    std::string expected;
    for (std::size_t i = 0; i < invalid.size(); ++i) expected += "\\ufffd";
    EXPECT_EQ(escaped(invalid), expected);
    EXPECT_EQ(escaped(invalid + "a"), expected + "a");
  }
}

TEST(ProblemKinds, all_have_a_word_of_their_own_and_a_status_with_a_phrase) {
  std::set<std::string_view> words;
  const int last = static_cast<int>(ProblemKind::loop_detected);
  for (int i = 0; i <= last; ++i) {
    const auto kind = static_cast<ProblemKind>(i);
    EXPECT_TRUE(words.insert(to_string(kind)).second) << to_string(kind);
    EXPECT_GE(status_of(kind), 400);
    EXPECT_FALSE(status_phrase(status_of(kind)).empty()) << status_of(kind);
  }
  EXPECT_EQ(status_phrase(299), "");
}

TEST(ProblemOfAFailure, has_the_status_that_its_client_can_act_on) {
  using Kind = AttemptFailureKind;
  using durable::RequestKind;
  struct Row {
    Kind kind;
    Outcome outcome;
    RequestKind request;
    bool held;
    int status;
  };
  const std::vector<Row> rows{
      {Kind::connect, Outcome::not_run, RequestKind::plain, false, 502},
      {Kind::connect, Outcome::not_run, RequestKind::plain, true, 502},
      {Kind::connect, Outcome::not_run, RequestKind::start, true, 503},
      {Kind::connect, Outcome::not_run, RequestKind::start, false, 503},
      {Kind::tls, Outcome::not_run, RequestKind::instance, false, 502},
      {Kind::stale_connection, Outcome::failed, RequestKind::plain, false, 502},
      {Kind::reset_before_response, Outcome::failed, RequestKind::plain, false, 502},
      {Kind::closed_before_response, Outcome::failed, RequestKind::plain, false, 502},
      {Kind::bad_response, Outcome::failed, RequestKind::plain, false, 502},
      {Kind::first_byte_timeout, Outcome::failed, RequestKind::plain, false, 504},
      {Kind::rescued_by_degraded, Outcome::failed, RequestKind::plain, false, 504},
      {Kind::answer_502_503_504, Outcome::failed, RequestKind::plain, false, 503},
      {Kind::key_refused, Outcome::not_run, RequestKind::instance, false, 502},
      // What may have run is never called failed, however it ended.
      {Kind::reset_before_response, Outcome::unknown, RequestKind::plain, false, 504},
      {Kind::bad_response, Outcome::unknown, RequestKind::start, true, 504},
      {Kind::first_byte_timeout, Outcome::unknown, RequestKind::instance, false, 504},
  };
  for (const Row& row : rows) {
    const ProblemKind kind = problem_of(row.kind, row.outcome, row.request, row.held);
    EXPECT_EQ(status_of(kind), row.status) << to_string(row.kind) << ' ' << to_string(kind);
    EXPECT_EQ(kind == ProblemKind::outcome_unknown, row.outcome == Outcome::unknown);
  }
}

}  // namespace
}  // namespace proxy
