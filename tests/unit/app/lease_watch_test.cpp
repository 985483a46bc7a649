#include "app/lease_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace app {
namespace {

using health::MonitorStatus;
using ::testing::HasSubstr;
using Action = durable::LeaseStep::Action;
using namespace std::chrono_literals;

const health::TimePoint t0 = health::TimePoint{} + 1000s;
const WallTime wall{1'700'000'000s};

config::Config two_apps(config::TaskHub hub = config::TaskHub::shared,
                        config::LeaseFollow follow = config::LeaseFollow::ask) {
  config::Config out;
  for (const char* name : {"weu", "neu"}) {
    config::Endpoint endpoint;
    endpoint.name = name;
    out.endpoints.push_back(endpoint);
  }
  out.durable.task_hub = hub;
  out.durable.lease_follow = follow;
  return out;
}

// Ids differ from indexes, as after a reload.
constexpr health::EndpointId weu = 10, neu = 11;

class Watched : public ::testing::Test {
 protected:
  explicit Watched(config::LeaseFollow follow = config::LeaseFollow::ask) {
    watch_.configure(two_apps(config::TaskHub::shared, follow), {weu, neu}, t0);
  }
  void see(MonitorStatus first, MonitorStatus second, health::EndpointId active,
           health::TimePoint now) {
    std::vector<health::EndpointHealth> endpoints(2);
    endpoints[0].id = weu;
    endpoints[0].status = first;
    endpoints[1].id = neu;
    endpoints[1].status = second;
    watch_.see(endpoints, active, now);
  }
  LeaseView at(health::TimePoint now) const { return *watch_.view(now, wall); }

  // weu dies at t0 + 100 s and is back at t0 + 600 s; HTTP returns to it at t0 + 700 s.
  void outage() {
    see(MonitorStatus::online, MonitorStatus::online, weu, t0);
    see(MonitorStatus::degraded, MonitorStatus::online, neu, t0 + 100s);
    see(MonitorStatus::online, MonitorStatus::online, neu, t0 + 600s);
    see(MonitorStatus::online, MonitorStatus::online, weu, t0 + 700s);
  }

  LeaseWatch watch_{1};
};

class Followed : public Watched {
 protected:
  Followed() : Watched{config::LeaseFollow::automatic} {}
};

class Ignored : public Watched {
 protected:
  Ignored() : Watched{config::LeaseFollow::never} {}
};

TEST_F(Watched, NothingIsClaimedToBeKnownAtTheStart) {
  see(MonitorStatus::online, MonitorStatus::online, weu, t0);
  EXPECT_EQ(at(t0).owner, std::nullopt);
  EXPECT_EQ(at(t0).sure, "unknown");
  EXPECT_EQ(at(t0).http, "weu");
  EXPECT_FALSE(at(t0).split);
  EXPECT_EQ(at(t0).text, "it is not known where orchestrations run, HTTP at weu");
  EXPECT_EQ(watch_.news(t0), std::nullopt);
}

TEST_F(Watched, AnAppWhoseFirstProbeHasNotEndedIsNotTakenForDead) {
  see(MonitorStatus::online, MonitorStatus::checking_endpoint, weu, t0);
  EXPECT_EQ(at(t0 + 500s).owner, std::nullopt) << "weu is not the only one alive";
  see(MonitorStatus::online, MonitorStatus::degraded, weu, t0 + 500s);
  EXPECT_EQ(at(t0 + 900s).owner, "weu") << "now it is";
}

TEST_F(Watched, AnAppThatIsCheckedAgainKeepsWhatIsKnownOfIt) {
  see(MonitorStatus::online, MonitorStatus::disabled, weu, t0);
  see(MonitorStatus::online, MonitorStatus::checking_endpoint, weu, t0 + 10s);
  EXPECT_THAT(watch_.refusal(t0 + 100s), HasSubstr("neu does not answer"));
  see(MonitorStatus::online, MonitorStatus::unmonitored, weu, t0 + 100s);
  EXPECT_EQ(watch_.refusal(t0 + 200s), "");
}

TEST_F(Watched, TheOutageOfTheOwnerMovesTheWorkAndTheReturnOfHttpSplitsThem) {
  outage();
  const LeaseView seen = at(t0 + 700s);
  EXPECT_EQ(seen.owner, "neu");
  EXPECT_EQ(seen.sure, "certain");
  EXPECT_TRUE(seen.split);
  EXPECT_EQ(seen.text, "orchestrations run at neu (certain), HTTP at weu");
  EXPECT_EQ(seen.since, wall - (700s - 135s)) << "since the lease of weu could be had";
}

TEST_F(Watched, AskingNamesBothPlacesHowSureItIsAndTheCommand) {
  outage();
  EXPECT_EQ(watch_.decide(t0 + 760s).action, Action::suggest);
  const LeaseView seen = at(t0 + 760s);
  EXPECT_EQ(seen.suggested, "weu");
  EXPECT_THAT(seen.suggestion, HasSubstr("HTTP goes to weu, orchestrations run at neu"));
  EXPECT_THAT(seen.suggestion, HasSubstr("certain: neu has been the only app alive"));
  EXPECT_THAT(seen.suggestion, HasSubstr("`understudy makeprimary weu`"));
}

TEST_F(Watched, NothingIsSuggestedThatWouldBeUnsafe) {
  see(MonitorStatus::online, MonitorStatus::online, weu, t0);
  see(MonitorStatus::degraded, MonitorStatus::online, neu, t0 + 100s);
  see(MonitorStatus::online, MonitorStatus::online, weu, t0 + 600s);
  EXPECT_TRUE(at(t0 + 610s).split);
  EXPECT_EQ(at(t0 + 610s).suggestion, "");
  EXPECT_THAT(watch_.refusal(t0 + 610s), HasSubstr("weu has been back for less than 25 s"));
  EXPECT_NE(at(t0 + 625s).suggestion, "");
}

TEST_F(Followed, TheLeaseFollowsHttpOnceThatIsStableAndStopsAskingInTheEnd) {
  outage();
  EXPECT_EQ(watch_.decide(t0 + 710s).action, Action::nothing);
  ASSERT_EQ(watch_.next_wake(t0 + 710s), t0 + 730s);
  const durable::LeaseStep step = watch_.decide(t0 + 730s);
  EXPECT_EQ(step.action, Action::send_makeprimary);
  EXPECT_EQ(step.endpoint, 0U);
  for (int i = 0; i < durable::most_makeprimary_tries; ++i)
    watch_.makeprimary_sent(weu, t0 + 730s + i * 100s);
  EXPECT_EQ(watch_.decide(t0 + 2000s).action, Action::suggest) << "now an operator is told";
  watch_.makeprimary_accepted(weu, t0 + 2000s);
  EXPECT_EQ(at(t0 + 2000s).owner, "weu");
  EXPECT_EQ(watch_.decide(t0 + 2000s).action, Action::nothing);
}

TEST_F(Ignored, TheSplitIsShownAndNothingMoreIsSaid) {
  outage();
  EXPECT_TRUE(at(t0 + 760s).split);
  EXPECT_EQ(at(t0 + 760s).suggestion, "");
  EXPECT_EQ(watch_.decide(t0 + 760s).action, Action::nothing);
}

TEST_F(Watched, EachChangeOfTheConclusionIsToldOnce) {
  see(MonitorStatus::online, MonitorStatus::online, weu, t0);
  watch_.makeprimary_accepted(weu, t0);
  EXPECT_THAT(watch_.news(t0).value(), HasSubstr("orchestrations run at weu (likely"));
  EXPECT_EQ(watch_.news(t0 + 1s), std::nullopt);
  EXPECT_THAT(watch_.news(t0 + 30s).value(), HasSubstr("weu (certain"));
  see(MonitorStatus::degraded, MonitorStatus::degraded, weu, t0 + 40s);
  EXPECT_THAT(watch_.news(t0 + 41s).value(), HasSubstr("weu (likely"));
  EXPECT_THAT(watch_.news(t0 + 200s).value(), HasSubstr("not known any more"));
  EXPECT_EQ(watch_.news(t0 + 300s), std::nullopt);
}

TEST_F(Watched, AReloadThatKeepsTheEndpointsKeepsTheConclusion) {
  outage();
  watch_.configure(two_apps(config::TaskHub::shared, config::LeaseFollow::never), {weu, neu},
                   t0 + 700s);
  EXPECT_EQ(at(t0 + 760s).owner, "neu");
  EXPECT_EQ(at(t0 + 760s).follow, "never");
  watch_.configure(two_apps(), {weu, 12}, t0 + 770s);
  EXPECT_EQ(at(t0 + 770s).owner, std::nullopt) << "another app stands there now";
  watch_.configure(two_apps(config::TaskHub::per_region), {weu, 12}, t0 + 780s);
  EXPECT_FALSE(watch_.view(t0 + 780s, wall).has_value());
}

TEST_F(Watched, AnEndpointThatIsGoneIsNotAskedAbout) {
  watch_.makeprimary_accepted(99, t0);
  watch_.makeprimary_sent(99, t0);
  EXPECT_EQ(at(t0).owner, std::nullopt);
}

struct Unwatched {
  std::string name;
  config::TaskHub hub;
  std::vector<health::EndpointId> ids;
  std::string refusal;
};

class NoLease : public ::testing::TestWithParam<Unwatched> {};

TEST_P(NoLease, IsNotWatchedAndMakeprimaryIsRefusedWithTheReason) {
  LeaseWatch watch{1};
  config::Config config = two_apps(GetParam().hub);
  config.endpoints.resize(GetParam().ids.size());
  watch.configure(config, GetParam().ids, t0);
  EXPECT_FALSE(watch.view(t0, wall).has_value());
  EXPECT_EQ(watch.next_wake(t0), std::nullopt);
  EXPECT_EQ(watch.decide(t0).action, Action::nothing);
  EXPECT_THAT(watch.refusal(t0), HasSubstr(GetParam().refusal));
  watch.see({}, weu, t0);
  watch.makeprimary_accepted(weu, t0);
}

INSTANTIATE_TEST_SUITE_P(
    LeaseWatch, NoLease,
    ::testing::Values(
        Unwatched{"hub_per_region", config::TaskHub::per_region, {weu, neu}, "is per_region"},
        Unwatched{"no_hub", config::TaskHub::none, {weu, neu}, "is none"},
        Unwatched{"one_app", config::TaskHub::shared, {weu}, "only one app"}),
    [](const auto& row) { return row.param.name; });

TEST(LeaseWatch, AReplicatedHubHasALeaseToo) {
  LeaseWatch watch{1};
  watch.configure(two_apps(config::TaskHub::geo_replicated), {weu, neu}, t0);
  EXPECT_TRUE(watch.view(t0, wall).has_value());
}

TEST(LeaseWatch, TheTimeScaleDividesTheDocumentedTimes) {
  EXPECT_EQ(LeaseWatch{1}.timing().lease, 60s);
  EXPECT_EQ(LeaseWatch{100}.timing().lease, 600ms);
  EXPECT_EQ(LeaseWatch{100}.timing().retry, 3s);
  EXPECT_EQ(LeaseWatch{1000}.timing().renew, 25ms);
}

}  // namespace
}  // namespace app
