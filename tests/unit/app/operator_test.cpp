#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/admin_client.hpp"
#include "app/inbox.hpp"
#include "app/rise_watch.hpp"
#include "app/take_picture.hpp"

namespace app {
namespace {

using health::EndpointHealth;
using health::MonitorStatus;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Command command(Verb verb, std::string name = {}) {
  Command out;
  out.verb = verb;
  out.name = std::move(name);
  return out;
}

TEST(AdminTarget, IsAnAddressOrAUrlAndHasADefault) {
  EXPECT_EQ(parse_admin_target("")->text, "127.0.0.1:8081");
  EXPECT_EQ(parse_admin_target("http://127.0.0.1:9000/")->port, 9000);
  EXPECT_EQ(parse_admin_target("[::1]:9000")->text, "[::1]:9000");
  EXPECT_FALSE(parse_admin_target("https://x").has_value());
  EXPECT_FALSE(parse_admin_target("127.0.0.1:0").has_value());
}

TEST(AdminCall, EachVerbHasItsPath) {
  EXPECT_EQ(admin_call(command(Verb::status)).target, "/api/status");
  EXPECT_EQ(admin_call(command(Verb::status)).method, "GET");
  EXPECT_EQ(admin_call(command(Verb::enable, "a/b")).target, "/api/endpoints/a%2Fb/enable");
  EXPECT_EQ(admin_call(command(Verb::failback)).target, "/api/failback");
  Command drain = command(Verb::drain, "a");
  drain.undo = true;
  EXPECT_EQ(admin_call(drain).target, "/api/endpoints/a/undrain");
  Command hold = command(Verb::hold);
  hold.hold_for = config::Millis{600'000};
  EXPECT_EQ(admin_call(hold).target, "/api/hold?for=10m");
  EXPECT_EQ(admin_call(command(Verb::makeprimary, "a")).target, "/api/endpoints/a/makeprimary");
  EXPECT_GT(admin_call(command(Verb::makeprimary, "a")).limit, admin_call(drain).limit)
      << "an app is asked, which may be slow";
}

EndpointHealth endpoint(MonitorStatus status, bool ever_online = true) {
  EndpointHealth out;
  out.id = 0;
  out.name = "primary";
  out.status = status;
  out.ever_online = ever_online;
  return out;
}

TEST(ProfileStatus, FollowsTrafficManager) {
  const auto of = [](std::initializer_list<MonitorStatus> statuses) {
    std::vector<EndpointHealth> all;
    for (const MonitorStatus status : statuses) all.push_back(endpoint(status));
    return std::string{profile_status(all)};
  };
  EXPECT_EQ(of({MonitorStatus::online, MonitorStatus::degraded}), "Degraded");
  EXPECT_EQ(of({MonitorStatus::online, MonitorStatus::disabled}), "Online");
  EXPECT_EQ(of({MonitorStatus::unmonitored, MonitorStatus::disabled}), "Online");
  EXPECT_EQ(of({MonitorStatus::checking_endpoint, MonitorStatus::stopped}), "CheckingEndpoints");
  EXPECT_EQ(of({MonitorStatus::disabled, MonitorStatus::stopped}), "Inactive");
  EXPECT_EQ(of({}), "Inactive");
}

struct Scene {
  config::Config config;
  routing::RoutingTable table;
  Scene() {
    config::Endpoint e;
    e.name = "primary";
    config.endpoints = {e};
    routing::RoutingEntry entry;
    entry.id = 0;
    entry.name = "primary";
    table.entries = {entry};
    table.active = 0;
  }
};

TEST(Alerts, AHealthyProfileHasNone) {
  const Scene scene;
  EXPECT_THAT(alert_conditions(scene.config, {endpoint(MonitorStatus::online)}, scene.table),
              IsEmpty());
}

TEST(Alerts, AnEndpointThatWasNeverOnlinePointsAtItsProbe) {
  Scene scene;
  scene.config.endpoints[0].probe.path = "/healht";
  const auto alerts =
      alert_conditions(scene.config, {endpoint(MonitorStatus::degraded, false)}, scene.table);
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].kind, "never_online");
  EXPECT_THAT(alerts[0].text, HasSubstr("GET /healht"));
}

TEST(Alerts, EverythingDegradedIsSaidAndSoIsNobodyLeft) {
  Scene scene;
  scene.table.all_degraded = true;
  EXPECT_EQ(
      alert_conditions(scene.config, {endpoint(MonitorStatus::degraded)}, scene.table)[0].kind,
      "all_degraded");
  scene.table.active = health::no_endpoint;
  EXPECT_EQ(
      alert_conditions(scene.config, {endpoint(MonitorStatus::disabled)}, scene.table)[0].kind,
      "no_endpoint");
}

TEST(Alerts, ARefusedProbeKeyIsOursAndWithoutAKeyItIsNot) {
  Scene scene;
  EndpointHealth e = endpoint(MonitorStatus::degraded);
  e.last_probe.emplace();
  e.last_probe->status = 401;
  EXPECT_THAT(alert_conditions(scene.config, {e}, scene.table), IsEmpty());
  scene.config.endpoints[0].probe.key = config::Secret{"hunter2"};
  const auto alerts = alert_conditions(scene.config, {e}, scene.table);
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].kind, "key_refused");
  EXPECT_THAT(alerts[0].text, ::testing::Not(HasSubstr("hunter2")));
}

struct DurableAlert {
  std::string name;
  DurableView view;
  std::vector<std::string> refusing;
  std::vector<std::string> kinds;
  std::string said;
};

