// A reader's own configuration on stand-ins, and a run that is shorter than life.
#include "rehearsal/scenario/adopt.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/explain.hpp"
#include "support.hpp"

namespace scenario {
namespace {

using testing::built_in;
using testing::good;

config::ParseResult mine(const std::string& text) {
  config::Environment environment;
  environment.variable = [](const std::string&) { return std::string("Zq7-the-secret"); };
  environment.file = [](const std::string&) { return std::string("-----BEGIN CERTIFICATE-----"); };
  auto result = config::parse_text(text, "mine.json", environment);
  EXPECT_TRUE(result.config) << config::to_text(result.issues);
  return result;
}

const std::string three_regions = R"({
  "profile": "orders", "public_origin": "https://orders.example.com",
  "listen": [{"address": "0.0.0.0:443", "tls": {"certificate": "/etc/c.pem", "key": "/etc/k.pem"}}],
  "clients": {"keys": ["${CLIENT}"]}, "log": {"file": "/var/log/u.log"},
  "probe": {"tolerated_failures": 2},
  "stickiness": {"ttl": "40s"},
  "durable": {"task_hub": "per_region", "status_tokens": true,
    "start_routes": [{"route": "POST /api/orders/{function}", "via": "built-in"}],
    "ledger": {"path": "/var/lib/u.db", "answer_after": "20s", "max_waiting": 77}},
  "endpoints": [
    {"name": "sea", "url": "https://sea.example.com/v1", "priority": 30, "region": "asia",
     "keys": {"durable": "${S}"}, "probe": {"path": "/api/ready", "body_match": "yes"}},
    {"name": "weu", "url": "https://weu.example.com", "priority": 10, "region": "west europe",
     "keys": {"durable": "${W}", "function": "${F}"}, "tls": {"ca": "/etc/ca.pem"}},
    {"name": "neu", "url": "https://neu.example.com", "priority": 20, "host": "preserve"}
  ]})";

config::Config proxy_of(const Scenario& scenario) {
  const auto parsed = config::parse_text(proxy_config(scenario, {}), "", testing::no_outside());
  EXPECT_TRUE(parsed.config) << config::to_text(parsed.issues);
  return parsed.config.value_or(config::Config{});
}

bool said(const std::vector<std::string>& changes, std::string_view part) {
  return std::any_of(changes.begin(), changes.end(), [&](const std::string& change) {
    return change.find(part) != std::string::npos;
  });
}

TEST(Adopt, PlaysTheReadersProfileOnStandIns) {
  Scenario scenario = built_in("primary-freeze");
  const Scenario before = scenario;
  std::vector<config::Issue> issues;
  ASSERT_TRUE(adopt_config(scenario, mine(three_regions), issues)) << config::to_text(issues);
  ASSERT_EQ(scenario.topology.endpoints.size(), 3u);
  EXPECT_EQ(scenario.topology.endpoints[0].name, "weu");
  EXPECT_EQ(scenario.topology.endpoints[0].region, "west europe");
  EXPECT_EQ(scenario.topology.endpoints[2].priority, 30);
  for (const Endpoint& endpoint : scenario.topology.endpoints)
    EXPECT_TRUE(std::get<StandIn>(endpoint.is).gateway);  // as the peers of https endpoints are
  EXPECT_EQ(std::get<Fault>(scenario.steps[0]).target, "weu");
  EXPECT_EQ(std::get<WaitUntil>(scenario.steps[1]).name, "neu");
  EXPECT_EQ(scenario.topology.task_hub, config::TaskHub::per_region);
  EXPECT_EQ(scenario.topology.storage.size(), 3u);

  const config::Config proxy = proxy_of(scenario);
  const config::Endpoint& weu = proxy.endpoints.at(0);
  EXPECT_EQ(weu.probe.preset, config::Preset::azure);
  EXPECT_EQ(weu.probe.interval, 10s);
  EXPECT_EQ(weu.probe.tolerated_failures, 2);
  EXPECT_EQ(weu.peer, config::Peer::gateway);
  EXPECT_TRUE(weu.probe.durable);                      // it has the key for it
  EXPECT_TRUE(proxy.endpoints.at(1).probe.host_only);  // it has not
  EXPECT_EQ(proxy.endpoints.at(2).probe.path, "/api/health");
  EXPECT_EQ(proxy.endpoints.at(2).probe.body_match, "");
  EXPECT_EQ(proxy.stickiness.ttl, 40s);
  EXPECT_EQ(proxy.stickiness.header, "X-Client");
  EXPECT_EQ(proxy.failback.effective_healthy_for, 5min);
  EXPECT_EQ(proxy.durable.ledger.answer_after, 20s);
  EXPECT_EQ(proxy.durable.ledger.max_waiting, 77u);
  ASSERT_EQ(proxy.durable.start_routes.size(), 1u);
  EXPECT_EQ(proxy.durable.start_routes[0].path, "/api/orchestrators/{function}");

  const auto real = config::compute_times(*mine(three_regions).config).worst;
  const auto played = config::compute_times(proxy).worst;
  EXPECT_EQ(played.detect_frozen, real.detect_frozen);
  EXPECT_EQ(played.failback_sticky, real.failback_sticky);
  EXPECT_GT(std::get<Fault>(scenario.steps[0]).lasts, real.failover_sticky);
  EXPECT_GT(*scenario.objectives.detect, real.detect_frozen);
  EXPECT_GT(*scenario.objectives.failback, *real.failback_sticky);
  EXPECT_GT(scenario.limit, before.limit);
}

