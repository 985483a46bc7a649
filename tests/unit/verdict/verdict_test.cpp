// Which outcome a run has, and the one sentence that says why.
#include "rehearsal/verdict/verdict.hpp"

#include <gtest/gtest.h>

#include "plays.hpp"

namespace verdict::testing {
namespace {

TEST(Outcome, HasTheExitCodesOfTheCommandLine) {
  EXPECT_EQ(exit_code(Outcome::passed), 0);
  EXPECT_EQ(exit_code(Outcome::missed), 1);
  EXPECT_EQ(exit_code(Outcome::inconclusive), 3);
  EXPECT_EQ(exit_code(Outcome::interrupted), 130);
  EXPECT_EQ(to_string(Outcome::interrupted), "interrupted");
}

TEST(Judge, ASoundRunHasPassed) {
  Play play = sound_outage();
  play.scenario.objectives.http_rto = 1s;
  EXPECT_EQ(play.judge().outcome, Outcome::passed);
  EXPECT_EQ(play.judge().summary,
            "The one objective was met, 1 step played, the steady state came back.");
  play.scenario.objectives.lost_starts = 0;
  EXPECT_EQ(play.judge().summary,
            "All of 2 objectives met, 1 step played, the steady state came back.");
  play.scenario.steady_after = false;
  EXPECT_EQ(play.judge().summary, "All of 2 objectives met, 1 step played.");
}

TEST(Judge, AnEmptyRecordIsInconclusive) {
  const Judgement judgement = Play{}.judge();
  EXPECT_EQ(judgement.outcome, Outcome::inconclusive);
  EXPECT_EQ(judgement.summary, "Nothing was found out: there was no steady state to begin with.");
  EXPECT_TRUE(judgement.findings.empty()) << texts(judgement);
  EXPECT_TRUE(judgement.predictions.empty());
}

TEST(Judge, WithoutASteadyStateToBeginWithItIsInconclusiveWhateverWasMissed) {
  Play play = sound_outage();
  play.record.steady_before->held = false;
  play.record.steady_before->detail = "30 % failed";
  play.scenario.objectives.http_rto = 1ms;
  const Judgement judgement = play.judge();
  EXPECT_EQ(judgement.outcome, Outcome::inconclusive);
  EXPECT_TRUE(has(judgement, "30 % failed")) << texts(judgement);
}

TEST(Judge, ARunThatEndedBeforeTheFirstFaultIsInconclusiveAndLaterAMiss) {
  Play play = sound_outage();
  play.record.aborted = "the primary did not get ready";
  EXPECT_EQ(play.judge().outcome, Outcome::missed);
  EXPECT_EQ(play.judge().summary, "The run was ended early: the primary did not get ready.");
  EXPECT_TRUE(has(play.judge(), "ended early"));
  play.record.faults.clear();
  EXPECT_EQ(play.judge().outcome, Outcome::inconclusive);
  EXPECT_EQ(play.judge().summary, "Nothing was found out: the primary did not get ready.");
}

TEST(Judge, AnInterruptedRunIsInterruptedWhateverItHasFound) {
  Play play = sound_outage();
  play.scenario.objectives.http_rto = 1ms;
  play.record.interrupted = true;
  play.record.steps[0].done = false;
  play.record.steady_before->held = false;
  EXPECT_EQ(play.judge().outcome, Outcome::interrupted);
  EXPECT_EQ(play.judge().summary, "Interrupted after 12.00 s; everything was healed.");
  EXPECT_FALSE(has(play.judge(), "step not reached")) << "the reader pressed the key";
  play.record.faults[0].ended.reset();
  EXPECT_EQ(play.judge().summary, "Interrupted after 12.00 s; not every fault could be healed.");
}

TEST(Judge, AStepThatWasNotReachedIsAMissAndAFinding) {
  Play play = sound_outage();
  play.record.steps[0].done = false;
  play.record.steps[0].detail = "not within 5.0 s";
  const Judgement judgement = play.judge();
  EXPECT_EQ(judgement.outcome, Outcome::missed);
  EXPECT_EQ(judgement.summary, "Missed: \"primary: killed\" not within 5.0 s.");
  EXPECT_TRUE(has(judgement, "step not reached: primary: killed: not within 5.0 s"));
}

TEST(Judge, ASteadyStateThatDoesNotComeBackIsAMissWhenItWasAskedFor) {
  Play play = sound_outage();
  play.record.steady_after->held = false;
  play.record.steady_after->detail = "p95 2000 ms";
  EXPECT_EQ(play.judge().outcome, Outcome::missed);
  EXPECT_TRUE(has(play.judge(), "did not come back: p95 2000 ms"));
  play.record.steady_after.reset();
  EXPECT_EQ(play.judge().outcome, Outcome::missed) << "nobody looked";
  play.scenario.steady_after = false;
  EXPECT_EQ(play.judge().outcome, Outcome::passed);
}

TEST(Judge, TheSummaryNamesTheFirstMissAndCountsTheOthers) {
  Play play = sound_outage();
  play.scenario.objectives.http_rto = 1ms;
  play.scenario.objectives.work_rto = 1ms;
  play.record.steps[0].done = false;
  EXPECT_EQ(play.judge().summary, "Missed: http_rto 405 ms (target ≤ 1 ms), and 2 more.");
}

TEST(Judge, APollAnsweredWithTheLastKnownStatusIsCounted) {
  Play play = sound_outage();
  for (int i = 0; i < 3; ++i) {
    play.record.requests.push_back(of_kind(RequestKind::poll, get(4s, 5ms, "")));
    play.record.requests.back().stale = i > 0;
  }
  EXPECT_EQ(play.judge().starts.polls_stale, 2);
}

TEST(Judge, ARunThatNeverHealedSaysNever) {
  Play play = sound_outage();
  play.record.faults[0].ended.reset();
  play.scenario.objectives.failback = 10s;
  const Judgement judgement = play.judge();
  EXPECT_EQ(judgement.outcome, Outcome::missed);
  EXPECT_EQ(judgement.objectives[0].measured, "never");
  EXPECT_EQ(judgement.summary, "Missed: failback never (target ≤ 10.00 s).");
}

}  // namespace
}  // namespace verdict::testing
