// What `explain` computes from the configuration, beside what was observed.
#include <algorithm>

#include "rehearsal/verdict/judgement_parts.hpp"

namespace verdict {
namespace {

using scenario::FaultKind;

enum class Shape { refused, frozen, other };

// Which of the two worst cases of detection a fault is: answered at once, or not at all.
Shape shape_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::kill:
    case FaultKind::stopped:
    case FaultKind::host_down:
    case FaultKind::app_offline:
    case FaultKind::refuse:
    case FaultKind::reset:
    case FaultKind::certificate_expired:
    case FaultKind::certificate_wrong_name:
      return Shape::refused;
    case FaultKind::freeze:
    case FaultKind::blackhole:
    case FaultKind::unreachable:
      return Shape::frozen;
    default:
      return Shape::other;
  }
}

const config::EndpointTimes& times_of(const config::ProfileTimes& all, const std::string& name) {
  const auto found = std::find_if(all.endpoints.begin(), all.endpoints.end(),
                                  [&](const auto& times) { return times.name == name; });
  return found == all.endpoints.end() ? all.worst : *found;
}

// For a machine that has other work to do; verdict.hpp and the finding of a miss say so.
Millis with_allowance(Millis predicted) {
  return predicted + predicted / 10 + Millis{500};
}

// `watched`: how long one could have seen it. What did not happen in less than was predicted proves
// nothing.
Comparison compare(const char* what, std::optional<Millis> predicted,
                   std::optional<Millis> observed, bool comparable, At watched) {
  Comparison out;
  out.what = what;
  out.predicted = predicted ? "≤ " + text(*predicted) : "none";
  out.observed = text(observed);
  if (!comparable || !predicted) return out;
  const Millis latest = with_allowance(*predicted);
  out.comparable = observed.has_value() || millis(watched) > latest;
  out.kept = observed && *observed <= latest;
  return out;
}

// Whether there was, all the time, another endpoint to fail over to; without one nothing is
// promised.
bool could_move(const Story& story, Millis within) {
  const At began = story.first_fault->began;
  return std::none_of(
      story.record.glimpses.begin(), story.record.glimpses.end(), [&](const Glimpse& glimpse) {
        return glimpse.at >= began && glimpse.at <= began + within && glimpse.reachable &&
               std::none_of(glimpse.status.begin(), glimpse.status.end(), [&](const auto& one) {
                 return one.first != story.broken && one.second == "Online";
               });
      });
}

}  // namespace

std::vector<Comparison> predictions_of(const Story& story, const Measures& measures) {
  if (!story.record.predicted || !story.first_fault || story.broken.empty()) return {};
  const auto& times = times_of(*story.record.predicted, story.broken);
  const Shape shape = shape_of(story.first_fault->kind);
  // One instance of several, or a fault that passed before it could be seen, promises nothing.
  const At lasted =
      story.first_fault->ended.value_or(story.record.ended) - story.first_fault->began;
  const bool whole = story.first_fault->target == story.broken;
  const Millis detect = shape == Shape::refused ? times.detect_refused : times.detect_frozen;
  const bool seen = shape != Shape::other && whole && millis(lasted) >= detect;
  const bool best = story.broken == story.record.best_endpoint;
  const bool relapsed = std::count_if(story.record.faults.begin(), story.record.faults.end(),
                                      [&](const FaultSpan& span) {
                                        return endpoint_of(span.target) == story.broken;
                                      }) > 1 ||
                        story.first_fault->kind == FaultKind::flap;
  At last_sent{0};
  for (const Request& request : story.record.requests)
    last_sent = std::max(last_sent, request.sent);
  std::vector<Comparison> out;
  out.push_back(compare("detect", detect, measures.detect, seen, lasted));
  out.push_back(compare("failover", times.failover_sticky, measures.failover,
                        seen && best && could_move(story, times.failover_sticky), lasted));
  out.push_back(compare("failback", relapsed ? times.failback_flapping : times.failback_sticky,
                        measures.failback, best && measures.detect.has_value(),
                        last_sent - story.healed.value_or(last_sent)));
  return out;
}

}  // namespace verdict
