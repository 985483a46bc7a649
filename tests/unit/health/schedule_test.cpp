// When the next probe is due, and what idling and the cold grace change.
#include <gtest/gtest.h>

#include "health/monitor.hpp"

namespace health {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};

ProbeOutcome passed() {
  ProbeOutcome outcome;
  outcome.started = start;
  return outcome;
}

ProbeOutcome failed(ProbeResult result) {
  ProbeOutcome outcome = passed();
  outcome.result = result;
  return outcome;
}

struct ScheduleTest : ::testing::Test {
  ScheduleTest() {
    policy.interval = 10s;
    policy.timeout = 5s;
    policy.standby_interval = 60s;
    policy.doubt_interval = 1s;
    policy.jitter = 0.1;
    policy.tolerated_failures = 2;
    policy.required_passes = 3;
  }

  // One probe that takes `took`.
  void probe(const ProbeOutcome& outcome, TimePoint at, std::chrono::milliseconds took = 10ms) {
    begin_probe(monitor, policy, at);
    observe(monitor, policy, outcome, at + took);
  }
  std::chrono::milliseconds gap(TimePoint from, double dice = 0.5) {
    const auto next = next_probe(monitor, policy, dice, from);
    return std::chrono::duration_cast<std::chrono::milliseconds>(*next - from);
  }

  Monitor monitor;
  config::ProbePolicy policy;
};

TEST_F(ScheduleTest, TheFirstProbeIsDueAtOnce) {
  EXPECT_EQ(gap(start), 0ms);
}

TEST_F(ScheduleTest, TheIntervalIsFromStartToStart) {
  probe(passed(), start, 3s);
  EXPECT_EQ(gap(start), 10s);
}

TEST_F(ScheduleTest, ASlowProbeDelaysTheNextOneToItsEnd) {
  policy.interval = 2s;
  probe(passed(), start, 4s);
  EXPECT_EQ(gap(start), 4s);
}

TEST_F(ScheduleTest, JitterStaysWithinItsShare) {
  probe(passed(), start);
  EXPECT_EQ(gap(start, 0.0), 9s);
  EXPECT_EQ(gap(start, 0.25), 9500ms);
  EXPECT_EQ(gap(start, 0.999), 10998ms);
  policy.jitter = 0;
  EXPECT_EQ(gap(start, 0.0), 10s);
}

TEST_F(ScheduleTest, AFailureThatMayDegradeIsFollowedUpSooner) {
  probe(passed(), start);
  probe(failed(ProbeResult::bad_status), start + 10s);
  EXPECT_TRUE(in_doubt(monitor));
  EXPECT_EQ(gap(start + 10s), 1s);
}

TEST_F(ScheduleTest, OnceDegradedTheDoubtIsOver) {
  for (int i = 0; i < 3; ++i) probe(failed(ProbeResult::bad_status), start + i * 1s);
  EXPECT_EQ(status(monitor), MonitorStatus::degraded);
  EXPECT_EQ(gap(start + 2s), 10s);
}

TEST_F(ScheduleTest, PassesOnTheWayBackAreFollowedUpSooner) {
  for (int i = 0; i < 3; ++i) probe(failed(ProbeResult::bad_status), start + i * 1s);
  probe(passed(), start + 12s);
  EXPECT_EQ(gap(start + 12s), 1s);
  probe(passed(), start + 13s);
  probe(passed(), start + 14s);
  EXPECT_EQ(status(monitor), MonitorStatus::online);
  EXPECT_EQ(gap(start + 14s), 10s);
}

TEST_F(ScheduleTest, DoubtNeverSlowsProbingDown) {
  policy.doubt_interval = 30s;
  probe(failed(ProbeResult::bad_status), start);
  EXPECT_EQ(gap(start), 10s);
}

TEST_F(ScheduleTest, AStandbyIsProbedAtItsOwnIntervalButDoubtIsPursued) {
  monitor.serving = false;
  probe(passed(), start);
  EXPECT_EQ(gap(start), 60s);
  probe(failed(ProbeResult::connect_failed), start + 60s);
  EXPECT_EQ(gap(start + 60s), 1s);
}

