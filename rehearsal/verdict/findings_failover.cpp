// How the outage was seen and got over, and what clients waited for.
#include <algorithm>

#include "rehearsal/verdict/findings.hpp"

namespace verdict {

void Findings::about_failover() {
  const Measures& m = judgement_.measures;
  const scenario::Objectives& set = story_.scenario.objectives;
  const bool outage = story_.first_fault && !story_.broken.empty() &&
                      story_.broken == record_.best_endpoint &&
                      story_.first_fault->target != "proxy";
  if (outage && !m.detect && m.failed_after > 0)
    add(Severity::high,
        many(m.failed_after, "request", "requests") + " failed while \"" + story_.broken +
            "\" passed its probes: nobody noticed",
        "probe what requests need (probe.path of a health endpoint that tries its dependencies)");
  const bool had_another =
      std::none_of(record_.glimpses.begin(), record_.glimpses.end(), none_online);
  if (outage && m.detect && !m.failover && m.failed_after > 0 && had_another)
    add(Severity::high,
        "\"" + story_.broken +
            "\" counted as degraded, and no other endpoint took over although one was Online",
        "`understudy status` says why the active one was chosen: a hold, a drain, or sticky "
        "clients");
  for (const ObjectiveResult& one : judgement_.objectives) {
    const bool of_detection = one.name == "detect" || one.name == "http_rto";
    if (!outage || !m.detect || !of_detection || one.met != Met::no) continue;
    const Millis target = (one.name == "detect" ? set.detect : set.http_rto).value_or(Millis{0});
    if (2 * *m.detect < target) continue;  // something else took the time
    add(Severity::medium,
        one.name + " was missed, and until the endpoint counted as degraded " + text(*m.detect) +
            " went by",
        "shorten probe.interval, probe.timeout or probe.tolerated_failures");
  }
  about_clients_that_stayed();
  about_clients_not_back();
  if (m.switches > 4)
    add(Severity::medium, "the active endpoint changed " + std::to_string(m.switches) + " times",
        "raise failback.healthy_for, or leave failback.flap_factor above 1: each relapse then "
        "waits longer");
}

// Sticky clients of a proxy that is told to behave like DNS.
void Findings::about_clients_that_stayed() {
  const auto known = known_since();
  if (!known || story_.scenario.proxy.find("\"hold\"") == std::string::npos) return;
  const auto stayed =
      std::count_if(record_.requests.begin(), record_.requests.end(), [&](const Request& request) {
        return !is_good(request) && request.sent > *known && request.sent < story_.over();
      });
  if (stayed > 0)
    add(Severity::medium,
        many(stayed, "request", "requests") +
            " went on to the degraded endpoint: sticky clients ride their answer until its TTL "
            "ends",
        "stickiness.on_degraded: release leaves a dead endpoint at once; DNS cannot do that");
}

// The proxy was back on its best endpoint, and the run over before a client's sticky answer was.
void Findings::about_clients_not_back() {
  if (!story_.healed || story_.back || record_.glimpses.empty() ||
      record_.glimpses.back().active != record_.best_endpoint)
    return;
  add(Severity::low,
      "\"" + record_.best_endpoint +
          "\" was active again, but answered no client before the end: each keeps its sticky "
          "answer "
          "until the TTL ends",
      "shorten stickiness.ttl, or end the steps with wait_until answered_by \"" +
          record_.best_endpoint + "\"");
}

// Good answers of the outage that came much later than those before it, by what they waited for.
void Findings::about_latency() {
  constexpr Millis moving{50};  // a request on its way when the endpoint was taken out
  constexpr std::int64_t few = 3;
  const Measures& m = judgement_.measures;
  if (!story_.trouble || m.before.requests == 0) return;
  const Millis slow = std::max(Millis{300}, 5 * m.before.p95);
  const auto known = known_since();
  struct Late {
    std::int64_t count = 0;
    Millis longest{0};
  } waited, itself, other;
  for (const Request& request : record_.requests) {
    const Millis took = millis(request.ended - request.due);
    if (!is_good(request) || request.kind != RequestKind::get || took <= slow ||
        request.ended < *story_.trouble || request.due >= story_.over())
      continue;
    const bool before_known = known && request.due < *known + moving;
    Late& late = request.served_by == story_.broken ? itself : before_known ? waited : other;
    ++late.count;
    late.longest = std::max(late.longest, took);
  }
  if (waited.count >= few)
    add(Severity::low,
        std::to_string(waited.count) + " requests waited for the broken endpoint, up to " +
            text(waited.longest) + ", before another one answered them",
        "they are moved when it counts as degraded: shorter probe.timeout, probe.interval and "
        "timeouts.first_byte shorten the wait");
  if (itself.count >= few)
    add(Severity::low,
        "\"" + story_.broken + "\" itself answered " + std::to_string(itself.count) +
            " requests late, by up to " + text(itself.longest),
        "a slow answer degrades no endpoint unless its probe is late as well: set probe.timeout "
        "and probe.path by what clients accept");
  if (other.count >= few)
    add(Severity::low,
        "after the failover " + std::to_string(other.count) + " requests took up to " +
            text(other.longest) + "; before the outage 95 in 100 took at most " +
            text(m.before.p95),
        "keep the standby warm (always-ready instances, a keep-alive probe), and size it for all "
        "of the load");
}

}  // namespace verdict
