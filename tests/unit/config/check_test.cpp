// Relations between values: one exact line each, and silence where there is nothing to say.
#include "support.hpp"

namespace config {
namespace {

using testing::Outside;
using testing::parse;
using testing::with;
using testing::with_endpoints;

struct Row {
  const char* text;  // "endpoints" of the file, or more keys (see the suites)
  const char* line;  // the one issue without file name and position
};

// The issues without "f.json:line:column: ".
std::string said(const ParseResult& result) {
  std::string text;
  for (Issue issue : result.issues) {
    issue.file.clear();
    issue.line = 0;
    text += to_text(issue) + "\n";
  }
  return text;
}

class Keys : public ::testing::TestWithParam<Row> {};
TEST_P(Keys, BringOneIssue) {
  EXPECT_EQ(said(parse(with(GetParam().text))), std::string(GetParam().line) + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Relations, Keys,
    ::testing::Values(
        Row{R"("listen": [{}])",
            R"(error: listen[0]: has no address; write "address": "127.0.0.1:8080")"},
        Row{R"("listen": [{"address": "127.0.0.1:1"}, {"address": "127.0.0.1:1"}])",
            R"(error: listen[1].address: "127.0.0.1:1" is already used by listen[0]; remove one of them)"},
        Row{R"("listen": [{"address": "127.0.0.1:8081"}])",
            R"(error: listen[0].address: "127.0.0.1:8081" is the address of the admin listener; give admin.address another port)"},
        Row{R"("listen": [{"address": "127.0.0.1:7072"}])",
            R"(error: endpoints[1].url: "http://127.0.0.1:7072" is this proxy's own listener (127.0.0.1:7072); an endpoint is another server)"},
        Row{R"("listen": [{"address": "0.0.0.0:7072"}])",
            R"(error: endpoints[1].url: "http://127.0.0.1:7072" is this proxy's own listener (0.0.0.0:7072); an endpoint is another server)"},
        Row{R"("admin": {"address": "127.0.0.1:7071"})",
            R"(error: endpoints[0].url: "http://127.0.0.1:7071" is this proxy's admin listener; an endpoint is another server)"},
        Row{R"("admin": {"address": "0.0.0.0:9000"})",
            R"(error: admin.address: "0.0.0.0:9000" opens the admin listener to other machines without tokens; use a loopback address)"},
        Row{R"("trusted_proxies": ["10.0.0.0/8", "0.0.0.0/0"])",
            R"(warning: trusted_proxies[1]: "0.0.0.0/0" trusts forwarded headers from everyone; list the proxies in front of this one)"},
        Row{R"("trusted_proxies": ["10.0.0.1/8"])",
            R"(error: trusted_proxies[0]: "10.0.0.1/8" has address bits set after its prefix; shorten the address or lengthen the prefix)"},
        Row{R"("stickiness": {"client": "cookie"})",
            R"(warning: stickiness.client: "cookie" has no stickiness.cookie_keys; clients ask again after a restart and at each other proxy; give all proxies the same key)"},
        Row{R"("stickiness": {"client": "cookie", "cookie_keys": ["0123456789abcdef", "0123456789abcde"]})",
            R"(error: stickiness.cookie_keys[1]: is shorter than 16 characters; take a random text, as of `openssl rand -hex 32`)"},
        Row{R"("stickiness": {"client": "cookie", "cookie_keys": ["0123456789abcdef"], "max_clients": 5})",
            R"(warning: stickiness.max_clients: has no effect; cookies need no memory here; remove it)"},
        Row{R"("stickiness": {"client": "cookie", "cookie": "a b", "cookie_keys": ["0123456789abcdef"]})",
            R"(error: stickiness.cookie: "a b" is not a cookie name; write it like "understudy")"},
        Row{R"("stickiness": {"cookie": "us", "cookie_keys": ["0123456789abcdef"]})",
            R"(warning: stickiness.cookie: has no effect; write "client": "cookie" to use it
warning: stickiness.cookie_keys: has no effect; write "client": "cookie" to use it)"},
        Row{R"("stickiness": {"client": "header"})",
            R"(error: stickiness.client: "header" needs the name of the header; add stickiness.header)"},
        Row{R"("stickiness": {"header": "X-Client"})",
            R"(warning: stickiness.header: has no effect; write "client": "header" to use it)"},
        Row{R"("stickiness": {"ttl": "60s"})",
            R"(warning: stickiness.ttl: 60s is longer than failback.healthy_for (10s); sticky clients stay on the secondary long after failback)"},
        Row{R"("failback": {"healthy_for": "60s", "flap_max": "30s"})",
            R"(warning: failback.flap_max: 30s is shorter than healthy_for (60s); an endpoint that keeps relapsing gets no longer wait)"},
        Row{R"("probe": {"timeout": "3s"})",
            R"(warning: probe.timeout: 3s is longer than the interval (1s); probes of a frozen endpoint then start a timeout apart)"},
        Row{R"("probe": {"doubt_interval": "2s"})",
            R"(warning: probe.doubt_interval: is not shorter than the interval; it has no effect; lower it or remove it)"},
        Row{R"("probe": {"protocol": "tcp", "path": "/x"})",
            R"(error: probe.path: has no meaning for a TCP probe; remove it, or choose http or https)"},
        Row{R"("probe": {"headers": [{"name": "Host", "value": "a"}, {"name": "host", "value": "b"}]})",
            R"(error: probe.headers[1].name: "host" is already given above; keep one of them)"},
        Row{R"("probe": {"headers": [{"name": "Connection", "value": "close"}]})",
            R"(error: probe.headers[0].name: "Connection" belongs to the connection; this proxy sets it where it is needed)"},
        Row{R"("probe": {"headers": [{"name": "X A", "value": "b"}]})",
            R"(error: probe.headers[0].name: "X A" is not a header name; write it like "X-Probe")"},
        Row{R"("probe": {"headers": [{"name": "Host", "value": "*.example.com"}]})",
            R"(error: probe.headers[0].value: a Host header cannot hold a "*"; name one host)"}));

class Endpoints : public ::testing::TestWithParam<Row> {};
TEST_P(Endpoints, BringOneIssue) {
  EXPECT_EQ(said(parse(with_endpoints(GetParam().text))), std::string(GetParam().line) + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Relations, Endpoints,
    ::testing::Values(
        Row{"",
            R"(error: endpoints: needs at least one endpoint; add {"name": "primary", "url": "https://..."})"},
        Row{R"({"name": "a", "url": "http://127.0.0.1:1"})",
            R"(warning: endpoints: has only one endpoint; there is nothing to fail over to; add a second one)"},
        Row{R"({"url": "http://127.0.0.1:1"}, {"name": "b", "url": "http://127.0.0.1:2"})",
            R"(error: endpoints[0]: has no name; add one, like "primary")"},
        Row{R"({"name": "a"}, {"name": "b", "url": "http://127.0.0.1:2"})",
            R"(error: endpoints[0]: has no url; add one, like "https://app.example.com")"},
        Row{R"({"name": "a", "url": "http://127.0.0.1:1", "priority": 4}, {"name": "b", "url": "http://127.0.0.1:2", "priority": 4})",
            R"(error: endpoints[1].priority: 4 is already used by "a"; give each endpoint its own priority)"},
        Row{R"({"name": "a", "url": "http://127.0.0.1:1", "priority": 4}, {"name": "b", "url": "http://127.0.0.1:2"})",
            R"(error: endpoints[1]: has no priority, but other endpoints do; give all of them one, or none (then their order counts))"},
        Row{R"({"name": "a", "url": "http://127.0.0.1:1", "priority": 1001}, {"name": "b", "url": "http://127.0.0.1:2", "priority": 1})",
            R"(error: endpoints[0].priority: 1001 is outside 1..1000; choose one inside)"},
        Row{R"({"name": "a", "url": "http://127.0.0.1:1"}, {"name": "b", "url": "http://127.0.0.1:1/other"})",
            R"(warning: endpoints[1].url: "127.0.0.1:1" is the same server as "a"; an outage takes both; there is nothing to fail over to)"},
        Row{R"({"name": "a", "url": "http://127.0.0.1:1", "enabled": false}, {"name": "b", "url": "http://127.0.0.1:2", "enabled": false})",
            R"(warning: endpoints: every endpoint is disabled; all requests will get 503)"},
        Row{R"({"name": "a", "url": "http://127.0.0.1:1", "enabled": false, "always_serve": true}, {"name": "b", "url": "http://127.0.0.1:2"})",
            R"(warning: endpoints[0].always_serve: has no effect on a disabled endpoint; enable the endpoint or remove it)"},
        Row{R"({"name": "a", "url": "http://127.0.0.1:1", "host": "explicit"}, {"name": "b", "url": "http://127.0.0.1:2"})",
            R"(error: endpoints[0].host: "explicit" needs the host name to send; add host_value)"},
        Row{R"({"name": "a", "url": "http://127.0.0.1:1", "host_value": "x"}, {"name": "b", "url": "http://127.0.0.1:2"})",
            R"(error: endpoints[0].host_value: "x" has no effect; write "host": "explicit" to use it)"},
        Row{R"({"name": "a", "url": "https://a", "probe": {"preset": "responsive"}}, {"name": "b", "url": "https://b"})",
            R"(error: endpoints[0].probe.preset: "responsive" is for loopback and http endpoints, and "a" is neither; use azure there: brief trouble of a remote host is no outage)"},
        Row{R"({"name": "a", "url": "https://a", "keys": {"durable": "k"}}, {"name": "b", "url": "https://b"})",
            R"(error: endpoints[0].keys: would be lent to every client, because clients.keys is not set; set clients.keys, or write "clients": {"anonymous": true} to mean it; a key for the probe alone is probe.key)"},
        Row{R"({"name": "a", "url": "http://a", "probe": {"key": "k"}}, {"name": "b", "url": "https://b"})",
            R"(warning: endpoints[0].url: "http://a" is not encrypted, and keys are sent to it; use https)"},
        Row{R"({"name": "a", "url": "http://a", "secret_header": {"name": "Host", "value": "x"}}, {"name": "b", "url": "http://b"})",
            R"(warning: endpoints[0].url: "http://a" is not encrypted, and keys are sent to it; use https
error: endpoints[0].secret_header.name: "Host" is set by the endpoint's host policy; use host and host_value)"},
        Row{R"({"name": "a", "url": "https://a", "secret_header": {"name": "HOST", "value": "x"}}, {"name": "b", "url": "https://b"})",
            R"(error: endpoints[0].secret_header.name: "HOST" is set by the endpoint's host policy; use host and host_value)"},
        Row{R"({"name": "a", "url": "https://a", "secret_header": {"name": "content-LENGTH", "value": "x"}}, {"name": "b", "url": "https://b"})",
            R"(error: endpoints[0].secret_header.name: "content-LENGTH" belongs to the connection; this proxy sets it where it is needed)"},
        Row{R"({"name": "a", "url": "https://a", "secret_header": {"name": "X-Functions-Key", "value": "x"}}, {"name": "b", "url": "https://b", "secret_header": {"name": "X-MS-Client-Principal-Id", "value": "x"}})",
            R"(error: endpoints[0].secret_header.name: "X-Functions-Key" has a meaning of its own; take a name that nobody else sends, like "X-Proxy-Secret"
error: endpoints[1].secret_header.name: "X-MS-Client-Principal-Id" has a meaning of its own; take a name that nobody else sends, like "X-Proxy-Secret")"},
        Row{R"({"name": "a", "url": "https://a", "secret_header": {"name": "X-Azure-FDID", "value": "x"}, "probe": {"headers": [{"name": "x-azure-fdid", "value": "y"}]}}, {"name": "b", "url": "https://b", "secret_header": {"name": "X-Azure-FDID", "value": "x"}})",
            R"(error: endpoints[0].secret_header.name: "X-Azure-FDID" is a header of the probe as well; remove it from probe.headers: probes send the secret header too)"},
        Row{R"({"name": "a", "url": "https://a", "secret_header": {"name": "X-Lock"}}, {"name": "b", "url": "https://b"})",
            R"(error: endpoints[0].secret_header: has no value; it needs name and value)"},
        Row{R"({"name": "a", "url": "https://a", "tls": {"ca": "nope.pem"}}, {"name": "b", "url": "https://b"})",
            R"(error: endpoints[0].tls.ca: "nope.pem" cannot be read; relative names start at the folder of this file)"},
        Row{R"({"name": "a", "url": "http://a", "tls": {"server_name": "x"}}, {"name": "b", "url": "http://b"})",
            R"(warning: endpoints[0].tls: has no effect on an http endpoint; use an https url)"}));

// Azure's own ranges, from the settings table of its monitoring documentation.
class TrafficManager : public ::testing::TestWithParam<Row> {};
TEST_P(TrafficManager, AcceptsWhatAzureAcceptsAndNothingElse) {
  const std::string expected = GetParam().line;
  const ParseResult result = parse(
      with_endpoints(R"({"name": "a", "url": "https://a"}, {"name": "b", "url": "https://b"})",
                     R"("probe": {"preset": "traffic-manager")" +
                         std::string(*GetParam().text ? ", " : "") + GetParam().text + "}"));
  EXPECT_EQ(said(result), expected.empty() ? "" : expected + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Ranges, TrafficManager,
    ::testing::Values(
        Row{"", ""}, Row{R"("interval": "30s", "timeout": "5s")", ""},
        Row{R"("interval": "30s", "timeout": "10s", "tolerated_failures": 0)", ""},
        Row{R"("interval": "10s", "timeout": "9s", "tolerated_failures": 9)", ""},
        Row{R"("interval": "10s", "timeout": "5s")", ""}, Row{R"("protocol": "tcp")", ""},
        Row{R"("status": [200, "201-299", 301, 302, 303, 304, 307, 308])", ""},
        Row{R"("interval": "20s")",
            "error: probe.interval: 20s is no interval of Traffic Manager; choose 10s or 30s"},
        Row{R"("timeout": "4s")",
            "error: probe.timeout: 4s is no timeout of Traffic Manager for an interval of 30s; "
            "choose whole seconds, 5s..10s"},
        Row{R"("timeout": "11s")",
            "error: probe.timeout: 11s is no timeout of Traffic Manager for an interval of 30s; "
            "choose whole seconds, 5s..10s"},
        Row{R"("timeout": "5500ms")",
            "error: probe.timeout: 5500ms is no timeout of Traffic Manager for an interval of 30s; "
            "choose whole seconds, 5s..10s"},
        Row{R"("interval": "10s", "timeout": "10s")",
            "error: probe.timeout: 10s is no timeout of Traffic Manager for an interval of 10s; "
            "choose whole seconds, 5s..9s"},
        Row{R"("tolerated_failures": 10)",
            "error: probe.tolerated_failures: 10 is more than Traffic Manager tolerates; choose "
            "0..9"},
        Row{R"("required_passes": 2)",
            "error: probe.required_passes: 2 is more than Traffic Manager asks for; it returns "
            "after "
            "1; remove the key"},
        Row{R"("method": "HEAD")",
            "error: probe.method: \"HEAD\" is not the method of Traffic Manager; it sends GET; "
            "remove "
            "the key"},
        Row{R"("body_match": "ok")",
            "error: probe.body_match: cannot be: Traffic Manager does not look at bodies; remove "
            "the "
            "key"},
        Row{R"("doubt_interval": "1s")",
            "error: probe.doubt_interval: cannot be: Traffic Manager has one interval; remove the "
            "key"},
        Row{R"("protocol": "tcp", "path": "/")",
            "error: probe.path: has no meaning for a TCP probe; remove it, or choose http or "
            "https"},
        Row{R"("status": [200, 201, 202, 203, 204, 205, 206, 207, 208])",
            "error: probe.status: 9 ranges are more than Traffic Manager knows; keep at most 8"},
        Row{R"("headers": [{"name":"a","value":"1"},{"name":"b","value":"1"},{"name":"c","value":"1"},{"name":"d","value":"1"},{"name":"e","value":"1"},{"name":"f","value":"1"},{"name":"g","value":"1"},{"name":"h","value":"1"},{"name":"i","value":"1"}])",
            "error: probe.headers: 9 headers are more than Traffic Manager sends; keep at most 8"},
        Row{R"("verify_tls": true)",
            "warning: probe.verify_tls: true checks certificates, which Traffic Manager does not; "
            "a "
            "probe may fail here where Azure's would pass"}));

TEST(TrafficManagerTtl, IsWholeSeconds) {
  const ParseResult result =
      parse(with(R"("probe": {"preset": "traffic-manager"}, "stickiness": {"ttl": "1500ms"})"));
  EXPECT_EQ(said(result),
            "error: stickiness.ttl: 1500ms is no TTL of Traffic Manager; use whole seconds\n");
  EXPECT_EQ(
      said(parse(
          with(R"("probe": {"preset": "traffic-manager"}, "stickiness": {"ttl": "2147483647s"})"))),
      "");
}

TEST(TrafficManagerEvidence, DoesNotCount) {
  EXPECT_EQ(
      said(parse(with(R"("probe": {"preset": "traffic-manager"}, "evidence": {"http_min": 5})"))),
      "warning: evidence: has no effect in the traffic-manager preset; live traffic does not "
      "count there\n");
}

TEST(Origin, MustBeFixedWhereOthersCanConnectAndStatusUrlsAreRewritten) {
  const std::string endpoints =
      R"("endpoints": [{"name": "a", "url": "http://127.0.0.1:1"}, {"name": "b", "url": "http://127.0.0.1:2"}]})";
  EXPECT_EQ(
      said(
          parse(R"({"listen": [{"address": "0.0.0.0:8080"}], "durable": {"task_hub": "shared"}, )" +
                endpoints)),
      "error: listen[0].address: \"0.0.0.0:8080\" can be reached from other machines, so status "
      "URLs need a fixed origin; set public_origin to the URL that clients use\n");
  EXPECT_EQ(
      said(parse(R"({"listen": [{"address": "0.0.0.0:8080"}], "public_origin": "http://p:8080",
                "durable": {"task_hub": "shared"}, )" +
                 endpoints)),
      "");
  EXPECT_EQ(
      said(parse(R"({"listen": [{"address": "0.0.0.0:8080"}], "durable": {"task_hub": "none"}, )" +
                 endpoints)),
      "");
}

TEST(Durable, SaysThatStartsAreNotProtected) {
  EXPECT_EQ(said(parse(R"({"endpoints": [{"name": "a", "url": "http://127.0.0.1:1"},
                                         {"name": "b", "url": "http://127.0.0.1:2"}]})")),
            "warning: starts are not protected: set durable.task_hub; to shared, per_region or "
            "geo_replicated, or to none when no Durable Functions are behind this proxy\n");
}

TEST(Durable, WarnsOfHastyFailoversWithAHubPerRegion) {
  const std::string endpoints =
      R"({"durable": {"task_hub": "per_region"}, "endpoints": [{"name": "a", "url": "http://127.0.0.1:1"},
         {"name": "b", "url": "http://127.0.0.1:2"}])";
  EXPECT_EQ(said(parse(endpoints + "}")),
            "warning: durable.task_hub: \"per_region\" with an outage detected in 4100ms (a); each "
            "failover strands instances in the other region's hub; let an outage last 30s before "
            "acting: raise interval or tolerated_failures\n");
  EXPECT_EQ(said(parse(endpoints + R"(, "probe": {"interval": "30s", "timeout": "5s"}})")), "");
}

TEST(Durable, WarnsWhenTheProbeProvesOnlyTheHost) {
  EXPECT_EQ(
      said(parse(R"({"durable": {"task_hub": "shared"}, "endpoints": [
    {"name": "a", "url": "https://a"}, {"name": "b", "url": "http://127.0.0.1:2"}]})")),
      "warning: endpoints[0]: is probed at \"/\", which proves only the host, not the task hub; "
      "set keys.durable or probe.key for the Durable probe, or probe.path\n");
}

// `durable` without its braces, before two direct endpoints.
std::string with_durable(const std::string& durable) {
  return R"({"durable": {)" + durable + R"(}, "endpoints": [
    {"name": "a", "url": "http://127.0.0.1:1"}, {"name": "b", "url": "http://127.0.0.1:2"}]})";
}

class Starts : public ::testing::TestWithParam<Row> {};
TEST_P(Starts, BringOneIssue) {
  const std::string line = GetParam().line;
  EXPECT_EQ(said(parse(with_durable(GetParam().text))), line.empty() ? "" : line + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Relations, Starts,
    ::testing::Values(
        Row{R"("task_hub": "shared", "start_routes": [
                {"route": "POST /api/orchestrators/{function}", "via": "built-in"},
                {"route": "GET /api/go", "via": "as-is"}])",
            ""},
        Row{R"("task_hub": "shared", "start_routes": [{"route": "GET /api/{function}", "via": "built-in"}])",
            R"(error: durable.start_routes[0].route: "GET /api/{function}" is sent to the built-in start route, which takes POST; write "POST /api/{function}", or "via": "as-is")"},
        Row{R"("task_hub": "shared", "start_routes": [{"route": "POST /api/go/{instanceId}", "via": "built-in"}])",
            R"(error: durable.start_routes[0].route: "POST /api/go/{instanceId}" does not say which function the built-in start route is to start; put {function} where its name stands, or "via": "as-is")"},
        Row{R"("task_hub": "shared", "start_routes": [{"via": "as-is"}])",
            R"(error: durable.start_routes[0]: has no route; write "route": "POST /api/...")"},
        Row{R"("task_hub": "shared", "start_routes": [{"route": "POST /api/go"}, {"route": "PUT /api/go"},
                {"route": "POST /api/go", "via": "as-is"}])",
            R"(error: durable.start_routes[2].route: "POST /api/go" is already used by durable.start_routes[0]; remove one of them)"},
        Row{R"("task_hub": "shared", "ledger": {"answer_after": "20s", "give_up_after": "20s"})",
            R"(warning: durable.ledger.give_up_after: 20s is not longer than answer_after (20s); starts are listed for an operator before their clients were answered)"},
        Row{R"("task_hub": "shared", "ledger": {"settle_after": "1s"})", ""},
        Row{R"("task_hub": "shared", "ledger": {"settle_after": "20m"})",
            R"(warning: durable.ledger.settle_after: 20m is not shorter than give_up_after (15m); no start would be repeated: each is listed first)"},
        Row{R"("task_hub": "shared", "hub_retention": "15m")",
            R"(warning: durable.hub_retention: 15m is not longer than give_up_after (15m); a hub that has forgotten its instances proves nothing about a start)"},
        Row{R"("task_hub": "shared", "ledger": {"loss_window": "1h"})",
            R"(warning: durable.ledger.loss_window: has no effect; it is for "task_hub": "geo_replicated")"},
        Row{R"("task_hub": "geo_replicated", "ledger": {"loss_window": "1h", "retention": "30m"})",
            R"(warning: durable.ledger.loss_window: 1h is longer than retention (30m); starts are removed before that, bodies included)"},
        Row{R"("task_hub": "shared", "ledger": {"mode": "memory", "path": "/x"})",
            R"(warning: durable.ledger.path: has no effect; the ledger is kept on disk with a task hub and "mode": "durable")"},
        Row{R"("task_hub": "none", "ledger": {"mode": "durable"})", ""},
        Row{R"("task_hub": "shared", "ledger": {"queue_starts": true})",
            R"(warning: durable.ledger.queue_starts: queues nothing; only starts of clients with a key are queued: set clients.keys)"}));

TEST(Durable, ASettlingTimeTooShortForAFrontEndIsPointedOut) {
  const std::string text = R"({"durable": {"task_hub": "shared", "ledger": {"settle_after": "20s"}},
    "clients": {"keys": ["k"]}, "endpoints": [{"name": "a", "url": "https://a", "keys": {"durable": "x"}},
    {"name": "b", "url": "http://127.0.0.1:2"}]})";
  EXPECT_EQ(said(parse(text)),
            "warning: durable.ledger.settle_after: 20s is shorter than a platform front end may go "
            "on with a request (230s), and one stands before a; leave it out: 5s for direct peers, "
            "240s behind a gateway\n");
}

