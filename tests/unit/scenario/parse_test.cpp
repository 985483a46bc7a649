// What a scenario file says arrives; what was left out is filled in.
#include "config/words.hpp"
#include "rehearsal/scenario/adopt.hpp"
#include "support.hpp"

namespace scenario {
namespace {

using testing::file_with;
using testing::good;
using testing::lines;
using testing::parse;

TEST(Parse, TheSmallestFileHasAllDefaults) {
  const ParseResult result = parse(file_with(""));
  EXPECT_EQ(lines(result), "");
  ASSERT_TRUE(result.scenario);
  const Scenario& s = *result.scenario;
  EXPECT_EQ(s.topology.task_hub, config::TaskHub::shared);
  ASSERT_EQ(s.topology.endpoints.size(), 2u);
  EXPECT_EQ(s.topology.endpoints[0].priority, 1);
  EXPECT_EQ(s.topology.endpoints[1].priority, 2);
  EXPECT_EQ(std::get<StandIn>(s.topology.endpoints[1].is), StandIn{});
  EXPECT_EQ(s.topology.storage, (std::vector<Storage>{{"shared", 0ms, 0ms}}));
  EXPECT_EQ(s.objectives, Objectives{});
  EXPECT_EQ(s.steady, Steady{});
  EXPECT_TRUE(s.steady_after);
  EXPECT_EQ(s.load, Load{});
  EXPECT_EQ(s.limit, Millis{120'000});
  EXPECT_EQ(s.expect, Expected::pass);
}

TEST(Parse, EveryKindOfPartArrives) {
  const Scenario s = good(file_with(
      R"("about": "why", "objectives": {"http_rto": "3s", "failed_share": 0.25, "lost_starts": 0,
          "alert": {"kind": "never_online", "within": "4s"}},
         "steady": {"for": "1s", "within": "9s", "p95_below": "none", "errors_below": 0.5, "after": false},
         "load": {"rate": 2.5, "mix": {"get": 0, "start": 1}, "work_kind": "timer", "key": "${KEY}"},
         "expect": "missed", "limit": "90s")",
      R"({"task_hub": "per_region", "claim": false, "lease_scale": 60,
          "endpoints": [
            {"name": "far", "priority": 9, "region": "north", "url": "https://a.example.com/x"},
            {"name": "func", "priority": 2, "command": ["func", "start", "--port", "{port}"],
             "env": {"SECRET": "${KEY}"}, "folder": "app", "ready": {"path": "/ok", "within": "5s"}},
            {"name": "app", "priority": 1, "link": true,
             "stand_in": {"instances": 2, "functions": ["A", "B"], "lease_store": "azurite",
                          "durable_key": "k", "cold_start": "3s"}}],
          "storage": [{"name": "app", "replicate_every": "2s", "skew": "-500ms"}],
          "processes": [{"name": "azurite", "command": ["azurite", "{folder}"]}]})",
      R"([{"fault": "kill", "target": "func"}])"));
  EXPECT_EQ(s.about, "why");
  EXPECT_EQ(s.objectives.http_rto, Millis{3'000});
  EXPECT_EQ(s.objectives.failed_share, 0.25);
  EXPECT_EQ(s.objectives.lost_starts, 0);
  EXPECT_EQ(s.objectives.alert, "never_online");
  EXPECT_EQ(s.objectives.alert_within, Millis{4'000});
  EXPECT_FALSE(s.objectives.work_rto);
  EXPECT_FALSE(s.steady.p95_below);
  EXPECT_FALSE(s.steady_after);
  EXPECT_EQ(s.load.kind, Work::timer);
  EXPECT_EQ(s.load.key, "from-the-environment");
  EXPECT_EQ(s.load.gets, 0);
  EXPECT_EQ(s.expect, Expected::missed);
  EXPECT_FALSE(s.topology.claim);
  ASSERT_EQ(s.topology.endpoints.size(), 3u);
  EXPECT_EQ(s.topology.endpoints[0].name, "app");  // by priority
  const StandIn& app = std::get<StandIn>(s.topology.endpoints[0].is);
  EXPECT_TRUE(app.gateway);  // more than one instance needs it
  EXPECT_EQ(app.functions, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(app.durable_key, "k");
  const Command& func = std::get<Command>(s.topology.endpoints[1].is);
  EXPECT_EQ(func.words.size(), 4u);
  EXPECT_EQ(func.environment, (std::vector<config::NameValue>{{"SECRET", "from-the-environment"}}));
  EXPECT_EQ(func.ready, (Ready{"/ok", Millis{5'000}}));
  EXPECT_EQ(std::get<config::Url>(s.topology.endpoints[2].is).host, "a.example.com");
  EXPECT_EQ(s.topology.storage, (std::vector<Storage>{{"app", 2'000ms, -500ms}}));
  EXPECT_EQ(s.topology.processes[0].command.words[0], "azurite");
}

TEST(Parse, EachTaskHubHasItsAccounts) {
  const auto accounts = [](const std::string& hub) {
    return good(file_with("", R"({"task_hub": ")" + hub +
                                  R"(", "endpoints": [{"name": "west"}, {"name": "east"}]})"))
        .topology.storage;
  };
  const Storage shared{"shared", 0ms, 0ms};
  EXPECT_EQ(accounts("shared"), std::vector{shared});
  EXPECT_EQ(accounts("none"), std::vector{shared});
  EXPECT_EQ(accounts("per_region"), (std::vector<Storage>{{"west", 0ms, 0ms}, {"east", 0ms, 0ms}}));
  EXPECT_EQ(accounts("geo_replicated"), (std::vector<Storage>{{"shared", 1'000ms, 0ms}}));
}

TEST(Parse, RolesStandForTheBestAndTheNextPriority) {
  const Scenario s =
      good(file_with("",
                     R"({"task_hub": "per_region", "endpoints": [{"name": "b", "priority": 7},
          {"name": "a", "priority": 2, "stand_in": {"instances": 2}}]})",
                     R"([{"fault": "freeze", "target": "primary#2"}, {"heal": "primary#2"},
          {"fault": "storage_errors", "target": "secondary", "for": "1s"},
          {"operate": "drain", "target": "primary"}, {"wait_until": {"active": "secondary"}},
          {"wait_until": {"alert": "primary"}}])"));
  ASSERT_EQ(s.steps.size(), 6u);
  EXPECT_EQ(std::get<Fault>(s.steps[0]).target, "a#2");
  EXPECT_EQ(std::get<Heal>(s.steps[1]).target, "a#2");
  EXPECT_EQ(std::get<Fault>(s.steps[2]).target, "b");
  EXPECT_EQ(std::get<Operate>(s.steps[3]).target, "a");
  EXPECT_EQ(std::get<WaitUntil>(s.steps[4]).name, "b");
  EXPECT_EQ(std::get<WaitUntil>(s.steps[5]).name, "primary");  // a kind of alert
}

TEST(Parse, AnEndpointOfTheNameOfARoleIsThatEndpoint) {
  const Scenario s =
      good(file_with("", R"({"endpoints": [{"name": "secondary"}, {"name": "primary"}]})",
                     R"([{"fault": "kill", "target": "primary", "for": "1s"}])"));
  EXPECT_EQ(std::get<Fault>(s.steps[0]).target, "primary");
  EXPECT_EQ(s.topology.endpoints[1].name, "primary");
}

TEST(Parse, EveryWordOfAnEnumIsKnownBothWays) {
  for (int i = 0; i <= static_cast<int>(FaultKind::unreachable); ++i)
    EXPECT_NE(to_string(static_cast<FaultKind>(i)), "?") << i;
  for (int i = 0; i <= static_cast<int>(Operation::account_failover_unplanned); ++i)
    EXPECT_NE(to_string(static_cast<Operation>(i)), "?") << i;
  for (int i = 0; i <= static_cast<int>(Until::requests); ++i)
    EXPECT_NE(to_string(static_cast<Until>(i)), "?") << i;
}

TEST(Describe, SaysWhatIsPlayed) {
  const Scenario s = good(file_with("", testing::two_endpoints,
                                    R"([{"fault": "freeze", "target": "west", "for": "6s"},
          {"fault": "answer", "target": "west", "status": 429, "path": "/api/echo", "times": 3},
          {"fault": "delay", "target": "west", "by": "100ms", "jitter": "20ms"},
          {"fault": "limit", "target": "west", "rate": "8KiB/s"},
          {"fault": "flap", "target": "west", "times": 4, "up": "2s", "down": "500ms"},
          {"heal": "all"}, {"operate": "failback"},
          {"wait_until": {"requests": 50}, "within": "5s"}])"));
  std::vector<std::string> said;
  for (const Step& step : s.steps) said.push_back(describe(step));
  EXPECT_EQ(said, (std::vector<std::string>{
                      "west: frozen (SIGSTOP) for 6s", "west: answers 429 for /api/echo 3 times",
                      "west: each direction 100ms (+-20ms) slower", "west: limited to 8KiB/s",
                      "west: flaps 4 times: 500ms down, 2s up", "everything: healed", "failback",
                      "until 50 more requests are answered (within 5s)"}));
}

TEST(Describe, NamesAnEndpointWithoutWhatMayBeSecret) {
  const Scenario s = good(file_with(
      "", R"({"endpoints": [{"name": "west", "command": ["func", "start", "--key", "sesame"]},
                            {"name": "east", "url": "https://h.example.com/a"}]})"));
  EXPECT_EQ(describe(s.topology.endpoints[0]), "func start …");
  EXPECT_EQ(describe(s.topology.endpoints[1]), "https://h.example.com/a");
}

TEST(Links, AreNeededWhereAFaultOfTheLinkIsPlayed) {
  const Scenario s = good(file_with(
      "",
      R"({"endpoints": [{"name": "a"}, {"name": "b", "command": ["x"]}, {"name": "c", "link": true},
                        {"name": "d"}]})",
      R"([{"fault": "unreachable", "target": "a"}, {"fault": "slow", "target": "b", "by": "1s"},
          {"fault": "slow", "target": "d", "by": "1s"}])"));
  std::string with_link;
  for (const Endpoint& endpoint : s.topology.endpoints)
    if (needs_link(s, endpoint)) with_link += endpoint.name;
  EXPECT_EQ(with_link, "abc");
}

TEST(ProxyConfig, FillsInWhatTheStageKnowsAndNothingElse) {
  const Scenario s = good(file_with(
      R"("proxy": {"timeouts": {"connect": "1s"}, "endpoints": {"east": {"probe": {"path": "/x"}}}})",
      R"({"task_hub": "per_region", "endpoints": [{"name": "west", "region": "w", "stand_in":
          {"gateway": true, "tls": true}}, {"name": "east"}]})"));
  const Places places{"127.0.0.1:81",
                      "127.0.0.1:82",
                      {{"west", "https://127.0.0.1:91"}, {"east", "http://127.0.0.1:92"}},
                      "/tmp/ledger.db",
                      "/tmp/ca.pem"};
  config::Environment environment;
  environment.file = [](const std::string&) { return std::string("-----BEGIN CERTIFICATE-----"); };
  const auto parsed = config::parse_text(proxy_config(s, places), "", environment);
  ASSERT_TRUE(parsed.config) << config::to_text(parsed.issues);
  const config::Config& config = *parsed.config;
  EXPECT_EQ(config.listen[0].address.text(), "127.0.0.1:81");
  EXPECT_EQ(config.admin.address.text(), "127.0.0.1:82");
  EXPECT_EQ(config.timeouts.connect, 1s);
  EXPECT_EQ(config.durable.task_hub, config::TaskHub::per_region);
  EXPECT_EQ(config.durable.ledger.path, "/tmp/ledger.db");
  ASSERT_EQ(config.durable.start_routes.size(), 1u);
  EXPECT_EQ(config.durable.start_routes[0].via, config::StartVia::built_in);
  EXPECT_EQ(config.endpoints[0].url.origin(), "https://127.0.0.1:91");
  EXPECT_EQ(config.endpoints[0].tls.ca, "/tmp/ca.pem");
  EXPECT_EQ(config.endpoints[0].peer, config::Peer::gateway);
  EXPECT_EQ(config.endpoints[0].region, "w");
  EXPECT_TRUE(config.endpoints[0].probe.durable);
  EXPECT_EQ(config.endpoints[1].peer, config::Peer::direct);
  EXPECT_EQ(config.endpoints[1].probe.path, "/x");
}

TEST(ProxyConfig, ProbesTheHealthPathWhereTheDurableProbeIsImpossible) {
  const auto path = [](const std::string& topology, const std::string& proxy) {
    const Scenario s = good(file_with("\"proxy\": " + proxy, topology));
    const auto parsed = config::parse_text(proxy_config(s, {}), "", testing::no_outside());
    return parsed.config ? parsed.config->endpoints[0].probe.path : lines({{}, parsed.issues});
  };
  const std::string health = "/api/health";
  EXPECT_EQ(path(R"({"claim": false, "endpoints": [{"name": "west"}]})", "{}"), health);
  EXPECT_EQ(path(R"({"task_hub": "none", "endpoints": [{"name": "west"}]})", "{}"), health);
  EXPECT_EQ(path(R"({"endpoints": [{"name": "west", "stand_in": {"durable_key": "k"}}]})", "{}"),
            health);
  EXPECT_EQ(path(testing::two_endpoints, R"({"probe": {"preset": "traffic-manager"}})"), health);
  EXPECT_EQ(path(R"({"claim": false, "endpoints": [{"name": "west"}]})",
                 R"({"probe": {"path": "/wrong"}})"),
            "/wrong");
}

}  // namespace
}  // namespace scenario
