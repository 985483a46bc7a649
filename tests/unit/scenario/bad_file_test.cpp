// What a scenario file can get wrong, and the exact lines that say so.
#include "support.hpp"

namespace scenario {
namespace {

using testing::file_with;
using testing::lines;
using testing::parse;

struct Row {
  std::string name, text, expected;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

class Bad : public ::testing::TestWithParam<Row> {
 protected:
  void check(const std::string& text) const {
    const ParseResult result = parse(text);
    EXPECT_EQ(lines(result), GetParam().expected) << text;
    EXPECT_FALSE(result.scenario);
  }
};

class BadSteps : public Bad {};

TEST_P(BadSteps, AreNamedWithPlaceRuleAndFix) {
  check(file_with("", testing::two_endpoints, GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Of, BadSteps,
    ::testing::Values(
        Row{"a fault that is misspelt", R"([{"fault": "freze", "target": "west"}])",
            R"(f.json:3:22: error: steps[0].fault: "freze" is not known here; did you mean "freeze"?)"
            "\n"},
        Row{"a fault without a target", R"([{"fault": "kill"}])",
            R"(f.json:3:22: error: steps[0].fault: has no target; name what breaks: "target": "primary")"
            "\n"},
        Row{"a target that is misspelt", R"([{"fault": "kill", "target": "wset"}])",
            R"(f.json:3:40: error: steps[0].target: "wset" is no part of this scenario; did you mean "west"?)"
            "\n"},
        Row{"a key that the fault does not have",
            R"([{"fault": "kill", "target": "west", "by": "1s"}])",
            R"(f.json:3:54: error: steps[0].by: has no meaning for "kill"; it has target, for)"
            "\n"},
        Row{"slow without by", R"([{"fault": "slow", "target": "west"}])",
            R"(f.json:3:22: error: steps[0].fault: "slow" needs "by"; it has target, for, by)"
            "\n"},
        Row{"limit without a rate", R"([{"fault": "limit", "target": "west", "for": "1s"}])",
            R"(f.json:3:22: error: steps[0].fault: "limit" needs "rate"; it has target, for, rate)"
            "\n"},
        Row{"flap that lasts", R"([{"fault": "flap", "target": "west", "times": 2, "for": "2s"}])",
            R"(f.json:3:67: error: steps[0].for: has no meaning for "flap"; it has target, times, up, down)"
            "\n"},
        Row{"a duration without a unit", R"([{"fault": "kill", "target": "west", "for": "2"}])",
            R"(f.json:3:55: error: steps[0].for: "2" has no unit; write "2s")"
            "\n"},
        Row{"a duration that is a number", R"([{"fault": "kill", "target": "west", "for": 2}])",
            R"(f.json:3:55: error: steps[0].for: 2 is not a duration like "10s"; write it in quotes)"
            "\n"},
        Row{"a status out of range", R"([{"fault": "answer", "target": "west", "status": 99}])",
            R"(f.json:3:60: error: steps[0].status: 99 is outside 200..599; choose one inside)"
            "\n"},
        Row{"a path without a slash", R"([{"fault": "answer", "target": "west", "path": "api"}])",
            R"(f.json:3:58: error: steps[0].path: "api" does not start with "/"; write it like "/api/health")"
            "\n"},
        Row{"a rate without a unit", R"([{"fault": "limit", "target": "west", "rate": "100"}])",
            R"(f.json:3:57: error: steps[0].rate: "100" is not a rate; write it like "240B/s")"
            "\n"},
        Row{"a storage fault at an endpoint", R"([{"fault": "storage_errors", "target": "west"}])",
            R"(f.json:3:50: error: steps[0].target: "west" is no storage account; known here: shared)"
            "\n"},
        Row{"a link fault at the proxy", R"([{"fault": "delay", "target": "proxy", "by": "1s"}])",
            R"(f.json:3:41: error: steps[0].target: "proxy" is no endpoint; known here: west, east)"
            "\n"},
        Row{"a link fault at one instance", R"([{"fault": "blackhole", "target": "west#1"}])",
            R"(f.json:3:45: error: steps[0].target: "west#1" is one instance, and a fault of the link is for all of them; name the endpoint)"
            "\n"},
        Row{"an instance that is not there", R"([{"fault": "freeze", "target": "west#2"}])",
            R"(f.json:3:42: error: steps[0].target: "west#2" is no instance of west; it has 1, counted from #1)"
            "\n"},
        Row{"a certificate that nobody has",
            R"([{"fault": "certificate_expired", "target": "west"}])",
            R"(f.json:3:55: error: steps[0].target: "west" has no certificate of the rehearsal; write "stand_in": {"tls": true})"
            "\n"},
        Row{"a heal without a fault before it", R"([{"heal": "west"}])",
            R"(f.json:3:21: error: steps[0].heal: "west" has no fault before it to heal; play one first)"
            "\n"},
        Row{"a heal of everything without a fault before it", R"([{"heal": "all"}])",
            R"(f.json:3:21: error: steps[0].heal: has no fault before it to heal; play a fault first)"
            "\n"},
        Row{"an operation that is misspelt", R"([{"operate": "drian", "target": "west"}])",
            R"(f.json:3:24: error: steps[0].operate: "drian" is not known here; did you mean "drain"?)"
            "\n"},
        Row{"an operation without a target", R"([{"operate": "drain"}])",
            R"(f.json:3:24: error: steps[0].operate: "drain" has no target; name an endpoint)"
            "\n"},
        Row{"an operation at an account", R"([{"operate": "drain", "target": "shared"}])",
            R"(f.json:3:43: error: steps[0].target: "shared" is no endpoint; known here: west, east)"
            "\n"},
        Row{"a reload with a target", R"([{"operate": "reload", "target": "west"}])",
            R"(f.json:3:44: error: steps[0].target: "west" has no meaning for "reload"; remove it)"
            "\n"},
        Row{"a drain that takes time", R"([{"operate": "drain", "target": "west", "takes": "1s"}])",
            R"(f.json:3:60: error: steps[0].takes: has meaning for account failovers only; remove it)"
            "\n"},
        Row{"an account failover without a replica",
            R"([{"operate": "account_failover_planned", "target": "shared"}])",
            R"(f.json:3:62: error: steps[0].target: "shared" has no replica to fail over to; write "task_hub": "geo_replicated", or replicate_every in topology.storage)"
            "\n"},
        Row{"an account failover of an endpoint",
            R"([{"operate": "account_failover_planned", "target": "west"}])",
            R"(f.json:3:62: error: steps[0].target: "west" is no storage account; known here: shared)"
            "\n"},
        Row{"a wait for an unknown endpoint", R"([{"wait_until": {"active": "north"}}])",
            R"(f.json:3:38: error: steps[0].wait_until.active: "north" is no endpoint; known here: west, east)"
            "\n"},
        Row{"a wait for two conditions", R"([{"wait_until": {"healed": true, "work_done": true}}])",
            R"(f.json:3:38: error: steps[0].wait_until.healed: is a second condition; make it a step of its own)"
            "\n"},
        Row{"a wait for nothing", R"([{"wait_until": {}}])",
            R"(f.json:3:27: error: steps[0].wait_until: waits for nothing; write one condition, like {"healed": true})"
            "\n"},
        Row{"a wait for what is misspelt", R"([{"wait_until": {"heald": true}}])",
            R"(f.json:3:28: error: steps[0].wait_until.heald: unknown key; did you mean "healed"?)"
            "\n"},
        Row{"a wait for false", R"([{"wait_until": {"healed": false}}])",
            R"(f.json:3:38: error: steps[0].wait_until.healed: false cannot be waited for; write true, or remove the step)"
            "\n"},
        Row{"a wait for a lease that nobody holds", R"([{"wait_until": {"lease_at": "west"}}])",
            R"(f.json:3:40: error: steps[0].wait_until.lease_at: "west" never holds an app lease; write "stand_in": {"app_lease": true})"
            "\n"},
        Row{"a wait since a fault that was not", R"([{"wait_until": {"since_fault": "1s"}}])",
            R"(f.json:3:43: error: steps[0].wait_until.since_fault: has no fault before it; play a fault first)"
            "\n"},
        Row{"a wait that ends too early",
            R"([{"fault": "kill", "target": "west"}, {"wait_until": {"since_fault": "9s"}, "within": "5s"}])",
            R"(f.json:3:97: error: steps[1].within: 5s ends before what is waited for (9s); raise "within")"
            "\n"},
        Row{"a step of two kinds", R"([{"fault": "kill", "target": "west", "heal": "west"}])",
            R"(f.json:3:56: error: steps[0].heal: cannot stand beside "fault"; make it a step of its own)"
            "\n"},
        Row{"a step of no kind", R"([{}])",
            R"(f.json:3:12: error: steps[0]: is no step; write fault, heal, operate or wait_until)"
            "\n"},
        Row{"a step that is misspelt", R"([{"falt": "kill", "target": "west"}])",
            R"(f.json:3:13: error: steps[0].falt: unknown key; did you mean "fault"?)"
            "\n"
            R"(f.json:3:29: error: steps[0].target: unknown key; known here: fault, heal, operate, wait_until)"
            "\n"},
        Row{"no steps", R"([])",
            R"(f.json:3:11: error: steps: plays nothing; add one, like {"fault": "freeze", "target": "primary", "for": "6s"})"
            "\n"}));

class BadTopology : public Bad {};

TEST_P(BadTopology, AreNamedWithPlaceRuleAndFix) {
  check(file_with("", GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Of, BadTopology,
    ::testing::Values(
        Row{"no endpoints", R"({})",
            R"(f.json:2:14: error: topology: has no endpoints; add "endpoints": [{"name": "primary"}, {"name": "secondary"}])"
            "\n"},
        Row{"an endpoint without a name", R"({"endpoints": [{}]})",
            R"(f.json:2:29: error: topology.endpoints[0]: has no name; add one, like "primary")"
            "\n"},
        Row{"an endpoint whose name means something else",
            R"({"endpoints": [{"name": "west"}, {"name": "proxy"}]})",
            R"(f.json:2:56: error: topology.endpoints[1].name: "proxy" means something else in a step; choose another name)"
            "\n"},
        Row{"two endpoints of one name", R"({"endpoints": [{"name": "west"}, {"name": "west"}]})",
            R"(f.json:2:56: error: topology.endpoints[1].name: "west" is already used by topology.endpoints[0]; give each part its own name)"
            "\n"},
        Row{"two endpoints of one priority",
            R"({"endpoints": [{"name": "west"}, {"name": "east", "priority": 1}]})",
            R"(f.json:2:76: error: topology.endpoints[1].priority: 1 is already used by "west"; give each endpoint its own priority)"
            "\n"},
        Row{"an endpoint of two kinds",
            R"({"endpoints": [{"name": "west", "stand_in": {}, "url": "http://h:1"}]})",
            R"(f.json:2:69: error: topology.endpoints[0].url: cannot stand beside "stand_in"; an endpoint is a stand_in, a command or a url)"
            "\n"},
        Row{"readiness without a command",
            R"({"endpoints": [{"name": "west", "ready": {"path": "/"}}]})",
            R"(f.json:2:55: error: topology.endpoints[0].ready: has no meaning without a command; remove it, or add "command")"
            "\n"},
        Row{"an empty command", R"({"endpoints": [{"name": "west", "command": []}]})",
            R"(f.json:2:57: error: topology.endpoints[0].command: is empty; write the words, like ["func", "start", "--port", "{port}"])"
            "\n"},
        Row{"an environment that is a list",
            R"({"endpoints": [{"name": "west", "command": ["f"], "env": []}]})",
            R"(f.json:2:71: error: topology.endpoints[0].env: a list is not an object; write {"NAME": "value"})"
            "\n"},
        Row{"an endpoint at a broken URL", R"({"endpoints": [{"name": "west", "url": "h:1"}]})",
            R"(f.json:2:53: error: topology.endpoints[0].url: "h:1" is not an absolute URL; write it like "https://app.example.com")"
            "\n"},
        Row{"instances without a gateway",
            R"({"endpoints": [{"name": "west", "stand_in": {"instances": 2, "gateway": false}}]})",
            R"(f.json:2:86: error: topology.endpoints[0].stand_in.gateway: false leaves nobody to spread requests over the instances; remove it: more than one instance stands behind a gateway)"
            "\n"},
        Row{"a cut without a gateway",
            R"({"endpoints": [{"name": "west", "stand_in": {"cut_after": "2s"}}]})",
            R"(f.json:2:72: error: topology.endpoints[0].stand_in.cut_after: has no meaning without a gateway; remove it, or add "gateway": true)"
            "\n"},
        Row{"a lease store that is no process",
            R"({"endpoints": [{"name": "west", "stand_in": {"lease_store": "azurite"}}]})",
            R"(f.json:2:74: error: topology.endpoints[0].stand_in.lease_store: "azurite" is no process of the topology; add it to topology.processes)"
            "\n"},
        Row{"an unknown key of a stand-in",
            R"({"endpoints": [{"name": "west", "stand_in": {"instance": 2}}]})",
            R"(f.json:2:59: error: topology.endpoints[0].stand_in.instance: unknown key; did you mean "instances"?)"
            "\n"},
        Row{"an unknown layout", R"({"task_hub": "per-region", "endpoints": [{"name": "west"}]})",
            R"(f.json:2:27: error: topology.task_hub: "per-region" is not known here; did you mean "per_region"?)"
            "\n"},
        Row{"an account that nobody uses",
            R"({"endpoints": [{"name": "west"}], "storage": [{"name": "sharde"}]})",
            R"(f.json:2:69: error: topology.storage[0].name: "sharde" is the account of no stand-in; did you mean "shared"?)"
            "\n"},
        Row{"a skew without a replica",
            R"({"endpoints": [{"name": "west"}], "storage": [{"name": "shared", "skew": "1s"}]})",
            R"(f.json:2:87: error: topology.storage[0].skew: has no meaning without a replica; add "replicate_every": "1s")"
            "\n"},
        Row{"a process without a command",
            R"({"endpoints": [{"name": "west"}], "processes": [{"name": "azurite"}]})",
            R"(f.json:2:62: error: topology.processes[0]: has no command; add "command": ["azurite", ...])"
            "\n"},
        Row{"the kill of a URL",
            R"({"endpoints": [{"name": "west", "url": "http://h.example.com"}]})",
            R"(f.json:3:40: error: steps[0].target: "west" is a URL, and its process is not ours; use unreachable, or another fault of the link)"
            "\n"},
        Row{"a key that ends a line",
            R"({"endpoints": [{"name": "west", "stand_in": {"durable_key": "a\nb"}}]})",
            R"(f.json:2:74: error: topology.endpoints[0].stand_in.durable_key: is empty, or cannot stand in a header; a key is one line of text)"
            "\n"}));

class BadKeys : public Bad {};

TEST_P(BadKeys, AreNamedWithPlaceRuleAndFix) {
  check(file_with(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Of, BadKeys,
    ::testing::Values(
        Row{"a name in capitals", R"("scenario": "S")",
            R"(f.json:4:14: error: scenario: "S" is not a name; use a-z, 0-9 and "-")"
            "\n"},
        Row{"an empty title", R"("title": "")",
            R"(f.json:4:11: error: title: "" is empty; say it in one line)"
            "\n"},
        Row{"a key that is misspelt", R"("objektives": {})",
            R"(f.json:4:2: error: objektives: unknown key; did you mean "objectives"?)"
            "\n"},
        Row{"a key written twice", R"("load": {}, "load": {})",
            R"(f.json:4:14: error: load: is written twice; keep one of them)"
            "\n"},
        Row{"an objective below zero", R"("objectives": {"lost_starts": -1})",
            R"(f.json:4:32: error: objectives.lost_starts: -1 is outside 0..1000000000; choose one inside)"
            "\n"},
        Row{"a share above one", R"("objectives": {"failed_share": 2})",
            R"(f.json:4:33: error: objectives.failed_share: 2 is outside 0..1; choose one inside)"
            "\n"},
        Row{"an objective in quotes", R"("objectives": {"lost_starts": "0"})",
            R"(f.json:4:32: error: objectives.lost_starts: "0" is not a whole number; write one of 0..1000000000, unquoted)"
            "\n"},
        Row{"an alert that is a word", R"("objectives": {"alert": "never_online"})",
            R"(f.json:4:26: error: objectives.alert: a string is not an object; write { ... })"
            "\n"},
        Row{"a steady state that cannot be reached", R"("steady": {"for": "5s", "within": "2s"})",
            R"(f.json:4:36: error: steady.within: 2s is shorter than steady.for (5s); it could not be reached in time)"
            "\n"},
        Row{"a load of nothing", R"("load": {"mix": {"get": 0, "start": 0}})",
            R"(f.json:4:18: error: load.mix: sends nothing; give "get" or "start" a share above 0)"
            "\n"},
        Row{"a rate that no machine has", R"("load": {"rate": 100000})",
            R"(f.json:4:19: error: load.rate: 100000 is outside 0.1..2000; choose one inside)"
            "\n"},
        Row{"a key of clients that is a number", R"("load": {"key": 12})",
            R"(f.json:4:18: error: load.key: is not a string; write it in quotes)"
            "\n"},
        Row{"a verdict that there is not", R"("expect": "fail")",
            R"(f.json:4:12: error: expect: "fail" is not known here; write one of pass, missed)"
            "\n"},
        Row{"a limit that is too short", R"("limit": "10ms")",
            R"(f.json:4:11: error: limit: "10ms" is outside 1s..1d; choose one inside)"
            "\n"},
        Row{"a variable that is not set", R"("about": "${NOWHERE}")",
            R"(f.json:4:11: error: about: "${NOWHERE}" refers to the environment variable NOWHERE, which is not set; set it before the start, or use {"file": "..."} for a secret)"
            "\n"},
        Row{"a proxy that is a list", R"("proxy": [])",
            R"(f.json:4:11: error: proxy: a list is not an object; write { ... })"
            "\n"},
        Row{"a listener of the proxy", R"("proxy": {"listen": []})",
            R"(f.json:4:22: error: proxy.listen: is chosen by the rehearsal; remove it)"
            "\n"},
        Row{"an admin listener of the proxy", R"("proxy": {"admin": {"address": "127.0.0.1:1"}})",
            R"(f.json:4:21: error: proxy.admin: is chosen by the rehearsal; remove it)"
            "\n"},
        Row{"a list of the proxy's endpoints", R"("proxy": {"endpoints": []})",
            R"(f.json:4:25: error: proxy.endpoints: is not an object; write {"NAME": { keys of that endpoint }}; the list is topology.endpoints)"
            "\n"},
        Row{"an endpoint of the proxy that is misspelt", R"("proxy": {"endpoints": {"wset": {}}})",
            R"(f.json:4:34: error: proxy.endpoints.wset: is no endpoint of the topology; did you mean "west"?)"
            "\n"},
        Row{"a URL in the proxy", R"("proxy": {"endpoints": {"west": {"url": "http://h"}}})",
            R"(f.json:4:42: error: proxy.endpoints.west.url: belongs to topology.endpoints; write it there)"
            "\n"},
        Row{"a key of the proxy that is misspelt", R"("proxy": {"probe": {"intervall": "1s"}})",
            R"(f.json:4:35: error: proxy.probe.intervall: unknown key; did you mean "interval"?)"
            "\n"},
        Row{"a value of the proxy that is out of range",
            R"("proxy": {"probe": {"interval": "1ms"}})",
            R"(f.json:4:34: error: proxy.probe.interval: "1ms" is outside 100ms..1d; choose one inside)"
            "\n"},
        Row{"a key of a proxy's endpoint that is misspelt",
            R"("proxy": {"endpoints": {"west": {"probe": {"pth": "/"}}}})",
            R"(f.json:4:52: error: proxy.endpoints.west.probe.pth: unknown key; did you mean "path"?)"
            "\n"},
        Row{"numbers that the preset does not allow",
            R"("proxy": {"probe": {"preset": "traffic-manager", "interval": "1s"}})",
            R"(f.json:4:63: error: proxy.probe.interval: 1s is no interval of Traffic Manager; choose 10s or 30s)"
            "\n"}));

TEST(BadFiles, AllProblemsAreNamedInOneRun) {
  const ParseResult result = parse(file_with(R"("load": {"rate": 0}, "objektives": {})",
                                             R"({"endpoints": [{"name": "west", "prio": 1}]})",
                                             R"([{"fault": "kil", "target": "west"}])"));
  EXPECT_EQ(result.issues.size(), 4u) << lines(result);
}

TEST(BadFiles, NeverRepeatAKeyOrAnEnvironmentValue) {
  const std::string secret = "Zq7-the-secret";
  for (const std::string& text :
       {file_with("\"load\": {\"key\": \"" + secret + "\\n\"}"),
        file_with("\"load\": {\"key\": \"" + secret + "${NOWHERE}\"}"),
        file_with("",
                  "{\"endpoints\": [{\"name\": \"west\", \"command\": [\"f\"], \"env\": "
                  "{\"A\": \"" +
                      secret + "${NOWHERE}\", \"B\": {\"" + secret + "\": 1}}}]}")}) {
    const ParseResult result = parse(text);
    EXPECT_FALSE(result.scenario) << text;
    EXPECT_EQ(lines(result).find(secret), std::string::npos) << lines(result);
  }
}

TEST(BadFiles, AreNotObjectsOrNotJson) {
  EXPECT_EQ(lines(parse("[]")), "f.json:1:1: error: a list is not an object; a file is { ... }\n");
  EXPECT_EQ(lines(parse("")),
            "f.json:1:1: error: the text ends too early; a file is one object, \"{ ... }\"\n");
  EXPECT_FALSE(parse("{\"scenario\": }").scenario);
}

TEST(BadFiles, ThatCannotBeReadSaySo) {
  const ParseResult result = scenario::parse_file("nowhere.json", testing::no_outside());
  EXPECT_EQ(lines(result),
            "nowhere.json: error: the file cannot be read; check its name and permissions\n");
}

}  // namespace
}  // namespace scenario
