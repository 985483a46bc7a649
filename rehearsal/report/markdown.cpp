#include <fmt/format.h>

#include "rehearsal/report/report.hpp"
#include "rehearsal/report/sequence.hpp"

namespace report {
namespace {

std::string_view sign(verdict::Met met) {
  switch (met) {
    case verdict::Met::yes:
      return "✅ met";
    case verdict::Met::no:
      return "❌ missed";
    case verdict::Met::not_measured:
      break;
  }
  return "❔ not measured";
}

void add_findings(std::string& out, const Run& run) {
  constexpr std::size_t most = 20;
  const auto& findings = run.judgement.findings;
  if (findings.empty()) return;
  out += "\n**Findings**\n\n";
  for (std::size_t i = 0; i < std::min(findings.size(), most); ++i) {
    out += fmt::format("- **{}**: {}", word_of(findings[i].severity),
                       escape_markdown(findings[i].text));
    if (!findings[i].change.empty()) out += " → " + escape_markdown(findings[i].change);
    out += "\n";
  }
  if (findings.size() > most) out += fmt::format("- and {} more\n", findings.size() - most);
}

}  // namespace

std::string to_markdown(const Run& run) {
  const verdict::Judgement& judgement = run.judgement;
  std::string out =
      fmt::format("## {}: {}\n\n{}\n", upper(verdict::to_string(judgement.outcome)),
                  escape_markdown(run.scenario.name), escape_markdown(judgement.summary, 2'000));
  if (!judgement.objectives.empty()) {
    out += "\n| Objective | Target | Measured | |\n|---|---|---|---|\n";
    for (const verdict::ObjectiveResult& one : judgement.objectives)
      out += fmt::format("| {} | {} | {} | {} |\n", escape_markdown(one.name),
                         escape_markdown(one.target), escape_markdown(one.measured), sign(one.met));
  }
  add_findings(out, run);
  if (!judgement.predictions.empty()) {
    out += "\n| | Predicted | Observed | |\n|---|---|---|---|\n";
    for (const verdict::Comparison& one : judgement.predictions)
      out += fmt::format("| {} | {} | {} | {} |\n", escape_markdown(one.what),
                         escape_markdown(one.predicted), escape_markdown(one.observed),
                         !one.comparable ? "not compared"
                         : one.kept      ? "kept"
                                         : "**not kept**");
  }
  out +=
      run.attached
          ? "\n<sub>On a running proxy; the outage was played inside the proxy. Not Azure's RTO "
            "or RPO."
          : "\n<sub>Measured with stand-ins on one machine; app lease, storage failover and cold "
            "starts are models. Not Azure's RTO or RPO.";
  if (run.scenario.time_scale > 1)
    out += fmt::format(" Time was divided by {}.", run.scenario.time_scale);
  return out + fmt::format(" Started {} UTC, took {}, seed {}.</sub>\n",
                           utc_text(run.record.started).substr(0, 19),
                           time_text(std::chrono::duration_cast<Millis>(run.record.ended)),
                           run.scenario.load.seed);
}

}  // namespace report
