// Verdicts of runs that were written by hand: two endpoints, clients at a steady rate, an outage of
// the primary from second 10 to second 15.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rehearsal/verdict/verdict.hpp"

namespace verdict {
namespace {

using namespace std::chrono_literals;
using scenario::FaultKind;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

struct Play {
  Play() {
    play.name = "run";
    play.topology.endpoints.resize(2);
    play.topology.endpoints[0].name = "primary";
    play.topology.endpoints[1].name = "secondary";
    play.topology.endpoints[1].priority = 2;
    record.best_endpoint = "primary";
    record.executions_known = true;
    record.ended = 30s;
    record.steady_before.emplace().held = true;
    record.steady_after.emplace().held = true;
  }

  Play& outage(At began = 10s, At ended = 15s, FaultKind kind = FaultKind::kill,
               const std::string& target = "primary") {
    FaultSpan span;
    span.kind = kind;
    span.target = target;
    span.began = began;
    span.ended = ended;
    record.faults.push_back(span);
    return *this;
  }
  Play& health(At at, const std::string& endpoint, const std::string& to) {
    ProxyEvent event;
    event.at = at;
    event.kind = "health";
    event.endpoint = endpoint;
    event.to = to;
    record.events.push_back(event);
    return *this;
  }
  Request& get(At due, At took, const std::string& by, const std::string& trouble = "",
               int client = 0) {
    Request request;
    request.due = request.sent = due;
    request.ended = due + took;
    request.served_by = by;
    request.status = trouble.empty() ? 200 : 503;
    request.trouble = trouble;
    request.client = client;
    return record.requests.emplace_back(request);
  }
  // Twenty a second; during the outage by the secondary, from `away` on; failing until then.
  Play& load(At away = 0s, At back = 0s) {
    for (At due = 0s; due < 28s; due += 50ms) {
      const bool out = !record.faults.empty() && due >= record.faults[0].began &&
                       due < *record.faults[0].ended + back;
      if (out && due < record.faults[0].began + away)
        get(due, 5ms, "", "status 503");
      else
        get(due, 5ms, out ? "secondary" : "primary");
    }
    return *this;
  }
  Start& start(int number, Said said = Said::accepted, At sent = 1s) {
    Start& start = record.starts.emplace_back();
    start.number = number;
    start.said = said;
    start.sent = sent;
    start.answered = sent + 5ms;
    if (said == Said::accepted) {
      start.id = "i-" + std::to_string(number);
      start.final = "Completed";
      start.final_at = sent + 2s;
      start.polls[200] = 1;
    }
    return start;
  }
  Execution& ran(int number, At created = 1s, const std::string& app = "primary") {
    Execution& run = record.executions.emplace_back();
    run.number = number;
    run.id = "i-" + std::to_string(number);
    run.app = app;
    run.status = "Completed";
    run.created = created;
    run.started = created + 10ms;
    run.finished = created + 1s;
    return run;
  }
  Judgement judge() const { return verdict::judge(play, record); }
  std::string findings() const {
    std::string all;
    for (const Finding& finding : judge().findings) all += finding.text + "\n";
    return all;
  }

