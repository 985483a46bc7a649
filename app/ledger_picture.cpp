#include "app/ledger_picture.hpp"

#include <algorithm>

namespace app {
namespace {

using health::MonitorStatus;
using routing::Rotation;

bool is_enabled(MonitorStatus status) {
  return status != MonitorStatus::disabled && status != MonitorStatus::inactive &&
         status != MonitorStatus::stopped;
}

bool is_usable(const routing::RoutingTable& table, const routing::RoutingEntry& entry) {
  switch (entry.rotation) {
    case Rotation::serving:
    case Rotation::waiting:  // select_next takes it when no other is left
      return true;
    case Rotation::degraded:
      return table.all_degraded && table.fail_open;
    case Rotation::out:
      break;
  }
  return false;
}

ledger::EndpointView view_of(const proxy::Snapshot& snapshot, const routing::RoutingEntry& entry,
                             const health::EndpointHealth* health, const ProbeMarks* marks) {
  const proxy::Upstream& upstream = *snapshot.upstreams[entry.config_index];
  const config::Endpoint& config = upstream.config;
  ledger::EndpointView view;
  view.place = upstream.place;
  view.peer = config.peer;
  view.enabled = is_enabled(entry.monitor);
  view.usable = is_usable(snapshot.table, entry);
  if (health != nullptr && health->status == MonitorStatus::degraded)
    view.degraded_since = health->since;
  view.open = config.auth == config::AuthMode::none;
  view.has_key = view.open || !config.keys.durable.empty();
  if (marks != nullptr) {
    view.pass_opened = marks->pass_opened;
    view.passed = marks->passed;
    view.refused = marks->refused;
  }
  return view;
}

}  // namespace

bool note_probe(ProbeMarks& marks, const config::Endpoint& endpoint,
                const health::ProbeOutcome& outcome) {
  const config::ProbePolicy& policy = endpoint.probe;
  if (policy.port != 0 && policy.port != endpoint.url.port) return false;
  if (outcome.passed() && policy.protocol != config::Protocol::tcp) {
    marks.pass_opened = outcome.started;
    marks.passed = outcome.started + outcome.latency;
    return true;
  }
  if (!outcome.refused) return false;
  marks.refused = outcome.started;
  return true;
}

std::shared_ptr<const ledger::LedgerPicture> ledger_picture(
    const proxy::Snapshot& snapshot, const std::vector<health::EndpointHealth>& endpoints,
    const std::map<health::EndpointId, ProbeMarks>& marks) {
  auto picture = std::make_shared<ledger::LedgerPicture>();
  picture->config = snapshot.config;
  const auto add = [&](const routing::RoutingEntry& entry) {
    if (entry.config_index >= snapshot.upstreams.size()) return;
    const auto health =
        std::find_if(endpoints.begin(), endpoints.end(),
                     [&](const health::EndpointHealth& each) { return each.id == entry.id; });
    const auto mark = marks.find(entry.id);
    picture->endpoints.push_back(view_of(snapshot, entry,
                                         health == endpoints.end() ? nullptr : &*health,
                                         mark == marks.end() ? nullptr : &mark->second));
  };
  // As select_endpoint and select_next would: the active one, then rotation before priority.
  const routing::RoutingTable& table = snapshot.table;
  if (const routing::RoutingEntry* active = table.find(table.active)) add(*active);
  for (const Rotation rotation :
       {Rotation::serving, Rotation::waiting, Rotation::degraded, Rotation::out})
    for (const routing::RoutingEntry& entry : table.entries)
      if (entry.rotation == rotation && entry.id != table.active) add(entry);
  return picture;
}

}  // namespace app
