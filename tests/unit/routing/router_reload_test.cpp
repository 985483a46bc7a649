#include <array>

#include "tests/unit/routing/router_play.hpp"

namespace routing {
namespace {

using ::testing::ElementsAre;

TEST(RouterStory, a_reload_keeps_what_is_known) {
  Play play;
  play.begin();
  play.online("secondary");
  play.degraded("primary");
  play.online("primary");
  play.router_.set_addresses(play.id("primary"), {SocketAddress{}});
  play.pass(4s);
  play.config_.endpoints[1].region = "north";
  const std::uint64_t version = play.router_.table().version;
  play.reload();
  EXPECT_EQ(play.router_.table().version, version) << "nothing that routing knows has changed";
  EXPECT_EQ(play.active(), "secondary");
  EXPECT_EQ(play.rotation("primary"), Rotation::waiting);
  EXPECT_EQ(play.router_.table().find(play.id("secondary"))->monitor, MonitorStatus::online);
  EXPECT_EQ(play.router_.table().find(play.id("primary"))->addresses.size(), 1U);
  play.pass(6s);
  EXPECT_EQ(play.active(), "primary");
}

TEST(RouterStory, a_reload_keeps_a_hold_and_a_drain) {
  Play play{{"a", "b", "c"}};
  play.begin();
  play.degraded("a");
  play.router_.hold({}, play.now_);
  play.router_.drain(play.id("c"), true, play.now_);
  play.online("a");
  play.reload();
  play.pass(1h);
  EXPECT_EQ(play.active(), "b");
  EXPECT_EQ(play.rotation("c"), Rotation::out);
}

TEST(RouterStory, a_reload_with_a_shorter_wait_applies_to_a_recovery_under_way) {
  Play play;
  play.begin();
  play.degraded("primary");
  play.online("primary");
  play.pass(4s);
  play.config_.failback.effective_healthy_for = 2s;
  play.reload();
  EXPECT_EQ(play.active(), "primary");
}

TEST(RouterStory, a_reload_may_drop_the_active_endpoint) {
  Play play;
  play.begin();
  play.config_.endpoints.erase(play.config_.endpoints.begin());
  play.reload();
  EXPECT_EQ(play.active(), "secondary");
  EXPECT_EQ(play.router_.table().entries.size(), 1U);
  EXPECT_EQ(play.router_.table().entries[0].config_index, 0U);
  EXPECT_THAT(play.take_events(),
              ElementsAre("startup nobody>primary", "reload primary>secondary"));
  play.degraded("primary");  // a late report about an endpoint that is gone
  EXPECT_EQ(play.active(), "secondary");
}

TEST(RouterStory, a_reload_may_change_priorities_and_order) {
  Play play;
  play.begin();
  std::swap(play.config_.endpoints[0].priority, play.config_.endpoints[1].priority);
  play.reload();
  EXPECT_EQ(play.active(), "secondary");
  EXPECT_EQ(play.router_.table().entries[0].name, "secondary");
  EXPECT_EQ(play.router_.table().entries[0].config_index, 1U);
  EXPECT_EQ(play.changes_.back().kind, ChangeKind::reload);
}

TEST(RouterStory, endpoints_start_as_the_configuration_says) {
  Play play{{"off", "always", "new"}};
  play.config_.endpoints[0].enabled = false;
  play.config_.endpoints[1].always_serve = true;
  play.begin();
  const RoutingTable& table = play.router_.table();
  EXPECT_EQ(table.entries[0].monitor, MonitorStatus::disabled);
  EXPECT_EQ(table.entries[1].monitor, MonitorStatus::unmonitored);
  EXPECT_EQ(table.entries[2].monitor, MonitorStatus::checking_endpoint);
  EXPECT_EQ(play.active(), "always");
}

TEST(RouterStory, with_everything_disabled_it_starts_with_nobody) {
  Play play;
  for (config::Endpoint& endpoint : play.config_.endpoints) endpoint.enabled = false;
  play.begin();
  EXPECT_EQ(play.active(), "nobody");
  EXPECT_THAT(play.take_events(), ElementsAre("startup nobody>nobody"));
}

TEST(Router, the_version_changes_with_the_table_and_only_then) {
  Play play;
  play.begin();
  std::uint64_t version = play.router_.table().version;
  play.router_.tick(play.now_);
  play.router_.set_monitor_status(play.id("primary"), MonitorStatus::checking_endpoint, play.now_);
  play.router_.set_addresses(play.id("primary"), {});
  EXPECT_EQ(play.router_.table().version, version);
  play.router_.set_monitor_status(play.id("primary"), MonitorStatus::online, play.now_);
  EXPECT_EQ(play.router_.table().version, ++version);
  play.router_.set_addresses(play.id("primary"), {SocketAddress{}});
  EXPECT_EQ(play.router_.table().version, ++version);
}

TEST(Router, keeps_the_last_changes_in_its_history) {
  Play play{{"primary", "secondary"}, 0s};
  play.begin();
  for (int i = 0; i < 40; ++i) {
    play.degraded("primary");
    play.online("primary");
  }
  const auto& history = play.router_.history();
  EXPECT_EQ(history.size(), Router::history_size);
  EXPECT_EQ(history.back().kind, ChangeKind::failback);
}

TEST(Router, counts_the_wait_from_the_transition_not_from_its_delivery) {
  Play play;
  play.begin();
  play.degraded("primary");
  health::HealthTransition transition;
  transition.endpoint = play.id("primary");
  transition.to = MonitorStatus::online;
  transition.at = play.now_ + 1s;
  play.router_.on_transition(transition, play.now_ + 3s);
  EXPECT_EQ(play.router_.next_wake(), play.now_ + 11s);
}

using Step = void (*)(Play&);
constexpr std::array<Step, 9> steps{
    [](Play& p) { p.degraded("primary"); },
    [](Play& p) { p.online("primary"); },
    [](Play& p) { p.degraded("secondary"); },
    [](Play& p) { p.online("secondary"); },
    [](Play& p) { p.is("primary", MonitorStatus::disabled, Cause::operator_command); },
    [](Play& p) {
      p.router_.drain(p.id("secondary"), !p.router_.table().entries[1].draining, p.now_);
    },
    [](Play& p) { p.router_.hold(7s, p.now_); },
    [](Play& p) { p.router_.failback_now(p.now_); },
    [](Play& p) { p.pass(6s); },
};

class RouterExhaustively : public ::testing::TestWithParam<int> {};  // the first step

// Everything that may happen, in every order of five steps, with two endpoints: never a disabled or
// drained endpoint, never a degraded one while a better one exists, never a table that disagrees
// with select_endpoint (Play::check).
TEST_P(RouterExhaustively, every_short_history_ends_in_a_sound_table) {
  constexpr int length = 5;
  int total = 1;
  for (int i = 0; i < length; ++i) total *= static_cast<int>(steps.size());
  for (int code = GetParam(); code < total; code += static_cast<int>(steps.size())) {
    Play play;
    play.begin();
    int rest = code;
    for (int i = 0; i < length; ++i) {
      steps[static_cast<std::size_t>(rest) % steps.size()](play);
      rest /= static_cast<int>(steps.size());
      play.check();
      if (::testing::Test::HasFatalFailure()) FAIL() << "history " << code << " step " << i;
      const RoutingEntry* active = play.router_.table().find(play.router_.table().active);
      if (active != nullptr) {
        ASSERT_NE(active->rotation, Rotation::out);
        ASSERT_NE(active->rotation, Rotation::waiting);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(FirstStep, RouterExhaustively,
                         ::testing::Range(0, static_cast<int>(steps.size())));

}  // namespace
}  // namespace routing
