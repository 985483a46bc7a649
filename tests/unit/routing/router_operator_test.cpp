#include "tests/unit/routing/router_play.hpp"

namespace routing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RouterStory, manual_failback_waits_for_the_operator) {
  Play play;
  play.config_.failback.mode = config::FailbackMode::manual;
  play.begin();
  play.degraded("primary");
  play.online("primary");
  play.pass(24h);
  EXPECT_EQ(play.active(), "secondary");
  EXPECT_FALSE(play.router_.next_wake().has_value());
  const auto waits = play.router_.waits(play.now_);
  ASSERT_EQ(waits.size(), 1U);
  EXPECT_FALSE(waits[0].until.has_value());
  const CommandResult result = play.router_.failback_now(play.now_);
  EXPECT_TRUE(result.ok) << result.message;
  EXPECT_EQ(play.active(), "primary");
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "failover primary>secondary",
                          "failback secondary>primary"));
}

TEST(RouterStory, manual_mode_lets_an_endpoint_further_down_come_back_by_itself) {
  Play play{{"a", "b", "c"}};
  play.config_.failback.mode = config::FailbackMode::manual;
  play.begin();
  play.degraded("b");
  play.online("b");
  EXPECT_EQ(play.rotation("b"), Rotation::waiting);
  play.pass(10s);
  EXPECT_EQ(play.rotation("b"), Rotation::serving);
  play.degraded("a");
  EXPECT_EQ(play.active(), "b");
}

TEST(RouterStory, failback_now_ends_a_wait) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.online("primary");
  EXPECT_TRUE(play.router_.failback_now(play.now_).ok);
  EXPECT_EQ(play.active(), "primary");
}

TEST(RouterStory, failback_now_says_why_there_is_nothing_to_do) {
  Play play;
  play.begin();
  CommandResult result = play.router_.failback_now(play.now_);
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.message, "primary is active already");
  play.degraded("primary");
  result = play.router_.failback_now(play.now_);
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.message, HasSubstr("primary cannot serve (Degraded)"));
  EXPECT_EQ(play.active(), "secondary");
  play.degraded("secondary");
  EXPECT_FALSE(play.router_.failback_now(play.now_).ok);
}

TEST(RouterStory, a_hold_keeps_the_secondary_until_it_expires) {
  Play play;
  play.begin();
  play.degraded("primary");
  const CommandResult result = play.router_.hold(60s, play.now_);
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.message, "holding secondary for 1 min");
  play.online("primary");
  play.pass(59999ms);
  EXPECT_EQ(play.active(), "secondary");
  EXPECT_EQ(play.rotation("primary"), Rotation::waiting);
  const auto waits = play.router_.waits(play.now_);
  ASSERT_EQ(waits.size(), 1U);
  EXPECT_EQ(waits[0].until, play.now_ + 1ms);
  play.pass(1ms);
  EXPECT_EQ(play.active(), "primary");
  EXPECT_EQ(play.changes_.back().reason, "the hold expired");
  EXPECT_EQ(play.changes_.back().kind, ChangeKind::failback);
}

TEST(RouterStory, an_expired_hold_does_not_shorten_healthy_for) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.router_.hold(5s, play.now_);
  play.online("primary");
  play.pass(5s);
  EXPECT_EQ(play.active(), "secondary");
  EXPECT_FALSE(play.router_.held().has_value());
  play.pass(5s);
  EXPECT_EQ(play.active(), "primary");
}

TEST(RouterStory, a_hold_without_expiry_lasts_until_released) {
  Play play;
  play.begin();
  play.degraded("primary");
  EXPECT_EQ(play.router_.hold({}, play.now_).message, "holding secondary until released");
  play.online("primary");
  play.pass(24h);
  EXPECT_EQ(play.active(), "secondary");
  const auto waits = play.router_.waits(play.now_);
  ASSERT_EQ(waits.size(), 1U);
  EXPECT_FALSE(waits[0].until.has_value());
  EXPECT_EQ(play.router_.release(play.now_).message, "released; primary is active");
  EXPECT_EQ(play.active(), "primary");
  EXPECT_EQ(play.changes_.back().reason, "the hold was released");
  EXPECT_EQ(play.router_.release(play.now_).message, "nothing was held");
}

