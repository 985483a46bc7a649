#include "app/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace app {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::chrono_literals;

const health::TimePoint t0 = health::TimePoint{} + 100s;
const WallTime wall{1'700'000'000s};

health::HealthTransition degraded(health::Cause cause) {
  health::HealthTransition t;
  t.name = "primary";
  t.from = health::MonitorStatus::online;
  t.to = health::MonitorStatus::degraded;
  t.cause = cause;
  t.detail = "3 connections failed in 2 s";
  t.at = t0 + 40ms;
  t.first_failure = t0;
  return t;
}

routing::RoutingChange change(routing::ChangeKind kind) {
  routing::RoutingChange c;
  c.kind = kind;
  c.from = 0;
  c.to = 1;
  c.from_name = "primary";
  c.to_name = "secondary";
  c.reason = "primary is Degraded";
  c.at = t0 + 41ms;
  c.since = t0;
  return c;
}

TEST(History, DetectionTakesFromTheFirstFailureToTheVerdict) {
  History history;
  const Event& event = history.health(degraded(health::Cause::live_traffic), wall);
  EXPECT_THAT(event.text, HasSubstr("primary: Online -> Degraded (3 connections failed in 2 s)"));
  EXPECT_EQ(event.level, "warning");
  EXPECT_DOUBLE_EQ(history.tally().last_detect_s.value(), 0.04);
}

TEST(History, AFailoverIsCountedByTheCauseThatDegradedTheEndpoint) {
  History history;
  history.health(degraded(health::Cause::live_traffic), wall);
  history.routing(change(routing::ChangeKind::failover), wall);
  history.health(degraded(health::Cause::probe), wall);
  history.routing(change(routing::ChangeKind::failover), wall);
  history.routing(change(routing::ChangeKind::failover), wall);
  ASSERT_THAT(history.tally().transitions, SizeIs(2));
  EXPECT_EQ(history.tally().transitions[0].reason, to_string(health::Cause::live_traffic));
  EXPECT_EQ(history.tally().transitions[0].count, 1U);
  EXPECT_EQ(history.tally().transitions[1].reason, to_string(health::Cause::probe));
  EXPECT_EQ(history.tally().transitions[1].count, 2U);
  EXPECT_DOUBLE_EQ(history.tally().last_failover_s.value(), 0.041);
}

TEST(History, AFailbackIsTimedFromTheRecovery) {
  History history;
  history.routing(change(routing::ChangeKind::failback), wall);
  EXPECT_DOUBLE_EQ(history.tally().last_failback_s.value(), 0.041);
  EXPECT_FALSE(history.tally().last_failover_s.has_value());
}

TEST(History, WhatLeavesClientsWithoutAGoodEndpointIsAnAlert) {
  History history;
  EXPECT_EQ(history.routing(change(routing::ChangeKind::best_effort), wall).level, "alert");
  EXPECT_EQ(history.routing(change(routing::ChangeKind::unavailable), wall).level, "alert");
  EXPECT_EQ(history.routing(change(routing::ChangeKind::failback), wall).level, "info");
}

TEST(History, AnAlertIsToldOnceWhileItsConditionHoldsAndAgainWhenItReturns) {
  History history;
  const Alert alert{"never_online", "primary", "is the probe right?", {}};
  EXPECT_THAT(history.set_alerts({alert}, wall), SizeIs(1));
  EXPECT_THAT(history.set_alerts({alert}, wall + 5s), SizeIs(0));
  ASSERT_THAT(history.alerts(), SizeIs(1));
  EXPECT_EQ(history.alerts()[0].since, wall);
  const auto ended = history.set_alerts({}, wall + 9s);
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_THAT(ended[0].text, HasSubstr("ended"));
  EXPECT_THAT(history.set_alerts({alert}, wall + 20s), SizeIs(1));
  ASSERT_THAT(history.tally().alerts, SizeIs(1));
  EXPECT_EQ(history.tally().alerts[0].count, 2U);
}

TEST(History, AlertsOfTwoEndpointsAreTwoAlertsOfOneKind) {
  History history;
  history.set_alerts({{"disagreement", "a", "", {}}, {"disagreement", "b", "", {}}}, wall);
  EXPECT_THAT(history.alerts(), SizeIs(2));
  ASSERT_THAT(history.tally().alerts, SizeIs(1));
  EXPECT_EQ(history.tally().alerts[0].count, 2U);
}

TEST(History, KeepsTheLatestEventsWithGrowingNumbers) {
  History history;
  for (std::size_t i = 0; i < History::kept_events + 5; ++i)
    history.command("hold", "", "holding", wall);
  const auto recent = history.recent(3);
  ASSERT_THAT(recent, SizeIs(3));
  EXPECT_EQ(recent.back().sequence, History::kept_events + 5);
  EXPECT_EQ(history.recent(10'000).size(), History::kept_events);
}

TEST(History, RemembersHowTheLastReloadWent) {
  History history;
  history.reload("ok", "reloaded", wall);
  history.reload("failed", "2 errors", wall + 1s);
  EXPECT_EQ(history.tally().last_reload, wall + 1s);
  EXPECT_EQ(history.tally().last_reload_text, "2 errors");
  EXPECT_THAT(history.tally().reloads, SizeIs(2));
}

}  // namespace
}  // namespace app
