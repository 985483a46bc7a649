// The arithmetic of worst cases, and the two renderings.
#include "config/explain.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support.hpp"

namespace config {
namespace {

using testing::good;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::parse;

std::string two(const std::string& scheme, const std::string& more) {
  return "{" + more + (more.empty() ? "" : ", ") +
         R"("durable": {"task_hub": "none"}, "endpoints": [
    {"name": "a", "url": ")" +
         scheme + R"(://a.example"}, {"name": "b", "url": ")" + scheme + R"(://b.example"}]})";
}

struct Times {
  const char* why;
  const char* scheme;
  const char* more;
  Millis detect_refused, detect_frozen, failover_sticky, recover, failback_new, failback_sticky;
};

class WorstCase : public ::testing::TestWithParam<Times> {};

TEST_P(WorstCase, IsComputedFromTheSchedule) {
  const Times& row = GetParam();
  const Config config = good(two(row.scheme, row.more));
  const EndpointTimes times = compute_times(config, config.endpoints.at(0));
  EXPECT_EQ(times.detect_refused, row.detect_refused) << row.why;
  EXPECT_EQ(times.detect_frozen, row.detect_frozen) << row.why;
  EXPECT_EQ(times.failover_new, row.detect_frozen) << row.why;
  EXPECT_EQ(times.failover_sticky, row.failover_sticky) << row.why;
  EXPECT_EQ(times.recover, row.recover) << row.why;
  EXPECT_EQ(times.failback_new, row.failback_new) << row.why;
  EXPECT_EQ(times.failback_sticky, row.failback_sticky) << row.why;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, WorstCase,
    ::testing::Values(
        // Traffic Manager with start-to-start spacing: I + F*I + T, then the TTL of held clients.
        Times{"30/10/3, TTL 30: 130 + 30 = 160 s", "https",
              R"("probe": {"preset": "traffic-manager"},
                 "stickiness": {"ttl": "30s", "on_degraded": "hold"})",
              120s, 130s, 160s, 40s, 40s, 70s},
        Times{"10/9/3, TTL 10: 49 + 10 = 59 s", "https",
              R"("probe": {"preset": "traffic-manager", "interval": "10s"},
                 "stickiness": {"ttl": "10s", "on_degraded": "hold"})",
              40s, 49s, 59s, 19s, 19s, 29s},
        Times{"10/5/0, TTL 0: the fastest Traffic Manager", "https",
              R"("probe": {"preset": "traffic-manager", "interval": "10s", "timeout": "5s",
                           "tolerated_failures": 0},
                 "stickiness": {"ttl": "0s", "on_degraded": "hold"})",
              10s, 15s, 15s, 15s, 15s, 15s},
        // I = 11 s, D = 1.1 s, T = 5 s: 11 + 3*1.1; 11 + 3*5 + 5; 11 + 2*5 + 5; + 5 min; + 30 s.
        Times{"azure", "https", "", 14300ms, 31s, 31s, 26s, 326s, 356s},
        // I = 1.1 s, D = 0.22 s, T = 1 s: 1.1 + 2*0.22; 1.1 + 2*1 + 1; 1.1 + 2*1 + 1; + 10 s.
        Times{"responsive", "http", "", 1540ms, 4100ms, 4100ms, 4100ms, 14100ms, 44100ms},
        Times{"release leaves at once whatever the TTL", "http", R"("stickiness": {"ttl": "10s"})",
              1540ms, 4100ms, 4100ms, 4100ms, 14100ms, 24100ms},
        Times{"hold keeps to the answer", "http",
              R"("stickiness": {"ttl": "3s", "on_degraded": "hold"})", 1540ms, 4100ms, 7100ms,
              4100ms, 14100ms, 17100ms},
        Times{"a timeout longer than the interval spaces the probes of a frozen endpoint", "http",
              R"("probe": {"interval": "1s", "timeout": "4s", "jitter": 0, "doubt_interval": "1s",
                           "tolerated_failures": 1, "required_passes": 1})",
              2s, 1s + 4s + 4s, 9s, 8s, 18s, 48s},
        Times{"an endpoint that is away is probed at the standby interval", "http",
              R"("probe": {"standby_interval": "5s", "jitter": 0, "required_passes": 1})",
              1s + 400ms, 4s, 4s, 6s, 16s, 46s}));

