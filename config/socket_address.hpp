// A resolved address of an endpoint. Found by the health box, published by the router, connected to
// by the workers: so it lives below all three, as plain values without Asio.
#pragma once

#include <array>
#include <cstdint>

namespace config {

struct SocketAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // in network byte order; the first four when not v6
  std::uint16_t port = 0;                // in host byte order
  std::uint32_t scope = 0;
  bool operator==(const SocketAddress&) const = default;
};

}  // namespace config
