#include "tests/unit/routing/router_play.hpp"

namespace routing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RouterStory, the_first_choice_is_the_best_priority_and_gets_traffic_before_any_probe) {
  Play play;
  play.begin();
  EXPECT_EQ(play.active(), "primary");
  EXPECT_EQ(play.router_.active_since(), start);
  EXPECT_THAT(play.take_events(), ElementsAre("startup nobody>primary"));
  play.online("primary");
  play.online("secondary");
  EXPECT_THAT(play.take_events(), IsEmpty()) << "nobody waits for a first Online";
  EXPECT_EQ(play.rotation("primary"), Rotation::serving);
}

TEST(RouterStory, failover_tells_how_long_detection_took) {
  Play play;
  play.begin();
  play.online("primary");
  play.pass(1min);
  play.is("primary", MonitorStatus::degraded, Cause::probe, 3200ms);
  EXPECT_EQ(play.active(), "secondary");
  EXPECT_EQ(play.rotation("primary"), Rotation::degraded);
  ASSERT_EQ(play.changes_.size(), 2U);
  const RoutingChange& change = play.changes_.back();
  EXPECT_EQ(change.kind, ChangeKind::failover);
  EXPECT_EQ(change.at - change.since.value(), 3200ms);
  EXPECT_THAT(change.reason, HasSubstr("primary is Degraded: as the story says"));
  EXPECT_EQ(play.router_.active_since(), change.at);
}

TEST(RouterStory, failback_follows_healthy_for_after_the_recovery) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.pass(30s);
  play.online("primary");
  EXPECT_EQ(play.active(), "secondary");
  EXPECT_EQ(play.rotation("primary"), Rotation::waiting);
  EXPECT_EQ(play.router_.next_wake(), play.now_ + 10s);
  const auto waits = play.router_.waits(play.now_);
  ASSERT_EQ(waits.size(), 1U);
  EXPECT_EQ(waits[0].until, play.now_ + 10s);
  play.pass(9999ms);
  EXPECT_EQ(play.active(), "secondary");
  play.pass(1ms);
  EXPECT_EQ(play.active(), "primary");
  EXPECT_FALSE(play.router_.next_wake().has_value());
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "failover primary>secondary",
                          "failback secondary>primary"));
  const RoutingChange& change = play.changes_.back();
  EXPECT_EQ(change.at - change.since.value(), 10s);
  EXPECT_EQ(change.reason, "primary has been healthy for 10 s");
}

TEST(RouterStory, healthy_for_zero_fails_back_at_once) {
  Play play{{"primary", "secondary"}, 0s};
  play.begin();
  play.degraded("primary");
  play.online("primary");
  EXPECT_EQ(play.active(), "primary");
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "failover primary>secondary",
                          "failback secondary>primary"));
}

TEST(RouterStory, a_relapse_while_waiting_starts_the_wait_again_and_doubles_it) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.pass(30s);
  play.online("primary");
  play.pass(5s);
  play.degraded("primary");
  EXPECT_EQ(play.rotation("primary"), Rotation::degraded);
  play.pass(20s);
  EXPECT_EQ(play.active(), "secondary");
  play.online("primary");
  play.pass(19999ms);
  EXPECT_EQ(play.active(), "secondary");
  play.pass(1ms);
  EXPECT_EQ(play.active(), "primary");
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "failover primary>secondary",
                          "failback secondary>primary"));
}

TEST(RouterStory, a_crash_loop_with_short_up_phases_is_one_failover_and_one_failback) {
  Play play;
  play.begin();
  play.online("primary");
  play.take_events();
  for (int i = 0; i < 20; ++i) {
    play.degraded("primary");
    play.pass(3s);
    play.online("primary");
    play.pass(4s);
  }
  play.pass(1h);
  EXPECT_THAT(play.take_events(),
              ElementsAre("failover primary>secondary", "failback secondary>primary"));
}

TEST(RouterStory, flapping_with_long_up_phases_costs_longer_and_longer_waits) {
  Play play;
  play.begin();
  for (const auto expected : {10s, 20s, 40s, 80s}) {
    play.degraded("primary");
    play.pass(2s);
    play.online("primary");
    play.pass(expected - 1ms);
    EXPECT_EQ(play.active(), "secondary");
    play.pass(1ms);
    EXPECT_EQ(play.active(), "primary");
    play.pass(5s);
  }
}

TEST(RouterStory, everything_degraded_is_a_best_effort_on_the_best_priority_and_back) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.degraded("secondary");
  EXPECT_EQ(play.active(), "primary");
  EXPECT_TRUE(play.router_.table().all_degraded);
  play.online("secondary");
  EXPECT_EQ(play.active(), "secondary") << "used at once: nobody else is left";
  EXPECT_EQ(play.rotation("secondary"), Rotation::serving);
  EXPECT_FALSE(play.router_.table().all_degraded);
  play.online("primary");
  play.pass(10s);
  EXPECT_EQ(play.active(), "primary");
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "failover primary>secondary",
                          "best_effort secondary>primary", "failover primary>secondary",
                          "failback secondary>primary"));
}

TEST(RouterStory, a_best_effort_that_recovers_in_place_is_restored_without_a_wait) {
  Play play;
  play.begin();
  play.degraded("secondary");
  play.degraded("primary");
  play.online("primary");
  EXPECT_EQ(play.rotation("primary"), Rotation::serving);
  play.online("secondary");
  play.pass(1h);
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "best_effort primary>primary",
                          "restored primary>primary"));
}

TEST(RouterStory, a_secondary_that_never_was_online_is_no_refuge) {
  Play play;
  play.begin();
  play.online("primary");
  play.degraded("secondary");
  EXPECT_EQ(play.active(), "primary");
  play.degraded("primary");
  EXPECT_EQ(play.active(), "primary");
  EXPECT_EQ(play.changes_.back().kind, ChangeKind::best_effort);
}

TEST(RouterStory, without_fail_open_nobody_serves_when_everything_is_degraded) {
  Play play;
  play.config_.routing.all_degraded = config::AllDegraded::unavailable;
  play.begin();
  play.degraded("primary");
  play.degraded("secondary");
  EXPECT_EQ(play.active(), "nobody");
  EXPECT_TRUE(play.router_.table().all_degraded);
  play.pass(1min);
  play.online("primary");
  EXPECT_EQ(play.active(), "primary");
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "failover primary>secondary",
                          "unavailable secondary>nobody", "restored nobody>primary"));
}

TEST(RouterStory, a_waiting_primary_steps_in_early_when_the_secondary_dies_and_then_stays) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.online("primary");
  play.pass(3s);
  play.degraded("secondary");
  EXPECT_EQ(play.active(), "primary");
  play.online("secondary");
  EXPECT_EQ(play.active(), "primary") << "not sent away again to finish its wait";
  play.pass(1h);
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "failover primary>secondary",
                          "failback secondary>primary"));
}

TEST(RouterStory, a_steady_third_endpoint_is_preferred_to_one_that_just_recovered) {
  Play play{{"a", "b", "c"}};
  play.begin();
  play.degraded("b");
  play.online("b");
  play.degraded("a");
  EXPECT_EQ(play.active(), "c");
  play.pass(10s);
  EXPECT_EQ(play.active(), "b");
  play.online("a");
  play.pass(10s);
  EXPECT_EQ(play.active(), "a");
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>a", "failover a>c", "failback c>b", "failback b>a"));
}

}  // namespace
}  // namespace routing
