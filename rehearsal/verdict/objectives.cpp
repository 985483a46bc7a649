// Each objective that was set, with its target, what was measured and whether it was met.
#include <cstdio>

#include "rehearsal/verdict/judgement_parts.hpp"

namespace verdict {
namespace {

class Objectives {
 public:
  explicit Objectives(const Story& story) : story_{story} {}

  void time(const char* name, const std::optional<Millis>& target,
            const std::optional<Millis>& measured, const std::string& meaning) {
    if (!target) return;
    ObjectiveResult& out = add(name, "≤ " + text(*target), text(measured), meaning);
    out.is_time = true;
    if (!story_.trouble)
      not_measured(out, "nothing was broken");
    else
      out.met = measured && *measured <= *target ? Met::yes : Met::no;
  }

  void count(const char* name, const std::optional<std::int64_t>& target, std::int64_t measured,
             const char* meaning, bool known = true) {
    if (!target) return;
    ObjectiveResult& out = add(name, *target == 0 ? "0" : "≤ " + std::to_string(*target),
                               std::to_string(measured), meaning);
    if (!known)
      not_measured(out, "nobody could be asked what ran");
    else
      out.met = measured <= *target ? Met::yes : Met::no;
  }

  void share(const char* name, const std::optional<double>& target, std::int64_t failed,
             std::int64_t all, const char* meaning) {
    if (!target) return;
    const double measured = all == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(all);
    ObjectiveResult& out = add(name, "≤ " + percent(*target), percent(measured), meaning);
    if (all == 0)
      not_measured(out, "nothing was sent");
    else
      out.met = measured <= *target ? Met::yes : Met::no;
  }

  ObjectiveResult& last() { return results_.back(); }
  std::vector<ObjectiveResult> take() { return std::move(results_); }

  static void not_measured(ObjectiveResult& out, std::string why) {
    out.met = Met::not_measured;
    out.measured = "not measured";
    out.why = std::move(why);
  }

 private:
  static std::string percent(double share) {
    char out[32];
    std::snprintf(out, sizeof out, "%.2f %%", share * 100);
    return out;
  }

  ObjectiveResult& add(const char* name, std::string target, std::string measured,
                       const std::string& meaning) {
    ObjectiveResult& out = results_.emplace_back();
    out.name = name;
    out.target = std::move(target);
    out.measured = std::move(measured);
    out.why = meaning;
    return out;
  }

  const Story& story_;
  std::vector<ObjectiveResult> results_;
};

}  // namespace

std::vector<ObjectiveResult> objectives_of(const Story& story, const Measures& m,
                                           const Reconciliation& starts) {
  const scenario::Objectives& set = story.scenario.objectives;
  const bool known = story.record.executions_known;
  Objectives out{story};
  out.time("http_rto", set.http_rto, m.http_rto,
           "the longest that any client waited for a good answer");
  out.time("work_rto", set.work_rto, m.work_rto,
           "until an orchestration that was accepted after the fault had completed");
  out.time("detect", set.detect, m.detect, "until the proxy took the endpoint for degraded");
  out.time("failback", set.failback, m.failback,
           "from the heal to the first answer of the best endpoint");
  if (set.p95_during) {
    out.time("p95_during", set.p95_during, m.during.p95,
             "latency of 95 in 100 requests of the outage");
    if (story.trouble && m.during.requests == 0)
      Objectives::not_measured(out.last(), "no request was due during the outage");
  }
  if (set.instance_recovery) {
    out.time("instance_recovery", set.instance_recovery, m.instance_recovery,
             "until the last orchestration that ran at the fault had completed");
    if (story.trouble && m.running_at_fault == 0)
      Objectives::not_measured(out.last(), "no orchestration ran when the fault began");
  }
  out.time("alert_within", set.alert_within, m.alert_within,
           "until the proxy raised " +
               (set.alert.empty() ? std::string{"an alert"} : "the alert " + set.alert));
  out.count("failed_requests", set.failed_requests,
            m.failed_in_flight + m.failed_after + m.failed_otherwise,
            "requests other than starts that got no good answer");
  out.share("failed_share", set.failed_share, m.before.failed + m.during.failed + m.after.failed,
            m.before.requests + m.during.requests + m.after.requests,
            "of all requests, starts and polls among them");
  out.count("refused_starts", set.refused_starts, starts.refused,
            "told that they did not run, and they did not");
  out.count("failed_starts", set.failed_starts, starts.failed + starts.unanswered,
            "no answer, or one that says neither yes nor no; or accepted and then failed");
  out.count("unknown_starts", set.unknown_starts, starts.unknown, "told that nobody knows");
  out.count("ghost_starts", set.ghost_starts, starts.ghost,
            "told that they failed or did not run, but they ran", known);
  out.count("duplicate_starts", set.duplicate_starts, starts.duplicate, "ran more than once",
            known);
  out.count("lost_starts", set.lost_starts, starts.lost, "accepted, and nothing ran or is left",
            known);
  out.count("stranded_starts", set.stranded_starts, starts.stranded,
            "accepted, and not final when the clients went home");
  out.count("lost_instances", set.lost_instances, m.lost_instances, "undone by account failovers");
  if (set.lost_instances && story.record.failovers.empty())
    Objectives::not_measured(out.last(), "no account failed over");
  out.count("not_found_polls", set.not_found_polls, starts.polls_not_found,
            "polls of an accepted start that were answered 404");
  return out.take();
}

}  // namespace verdict