TEST(WorstCaseByTraffic, DependsOnThePreset) {
  const auto live = [](const char* scheme, const char* more) {
    const Config config = good(two(scheme, more));
    return compute_times(config, config.endpoints.at(0)).detect_live;
  };
  EXPECT_EQ(live("http", ""), 0ms) << "traffic degrades by itself";
  EXPECT_EQ(live("https", ""), 4400ms) << "the early probe and three more, 1.1 s apart";
  EXPECT_EQ(live("https", R"("probe": {"preset": "traffic-manager"})"), std::nullopt);
}

TEST(WorstCaseOfFailback, WaitsForACommandWhenManual) {
  const Config config = good(two("http", R"("failback": {"mode": "manual"})"));
  const EndpointTimes times = compute_times(config, config.endpoints.at(0));
  EXPECT_EQ(times.failback_new, std::nullopt);
  EXPECT_EQ(times.failback_sticky, std::nullopt);
  EXPECT_EQ(times.failback_flapping, std::nullopt);
}

TEST(WorstCaseOfFailback, GrowsWithThePenaltyUpToItsBound) {
  const auto flapping = [](const char* more) {
    const Config config = good(two("http", more));
    return compute_times(config, config.endpoints.at(0)).failback_flapping;
  };
  const Millis around = 4100ms + 30s;  // recover and TTL
  EXPECT_EQ(flapping(""), around + 30min);
  EXPECT_EQ(flapping(R"("failback": {"flap_factor": 1})"), around + 10s);
  EXPECT_EQ(flapping(R"("failback": {"healthy_for": "0s"})"), around);
}

TEST(WorstCaseAfterIdling, CountsOnlyWhenProbesAreRareEnoughForIt) {
  const auto slow = [](const char* more) {
    const Config config = good(two("http", more));
    return compute_times(config, config.endpoints.at(0)).slow_start;
  };
  EXPECT_EQ(slow(""), 0ms) << "a probe each second keeps the host awake";
  EXPECT_EQ(slow(R"("probe": {"interval": "10m"})"), 35s);
}

TEST(WorstCaseOfTheProfile, IsThatOfTheWorstEndpointThatHasAnotherBehindIt) {
  const Config config = good(R"({"durable": {"task_hub": "none"}, "endpoints": [
    {"name": "a", "url": "http://a.example"}, {"name": "b", "url": "https://b.example"},
    {"name": "c", "url": "http://c.example", "probe": {"interval": "10m"}}]})");
  const ProfileTimes times = compute_times(config);
  EXPECT_EQ(times.worst.name, "b");
  EXPECT_EQ(times.worst.detect_frozen, 31s);
  EXPECT_EQ(times.worst.detect_live, 4400ms);
  EXPECT_EQ(times.worst.failback_new, 26s + 5min);
}

TEST(ProbesPerMonth, AreThirtyDaysOfThem) {
  const Config config = good(two("https", R"("probe": {"standby_interval": "60s"})"));
  const ProfileTimes times = compute_times(config);
  EXPECT_EQ(times.endpoints[0].probes_per_month, 259200u);
  EXPECT_EQ(times.endpoints[1].standby_probes_per_month, 43200u);
  EXPECT_EQ(times.worst.probes_per_month, 259200u + 43200u);
}

std::string origin_of(const std::vector<Setting>& rows, std::string_view path) {
  for (const Setting& row : rows)
    if (row.path == path) return row.value + " from " + std::string(to_string(row.origin));
  return "no row";
}

