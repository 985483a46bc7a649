// Page one: what was asked, what came out, what it rests on; then the other chapters.
#include "rehearsal/report/canvas.hpp"
#include "rehearsal/report/page.hpp"

namespace report {
namespace {

std::string paragraph(std::string_view css, const std::string& html) {
  return fmt::format("<p{}{}{}>{}</p>\n", css.empty() ? "" : " class=\"", css,
                     css.empty() ? "" : "\"", html);
}

void add_title(std::string& out, const Run& run) {
  const scenario::Scenario& scenario = run.scenario;
  out += "<header>\n" + paragraph("kind", "Rehearsal report &#183; " + escape(scenario.name));
  out += "<h1>" + escape(scenario.title.empty() ? "Rehearsal " + scenario.name : scenario.title) +
         "</h1>\n";
  if (!scenario.about.empty()) out += paragraph("lead", escape(scenario.about, 2'000));
  std::string facts = "Started " + utc_text(run.record.started) + " UTC &#183; took " +
                      time_text(std::chrono::duration_cast<Millis>(run.record.ended));
  facts += run.attached ? " &#183; on a running proxy" : " &#183; in a sandbox on one machine";
  if (!run.machine.host.empty()) facts += " (" + escape(run.machine.host) + ")";
  if (!run.meta.test_id.empty()) facts += " &#183; test " + escape(run.meta.test_id);
  out += paragraph("facts", facts) + "</header>\n";
}

void add_verdict(std::string& out, const Run& run) {
  const std::string_view word = verdict::to_string(run.judgement.outcome);
  out += fmt::format("<div class=\"verdict {}\" role=\"status\"><b>{}</b><p>{}</p></div>\n", word,
                     upper(word), escape(run.judgement.summary, 2'000));
  if (run.scenario.expect == scenario::Expected::missed)
    out += paragraph("", "This scenario shows a limit: it is expected to miss an objective.");
  if (!run.record.aborted.empty())
    out += paragraph("", "The run ended early: " + escape(run.record.aborted));
  if (run.record.load_late > Millis{250})
    out +=
        paragraph("", "The machine was busy: a request was sent up to " +
                          time_text(run.record.load_late) + " late. Latencies include that delay.");
}

std::string met_mark(verdict::Met met) {
  switch (met) {
    case verdict::Met::yes:
      return mark("yes", "✓ met");
    case verdict::Met::no:
      return mark("no", "✗ missed");
    case verdict::Met::not_measured:
      break;
  }
  return mark("unmeasured", "? not measured");
}

// "≤ 12 s" stays on one line.
std::string value(std::string_view text) {
  return text.size() > 24 ? escape(text) : "<span class=\"thin\">" + escape(text) + "</span>";
}

void add_objectives(std::string& out, const Run& run) {
  out += "<section><h3>Objectives</h3>\n";
  Table table{
      "", {{"Objective"}, {"Target"}, {"Measured"}, {"Verdict"}}, {}, "No objective was set."};
  for (const verdict::ObjectiveResult& one : run.judgement.objectives)
    table.rows.push_back(
        {escape(one.name) +
             (one.why.empty() ? "" : "<span class=\"sub\">" + escape(one.why) + "</span>"),
         value(one.target), value(one.measured.empty() ? "–" : one.measured), met_mark(one.met)});
  table.add_to(out);
  out += "</section>\n";
}

void add_list(std::string& out, std::string_view title, const std::vector<std::string>& all) {
  out += fmt::format("<div><h3>{}</h3><ul>\n", title);
  for (const std::string& one : all) out += "<li>" + escape(one) + "</li>\n";
  out += "</ul></div>\n";
}

void add_basis(std::string& out, const Run& run) {
  out += "<section><h3>What these figures rest on</h3>\n";
  if (run.attached)
    out += paragraph("honest",
                     "Measured on a running proxy and its real endpoints. The outage itself was "
                     "played inside the proxy, so nothing failed over in the platform: these are "
                     "<strong>not Azure&#39;s RTO or RPO</strong>.");
  else
    out += paragraph("honest",
                     "Measured with stand-ins on one machine. App lease, storage replication and "
                     "account failover, and cold starts are models with the settings named here. "
                     "These are <strong>not Azure&#39;s RTO or RPO</strong>.");
  if (run.scenario.time_scale > 1)
    out += paragraph(
        "honest", fmt::format("<strong>Time was divided by {0}:</strong> each interval, timeout, "
                              "wait and fault lasted 1/{0} of what the settings say.",
                              run.scenario.time_scale));
  const Basis basis = basis_of(run);
  out += "<div class=\"basis\">\n";
  add_list(out, "Real", basis.real);
  add_list(out, "Modelled", basis.modelled);
  out += "</div>\n";
  if (!run.scenario.changed.empty()) add_list(out, "Taken over differently", run.scenario.changed);
  out += "</section>\n";
}

void add_timeline(std::string& out, const Run& run) {
  heading(out, "Timeline");
  out += "<figure><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline\">\n" +
         timeline_svg(run) +
         "</div><figcaption>Shaded: while a fault lasted. Numbers: steps, as in the sequence of "
         "events below. Requests and latency are counted at the time at which a request was due. "
         "The lower bars show what the proxy thought of each endpoint.</figcaption></figure>\n";
}

}  // namespace

void Table::add_to(std::string& out) const {
  if (rows.empty()) {
    out += fmt::format("<p class=\"empty\">{}</p>\n", without);
    return;
  }
  const std::string label = caption.empty() ? std::string{columns.front().name} : caption;
  std::string css = columns.size() > 4 ? "wide" : "";
  if (rows.size() <= 12) css += css.empty() ? "short" : " short";
  out += fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table{}>\n", label,
      css.empty() ? "" : " class=\"" + css + "\"");
  if (!caption.empty()) out += "<caption>" + caption + "</caption>\n";
  out += "<thead><tr>";
  for (const Column& column : columns)
    out += fmt::format("<th scope=\"col\"{}>{}</th>", column.number ? " class=\"num\"" : "",
                       column.name);
  out += "</tr></thead>\n<tbody>\n";
  for (std::size_t row = 0; row < std::min(rows.size(), most); ++row) {
    out += "<tr>";
    for (std::size_t i = 0; i < rows[row].size(); ++i) {
      const char* number = columns[i].number ? " class=\"num\"" : "";
      out += i == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", number, rows[row][i])
                    : fmt::format("<td{}>{}</td>", number, rows[row][i]);
    }
    out += "</tr>\n";
  }
  if (rows.size() > most)
    out += fmt::format("<tr><td colspan=\"{}\">… and {} more, in the evidence files</td></tr>\n",
                       columns.size(), rows.size() - most);
  out += "</tbody></table></div>\n";
}

void heading(std::string& out, std::string_view text) {
  out += fmt::format("<h2>{}</h2>\n", text);
}

std::string mark(std::string_view css, std::string_view text) {
  return fmt::format("<span class=\"mark {}\">{}</span>", css, text);
}

std::string to_html(const Run& run) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; img-src data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>";
  out += upper(verdict::to_string(run.judgement.outcome)) + ": " + escape(run.scenario.name) +
         " – rehearsal report</title>\n<style>";
  out += style();
  out += "</style></head>\n<body><main>\n";
  add_title(out, run);
  add_verdict(out, run);
  add_objectives(out, run);
  add_basis(out, run);
  add_timeline(out, run);
  add_predictions(out, run);
  add_findings(out, run);
  add_sequence(out, run);
  add_starts(out, run);
  add_requests(out, run);
  add_work(out, run);
  add_replication(out, run);
  add_topology(out, run);
  add_provenance(out, run);
  add_protocol(out, run);
  add_evidence(out, run);
  out +=
      "<footer>Written by Understudy. This page holds everything it shows: no script, nothing "
      "loaded from elsewhere.</footer>\n</main></body></html>\n";
  return out;
}

}  // namespace report
