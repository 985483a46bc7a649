// The immutable picture of the profile that the workers route by: published by the Router on each
// change, read by any thread through a shared_ptr. Values only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/socket_address.hpp"
#include "health/status.hpp"

namespace routing {

using health::EndpointId;
using health::MonitorStatus;
using health::no_endpoint;
using SocketAddress = config::SocketAddress;

// What an endpoint may be given, from best to worst.
enum class Rotation : std::uint8_t {
  serving,   // available: Online, CheckingEndpoint or Unmonitored, and not held back
  waiting,   // recovered, but failback waits (healthy_for, penalty, manual, hold)
  degraded,  // only when nothing better exists and all_degraded is fail_open
  out,       // Disabled, Inactive, Stopped or drained: never
};
std::string_view to_string(Rotation);

struct RoutingEntry {
  EndpointId id = no_endpoint;
  std::uint32_t config_index = 0;  // into Config::endpoints of the same snapshot
  int priority = 1;
  MonitorStatus monitor = MonitorStatus::checking_endpoint;
  Rotation rotation = Rotation::serving;
  bool draining = false;
  std::string name;
  std::vector<SocketAddress> addresses;  // empty: the name has never resolved
  bool operator==(const RoutingEntry&) const = default;
};

struct RoutingTable {
  std::uint64_t version = 0;
  std::vector<RoutingEntry> entries;  // ascending priority
  EndpointId active = no_endpoint;    // what a new client is given; no_endpoint: nobody
  bool all_degraded = false;          // active is a best effort (or nobody is left)
  bool fail_open = true;
  config::OnDegraded on_degraded = config::OnDegraded::release;

  const RoutingEntry* find(EndpointId id) const {
    for (const RoutingEntry& entry : entries)
      if (entry.id == id) return &entry;
    return nullptr;
  }
};

}  // namespace routing
