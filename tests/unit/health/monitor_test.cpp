#include "health/monitor.hpp"

#include <gtest/gtest.h>

#include <string>

namespace health {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};

struct Rules {
  int tolerated_failures = 3;
  int required_passes = 1;
};

config::ProbePolicy policy_of(Rules rules) {
  config::ProbePolicy policy;
  policy.tolerated_failures = rules.tolerated_failures;
  policy.required_passes = rules.required_passes;
  return policy;
}

// P passed, F answered 503, T timed out, X refused.
ProbeOutcome outcome_of(char letter, TimePoint started = start) {
  ProbeOutcome outcome;
  outcome.started = started;
  switch (letter) {
    case 'P':
      outcome.detail = "answered 200";
      break;
    case 'T':
      outcome.result = ProbeResult::timed_out;
      outcome.detail = "timed out after 1000 ms";
      break;
    case 'X':
      outcome.result = ProbeResult::connect_failed;
      break;
    default:
      outcome.result = ProbeResult::bad_status;
      outcome.status = 503;
      outcome.detail = "answered 503 (expected 200)";
  }
  return outcome;
}

char letter_of(MonitorStatus status) {
  return std::string{to_string(status)}.front();
}

// Feeds one probe a second; the status after each, by its first letter.
std::string play(Monitor& monitor, const config::ProbePolicy& policy, std::string_view probes,
                 TimePoint& now) {
  std::string seen;
  for (const char probe : probes) {
    begin_probe(monitor, policy, now);
    now += 1s;
    observe(monitor, policy, outcome_of(probe, now - 1s), now);
    seen += letter_of(status(monitor));
  }
  return seen;
}

struct Story {
  const char* name;
  Rules rules;
  std::string probes, statuses;
};

class MonitorStory : public ::testing::TestWithParam<Story> {};

TEST_P(MonitorStory, GoesAsTold) {
  const Story& story = GetParam();
  Monitor monitor;
  TimePoint now = start;
  EXPECT_EQ(play(monitor, policy_of(story.rules), story.probes, now), story.statuses) << story.name;
}

INSTANTIATE_TEST_SUITE_P(
    Failover, MonitorStory,
    ::testing::Values(
        Story{"one pass brings a new endpoint online", {}, "P", "O"},
        Story{"three failures are tolerated, the fourth degrades", {}, "PFFFF", "OOOOD"},
        Story{"a pass in between starts the count again", {}, "PFFFPFFF", "OOOOOOOO"},
        Story{"every kind of failure counts", {}, "PFTXF", "OOOOD"},
        Story{"none tolerated: the first failure degrades", {0, 1}, "PF", "OD"},
        Story{"a new endpoint that never passes is checked, then Degraded", {}, "FFFF", "CCCD"},
        Story{"a new endpoint may fail and still come online", {}, "FFFP", "CCCO"},
        Story{"the first verdict needs one pass, whatever is required later", {3, 3}, "P", "O"},
        Story{"probing goes on while Degraded", {1, 1}, "PFFFFFFFFP", "OODDDDDDDO"}));

INSTANTIATE_TEST_SUITE_P(
    Failback, MonitorStory,
    ::testing::Values(Story{"one pass is enough where Azure's rules apply", {}, "PFFFFP", "OOOODO"},
                      Story{
                          "failback waits for the required passes", {3, 3}, "PFFFFPPP", "OOOODDDO"},
                      Story{"a failure between the passes starts the count again",
                            {1, 3},
                            "PFFPPFPPP",
                            "OODDDDDDO"},
                      Story{"after failback all tolerated failures are there again",
                            {1, 2},
                            "PFFPPFPF",
                            "OODDOOOO"},
                      Story{"an endpoint Degraded from the start needs the required passes",
                            {0, 2},
                            "FPP",
                            "DDO"}));

// The same rule said another way: by looking at the whole history instead of keeping counters.
MonitorStatus by_history(std::string_view history, Rules rules) {
  MonitorStatus now = MonitorStatus::checking_endpoint;
  for (std::size_t end = 1; end <= history.size(); ++end) {
    const auto all_last = [&](char wanted, int number) {
      const auto length = static_cast<std::size_t>(number);
      return length <= end && history.substr(end - length, length) == std::string(length, wanted);
    };
    if (now == MonitorStatus::degraded) {
      if (all_last('P', rules.required_passes)) now = MonitorStatus::online;
    } else if (all_last('F', rules.tolerated_failures + 1)) {
      now = MonitorStatus::degraded;
    } else if (history[end - 1] == 'P') {
      now = MonitorStatus::online;
    }
  }
  return now;
}

