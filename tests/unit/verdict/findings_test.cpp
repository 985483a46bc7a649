// Each finding appears when the record shows it, and only then.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "plays.hpp"

namespace verdict::testing {
namespace {

using scenario::FaultKind;

struct Row {
  std::string name;
  Severity severity;
  std::string text, change;  // parts of what it must say
  std::function<void(Play&)> spoil;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

void alert(Play& play, const char* kind) {
  play.record.glimpses[50].alerts = {kind};
}

Start& start_of(Play& play, int number) {
  return play.record.starts[static_cast<std::size_t>(number)];
}

void answer_starts(Play& play, int status, const char* by) {
  for (Request& request : play.record.requests)
    if (request.kind == RequestKind::start && request.due > known_at && request.due < back_at) {
      request.status = status;
      request.trouble = "status " + std::to_string(status);
      request.served_by = by;
    }
}

void never_noticed(Play& play) {
  play.record.events.clear();
  for (Glimpse& glimpse : play.record.glimpses) glimpse.status["primary"] = "Online";
}

void fail_gets(Play& play, At from, At to) {
  for (Request& request : play.record.requests)
    if (request.kind == RequestKind::get && request.due >= from && request.due < to)
      request.trouble = "status 502";
}

void none_online(Play& play) {
  for (Glimpse& glimpse : play.record.glimpses)
    if (glimpse.at >= 4s && glimpse.at < 5s)
      glimpse.status["primary"] = glimpse.status["secondary"] = "Degraded";
}

void slow_gets(Play& play, At from, At to, const char* by) {
  for (Request& request : play.record.requests)
    if (request.kind == RequestKind::get && request.due >= from && request.due < to) {
      request.ended = request.due + 900ms;
      request.served_by = by;
    }
}

std::vector<Row> about_starts() {
  return {
      {"duplicate", Severity::high, "1 start ran more than once", "idempotent",
       [](Play& p) { p.record.executions.push_back(p.record.executions[20]); }},
      {"ghost", Severity::high, "told otherwise", "ledger",
       [](Play& p) { start_of(p, 20) = told(20, Said::refused); }},
      {"lost", Severity::high, "1 accepted start is gone", "understudy instances listed",
       [](Play& p) { p.record.executions.erase(p.record.executions.begin() + 20); }},
      {"stranded", Severity::medium, "was not final", "understudy instances stranded",
       [](Play& p) { start_of(p, 20).final.clear(); }},
      {"unknown", Severity::medium, "outcome stayed unknown", "understudy instances unknown",
       [](Play& p) { start_of(p, 20) = told(20, Said::unknown); }},
      {"failed", Severity::medium, "1 start failed", "durable.start_routes",
       [](Play& p) {
         start_of(p, 20) = told(20, Said::failed);
         p.record.executions.erase(p.record.executions.begin() + 20);
       }},
      {"unanswered", Severity::medium, "1 start was never answered", "same instance id",
       [](Play& p) { start_of(p, 20) = told(20, Said::unanswered); }},
      {"misnamed", Severity::high, "under another id", "starter function",
       [](Play& p) { p.record.executions[20].id = "else"; }},
      {"nobodys", Severity::medium, "that no client started", "task hub",
       [](Play& p) { p.record.executions.push_back(run_of(999)); }},
      {"wrong_urls", Severity::high, "past the proxy", "public_origin",
       [](Play& p) { start_of(p, 20).wrong_urls = {"http://app/x"}; }},
      {"false_404", Severity::high, "2 polls of accepted starts got 404", "durable.task_hub",
       [](Play& p) { start_of(p, 20).polls[404] = 2; }},
      {"possible_duplicates", Severity::low, "marked 2 starts as possible duplicates",
       "possible-duplicates", [](Play& p) { p.record.possible_duplicates = 2; }},
      {"wrong_function", Severity::high, "refused by \"secondary\" as wrong", "deploy",
       [](Play& p) { answer_starts(p, 400, "secondary"); }},
      {"wrong_function_of_whoever", Severity::high, "refused by an app as wrong", "deploy",
       [](Play& p) { answer_starts(p, 404, ""); }},
      {"nobody_to_ask", Severity::note, "nobody could be asked what ran", "",
       [](Play& p) { p.record.executions_known = false; }},
  };
}

std::vector<Row> about_the_outage() {
  return {
      {"gray_failure", Severity::high, "passed its probes: nobody noticed", "probe.path",
       [](Play& p) {
         never_noticed(p);
         fail_gets(p, 4s, 5s);
       }},
      {"disagreement", Severity::medium, "probes and live traffic disagreed", "probe.path",
       [](Play& p) {
         for (std::size_t i = 50; i < 60; ++i) p.record.glimpses[i].alerts = {"disagreement"};
       }},
      {"no_failover", Severity::high, "no other endpoint took over", "understudy status",
       [](Play& p) { fail_gets(p, fault_at, back_at); }},
      {"late_detection", Severity::medium,
       "detect was missed, and until the endpoint counted as degraded 400 ms went by",
       "probe.interval, probe.timeout or probe.tolerated_failures",
       [](Play& p) { p.scenario.objectives.detect = 300ms; }},
      {"late_http_rto", Severity::medium, "http_rto was missed", "probe.interval",
       [](Play& p) { p.scenario.objectives.http_rto = 300ms; }},
      {"clients_that_stayed", Severity::medium, "ride their answer until its TTL",
       "stickiness.on_degraded",
       [](Play& p) {
         p.scenario.proxy = R"({"stickiness": {"on_degraded": "hold"}})";
         fail_gets(p, 4s, 5s);
       }},
      {"clients_not_back", Severity::low, "keeps its sticky answer until the TTL ends",
       "answered_by \"primary\"",
       [](Play& p) {
         for (Request& request : p.record.requests)
           if (request.due >= back_at && request.served_by == "primary")
             request.served_by = "secondary";
       }},
      {"waited", Severity::low, "requests waited for the broken endpoint, up to 900 ms",
       "probe.timeout", [](Play& p) { slow_gets(p, fault_at, known_at, "secondary"); }},
      {"slow_itself", Severity::low, "\"primary\" itself answered", "a slow answer",
       [](Play& p) { slow_gets(p, 4s, 5s, "primary"); }},
      {"standby_cold", Severity::low, "after the failover", "keep the standby warm",
       [](Play& p) { slow_gets(p, 4s, 5s, "secondary"); }},
      {"switches", Severity::medium, "the active endpoint changed 6 times", "failback.healthy_for",
       [](Play& p) {
         for (const int i : {60, 65})
           p.record.glimpses[static_cast<std::size_t>(i)].active = "primary";
       }},
      {"tls", Severity::medium, "\"primary\" was taken out because of TLS", "renew",
       [](Play& p) { p.record.events[0].text = "primary: 3 attempts failed (tls_failed)"; }},
      {"keys_differ", Severity::high, "got 401", "understudy keys sync",
       [](Play& p) { answer_starts(p, 401, "secondary"); }},
      {"key_refused", Severity::high, "refused the key", "understudy keys diff",
       [](Play& p) { alert(p, "endpoint_key_refused"); }},
      {"throttled", Severity::medium, "throttled (429)", "size the endpoint",
       [](Play& p) { answer_starts(p, 429, "secondary"); }},
      {"troubles", Severity::note, "requests that failed: 16 status 502", "",
       [](Play& p) { fail_gets(p, 4s, 5s); }},
      {"never_online", Severity::high, "never Online", "understudy validate --probe",
       [](Play& p) { alert(p, "never_online"); }},
      {"none_online", Severity::medium, "for a while no endpoint was Online", "all_degraded",
       none_online},
      {"hub_claim", Severity::high, "do not lie as", "durable.task_hub",
       [](Play& p) { alert(p, "hub_claim"); }},
      {"proxy_gone", Severity::medium, "the proxy itself could not be reached", "two of them",
       [](Play& p) { p.record.glimpses[50].reachable = false; }},
      {"busy", Severity::low, "sent up to 400 ms late", "quiet machine",
       [](Play& p) { p.record.load_late = 400ms; }},
  };
}

std::vector<Row> about_the_work() {
  return {
      {"replication", Severity::high, "lost 2 instances; the last one's Last Sync Time was 1.50 s",
       "understudy storage failed-over",
       [](Play& p) {
         AccountFailover failover;
         failover.lost = {"a", "b"};
         failover.began = 5s;
         failover.last_sync = 3'500ms;
         p.record.failovers = {failover};
       }},
      {"single_point_of_failure", Severity::high, "single point of failure", "geo-replicated",
       [](Play& p) {
         scenario::Storage account;
         account.name = "shared";
         p.scenario.topology.storage = {account};
         p.record.faults[0].target = "shared";
         none_online(p);
       }},
      {"crossed_regions", Severity::note, "moved 2 KiB to and from storage of another region", "",
       [](Play& p) {
         AppTraffic traffic;
         traffic.app = "secondary";
         traffic.bytes_in = 2048;
         traffic.crosses_regions = true;
         p.record.normal.traffic = {traffic};
       }},
      {"standby_ran", Severity::note,
       "the standby \"secondary\" ran 1 orchestration and 3 activities", "",
       [](Play& p) { p.record.normal.shares = {{"shared", "secondary", 1, 3}}; }},
      {"work_elsewhere", Severity::medium, "the app lease stays", "understudy makeprimary",
       [](Play& p) { alert(p, "work_elsewhere"); }},
      {"both_at_work", Severity::low, "\"primary\" began 1 orchestration while the proxy",
       "idempotent", [](Play& p) { p.record.executions[20].app = "primary"; }},
      {"two_regions_ran", Severity::note, "orchestrations ran in 2 regions", "",
       [](Play& p) { p.scenario.topology.task_hub = config::TaskHub::per_region; }},
      {"burst", Severity::note, "orchestrations completed within a second", "burst",
       [](Play& p) {
         for (int number = 10; number < 30; ++number)
           p.record.executions[static_cast<std::size_t>(number)].finished = healed_at + 1s;
       }},
      {"not_recovered", Severity::medium, "1 of 4 orchestrations that ran when", "stranded",
       [](Play& p) { p.record.executions[11].finished.reset(); }},
  };
}

std::vector<Row> rows() {
  std::vector<Row> all = about_starts();
  for (const auto& more : {about_the_outage(), about_the_work()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<Finding> holding(const Judgement& judgement, const std::string& text) {
  std::vector<Finding> out;
  for (const Finding& one : judgement.findings)
    if (one.text.find(text) != std::string::npos) out.push_back(one);
  return out;
}

class EachFinding : public ::testing::TestWithParam<Row> {};

TEST_P(EachFinding, AppearsOnceWhenTheRecordShowsIt) {
  Play play = sound_outage();
  GetParam().spoil(play);
  const Judgement judgement = play.judge();
  const auto found = holding(judgement, GetParam().text);
  ASSERT_EQ(found.size(), 1u) << texts(judgement);
  EXPECT_EQ(found[0].severity, GetParam().severity);
  EXPECT_NE(found[0].change.find(GetParam().change), std::string::npos) << found[0].change;
  EXPECT_EQ(found[0].change.empty(), GetParam().change.empty());
}

TEST_P(EachFinding, IsNotMadeOfAnotherOnesRecord) {
  for (const Row& other : rows()) {
    if (other.name == GetParam().name) continue;
    Play play = sound_outage();
    other.spoil(play);
    const bool follows =  // what one shows, the other may show as well
        (GetParam().name == "troubles" &&
         (other.name == "gray_failure" || other.name == "no_failover" ||
          other.name == "clients_that_stayed")) ||
        (GetParam().name == "none_online" && other.name == "single_point_of_failure");
    if (follows) continue;
    EXPECT_TRUE(holding(play.judge(), GetParam().text).empty()) << "made by " << other.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, EachFinding, ::testing::ValuesIn(rows()),
                         [](const auto& row) { return row.param.name; });

TEST(Findings, OfASoundRunAreNone) {
  const Judgement judgement = sound_outage().judge();
  EXPECT_TRUE(judgement.findings.empty()) << texts(judgement);
}

TEST(Findings, TheWorstComeFirstAndKeepTheirOrder) {
  Play play = sound_outage();
  for (const Row& row : about_the_work()) row.spoil(play);
  for (const Row& row : about_starts()) row.spoil(play);
  const Judgement judgement = play.judge();
  ASSERT_GT(judgement.findings.size(), 8u);
  EXPECT_TRUE(
      std::is_sorted(judgement.findings.begin(), judgement.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.severity < b.severity; }));
}

// Checking at its start, no endpoint is Online yet, and that tells nothing.
TEST(Findings, EndpointsThatAreCheckedAtTheStartAreNoOutage) {
  Play play = sound_outage();
  for (std::size_t i = 0; i < 5; ++i)
    play.record.glimpses[i].status = {{"primary", "CheckingEndpoint"},
                                      {"secondary", "CheckingEndpoint"}};
  play.record.glimpses[0].reachable = false;
  EXPECT_TRUE(play.judge().findings.empty()) << texts(play.judge());
}

TEST(Findings, AMomentsDisagreementIsNone) {
  Play play = sound_outage();
  for (std::size_t i = 50; i < 59; ++i) play.record.glimpses[i].alerts = {"disagreement"};
  EXPECT_FALSE(has(play.judge(), "disagreed")) << texts(play.judge());
}

TEST(Findings, ARefusalIsNotCalledAFailureAsWell) {
  for (const int status : {400, 401, 429}) {
    Play play = sound_outage();
    answer_starts(play, status, "secondary");
    for (const Request& request : play.record.requests)
      if (request.status == status) {
        const int number = static_cast<int>(request.due / 250ms);
        start_of(play, number) = told(number, Said::failed);
      }
    const Judgement judgement = play.judge();
    EXPECT_EQ(judgement.starts.failed, 18);
    EXPECT_FALSE(has(judgement, "starts failed:")) << texts(judgement);
  }
}

TEST(Findings, WithEverythingDownThereWasNothingToTakeOver) {
  Play play = sound_outage();
  fail_gets(play, fault_at, back_at);
  none_online(play);
  EXPECT_FALSE(has(play.judge(), "took over")) << texts(play.judge());
  EXPECT_TRUE(has(play.judge(), "no endpoint was Online")) << texts(play.judge());
}

TEST(Findings, ADeadProxyIsNoEndpointThatNobodyNoticed) {
  Play play = sound_outage();
  play.record.faults[0].target = "proxy";
  never_noticed(play);
  fail_gets(play, fault_at, healed_at);
  EXPECT_FALSE(has(play.judge(), "nobody noticed")) << texts(play.judge());
}

// What took the time was something else: shorter probes would not help.
TEST(Findings, ProbeSettingsAreNotBlamedForWhatComesAfterDetection) {
  Play play = sound_outage();
  play.scenario.objectives.http_rto = 2s;
  fail_gets(play, fault_at, 7s);
  for (Request& request : play.record.requests)
    if (request.due >= fault_at && request.due < 7s) request.trouble = "status 400";
  EXPECT_FALSE(has(play.judge(), "http_rto was missed")) << texts(play.judge());
}

TEST(Findings, StorageOfOneRegionIsNoSinglePointOfFailure) {
  Play play = sound_outage();
  scenario::Storage account;
  account.name = "shared";
  play.scenario.topology.storage = {account};
  play.record.faults[0].target = "shared";
  EXPECT_FALSE(has(play.judge(), "single point of failure")) << "the other endpoint was Online";
  none_online(play);
  play.scenario.topology.task_hub = config::TaskHub::per_region;
  EXPECT_FALSE(has(play.judge(), "single point of failure")) << "not shared";
}

TEST(Findings, WhatAnAccountFailoverLostIsSaidOnce) {
  Play play = sound_outage();
  play.record.failovers.emplace_back();
  play.record.failovers[0].lost = {"id-20"};
  play.record.executions[20].lost = true;
  const Judgement judgement = play.judge();
  EXPECT_EQ(judgement.starts.lost, 1);
  EXPECT_TRUE(has(judgement, "account failovers lost 1 instance")) << texts(judgement);
  EXPECT_FALSE(has(judgement, "gone without a run")) << texts(judgement);
}

}  // namespace
}  // namespace verdict::testing