DurableView quiet() {
  DurableView view;
  view.task_hub = "shared";
  view.directory.on_disk = true;
  view.hub_claim = ClaimView{};
  view.lease.emplace();
  view.lease->split = true;
  return view;
}

DurableView changed(void (*change)(DurableView&)) {
  DurableView view = quiet();
  change(view);
  return view;
}

class DurableAlerts : public ::testing::TestWithParam<DurableAlert> {};

TEST_P(DurableAlerts, HoldWhileTheirConditionDoes) {
  std::vector<std::string> kinds, texts;
  for (const Alert& alert : durable_alerts(GetParam().view, GetParam().refusing)) {
    kinds.push_back(alert.kind);
    texts.push_back(alert.endpoint + ": " + alert.text);
  }
  EXPECT_EQ(kinds, GetParam().kinds);
  if (!GetParam().said.empty()) {
    EXPECT_THAT(texts, ElementsAre(HasSubstr(GetParam().said)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Alerts, DurableAlerts,
    ::testing::Values(DurableAlert{"all_is_well", quiet(), {}, {}, ""},
                      DurableAlert{"nothing_is_known_yet", {}, {}, {}, ""},
                      DurableAlert{"disk_fails",
                                   changed([](DurableView& view) {
                                     view.directory.disk_ok = false;
                                     view.directory.disk_message =
                                         "cannot open /var/x.db: No space left";
                                   }),
                                   {},
                                   {"directory_disk"},
                                   ": the instance directory is kept in memory only: "
                                   "cannot open /var/x.db: No space left"},
                      DurableAlert{"in_memory_by_choice",
                                   changed([](DurableView& view) {
                                     view.directory.on_disk = false;
                                     view.directory.disk_ok = false;
                                   }),
                                   {},
                                   {},
                                   ""},
                      DurableAlert{"hubs_are_not_as_claimed",
                                   changed([](DurableView& view) {
                                     view.hub_claim->contradiction = true;
                                     view.hub_claim->text = "durable.task_hub is \"shared\", but";
                                   }),
                                   {},
                                   {"hub_claim"},
                                   "durable.task_hub is"},
                      DurableAlert{"work_is_elsewhere",
                                   changed([](DurableView& view) {
                                     view.lease->suggested = "weu";
                                     view.lease->suggestion =
                                         "HTTP goes to weu, orchestrations run at neu";
                                   }),
                                   {},
                                   {"work_elsewhere"},
                                   "weu: HTTP goes to weu"},
                      DurableAlert{"a_key_is_refused",
                                   quiet(),
                                   {"neu"},
                                   {"endpoint_key_refused"},
                                   "neu: neu answers 401 to the key that this proxy has for it"},
                      DurableAlert{"two_refuse_their_keys",
                                   quiet(),
                                   {"neu", "weu"},
                                   {"endpoint_key_refused", "endpoint_key_refused"},
                                   ""}),
    [](const auto& row) { return row.param.name; });

TEST(RiseWatch, ACountHasRisenLatelyUntilTheWindowIsOver) {
  using namespace std::chrono_literals;
  const RiseWatch::TimePoint t0{};
  RiseWatch watch{60s};
  EXPECT_FALSE(watch.risen(7, t0));
  watch.sample(7, 0, t0);
  EXPECT_FALSE(watch.risen(7, t0)) << "zero is where it starts";
  watch.sample(7, 2, t0 + 1s);
  watch.sample(7, 2, t0 + 60s);
  watch.sample(8, 0, t0 + 60s);
  EXPECT_TRUE(watch.risen(7, t0 + 60s));
  EXPECT_FALSE(watch.risen(8, t0 + 60s)) << "each endpoint has its own count";
  EXPECT_FALSE(watch.risen(7, t0 + 61s));
  watch.sample(7, 3, t0 + 100s);
  EXPECT_TRUE(watch.risen(7, t0 + 101s));
}

TEST(Probes, AreCountedByResultAndDuration) {
  ProbeTally tally;
  health::ProbeOutcome outcome;
  outcome.latency = std::chrono::microseconds{900};
  count_probe(tally, outcome);
  outcome.latency = std::chrono::milliseconds{60'000};
  outcome.result = health::ProbeResult::timed_out;
  count_probe(tally, outcome);
  count_probe(tally, outcome);
  ASSERT_THAT(tally.results, SizeIs(2));
  EXPECT_EQ(tally.results[1].count, 2U);
  EXPECT_EQ(tally.duration.front(), 1U);
  EXPECT_EQ(tally.duration.back(), 2U);
}

TEST(AddressText, BracketsIpv6) {
  config::SocketAddress v4;
  v4.bytes = {127, 0, 0, 1};
  v4.port = 80;
  EXPECT_EQ(address_text(v4), "127.0.0.1:80");
  config::SocketAddress v6;
  v6.v6 = true;
  v6.bytes[15] = 1;
  v6.port = 443;
  EXPECT_EQ(address_text(v6), "[::1]:443");
}

TEST(EvidenceInbox, WakesTheControlThreadOnceAndIsBounded) {
  EvidenceInbox inbox;
  EXPECT_TRUE(inbox.put({}));
  EXPECT_FALSE(inbox.put({})) << "one wake-up is under way already";
  for (std::size_t i = 0; i < EvidenceInbox::most; ++i) inbox.put({});
  std::vector<health::Evidence> taken;
  EXPECT_EQ(inbox.take(taken), 2U);
  EXPECT_THAT(taken, SizeIs(EvidenceInbox::most));
  EXPECT_TRUE(inbox.put({})) << "empty again: wake";
  EXPECT_EQ(inbox.take(taken), 0U);
}

}  // namespace
}  // namespace app
