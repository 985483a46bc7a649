#include "transport/address_order.hpp"

#include <cstddef>

namespace transport {

std::vector<config::SocketAddress> interleave_families(std::vector<config::SocketAddress> found) {
  if (found.size() < 3) return found;
  std::vector<config::SocketAddress> preferred;
  std::vector<config::SocketAddress> other;
  for (const config::SocketAddress& address : found)
    (address.v6 == found.front().v6 ? preferred : other).push_back(address);
  std::vector<config::SocketAddress> ordered;
  ordered.reserve(found.size());
  for (std::size_t i = 0; i < preferred.size() || i < other.size(); ++i) {
    if (i < preferred.size()) ordered.push_back(preferred[i]);
    if (i < other.size()) ordered.push_back(other[i]);
  }
  return ordered;
}

}  // namespace transport
