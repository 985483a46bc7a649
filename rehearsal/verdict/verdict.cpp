#include "rehearsal/verdict/verdict.hpp"

#include <algorithm>

#include "rehearsal/verdict/judgement_parts.hpp"
#include "rehearsal/verdict/measures.hpp"

namespace verdict {

int exit_code(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return 0;
    case Outcome::missed:
      return 1;
    case Outcome::inconclusive:
      return 3;
    case Outcome::interrupted:
      return 130;
  }
  return 3;
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return "passed";
    case Outcome::missed:
      return "missed";
    case Outcome::inconclusive:
      return "inconclusive";
    case Outcome::interrupted:
      return "interrupted";
  }
  return "inconclusive";
}

namespace {

std::string plural(std::size_t count, const std::string& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

std::string met_text(std::size_t objectives) {
  if (objectives == 0) return "No objective was set";
  if (objectives == 1) return "The one objective was met";
  return "All of " + plural(objectives, "objective") + " met";
}

constexpr Millis too_late{500};  // of a request of the load, against when it was due

struct Misses {
  std::size_t objectives = 0, steps = 0;
  std::size_t counts = 0;  // objectives that are not about time
  bool not_steady = false;
  std::string first;  // in words
};

Misses misses_of(const Story& story, const Judgement& judgement) {
  Misses out;
  const auto note = [&](const std::string& what) {
    if (out.first.empty()) out.first = what;
  };
  for (const ObjectiveResult& objective : judgement.objectives) {
    if (objective.met == Met::yes) continue;
    ++out.objectives;
    out.counts += !objective.is_time;
    note(objective.name + " " + objective.measured + " (target " + objective.target + ")");
  }
  for (const StepResult& step : story.record.steps) {
    if (step.done) continue;
    ++out.steps;
    note("\"" + step.text + "\" " + step.detail);
  }
  if (story.scenario.steady_after &&
      !(story.record.steady_after && story.record.steady_after->held)) {
    out.not_steady = true;
    note("the steady state did not come back");
  }
  return out;
}

// The sentence, and with it the outcome.
void conclude(const Story& story, Judgement& out) {
  const RunRecord& record = story.record;
  const bool steady = record.steady_before && record.steady_before->held;
  if (record.interrupted) {
    out.outcome = Outcome::interrupted;
    const bool healed = std::all_of(record.faults.begin(), record.faults.end(),
                                    [](const FaultSpan& fault) { return fault.ended.has_value(); });
    out.summary = "Interrupted after " + text(millis(record.ended)) +
                  (healed ? "; everything was healed." : "; not every fault could be healed.");
    return;
  }
  if (!steady || (!record.aborted.empty() && !story.trouble)) {
    out.outcome = Outcome::inconclusive;
    out.summary =
        "Nothing was found out: " +
        (record.aborted.empty() ? "there was no steady state to begin with" : record.aborted) + ".";
    return;
  }
  const Misses misses = misses_of(story, out);
  if (record.aborted.empty() && misses.first.empty()) {
    out.outcome = Outcome::passed;
    out.summary = met_text(out.objectives.size()) + ", " + plural(record.steps.size(), "step") +
                  " played" + (story.scenario.steady_after ? ", the steady state came back." : ".");
    return;
  }
  out.outcome = Outcome::missed;
  if (!record.aborted.empty()) {
    out.summary = "The run was ended early: " + record.aborted + ".";
    return;
  }
  // A promise about time (a step and the steady state have their limits too) that was not kept
  // while the machine kept the clients themselves waiting says nothing of the proxy; one about what
  // ran, or failed, does.
  if (misses.counts == 0 && record.load_late > too_late) {
    out.outcome = Outcome::inconclusive;
    out.summary = "The machine was too busy to say (the load was sent up to " +
                  text(record.load_late) + " late): " + misses.first + ".";
    return;
  }
  out.summary = "Missed: " + misses.first;
  const std::size_t others = misses.objectives + misses.steps + (misses.not_steady ? 1 : 0) - 1;
  out.summary += others == 0 ? "." : ", and " + std::to_string(others) + " more.";
}

}  // namespace

Judgement judge(const scenario::Scenario& scenario, const RunRecord& record) {
  const Story story{scenario, record};
  Judgement out;
  out.starts = reconcile(record.starts, record.executions, record.executions_known);
  out.starts.polls_stale = std::count_if(
      record.requests.begin(), record.requests.end(),
      [](const Request& request) { return request.kind == RequestKind::poll && request.stale; });
  out.measures = measure(story);
  out.objectives = objectives_of(story, out.measures, out.starts);
  out.predictions = predictions_of(story, out.measures);
  conclude(story, out);
  out.findings = findings_of(story, out);
  return out;
}

}  // namespace verdict
