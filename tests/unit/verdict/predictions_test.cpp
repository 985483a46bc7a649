// What the configuration promises beside what was seen.
#include <gtest/gtest.h>

#include <functional>

#include "plays.hpp"

namespace verdict::testing {
namespace {

using scenario::FaultKind;

Play predicted_outage() {
  Play play = sound_outage();
  config::EndpointTimes times;
  times.name = "primary";
  times.detect_refused = 1s;
  times.detect_frozen = 2s;
  times.failover_new = times.failover_sticky = 2s;
  times.failback_new = times.failback_sticky = 3s;
  times.failback_flapping = 9s;
  config::ProfileTimes all;
  all.endpoints = {times};
  all.worst = times;
  all.worst.detect_refused = all.worst.detect_frozen = 40s;
  play.record.predicted = all;
  return play;
}

const Comparison& of(const Judgement& judgement, const std::string& what) {
  for (const Comparison& one : judgement.predictions)
    if (one.what == what) return one;
  ADD_FAILURE() << "nothing was predicted of " << what;
  static const Comparison none;
  return none;
}

TEST(Predictions, OfASoundRunAreKept) {
  const Judgement judgement = predicted_outage().judge();
  ASSERT_EQ(judgement.predictions.size(), 3u);
  for (const Comparison& one : judgement.predictions)
    EXPECT_TRUE(one.comparable && one.kept) << one.what;
  EXPECT_EQ(of(judgement, "detect").predicted, "≤ 1.00 s") << "the endpoint's own, not the worst";
  EXPECT_EQ(of(judgement, "detect").observed, "400 ms");
  EXPECT_EQ(of(judgement, "failover").observed, "405 ms");
  EXPECT_FALSE(has(judgement, "predicted"));
}

TEST(Predictions, OfAnUnknownEndpointAreThoseOfTheWorst) {
  Play play = predicted_outage();
  play.record.predicted->endpoints.clear();
  play.record.faults[0].ended = 50s;
  EXPECT_EQ(of(play.judge(), "detect").predicted, "≤ 40.00 s");
}

struct Kind {
  FaultKind kind;
  const char* predicted;
  bool comparable;
};

class DetectionIsPredicted : public ::testing::TestWithParam<Kind> {};

TEST_P(DetectionIsPredicted, ByTheKindOfFault) {
  Play play = predicted_outage();
  play.record.faults[0].kind = GetParam().kind;
  const Judgement judgement = play.judge();
  EXPECT_EQ(of(judgement, "detect").comparable, GetParam().comparable);
  if (GetParam().comparable) {
    EXPECT_EQ(of(judgement, "detect").predicted, GetParam().predicted);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, DetectionIsPredicted,
                         ::testing::Values(Kind{FaultKind::kill, "≤ 1.00 s", true},
                                           Kind{FaultKind::stopped, "≤ 1.00 s", true},
                                           Kind{FaultKind::host_down, "≤ 1.00 s", true},
                                           Kind{FaultKind::refuse, "≤ 1.00 s", true},
                                           Kind{FaultKind::certificate_expired, "≤ 1.00 s", true},
                                           Kind{FaultKind::freeze, "≤ 2.00 s", true},
                                           Kind{FaultKind::blackhole, "≤ 2.00 s", true},
                                           Kind{FaultKind::unreachable, "≤ 2.00 s", true},
                                           Kind{FaultKind::slow, "", false},
                                           Kind{FaultKind::answer, "", false},
                                           Kind{FaultKind::flap, "", false},
                                           Kind{FaultKind::limit, "", false}));

TEST(Predictions, ABusyMachineHasAnAllowanceAndNoMore) {
  Play play = predicted_outage();
  play.record.events[0].at = fault_at + 1'600ms;  // 1 s, a tenth and half a second
  EXPECT_TRUE(of(play.judge(), "detect").kept);
  play.record.events[0].at = fault_at + 1'601ms;
  const Judgement late = play.judge();
  EXPECT_TRUE(of(late, "detect").comparable);
  EXPECT_FALSE(of(late, "detect").kept);
  EXPECT_TRUE(has(late, "detect took 1.60 s, predicted was ≤ 1.00 s")) << texts(late);
  EXPECT_EQ(late.findings.front().severity, Severity::high);
}

TEST(Predictions, WhatDidNotHappenInTimeIsAMiss) {
  Play play = predicted_outage();
  play.record.events.clear();
  for (Glimpse& glimpse : play.record.glimpses) glimpse.status["primary"] = "Online";
  EXPECT_TRUE(of(play.judge(), "detect").comparable);
  EXPECT_TRUE(has(play.judge(), "detect was never seen")) << texts(play.judge());
}

TEST(Predictions, WhatHadNoTimeToHappenProvesNothing) {
  Play play = predicted_outage();
  for (Request& request : play.record.requests)
    if (request.due > fault_at) request.served_by = "secondary";
  EXPECT_TRUE(of(play.judge(), "failback").comparable) << "6 s were time enough";
  std::erase_if(play.record.requests, [](const Request& r) { return r.due > healed_at + 3s; });
  EXPECT_FALSE(of(play.judge(), "failback").comparable);
}

struct Case {
  const char* why;
  std::function<void(Play&)> arrange;
  const char* what;
};

class IsNotCompared : public ::testing::TestWithParam<Case> {};

TEST_P(IsNotCompared, WhenThePredictionDoesNotSpeakOfIt) {
  Play play = predicted_outage();
  GetParam().arrange(play);
  EXPECT_FALSE(of(play.judge(), GetParam().what).comparable) << GetParam().why;
  EXPECT_FALSE(has(play.judge(), std::string{GetParam().what} + " ")) << texts(play.judge());
}

INSTANTIATE_TEST_SUITE_P(
    Table, IsNotCompared,
    ::testing::Values(Case{"one instance of several",
                           [](Play& p) { p.record.faults[0].target = "primary#2"; }, "detect"},
                      Case{"the fault had passed before",
                           [](Play& p) { p.record.faults[0].ended = 3'800ms; }, "detect"},
                      Case{"the standby broke",
                           [](Play& p) {
                             p.record.faults[0].target = "secondary";
                             p.record.events[0].endpoint = "secondary";
                           },
                           "failover"},
                      Case{"there was nowhere to go",
                           [](Play& p) {
                             for (Glimpse& glimpse : p.record.glimpses)
                               if (glimpse.at >= 3'500ms && glimpse.at < 4s)
                                 glimpse.status["secondary"] = "Degraded";
                           },
                           "failover"},
                      Case{"failback is manual",
                           [](Play& p) {
                             for (auto& times : p.record.predicted->endpoints)
                               times.failback_sticky.reset();
                           },
                           "failback"}));

TEST(Predictions, AnEndpointThatRelapsedMayWaitLongerForItsFailback) {
  Play play = predicted_outage();
  play.record.faults[0].kind = FaultKind::flap;
  EXPECT_EQ(of(play.judge(), "failback").predicted, "≤ 9.00 s");
  play = predicted_outage();
  play.record.faults.push_back(fault(FaultKind::kill, "primary", 7s, 7'200ms));
  EXPECT_EQ(of(play.judge(), "failback").predicted, "≤ 9.00 s");
}

TEST(Predictions, OfDetectionAndFailoverSpeakOfEndpointsOnly) {
  Play play = predicted_outage();
  play.record.faults[0].target = "shared";
  EXPECT_FALSE(of(play.judge(), "detect").comparable);
  EXPECT_FALSE(of(play.judge(), "failover").comparable);
}

TEST(Predictions, AreNoneWhenNothingWasComputed) {
  Play play = predicted_outage();
  play.record.predicted.reset();
  EXPECT_TRUE(play.judge().predictions.empty());
}

}  // namespace
}  // namespace verdict::testing
