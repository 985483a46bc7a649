// Everything the HealthBoard keeps about one endpoint. Owned by the board and shared with the
// timers and coroutines that are under way for it; control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "config/socket_address.hpp"
#include "health/endpoint_health.hpp"
#include "health/evidence.hpp"
#include "health/monitor.hpp"

namespace health {

struct Watch {
  Watch(boost::asio::io_context& io, EndpointId id_in, config::Endpoint endpoint_in)
      : id{id_in}, endpoint{std::move(endpoint_in)}, probe_timer{io}, resolve_timer{io} {}

  EndpointId id;
  config::Endpoint endpoint;
  bool removed = false;
  Monitor monitor;
  EvidenceWindow window;

  boost::asio::steady_timer probe_timer;
  double dice = 0.5;  // the jitter of the present gap
  bool probing = false;
  bool discard = false;  // the probe under way has lost its meaning
  TimePoint probe_started{};
  std::optional<Suspicion> suspected;  // when the probe under way began
  std::optional<ProbeOutcome> last_probe;
  TimePoint last_probe_at{};

  boost::asio::steady_timer resolve_timer;
  bool resolving = false;
  TimePoint resolve_started{};
  std::string resolve_problem;
  std::vector<config::SocketAddress> addresses;
  std::vector<config::SocketAddress> direct;  // as resolved, where those lead through a link
};

EndpointHealth describe(const Watch&, TimePoint now);

// A look-up may answer in another order each time: that alone is no news.
bool same_addresses(std::vector<config::SocketAddress>, std::vector<config::SocketAddress>);

}  // namespace health