TEST(Adopt, LeavesWhatBelongsToTheRealPlace) {
  Scenario scenario = built_in("key-mismatch");
  std::vector<config::Issue> issues;
  ASSERT_TRUE(adopt_config(scenario, mine(three_regions), issues));
  const std::string text = scenario.proxy + proxy_config(scenario, {});
  for (const char* part : {"Zq7", "/etc/", "/var/", "example.com", "443", "-key-of-"})
    EXPECT_EQ(text.find(part), std::string::npos) << part;
  EXPECT_EQ(scenario.load.key, "");
  for (const Endpoint& endpoint : scenario.topology.endpoints)
    EXPECT_EQ(std::get<StandIn>(endpoint.is).durable_key, "");
}

TEST(Adopt, NamesEachChange) {
  Scenario scenario = built_in("primary-freeze");
  std::vector<config::Issue> issues;
  ASSERT_TRUE(adopt_config(scenario, mine(three_regions), issues));
  for (const char* part : {"mine.json", "weu, neu, sea", "X-Client", "/api/health", "status tokens",
                           "detection takes up to"})
    EXPECT_TRUE(said(scenario.changed, part)) << part;
  ASSERT_EQ(issues.size(), 1u) << config::to_text(issues);
  EXPECT_EQ(issues[0].path, "durable.task_hub");
  EXPECT_EQ(issues[0].severity, config::Severity::warning);
  EXPECT_GT(issues[0].line, 0);
}

TEST(Adopt, EveryBuiltInCanBePlayedWithItOrSaysWhyNot) {
  for (const BuiltIn& one : built_in_scenarios()) {
    Scenario scenario = built_in(one.name);
    std::vector<config::Issue> issues;
    ASSERT_TRUE(adopt_config(scenario, mine(three_regions), issues))
        << one.name << config::to_text(issues);
    EXPECT_TRUE(apply_time_scale(scenario, 10, issues)) << one.name << config::to_text(issues);
    for (const Step& step : scenario.steps) {
      const auto* fault = std::get_if<Fault>(&step);
      EXPECT_TRUE(!fault || fault->target.find("primary") == std::string::npos) << one.name;
    }
  }
}

