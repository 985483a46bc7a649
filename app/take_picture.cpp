#include "app/take_picture.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "app/command_line.hpp"
#include "config/explain.hpp"
#include "config/words.hpp"

namespace app {
namespace {

using health::Cause;
using health::EndpointHealth;
using health::MonitorStatus;
using health::TimePoint;

// Monotonic moments become wall time only here, for people to read.
struct Clocks {
  TimePoint monotonic = health::Clock::now();
  WallTime wall = std::chrono::system_clock::now();
  WallTime wall_of(TimePoint at) const {
    return wall - std::chrono::duration_cast<WallTime::duration>(monotonic - at);
  }
};

std::string status_words(const EndpointHealth& endpoint) {
  std::string out{to_string(endpoint.status)};
  if (endpoint.status == MonitorStatus::degraded && endpoint.cause == Cause::live_traffic)
    out += " (passive)";
  return out;
}

bool probe_key_refused(const config::Endpoint& config, const EndpointHealth& endpoint) {
  return endpoint.last_probe && endpoint.last_probe->status == 401 && !config.probe.key.empty();
}

bool never_online(const EndpointHealth& endpoint) {
  return endpoint.status == MonitorStatus::degraded && !endpoint.ever_online;
}

EndpointPicture picture_of(const config::Endpoint& config, const EndpointHealth& health,
                           const routing::RoutingTable& table, const Clocks& clocks) {
  EndpointPicture out;
  out.name = config.name;
  out.url = config.url.origin();
  out.region = config.region;
  out.priority = config.priority;
  out.enabled = health.enabled;
  out.status = health.status;
  out.cause = health.cause;
  out.status_text = status_words(health);
  out.since = clocks.wall_of(health.since);
  out.never_online = never_online(health);
  out.key_refused = probe_key_refused(config, health);
  out.disagreement = health.disagreement;
  out.consecutive_failures = health.failures;
  out.consecutive_passes = health.passes;
  out.detail = health.resolve_problem;
  if (const auto& probe = health.last_probe) {
    const std::chrono::duration<double, std::milli> latency = probe->latency;
    out.last_probe =
        LastProbe{clocks.wall_of(health.last_probe_at), probe->passed(),
                  std::string{to_string(probe->result)}, probe->detail, latency.count()};
    if (out.detail.empty() && !probe->passed()) out.detail = probe->detail;
  }
  if (const routing::RoutingEntry* entry = table.find(health.id)) {
    out.rotation = to_string(entry->rotation);
    out.draining = entry->draining;
    out.active = table.active == entry->id;
    for (const config::SocketAddress& address : entry->addresses)
      out.addresses.push_back(address_text(address));
  }
  return out;
}

std::optional<Bounds> bounds_of(const config::Config& config) {
  if (config.endpoints.size() < 2) return std::nullopt;
  const config::EndpointTimes worst = config::compute_times(config).worst;
  const auto seconds = [](config::Millis value) {
    return std::chrono::duration<double>(value).count();
  };
  Bounds out{seconds(worst.detect_frozen), seconds(worst.failover_new), {}};
  if (worst.failback_new) out.failback_s = seconds(*worst.failback_new);
  return out;
}

void add_routing(Picture& out, const PictureSources& from, const Clocks& clocks) {
  const routing::RoutingTable& table = from.router.table();
  if (const routing::RoutingEntry* active = table.find(table.active)) out.active = active->name;
  out.active_since = clocks.wall_of(from.router.active_since());
  out.all_degraded = table.all_degraded && out.active;
  if (!from.router.history().empty()) {
    const routing::RoutingChange& last = from.router.history().back();
    out.active_why = to_string(last.kind);
    out.active_text = last.reason;
  }
  if (const auto& hold = from.router.held()) {
    out.hold = HoldPicture{out.active.value_or(""), std::nullopt};
    if (hold->until) out.hold->until = clocks.wall_of(*hold->until);
  }
  out.failback.mode = to_string(from.config.failback.mode);
  const auto waits = from.router.waits(clocks.monotonic);
  if (!waits.empty()) {
    out.failback.waiting_for = from.registry.name_of(waits.front().endpoint);
    if (waits.front().until) out.failback.until = clocks.wall_of(*waits.front().until);
    const config::Millis wait = routing::flap_wait(from.config.failback, waits.front().flap_level);
    out.failback.wait_s = std::chrono::duration<double>(wait).count();
  }
}

}  // namespace

std::string address_text(const config::SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  if (address.v6) return fmt::format("[{}]:{}", text.data(), address.port);
  return fmt::format("{}:{}", text.data(), address.port);
}

std::string_view profile_status(const std::vector<EndpointHealth>& endpoints) {
  const auto any = [&](auto... statuses) {
    return std::any_of(endpoints.begin(), endpoints.end(),
                       [&](const EndpointHealth& e) { return ((e.status == statuses) || ...); });
  };
  if (any(MonitorStatus::degraded)) return "Degraded";
  if (any(MonitorStatus::online, MonitorStatus::unmonitored)) return "Online";
  if (any(MonitorStatus::checking_endpoint)) return "CheckingEndpoints";
  return "Inactive";
}

void count_probe(ProbeTally& tally, const health::ProbeOutcome& outcome) {
  const std::string_view word = to_string(outcome.result);
  auto result = std::find_if(tally.results.begin(), tally.results.end(),
                             [&](const ProbeTally::Result& r) { return r.outcome == word; });
  if (result == tally.results.end()) {
    tally.results.push_back({std::string{word}, 0});
    result = tally.results.end() - 1;
  }
  ++result->count;
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(outcome.latency).count();
  const auto bucket =
      std::lower_bound(probe_bounds_ms.begin(), probe_bounds_ms.end(),
                       static_cast<std::uint64_t>(std::max<std::int64_t>(0, millis)));
  ++tally.duration[static_cast<std::size_t>(bucket - probe_bounds_ms.begin())];
  tally.duration_sum_s += std::chrono::duration<double>(outcome.latency).count();
}

std::vector<Alert> alert_conditions(const config::Config& config,
                                    const std::vector<EndpointHealth>& endpoints,
                                    const routing::RoutingTable& table) {
  std::vector<Alert> out;
  const auto raise = [&](const char* kind, const std::string& endpoint, std::string text) {
    out.push_back({kind, endpoint, std::move(text), {}});
  };
  if (table.active == health::no_endpoint)
    raise("no_endpoint", "", "no endpoint may serve: every request is answered 503");
  else if (table.all_degraded)
    raise("all_degraded", "",
          "every endpoint is degraded: requests go to " + table.find(table.active)->name +
              " as a best effort");
  for (std::size_t i = 0; i < endpoints.size() && i < config.endpoints.size(); ++i) {
    const EndpointHealth& endpoint = endpoints[i];
    const config::ProbePolicy& probe = config.endpoints[i].probe;
    const std::string last = endpoint.last_probe ? endpoint.last_probe->detail : "";
    if (never_online(endpoint))
      raise("never_online", endpoint.name,
            fmt::format("{} was never online: {}; is the probe right ({} {})?", endpoint.name, last,
                        probe.method, probe.path));
    if (probe_key_refused(config.endpoints[i], endpoint))
      raise("key_refused", endpoint.name,
            endpoint.name + " refused the probe's key (401): check probe.key or keys.durable");
    if (!endpoint.disagreement.empty())
      raise("disagreement", endpoint.name, endpoint.name + ": " + endpoint.disagreement);
  }
  return out;
}

std::vector<Alert> durable_alerts(const DurableView& durable,
                                  const std::vector<std::string>& refusing) {
  std::vector<Alert> out;
  const ledger::DirectoryStatus& directory = durable.directory;
  if (directory.on_disk && !directory.disk_ok)
    out.push_back({"directory_disk",
                   "",
                   fmt::format("the instance directory is kept in memory only: {}; what is not "
                               "written is asked of the endpoints after a restart",
                               directory.disk_message),
                   {}});
  if (durable.hub_claim && durable.hub_claim->contradiction)
    out.push_back({"hub_claim", "", durable.hub_claim->text, {}});
  if (durable.lease && !durable.lease->suggestion.empty())
    out.push_back({"work_elsewhere", durable.lease->suggested, durable.lease->suggestion, {}});
  for (const std::string& name : refusing)
    out.push_back({"endpoint_key_refused",
                   name,
                   fmt::format("{} answers 401 to the key that this proxy has for it: correct "
                               "`keys` of the endpoint; `understudy keys diff` compares the apps'",
                               name),
                   {}});
  return out;
}

Picture take_picture(const PictureSources& from) {
  const Clocks clocks;
  Picture out;
  out.version = product_version;
  out.profile = from.config.profile;
  out.now = clocks.wall;
  out.started = from.started;
  out.config_source = from.config.source;
  out.config_hash = from.config_hash;
  out.config_generation = from.generation;
  out.draining = from.draining;
  out.workers = from.data_plane.workers();
  out.bounds = bounds_of(from.config);
  out.durable = from.durable;
  add_routing(out, from, clocks);

  const std::vector<EndpointHealth> health = from.board.snapshot();
  out.profile_status = profile_status(health);
  const auto sticky = from.sticky.counts(clocks.monotonic);
  out.sticky_capacity = from.sticky.capacity();
  for (const auto& count : sticky) out.sticky_clients += count.clients;
  for (std::size_t i = 0; i < health.size() && i < from.config.endpoints.size(); ++i) {
    EndpointPicture endpoint =
        picture_of(from.config.endpoints[i], health[i], from.router.table(), clocks);
    endpoint.traffic = from.registry.traffic(health[i].id);
    if (const auto tally = from.probes.find(health[i].id); tally != from.probes.end())
      endpoint.probes = tally->second;
    for (const auto& count : sticky)
      if (count.endpoint == health[i].id) endpoint.sticky_clients += count.clients;
    out.endpoints.push_back(std::move(endpoint));
  }
  for (std::size_t i = 0; i < from.data_plane.workers(); ++i)
    add_counters(out.traffic, from.data_plane.counters(i));
  out.tally = from.history.tally();
  out.alerts = from.history.alerts();
  out.recent = from.history.recent(20);
  return out;
}

}  // namespace app
