#include "routing/failback.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace routing {
namespace {

using namespace std::chrono_literals;
using health::TimePoint;

const TimePoint t0{1h};

config::Failback settings(config::Millis healthy_for = 10s) {
  config::Failback failback;
  failback.effective_healthy_for = healthy_for;
  failback.flap_factor = 2;
  failback.flap_max = 60s;
  failback.flap_decay = 10min;
  return failback;
}

TEST(FlapWait, multiplies_up_to_the_maximum) {
  EXPECT_EQ(flap_wait(settings(), 0), 10s);
  EXPECT_EQ(flap_wait(settings(), 1), 20s);
  EXPECT_EQ(flap_wait(settings(), 2), 40s);
  EXPECT_EQ(flap_wait(settings(), 3), 60s);
  EXPECT_EQ(flap_wait(settings(), 64), 60s);
}

TEST(FlapWait, is_nothing_when_failback_is_at_once) {
  EXPECT_EQ(flap_wait(settings(0s), 5), 0s);
}

TEST(FlapWait, never_shortens_what_was_asked_for) {
  EXPECT_EQ(flap_wait(settings(5min), 0), 5min) << "longer than flap_max";
  EXPECT_EQ(flap_wait(settings(5min), 3), 5min);
  config::Failback odd = settings();
  odd.flap_factor = 0.5;
  EXPECT_EQ(flap_wait(odd, 3), 10s);
}

TEST(FlapWait, takes_a_fractional_factor) {
  config::Failback s = settings();
  s.flap_factor = 1.5;
  EXPECT_EQ(flap_wait(s, 1), 15s);
  EXPECT_EQ(flap_wait(s, 2), 22500ms);
}

TEST(Comeback, an_endpoint_that_never_was_degraded_does_not_wait) {
  Comeback comeback;
  comeback.recovered(t0);
  EXPECT_FALSE(comeback.recovering());
  EXPECT_FALSE(comeback.recovered_at().has_value());
}

TEST(Comeback, waits_from_its_recovery) {
  Comeback comeback;
  comeback.degraded(settings(), t0);
  EXPECT_FALSE(comeback.recovering());
  comeback.recovered(t0 + 1min);
  EXPECT_TRUE(comeback.recovering());
  EXPECT_EQ(comeback.wait_ends(settings()), t0 + 1min + 10s);
}

TEST(Comeback, each_relapse_doubles_the_wait) {
  Comeback comeback;
  TimePoint now = t0;
  for (const auto expected : {10s, 20s, 40s, 60s, 60s}) {
    comeback.degraded(settings(), now);
    now += 5s;
    comeback.recovered(now);
    EXPECT_EQ(comeback.wait(settings()), expected);
    now += 5s;
  }
}

TEST(Comeback, a_relapse_later_than_the_decay_is_a_new_story) {
  Comeback comeback;
  comeback.degraded(settings(), t0);
  comeback.recovered(t0);
  comeback.degraded(settings(), t0 + 10min);
  EXPECT_EQ(comeback.level(settings(), t0 + 10min), 0);
  comeback.recovered(t0 + 11min);
  comeback.degraded(settings(), t0 + 21min - 1ms);
  EXPECT_EQ(comeback.level(settings(), t0 + 21min), 1);
}

TEST(Comeback, each_decay_of_unbroken_health_takes_one_step_back) {
  Comeback comeback;
  TimePoint now = t0;
  for (int i = 0; i < 4; ++i) {
    comeback.degraded(settings(), now);
    now += 1s;
    comeback.recovered(now);
    now += 1s;
  }
  now -= 1s;  // the latest recovery
  EXPECT_EQ(comeback.level(settings(), now), 3);
  EXPECT_EQ(comeback.level(settings(), now + 10min - 1ms), 3);
  EXPECT_EQ(comeback.level(settings(), now + 10min), 2);
  EXPECT_EQ(comeback.level(settings(), now + 25min), 1);
  EXPECT_EQ(comeback.level(settings(), now + 24h), 0);
  comeback.degraded(settings(), now + 25min);
  comeback.recovered(now + 26min);
  EXPECT_EQ(comeback.wait(settings()), 20s);
}

TEST(Comeback, being_reported_degraded_twice_counts_once) {
  Comeback comeback;
  comeback.degraded(settings(), t0);
  comeback.recovered(t0 + 1s);
  comeback.degraded(settings(), t0 + 2s);
  comeback.degraded(settings(), t0 + 3s);
  comeback.recovered(t0 + 4s);
  comeback.recovered(t0 + 5s);
  EXPECT_EQ(comeback.wait(settings()), 20s);
  EXPECT_EQ(comeback.recovered_at(), t0 + 4s);
}

TEST(Comeback, excused_it_waits_no_more_but_its_past_still_counts) {
  Comeback comeback;
  comeback.degraded(settings(), t0);
  comeback.recovered(t0 + 1s);
  comeback.excuse();
  EXPECT_FALSE(comeback.recovering());
  comeback.degraded(settings(), t0 + 2s);
  comeback.recovered(t0 + 3s);
  EXPECT_EQ(comeback.wait(settings()), 20s);
}

}  // namespace
}  // namespace routing
