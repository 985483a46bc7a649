// Presets and inheritance.
#include "config/resolve.hpp"

#include "config/words.hpp"
#include "support.hpp"

namespace config {
namespace {

using testing::good;
using testing::with_endpoints;

const Endpoint& first(const Config& config) {
  return config.endpoints.at(0);
}

Config one(const std::string& url, const std::string& endpoint = "", const std::string& more = "") {
  return good(with_endpoints("{\"name\": \"a\", \"url\": \"" + url + "\"" +
                                 (endpoint.empty() ? "" : ", " + endpoint) +
                                 "}, {\"name\": \"z\", \"url\": \"http://127.0.0.1:9\"}",
                             more));
}

TEST(Presets, AreChosenByUrl) {
  EXPECT_EQ(first(one("https://a")).probe.preset, Preset::azure);
  EXPECT_EQ(first(one("http://a")).probe.preset, Preset::responsive);
  EXPECT_EQ(first(one("http://127.0.0.1:7071")).probe.preset, Preset::responsive);
  EXPECT_EQ(first(one("https://localhost:7071")).probe.preset, Preset::azure);
}

struct PresetRow {
  Preset preset;
  Millis interval, timeout;
  int tolerated, passes;
  double jitter;
  Millis doubt, cold_grace, healthy_for;
  bool verify_tls, starts_probe, degrades;
  Disagreement disagreement;
};

TEST(Presets, HaveTheirNumbers) {
  for (const PresetRow& row : {
           PresetRow{Preset::traffic_manager, 30s, 10s, 3, 1, 0, 30s, 0s, 0s, false, false, false,
                     Disagreement::probe},
           {Preset::azure, 10s, 5s, 3, 3, 0.1, 1s, 35s, 5min, true, true, false,
            Disagreement::probe},
           {Preset::responsive, 1s, 1s, 2, 3, 0.1, 200ms, 35s, 10s, true, true, true,
            Disagreement::traffic},
       }) {
    const std::string name(to_string(row.preset));
    const Config config = one("http://a", R"("probe": {"path": "/", "preset": ")" + name + "\"}");
    const Endpoint& endpoint = first(config);
    EXPECT_EQ(endpoint.probe.preset, row.preset);
    EXPECT_EQ(endpoint.probe.interval, row.interval) << name;
    EXPECT_EQ(endpoint.probe.timeout, row.timeout) << name;
    EXPECT_EQ(endpoint.probe.tolerated_failures, row.tolerated) << name;
    EXPECT_EQ(endpoint.probe.required_passes, row.passes) << name;
    EXPECT_EQ(endpoint.probe.jitter, row.jitter) << name;
    EXPECT_EQ(endpoint.probe.standby_interval, row.interval) << name;
    EXPECT_EQ(endpoint.probe.doubt_interval, row.doubt) << name;
    EXPECT_EQ(endpoint.probe.cold_grace, row.cold_grace) << name;
    EXPECT_EQ(endpoint.probe.idle_after, 5min) << name;
    EXPECT_EQ(endpoint.probe.healthy_for, row.healthy_for) << name;
    EXPECT_EQ(endpoint.probe.verify_tls, row.verify_tls) << name;
    EXPECT_EQ(endpoint.evidence.starts_probe, row.starts_probe) << name;
    EXPECT_EQ(endpoint.evidence.degrades, row.degrades) << name;
    EXPECT_EQ(endpoint.disagreement, row.disagreement) << name;
  }
}

TEST(Presets, TheFastTrafficManagerHasATimeoutOfNineSeconds) {
  const Config config =
      one("http://a", R"("probe": {"preset": "traffic-manager", "interval": "10s"})");
  EXPECT_EQ(first(config).probe.timeout, 9s);
  EXPECT_EQ(first(config).probe.doubt_interval, 10s);
}

TEST(Presets, EachNumberMayBeSetOnItsOwn) {
  const Config config = one("https://a", R"("probe": {"tolerated_failures": 0})",
                            R"("probe": {"timeout": "3s", "tolerated_failures": 9})");
  EXPECT_EQ(first(config).probe.interval, 10s) << "by preset";
  EXPECT_EQ(first(config).probe.timeout, 3s) << "the profile's";
  EXPECT_EQ(first(config).probe.tolerated_failures, 0) << "the endpoint's own";
  EXPECT_EQ(config.endpoints.at(1).probe.tolerated_failures, 9);
}

TEST(Presets, DoubtNeverSlowsTheProbes) {
  EXPECT_EQ(first(one("http://a", R"("probe": {"interval": "100ms", "timeout": "50ms"})"))
                .probe.doubt_interval,
            100ms);
}

TEST(Headers, OfTheEndpointReplaceTheProfilesWhateverTheCase) {
  const Config config = one(
      "http://a", R"("probe": {"path": "/", "headers": [{"name": "x-a", "value": "own"}]})",
      R"("probe": {"headers": [{"name": "X-A", "value": "1"}, {"name": "X-B", "value": "2"}]})");
  EXPECT_EQ(first(config).probe.headers, (std::vector<NameValue>{{"X-B", "2"}, {"x-a", "own"}}));
  EXPECT_EQ(config.endpoints.at(1).probe.headers.size(), 2u);
}

struct ProbeRow {
  const char* why;
  const char* url;
  const char* endpoint;  // more keys of the endpoint
  const char* task_hub;
  const char* path;
  bool durable, host_only;
};

class DefaultProbe : public ::testing::TestWithParam<ProbeRow> {};

TEST_P(DefaultProbe, IsTheMostTellingOne) {
  const ProbeRow& row = GetParam();
  const ParseResult result = testing::parse(
      R"({"clients": {"anonymous": true}, "durable": {"task_hub": ")" + std::string(row.task_hub) +
      R"("}, "endpoints": [{"name": "a", "url": ")" + row.url + "\"" + row.endpoint +
      R"(}, {"name": "z", "url": "http://127.0.0.1:9"}]})");
  ASSERT_TRUE(result.config) << testing::lines(result);
  const ProbePolicy& probe = first(*result.config).probe;
  EXPECT_EQ(probe.path, row.path) << row.why;
  EXPECT_EQ(probe.durable, row.durable) << row.why;
  EXPECT_EQ(probe.host_only, row.host_only) << row.why;
}

constexpr const char* durable_path = "/runtime/webhooks/durabletask/instances/understudy-probe";

INSTANTIATE_TEST_SUITE_P(
    Rows, DefaultProbe,
    ::testing::Values(
        ProbeRow{"a plain service", "http://127.0.0.1:7071", "", "none", "/", false, true},
        ProbeRow{"loopback asks for no key", "http://127.0.0.1:7071", "", "shared", durable_path,
                 true, false},
        ProbeRow{"a written open door", "https://a", R"(, "auth": "none")", "per_region",
                 durable_path, true, false},
        ProbeRow{"no key to ask the hub with", "https://a", "", "shared", "/", false, true},
        ProbeRow{"the durable key", "https://a", R"(, "keys": {"durable": "k"})", "none",
                 durable_path, true, false},
        ProbeRow{"a key for the probe", "https://a", R"(, "probe": {"key": "k"})", "none",
                 durable_path, true, false},
        ProbeRow{"a written path", "https://a",
                 R"(, "keys": {"durable": "k"}, "probe": {"path": "/api/health"})", "shared",
                 "/api/health", false, false},
        ProbeRow{"a written answer rule", "https://a",
                 R"(, "keys": {"durable": "k"}, "probe": {"status": [204]})", "shared", "/", false,
                 false},
        ProbeRow{"Traffic Manager asks for / and 200", "https://a",
                 R"(, "keys": {"durable": "k"}, "probe": {"preset": "traffic-manager"})", "shared",
                 "/", false, false},
        ProbeRow{"TCP asks nothing", "https://a", R"(, "probe": {"protocol": "tcp"})", "shared", "",
                 false, false},
        ProbeRow{"a path prefix belongs to every request", "https://a/app",
                 R"(, "probe": {"path": "/health"})", "none", "/app/health", false, false}));

TEST(DefaultProbeKey, IsTheProbesOwnOrTheDurableOne) {
  const std::string open = R"("clients": {"anonymous": true})";
  const auto key = [&](const char* endpoint) {
    return first(one("https://a", endpoint, open)).probe.key.reveal();
  };
  EXPECT_EQ(key(R"("keys": {"durable": "d"})"), "d");
  EXPECT_EQ(key(R"("keys": {"durable": "d"}, "probe": {"key": "p"})"), "p");
  EXPECT_EQ(key(R"("keys": {"durable": "d"}, "probe": {"path": "/health"})"), "")
      << "the durable key is for the Durable routes";
}

struct PortRow {
  const char* url;
  const char* protocol;
  std::uint16_t port;
};

TEST(ProbePort, FollowsTheUrlOrTheProtocol) {
  for (const PortRow& row : {PortRow{"https://a", "https", 443},
                             {"https://a", "http", 80},
                             {"http://a", "https", 443},
                             {"http://a:8080", "https", 8080},
                             {"https://a", "tcp", 443},
                             {"http://a:81", "tcp", 81}}) {
    const Config config =
        one(row.url, R"("probe": {"protocol": ")" + std::string(row.protocol) + "\"}");
    EXPECT_EQ(first(config).probe.port, row.port) << row.url << " " << row.protocol;
  }
}

TEST(HealthyFor, IsTheLongestOfTheEndpointsUnlessWritten) {
  EXPECT_EQ(one("https://a").failback.effective_healthy_for, 5min);
  EXPECT_EQ(one("http://a").failback.effective_healthy_for, 10s);
  EXPECT_EQ(
      one("https://a", "", R"("failback": {"healthy_for": "40s"})").failback.effective_healthy_for,
      40s);
  EXPECT_EQ(one("https://a", "", R"("probe": {"preset": "traffic-manager"})")
                .failback.effective_healthy_for,
            0s);
}

TEST(Evidence, TakesWrittenNumbersAndThePresetsSwitches) {
  const Config config = one("https://a", "", R"("evidence": {"http_min": 7},
    "routing": {"disagreement": "traffic"})");
  EXPECT_EQ(first(config).evidence.http_min, 7);
  EXPECT_EQ(first(config).evidence.connect_failures, 3);
  EXPECT_FALSE(first(config).evidence.degrades);
  EXPECT_TRUE(config.endpoints.at(1).evidence.degrades);
  EXPECT_EQ(first(config).disagreement, Disagreement::traffic);
}

TEST(QuickConfig, NeedsNoFile) {
  const ParseResult result =
      quick_config("http://127.0.0.1:7071", {"http://127.0.0.1:7072", "https://c.example.com"});
  ASSERT_TRUE(result.config) << testing::lines(result);
  const Config& config = *result.config;
  ASSERT_EQ(config.endpoints.size(), 3u);
  EXPECT_EQ(config.endpoints[0].name, "primary");
  EXPECT_EQ(config.endpoints[1].name, "secondary");
  EXPECT_EQ(config.endpoints[2].name, "secondary-2");
  EXPECT_EQ(config.endpoints[2].peer, Peer::gateway);
  EXPECT_EQ(config.listen.at(0).address.text(), "127.0.0.1:8080");
  EXPECT_TRUE(config.endpoints[0].probe.host_only);
  EXPECT_EQ(config.endpoints[0].probe.path, "/");
  ASSERT_EQ(result.issues.size(), 1u) << testing::lines(result);
  EXPECT_EQ(result.issues[0].rule, "starts are not protected: set durable.task_hub");
}

TEST(QuickConfig, FindsAllProblemsToo) {
  const ParseResult result =
      quick_config("127.0.0.1:7071", {"http://127.0.0.1:8080", "https://b?code=x"}, "8080");
  EXPECT_FALSE(result.config);
  EXPECT_EQ(
      testing::lines(result),
      R"(error: --primary: "127.0.0.1:7071" is not an absolute URL; write it like "https://app.example.com"
error: --secondary: "https://b?..." has a query; remove it; keys belong in "keys"
error: --listen: "8080" is not an address of this machine; write it like "127.0.0.1:8080" or "[::1]:8080"
error: endpoints[1].url: "http://127.0.0.1:8080" is this proxy's own listener (127.0.0.1:8080); an endpoint is another server
warning: starts are not protected: set durable.task_hub; to shared, per_region or geo_replicated, or to none when no Durable Functions are behind this proxy
)");
}

TEST(Resolve, MayBeCalledAgain) {
  Config config = one("https://a", R"("probe": {"interval": "20s"})");
  const Config before = config;
  resolve(config);
  EXPECT_EQ(config, before);
}

}  // namespace
}  // namespace config
