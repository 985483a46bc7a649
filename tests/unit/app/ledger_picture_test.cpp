// The endpoints as the start ledger sees them.
#include "app/ledger_picture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/clock_watch.hpp"

namespace app {
namespace {

using namespace std::chrono_literals;
using health::MonitorStatus;
using health::ProbeOutcome;
using health::ProbeResult;
using routing::Rotation;
using ::testing::ElementsAre;

const health::TimePoint start = health::TimePoint{} + 1h;

struct Profile {
  proxy::Snapshot snapshot;
  std::vector<health::EndpointHealth> health;
  std::map<health::EndpointId, ProbeMarks> marks;

  // Ids 10, 11, ... and places 5, 6, ...; priorities in the order of the calls.
  Profile& add(Rotation rotation, MonitorStatus status = MonitorStatus::online) {
    const auto index = static_cast<std::uint32_t>(snapshot.upstreams.size());
    auto upstream = std::make_shared<proxy::Upstream>();
    upstream->id = 10 + index;
    upstream->place = static_cast<ledger::Place>(5 + index);
    upstream->config.auth = config::AuthMode::keys;
    snapshot.upstreams.push_back(upstream);
    routing::RoutingEntry entry;
    entry.id = upstream->id;
    entry.config_index = index;
    entry.priority = static_cast<int>(index) + 1;
    entry.monitor = status;
    entry.rotation = rotation;
    snapshot.table.entries.push_back(entry);
    health::EndpointHealth& described = health.emplace_back();
    described.id = upstream->id;
    described.status = status;
    described.since = start;
    return *this;
  }
  config::Endpoint& config(std::size_t index) { return snapshot.upstreams[index]->config; }
  std::vector<ledger::EndpointView> views() const {
    return ledger_picture(snapshot, health, marks)->endpoints;
  }
  std::vector<int> places() const {
    std::vector<int> out;
    for (const ledger::EndpointView& view : views()) out.push_back(static_cast<int>(view.place));
    return out;
  }
};

TEST(LedgerPicture, ListsTheActiveEndpointFirstThenAsRoutingWouldTryThem) {
  Profile profile;
  profile.add(Rotation::out, MonitorStatus::disabled)
      .add(Rotation::degraded, MonitorStatus::degraded)
      .add(Rotation::waiting)
      .add(Rotation::serving)
      .add(Rotation::serving);
  profile.snapshot.table.active = 14;
  EXPECT_THAT(profile.places(), ElementsAre(9, 8, 7, 6, 5));
}

TEST(LedgerPicture, WithNobodyActiveTheOrderIsTheRotations) {
  Profile profile;
  profile.add(Rotation::degraded, MonitorStatus::degraded).add(Rotation::serving);
  EXPECT_THAT(profile.places(), ElementsAre(6, 5));
}

TEST(LedgerPicture, ADegradedEndpointIsUsableOnlyAsTheBestEffort) {
  Profile profile;
  profile.add(Rotation::degraded, MonitorStatus::degraded);
  EXPECT_FALSE(profile.views()[0].usable);
  profile.snapshot.table.all_degraded = true;
  EXPECT_TRUE(profile.views()[0].usable);
  profile.snapshot.table.fail_open = false;
  EXPECT_FALSE(profile.views()[0].usable);
}

TEST(LedgerPicture, ADrainedEndpointStillAnswersForItsOwn) {
  Profile profile;
  profile.add(Rotation::out);
  EXPECT_TRUE(profile.views()[0].enabled);
  EXPECT_FALSE(profile.views()[0].usable);
  profile.snapshot.table.entries[0].monitor = MonitorStatus::disabled;
  EXPECT_FALSE(profile.views()[0].enabled);
}

TEST(LedgerPicture, SaysSinceWhenAnEndpointIsDegraded) {
  Profile profile;
  profile.add(Rotation::serving).add(Rotation::degraded, MonitorStatus::degraded);
  EXPECT_EQ(profile.views()[0].degraded_since, std::nullopt);
  EXPECT_EQ(profile.views()[1].degraded_since, start);
}

TEST(LedgerPicture, SaysWhoseKeyTheProxyHas) {
  Profile profile;
  profile.add(Rotation::serving).add(Rotation::serving).add(Rotation::serving);
  profile.config(1).keys.durable = config::Secret{"k"};
  profile.config(2).auth = config::AuthMode::none;
  const auto views = profile.views();
  EXPECT_FALSE(views[0].has_key);
  EXPECT_TRUE(views[1].has_key);
  EXPECT_FALSE(views[1].open);
  EXPECT_TRUE(views[2].has_key);
  EXPECT_TRUE(views[2].open);
}

TEST(LedgerPicture, PassesOnWhatProbesProved) {
  Profile profile;
  profile.add(Rotation::serving).add(Rotation::serving);
  profile.config(0).peer = config::Peer::direct;
  profile.marks[11].passed = start + 2s;
  profile.marks[11].pass_opened = start + 1s;
  profile.marks[11].refused = start;
  const auto views = profile.views();
  EXPECT_EQ(views[0].peer, config::Peer::direct);
  EXPECT_EQ(views[0].passed, std::nullopt);
  EXPECT_EQ(views[1].peer, config::Peer::gateway);
  EXPECT_EQ(views[1].pass_opened, start + 1s);
  EXPECT_EQ(views[1].passed, start + 2s);
  EXPECT_EQ(views[1].refused, start);
}

config::Endpoint probed_at(std::uint16_t port, config::Protocol protocol = config::Protocol::http) {
  config::Endpoint endpoint;
  endpoint.url.port = 7071;
  endpoint.probe.port = port;
  endpoint.probe.protocol = protocol;
  return endpoint;
}

ProbeOutcome outcome(ProbeResult result, bool refused = false) {
  ProbeOutcome out;
  out.result = result;
  out.refused = refused;
  out.started = start;
  out.latency = 250ms;
  return out;
}

TEST(ProbeMarks, APassTellsWhenItBeganAndWhenItWasThere) {
  ProbeMarks marks;
  EXPECT_TRUE(note_probe(marks, probed_at(7071), outcome(ProbeResult::passed)));
  EXPECT_EQ(marks.pass_opened, start);
  EXPECT_EQ(marks.passed, start + 250ms);
  EXPECT_EQ(marks.refused, std::nullopt);
}

TEST(ProbeMarks, AFailureTellsNothingButARefusal) {
  ProbeMarks marks;
  for (const ProbeResult result : {ProbeResult::timed_out, ProbeResult::connect_failed,
                                   ProbeResult::bad_status, ProbeResult::broken})
    EXPECT_FALSE(note_probe(marks, probed_at(0), outcome(result)));
  EXPECT_EQ(marks.passed, std::nullopt);
  EXPECT_TRUE(note_probe(marks, probed_at(0), outcome(ProbeResult::connect_failed, true)));
  EXPECT_EQ(marks.refused, start);
}

TEST(ProbeMarks, AConnectionAloneProvesNothingForTheKernelAcceptsForTheFrozen) {
  ProbeMarks marks;
  const config::Endpoint by_tcp = probed_at(7071, config::Protocol::tcp);
  EXPECT_FALSE(note_probe(marks, by_tcp, outcome(ProbeResult::passed)));
  EXPECT_EQ(marks.passed, std::nullopt);
  EXPECT_TRUE(note_probe(marks, by_tcp, outcome(ProbeResult::connect_failed, true)));
}

TEST(ProbeMarks, AnotherPortIsAnotherProcess) {
  ProbeMarks marks;
  EXPECT_FALSE(note_probe(marks, probed_at(9000), outcome(ProbeResult::passed)));
  EXPECT_FALSE(note_probe(marks, probed_at(9000), outcome(ProbeResult::connect_failed, true)));
  EXPECT_EQ(marks.passed, std::nullopt);
  EXPECT_EQ(marks.refused, std::nullopt);
}

TEST(ClockWatch, TellsAStepOfTheWallClockAndNoSlew) {
  ClockWatch watch;
  const WallTime wall{};
  EXPECT_EQ(watch.step(start, wall), std::nullopt);
  EXPECT_EQ(watch.step(start + 1h, wall + 1h + 900ms), std::nullopt);
  EXPECT_EQ(watch.step(start + 2h, wall + 2h + 1001ms), 1001ms);
  EXPECT_EQ(watch.step(start + 3h, wall + 3h + 1001ms), std::nullopt) << "told once";
  EXPECT_EQ(watch.step(start + 3h, wall + 1001ms), -3h);
}

TEST(ClockWatch, SmallStepsAddUp) {
  ClockWatch watch;
  const WallTime wall{};
  watch.step(start, wall);
  EXPECT_EQ(watch.step(start + 1s, wall + 1s + 600ms), std::nullopt);
  EXPECT_EQ(watch.step(start + 2s, wall + 2s + 1200ms), 1200ms);
}

}  // namespace
}  // namespace app
