// Shape, types, units, ranges: what the text alone can get wrong, and the exact line that says so.
#include "support.hpp"

namespace config {
namespace {

using testing::good;
using testing::lines;
using testing::Outside;
using testing::parse;
using testing::with;
using testing::with_endpoints;

TEST(Parse, TheSmallestFileHasAllDefaults) {
  const ParseResult result = parse(with(""));
  EXPECT_EQ(lines(result), "");
  ASSERT_TRUE(result.config);
  const Config& config = *result.config;
  EXPECT_EQ(config.profile, "default");
  ASSERT_EQ(config.listen.size(), 1u);
  EXPECT_EQ(config.listen[0].address.text(), "127.0.0.1:8080");
  EXPECT_EQ(config.admin.address.text(), "127.0.0.1:8081");
  EXPECT_EQ(config.stickiness, Stickiness{});
  EXPECT_EQ(config.timeouts, Timeouts{});
  EXPECT_EQ(config.limits, Limits{});
  EXPECT_EQ(config.retry, Retry{});
  ASSERT_EQ(config.endpoints.size(), 2u);
  EXPECT_EQ(config.endpoints[0].priority, 1);
  EXPECT_EQ(config.endpoints[1].priority, 2);
  EXPECT_EQ(config.endpoints[1].peer, Peer::direct);
  EXPECT_EQ(config.endpoints[1].auth, AuthMode::none);
}

TEST(Parse, EveryKindOfValueArrives) {
  Outside outside{{{"TOKEN", "t0p"}}, {{"cert.pem", "-----BEGIN X"}, {"key.pem", "-----BEGIN Y"}}};
  const Config config = good(R"({
    "profile": "orders", // a comment
    "listen": [{"address": "[::1]:8443", "tls": {"certificate": "cert.pem", "key": "key.pem"}}],
    "public_origin": "https://Orders.example.com/",
    "trusted_proxies": ["10.0.0.0/8"],
    "log": {"format": "json", "level": "debug", "access": false, "file": "/var/log/u.log"},
    "probe": {"path": "/health", "headers": [{"name": "X-A", "value": "${TOKEN}"}],
              "status": [200, "301-302"], "json_match": "/state == \"Running\"", "jitter": 0.2},
    "evidence": {"http_share": 1, "connect_failures": 5},
    "routing": {"all_degraded": "unavailable"},
    "stickiness": {"ttl": "0s", "client": "header", "header": "X-Client", "on_degraded": "hold"},
    "failback": {"mode": "manual", "flap_factor": 1.5},
    "timeouts": {"first_byte": "100s"}, /* another */
    "limits": {"head": "16KiB", "body": "1GiB"},
    "retry": {"attempts": 5},
    "durable": {"task_hub": "per_region", "duplicate_status": 409},
    "endpoints": [
      {"name": "b", "url": "https://b.example.com/x", "priority": 20, "peer": "direct",
       "auth": "none", "host": "explicit", "host_value": "b.internal", "always_serve": true,
       "secret_header": {"name": "X-Lock", "value": "${TOKEN}"},
       "probe": {"interval": "30s", "verify_tls": false}},
      {"name": "a", "url": "https://a.example.com", "priority": 3, "region": "West Europe"}
    ]})",
                             outside);
  EXPECT_EQ(config.profile, "orders");
  ASSERT_TRUE(config.listen.at(0).tls);
  EXPECT_EQ(config.listen[0].tls->certificate, "cert.pem");
  EXPECT_EQ(config.public_origin, "https://orders.example.com");
  EXPECT_EQ(config.log.format, LogFormat::json);
  EXPECT_EQ(config.log.level, LogLevel::debug);
  EXPECT_FALSE(config.log.access);
  EXPECT_EQ(config.evidence.http_share, 1);
  EXPECT_EQ(config.routing.all_degraded, AllDegraded::unavailable);
  EXPECT_EQ(config.stickiness.ttl, 0s);
  EXPECT_EQ(config.stickiness.client, StickyClient::header);
  EXPECT_EQ(config.stickiness.on_degraded, OnDegraded::hold);
  EXPECT_EQ(config.failback.mode, FailbackMode::manual);
  EXPECT_EQ(config.failback.flap_factor, 1.5);
  EXPECT_EQ(config.timeouts.first_byte, 100s);
  EXPECT_EQ(config.limits.head, 16u * 1024);
  EXPECT_EQ(config.limits.body, 1ULL << 30);
  EXPECT_EQ(config.durable.duplicate_status, DuplicateStatus::conflict);
  ASSERT_EQ(config.endpoints.size(), 2u);
  EXPECT_EQ(config.endpoints[0].name, "a") << "the lowest priority number comes first";
  EXPECT_EQ(config.endpoints[0].region, "West Europe");
  const Endpoint& b = config.endpoints[1];
  EXPECT_EQ(b.url.base_path, "/x");
  EXPECT_EQ(b.peer, Peer::direct);
  EXPECT_EQ(b.auth, AuthMode::none);
  EXPECT_EQ(b.host, HostPolicy::explicit_value);
  EXPECT_EQ(b.host_value, "b.internal");
  EXPECT_TRUE(b.always_serve);
  EXPECT_EQ(b.secret_header, (NameValue{"X-Lock", "t0p"}));
  EXPECT_EQ(b.probe.interval, 30s);
  EXPECT_FALSE(b.probe.verify_tls);
  EXPECT_EQ(b.probe.headers.at(0), (NameValue{"X-A", "t0p"}));
  EXPECT_EQ(b.probe.status, (std::vector<StatusRange>{{200, 200}, {301, 302}}));
  EXPECT_EQ(b.probe.json_match, (JsonMatch{"/state", "\"Running\""}));
}