TEST(Durable, ACustomStarterOfTheBuiltInRouteNeedsAKey) {
  const std::string text = R"({"durable": {"task_hub": "shared", "start_routes":
      [{"route": "POST /api/{function}", "via": "built-in"}]}, "probe": {"path": "/api/health"},
    "endpoints": [{"name": "a", "url": "https://a"}, {"name": "b", "url": "http://127.0.0.1:2"}]})";
  EXPECT_EQ(said(parse(text)),
            "warning: endpoints[0]: has no keys.durable; custom starters sent to the built-in "
            "start route get there only with a client's own key\n");
}

TEST(TlsFiles, AreLookedAt) {
  const auto listen = [](const char* tls) {
    return with(R"("listen": [{"address": "127.0.0.1:8443", "tls": )" + std::string(tls) + "}]");
  };
  const Outside outside{{}, {{"c", "-----BEGIN CERTIFICATE-----"}, {"k", "not pem"}}};
  EXPECT_EQ(
      said(parse(listen(R"({"certificate": "c"})"), outside)),
      "error: listen[0].tls: has no key; a TLS listener needs \"certificate\" and \"key\", both "
      "PEM files\n");
  EXPECT_EQ(
      said(parse(listen(R"({"certificate": "c", "key": "k"})"), outside)),
      "error: listen[0].tls.key: \"k\" is not a PEM file; it holds \"-----BEGIN ...\" blocks\n");
}

TEST(Silence, AnErrorIsNotFollowedByItsConsequences) {
  EXPECT_EQ(said(parse(with(R"("probe": {"preset": "trafic-manager", "interval": "30s"})"))),
            "error: probe.preset: \"trafic-manager\" is not known here; did you mean "
            "\"traffic-manager\"?\n");
  EXPECT_EQ(said(parse(with_endpoints(
                R"({"name": "a", "url": "http:/a"}, {"name": "b", "url": "https://b"})"))),
            "error: endpoints[0].url: \"http:/a\" is not an absolute URL; write it like "
            "\"https://app.example.com\"\n");
  EXPECT_EQ(said(parse(R"({"endpoints": {}, "durable": {"task_hub": "none"}})")),
            "error: endpoints: an object is not a list; write [ ... ]\n");
}

}  // namespace
}  // namespace config