TEST(MonitorExhaustively, EveryHistoryOfTenProbesFollowsTheRule) {
  constexpr unsigned length = 10;
  for (int tolerated = 0; tolerated <= 3; ++tolerated)
    for (int required = 1; required <= 3; ++required)
      for (unsigned bits = 0; bits < (1U << length); ++bits) {
        const Rules rules{tolerated, required};
        const auto policy = policy_of(rules);
        Monitor monitor;
        std::string history;
        for (unsigned i = 0; i < length; ++i) {
          history += (bits >> i & 1U) != 0 ? 'P' : 'F';
          const MonitorStatus before = status(monitor);
          const auto change = observe(monitor, policy, outcome_of(history.back()), start);
          ASSERT_EQ(status(monitor), by_history(history, rules)) << history;
          ASSERT_EQ(change.has_value(), before != status(monitor)) << history;
          if (change) {
            ASSERT_EQ(change->from, before);
            ASSERT_EQ(change->to, status(monitor));
          }
        }
      }
}

// Traffic Manager's state table: what was set decides first, then what was found.
TEST(MonitorExhaustively, TheStateTable) {
  using Finding = Monitor::Finding;
  for (const bool profile : {true, false})
    for (const bool enabled : {true, false})
      for (const bool always_serve : {true, false})
        for (const Finding finding : {Finding::nothing_yet, Finding::online, Finding::degraded}) {
          Monitor monitor;
          monitor.profile_enabled = profile;
          monitor.enabled = enabled;
          monitor.always_serve = always_serve;
          monitor.finding = finding;
          MonitorStatus expected = MonitorStatus::checking_endpoint;
          if (finding == Finding::online) expected = MonitorStatus::online;
          if (finding == Finding::degraded) expected = MonitorStatus::degraded;
          if (always_serve) expected = MonitorStatus::unmonitored;
          if (!profile) expected = MonitorStatus::inactive;
          if (!enabled) expected = MonitorStatus::disabled;
          EXPECT_EQ(status(monitor), expected);
          EXPECT_EQ(is_probed(monitor), profile && enabled && !always_serve);
          EXPECT_EQ(next_probe(monitor, {}, 0.5, start).has_value(), is_probed(monitor));
          if (is_probed(monitor)) continue;
          // Neither a late outcome nor live traffic moves an endpoint that is not probed.
          const Suspicion suspicion{"3 attempts failed", start};
          EXPECT_FALSE(observe(monitor, {}, outcome_of('F'), start, &suspicion));
          EXPECT_FALSE(degrade_by_traffic(monitor, suspicion, start));
          EXPECT_EQ(status(monitor), expected);
        }
}

struct MonitorTest : ::testing::Test {
  Monitor monitor;
  config::ProbePolicy policy = policy_of({3, 3});
  TimePoint now = start;
  std::string play(std::string_view probes) { return health::play(monitor, policy, probes, now); }
};

TEST_F(MonitorTest, ATransitionSaysWhatWhyAndSinceWhen) {
  play("PP");
  const TimePoint first_failure_started = now;
  play("FFF");
  begin_probe(monitor, policy, now);
  const auto change = observe(monitor, policy, outcome_of('F', now), now + 100ms);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->from, MonitorStatus::online);
  EXPECT_EQ(change->to, MonitorStatus::degraded);
  EXPECT_EQ(change->cause, Cause::probe);
  EXPECT_EQ(change->detail, "4 probes failed in a row: answered 503 (expected 200)");
  EXPECT_EQ(change->first_failure, first_failure_started);
  EXPECT_EQ(monitor.since, now + 100ms);
  EXPECT_TRUE(monitor.ever_online);
}

TEST_F(MonitorTest, AnEndpointThatNeverPassedWasNeverOnline) {
  EXPECT_EQ(play("FFFFPP"), "CCCDDD");
  EXPECT_FALSE(monitor.ever_online);
  play("P");
  EXPECT_TRUE(monitor.ever_online);
}

