#include "rehearsal/verdict/measures.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace verdict {
namespace {

// Whatever first holds of a sequence in order of time.
void keep_first(std::optional<Millis>& best, At at, At since) {
  const Millis time = millis(at - since);
  if (!best || time < *best) best = time;
}

std::optional<Millis> detect_time(const Story& story) {
  if (!story.first_fault || story.broken.empty()) return std::nullopt;
  const At began = story.first_fault->began;
  std::optional<Millis> found;
  for (const ProxyEvent& event : story.record.events)
    if (event.kind == "health" && event.endpoint == story.broken && event.at >= began &&
        !event.to.empty() && event.to != "Online" && event.to != "CheckingEndpoint")
      keep_first(found, event.at, began);
  if (found) return found;
  for (const Glimpse& glimpse : story.record.glimpses) {
    const auto status = glimpse.status.find(story.broken);
    if (glimpse.at >= began && status != glimpse.status.end() &&
        status->second.starts_with("Degraded"))
      keep_first(found, glimpse.at, began);
  }
  return found;
}

std::optional<Millis> failover_time(const Story& story) {
  std::optional<Millis> found;
  if (!story.trouble || story.broken.empty()) return found;
  const At began = story.first_fault ? story.first_fault->began : *story.trouble;
  bool had_served = story.broken == story.record.best_endpoint;
  for (const Request& request : story.record.requests) {
    if (request.kind != RequestKind::get || !is_good(request)) continue;
    if (request.ended < began && request.served_by == story.broken) had_served = true;
    if (request.sent >= began && !request.served_by.empty() && request.served_by != story.broken)
      keep_first(found, request.ended, began);
  }
  return had_served ? found : std::nullopt;
}

struct Asked {
  At due, ended;
  bool good;
};

// The longest wait of one client, and, when it still waits at the end, since when.
struct Waits {
  At longest{0};
  std::optional<At> open_since;
};

Waits waits_of(std::vector<Asked>& requests) {
  Waits out;
  std::sort(requests.begin(), requests.end(),
            [](const Asked& a, const Asked& b) { return a.ended < b.ended; });
  std::vector<At> dues;
  for (const Asked& asked : requests) dues.push_back(asked.due);
  std::sort(dues.begin(), dues.end());
  // Each good answer ends the wait of everything that was due before it came.
  auto waiting = dues.begin();
  for (const Asked& asked : requests) {
    if (!asked.good || waiting == dues.end()) continue;
    if (*waiting <= asked.ended) out.longest = std::max(out.longest, asked.ended - *waiting);
    while (waiting != dues.end() && *waiting <= asked.ended) ++waiting;
  }
  if (waiting != dues.end()) out.open_since = *waiting;
  return out;
}

std::optional<Millis> http_rto(const Story& story) {
  if (!story.trouble) return std::nullopt;
  std::map<int, std::vector<Asked>> clients;
  std::optional<At> last_failed, recovered;
  const auto counts = [&](const Request& request) {
    return request.kind != RequestKind::poll && request.ended >= *story.trouble;
  };
  for (const Request& request : story.record.requests) {
    if (!counts(request)) continue;
    const At due = std::max(request.due, *story.trouble);
    clients[request.client].push_back({due, request.ended, is_good(request)});
    if (!is_good(request)) last_failed = std::max(last_failed.value_or(due), due);
  }
  if (clients.empty()) return std::nullopt;
  for (const Request& request : story.record.requests)
    if (counts(request) && is_good(request) && last_failed && request.due > *last_failed &&
        (!recovered || request.ended < *recovered))
      recovered = request.ended;
  At longest{0};
  for (auto& [client, requests] : clients) {
    const Waits waits = waits_of(requests);
    longest = std::max(longest, waits.longest);
    if (!waits.open_since) continue;
    if (!recovered || *waits.open_since >= story.over()) return std::nullopt;
    longest = std::max(longest, *recovered - *waits.open_since);
  }
  return millis(longest);
}

std::map<int, At> completions(const RunRecord& record) {
  std::map<int, At> done;
  if (record.executions_known) {
    for (const Execution& execution : record.executions)
      if (execution.number && execution.finished && execution.status == "Completed") {
        const auto [seen, first] = done.emplace(*execution.number, *execution.finished);
        if (!first) seen->second = std::min(seen->second, *execution.finished);
      }
    return done;
  }
  for (const Start& start : record.starts)
    if (start.final == "Completed" && start.final_at) done.emplace(start.number, *start.final_at);
  return done;
}

void measure_work(const Story& story, Measures& out) {
  if (!story.trouble) return;
  const At began = *story.trouble;
  const auto done = completions(story.record);
  for (const Start& start : story.record.starts) {
    const auto finished = done.find(start.number);
    if (start.said == Said::accepted && start.sent >= began && finished != done.end())
      keep_first(out.work_rto, finished->second, began);
    // What ran when the trouble began.
    const bool ran = start.said == Said::accepted && start.answered && *start.answered < began &&
                     (finished == done.end() || finished->second > began);
    if (!ran) continue;
    ++out.running_at_fault;
    if (finished == done.end()) continue;
    ++out.recovered;
    out.instance_recovery =
        std::max(out.instance_recovery.value_or(Millis{0}), millis(finished->second - began));
  }
  if (out.recovered < out.running_at_fault) out.instance_recovery.reset();
}

Latency latency_of(std::vector<At>& times, std::int64_t failed) {
  Latency out;
  out.requests = static_cast<std::int64_t>(times.size());
  out.failed = failed;
  if (times.empty()) return out;
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    const auto last = static_cast<double>(times.size() - 1);
    return millis(times[static_cast<std::size_t>(share * last)]);
  };
  out.p50 = at(0.5);
  out.p95 = at(0.95);
  out.p99 = at(0.99);
  out.max = millis(times.back());
  return out;
}