  scenario::Scenario play;
  RunRecord record;
};

// Reconciliation ---------------------------------------------------------------------------------

struct WordCase {
  const char* name;
  void (*make)(Play&);
  std::int64_t Reconciliation::* word;
};

class Words : public testing::TestWithParam<WordCase> {};

TEST_P(Words, AreFoundAndOnlyWhereTheyBelong) {
  Play run;
  run.start(1);
  run.ran(1);
  EXPECT_EQ(run.judge().starts.*GetParam().word, 0) << "of a good start";
  GetParam().make(run);
  EXPECT_EQ(run.judge().starts.*GetParam().word, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Every, Words,
    testing::Values(
        WordCase{"refused", [](Play& run) { run.start(2, Said::refused); },
                 &Reconciliation::refused},
        WordCase{"ghost of a refusal",
                 [](Play& run) {
                   run.start(2, Said::refused);
                   run.ran(2);
                 },
                 &Reconciliation::ghost},
        WordCase{"ghost of a failure",
                 [](Play& run) {
                   run.start(2, Said::failed);
                   run.ran(2);
                 },
                 &Reconciliation::ghost},
        WordCase{"failed", [](Play& run) { run.start(2, Said::failed); }, &Reconciliation::failed},
        WordCase{"unknown", [](Play& run) { run.start(2, Said::unknown); },
                 &Reconciliation::unknown},
        WordCase{"unanswered", [](Play& run) { run.start(2, Said::unanswered); },
                 &Reconciliation::unanswered},
        WordCase{"duplicate", [](Play& run) { run.ran(1); }, &Reconciliation::duplicate},
        WordCase{"lost", [](Play& run) { run.start(2).final.clear(); }, &Reconciliation::lost},
        WordCase{"lost by a failover",
                 [](Play& run) {
                   run.start(2);
                   run.ran(2).lost = true;
                 },
                 &Reconciliation::lost},
        WordCase{"stranded",
                 [](Play& run) {
                   run.start(2).final.clear();
                   run.ran(2).status = "Running";
                 },
                 &Reconciliation::stranded},
        WordCase{"misnamed",
                 [](Play& run) {
                   run.start(2);
                   run.ran(2).id = "other";
                 },
                 &Reconciliation::misnamed},
        WordCase{"nobody's", [](Play& run) { run.ran(77); }, &Reconciliation::nobodys},
        WordCase{"wrong URL", [](Play& run) { run.start(2).wrong_urls = {"http://x/"}; },
                 &Reconciliation::wrong_urls},
        WordCase{"404", [](Play& run) { run.start(2).polls[404] = 1; },
                 &Reconciliation::polls_not_found}),
    [](const auto& one) {
      std::string name;
      for (const char c : std::string{one.param.name})
        if (std::isalnum(static_cast<unsigned char>(c))) name += c;
      return name;
    });

TEST(Reconciling, A404OfWhatAFailoverHasUndoneIsTheTruth) {
  Play run;
  Start& start = run.start(1);
  start.final.clear();
  start.polls[404] = 9;
  run.ran(1).lost = true;
  const Reconciliation found = run.judge().starts;
  EXPECT_EQ(found.lost, 1);
  EXPECT_EQ(found.polls_not_found, 0);
}

TEST(Reconciling, WithoutAnybodyToAskOnlyWhatClientsSawCounts) {
  Play run;
  run.record.executions_known = false;
  run.start(1);
  run.start(2).final.clear();
  const Reconciliation found = run.judge().starts;
  EXPECT_EQ(found.lost, 0);
  EXPECT_EQ(found.completed, 1);
  EXPECT_EQ(found.stranded, 1);
}

// Measures ---------------------------------------------------------------------------------------

TEST(Measuring, AnOutageWithADelayedFailover) {
  Play run;
  run.outage().health(11s, "primary", "Degraded").load(2s, 3s);
  const Measures m = run.judge().measures;
  EXPECT_EQ(m.detect, 1s);
  EXPECT_EQ(m.failover, 2005ms);
  EXPECT_EQ(m.http_rto, 2005ms);
  EXPECT_EQ(m.failback, 3005ms);
  EXPECT_EQ(m.failed_after, 40);
  EXPECT_EQ(m.failed_in_flight, 0);
  EXPECT_EQ(m.before.requests, 200);
  EXPECT_EQ(m.during.failed, 40);
  EXPECT_EQ(m.after.failed, 0);
}

TEST(Measuring, OneClientThatWaitsLongerSetsTheRecoveryTime) {
  Play run;
  run.outage().load();
  EXPECT_EQ(run.judge().measures.http_rto, 5ms) << "nobody had to wait";
  run.get(10s, 5ms, "", "status 503", 7);
  run.get(12s, 5ms, "", "status 503", 7);
  run.get(14s, 5ms, "secondary", "", 7);
  EXPECT_EQ(run.judge().measures.http_rto, 4005ms);
}

TEST(Measuring, AClientThatNeverGetsAnAnswerMakesItNever) {
  Play run;
  run.outage().load();
  run.get(20s, 5ms, "", "status 503", 7);
  EXPECT_FALSE(run.judge().measures.http_rto.has_value());
}

TEST(Measuring, WhatWasUnderWayIsToldFromWhatWasSentLater) {
  Play run;
  run.outage().load();
  run.get(9s, 3s, "", "timed out");
  EXPECT_EQ(run.judge().measures.failed_in_flight, 1);
  run.get(11s, 1s, "", "timed out");
  EXPECT_EQ(run.judge().measures.failed_after, 1);
  run.get(2s, 1s, "", "timed out");
  EXPECT_EQ(run.judge().measures.failed_otherwise, 1);
}

TEST(Measuring, WorkIsBackWithTheFirstOrchestrationAcceptedAfterTheFault) {
  Play run;
  run.outage().load();
  run.start(1, Said::accepted, 9500ms);
  run.ran(1, 9500ms).finished = 17s;
  run.start(2, Said::accepted, 11s);
  run.ran(2, 11s, "secondary").finished = 13s;
  const Measures m = run.judge().measures;
  EXPECT_EQ(m.work_rto, 3s);
  EXPECT_EQ(m.running_at_fault, 1);
  EXPECT_EQ(m.instance_recovery, 7s);
}

TEST(Measuring, InstancesThatNeverCompletedHaveNoRecoveryTime) {
  Play run;
  run.outage().load();
  run.start(1, Said::accepted, 9500ms).final.clear();
  Execution& stuck = run.ran(1, 9500ms);
  stuck.finished.reset();
  stuck.status = "Running";
  EXPECT_FALSE(run.judge().measures.instance_recovery.has_value());
  EXPECT_THAT(run.findings(), HasSubstr("had not completed at the end"));
}

TEST(Measuring, ASwapWithoutAFaultCountsFromTheFirstOperation) {
  Play run;
  scenario::Operate out, back;
  out.operation = scenario::Operation::drain;
  out.target = "primary";
  back.operation = scenario::Operation::enable;
  back.target = "primary";
  run.play.steps = {out, back};
  run.record.steps = {{"drain", 10s, 10s, true, ""}, {"enable", 15s, 15s, true, ""}};
  run.outage().load();
  run.record.faults.clear();
  const Measures m = run.judge().measures;
  EXPECT_EQ(m.failover, 5ms);
  EXPECT_EQ(m.failback, 5ms);
}

TEST(Measuring, AFaultOfAPartCountsForTheBestEndpoint) {
  Play run;
  run.outage(10s, 15s, FaultKind::freeze, "azurite").health(12s, "primary", "Degraded").load();
  EXPECT_EQ(run.judge().measures.detect, 2s);
}

TEST(Measuring, ALongRunTakesNoTime) {
  Play run;
  for (int i = 0; i < 20; ++i)
    run.outage(At{std::chrono::seconds{10 + i}}, At{std::chrono::seconds{11 + i}});
  for (int i = 0; i < 100'000; ++i) run.get(At{i * 300}, 1ms, "primary", "", i % 50);
  EXPECT_EQ(run.judge().measures.before.requests + run.judge().measures.during.requests +
                run.judge().measures.after.requests,
            100'000);
}

// Objectives -------------------------------------------------------------------------------------

struct ObjectiveCase {
  const char* name;
  void (*set)(scenario::Objectives&);
  void (*spoil)(Play&);
};

class Objectives : public testing::TestWithParam<ObjectiveCase> {
 protected:
  static Play good() {
    Play run;
    run.outage().health(10500ms, "primary", "Degraded").load(100ms, 1s);
    // The hundred milliseconds are no failures here but slow answers.
    for (Request& request : run.record.requests) {
      if (request.trouble.empty()) continue;
      request.trouble.clear();
      request.served_by = "secondary";
      request.status = 200;
    }
    Glimpse quiet, loud;
    quiet.at = 9s;
    loud.at = 11s;
    loud.alerts = {"all_degraded"};
    run.record.glimpses = {quiet, loud};
    run.start(1, Said::accepted, 9500ms);
    run.ran(1, 9500ms);
    run.start(2, Said::accepted, 11s);
    run.ran(2, 11s);
    run.record.failovers.emplace_back();
    return run;
  }
};

TEST_P(Objectives, IsMetAndCanBeMissed) {
  Play run = good();
  GetParam().set(run.play.objectives);
  const Judgement met = run.judge();
  ASSERT_EQ(met.objectives.size(), 1U);
  EXPECT_EQ(met.objectives[0].name, GetParam().name);
  EXPECT_EQ(met.objectives[0].met, Met::yes) << met.objectives[0].measured;
  EXPECT_EQ(met.outcome, Outcome::passed) << met.summary;
  GetParam().spoil(run);
  const Judgement missed = run.judge();
  EXPECT_EQ(missed.objectives[0].met, Met::no) << missed.objectives[0].measured;
  EXPECT_EQ(missed.outcome, Outcome::missed);
  EXPECT_THAT(missed.summary, HasSubstr(GetParam().name));
}

using O = scenario::Objectives;
INSTANTIATE_TEST_SUITE_P(
    Every, Objectives,
    testing::Values(ObjectiveCase{"http_rto", [](O& o) { o.http_rto = 1s; },
                                  [](Play& run) { run.get(20s, 3s, "primary", "", 9); }},
                    ObjectiveCase{"work_rto", [](O& o) { o.work_rto = 3s; },
                                  [](Play& run) { run.record.executions[1].finished = 20s; }},
                    ObjectiveCase{"detect", [](O& o) { o.detect = 1s; },
                                  [](Play& run) { run.record.events[0].at = 14s; }},
                    ObjectiveCase{"failback", [](O& o) { o.failback = 2s; },
                                  [](Play& run) {
                                    for (Request& request : run.record.requests)
                                      if (request.due > 15s) request.served_by = "secondary";
                                  }},
                    ObjectiveCase{"p95_during", [](O& o) { o.p95_during = 100ms; },
                                  [](Play& run) {
                                    for (Request& request : run.record.requests)
                                      request.ended += 200ms;
                                  }},
                    ObjectiveCase{"instance_recovery", [](O& o) { o.instance_recovery = 2s; },
                                  [](Play& run) { run.record.executions[0].finished = 19s; }},
                    ObjectiveCase{"alert_within", [](O& o) { o.alert_within = 2s; },
                                  [](Play& run) { run.record.glimpses[1].at = 25s; }},
                    ObjectiveCase{"failed_requests", [](O& o) { o.failed_requests = 0; },
                                  [](Play& run) { run.get(20s, 1ms, "", "reset"); }},
                    ObjectiveCase{"failed_share", [](O& o) { o.failed_share = 0.001; },
                                  [](Play& run) {
                                    for (int i = 0; i < 5; ++i) run.get(20s, 1ms, "", "reset");
                                  }},
                    ObjectiveCase{"refused_starts", [](O& o) { o.refused_starts = 0; },
                                  [](Play& run) { run.start(3, Said::refused); }},
                    ObjectiveCase{"failed_starts", [](O& o) { o.failed_starts = 0; },
                                  [](Play& run) { run.start(3, Said::unanswered); }},
                    ObjectiveCase{"unknown_starts", [](O& o) { o.unknown_starts = 0; },
                                  [](Play& run) { run.start(3, Said::unknown); }},
                    ObjectiveCase{"ghost_starts", [](O& o) { o.ghost_starts = 0; },
                                  [](Play& run) {
                                    run.start(3, Said::refused);
                                    run.ran(3);
                                  }},
                    ObjectiveCase{"duplicate_starts", [](O& o) { o.duplicate_starts = 0; },
                                  [](Play& run) { run.ran(2); }},
                    ObjectiveCase{"lost_starts", [](O& o) { o.lost_starts = 0; },
                                  [](Play& run) { run.start(3).final.clear(); }},
                    ObjectiveCase{"stranded_starts", [](O& o) { o.stranded_starts = 0; },
                                  [](Play& run) {
                                    run.start(3).final.clear();
                                    run.ran(3).status = "Running";
                                  }},
                    ObjectiveCase{"lost_instances", [](O& o) { o.lost_instances = 0; },
                                  [](Play& run) { run.record.failovers[0].lost = {"i-1"}; }},
                    ObjectiveCase{"not_found_polls", [](O& o) { o.not_found_polls = 0; },
                                  [](Play& run) { run.record.starts[0].polls[404] = 1; }}),
    [](const auto& one) { return std::string{one.param.name}; });

TEST(Objective, ThatCannotBeMeasuredIsMissedAndSaysWhy) {
  Play run;
  run.outage().load();
  run.play.objectives.lost_instances = 0;  // no account failed over
  const Judgement judgement = run.judge();
  EXPECT_EQ(judgement.objectives[0].met, Met::not_measured);
  EXPECT_EQ(judgement.objectives[0].why, "no account failed over");
  EXPECT_EQ(judgement.outcome, Outcome::missed);
}

// Outcome ----------------------------------------------------------------------------------------

TEST(Outcomes, AStepThatWasNotReachedIsAMiss) {
  Play run;
  run.outage().load();
  run.record.steps = {{"until secondary is active", 10s, 15s, false, "not within 5.0 s"}};
  EXPECT_EQ(run.judge().outcome, Outcome::missed);
  EXPECT_THAT(run.findings(), HasSubstr("step not reached"));
}

TEST(Outcomes, ASteadyStateThatDoesNotComeBackIsAMissUnlessTheScenarioSaysSo) {
  Play run;
  run.outage().load();
  run.record.steady_after->held = false;
  EXPECT_EQ(run.judge().outcome, Outcome::missed);
  run.play.steady_after = false;
  EXPECT_EQ(run.judge().outcome, Outcome::passed);
}

TEST(Outcomes, WithoutASteadyStateToBeginWithNothingIsFoundOut) {
  Play run;
  run.record.steady_before->held = false;
  run.record.aborted = "the steady state was not reached";
  EXPECT_EQ(run.judge().outcome, Outcome::inconclusive);
  run.record.steady_before.reset();
  run.record.aborted = "the storage did not start";
  EXPECT_EQ(run.judge().outcome, Outcome::inconclusive);
  EXPECT_THAT(run.judge().summary, HasSubstr("the storage did not start"));
}

TEST(Outcomes, AnEarlyEndAfterTheFaultIsAMissAndAnInterruptionIsItself) {
  Play run;
  run.outage().load();
  run.record.aborted = "stop condition";
  EXPECT_EQ(run.judge().outcome, Outcome::missed);
  run.record.interrupted = true;
  EXPECT_EQ(run.judge().outcome, Outcome::interrupted);
}

TEST(Outcomes, AMachineThatWasTooBusyExcusesTimesButNothingElse) {
  Play run;
  run.outage().load();
  run.get(20s, 3s, "primary", "", 9);
  run.play.objectives.http_rto = 1s;
  EXPECT_EQ(run.judge().outcome, Outcome::missed);
  run.record.load_late = 800ms;
  EXPECT_EQ(run.judge().outcome, Outcome::inconclusive);
  EXPECT_THAT(run.judge().summary, HasSubstr("too busy to say"));
  run.play.objectives.lost_starts = 0;
  EXPECT_EQ(run.judge().outcome, Outcome::inconclusive);
  run.start(3).final.clear();
  EXPECT_EQ(run.judge().outcome, Outcome::missed) << "a lost start is lost on any machine";
}

TEST(Outcomes, HaveTheirExitCodes) {
  EXPECT_EQ(exit_code(Outcome::passed), 0);
  EXPECT_EQ(exit_code(Outcome::missed), 1);
  EXPECT_EQ(exit_code(Outcome::inconclusive), 3);
  EXPECT_EQ(exit_code(Outcome::interrupted), 130);
}

TEST(Outcomes, AnEmptyRecordIsInconclusive) {
  EXPECT_EQ(judge(scenario::Scenario{}, RunRecord{}).outcome, Outcome::inconclusive);
}

// Predictions and findings -----------------------------------------------------------------------

Play predicted(At detected) {
  Play run;
  run.outage().health(10s + detected, "primary", "Degraded").load(detected, 2s);
  config::ProfileTimes times;
  times.worst.name = "primary";
  times.worst.detect_refused = 1s;
  times.worst.failover_new = times.worst.failover_sticky = 2s;
  times.worst.failback_new = times.worst.failback_sticky = 3s;
  times.worst.failback_flapping = 60s;
  run.record.predicted = times;
  return run;
}

TEST(Predictions, AreKeptOrAreAFinding) {
  const Judgement kept = predicted(900ms).judge();
  ASSERT_EQ(kept.predictions.size(), 3U);
  for (const Comparison& one : kept.predictions)
    EXPECT_TRUE(one.comparable && one.kept) << one.what;
  const Play late = predicted(3s);
  EXPECT_FALSE(late.judge().predictions[0].kept);
  EXPECT_THAT(late.findings(), HasSubstr("detect took 3.00 s, predicted was ≤ 1.00 s"));
}

TEST(Predictions, SayNothingOfAFaultTheyDoNotSpeakOf) {
  Play run = predicted(900ms);
  run.record.faults[0].kind = FaultKind::slow;
  EXPECT_FALSE(run.judge().predictions[0].comparable);
  run = predicted(900ms);
  run.record.faults[0].ended = 10500ms;  // over before it could be seen
  EXPECT_FALSE(run.judge().predictions[0].comparable);
  run = predicted(900ms);
  run.record.faults[0].target = "primary#2";
  EXPECT_FALSE(run.judge().predictions[0].comparable);
}

TEST(Findings, AGoodRunHasNoneThatAskForAChange) {
  Play run;
  run.outage().health(10500ms, "primary", "Degraded").load(0s, 1s);
  run.start(1);
  run.ran(1);
  for (const Finding& finding : run.judge().findings) EXPECT_EQ(finding.severity, Severity::note);
}

TEST(Findings, NameWhatToChange) {
  Play run;
  run.outage().load();
  run.get(11s, 1ms, "secondary", "status 401").status = 401;
  EXPECT_THAT(run.findings(), HasSubstr("got 401"));
  EXPECT_THAT(run.findings(), HasSubstr("nobody noticed"));
  Glimpse lonely;
  lonely.at = 12s;
  lonely.alerts = {"work_elsewhere"};
  lonely.status = {{"primary", "Degraded"}, {"secondary", "Degraded"}};
  run.record.glimpses = {lonely};
  EXPECT_THAT(run.findings(), HasSubstr("the app lease stays where it was"));
  EXPECT_THAT(run.findings(), HasSubstr("no endpoint was Online"));
  Request& skewed = run.get(12s, 1ms, "secondary", "status 400");
  skewed.kind = RequestKind::start;
  skewed.status = 400;
  EXPECT_THAT(run.findings(), HasSubstr("does not know the function"));
  run.record.load_late = 400ms;
  EXPECT_THAT(run.findings(), HasSubstr("the machine was busy"));
  run.record.failovers.emplace_back();
  run.record.failovers[0].began = 12s;
  run.record.failovers[0].last_sync = 11s;
  run.record.failovers[0].lost = {"a", "b"};
  EXPECT_THAT(run.findings(),
              HasSubstr("lost 2 instances; the last one's Last Sync Time was 1.00 s"));
  AppTraffic traffic;
  traffic.app = "secondary";
  traffic.requests = 3;
  traffic.bytes_in = 2048;
  run.record.normal.traffic = {traffic};
  EXPECT_THAT(run.findings(), Not(HasSubstr("another region")));
  run.record.normal.traffic[0].crosses_regions = true;
  EXPECT_THAT(run.findings(), HasSubstr("moved 2 KiB to and from storage of another region"));
}

TEST(Findings, TheWorstComeFirst) {
  Play run;
  run.outage().load();
  run.record.load_late = 400ms;
  run.start(1, Said::unknown);
  run.ran(9);
  run.start(3).wrong_urls = {"http://elsewhere/"};
  const auto findings = run.judge().findings;
  for (std::size_t i = 1; i < findings.size(); ++i)
    EXPECT_LE(findings[i - 1].severity, findings[i].severity);
}

}  // namespace
}  // namespace verdict
