#include "app/status_json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "app/metrics.hpp"
#include "config/words.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json or_null(const std::optional<WallTime>& value) {
  return value ? Json(rfc3339(*value)) : Json(nullptr);
}

double rounded(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

Json or_null_rounded(const std::optional<double>& value) {
  return value ? Json(rounded(*value)) : Json(nullptr);
}

Json event_json(const Event& event) {
  Json out{{"sequence", event.sequence},
           {"at", rfc3339(event.at)},
           {"kind", event.kind},
           {"level", event.level}};
  if (!event.endpoint.empty()) out["endpoint"] = event.endpoint;
  if (!event.from.empty()) out["from"] = event.from;
  if (!event.to.empty()) out["to"] = event.to;
  if (!event.reason.empty()) out["reason"] = event.reason;
  out["text"] = event.text;
  if (event.seconds) out["seconds"] = rounded(*event.seconds);
  return out;
}

Json last_probe_json(const std::optional<LastProbe>& probe) {
  if (!probe) return nullptr;
  return {{"at", rfc3339(probe->at)},
          {"passed", probe->passed},
          {"outcome", probe->outcome},
          {"latencyMs", rounded(probe->latency_ms)},
          {"detail", probe->detail}};
}

Json traffic_json(const EndpointTraffic& t) {
  std::uint64_t relayed = 0;
  for (const std::uint64_t count : t.by_class) relayed += count;
  return {{"requests", relayed},
          {"answers2xx", t.by_class[2]},
          {"answers4xx", t.by_class[4]},
          {"answers5xx", t.by_class[5]},
          {"unanswered", t.by_class[0]},
          {"attempts", t.attempts},
          {"retries", t.retries},
          {"rescues", t.rescues},
          {"unknownOutcomes", t.unknown_outcomes}};
}

Json endpoint_json(const EndpointPicture& e) {
  return {{"name", e.name},
          {"url", e.url},
          {"region", e.region},
          {"priority", e.priority},
          {"endpointStatus", e.enabled ? "Enabled" : "Disabled"},
          {"monitorStatus", std::string{to_string(e.status)}},
          {"statusText", e.status_text},
          {"cause", std::string{to_string(e.cause)}},
          {"detail", e.detail},
          {"since", rfc3339(e.since)},
          {"rotation", e.rotation},
          {"active", e.active},
          {"serving", e.rotation == "serving"},
          {"draining", e.draining},
          {"neverOnline", e.never_online},
          {"keyRefused", e.key_refused},
          {"disagreement", e.disagreement.empty() ? Json(nullptr) : Json(e.disagreement)},
          {"fault", e.fault.empty() ? Json(nullptr) : Json(e.fault)},
          {"consecutiveFailures", e.consecutive_failures},
          {"consecutivePasses", e.consecutive_passes},
          {"lastProbe", last_probe_json(e.last_probe)},
          {"addresses", e.addresses},
          {"stickyClients", e.sticky_clients},
          {"inFlight", e.traffic.in_flight},
          {"connections", e.traffic.connections},
          {"traffic", traffic_json(e.traffic)}};
}

Json hold_json(const std::optional<HoldPicture>& hold) {
  if (!hold) return nullptr;
  return {{"endpoint", hold->endpoint}, {"until", or_null(hold->until)}};
}

Json failback_json(const FailbackPicture& f) {
  return {{"mode", f.mode},
          {"waitingFor", f.waiting_for.empty() ? Json(nullptr) : Json(f.waiting_for)},
          {"until", or_null(f.until)},
          {"waitSeconds", rounded(f.wait_s)}};
}

Json connections_json(const Picture& p) {
  std::uint64_t upstream = 0, idle = 0;
  for (const EndpointPicture& e : p.endpoints) {
    upstream += e.traffic.connections;
    idle += e.traffic.idle_connections;
  }
  return {{"client", p.traffic.connections},
          {"clientIdle", p.traffic.idle_connections},
          {"upstream", upstream},
          {"upstreamIdle", idle},
          {"tunnels", p.traffic.tunnels}};
}

Json alerts_json(const std::vector<Alert>& alerts) {
  Json out = Json::array();
  for (const Alert& alert : alerts)
    out.push_back({{"kind", alert.kind},
                   {"endpoint", alert.endpoint.empty() ? Json(nullptr) : Json(alert.endpoint)},
                   {"since", rfc3339(alert.since)},
                   {"text", alert.text}});
  return out;
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json directory_json(const DurableView& d) {
  return {{"entries", d.directory.entries},
          {"onDisk", d.directory.on_disk},
          {"path", text_or_null(d.directory_path)},
          {"diskOk", d.directory.disk_ok},
          {"message", text_or_null(d.directory.disk_message)},
          {"evicted", d.directory.evicted},
          {"written", d.directory.written},
          {"droppedWrites", d.directory.dropped_writes}};
}

Json claim_json(const std::optional<ClaimView>& claim) {
  if (!claim) return nullptr;
  return {{"verdict", claim->verdict},
          {"hubs", claim->hubs},
          {"message", claim->message},
          {"text", claim->text},
          {"checkedAt", rfc3339(claim->checked_at)}};
}

Json lease_json(const std::optional<LeaseView>& lease) {
  if (!lease) return nullptr;
  return {{"owner", or_null(lease->owner)},
          {"sure", lease->sure},
          {"since", rfc3339(lease->since)},
          {"why", lease->why},
          {"http", or_null(lease->http)},
          {"split", lease->split},
          {"makeprimarySafe", lease->makeprimary_safe},
          {"makeprimaryWhy", lease->makeprimary_why},
          {"follow", lease->follow},
          {"text", lease->text}};
}

Json starts_json(const DurableView& d) {
  if (!d.starts) return nullptr;
  const ledger::StartLedgerStatus& s = *d.starts;
  Json settled = Json::object();
  for (const auto& [evidence, count] : s.settled) settled[evidence] = count;
  return {{"mode", std::string{config::to_string(s.mode)}},
          {"path", text_or_null(d.directory_path)},
          {"open", s.waiting},
          {"queued", s.queued},
          {"inFlight", s.in_flight},
          {"unknown", s.unknown},
          {"listed", s.listed},
          {"oldestOpenSeconds", or_null_rounded(s.oldest_open_s)},
          {"keptConnections", s.doubtful},
          {"arrived", s.arrived},
          {"joined", s.joined},
          {"storedAnswers", s.stored_answers},
          {"turnedAway", s.turned_away},
          {"unconfirmed", s.unconfirmed},
          {"settled", std::move(settled)},
          {"lookUps", s.look_ups},
          {"replays", s.replays},
          {"possibleDuplicates", s.possible_duplicates},
          {"duplicates", s.duplicates},
          {"lost", s.lost},
          {"resubmitted", s.resubmitted},
          {"takenOver", s.taken_over},
          {"commits", s.commits},
          {"commitFailures", s.commit_failures},
          {"committedStarts", s.committed_starts},
          {"bytes", s.bytes},
          {"maxBytes", s.max_bytes},
          {"diskOk", s.disk_ok},
          {"message", text_or_null(s.disk_message)}};
}

Json durable_json(const DurableView& d) {
  return {{"taskHub", d.task_hub},
          {"timeScale", d.time_scale},
          {"starts", starts_json(d)},
          {"directory", directory_json(d)},
          {"desk",
           {{"jobs", d.desk.asked},
            {"joined", d.desk.joined},
            {"overloaded", d.desk.overloaded},
            {"expired", d.desk.expired},
            {"inFlight", d.desk.in_flight},
            {"queued", d.desk.queued}}},
          {"hubClaim", claim_json(d.hub_claim)},
          {"lease", lease_json(d.lease)}};
}

Json requests_json(const ProxyTraffic& t) {
  Json refused = Json::object();
  for (std::size_t i = 0; i < t.refusals.size(); ++i)
    if (t.refusals[i] > 0) refused[std::string{refusal_name(i)}] = t.refusals[i];
  return {{"total", t.requests},
          {"inFlight", t.in_flight},
          {"clientAborts", t.client_aborts},
          {"bestEffort", t.best_effort},
          {"refused", refused}};
}

}  // namespace

Json events_json(std::span<const Event> events) {
  Json out = Json::array();
  for (const Event& event : events) out.push_back(event_json(event));
  return out;
}

Json status_json(const Picture& p) {
  Json endpoints = Json::array();
  for (const EndpointPicture& endpoint : p.endpoints) endpoints.push_back(endpoint_json(endpoint));
  Json out{
      {"profile", p.profile},
      {"version", p.version},
      {"now", rfc3339(p.now)},
      {"uptimeSeconds", rounded(std::chrono::duration<double>(p.now - p.started).count())},
      {"profileMonitorStatus", p.profile_status},
      {"allDegraded", p.all_degraded},
      {"draining", p.draining},
      {"active",
       {{"endpoint", or_null(p.active)},
        {"since", rfc3339(p.active_since)},
        {"why", p.active_why},
        {"text", p.active_text}}},
      {"hold", hold_json(p.hold)},
      {"failback", failback_json(p.failback)},
  };
  out["bounds"] = !p.bounds ? Json(nullptr)
                            : Json{{"detectSeconds", rounded(p.bounds->detect_s)},
                                   {"failoverSeconds", rounded(p.bounds->failover_s)},
                                   {"failbackSeconds", or_null_rounded(p.bounds->failback_s)}};
  out["last"] = {{"detectSeconds", or_null_rounded(p.tally.last_detect_s)},
                 {"failoverSeconds", or_null_rounded(p.tally.last_failover_s)},
                 {"failbackSeconds", or_null_rounded(p.tally.last_failback_s)}};
  out["endpoints"] = std::move(endpoints);
  out["alerts"] = alerts_json(p.alerts);
  out["transitions"] = events_json(p.recent);
  out["sticky"] = {{"clients", p.sticky_clients}, {"capacity", p.sticky_capacity}};
  out["connections"] = connections_json(p);
  out["requests"] = requests_json(p.traffic);
  out["durable"] = durable_json(p.durable);
  out["config"] = {{"source", p.config_source},
                   {"hash", p.config_hash},
                   {"generation", p.config_generation},
                   {"lastReload", or_null(p.tally.last_reload)},
                   {"lastReloadText", p.tally.last_reload_text}};
  return out;
}

}  // namespace app
