#include "sample_run.hpp"

#include <random>

namespace report_test {
namespace {

using namespace std::chrono_literals;
using verdict::At;

constexpr At fault_begins = 6s, fault_ends = 18s, switched = 7'400ms, back = 32s, end = 40s;

void add_load(verdict::RunRecord& record) {
  std::mt19937 dice{7};
  int number = 0;
  for (At due{0}; due < end; due += 25ms) {
    verdict::Request one;
    one.kind = number % 3 == 0 ? verdict::RequestKind::start : verdict::RequestKind::get;
    one.due = one.sent = due;
    At took = std::chrono::microseconds{2'500 + dice() % 9'000};
    if (dice() % 40 == 0) took *= 9;
    const bool frozen = due > fault_begins && due < switched;
    if (frozen) took += switched - due;
    one.ended = due + took;
    one.status = frozen && dice() % 3 == 0 ? 0 : 200;
    if (one.status == 0) one.trouble = "timed out";
    one.served_by = due < switched || due > back ? "primary" : "secondary";
    if (one.kind == verdict::RequestKind::start) {
      verdict::Start start;
      start.number = number;
      start.said = verdict::Said::accepted;
      start.sent = due;
      start.answered = one.ended;
      start.final_at = one.ended + 1'200ms;
      start.final = "Completed";
      verdict::Execution run;
      run.number = number;
      run.id = "order-" + std::to_string(number);
      run.storage = run.app = one.served_by;
      run.status = "Completed";
      run.created = run.started.emplace(one.ended);
      run.finished = one.ended + 1s;
      record.starts.push_back(std::move(start));
      record.executions.push_back(std::move(run));
    }
    record.requests.push_back(std::move(one));
    ++number;
  }
}

void add_glimpses(verdict::RunRecord& record) {
  for (At at{0}; at < end; at += 200ms) {
    verdict::Glimpse one;
    one.at = at;
    one.active = at < switched || at > back ? "primary" : "secondary";
    one.status["primary"] = at < 600ms      ? "CheckingEndpoint"
                            : at < switched ? "Online"
                            : at < 21s      ? "Degraded (passive)"
                                            : "Online";
    one.status["secondary"] = at < 800ms ? "CheckingEndpoint" : at > 35s ? "Disabled" : "Online";
    record.glimpses.push_back(std::move(one));
  }
}

verdict::RunRecord record() {
  verdict::RunRecord record;
  record.started = verdict::WallTime{1'795'486'649'123ms};
  record.ended = end;
  record.executions_known = true;
  record.best_endpoint = "primary";
  add_load(record);
  add_glimpses(record);
  record.faults.push_back({"primary: frozen (SIGSTOP)", scenario::FaultKind::freeze, "primary",
                           fault_begins, fault_ends});
  record.steps = {{"fault primary: frozen (SIGSTOP)", fault_begins, fault_begins + 4ms, true, ""},
                  {"wait until secondary is active", fault_begins + 4ms, switched, true, ""},
                  {"wait until an orchestration completes", switched, 8'700ms, true, ""},
                  {"heal primary", fault_ends, fault_ends + 3ms, true, ""},
                  {"wait until primary is active", fault_ends + 3ms, back, true, ""}};
  record.events = {
      {switched - 10ms, "health", "warning", "primary", "Online", "Degraded", "probe",
       "3 probes in a row timed out", 1.39},
      {switched, "routing", "warning", "", "primary", "secondary", "failover", "", 1.4},
      {switched + 20ms, "alert", "alert", "primary", "", "", "degraded",
       "primary is degraded; traffic goes to secondary", std::nullopt},
      {back, "routing", "info", "", "secondary", "primary", "failback", "", 14.0}};
  record.steady_before = verdict::SteadyResult{true, 1s, 5s, 0.0, 14ms, ""};
  record.steady_after = verdict::SteadyResult{true, 33s, 38s, 0.0, 15ms, ""};
  record.normal.traffic = {{"orders", "primary", "westeurope", 812, 410'000, 1'260'000, false},
                           {"orders", "secondary", "northeurope", 96, 9'200, 71'000, true}};
  record.normal.shares = {{"orders", "primary", 74, 370}};
  record.end.traffic = record.normal.traffic;
  record.end.shares = {{"orders", "primary", 260, 1'300}, {"orders", "secondary", 221, 1'105}};
  record.failovers = {{"orders", false, 20s, 20'500ms, At{19'200ms}, {"order-741", "order-744"}}};
  record.lease = {{0s, "orders", "primary"}, {9s, "orders", "secondary"}};
  return record;
}

verdict::Judgement judgement() {
  using verdict::Met;
  verdict::Judgement out;
  out.outcome = verdict::Outcome::missed;
  out.summary = "3 of 4 objectives were met; failback took 14.0 s and was to take at most 12 s.";
  out.objectives = {
      {"HTTP RTO", "≤ 3 s", "1.42 s", Met::yes,
       "first good answer to a request sent after the fault"},
      {"work RTO", "≤ 5 s", "2.71 s", Met::yes, "first orchestration accepted after the fault"},
      {"failback", "≤ 12 s", "14.0 s", Met::no,
       "from the last heal to the first answer of primary"},
      {"duplicate starts", "0", "0", Met::yes, ""},
      {"alert within", "≤ 5 s", "", Met::not_measured, "no alert of this kind can be raised here"}};
  out.predictions = {{"detect, frozen", "≤ 3.20 s", "1.39 s", true, true},
                     {"failover", "≤ 3.20 s", "1.40 s", true, true},
                     {"failback", "≤ 13.5 s", "14.0 s", true, false},
                     {"failback, sticky", "≤ 43.5 s", "", false, false}};
  out.findings = {{verdict::Severity::high, "Failback took longer than the settings promise.",
                   "Look at why the probe of primary passed late; raise the objective to 15 s."},
                  {verdict::Severity::low, "36 requests in flight failed when the fault began.",
                   "Let clients repeat GETs once."},
                  {verdict::Severity::note, "The standby ran nothing in normal operation.", ""}};
  verdict::Reconciliation& starts = out.starts;
  starts.sent = starts.accepted = 534;
  starts.once = 533;
  starts.completed = 531;
  starts.ghost = 1;
  starts.examples = {{261, "ghost", "answered 504, and order-261 ran on primary"}};
  starts.polls = 1'610;
  verdict::Measures& measures = out.measures;
  measures.detect = 1'390ms;
  measures.failover = 1'400ms;
  measures.failback = 14'000ms;
  measures.http_rto = 1'420ms;
  measures.work_rto = 2'710ms;
  measures.running_at_fault = 13;
  measures.recovered = 13;
  measures.failed_in_flight = 14;
  measures.failed_after = 22;
  measures.switches = 2;
  measures.before = {240, 0, 7ms, 12ms, 60ms, 96ms};
  measures.during = {1'040, 36, 8ms, 640ms, 1'350ms, 1'402ms};
  measures.after = {320, 0, 7ms, 13ms, 61ms, 95ms};
  return out;
}

scenario::Scenario scenario_of_sample() {
  scenario::Scenario out;
  out.name = "primary-freeze";
  out.title = "The primary stops answering, and its connections stay open";
  out.about =
      "A frozen host accepts connections and never answers. The proxy must notice by itself, move "
      "traffic to the secondary, and lose no start that it accepted.";
  scenario::StandIn app;
  app.storage = "orders";
  app.app_lease = true;
  app.cold_start = 900ms;
  out.topology.endpoints = {{"primary", "westeurope", 1, app, false},
                            {"secondary", "northeurope", 2, app, false}};
  out.topology.storage = {{"orders", 2s, 300ms}};
  scenario::Fault freeze;
  freeze.kind = scenario::FaultKind::freeze;
  freeze.target = "primary";
  out.steps = {freeze, scenario::Heal{"primary"}};
  return out;
}

}  // namespace

report::Run sample_run() {
  report::Run run;
  run.scenario = scenario_of_sample();
  run.record = record();
  run.judgement = judgement();
  run.machine = {"laptop", "Linux 6.1", "a processor", 2, "8 GiB"};
  run.versions = {{"understudy", "0.5.0"}, {"SQLite", "3.40.1"}};
  run.command_line = "understudy rehearse primary-freeze --seed 7";
  run.scenario_source = "built-in";
  run.config_hash = "9c1185a5c5e9fc54612808977ee8f548b2258d31";
  run.evidence = {
      {"evidence/requests.csv", 182'331,
       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"result.json", 20'112, "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"}};
  run.compared_with = "127.0.0.1:8081";
  run.config_differences.emplace();
  run.config_differences->push_back({"probe.interval", "1s", "10s"});
  run.meta.test_id = "DR-2026-11";
  run.meta.people = {"A. Operator", "B. Watcher"};
  run.meta.actions = {{"Find out why the probe passed late", "A. Operator", "2026-12-01"}};
  return run;
}

report::Run hostile_run(const std::string& text) {
  report::Run run = sample_run();
  run.scenario.name = run.scenario.title = run.scenario.about = run.scenario_source = text;
  run.scenario.changed = {text};
  for (scenario::Endpoint& one : run.scenario.topology.endpoints) one.name = one.region = text;
  run.scenario.topology.storage[0].name = text;
  for (verdict::Glimpse& one : run.record.glimpses) {
    one.active = text;
    one.status = {{text, text}};
  }
  for (verdict::ProxyEvent& one : run.record.events)
    one.kind = one.endpoint = one.from = one.to = one.text = text;
  for (verdict::FaultSpan& one : run.record.faults) one.text = one.target = text;
  for (verdict::StepResult& one : run.record.steps) {
    one.text = one.detail = text;
    one.done = false;
  }
  run.record.aborted = text;
  run.record.steady_before->detail = text;
  run.record.steady_before->held = false;
  for (auto* account : {&run.record.normal, &run.record.end}) {
    for (auto& one : account->traffic) one.app = one.storage = one.region = text;
    for (auto& one : account->shares) one.app = one.storage = text;
  }
  run.record.failovers[0].storage = text;
  run.record.failovers[0].lost = {text};
  for (auto& one : run.record.lease) one.storage = one.owner = text;
  run.judgement.summary = text;
  for (auto& one : run.judgement.objectives) one.name = one.target = one.measured = one.why = text;
  for (auto& one : run.judgement.predictions) one.what = one.predicted = one.observed = text;
  for (auto& one : run.judgement.findings) one.text = one.change = text;
  for (auto& one : run.judgement.starts.examples) one.detail = text;
  run.machine = {text, text, text, 2, text};
  run.versions = {{text, text}};
  run.command_line = run.config_hash = run.compared_with = text;
  run.config_differences->at(0) = {text, text, text};
  run.evidence = {{text, 1, text}};
  report::Meta& meta = run.meta;
  meta.test_id = meta.ticket = meta.environment = meta.purpose = meta.approver = text;
  meta.people = meta.deviations = {text};
  meta.actions = {{text, text, text}};
  return run;
}

}  // namespace report_test