TEST(Settings, SayWhereEachValueCameFrom) {
  const ParseResult result = parse(R"({
    "probe": {"timeout": "4s"}, "stickiness": {"ttl": "5s"}, "durable": {"task_hub": "shared"},
    "endpoints": [
      {"name": "late", "url": "https://late", "priority": 9, "probe": {"interval": "20s"}},
      {"name": "early", "url": "http://127.0.0.1:7071", "priority": 2, "probe": {"timeout": "1s"}}]})");
  ASSERT_TRUE(result.config) << testing::lines(result);
  const auto rows = settings(*result.config, result.source);
  EXPECT_EQ(origin_of(rows, "stickiness.ttl"), "5s from file");
  EXPECT_EQ(origin_of(rows, "stickiness.max_clients"), "100000 from default");
  EXPECT_EQ(origin_of(rows, "failback.healthy_for"), "5m from preset");
  EXPECT_EQ(origin_of(rows, "endpoints[early].priority"), "2 from file");
  EXPECT_EQ(origin_of(rows, "endpoints[early].peer"), "direct from computed");
  EXPECT_EQ(origin_of(rows, "endpoints[early].probe.preset"), "responsive from preset");
  EXPECT_EQ(origin_of(rows, "endpoints[early].probe.timeout"), "1s from file");
  EXPECT_EQ(origin_of(rows, "endpoints[early].probe.status"),
            "404 with an empty body from computed");
  EXPECT_EQ(origin_of(rows, "endpoints[late].probe.interval"), "20s from file");
  EXPECT_EQ(origin_of(rows, "endpoints[late].probe.timeout"), "4s from file");
  EXPECT_EQ(origin_of(rows, "endpoints[late].probe.doubt_interval"), "1s from preset");
  EXPECT_EQ(origin_of(rows, "endpoints[late].probe.path"), "/ from computed");
}

TEST(Settings, CoverEveryKeyThatTheParserKnows) {
  const ParseResult result = quick_config("http://127.0.0.1:1", {"http://127.0.0.1:2"});
  ASSERT_TRUE(result.config);
  std::vector<std::string> shown;
  for (const Setting& row : settings(*result.config, result.source)) shown.push_back(row.path);
  for (const KeyInfo& key : all_keys()) {
    std::string path = key.path;
    if (path.starts_with("probe.")) continue;  // shown as each endpoint has it
    if (const std::size_t at = path.find("endpoints[]"); at == 0)
      path.replace(0, 11, "endpoints[primary]");
    if (const std::size_t at = path.find("listen[]"); at == 0) path.replace(0, 8, "listen[0]");
    bool found = false;
    for (const std::string& row : shown)  // an empty list or group is one row
      found = found || row == path || path.starts_with(row + "[") || path.starts_with(row + ".");
    EXPECT_TRUE(found) << key.path;
  }
}

TEST(ExplainText, ShowsPresetsTimesAndWhatAProbeProves) {
  const ParseResult result = parse(R"({"profile": "orders", "durable": {"task_hub": "shared"},
    "endpoints": [{"name": "primary", "url": "http://127.0.0.1:7071"},
                  {"name": "secondary", "url": "https://b.example.com", "probe": {"preset": "azure"}}]})");
  ASSERT_TRUE(result.config);
  const std::string text = explain_text(*result.config, result.source);
  EXPECT_THAT(text, HasSubstr("Profile orders, from f.json"));
  EXPECT_THAT(text, HasSubstr("responsive (default for http)"));
  EXPECT_THAT(text, HasSubstr("azure (written for this endpoint)"));
  EXPECT_THAT(text, HasSubstr("(Durable probe; proves host and task hub)"));
  EXPECT_THAT(text, HasSubstr("GET / (proves only the host)"));
  EXPECT_THAT(text, HasSubstr("  detect: frozen, no answers             4.1s       31s\n"));
  EXPECT_THAT(text, HasSubstr("  failback: new clients                  5m 4.1s    5m 26s\n"));
  EXPECT_THAT(text, HasSubstr("at once (3 failed connects in 2s)"));
  EXPECT_THAT(text, HasSubstr("probes per month: primary 2,592,000, secondary 259,200"));
  EXPECT_THAT(text, HasSubstr("not in this version"));
  EXPECT_THAT(text, Not(HasSubstr(" \n"))) << "no spaces at line ends";
}

TEST(ExplainJson, HoldsTheSameFigures) {
  const ParseResult result = quick_config("http://127.0.0.1:7071", {"http://127.0.0.1:7072"});
  ASSERT_TRUE(result.config);
  const auto json = nlohmann::json::parse(explain_json(*result.config, result.source));
  EXPECT_EQ(json["source"], "command line");
  EXPECT_EQ(json["endpoints"][0]["worst_case"]["detect_frozen_ms"], 4100);
  EXPECT_EQ(json["endpoints"][0]["proves_only_host"], true);
  EXPECT_EQ(json["worst_case"]["failback_new_ms"], 14100);
  EXPECT_EQ(json["settings"][0]["path"], "profile");
}

}  // namespace
}  // namespace config
