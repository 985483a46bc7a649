// What a reader of the report should know beyond the objectives, and what to change. Each finding
// rests on what was observed; none knows which scenario was played.
#include <algorithm>
#include <map>
#include <set>

#include "rehearsal/verdict/judgement_parts.hpp"

namespace verdict {
namespace {

using scenario::FaultKind;

std::string many(std::int64_t count, const std::string& one, const std::string& more) {
  return std::to_string(count) + " " + (count == 1 ? one : more);
}

class Findings {
 public:
  Findings(const Story& story, const Judgement& judgement)
      : story_{story}, record_{story.record}, judgement_{judgement} {}

  std::vector<Finding> all() {
    about_starts();
    about_predictions();
    about_steps();
    about_failover();
    about_latency();
    about_answers();
    about_endpoints();
    about_storage();
    about_work();
    about_the_run();
    std::vector<Finding> sorted;
    for (const Severity severity :
         {Severity::high, Severity::medium, Severity::low, Severity::note})
      for (Finding& one : found_)
        if (one.severity == severity) sorted.push_back(std::move(one));
    return sorted;
  }

 private:
  void add(Severity severity, std::string text, std::string change = {}) {
    found_.push_back({severity, std::move(text), std::move(change)});
  }

  void about_starts();
  void about_predictions();
  void about_steps();
  void about_failover();
  void about_clients_that_stayed();
  void about_latency();
  void about_answers();
  void about_refused_starts();
  void about_tls();
  void about_endpoints();
  void about_storage();
  void about_shares();
  void about_work();
  void about_both_at_work();
  void about_a_burst();
  void about_the_run();

  // Requests with that status, since the trouble began.
  std::int64_t answered(int status) const {
    return std::count_if(
        record_.requests.begin(), record_.requests.end(), [&](const Request& request) {
          return request.status == status && story_.trouble && request.ended >= *story_.trouble;
        });
  }
  bool alerted(std::string_view kind) const {
    return std::any_of(record_.glimpses.begin(), record_.glimpses.end(), [&](const Glimpse& g) {
      return std::find(g.alerts.begin(), g.alerts.end(), kind) != g.alerts.end();
    });
  }

  // The fault of the broken endpoint from when the proxy knew of it; nothing when it never did.
  std::optional<At> known_since() const {
    if (!story_.first_fault || story_.broken.empty() || !judgement_.measures.detect) return {};
    return story_.first_fault->began + *judgement_.measures.detect;
  }