TEST(Adopt, RefusesAFileWithOneEndpoint) {
  Scenario scenario = built_in("primary-freeze");
  const Scenario before = scenario;
  std::vector<config::Issue> issues;
  EXPECT_FALSE(adopt_config(
      scenario, mine(R"({"endpoints": [{"name": "only", "url": "http://127.0.0.1:7071"}]})"),
      issues));
  EXPECT_EQ(
      config::to_text(issues),
      "mine.json:1:15: error: endpoints: has only one endpoint; a rehearsal needs one to fail "
      "over to; add a second one\n");
  EXPECT_EQ(scenario, before);
}

TEST(Adopt, KeepsTheStorageThatAScenarioIsAbout) {
  Scenario scenario = built_in("geo-replicated-hub");
  const std::vector<Storage> storage = scenario.topology.storage;
  const std::vector<Storage> before = scenario.topology.storage;
  std::vector<config::Issue> issues;
  ASSERT_TRUE(adopt_config(scenario, mine(three_regions), issues));
  EXPECT_EQ(scenario.topology.task_hub, config::TaskHub::geo_replicated);
  EXPECT_EQ(scenario.topology.storage, before);
  EXPECT_EQ(issues.size(), 1u);
}

TEST(TimeScale, DividesProfileFaultsWaitsAndObjectives) {
  Scenario scenario = built_in("primary-freeze");
  std::vector<config::Issue> issues;
  ASSERT_TRUE(adopt_config(scenario, mine(three_regions), issues));
  const Scenario whole = scenario;
  issues.clear();
  ASSERT_TRUE(apply_time_scale(scenario, 10, issues)) << config::to_text(issues);
  EXPECT_EQ(config::to_text(issues), "");
  EXPECT_EQ(scenario.time_scale, 10);
  const config::Config proxy = proxy_of(scenario);
  EXPECT_EQ(proxy.endpoints[0].probe.interval, 1s);
  EXPECT_EQ(proxy.endpoints[0].probe.timeout, 500ms);
  EXPECT_EQ(proxy.failback.effective_healthy_for, 30s);
  EXPECT_EQ(proxy.stickiness.ttl, 4s);
  EXPECT_EQ(proxy.durable.ledger.settle_after, 24s);
  EXPECT_EQ(proxy.durable.ledger.retention, config::Ledger{}.retention);
  EXPECT_EQ(std::get<Fault>(scenario.steps[0]).lasts, std::get<Fault>(whole.steps[0]).lasts / 10);
  EXPECT_EQ(*scenario.objectives.failback, *whole.objectives.failback / 10);
  EXPECT_EQ(scenario.load.patience, whole.load.patience);
  EXPECT_EQ(scenario.load.rate, whole.load.rate);
  EXPECT_EQ(scenario.limit, whole.limit);
}

TEST(TimeScale, LeavesTrafficManagersRangesBehind) {
  Scenario scenario = good(testing::file_with(
      R"("proxy": {"probe": {"preset": "traffic-manager"}, "stickiness": {"ttl": "60s"}})"));
  const auto whole = config::compute_times(proxy_of(scenario)).worst;
  std::vector<config::Issue> issues;
  ASSERT_TRUE(apply_time_scale(scenario, 10, issues)) << config::to_text(issues);
  EXPECT_NE(config::to_text(issues).find("endpoints.west.probe.preset"), std::string::npos);
  const config::Config proxy = proxy_of(scenario);
  EXPECT_EQ(proxy.endpoints[0].probe.preset, config::Preset::azure);
  EXPECT_EQ(proxy.endpoints[0].probe.required_passes, 1);
  EXPECT_EQ(proxy.failback.effective_healthy_for, 0s);
  const auto scaled = config::compute_times(proxy).worst;
  EXPECT_EQ(scaled.detect_frozen, whole.detect_frozen / 10);
  EXPECT_EQ(scaled.failback_sticky, *whole.failback_sticky / 10);
}

TEST(TimeScale, StopsAtTheLeastOfAKeyAndNamesIt) {
  Scenario scenario = good(testing::file_with(
      R"("proxy": {"probe": {"interval": "500ms"}}, "objectives": {"http_rto": "3s"})"));
  std::vector<config::Issue> issues;
  ASSERT_TRUE(apply_time_scale(scenario, 50, issues));
  EXPECT_EQ(proxy_of(scenario).endpoints[0].probe.interval, 100ms);
  const auto text = config::to_text(issues);
  EXPECT_NE(text.find("warning: proxy.endpoints[west].probe.interval: "), std::string::npos);
  EXPECT_NE(text.find("ms / 50 is shorter than can be, 100ms; it is that long in this run\n"),
            std::string::npos)
      << text;
  EXPECT_FALSE(config::has_errors(issues));
  EXPECT_EQ(*scenario.objectives.http_rto, 1s);  // what the machine itself needs
}

TEST(TimeScale, IsAWholeNumberUpToAHundred) {
  Scenario scenario = built_in("primary-freeze");
  const Scenario before = scenario;
  std::vector<config::Issue> issues;
  EXPECT_FALSE(apply_time_scale(scenario, 0, issues));
  EXPECT_FALSE(apply_time_scale(scenario, 101, issues));
  EXPECT_EQ(issues.size(), 2u);
  EXPECT_TRUE(apply_time_scale(scenario, 1, issues));
  EXPECT_EQ(scenario, before);
}

}  // namespace
}  // namespace scenario
