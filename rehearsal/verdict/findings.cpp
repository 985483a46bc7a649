#include "rehearsal/verdict/findings.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace verdict {

std::string many(std::int64_t count, const std::string& one, const std::string& more) {
  return std::to_string(count) + " " + (count == 1 ? one : more);
}

// At the start endpoints are still being checked, which is no outage.
bool none_online(const Glimpse& glimpse) {
  return glimpse.reachable && !glimpse.status.empty() &&
         std::none_of(glimpse.status.begin(), glimpse.status.end(), [](const auto& one) {
           return one.second == "Online" || one.second == "CheckingEndpoint";
         });
}

namespace {

// A start that an app took for a mistake of its client: no such function, no such version.
bool is_refused_as_wrong(const Request& request) {
  return request.kind == RequestKind::start &&
         (request.status == 400 || request.status == 404 || request.status == 405 ||
          request.status == 410 || request.status == 422);
}

}  // namespace

std::vector<Finding> Findings::all() {
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
  for (const Severity severity : {Severity::high, Severity::medium, Severity::low, Severity::note})
    for (Finding& one : found_)
      if (one.severity == severity) sorted.push_back(std::move(one));
  return sorted;
}

void Findings::add(Severity severity, std::string text, std::string change) {
  found_.push_back({severity, std::move(text), std::move(change)});
}

std::int64_t Findings::answered(int status) const {
  return std::count_if(
      record_.requests.begin(), record_.requests.end(), [&](const Request& request) {
        return request.status == status && story_.trouble && request.ended >= *story_.trouble;
      });
}

bool Findings::alerted(std::string_view kind) const {
  return std::any_of(record_.glimpses.begin(), record_.glimpses.end(), [&](const Glimpse& g) {
    return std::find(g.alerts.begin(), g.alerts.end(), kind) != g.alerts.end();
  });
}

Millis Findings::stood(std::string_view alert) const {
  At longest{0};
  std::optional<At> since;
  for (const Glimpse& glimpse : record_.glimpses) {
    if (!glimpse.reachable) continue;
    if (since) longest = std::max(longest, glimpse.at - *since);
    if (std::find(glimpse.alerts.begin(), glimpse.alerts.end(), alert) == glimpse.alerts.end())
      since.reset();
    else if (!since)
      since = glimpse.at;
  }
  return millis(longest);
}

std::optional<At> Findings::known_since() const {
  if (!story_.first_fault || story_.broken.empty() || !judgement_.measures.detect) return {};
  return story_.first_fault->began + *judgement_.measures.detect;
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
  // A refusal of the app's own has a finding that says more.
  const auto refused =
      std::count_if(record_.requests.begin(), record_.requests.end(), [](const Request& request) {
        return is_refused_as_wrong(request) || (request.kind == RequestKind::start &&
                                                (request.status == 401 || request.status == 429));
      });
  if (const auto failed = starts.failed - refused; failed > 0)
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
              ", predicted was " + one.predicted +
              " (a busy machine may take a tenth and half a second longer)",
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
  bool all_gone = false, was_reachable = false, proxy_gone = false;
  for (const Glimpse& glimpse : record_.glimpses) {
    proxy_gone = proxy_gone || (was_reachable && !glimpse.reachable);
    was_reachable = was_reachable || glimpse.reachable;
    all_gone = all_gone || none_online(glimpse);
  }
  if (alerted("never_online"))
    add(Severity::high, "an endpoint was never Online: its probe fails although it may work",
        "check probe.path and probe.status with `understudy validate --probe`");
  else if (all_gone)
    add(Severity::medium, "for a while no endpoint was Online",
        "with all of them degraded the best one is served anyway (routing.all_degraded)");
  // A moment of it is usual while an endpoint recovers.
  if (stood("disagreement") >= Millis{1'000})
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

std::vector<Finding> findings_of(const Story& story, const Judgement& so_far) {
  return Findings{story, so_far}.all();
}

}  // namespace verdict
