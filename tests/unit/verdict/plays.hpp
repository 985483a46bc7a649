// Records of runs to judge: a sound one, which each test spoils in its own way.
#pragma once

#include <string>
#include <vector>

#include "rehearsal/verdict/verdict.hpp"

namespace verdict::testing {

using namespace std::chrono_literals;

struct Play {
  scenario::Scenario scenario;
  RunRecord record;

  Judgement judge() const { return verdict::judge(scenario, record); }
};

inline Request get(At due, At took, std::string by, int client = 0) {
  Request out;
  out.due = out.sent = due;
  out.ended = due + took;
  out.status = 200;
  out.served_by = std::move(by);
  out.client = client;
  return out;
}

inline Request failed(At due, At took, int status = 502, int client = 0) {
  Request out = get(due, took, "", client);
  out.status = status;
  out.trouble = status == 0 ? "timed out" : "status " + std::to_string(status);
  return out;
}

inline Request of_kind(RequestKind kind, Request out) {
  out.kind = kind;
  return out;
}

inline Start accepted(int number, At sent, At final_at) {
  Start out;
  out.number = number;
  out.said = Said::accepted;
  out.id = "id-" + std::to_string(number);
  out.final = "Completed";
  out.sent = sent;
  out.answered = sent + 10ms;
  out.final_at = final_at;
  out.polls = {{202, 2}, {200, 1}};
  return out;
}

inline Start told(int number, Said said) {
  Start out;
  out.number = number;
  out.said = said;
  return out;
}

inline Execution run_of(int number, At started = 1s, At finished = 2s) {
  Execution out;
  out.number = number;
  out.id = "id-" + std::to_string(number);
  out.app = out.storage = "primary";
  out.status = "Completed";
  out.created = started;
  out.started = started;
  out.finished = finished;
  return out;
}

inline FaultSpan fault(scenario::FaultKind kind, std::string target, At began,
                       std::optional<At> ended) {
  FaultSpan out;
  out.text = target + ": broken";
  out.kind = kind;
  out.target = std::move(target);
  out.began = began;
  out.ended = ended;
  return out;
}

inline ProxyEvent health(At at, std::string endpoint, std::string to, std::string text = {}) {
  ProxyEvent out;
  out.at = at;
  out.kind = "health";
  out.endpoint = std::move(endpoint);
  out.to = std::move(to);
  out.text = std::move(text);
  return out;
}

inline Play two_regions() {
  Play out;
  out.scenario.name = "story";
  for (const char* name : {"primary", "secondary"}) {
    scenario::Endpoint endpoint;
    endpoint.name = name;
    endpoint.priority = static_cast<int>(out.scenario.topology.endpoints.size()) + 1;
    out.scenario.topology.endpoints.push_back(endpoint);
  }
  out.record.best_endpoint = "primary";
  out.record.executions_known = true;
  return out;
}

inline Glimpse look(At at, std::string active, std::string primary, std::string secondary) {
  Glimpse out;
  out.at = at;
  out.active = std::move(active);
  out.status["primary"] = std::move(primary);
  out.status["secondary"] = std::move(secondary);
  return out;
}

inline constexpr At fault_at = 3s, known_at = 3'400ms, healed_at = 6s, back_at = 8s, run_end = 12s;

// The primary is killed at 3 s, known to be down at 3.4 s, healed at 6 s and served again from 8 s
// on. Nothing fails: what is due in between waits until 3.4 s and is answered by the secondary.
inline Play sound_outage() {
  Play out = two_regions();
  RunRecord& record = out.record;
  record.ended = run_end;
  int number = 0;
  for (At due{0}; due < run_end; due += 50ms, ++number) {
    const bool primary = due < fault_at || due >= back_at;
    const At wait = due >= fault_at && due < known_at ? known_at - due : At{0};
    Request one = get(due, wait + 5ms, primary ? "primary" : "secondary", number % 4);
    if (number % 5 == 0) {
      one.kind = RequestKind::start;
      one.status = 202;
      const int start = number / 5;
      record.starts.push_back(accepted(start, due, one.ended + 1'100ms));
      record.executions.push_back(run_of(start, one.ended, one.ended + 1s));
      record.executions.back().app = record.executions.back().storage = one.served_by;
    }
    record.requests.push_back(one);
  }
  for (At at{0}; at < run_end; at += 100ms) {
    const bool down = at >= known_at && at < healed_at + 1s;
    record.glimpses.push_back(look(at, at < known_at || at >= back_at ? "primary" : "secondary",
                                   down ? "Degraded" : "Online", "Online"));
  }
  record.events.push_back(health(known_at, "primary", "Degraded"));
  record.events.push_back(health(healed_at + 1s, "primary", "Online"));
  record.faults.push_back(fault(scenario::FaultKind::kill, "primary", fault_at, healed_at));
  record.steady_before.emplace();
  record.steady_after.emplace();
  record.steady_before->held = record.steady_after->held = true;
  StepResult step;
  step.text = "primary: killed";
  step.done = true;
  record.steps.push_back(step);
  return out;
}

inline bool has(const Judgement& judgement, const std::string& text) {
  for (const Finding& one : judgement.findings)
    if (one.text.find(text) != std::string::npos) return true;
  return false;
}

inline std::string texts(const Judgement& judgement) {
  std::string out;
  for (const Finding& one : judgement.findings) out += "\n  " + one.text;
  return out;
}

}  // namespace verdict::testing
