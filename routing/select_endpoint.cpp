#include "routing/select_endpoint.hpp"

namespace routing {
namespace {

const RoutingEntry* first(const RoutingTable& table, Rotation wanted, const Tried* tried) {
  for (const RoutingEntry& entry : table.entries)
    if (entry.rotation == wanted && (tried == nullptr || !tried->contains(entry.id))) return &entry;
  return nullptr;
}

// Whether a sticky answer still counts. `hold` keeps it as a DNS cache would, whatever the monitor
// says, except for an endpoint that an operator took out.
bool keeps(const RoutingEntry& entry, config::OnDegraded on_degraded) {
  switch (entry.rotation) {
    case Rotation::serving:
      return true;
    case Rotation::waiting:
    case Rotation::degraded:
      return on_degraded == config::OnDegraded::hold;
    case Rotation::out:
      return false;
  }
  return false;
}

}  // namespace

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::priority:
      return "priority";
    case Reason::sticky:
      return "sticky";
    case Reason::held:
      return "held";
    case Reason::retry:
      return "retry";
    case Reason::rescue:
      return "rescue";
    case Reason::best_effort:
      return "best_effort";
    case Reason::instance:
      return "instance";
    case Reason::none:
      return "none";
  }
  return "?";
}

std::string_view to_string(Rotation rotation) {
  switch (rotation) {
    case Rotation::serving:
      return "serving";
    case Rotation::waiting:
      return "waiting";
    case Rotation::degraded:
      return "degraded";
    case Rotation::out:
      return "out";
  }
  return "?";
}

Selection select_endpoint(const RoutingTable& table, EndpointId sticky) {
  if (sticky != no_endpoint) {
    const RoutingEntry* entry = table.find(sticky);
    if (entry != nullptr && keeps(*entry, table.on_degraded))
      return {entry, entry->rotation == Rotation::degraded ? Reason::held : Reason::sticky};
  }
  if (const RoutingEntry* entry = first(table, Rotation::serving, nullptr))
    return {entry, Reason::priority};
  if (const RoutingEntry* entry = first(table, Rotation::waiting, nullptr))
    return {entry, Reason::priority};
  if (table.fail_open)
    if (const RoutingEntry* entry = first(table, Rotation::degraded, nullptr))
      return {entry, Reason::best_effort};
  return {};
}

Selection select_next(const RoutingTable& table, const Tried& tried, bool allow_degraded) {
  if (const RoutingEntry* entry = first(table, Rotation::serving, &tried))
    return {entry, Reason::retry};
  if (const RoutingEntry* entry = first(table, Rotation::waiting, &tried))
    return {entry, Reason::retry};
  if (allow_degraded && table.fail_open)
    if (const RoutingEntry* entry = first(table, Rotation::degraded, &tried))
      return {entry, Reason::best_effort};
  return {};
}

}  // namespace routing
