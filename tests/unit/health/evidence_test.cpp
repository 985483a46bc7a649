#include "health/evidence.hpp"

#include <gtest/gtest.h>

#include <string>

namespace health {
namespace {

using namespace std::chrono_literals;
using config::Disagreement;
using Kind = EvidenceKind;

constexpr TimePoint start{1h};

struct EvidenceTest : ::testing::Test {
  EvidenceTest() { window.sample(policy, 0, start - 1h); }

  void fail(Kind kind, TimePoint at, int times = 1) {
    for (int i = 0; i < times; ++i) window.add(policy, Evidence{0, kind, at});
  }
  void answer(std::uint64_t more, TimePoint at) { window.sample(policy, total += more, at); }
  TrafficVerdict verdict(TimePoint at, Disagreement winner = Disagreement::traffic) {
    return judge_traffic(window, policy, winner, at);
  }

  config::Evidence policy;
  EvidenceWindow window;
  std::uint64_t total = 0;
};

TEST_F(EvidenceTest, ThreeConnectFailuresWithinTwoSecondsDegradeAtOnce) {
  fail(Kind::connect_failed, start);
  fail(Kind::tls_failed, start + 900ms);
  EXPECT_FALSE(verdict(start + 900ms).degrade);
  fail(Kind::connect_failed, start + 1900ms);
  const auto judged = verdict(start + 1900ms);
  ASSERT_TRUE(judged.degrade);
  EXPECT_EQ(judged.degrade->first_failure, start);
  EXPECT_EQ(judged.degrade->detail, "3 attempts failed within 2 s (connect_failed)");
}

TEST_F(EvidenceTest, ThreeConnectFailuresSpreadWiderDoNot) {
  for (int i = 0; i < 20; ++i) {
    const TimePoint at = start + i * 1100ms;
    fail(Kind::connect_failed, at);
    EXPECT_FALSE(verdict(at).degrade);
  }
}

TEST_F(EvidenceTest, ConnectFailuresAreForgottenWhenTheWindowHasPassed) {
  fail(Kind::connect_failed, start, 3);
  EXPECT_TRUE(verdict(start + 2s).degrade);
  EXPECT_FALSE(verdict(start + 2001ms).degrade);
}

// A burst that overruns the listen queue is not a dead endpoint.
TEST_F(EvidenceTest, AnswersAfterAConnectFailureEndTheSeries) {
  fail(Kind::connect_failed, start, 2);
  answer(5, start + 100ms);  // may all have come before the failures
  EXPECT_FALSE(verdict(start + 100ms).degrade);
  answer(5, start + 200ms);  // these came after
  fail(Kind::connect_failed, start + 250ms, 2);
  EXPECT_FALSE(verdict(start + 250ms).degrade);
  fail(Kind::connect_failed, start + 260ms);
  EXPECT_TRUE(verdict(start + 260ms).degrade);
}

// At a crash the answers of the moments before are still to be counted.
TEST_F(EvidenceTest, AnswersCountedLateDoNotHideACrash) {
  answer(100, start);
  fail(Kind::connect_failed, start + 20ms, 2);
  answer(30, start + 30ms);
  fail(Kind::connect_failed, start + 40ms);
  EXPECT_TRUE(verdict(start + 40ms).degrade);
}

TEST_F(EvidenceTest, HalfOfTwentyRequestsAskForAConfirmingProbe) {
  answer(10, start);
  fail(Kind::unavailable, start + 1s, 9);
  EXPECT_FALSE(verdict(start + 1s).confirm) << "19 requests are too few";
  fail(Kind::unavailable, start + 1s);
  const auto judged = verdict(start + 1s);
  ASSERT_TRUE(judged.confirm);
  EXPECT_FALSE(judged.degrade) << "a status never degrades without a failed probe";
  EXPECT_EQ(judged.confirm->detail, "10 of 20 requests failed within 10 s");
  EXPECT_EQ(judged.confirm->first_failure, start + 1s);
  answer(1, start + 1s);
  EXPECT_FALSE(verdict(start + 1s).confirm) << "10 of 21 are less than half";
}

TEST_F(EvidenceTest, EveryKindOfFailedRequestCountsForTheShare) {
  for (const Kind kind : {Kind::reset, Kind::bad_gateway, Kind::unavailable, Kind::gateway_timeout,
                          Kind::stopped_page, Kind::first_byte_timeout})
    fail(kind, start, 4);
  EXPECT_TRUE(verdict(start).confirm);
  EXPECT_FALSE(verdict(start).degrade);
}

TEST_F(EvidenceTest, HubTroubleDegradesNothingByItself) {
  fail(Kind::hub_trouble, start, 1000);
  const auto judged = verdict(start);
  EXPECT_FALSE(judged.degrade || judged.confirm || judged.suspicious);
}

TEST_F(EvidenceTest, RequestsLeaveTheWindowAsItMoves) {
  fail(Kind::unavailable, start, 20);
  EXPECT_TRUE(verdict(start + 9400ms).confirm);
  EXPECT_FALSE(verdict(start + 10500ms).confirm);
  answer(30, start + 20s);
  fail(Kind::unavailable, start + 21s, 20);
  EXPECT_FALSE(verdict(start + 21s).confirm) << "20 of 50";
  EXPECT_TRUE(verdict(start + 30500ms).confirm) << "the 30 answers are older than 10 s";
}

TEST_F(EvidenceTest, ClearedItStartsFromNothing) {
  fail(Kind::connect_failed, start, 30);
  window.clear();
  const auto judged = verdict(start);
  EXPECT_FALSE(judged.degrade || judged.confirm || judged.suspicious);
}

TEST_F(EvidenceTest, ACounterThatStartedAgainIsNotMistakenForAnswers) {
  answer(1000, start);
  window.sample(policy, 3, start + 1s);
  EXPECT_FALSE(window.answering());
  window.sample(policy, 4, start + 2s);
  EXPECT_TRUE(window.answering());
}

TEST_F(EvidenceTest, WhenTheProbeWinsConnectFailuresNeedItsConfirmation) {
  fail(Kind::connect_failed, start, 3);
  const auto judged = verdict(start, Disagreement::probe);
  EXPECT_FALSE(judged.degrade);
  EXPECT_TRUE(judged.confirm);
}

TEST_F(EvidenceTest, WhereLiveTrafficDoesNotDegradeItIsShownAllTheSame) {
  policy.degrades = false;
  fail(Kind::connect_failed, start, 30);
  const auto judged = verdict(start);
  EXPECT_FALSE(judged.degrade || judged.confirm);
  EXPECT_TRUE(judged.suspicious);
}

struct AnswerRow {
  const char* name;
  int status;
  const char* content_type;
  const char* body;
  bool stopped_page;
  bool not_run;
};

class NeverRan : public ::testing::TestWithParam<AnswerRow> {};

TEST_P(NeverRan, IsToldFromTheAnswer) {
  const AnswerRow& row = GetParam();
  EXPECT_EQ(is_stopped_page(row.status, row.content_type, row.body), row.stopped_page) << row.name;
  EXPECT_EQ(proves_not_run(row.status, row.content_type, row.body), row.not_run) << row.name;
}

INSTANTIATE_TEST_SUITE_P(
    Answers, NeverRan,
    ::testing::Values(
        AnswerRow{"the stopped page", 403, "text/html",
                  "<h1>Error 403 - This web app is stopped.</h1>", true, true},
        AnswerRow{"in other letter case, without a type", 403, "", "THIS WEB APP IS STOPPED", true,
                  true},
        AnswerRow{"an access restriction", 403, "text/html",
                  "<h1>403 - Forbidden: Access is denied.</h1>", false, false},
        AnswerRow{"an application's own 403 that quotes it", 403, "application/json",
                  R"({"error":"This web app is stopped"})", false, false},
        AnswerRow{"the words with another status", 200, "text/html", "This web app is stopped",
                  false, false},
        AnswerRow{"the host is not running", 503, "text/plain; charset=utf-8",
                  "Function host is not running.", false, true},
        AnswerRow{"the same, quoted and without the full stop", 503, "",
                  "\"function host is not running\"\r\n", false, true},
        AnswerRow{"a function's own text about another host", 503, "text/plain",
                  "upstream said: Function host is not running.", false, false},
        AnswerRow{"the app_offline page by its title", 503, "text/html",
                  "<html><head><title>Host Offline</title></head></html>", false, true},
        AnswerRow{"the app_offline page by its heading", 503, "text/html",
                  "<h2>This Azure Functions app is down for maintenance</h2>", false, true},
        AnswerRow{"any other 503", 503, "text/html", "Service Unavailable", false, false},
        AnswerRow{"a 503 without a body", 503, "", "", false, false},
        AnswerRow{"the host's sentence with status 500", 500, "text/plain",
                  "Function host is not running.", false, false}));

}  // namespace
}  // namespace health
