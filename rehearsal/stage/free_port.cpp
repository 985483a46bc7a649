// Ports for processes that must come back on the one they had. They lie outside of the range that
// the kernel gives to outgoing connections: a client of the rehearsal could take the port of a part
// while it is down. Each is claimed by a name that other rehearsals on this machine see, and that
// goes away with this process.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "rehearsal/stage/child.hpp"
#include "rehearsal/stage/descriptor.hpp"

namespace stage {

namespace {

constexpr int lowest = 10'000, highest = 65'535, most_tries = 20'000;

bool is_free(std::uint16_t port) {
  const Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  return socket &&
         ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

Descriptor claim(std::uint16_t port) {
  Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "understudy-rehearsal-port-" + std::to_string(port);
  std::memcpy(address.sun_path + 1, name.data(), name.size());  // after a zero: not in any folder
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
    return Descriptor{};
  return socket;
}

}  // namespace

std::uint16_t free_port() {
  static std::vector<Descriptor> claims;
  static std::mt19937 dice{std::random_device{}()};
  int first_outgoing = 32'768, last_outgoing = 60'999;
  std::ifstream{"/proc/sys/net/ipv4/ip_local_port_range"} >> first_outgoing >> last_outgoing;
  std::uniform_int_distribution<int> any{lowest, highest};
  for (int tries = 0; tries < most_tries; ++tries) {
    const auto port = static_cast<std::uint16_t>(any(dice));
    // A machine may give all of them to outgoing connections.
    if (port >= first_outgoing && port <= last_outgoing && tries < most_tries / 2) continue;
    Descriptor mine = claim(port);
    if (!mine || !is_free(port)) continue;
    claims.push_back(std::move(mine));
    return port;
  }
  throw std::runtime_error("no port is free on this machine");
}

}  // namespace stage
