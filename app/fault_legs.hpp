// Faults in the proxy's own upstream leg, for rehearsals on a running proxy. With `faults.allow`
// each endpoint is reached through a link of this process: workers, probes and desk connect to its
// loopback address, and what is injected there looks to all of them like a broken network. TLS goes
// through as bytes; a probe of a port of its own goes past the link. Each fault ends by itself.
// Owned by the app, on the control thread: one fault at a time is rare and slow by intent, and the
// workers never wait for it; what it forwards costs that thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "health/status.hpp"
#include "transport/link.hpp"

namespace app {

using FaultKey = std::pair<health::EndpointId, transport::LinkMode>;

class FaultLegs {
 public:
  // `healed` is told when a fault ends by its time, or with its endpoint.
  FaultLegs(boost::asio::io_context& io, std::function<void(health::EndpointId)> healed)
      : io_{io}, healed_{std::move(healed)} {}

  // Where to connect instead of `real`; `real` itself when no link can be made.
  std::vector<config::SocketAddress> lead(health::EndpointId id,
                                          std::vector<config::SocketAddress> real);
  bool leads(health::EndpointId id) const { return legs_.contains(id); }

  // Takes the place of the fault before, and of its time. The endpoint must be led.
  void inject(health::EndpointId id, const transport::LinkFault& fault, config::Millis lasts);
  bool heal(health::EndpointId id);  // whether there was one
  void heal_all();                   // and tells
  // The legs of other endpoints end, without their faults, when their last connection has.
  void keep(const std::vector<health::EndpointId>& present);

  // Endpoints with a fault, and in words which.
  std::vector<std::pair<health::EndpointId, std::string>> active() const;
  const std::map<FaultKey, std::uint64_t>& injected() const { return injected_; }

 private:
  struct Leg {
    Leg(boost::asio::io_context& io, transport::LinkOptions options)
        : link{io.get_executor(), std::move(options)}, timer{io} {}
    transport::Link link;
    boost::asio::steady_timer timer;
    bool faulty = false;
    transport::LinkFault injected;  // the link counts its `times` down
  };

  boost::asio::io_context& io_;
  std::function<void(health::EndpointId)> healed_;
  std::map<health::EndpointId, std::unique_ptr<Leg>> legs_;
  std::vector<std::unique_ptr<Leg>> left_;  // of endpoints that are gone
  std::map<FaultKey, std::uint64_t> injected_;
};

}  // namespace app