void measure_requests(const Story& story, Measures& out) {
  std::vector<At> times[3];
  std::int64_t failed[3] = {0, 0, 0};
  const At began = story.trouble.value_or(story.record.ended), over = story.over();
  for (const Request& request : story.record.requests) {
    const std::size_t phase = request.due < began ? 0 : request.due < over ? 1 : 2;
    times[phase].push_back(request.ended - request.due);
    failed[phase] += !is_good(request);
    // Starts have words of their own, and a 404 may be the truth: see the reconciliation.
    if (is_good(request) || request.kind == RequestKind::start ||
        (request.kind == RequestKind::poll && request.status == 404))
      continue;
    const auto caught_by = [&](At since) { return request.sent < since && request.ended >= since; };
    const bool in_flight =
        (story.trouble && caught_by(began)) ||
        std::any_of(story.record.faults.begin(), story.record.faults.end(),
                    [&](const FaultSpan& fault) { return caught_by(fault.began); });
    if (in_flight)
      ++out.failed_in_flight;
    else if (request.sent >= began && request.sent < over)
      ++out.failed_after;
    else
      ++out.failed_otherwise;
  }
  out.before = latency_of(times[0], failed[0]);
  out.during = latency_of(times[1], failed[1]);
  out.after = latency_of(times[2], failed[2]);
}

std::optional<Millis> alert_time(const Story& story) {
  if (!story.trouble) return std::nullopt;
  const std::string& wanted = story.scenario.objectives.alert;
  std::set<std::string> standing;
  for (const Glimpse& glimpse : story.record.glimpses) {
    if (!glimpse.reachable) continue;
    if (glimpse.at >= *story.trouble)
      for (const std::string& alert : glimpse.alerts)
        if (!standing.contains(alert) && (wanted.empty() || alert == wanted))
          return millis(glimpse.at - *story.trouble);
    standing = {glimpse.alerts.begin(), glimpse.alerts.end()};
  }
  return std::nullopt;
}

std::int64_t switches(const RunRecord& record) {
  std::int64_t count = 0;
  const Glimpse* last = nullptr;
  for (const Glimpse& glimpse : record.glimpses) {
    if (!glimpse.reachable || glimpse.active.empty()) continue;
    count += last && last->active != glimpse.active;
    last = &glimpse;
  }
  return count;
}

}  // namespace

Measures measure(const Story& story) {
  Measures out;
  out.detect = detect_time(story);
  out.failover = failover_time(story);
  if (story.healed && story.back) out.failback = millis(*story.back - *story.healed);
  out.http_rto = http_rto(story);
  measure_work(story, out);
  measure_requests(story, out);
  out.alert_within = alert_time(story);
  out.switches = switches(story.record);
  for (const AccountFailover& failover : story.record.failovers) {
    out.lost_instances += static_cast<std::int64_t>(failover.lost.size());
    if (failover.last_sync) out.replication_lag = millis(failover.began - *failover.last_sync);
  }
  return out;
}

}  // namespace verdict