struct Bad {
  const char* more;  // keys before the endpoints; they start at line 1, column 2
  const char* line;  // of the one issue, after "f.json:"
};

class BadKeys : public ::testing::TestWithParam<Bad> {};

TEST_P(BadKeys, GetOneExactLine) {
  const ParseResult result = parse(with(GetParam().more));
  EXPECT_EQ(lines(result), std::string("f.json:") + GetParam().line + "\n");
  EXPECT_FALSE(result.config);
}

INSTANTIATE_TEST_SUITE_P(
    Types, BadKeys,
    ::testing::Values(
        Bad{R"("profile": 7)", R"(1:13: error: profile: 7 is not a string; write it in quotes)"},
        Bad{R"("profile": "a b")",
            R"(1:13: error: profile: "a b" is not a name; use letters, digits, "-", "_" and ".")"},
        Bad{R"("listen": {"address": "127.0.0.1:80"})",
            R"(1:12: error: listen: an object is not a list; write [ ... ])"},
        Bad{R"("listen": ["127.0.0.1:80"])",
            R"(1:13: error: listen[0]: a string is not an object; write { ... })"},
        Bad{R"("log": {"access": "yes"})",
            R"(1:20: error: log.access: "yes" is neither true nor false; write it unquoted)"},
        Bad{R"("log": null)", R"(1:9: error: log: null is not an object; write { ... })"},
        Bad{R"("log": {"level": "warn"})",
            R"(1:19: error: log.level: "warn" is not known here; write one of debug, info, warning, error)"},
        Bad{R"("log": {"level": "warnin"})",
            R"(1:19: error: log.level: "warnin" is not known here; did you mean "warning"?)"},
        Bad{R"("retry": {"attempts": "3"})",
            R"(1:24: error: retry.attempts: "3" is not a whole number; write one of 1..16, unquoted)"},
        Bad{R"("retry": {"attempts": 2.5})",
            R"(1:24: error: retry.attempts: 2.5 is not a whole number; write one of 1..16, unquoted)"},
        Bad{R"("retry": {"budget_share": "20%"})",
            R"(1:28: error: retry.budget_share: "20%" is not a number; write one of 0..1, unquoted)"},
        Bad{R"("stickiness": {"ttl": 30})",
            R"(1:24: error: stickiness.ttl: 30 is not a duration like "10s"; write it in quotes)"},
        Bad{R"("limits": {"head": "1 KiB"})",
            R"(1:21: error: limits.head: "1 KiB" has a space before the unit; write "1KiB")"},
        Bad{R"("probe": {"status": 200})",
            R"(1:22: error: probe.status: a number is not a list of statuses; write [ ... ])"},
        Bad{R"("probe": {"status": []})",
            R"(1:22: error: probe.status: an empty list accepts no answer at all; leave the key out for [200])"},
        Bad{R"("probe": {"status": ["299-200"]})",
            R"(1:23: error: probe.status[0]: "299-200" is a range that ends before it starts; write 200, or "200-299" for a range)"},
        Bad{R"("probe": {"path": "health"})",
            R"(1:20: error: probe.path: "health" does not start with "/"; write it like "/api/health")"},
        Bad{R"("probe": {"method": "get"})",
            R"(1:22: error: probe.method: "get" is not the method it looks like; methods are written in capitals)"},
        Bad{R"("probe": {"method": "GET /"})",
            R"(1:22: error: probe.method: "GET /" is not an HTTP method; write it like "GET")"},
        Bad{R"("probe": {"json_match": "state == 1"})",
            R"(1:26: error: probe.json_match: "state == 1" has a malformed JSON pointer; write it like "/state == \"Running\"")"},
        Bad{R"("probe": {"json_match": "/state == Running"})",
            R"(1:26: error: probe.json_match: "/state == Running" has no JSON string, number, true, false or null after "=="; write it like "/state == \"Running\"")"},
        Bad{R"("failback": {"flap_factor": 0.5})",
            R"(1:30: error: failback.flap_factor: 0.5 is outside 1..100; choose one inside)"},
        Bad{R"("timeouts": {"connect": "2h"})",
            R"(1:26: error: timeouts.connect: "2h" is outside 10ms..1h; choose one inside)"},
        Bad{R"("retry": {"attempts": 99999999999999999999})",
            R"(1:24: error: retry.attempts: 99999999999999999999 is not a whole number; write one of 1..16, unquoted)"},
        Bad{R"("probe": {"interval": "${NOPE}"})",
            R"(1:24: error: probe.interval: "${NOPE}" refers to the environment variable NOPE, which is not set; set it before the start, or use {"file": "..."} for a secret)"},
        Bad{R"("profile": "${no-name}")",
            R"(1:13: error: profile: "${no-name}" has a malformed ${NAME}; write "$${" if a plain "${" is meant)"}));

INSTANTIATE_TEST_SUITE_P(
    Keys, BadKeys,
    ::testing::Values(
        Bad{R"("probe": {"intervall": "10s"})",
            R"(1:12: error: probe.intervall: unknown key; did you mean "interval"?)"},
        Bad{R"("stickyness": {})",
            R"(1:2: error: stickyness: unknown key; did you mean "stickiness"?)"},
        Bad{R"("clients": {"zzzzzz": 1})",
            R"(1:14: error: clients.zzzzzz: unknown key; known here: keys, anonymous)"},
        Bad{R"("retry": {"attempts": 2, "attempts": 4})",
            R"(1:27: error: retry.attempts: is written twice; keep one of them)"},
        Bad{R"("probe": {"headers": [{"name": "A", "value": "b", "name": "C"}]})",
            R"(1:52: error: probe.headers[0].name: is written twice; keep one of them)"},
        Bad{R"("Probe": {})", R"(1:2: error: Probe: unknown key; did you mean "probe"?)"}));

TEST(Parse, AllProblemsOfAFileAreFoundInOneRun) {
  const ParseResult result = parse(R"({
  "profile": "",
  "stickines": {"ttl": "1s"},
  "probe": {"interval": "10", "timeout": 5, "tolerated_failures": -1},
  "admin": {"address": "0.0.0.0:8081"},
  "durable": {"task_hub": "perregion"},
  "endpoints": [
    {"name": "primary", "url": "http://127.0.0.1:7071", "priority": 1},
    {"name": "primary", "url": "https://u:p@b", "priority": 1, "hots": "endpoint"}
  ]
})");
  EXPECT_EQ(lines(result),
            R"(f.json:2:14: error: profile: "" is empty; give it a short name
f.json:3:3: error: stickines: unknown key; did you mean "stickiness"?
f.json:4:25: error: probe.interval: "10" has no unit; write "10s"
f.json:4:42: error: probe.timeout: 5 is not a duration like "10s"; write it in quotes
f.json:4:67: error: probe.tolerated_failures: -1 is outside 0..100; choose one inside
f.json:5:24: error: admin.address: "0.0.0.0:8081" opens the admin listener to other machines without tokens; use a loopback address
f.json:6:27: error: durable.task_hub: "perregion" is not known here; did you mean "per_region"?
f.json:9:14: error: endpoints[1].name: "primary" is already used by endpoints[0]; give each endpoint its own name
f.json:9:32: error: endpoints[1].url: "https://..." contains a user name or an "@"; remove it; use keys or secret_header
f.json:9:61: error: endpoints[1].priority: 1 is already used by "primary"; give each endpoint its own priority
f.json:9:64: error: endpoints[1].hots: unknown key; did you mean "host"?
)");
}

TEST(Parse, ANullFileNameStillReads) {
  const ParseResult result = parse_text("[]", "", Environment{});
  EXPECT_EQ(lines(result), "1:1: error: a list is not an object; a file is { ... }\n");
}

TEST(Parse, AFileThatIsNotThereIsOneIssue) {
  const ParseResult result = parse_file("missing.json", Outside{}.environment());
  EXPECT_EQ(lines(result),
            "missing.json: error: the file cannot be read; check its name and permissions\n");
}

TEST(Parse, RelativeFilesAreBesideTheConfiguration) {
  Outside outside;
  outside.files = {{"/etc/u/c.json",
                    with_endpoints(R"({"name": "a", "url": "https://a", "tls": {"ca": "ca.pem"}},
                                      {"name": "b", "url": "https://b"})")},
                   {"/etc/u/ca.pem", "-----BEGIN CERTIFICATE-----"}};
  const ParseResult result = parse_file("/etc/u/c.json", outside.environment());
  ASSERT_TRUE(result.config) << lines(result);
  EXPECT_EQ(result.config->endpoints[0].tls.ca, "/etc/u/ca.pem");
}

TEST(Parse, IssuesAsJsonSayTheSame) {
  const std::string json = to_json(parse(with(R"("log": null)")).issues);
  EXPECT_NE(json.find(R"("severity": "error")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("line": 1)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("path": "log")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("found": "null")"), std::string::npos) << json;
}

TEST(Parse, PartsThatAreNotBuiltYetAreCheckedAndWarnedAboutWhenWritten) {
  const ParseResult result = parse(with(R"("faults": {"allow": true}, "dns": {"servers": ["::1"]},
"limits": {"min_rate": "1KiB/s", "per_client": 5},
"failback": {"canary": 0.1})"));
  EXPECT_TRUE(result.config);
  EXPECT_EQ(
      lines(result),
      R"(f.json:1:22: warning: faults.allow: true lets an operator break the way to the endpoints; leave it out of profiles that are not rehearsed
f.json:1:36: warning: dns: not in this version; it is checked and otherwise ignored
f.json:3:24: warning: failback.canary: not in this version; it is checked and otherwise ignored
)");
  const ParseResult ledger = parse(R"({"durable": {"task_hub": "shared",
  "ledger": {"max_wait": "0s"}, "start_routes": [{"route": "POST /a/{fun}", "via": "built_in"}]},
  "endpoints": [{"name": "a", "url": "http://127.0.0.1:1"}, {"name": "b", "url": "http://127.0.0.1:2"}]})");
  EXPECT_EQ(
      lines(ledger),
      R"(f.json:2:26: error: durable.ledger.max_wait: "0s" is outside 1s..3650d; choose one inside
f.json:2:60: error: durable.start_routes[0].route: "POST /a/{fun}" has an unknown placeholder; use {function} and {instanceId}
f.json:2:84: error: durable.start_routes[0].via: "built_in" is not known here; did you mean "built-in"?
)");
}

}  // namespace
}  // namespace config
