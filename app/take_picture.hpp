// Reads the parts of the running proxy into one Picture, and says which alerts hold. Control
// thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/endpoint_registry.hpp"
#include "app/history.hpp"
#include "app/picture.hpp"
#include "health/health_board.hpp"
#include "proxy/data_plane.hpp"
#include "routing/router.hpp"
#include "routing/stickiness.hpp"

namespace app {

struct PictureSources {
  const config::Config& config;
  std::string config_hash;
  std::uint64_t generation = 0;
  WallTime started{};
  bool draining = false;
  const routing::Router& router;
  const health::HealthBoard& board;
  EndpointRegistry& registry;
  const proxy::DataPlane& data_plane;
  const routing::StickyTable& sticky;
  const History& history;
  const std::map<health::EndpointId, ProbeTally>& probes;
  DurableView durable;
};

Picture take_picture(const PictureSources& sources);

void count_probe(ProbeTally& tally, const health::ProbeOutcome& outcome);

// Traffic Manager's rule: Degraded if one endpoint is, else Online if one is, ...
std::string_view profile_status(const std::vector<health::EndpointHealth>& endpoints);

// What an operator must be told about, as it is now; `since` is left to the History.
std::vector<Alert> alert_conditions(const config::Config& config,
                                    const std::vector<health::EndpointHealth>& endpoints,
                                    const routing::RoutingTable& table);
// The same for what concerns Durable Functions; `refusing` names the endpoints that refused our
// key.
std::vector<Alert> durable_alerts(const DurableView& durable,
                                  const std::vector<std::string>& refusing);

std::string address_text(const config::SocketAddress& address);  // "127.0.0.1:80", "[::1]:80"

}  // namespace app