  const Story& story_;
  const RunRecord& record_;
  const Judgement& judgement_;
  std::vector<Finding> found_;
};

// A start that an app took for a mistake of its client: no such function, no such version.
bool is_refused_as_wrong(const Request& request) {
  return request.kind == RequestKind::start &&
         (request.status == 400 || request.status == 404 || request.status == 405 ||
          request.status == 410 || request.status == 422);
}

bool none_online(const Glimpse& glimpse) {
  return glimpse.reachable && !glimpse.status.empty() &&
         std::none_of(glimpse.status.begin(), glimpse.status.end(),
                      [](const auto& one) { return one.second == "Online"; });
}

void Findings::about_starts() {
  const Reconciliation& starts = judgement_.starts;
  if (starts.duplicate > 0)
    add(Severity::high,
        many(starts.duplicate, "start ran more than once", "starts ran more than once"),
        "make the orchestrations idempotent, or give starts an instance id; look at `understudy "
        "instances possible-duplicates`");
  if (starts.ghost > 0)
    add(Severity::high,
        many(starts.ghost, "start ran", "starts ran") + " although the client was told otherwise",
        "protect starts with the ledger: durable.task_hub, and start_routes for custom starters");
  // What an account failover lost has a finding of its own.
  if (const auto lost = starts.lost - judgement_.measures.lost_instances; lost > 0)
    add(Severity::high,
        many(lost, "accepted start is", "accepted starts are") + " gone without a run",
        "`understudy instances listed` names what was lost; its clients must start it again");
  const auto wrong =
      std::count_if(record_.requests.begin(), record_.requests.end(), is_refused_as_wrong);
  if (const auto failed = starts.failed - wrong; failed > 0)
    add(Severity::medium,
        many(failed, "start", "starts") +
            " failed: the answer said neither that it runs nor that it does not, or it was "
            "accepted and failed later",
        "protect the start routes with the ledger: durable.task_hub and durable.start_routes");
  if (starts.unanswered > 0)
    add(Severity::medium,
        many(starts.unanswered, "start was", "starts were") +
            " never answered: their clients do not know whether they run",
        "clients should repeat with the same instance id or idempotency key");
  if (starts.stranded > 0)
    add(Severity::medium,
        many(starts.stranded, "accepted start was", "accepted starts were") +
            " not final when the clients went home",
        "they wait for their region, or for the app lease: see `understudy instances stranded`");
  if (starts.unknown > 0)
    add(Severity::medium, many(starts.unknown, "start's", "starts'") + " outcome stayed unknown",
        "clients should repeat with the same instance id; see `understudy instances unknown`");
  if (starts.misnamed > 0)
    add(Severity::high, many(starts.misnamed, "start ran", "starts ran") + " under another id",
        "a starter function that does not keep to the id it was given, or two clients with one id");
  if (starts.nobodys > 0)
    add(Severity::medium,
        many(starts.nobodys, "orchestration ran", "orchestrations ran") + " that no client started",
        "something else uses this task hub");
  if (starts.wrong_urls > 0)
    add(Severity::high,
        many(starts.wrong_urls, "URL in an answer leads", "URLs in answers lead") +
            " past the proxy",
        "set public_origin to the origin that clients use");
  if (starts.polls_not_found > 0)
    add(Severity::high,
        many(starts.polls_not_found, "poll", "polls") + " of accepted starts got 404",
        "say how the task hubs lie: durable.task_hub");
  if (record_.possible_duplicates > 0)
    add(Severity::low,
        "the proxy marked " + many(record_.possible_duplicates, "start as a possible duplicate",
                                   "starts as possible duplicates"),
        "`understudy instances possible-duplicates` lists them");
}

void Findings::about_predictions() {
  for (const Comparison& one : judgement_.predictions)
    if (one.comparable && !one.kept)
      add(Severity::high,
          one.what + (one.observed == "never" ? " was never seen" : " took " + one.observed) +
              "; predicted from the configuration was " + one.predicted +
              ", of which a busy machine may miss a tenth and half a second",
          "see whether the machine was busy (below); else this is a defect worth reporting");
}

void Findings::about_steps() {
  if (record_.interrupted) return;
  for (const StepResult& step : record_.steps)
    if (!step.done)
      add(Severity::high, "step not reached: " + step.text + ": " + step.detail,
          "see the sequence of events for what it waited for; `within` is its limit");
  if (record_.steady_before && !record_.steady_before->held)
    add(Severity::high, "there was no steady state to begin with: " + record_.steady_before->detail,
        "run it on a quieter machine, with a lower load.rate or a wider `steady`");
  if (story_.scenario.steady_after && record_.steady_after && !record_.steady_after->held)
    add(Severity::high, "the steady state did not come back: " + record_.steady_after->detail,
        "what still failed, or was slow, after everything had healed?");
}

void Findings::about_failover() {
  const Measures& m = judgement_.measures;
  const scenario::Objectives& set = story_.scenario.objectives;
  const bool outage =
      story_.first_fault && !story_.broken.empty() && story_.broken == record_.best_endpoint;
  if (outage && !m.detect && m.failed_after > 0)
    add(Severity::high,
        many(m.failed_after, "request", "requests") + " failed while \"" + story_.broken +
            "\" passed its probes: nobody noticed",
        "probe what requests need (probe.path of a health endpoint that tries its dependencies)");
  if (outage && m.detect && !m.failover && m.failed_after > 0)
    add(Severity::high,
        "\"" + story_.broken + "\" counted as degraded, and no other endpoint took over",
        "see why the others could not: degraded, disabled, or none is configured");
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

void Findings::about_answers() {
  if (const auto count = answered(401); count > 0)
    add(Severity::high, many(count, "request", "requests") + " got 401: the apps' keys differ",
        "`understudy keys sync`, or endpoints[].keys with keys of the proxy's own for clients");
  else if (alerted("endpoint_key_refused") || alerted("key_refused"))
    add(Severity::high, "an endpoint refused the key that the proxy has for it",
        "correct endpoints[].keys or probe.key; `understudy keys diff` compares the apps'");
  if (const auto count = answered(429); count > 0)
    add(Severity::medium, many(count, "request was", "requests were") + " throttled (429)",
        "size the endpoint that is left for all of the load");
  about_refused_starts();
  about_tls();
  std::map<std::string, std::int64_t> troubles;
  for (const Request& request : record_.requests)
    if (!is_good(request) && request.kind != RequestKind::start &&
        !(request.kind == RequestKind::poll && request.status == 404))
      ++troubles[request.trouble];
  std::string list;
  for (const auto& [trouble, count] : troubles)
    list += (list.empty() ? "" : ", ") + std::to_string(count) + " " + trouble;
  if (!list.empty()) add(Severity::note, "requests that failed: " + list);
}

void Findings::about_refused_starts() {
  std::int64_t refused = 0;
  std::set<std::string> by;
  for (const Request& request : record_.requests) {
    if (!is_refused_as_wrong(request)) continue;
    ++refused;
    if (!request.served_by.empty()) by.insert("\"" + request.served_by + "\"");
  }
  if (refused == 0) return;
  std::string names;
  for (const std::string& name : by) names += (names.empty() ? "" : " and ") + name;
  add(Severity::high,
      many(refused, "start was", "starts were") + " refused by " +
          (names.empty() ? "an app" : names) +
          " as wrong: it does not know the function, or another version of it",
      "deploy the same version to every region before you rely on it");
}

void Findings::about_tls() {
  std::set<std::string> told;
  for (const ProxyEvent& event : record_.events)
    if (event.kind == "health" && event.to.starts_with("Degraded") &&
        (event.text.find("tls") != std::string::npos ||
         event.text.find("certificate") != std::string::npos) &&
        told.insert(event.endpoint).second)
      add(Severity::medium,
          "\"" + event.endpoint + "\" was taken out because of TLS: " + event.text,
          "renew the certificate before it expires, and let something watch its date");
}

void Findings::about_endpoints() {
  bool any_was_online = false, all_gone = false, was_reachable = false, proxy_gone = false;
  for (const Glimpse& glimpse : record_.glimpses) {
    proxy_gone = proxy_gone || (was_reachable && !glimpse.reachable);
    was_reachable = was_reachable || glimpse.reachable;
    if (none_online(glimpse))
      all_gone = all_gone || any_was_online;
    else
      any_was_online = any_was_online || (glimpse.reachable && !glimpse.status.empty());
  }
  if (alerted("never_online"))
    add(Severity::high, "an endpoint was never Online: its probe fails although it may work",
        "check probe.path and probe.status with `understudy validate --probe`");
  else if (all_gone)
    add(Severity::medium, "for a while no endpoint was Online",
        "with all of them degraded the best one is served anyway (routing.all_degraded)");
  if (alerted("disagreement"))
    add(Severity::medium,
        "probes and live traffic disagreed about an endpoint: one of them failed while the other "
        "went well",
        "probe what requests need: probe.path of a health endpoint that tries its dependencies");
  if (alerted("hub_claim"))
    add(Severity::high, "the task hubs do not lie as durable.task_hub says",
        "correct durable.task_hub: instances are looked for where it says");
  if (proxy_gone)
    add(Severity::medium, "the proxy itself could not be reached for a while",
        "run two of them behind a balancer, or under a supervisor that restarts it at once");
}

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

void Findings::about_the_run() {
  if (record_.load_late > Millis{250})
    add(Severity::low,
        "the load was sent up to " + text(record_.load_late) +
            " late: the machine was busy, and times are worse than they need be",
        "run it again on a quiet machine");
  if (!record_.aborted.empty())
    add(Severity::high, "the run was ended early: " + record_.aborted,
        "nothing after that moment was rehearsed");
  if (!record_.executions_known && !record_.starts.empty())
    add(Severity::note,
        "nobody could be asked what ran: ghosts, duplicates and lost starts would not be seen");
}

}  // namespace

std::vector<Finding> findings_of(const Story& story, const Judgement& so_far) {
  return Findings{story, so_far}.all();
}

}  // namespace verdict
