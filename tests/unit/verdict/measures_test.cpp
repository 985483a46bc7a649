// Every measure by its definition in verdict.hpp, and the ways in which it could be flattered.
#include "rehearsal/verdict/measures.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "plays.hpp"

namespace verdict::testing {
namespace {

Measures measured(const Play& play) {
  return measure(Story{play.scenario, play.record});
}

// Requests of one client, `fault` from 1 s to 4 s.
Play with_requests(std::vector<Request> requests) {
  Play out = two_regions();
  out.record.requests = std::move(requests);
  out.record.faults.push_back(fault(scenario::FaultKind::kill, "primary", 1s, 4s));
  out.record.ended = 10s;
  return out;
}

std::optional<Millis> http_rto_of(std::vector<Request> requests) {
  return measured(with_requests(std::move(requests))).http_rto;
}

TEST(HttpRto, IsTheWaitFromTheFaultToTheFirstGoodAnswer) {
  EXPECT_EQ(http_rto_of({get(500ms, 5ms, "primary"), failed(1s, 5ms), failed(1'500ms, 5ms),
                         get(2s, 100ms, "secondary")}),
            1'100ms);
}

TEST(HttpRto, OfARunWithoutAFailureIsTheSlowestAnswer) {
  EXPECT_EQ(http_rto_of({get(1s, 700ms, "secondary"), get(2s, 5ms, "secondary")}), 700ms);
}

TEST(HttpRto, BeginsWithTheFaultForWhatWasDueBefore) {
  EXPECT_EQ(http_rto_of({get(200ms, 1'500ms, "secondary"), get(2s, 5ms, "secondary")}), 700ms);
}

TEST(HttpRto, IsNotEndedByAFailedRequest) {
  EXPECT_EQ(http_rto_of({failed(1s, 1ms), failed(2s, 1ms), failed(3s, 1ms),
                         get(3'500ms, 500ms, "secondary")}),
            3s);
}

TEST(HttpRto, IsNotEndedByAGoodAnswerToAnotherClient) {
  EXPECT_EQ(http_rto_of({failed(1s, 1ms, 502, 1), get(1'100ms, 1ms, "secondary", 2),
                         failed(2s, 1ms, 502, 1), get(3s, 0ms, "secondary", 1)}),
            2s);
}

TEST(HttpRto, IsTheWorstOfSeveralOutages) {
  EXPECT_EQ(http_rto_of({failed(1s, 1ms), get(1'300ms, 0ms, "secondary"), failed(5s, 1ms),
                         get(7s, 0ms, "secondary"), get(8s, 1ms, "primary")}),
            2s);
}

TEST(HttpRto, CountsStartsAndLeavesOutPolls) {
  EXPECT_EQ(http_rto_of({of_kind(RequestKind::start, failed(1s, 1ms)),
                         of_kind(RequestKind::poll, get(1'100ms, 1ms, "secondary")),
                         of_kind(RequestKind::start, get(2s, 0ms, "secondary"))}),
            1s);
}

TEST(HttpRto, IsNeverWhenTheRunEndsWithoutARecovery) {
  EXPECT_EQ(http_rto_of({get(500ms, 5ms, "primary"), failed(1s, 1ms), failed(9s, 1ms)}),
            std::nullopt);
  EXPECT_EQ(http_rto_of({get(500ms, 5ms, "primary")}), std::nullopt);
}

// Client 1 asks once, is refused, and goes home. What it would have got is what the others got.
TEST(HttpRto, OfAClientThatAskedNoMoreEndsWhenNothingFailsAnyMore) {
  EXPECT_EQ(http_rto_of({failed(1s, 1ms, 502, 1), get(1'500ms, 1ms, "secondary", 2),
                         failed(2s, 1ms, 502, 2), get(3s, 0ms, "secondary", 2)}),
            2s);
}

// It was not refused in the outage but afterwards, when everybody else was served.
TEST(HttpRto, IsNeverForAClientThatIsRefusedAfterTheOutage) {
  EXPECT_EQ(http_rto_of({failed(1s, 1ms, 502, 2), get(2s, 1ms, "secondary", 2),
                         get(4'500ms, 1ms, "primary", 2), failed(5s, 1ms, 502, 1),
                         get(6s, 1ms, "primary", 2)}),
            std::nullopt);
}

TEST(Detection, IsTheHealthEventOfTheBrokenEndpoint) {
  Play play = sound_outage();
  EXPECT_EQ(measured(play).detect, 400ms);
  play.record.events.front().endpoint = "secondary";  // somebody else's: then it is the look
  play.record.glimpses[35].status["primary"] = "Online";
  play.record.glimpses[34].status["primary"] = "Online";
  EXPECT_EQ(measured(play).detect, 600ms);
}

TEST(Detection, DoesNotCountWhatCameBeforeTheFault) {
  Play play = sound_outage();
  play.record.events.insert(play.record.events.begin(), health(1s, "primary", "Degraded"));
  EXPECT_EQ(measured(play).detect, 400ms);
}

TEST(Detection, OfAPartThatEndpointsNeedIsThatOfTheBestOne) {
  Play play = sound_outage();
  play.record.faults[0].target = "shared";
  EXPECT_EQ(measured(play).detect, 400ms);
  EXPECT_EQ(measured(play).failover, 405ms);
}

TEST(Failover, IsTheFirstGoodAnswerOfAnotherEndpoint) {
  EXPECT_EQ(measured(sound_outage()).failover, 405ms);
}

TEST(Failover, IsAbsentWhenNobodyAnswered) {
  Play play = sound_outage();
  for (Request& request : play.record.requests)
    if (request.served_by == "secondary") request.trouble = "status 502";
  EXPECT_EQ(measured(play).failover, std::nullopt);
}

TEST(Failover, IsAbsentWhenTheStandbyBroke) {
  Play play = sound_outage();
  play.record.faults[0].target = "secondary";
  for (Request& request : play.record.requests) request.served_by = "primary";
  EXPECT_EQ(measured(play).failover, std::nullopt);
}

TEST(Failover, OfOneInstanceIsThatOfItsEndpoint) {
  Play play = sound_outage();
  play.record.faults[0].target = "primary#2";
  EXPECT_EQ(measured(play).failover, 405ms);
  EXPECT_EQ(measured(play).detect, 400ms);
}

TEST(Failback, IsFromTheLastHealToTheFirstAnswerOfTheBestEndpoint) {
  Play play = sound_outage();
  EXPECT_EQ(measured(play).failback, 2'055ms) << "the request due at 8 s is a start";
  play.record.faults.push_back(fault(scenario::FaultKind::kill, "primary", 6'500ms, 7s));
  EXPECT_EQ(measured(play).failback, 1'055ms);
}

TEST(Failback, IsAbsentWhenNothingHealedOrNobodyCameBack) {
  Play play = sound_outage();
  play.record.faults[0].ended.reset();
  EXPECT_EQ(measured(play).failback, std::nullopt);
  play = sound_outage();
  for (Request& request : play.record.requests)
    if (request.due > fault_at) request.served_by = "secondary";
  EXPECT_EQ(measured(play).failback, std::nullopt);
}

TEST(WorkRto, IsTheFirstCompletionOfWhatWasAcceptedAfterTheFault) {
  Play play = sound_outage();
  EXPECT_EQ(measured(play).work_rto, 1'405ms);
  // A start that was sent before and completes earlier does not count, nor one that was refused.
  play.record.starts.push_back(accepted(900, 2'990ms, 3'100ms));
  play.record.executions.push_back(run_of(900, 2'995ms, 3'100ms));
  play.record.starts.push_back(told(901, Said::refused));
  play.record.starts.back().sent = 3'100ms;
  play.record.executions.push_back(run_of(901, 3'100ms, 3'200ms));
  EXPECT_EQ(measured(play).work_rto, 1'405ms);
}

TEST(WorkRto, IsWhatClientsSawWhenNobodyElseCanBeAsked) {
  Play play = sound_outage();
  play.record.executions_known = false;
  play.record.executions.clear();
  EXPECT_EQ(measured(play).work_rto, 1'505ms);
}

TEST(InstanceRecovery, IsTheLastCompletionOfWhatRanAtTheFault) {
  Play play = sound_outage();
  const Measures sound = measured(play);
  EXPECT_EQ(sound.running_at_fault, 4);
  EXPECT_EQ(sound.recovered, 4);
  EXPECT_EQ(sound.instance_recovery, 755ms);
}

TEST(InstanceRecovery, IsAbsentUnlessAllCameBack) {
  Play play = sound_outage();
  for (Execution& execution : play.record.executions)
    if (execution.number == 11) execution.finished.reset();  // accepted at 2.75 s
  const Measures found = measured(play);
  EXPECT_EQ(found.running_at_fault, 4);
  EXPECT_EQ(found.recovered, 3);
  EXPECT_EQ(found.instance_recovery, std::nullopt);
}

TEST(FailedRequests, AreSplitByWhenTheyWereSent) {
  Play play = with_requests({
      failed(500ms, 100ms),                               // before: otherwise
      failed(900ms, 500ms),                               // in flight
      failed(1'200ms, 10ms), failed(2s, 10ms, 0),         // after
      of_kind(RequestKind::poll, failed(2s, 1ms, 500)),   // a poll that failed: after
      of_kind(RequestKind::poll, failed(2s, 1ms, 404)),   // false 404s are counted apart
      of_kind(RequestKind::start, failed(2s, 1ms, 503)),  // starts have their own words
      get(4'100ms, 5ms, "primary"), failed(5s, 1ms),      // after all was back: otherwise
  });
  const Measures found = measured(play);
  EXPECT_EQ(found.failed_in_flight, 1);
  EXPECT_EQ(found.failed_after, 3);
  EXPECT_EQ(found.failed_otherwise, 2);
}

TEST(FailedRequests, InFlightAtTheSecondFaultAreInFlight) {
  Play play = with_requests({get(500ms, 1ms, "primary"), failed(2'900ms, 500ms)});
  play.record.faults.push_back(fault(scenario::FaultKind::kill, "secondary", 3s, 4s));
  EXPECT_EQ(measured(play).failed_in_flight, 1);
}

TEST(FailedRequests, OfARunWithoutAFaultAreOtherwise) {
  Play play = with_requests({failed(9'900ms, 500ms)});
  play.record.faults.clear();
  const Measures found = measured(play);
  EXPECT_EQ(found.failed_in_flight, 0);
  EXPECT_EQ(found.failed_otherwise, 1);
}

TEST(Phases, AreBeforeTheFaultUntilAllIsBackAndLater) {
  const Measures found = measured(sound_outage());
  EXPECT_EQ(found.before.requests, 60);
  EXPECT_EQ(found.during.requests, 102) << "until the answer at 8.055 s";
  EXPECT_EQ(found.after.requests, 78);
  EXPECT_EQ(found.before.max, 5ms);
  EXPECT_EQ(found.during.max, 405ms);
  EXPECT_EQ(found.during.p50, 5ms);
  EXPECT_EQ(found.after.max, 5ms);
}

TEST(Phases, OfARunThatNeverHealedLastToItsEnd) {
  Play play = sound_outage();
  play.record.faults[0].ended.reset();
  EXPECT_EQ(measured(play).during.requests, 180);
  EXPECT_EQ(measured(play).after.requests, 0);
}

TEST(Phases, PercentilesAreOfTheSortedTimes) {
  std::vector<Request> requests;
  for (int i = 100; i > 0; --i)
    requests.push_back(get(2s, std::chrono::milliseconds{i}, "primary"));
  const Measures found = measured(with_requests(requests));
  EXPECT_EQ(found.during.p50, 50ms);
  EXPECT_EQ(found.during.p95, 95ms);
  EXPECT_EQ(found.during.p99, 99ms);
  EXPECT_EQ(found.during.max, 100ms);
}

TEST(Alerts, ANewOneCountsAndAnOldOneDoesNot) {
  Play play = sound_outage();
  for (Glimpse& glimpse : play.record.glimpses) glimpse.alerts = {"starts_listed"};
  EXPECT_EQ(measured(play).alert_within, std::nullopt);
  play.record.glimpses[40].alerts.push_back("all_degraded");
  EXPECT_EQ(measured(play).alert_within, 1s);
  play.scenario.objectives.alert = "starts_listed";
  EXPECT_EQ(measured(play).alert_within, std::nullopt) << "it had stood before the fault";
  play.record.glimpses[44].alerts.clear();
  EXPECT_EQ(measured(play).alert_within, 1'500ms) << "it was raised again";
}

TEST(Alerts, AreNotNewBecauseTheProxyWasAwayForAMoment) {
  Play play = sound_outage();
  for (Glimpse& glimpse : play.record.glimpses) glimpse.alerts = {"starts_listed"};
  play.record.glimpses[40] = Glimpse{};
  play.record.glimpses[40].at = 4s;
  play.record.glimpses[40].reachable = false;
  EXPECT_EQ(measured(play).alert_within, std::nullopt);
}

TEST(Alerts, OnlyTheNamedOneCountsWhenOneIsNamed) {
  Play play = sound_outage();
  play.scenario.objectives.alert = "all_degraded";
  play.record.glimpses[35].alerts = {"disagreement"};
  EXPECT_EQ(measured(play).alert_within, std::nullopt);
  play.record.glimpses[50].alerts = {"all_degraded"};
  EXPECT_EQ(measured(play).alert_within, 2s);
}

TEST(AccountFailovers, TellWhatWasLostAndHowOldTheReplicaWas) {
  Play play = sound_outage();
  AccountFailover first, second;
  first.lost = {"a", "b"};
  second.lost = {"c"};
  second.began = 5s;
  second.last_sync = 3'500ms;
  play.record.failovers = {first, second};
  EXPECT_EQ(measured(play).lost_instances, 3);
  EXPECT_EQ(measured(play).replication_lag, 1'500ms);
}

TEST(Switches, AreChangesOfTheActiveEndpointThatWereSeen) {
  Play play = sound_outage();
  EXPECT_EQ(measured(play).switches, 2);
  play.record.glimpses[50].reachable = false;
  play.record.glimpses[50].active.clear();
  EXPECT_EQ(measured(play).switches, 2) << "a proxy that cannot be asked has not switched";
}

TEST(PlannedSwap, IsMeasuredFromItsFirstOperation) {
  Play play = sound_outage();
  play.record.faults.clear();
  scenario::Operate out, back;
  out.operation = scenario::Operation::disable;
  back.operation = scenario::Operation::enable;
  out.target = back.target = "primary";
  play.scenario.steps = {out, back};
  play.record.steps.resize(2);
  play.record.steps[0].began = play.record.steps[0].ended = fault_at;
  play.record.steps[1].began = play.record.steps[1].ended = healed_at;
  const Measures found = measured(play);
  EXPECT_EQ(found.http_rto, 405ms);
  EXPECT_EQ(found.failover, 405ms);
  EXPECT_EQ(found.failback, 2'055ms);
  EXPECT_EQ(found.work_rto, 1'405ms);
  EXPECT_EQ(found.detect, std::nullopt) << "nothing was to be detected";
  EXPECT_EQ(found.before.requests, 60);
}

TEST(Measures, OfAnEmptyRecordAreAbsent) {
  const Measures none = measured(Play{});
  EXPECT_FALSE(none.http_rto || none.work_rto || none.detect || none.failover || none.failback ||
               none.alert_within || none.instance_recovery);
  EXPECT_EQ(none.before.requests + none.during.requests + none.after.requests, 0);
}

TEST(Measures, OfManyRequestsTakeLittleTime) {
  Play play = sound_outage();
  for (int i = 0; i < 100'000; ++i) {
    const At due = std::chrono::microseconds{i * 120};
    play.record.requests.push_back(i % 3 == 0 ? failed(due, 2ms, 502, i % 8)
                                              : get(due, 2ms, "secondary", i % 8));
    play.record.starts.push_back(accepted(1'000 + i, due, due + 1s));
    play.record.executions.push_back(run_of(1'000 + i, due, due + 1s));
    play.record.glimpses.push_back(look(due, "primary", "Online", "Online"));
  }
  const auto began = std::chrono::steady_clock::now();
  const Judgement judgement = play.judge();
  EXPECT_EQ(judgement.starts.completed, 100'048);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 60s) << "quadratic work would take hours";
}

}  // namespace
}  // namespace verdict::testing
