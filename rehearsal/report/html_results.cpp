// Chapters about what was observed: predictions, findings, events, starts, requests, work.
#include <fmt/format.h>

#include <array>
#include <map>

#include "rehearsal/report/page.hpp"
#include "rehearsal/report/sequence.hpp"

namespace report {

void add_predictions(std::string& out, const Run& run) {
  heading(out, "Predicted beside observed");
  out +=
      "<p>The worst case that follows from the settings (as <code>understudy explain</code> "
      "prints it), and what happened.</p>\n";
  Table table{"",
              {{"What"}, {"Predicted"}, {"Observed"}, {"Kept"}},
              {},
              "Nothing was predicted for this run."};
  for (const verdict::Comparison& one : run.judgement.predictions)
    table.rows.push_back({escape(one.what), escape(one.predicted),
                          escape(one.observed.empty() ? "–" : one.observed),
                          !one.comparable ? mark("note-s", "not compared")
                          : one.kept      ? mark("yes", "✓ kept")
                                          : mark("no", "✗ not kept")});
  table.add_to(out);
}

void add_findings(std::string& out, const Run& run) {
  heading(out, "Findings");
  if (run.judgement.findings.empty()) {
    out += "<p class=\"empty\">Nothing stood out.</p>\n";
    return;
  }
  out += "<ol class=\"findings\">\n";
  for (const verdict::Finding& one : run.judgement.findings) {
    const std::string_view word = word_of(one.severity);
    out += "<li><div>" + mark(word == "note" ? "note-s" : word, word) + "</div><p>" +
           escape(one.text, 1'500) + "</p>";
    if (!one.change.empty())
      out += "<p class=\"change\"><strong>Change:</strong> " + escape(one.change, 1'500) + "</p>";
    out += "</li>\n";
  }
  out += "</ol>\n";
}

void add_sequence(std::string& out, const Run& run) {
  heading(out, "Sequence of events");
  Table table{"All times by this machine’s clock, UTC; started " + utc_text(run.record.started),
              {{"Time"}, {"Since start", true}, {"Source"}, {"Event"}},
              {},
              "Nothing happened."};
  for (const Happening& one : sequence_of(run.record))
    table.rows.push_back(
        {"<span class=\"thin\">" +
             clock_text(run.record.started +
                        std::chrono::duration_cast<verdict::WallTime::duration>(one.at)) +
             "</span>",
         since_text(one.at) + " s", fmt::format("<span class=\"src {0}\">{0}</span>", one.source),
         escape(one.text)});
  table.add_to(out);
}

namespace {

struct Meaning {
  std::string_view word;
  std::int64_t verdict::Reconciliation::* count;
  std::string_view text;
};

constexpr std::array meanings{
    Meaning{"sent", &verdict::Reconciliation::sent, "starts that the clients sent"},
    Meaning{"accepted", &verdict::Reconciliation::accepted, "the client was told that it runs"},
    Meaning{"once", &verdict::Reconciliation::once, "accepted, and it ran exactly once"},
    Meaning{"completed", &verdict::Reconciliation::completed, "and it came to its end"},
    Meaning{"refused", &verdict::Reconciliation::refused,
            "the client was told that it did not run, and it did not"},
    Meaning{"unknown", &verdict::Reconciliation::unknown,
            "the client was told, honestly, that nobody knows yet"},
    Meaning{"failed", &verdict::Reconciliation::failed,
            "the client was given an error that says nothing of what became of it"},
    Meaning{"unanswered", &verdict::Reconciliation::unanswered, "the client was given no answer"},
    Meaning{"ghost", &verdict::Reconciliation::ghost, "the client was told it failed, but it ran"},
    Meaning{"duplicate", &verdict::Reconciliation::duplicate, "it ran more than once"},
    Meaning{"lost", &verdict::Reconciliation::lost, "accepted, but no task hub knows it"},
    Meaning{"stranded", &verdict::Reconciliation::stranded,
            "accepted, and it waits in a region that is away"},
    Meaning{"misnamed", &verdict::Reconciliation::misnamed,
            "it ran under another instance id than its client was given"},
    Meaning{"unconfirmed", &verdict::Reconciliation::unconfirmed,
            "the proxy itself answered for it while the endpoint could not be asked"},
    Meaning{"wrong URLs", &verdict::Reconciliation::wrong_urls,
            "the answer had management URLs that lead past the proxy"},
    Meaning{"nobody’s", &verdict::Reconciliation::nobodys,
            "instances that ran although no client had sent such a start"},
};

std::string examples_of(const verdict::Reconciliation& starts, std::string_view word) {
  std::string out;
  for (const verdict::Reconciliation::Word& one : starts.examples)
    if (one.word.starts_with(word.substr(0, 6)))
      out += fmt::format("<span class=\"sub\">start {}: {}</span>", one.number,
                         escape(one.detail, 300));
  return out;
}

void add_latency(Table& table, std::string_view when, const verdict::Latency& one) {
  const auto of = [&](Millis time) { return one.requests > 0 ? time_text(time) : "–"; };
  table.rows.push_back({std::string{when}, std::to_string(one.requests), std::to_string(one.failed),
                        of(one.p50), of(one.p95), of(one.p99), of(one.max)});
}

void add_steady(std::string& out, std::string_view when,
                const std::optional<verdict::SteadyResult>& steady) {
  if (!steady) return;
  out += fmt::format(
      "<p>Steady state {}: <strong>{}</strong> ({:.2f} % errors, 95 % within {}, from {} s to {} "
      "s){}{}</p>\n",
      when, steady->held ? "held" : "did not hold", steady->errors * 100, time_text(steady->p95),
      since_text(steady->began), since_text(steady->ended), steady->detail.empty() ? "" : ": ",
      escape(steady->detail));
}

}  // namespace

void add_starts(std::string& out, const Run& run) {
  heading(out, "What became of each start");
  const verdict::Reconciliation& starts = run.judgement.starts;
  out += run.record.executions_known
             ? "<p>Each start carries a number. What its client was told is compared with what the "
               "storage accounts recorded as run; a start may earn several words.</p>\n"
             : "<p>What ran could not be asked of the apps: these are the clients’ words alone. "
               "Ghosts and duplicates would not be seen.</p>\n";
  Table table{"", {{"Word"}, {"Starts", true}, {"Meaning, and examples"}}, {}};
  for (const Meaning& one : meanings)
    table.rows.push_back({std::string{one.word}, std::to_string(starts.*one.count),
                          std::string{one.text} + examples_of(starts, one.word)});
  if (run.record.possible_duplicates > 0)
    table.rows.push_back({"possible duplicate", std::to_string(run.record.possible_duplicates),
                          "the proxy started it again and marked it so"});
  table.add_to(out);
  out += fmt::format(
      "<p>Status polls: {} sent, {} answered with a false 404, {} with the last known status, {} "
      "failed.</p>\n",
      starts.polls, starts.polls_not_found, starts.polls_stale, starts.polls_failed);
}

void add_requests(std::string& out, const Run& run) {
  heading(out, "Requests");
  const verdict::Measures& measures = run.judgement.measures;
  Table table{"Latency from when a request was due until its answer had ended",
              {{"When"},
               {"Requests", true},
               {"Failed", true},
               {"Median", true},
               {"95 %", true},
               {"99 %", true},
               {"Slowest", true}},
              {}};
  add_latency(table, "before the first fault", measures.before);
  add_latency(table, "from the first fault until all was back", measures.during);
  add_latency(table, "after", measures.after);
  table.add_to(out);
  out += fmt::format(
      "<p>Failed requests: <strong>{}</strong> were in flight when a fault began, "
      "<strong>{}</strong> were sent while one lasted, <strong>{}</strong> at other times. The "
      "active endpoint changed {}.</p>\n",
      measures.failed_in_flight, measures.failed_after, measures.failed_otherwise,
      count_text(measures.switches, "time", "times"));
  add_steady(out, "before the faults", run.record.steady_before);
  add_steady(out, "after the faults", run.record.steady_after);
  Table times{"Measured times", {{"Time"}, {"Measured", true}}, {}};
  const std::array<std::pair<std::string_view, std::optional<Millis>>, 7> rows{
      {{"until the proxy noticed", measures.detect},
       {"until another endpoint was active", measures.failover},
       {"until a new request was answered well", measures.http_rto},
       {"until a new orchestration had completed", measures.work_rto},
       {"until what ran at the fault had completed", measures.instance_recovery},
       {"until an alert was raised", measures.alert_within},
       {"from the last heal until the best endpoint answered again", measures.failback}}};
  for (const auto& [what, time] : rows)
    times.rows.push_back({std::string{what}, time_text(time, "not seen")});
  times.add_to(out);
  if (measures.running_at_fault > 0)
    out += fmt::format("<p>{} ran when the first fault began; {} of them completed.</p>\n",
                       count_text(measures.running_at_fault, "instance", "instances"),
                       measures.recovered);
}

void add_work(std::string& out, const Run& run) {
  heading(out, "Which app ran what, and what crossed regions");
  Table shares{"Work by app",
               {{"App"},
                {"Storage"},
                {"Orchestrations, normal", true},
                {"at the end", true},
                {"Activities, normal", true},
                {"at the end", true}},
               {},
               "What the apps ran is not known."};
  std::map<std::pair<std::string, std::string>, std::array<verdict::AppShare, 2>> by_app;
  for (const verdict::AppShare& one : run.record.normal.shares)
    by_app[{one.app, one.storage}][0] = one;
  for (const verdict::AppShare& one : run.record.end.shares)
    by_app[{one.app, one.storage}][1] = one;
  for (const auto& [key, both] : by_app)
    shares.rows.push_back({escape(key.first), escape(key.second),
                           std::to_string(both[0].orchestrations),
                           std::to_string(both[1].orchestrations),
                           std::to_string(both[0].activities), std::to_string(both[1].activities)});
  shares.add_to(out);
  Table traffic{"Traffic with storage",
                {{"App"},
                 {"Region"},
                 {"Storage"},
                 {"When"},
                 {"Calls", true},
                 {"Read", true},
                 {"Written", true},
                 {"Crosses regions"}},
                {},
                "The traffic with storage was not counted."};
  for (const bool normal : {true, false})
    for (const verdict::AppTraffic& one : (normal ? run.record.normal : run.record.end).traffic)
      traffic.rows.push_back({escape(one.app), escape(one.region), escape(one.storage),
                              normal ? "normal" : "end", std::to_string(one.requests),
                              bytes_text(one.bytes_out), bytes_text(one.bytes_in),
                              one.crosses_regions ? mark("unmeasured", "yes") : "no"});
  traffic.add_to(out);
}

void add_replication(std::string& out, const Run& run) {
  if (run.record.failovers.empty()) return;
  heading(out, "Replication and account failover");
  Table table{"",
              {{"Storage"},
               {"Kind"},
               {"Began", true},
               {"Took", true},
               {"Last Sync Time", true},
               {"Instances lost", true},
               {"Which"}},
              {}};
  for (const verdict::AccountFailover& one : run.record.failovers) {
    std::string lost;
    for (std::size_t i = 0; i < std::min<std::size_t>(one.lost.size(), 5); ++i)
      lost += "<code>" + escape(one.lost[i], 100) + "</code> ";
    if (one.lost.size() > 5) lost += fmt::format("and {} more", one.lost.size() - 5);
    table.rows.push_back({escape(one.storage), one.planned ? "planned" : "unplanned",
                          since_text(one.began) + " s",
                          time_text(std::chrono::duration_cast<Millis>(one.ended - one.began)),
                          one.last_sync ? since_text(*one.last_sync) + " s" : "unknown",
                          std::to_string(one.lost.size()), lost});
  }
  table.add_to(out);
  out += "<p>Replication lag at the last failover: " +
         time_text(run.judgement.measures.replication_lag, "unknown") +
         ". What was written after the Last Sync Time is what an unplanned failover may "
         "lose.</p>\n";
}

}  // namespace report