TEST(RouterStory, a_hold_never_stands_in_the_way_of_a_failover) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.router_.hold({}, play.now_);
  play.online("primary");
  play.pass(1min);
  play.degraded("secondary");
  EXPECT_EQ(play.active(), "primary");
  EXPECT_EQ(play.changes_.back().kind, ChangeKind::failback);
  // And it now keeps whoever took over: primary down and up again stays on the secondary.
  play.online("secondary");
  play.pass(1min);
  play.degraded("primary");
  EXPECT_EQ(play.active(), "secondary");
  play.online("primary");
  play.pass(24h);
  EXPECT_EQ(play.active(), "secondary");
}

TEST(RouterStory, a_hold_on_the_secondary_prefers_a_healthy_primary_to_a_third_when_it_dies) {
  Play play{{"a", "b", "c"}};
  play.begin();
  play.degraded("a");
  play.router_.hold({}, play.now_);
  play.online("a");
  play.pass(1min);
  play.degraded("b");
  EXPECT_EQ(play.active(), "a");
}

TEST(RouterStory, nothing_can_be_held_when_nobody_serves) {
  Play play;
  play.config_.routing.all_degraded = config::AllDegraded::unavailable;
  play.begin();
  play.degraded("primary");
  play.degraded("secondary");
  EXPECT_FALSE(play.router_.hold({}, play.now_).ok);
}

TEST(RouterStory, a_drained_primary_hands_over_and_returns_without_waiting) {
  Play play;
  play.begin();
  play.online("primary");
  CommandResult result = play.router_.drain(play.id("primary"), true, play.now_);
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(result.message, "primary is draining; new requests go to secondary");
  EXPECT_EQ(play.rotation("primary"), Rotation::out);
  EXPECT_TRUE(play.router_.table().find(play.id("primary"))->draining);
  EXPECT_EQ(play.router_.drain(play.id("primary"), true, play.now_).message,
            "primary is draining already");
  play.router_.drain(play.id("primary"), false, play.now_);
  EXPECT_EQ(play.active(), "primary");
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "operator primary>secondary",
                          "operator secondary>primary"));
}

TEST(RouterStory, draining_the_last_endpoint_is_done_and_said) {
  Play play{{"only"}};
  play.begin();
  EXPECT_THAT(play.router_.drain(play.id("only"), true, play.now_).message, HasSubstr("503"));
  EXPECT_EQ(play.active(), "nobody");
  EXPECT_EQ(play.changes_.back().kind, ChangeKind::unavailable);
  EXPECT_FALSE(play.router_.drain(4711, true, play.now_).ok);
}

TEST(RouterStory, a_disabled_primary_hands_over_and_an_enabled_one_does_not_wait) {
  Play play;
  play.begin();
  play.online("primary");
  play.is("primary", MonitorStatus::disabled, Cause::operator_command);
  EXPECT_EQ(play.active(), "secondary");
  EXPECT_EQ(play.rotation("primary"), Rotation::out);
  play.is("primary", MonitorStatus::checking_endpoint, Cause::operator_command);
  EXPECT_EQ(play.active(), "primary");
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "operator primary>secondary",
                          "operator secondary>primary"));
}

TEST(RouterStory, disabling_a_degraded_endpoint_and_enabling_it_again_does_not_make_it_wait) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.is("primary", MonitorStatus::disabled, Cause::operator_command);
  play.is("primary", MonitorStatus::checking_endpoint, Cause::operator_command);
  EXPECT_EQ(play.active(), "primary");
  play.online("primary");
  EXPECT_EQ(play.rotation("primary"), Rotation::serving);
}

TEST(RouterStory, an_endpoint_that_is_always_served_does_not_wait) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.is("primary", MonitorStatus::unmonitored, Cause::operator_command);
  EXPECT_EQ(play.active(), "primary");
}

}  // namespace
}  // namespace routing
