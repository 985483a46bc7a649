#include "rehearsal/report/sequence.hpp"

#include <algorithm>
#include <numeric>

namespace report {
namespace {

std::string of_event(const verdict::ProxyEvent& event) {
  std::string out;
  if (!event.endpoint.empty()) out = event.endpoint + ": ";
  out += event.text.empty() ? event.kind : event.text;
  if (event.text.empty() && (!event.from.empty() || !event.to.empty()))
    out += " " + event.from + " → " + event.to;
  if (event.seconds)
    out += " (took " +
           time_text(Millis{static_cast<Millis::rep>(std::clamp(*event.seconds, 0.0, 1e9) * 1e3)}) +
           ")";
  return out;
}

std::string of_failover(const verdict::AccountFailover& failover) {
  std::string out = failover.storage + (failover.planned ? ": planned" : ": unplanned") +
                    " account failover is done; ";
  if (failover.last_sync) out += "Last Sync Time at " + since_text(*failover.last_sync) + " s, ";
  return out +
         count_text(static_cast<std::int64_t>(failover.lost.size()), "instance", "instances") +
         " lost";
}

}  // namespace

std::vector<Happening> sequence_of(const verdict::RunRecord& record) {
  std::vector<Happening> all;
  for (std::size_t i = 0; i < record.steps.size(); ++i) {
    const verdict::StepResult& step = record.steps[i];
    std::string text = "Step " + std::to_string(i + 1) + ": " + step.text;
    text += step.done ? " – done after " : " – NOT DONE after ";
    text += time_text(std::chrono::duration_cast<Millis>(step.ended - step.began));
    if (!step.detail.empty()) text += "; " + step.detail;
    all.push_back({step.began, "step", std::move(text)});
  }
  for (const verdict::FaultSpan& fault : record.faults) {
    all.push_back({fault.began, "fault", "Fault begins: " + fault.text});
    if (fault.ended) all.push_back({*fault.ended, "fault", "Fault is healed: " + fault.text});
  }
  for (const verdict::ProxyEvent& event : record.events) {
    const bool alert = event.kind == "alert" || event.level == "alert";
    all.push_back({event.at, alert ? "alert" : "proxy", of_event(event)});
  }
  for (const verdict::AccountFailover& failover : record.failovers) {
    all.push_back({failover.began, "storage", failover.storage + ": account failover begins"});
    all.push_back({failover.ended, "storage", of_failover(failover)});
  }
  for (const verdict::LeaseOwner& owner : record.lease)
    all.push_back({owner.at, "lease",
                   owner.storage + ": the app lease is held by " +
                       (owner.owner.empty() ? "nobody" : owner.owner)});
  // By time; the order in which they were added where two are at once.
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return all[a].at != all[b].at ? all[a].at < all[b].at : a < b;
  });
  std::vector<Happening> sorted;
  sorted.reserve(all.size());
  for (const std::size_t i : order) sorted.push_back(std::move(all[i]));
  return sorted;
}

std::string_view word_of(verdict::Met met) {
  switch (met) {
    case verdict::Met::yes:
      return "yes";
    case verdict::Met::no:
      return "no";
    case verdict::Met::not_measured:
      break;
  }
  return "not_measured";
}

std::string_view word_of(verdict::Severity severity) {
  switch (severity) {
    case verdict::Severity::high:
      return "high";
    case verdict::Severity::medium:
      return "medium";
    case verdict::Severity::low:
      return "low";
    case verdict::Severity::note:
      break;
  }
  return "note";
}

}  // namespace report
