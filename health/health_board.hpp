// Owns the monitors: starts the probes when they are due, applies their outcomes and the evidence
// of live traffic, and reports every change of status. Also keeps the endpoints' addresses fresh.
// All of it happens on one io_context, the control thread's; every member is called there, and the
// callbacks come from there. Reports only: what a change means for routing is the Router's matter.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "config/config.hpp"
#include "config/socket_address.hpp"
#include "health/endpoint_health.hpp"
#include "health/evidence.hpp"
#include "health/probe_outcome.hpp"
#include "health/status.hpp"

namespace health {

struct BoardCallbacks {
  std::function<void(const HealthTransition&)> on_transition;
  std::function<void(EndpointId, const ProbeOutcome&)> on_probe;
  // The addresses to send traffic to, whenever they change. A failed look-up changes nothing.
  std::function<void(EndpointId, const std::vector<config::SocketAddress>&)> on_addresses;
};

struct BoardOptions {
  std::function<TimePoint()> now = [] { return Clock::now(); };  // tests move it
  std::uint64_t seed = 1;                                        // of the probes' jitter
  config::Millis resolve_every = std::chrono::seconds{30};
  config::Millis resolve_timeout = std::chrono::seconds{5};
  // Where to connect instead of the resolved addresses; unset: to these themselves.
  std::function<std::vector<config::SocketAddress>(EndpointId, std::vector<config::SocketAddress>)>
      lead_through;
  // A tick that comes later than two periods: the process was frozen. A probe that spans it says
  // nothing about its endpoint, nor does the evidence of the first period after it.
  config::Millis tick = std::chrono::milliseconds{250};
};

class HealthBoard {
 public:
  HealthBoard(boost::asio::io_context&, BoardCallbacks, BoardOptions = {});
  ~HealthBoard();
  HealthBoard(const HealthBoard&) = delete;
  HealthBoard& operator=(const HealthBoard&) = delete;

  // At start and at every reload. `ids[i]` belongs to `config->endpoints[i]`. An endpoint whose id
  // stays keeps its status and its history; a changed probe policy starts its counting again.
  void configure(std::shared_ptr<const config::Config> config, const std::vector<EndpointId>& ids);
  void stop();  // no callback after this

  void report(const Evidence&);
  // The workers' cumulative count of fine answers of this endpoint, read a few times a second.
  void sample_traffic(EndpointId, std::uint64_t answered_total);
  void set_enabled(EndpointId, bool);  // the operator's word; outlives a reload
  void set_serving(EndpointId, bool);  // a standby is probed at standby_interval
  void refresh_addresses(EndpointId);  // connecting to all of them failed

  std::vector<EndpointHealth> snapshot() const;  // in the config's order

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // coroutines share it, so that one in flight finds it after stop
};

}  // namespace health
