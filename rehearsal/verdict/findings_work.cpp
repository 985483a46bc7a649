// What became of the work: storage, which region ran what, and what had waited.
#include <algorithm>
#include <set>

#include "rehearsal/verdict/findings.hpp"

namespace verdict {

void Findings::about_storage() {
  const Measures& m = judgement_.measures;
  if (m.lost_instances > 0)
    add(Severity::high,
        "account failovers lost " + many(m.lost_instances, "instance", "instances") +
            (m.replication_lag
                 ? "; the last one's Last Sync Time was " + text(*m.replication_lag) + " old"
                 : ""),
        "`understudy storage failed-over --last-sync-time` lists what to start again");
  // All regions down with the account that they share.
  const auto& accounts = story_.scenario.topology.storage;
  const auto took_all_down = [&](const FaultSpan& span) {
    return std::any_of(accounts.begin(), accounts.end(),
                       [&](const auto& account) { return account.name == span.target; }) &&
           std::any_of(record_.glimpses.begin(), record_.glimpses.end(),
                       [&](const Glimpse& glimpse) {
                         return none_online(glimpse) && glimpse.at >= span.began &&
                                glimpse.at <= span.ended.value_or(record_.ended);
                       });
  };
  if (story_.scenario.topology.task_hub == config::TaskHub::shared &&
      std::any_of(record_.faults.begin(), record_.faults.end(), took_all_down))
    add(Severity::high,
        "with the one storage account away no region could start or run orchestrations: it is a "
        "single point of failure",
        "a task hub per region, or a geo-replicated account and a rehearsed failover");
  about_shares();
}

void Findings::about_shares() {
  for (const AppTraffic& traffic : record_.normal.traffic)
    if (traffic.crosses_regions && traffic.bytes_in + traffic.bytes_out > 0)
      add(Severity::note, "in normal operation \"" + traffic.app + "\" moved " +
                              std::to_string((traffic.bytes_in + traffic.bytes_out) / 1024) +
                              " KiB to and from storage of another region, in " +
                              many(static_cast<std::int64_t>(traffic.requests), "call", "calls"));
  for (const AppShare& share : record_.normal.shares)
    if (!record_.best_endpoint.empty() && share.app != record_.best_endpoint &&
        share.orchestrations + share.activities > 0)
      add(Severity::note,
          "in normal operation the standby \"" + share.app + "\" ran " +
              many(static_cast<std::int64_t>(share.orchestrations), "orchestration",
                   "orchestrations") +
              " and " +
              many(static_cast<std::int64_t>(share.activities), "activity", "activities"));
}

void Findings::about_work() {
  if (alerted("work_elsewhere"))
    add(Severity::medium,
        "HTTP went to one region while orchestrations ran in another: the app lease stays where it "
        "was",
        "`understudy makeprimary NAME`, or durable.lease.follow: auto");
  about_both_at_work();
  about_a_burst();
  const Measures& m = judgement_.measures;
  if (m.running_at_fault > m.recovered)
    add(Severity::medium,
        std::to_string(m.running_at_fault - m.recovered) + " of " +
            std::to_string(m.running_at_fault) +
            " orchestrations that ran when the trouble began had not completed at the end",
        "`understudy instances stranded` lists what waits for its region");
}

void Findings::about_both_at_work() {
  const auto known = known_since();
  std::set<std::string> ran;
  std::int64_t unseen = 0;  // by the broken endpoint's app while the proxy took it for down
  for (const Execution& execution : record_.executions) {
    if (!execution.started || !story_.trouble) continue;
    const std::string app = endpoint_of(execution.app);
    if (*execution.started >= *story_.trouble && !app.empty()) ran.insert(app);
    unseen += known && app == story_.broken && *execution.started >= *known &&
              *execution.started < story_.first_fault->ended.value_or(record_.ended);
  }
  if (unseen > 0)
    add(Severity::low,
        "\"" + story_.broken + "\" began " + many(unseen, "orchestration", "orchestrations") +
            " while the proxy took it for down: it was alive, and both regions were at work",
        "a start whose outcome is unknown may be running there; do not repeat it elsewhere unless "
        "it is idempotent");
  if (story_.scenario.topology.task_hub == config::TaskHub::per_region && ran.size() > 1)
    add(Severity::note, "during and after the outage orchestrations ran in " +
                            std::to_string(ran.size()) + " regions, each in its own hub");
}

// What was due during the outage comes at once when its region is back.
void Findings::about_a_burst() {
  constexpr At second{1'000'000};
  constexpr std::size_t notable = 10, times = 3;
  if (!story_.healed || record_.starts.size() < 2) return;
  std::vector<At> finished;
  for (const Execution& execution : record_.executions)
    if (execution.finished && *execution.finished >= *story_.healed)
      finished.push_back(*execution.finished);
  std::sort(finished.begin(), finished.end());
  std::size_t most = 0;
  for (std::size_t first = 0, next = 0; next < finished.size(); ++next) {
    while (finished[next] - finished[first] > second) ++first;
    most = std::max(most, next - first + 1);
  }
  At begin = record_.starts.front().sent, end = begin;
  for (const Start& start : record_.starts) {
    begin = std::min(begin, start.sent);
    end = std::max(end, start.sent);
  }
  const double lasted = static_cast<double>((end - begin + second).count());
  const double usual = static_cast<double>(record_.starts.size()) * 1'000'000 / lasted;
  if (most >= notable && static_cast<double>(most) >= static_cast<double>(times) * usual)
    add(Severity::note,
        "after the heal " + std::to_string(most) + " orchestrations completed within a second; " +
            std::to_string(static_cast<int>(usual + 0.5)) +
            " a second were started: what had waited came at once",
        "make sure that what they call bears the burst; host.json limits how many run at a time");
}

}  // namespace verdict
