// Each objective is met by a sound run and missed by one that is spoiled in the way it is there
// for.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "plays.hpp"

namespace verdict::testing {
namespace {

struct Row {
  std::string name;
  std::function<void(scenario::Objectives&)> set;
  std::function<void(Play&)> spoil;
  std::string target, measured;  // of the spoiled run
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

Start& start_of(Play& play, int number) {
  return play.record.starts[static_cast<std::size_t>(number)];
}

// An alert that is raised half a second after the fault.
Play sound() {
  Play play = sound_outage();
  for (Glimpse& glimpse : play.record.glimpses)
    if (glimpse.at >= 3'500ms && glimpse.at < 5s) glimpse.alerts = {"all_degraded"};
  play.record.failovers.emplace_back();
  return play;
}

void fail_requests(Play& play, At from, At to) {
  for (Request& request : play.record.requests)
    if (request.kind == RequestKind::get && request.due >= from && request.due < to)
      request.trouble = "status 502";
}

std::vector<Row> rows() {
  using O = scenario::Objectives;
  return {
      {"http_rto", [](O& o) { o.http_rto = 1s; },
       [](Play& p) {
         for (Request& request : p.record.requests)
           if (request.due >= fault_at && request.due < 6s) request.trouble = "status 502";
       },
       "≤ 1.00 s", "3.00 s"},
      {"work_rto", [](O& o) { o.work_rto = 2s; },
       [](Play& p) {
         for (Execution& execution : p.record.executions)
           if (execution.started > fault_at) execution.finished = *execution.finished + 10s;
       },
       "≤ 2.00 s", "11.40 s"},
      {"detect", [](O& o) { o.detect = 500ms; },
       [](Play& p) {
         p.record.events.clear();
         for (Glimpse& glimpse : p.record.glimpses) glimpse.status["primary"] = "Online";
       },
       "≤ 500 ms", "never"},
      {"failback", [](O& o) { o.failback = 3s; },
       [](Play& p) {
         for (Request& request : p.record.requests)
           if (request.due > fault_at) request.served_by = "secondary";
       },
       "≤ 3.00 s", "never"},
      {"p95_during", [](O& o) { o.p95_during = 400ms; },
       [](Play& p) {
         for (Request& request : p.record.requests) request.ended += 2s;
       },
       "≤ 400 ms", "2.00 s"},
      {"instance_recovery", [](O& o) { o.instance_recovery = 1s; },
       [](Play& p) {
         for (Execution& execution : p.record.executions)
           if (execution.number == 11) execution.status = "Failed";
       },
       "≤ 1.00 s", "never"},
      {"alert_within", [](O& o) { o.alert_within = 600ms; },
       [](Play& p) {
         for (Glimpse& glimpse : p.record.glimpses)
           if (glimpse.at < 4s) glimpse.alerts.clear();
       },
       "≤ 600 ms", "1.00 s"},
      {"failed_requests", [](O& o) { o.failed_requests = 0; },
       [](Play& p) { fail_requests(p, 4s, 4'100ms); }, "0", "1"},
      {"failed_share", [](O& o) { o.failed_share = 0.01; },
       [](Play& p) { fail_requests(p, 4s, 5s); }, "≤ 1.00 %", "6.67 %"},
      {"refused_starts", [](O& o) { o.refused_starts = 0; },
       [](Play& p) {
         start_of(p, 20) = told(20, Said::refused);
         p.record.executions.erase(p.record.executions.begin() + 20);
       },
       "0", "1"},
      {"failed_starts", [](O& o) { o.failed_starts = 1; },
       [](Play& p) {
         start_of(p, 20) = told(20, Said::failed);
         start_of(p, 21) = told(21, Said::unanswered);
       },
       "≤ 1", "2"},
      {"unknown_starts", [](O& o) { o.unknown_starts = 0; },
       [](Play& p) { start_of(p, 20) = told(20, Said::unknown); }, "0", "1"},
      {"ghost_starts", [](O& o) { o.ghost_starts = 0; },
       [](Play& p) { start_of(p, 20) = told(20, Said::refused); }, "0", "1"},
      {"duplicate_starts", [](O& o) { o.duplicate_starts = 0; },
       [](Play& p) { p.record.executions.push_back(p.record.executions[20]); }, "0", "1"},
      {"lost_starts", [](O& o) { o.lost_starts = 0; },
       [](Play& p) { p.record.executions[20].lost = true; }, "0", "1"},
      {"stranded_starts", [](O& o) { o.stranded_starts = 0; },
       [](Play& p) { start_of(p, 20).final.clear(); }, "0", "1"},
      {"lost_instances", [](O& o) { o.lost_instances = 0; },
       [](Play& p) { p.record.failovers[0].lost = {"id-20"}; }, "0", "1"},
      {"not_found_polls", [](O& o) { o.not_found_polls = 0; },
       [](Play& p) { start_of(p, 20).polls[404] = 3; }, "0", "3"},
  };
}

class EachObjective : public ::testing::TestWithParam<Row> {};

TEST_P(EachObjective, IsMetByASoundRun) {
  Play play = sound();
  GetParam().set(play.scenario.objectives);
  const Judgement judgement = play.judge();
  ASSERT_EQ(judgement.objectives.size(), 1u);
  EXPECT_EQ(judgement.objectives[0].name, GetParam().name);
  EXPECT_EQ(judgement.objectives[0].target, GetParam().target);
  EXPECT_EQ(judgement.objectives[0].met, Met::yes) << judgement.objectives[0].measured;
  EXPECT_FALSE(judgement.objectives[0].why.empty());
  EXPECT_EQ(judgement.outcome, Outcome::passed) << judgement.summary;
}

TEST_P(EachObjective, IsMissedByASpoiledOne) {
  Play play = sound();
  GetParam().set(play.scenario.objectives);
  GetParam().spoil(play);
  const Judgement judgement = play.judge();
  ASSERT_EQ(judgement.objectives.size(), 1u);
  EXPECT_EQ(judgement.objectives[0].met, Met::no);
  EXPECT_EQ(judgement.objectives[0].measured, GetParam().measured);
  EXPECT_EQ(judgement.outcome, Outcome::missed);
  EXPECT_NE(judgement.summary.find(GetParam().name), std::string::npos) << judgement.summary;
}

INSTANTIATE_TEST_SUITE_P(Table, EachObjective, ::testing::ValuesIn(rows()),
                         [](const auto& row) { return row.param.name; });

TEST(Objectives, TheTableAboveHasEveryOne) {
  Play play = sound();
  std::set<std::string> names;
  for (const Row& row : rows()) {
    row.set(play.scenario.objectives);
    names.insert(row.name);
  }
  const Judgement judgement = play.judge();
  EXPECT_EQ(judgement.objectives.size(), names.size());
  // Every member but the alert's name, which is no target: a new one must come into the table.
  const auto& [http, work, detect, failback, p95, instances, alert_within, alert, failed, share,
               refused, failed_starts, unknown, ghost, duplicate, lost, stranded, lost_instances,
               not_found] = play.scenario.objectives;
  EXPECT_TRUE(http && work && detect && failback && p95 && instances && alert_within &&
              alert.empty() && failed && share && refused && failed_starts && unknown && ghost &&
              duplicate && lost && stranded && lost_instances && not_found);
}

TEST(Objectives, WhatWasNotSetIsNotJudged) {
  EXPECT_TRUE(sound().judge().objectives.empty());
}

struct Senseless {
  std::string name;
  std::function<void(Play&)> arrange;
  std::string why;
};

void PrintTo(const Senseless& row, std::ostream* out) {
  *out << row.name;
}

class WhatHasNoSense : public ::testing::TestWithParam<Senseless> {};

TEST_P(WhatHasNoSense, IsNotMeasuredSaysWhyAndIsMissed) {
  Play play = sound();
  GetParam().arrange(play);
  const Judgement judgement = play.judge();
  ASSERT_EQ(judgement.objectives.size(), 1u);
  EXPECT_EQ(judgement.objectives[0].met, Met::not_measured);
  EXPECT_EQ(judgement.objectives[0].measured, "not measured");
  EXPECT_EQ(judgement.objectives[0].why, GetParam().why);
  EXPECT_EQ(judgement.outcome, Outcome::missed);
}

INSTANTIATE_TEST_SUITE_P(Table, WhatHasNoSense,
                         ::testing::Values(Senseless{"http_rto_of_a_run_without_a_fault",
                                                     [](Play& p) {
                                                       p.scenario.objectives.http_rto = 1s;
                                                       p.record.faults.clear();
                                                     },
                                                     "nothing was broken"},
                                           Senseless{"p95_when_nothing_was_due",
                                                     [](Play& p) {
                                                       p.scenario.objectives.p95_during = 1s;
                                                       std::erase_if(p.record.requests,
                                                                     [](const Request& r) {
                                                                       return r.due >= fault_at;
                                                                     });
                                                     },
                                                     "no request was due during the outage"},
                                           Senseless{"instance_recovery_when_nothing_ran",
                                                     [](Play& p) {
                                                       p.scenario.objectives.instance_recovery = 1s;
                                                       std::erase_if(p.record.starts,
                                                                     [](const Start& s) {
                                                                       return s.sent < fault_at;
                                                                     });
                                                     },
                                                     "no orchestration ran when the fault began"},
                                           Senseless{"ghosts_when_nobody_could_be_asked",
                                                     [](Play& p) {
                                                       p.scenario.objectives.ghost_starts = 0;
                                                       p.record.executions_known = false;
                                                     },
                                                     "nobody could be asked what ran"},
                                           Senseless{"lost_instances_without_an_account_failover",
                                                     [](Play& p) {
                                                       p.scenario.objectives.lost_instances = 0;
                                                       p.record.failovers.clear();
                                                     },
                                                     "no account failed over"},
                                           Senseless{"failed_share_of_nothing",
                                                     [](Play& p) {
                                                       p.scenario.objectives.failed_share = 0.5;
                                                       p.record.requests.clear();
                                                     },
                                                     "nothing was sent"}),
                         [](const auto& row) { return row.param.name; });

TEST(Objectives, AnAlertIsNamed) {
  Play play = sound();
  play.scenario.objectives.alert_within = 1s;
  play.scenario.objectives.alert = "all_degraded";
  EXPECT_EQ(play.judge().objectives[0].why, "until the proxy raised the alert all_degraded");
}

}  // namespace
}  // namespace verdict::testing
