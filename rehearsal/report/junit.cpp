// JUnit XML in the shape that CI servers share: a suite, its properties, a case for each objective,
// each step and each steady state.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "rehearsal/report/report.hpp"
#include "rehearsal/report/sequence.hpp"

namespace report {
namespace {

enum class Came { passed, failed, broke, skipped };

struct Case {
  std::string group, name;
  At took{0};
  Came came = Came::passed;
  std::string message;
};

Case of(const verdict::ObjectiveResult& one) {
  Case out{"objectives", one.name, At{0},
           one.met == verdict::Met::yes ? Came::passed : Came::failed, ""};
  out.message = one.met == verdict::Met::not_measured
                    ? "target " + one.target + " could not be measured"
                    : "target " + one.target + ", measured " + one.measured;
  if (!one.why.empty()) out.message += ": " + one.why;
  return out;
}

Case of(const verdict::SteadyResult& one, std::string_view when) {
  Case out{"steady state", std::string{when}, one.ended - one.began,
           one.held ? Came::passed : Came::failed, ""};
  out.message = one.detail.empty() ? "it did not hold" : one.detail;
  return out;
}

std::vector<Case> cases_of(const Run& run) {
  std::vector<Case> cases;
  for (const verdict::ObjectiveResult& one : run.judgement.objectives) cases.push_back(of(one));
  if (run.record.steady_before) cases.push_back(of(*run.record.steady_before, "before the faults"));
  const auto& planned = run.scenario.steps;
  for (std::size_t i = 0; i < std::max(planned.size(), run.record.steps.size()); ++i) {
    const std::string number = fmt::format("{}. ", i + 1);
    if (i >= run.record.steps.size()) {
      cases.push_back({"steps", number + scenario::describe(planned[i]), At{0}, Came::skipped,
                       "the run ended before"});
      continue;
    }
    const verdict::StepResult& step = run.record.steps[i];
    cases.push_back({"steps", number + step.text, step.ended - step.began,
                     step.done ? Came::passed : Came::failed,
                     step.detail.empty() ? "not done" : step.detail});
  }
  if (run.record.steady_after) cases.push_back(of(*run.record.steady_after, "after the faults"));
  // What the cases above do not show must not look like success.
  const bool shown = std::any_of(cases.begin(), cases.end(),
                                 [](const Case& one) { return one.came == Came::failed; });
  if (run.judgement.outcome != verdict::Outcome::passed && !shown)
    cases.push_back({"outcome", std::string{verdict::to_string(run.judgement.outcome)},
                     run.record.ended, Came::broke, run.judgement.summary});
  return cases;
}

std::string seconds(At at) {
  return fmt::format("{:.3f}", static_cast<double>(std::max<At::rep>(at.count(), 0)) / 1e6);
}

void add_case(std::string& out, const Case& one, const std::string& suite) {
  out += fmt::format("    <testcase classname=\"{}.{}\" name=\"{}\" time=\"{}\"", suite,
                     escape(one.group), escape(one.name), seconds(one.took));
  if (one.came == Came::passed) {
    out += "/>\n";
    return;
  }
  const std::string message = escape(one.message, 2'000);
  if (one.came == Came::skipped)
    out += fmt::format(">\n      <skipped message=\"{}\"/>\n", message);
  else
    out += fmt::format(">\n      <{0} message=\"{1}\" type=\"{2}\">{1}</{0}>\n",
                       one.came == Came::failed ? "failure" : "error", message, escape(one.group));
  out += "    </testcase>\n";
}

}  // namespace

std::string to_junit(const Run& run) {
  const std::vector<Case> cases = cases_of(run);
  const auto count = [&](Came came) {
    return std::count_if(cases.begin(), cases.end(),
                         [&](const Case& one) { return one.came == came; });
  };
  const std::string suite = escape("understudy.rehearsal." + run.scenario.name);
  const std::string numbers = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\"",
                                          cases.size(), count(Came::failed), count(Came::broke));
  std::string started = utc_text(run.record.started).substr(0, 19);
  started[10] = 'T';
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{0}\" {1} time=\"{2}\">\n"
      "  <testsuite name=\"{0}\" {1} skipped=\"{3}\" time=\"{2}\" timestamp=\"{4}\" "
      "hostname=\"{5}\">\n    <properties>\n",
      suite, numbers, seconds(run.record.ended), count(Came::skipped), started,
      escape(run.machine.host.empty() ? "localhost" : run.machine.host));
  const auto property = [&](std::string_view name, std::string_view value) {
    out += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", escape(name),
                       escape(value, 2'000));
  };
  property("outcome", verdict::to_string(run.judgement.outcome));
  property("summary", run.judgement.summary);
  property("seed", std::to_string(run.scenario.load.seed));
  property("time_scale", std::to_string(run.scenario.time_scale));
  property("config_hash", run.config_hash);
  for (const auto& [name, version] : run.versions) property("version." + name, version);
  out += "    </properties>\n";
  for (const Case& one : cases) add_case(out, one, suite);
  return out + "  </testsuite>\n</testsuites>\n";
}

}  // namespace report