TEST_F(MonitorTest, DisabledAndEnabledAgainItIsCheckedFromTheStart) {
  play("PFFF");
  const auto off = set_enabled(monitor, false, Cause::operator_command, now);
  ASSERT_TRUE(off);
  EXPECT_EQ(off->to, MonitorStatus::disabled);
  EXPECT_EQ(off->cause, Cause::operator_command);
  EXPECT_FALSE(set_enabled(monitor, false, Cause::operator_command, now));
  const auto on = set_enabled(monitor, true, Cause::operator_command, now);
  ASSERT_TRUE(on);
  EXPECT_EQ(on->to, MonitorStatus::checking_endpoint);
  EXPECT_EQ(play("FFFP"), "CCCO") << "the three failures of before are forgotten";
}

TEST_F(MonitorTest, ADisabledProfileMakesEnabledEndpointsInactive) {
  play("P");
  EXPECT_EQ(set_profile_enabled(monitor, false, Cause::config, now)->to, MonitorStatus::inactive);
  EXPECT_EQ(set_enabled(monitor, false, Cause::config, now)->to, MonitorStatus::disabled);
  EXPECT_FALSE(set_profile_enabled(monitor, true, Cause::config, now)) << "still Disabled";
  EXPECT_EQ(set_enabled(monitor, true, Cause::config, now)->to, MonitorStatus::checking_endpoint);
}

TEST_F(MonitorTest, AlwaysServeOutlivesDisableAndEnable) {
  EXPECT_EQ(set_always_serve(monitor, true, Cause::config, now)->to, MonitorStatus::unmonitored);
  EXPECT_EQ(set_enabled(monitor, false, Cause::config, now)->to, MonitorStatus::disabled);
  EXPECT_EQ(set_enabled(monitor, true, Cause::config, now)->to, MonitorStatus::unmonitored);
  EXPECT_EQ(set_always_serve(monitor, false, Cause::config, now)->to,
            MonitorStatus::checking_endpoint);
}

TEST_F(MonitorTest, LiveTrafficDegradesAtOnceAndTheRequiredPassesBringItBack) {
  play("P");
  const Suspicion suspicion{"3 attempts failed within 2 s (connect_failed)", now};
  const auto change = degrade_by_traffic(monitor, suspicion, now + 60ms);
  ASSERT_TRUE(change);
  EXPECT_EQ(status_text(status(monitor), monitor.cause), "Degraded (passive)");
  EXPECT_EQ(change->detail, suspicion.detail);
  EXPECT_EQ(change->first_failure, suspicion.first_failure);
  EXPECT_FALSE(degrade_by_traffic(monitor, suspicion, now + 70ms));
  EXPECT_EQ(play("PPFPPP"), "DDDDDO");
}

TEST_F(MonitorTest, PassesFromBeforeDoNotCountTowardsTheWayBack) {
  play("PPPPP");
  degrade_by_traffic(monitor, {"refused", now}, now);
  EXPECT_EQ(play("PP"), "DD");
}

TEST_F(MonitorTest, FailingProbesConfirmWhatLiveTrafficSaid) {
  play("P");
  degrade_by_traffic(monitor, {"refused", now}, now);
  play("FFF");
  EXPECT_EQ(monitor.cause, Cause::live_traffic);
  play("F");
  EXPECT_EQ(monitor.cause, Cause::probe) << "now it is Degraded without live traffic as well";
}

TEST_F(MonitorTest, AFailedConfirmingProbeDegradesWithoutWaitingForMore) {
  play("P");
  const Suspicion suspicion{"30 of 40 requests failed within 10 s", now - 2s};
  EXPECT_FALSE(observe(monitor, policy, outcome_of('P', now), now, &suspicion));
  const auto change = observe(monitor, policy, outcome_of('F', now), now + 10ms, &suspicion);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->cause, Cause::live_traffic);
  EXPECT_EQ(change->first_failure, now - 2s);
  EXPECT_EQ(change->detail,
            "30 of 40 requests failed within 10 s, and the confirming probe failed: answered 503 "
            "(expected 200)");
}

TEST_F(MonitorTest, AChangedPolicyKeepsTheStatusAndCountsAnew) {
  play("PFFF");
  restart_counters(monitor);
  EXPECT_EQ(play("FFFF"), "OOOD");
}

}  // namespace
}  // namespace health