TEST_F(ScheduleTest, EvidenceStartsAProbeAtOnceButNotMoreOftenThanTheDoubtInterval) {
  probe(passed(), start);
  want_probe(monitor);
  EXPECT_EQ(next_probe(monitor, policy, 0.5, start + 5s), start + 1s) << "long due: at once";
  begin_probe(monitor, policy, start + 5s);
  want_probe(monitor);  // more evidence while it runs
  observe(monitor, policy, passed(), start + 5s + 10ms);
  EXPECT_EQ(gap(start + 5s), 1s);
  begin_probe(monitor, policy, start + 6s);
  observe(monitor, policy, passed(), start + 6s + 10ms);
  EXPECT_EQ(gap(start + 6s), 10s) << "asked for once, done once";
}

TEST_F(ScheduleTest, AnEndpointThatIsEnabledAgainIsProbedAtOnce) {
  probe(passed(), start);
  set_enabled(monitor, false, Cause::operator_command, start + 1s);
  EXPECT_FALSE(next_probe(monitor, policy, 0.5, start + 1s));
  set_enabled(monitor, true, Cause::operator_command, start + 2s);
  EXPECT_LE(*next_probe(monitor, policy, 0.5, start + 2s), start + 2s);
}

TEST_F(ScheduleTest, ADiscardedProbeIsRepeatedAtOnceAndCountsForNothing) {
  probe(passed(), start);
  begin_probe(monitor, policy, start + 10s);
  discard_probe(monitor, start + 70s);
  EXPECT_EQ(next_probe(monitor, policy, 0.5, start + 70s), start + 70s);
  EXPECT_EQ(monitor.failures, 0);
}

struct ColdGraceTest : ScheduleTest {
  ColdGraceTest() {
    policy.tolerated_failures = 0;
    policy.idle_after = 5min;
    policy.cold_grace = 35s;
    probe(passed(), start);
  }
  TimePoint idle = start + 6min;
};

TEST_F(ColdGraceTest, ATimeoutAfterIdlingIsForgivenUntilTheGraceEnds) {
  probe(failed(ProbeResult::timed_out), idle, 5s);
  probe(failed(ProbeResult::timed_out), idle + 6s, 5s);
  probe(failed(ProbeResult::timed_out), idle + 29s, 5s);
  EXPECT_EQ(status(monitor), MonitorStatus::online);
  EXPECT_EQ(gap(idle + 29s), 5s) << "in doubt: as soon as the last one has ended";
  probe(failed(ProbeResult::timed_out), idle + 34s, 5s);
  EXPECT_EQ(status(monitor), MonitorStatus::degraded) << "35 s are over";
}

TEST_F(ColdGraceTest, OnlySlownessIsForgiven) {
  for (const ProbeResult result : {ProbeResult::connect_failed, ProbeResult::bad_status,
                                   ProbeResult::tls_failed, ProbeResult::broken}) {
    Monitor cold = monitor;
    begin_probe(cold, policy, idle);
    EXPECT_TRUE(observe(cold, policy, failed(result), idle + 1s)) << to_string(result);
  }
}

TEST_F(ColdGraceTest, AnEndpointThatWasInUseGetsNoGrace) {
  note_contact(monitor, idle - 1s);
  probe(failed(ProbeResult::timed_out), idle, 5s);
  EXPECT_EQ(status(monitor), MonitorStatus::degraded);
}

TEST_F(ColdGraceTest, ATimeoutWithinTheGraceConfirmsNoSuspicion) {
  const Suspicion suspicion{"1 of 1 requests failed", idle};
  begin_probe(monitor, policy, idle);
  EXPECT_FALSE(observe(monitor, policy, failed(ProbeResult::timed_out), idle + 5s, &suspicion));
}

TEST_F(ColdGraceTest, APassEndsTheGrace) {
  probe(failed(ProbeResult::timed_out), idle, 5s);
  probe(passed(), idle + 5s);
  EXPECT_EQ(gap(idle + 5s), 10s);
  probe(failed(ProbeResult::timed_out), idle + 15s, 5s);
  EXPECT_EQ(status(monitor), MonitorStatus::degraded);
}

TEST_F(ColdGraceTest, OneIdlingGivesOneGrace) {
  probe(failed(ProbeResult::timed_out), idle, 5s);
  probe(failed(ProbeResult::timed_out), idle + 40s, 5s);
  EXPECT_EQ(status(monitor), MonitorStatus::degraded);
  EXPECT_FALSE(in_cold_grace(monitor, policy, idle + 10min));
}

TEST_F(ColdGraceTest, ANewEndpointHasNotIdled) {
  Monitor fresh;
  begin_probe(fresh, policy, start);
  EXPECT_TRUE(observe(fresh, policy, failed(ProbeResult::timed_out), start + 5s));
}

}  // namespace
}  // namespace health
