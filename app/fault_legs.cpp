#include "app/fault_legs.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>

#include "transport/link_text.hpp"

namespace app {

using health::EndpointId;

std::vector<config::SocketAddress> FaultLegs::lead(EndpointId id,
                                                   std::vector<config::SocketAddress> real) {
  auto& leg = legs_[id];
  if (leg) {
    leg->link.set_peers(std::move(real));
    return {leg->link.address()};
  }
  transport::LinkOptions options;
  options.peers = real;
  try {
    leg = std::make_unique<Leg>(io_, std::move(options));
  } catch (const std::exception&) {  // no port, no descriptor: without a link, and without faults
    legs_.erase(id);
    return real;
  }
  return {leg->link.address()};
}

void FaultLegs::inject(EndpointId id, const transport::LinkFault& fault, config::Millis lasts) {
  Leg& leg = *legs_.at(id);
  // A renewal of the same fault must not reset the connections, nor count its times, once more.
  const bool same = leg.faulty && leg.injected == fault;
  if (!same) {
    leg.link.set_fault(fault);
    ++injected_[{id, fault.mode}];
  }
  leg.injected = fault;
  leg.faulty = true;
  leg.timer.expires_after(lasts);
  const auto end = leg.timer.expiry();
  leg.timer.async_wait([this, id, end](const boost::system::error_code& canceled) {
    // Renewed when it had just expired: the wait after this one is the one that counts.
    const auto found = legs_.find(id);
    const bool is_last = !canceled && found != legs_.end() && found->second->timer.expiry() == end;
    if (is_last && heal(id)) healed_(id);
  });
}

bool FaultLegs::heal(EndpointId id) {
  const auto found = legs_.find(id);
  if (found == legs_.end() || !found->second->faulty) return false;
  found->second->faulty = false;
  found->second->timer.cancel();
  found->second->link.set_fault({});
  return true;
}

void FaultLegs::heal_all() {
  for (const auto& [id, words] : active())
    if (heal(id)) healed_(id);
}

void FaultLegs::keep(const std::vector<EndpointId>& present) {
  std::erase_if(left_, [](const auto& leg) { return leg->link.counts().open == 0; });
  for (auto leg = legs_.begin(); leg != legs_.end();) {
    if (std::find(present.begin(), present.end(), leg->first) != present.end()) {
      ++leg;
      continue;
    }
    if (heal(leg->first))  // told later: a new configuration is being applied
      boost::asio::post(io_, [this, id = leg->first] { healed_(id); });
    left_.push_back(std::move(leg->second));
    leg = legs_.erase(leg);
  }
}

std::vector<std::pair<EndpointId, std::string>> FaultLegs::active() const {
  std::vector<std::pair<EndpointId, std::string>> out;
  for (const auto& [id, leg] : legs_)
    if (leg->faulty) out.emplace_back(id, transport::describe(leg->injected));
  return out;
}

}  // namespace app
