#include "proxy/listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/client_connection.hpp"

namespace proxy {
namespace {

constexpr int accepts_per_turn = 64;  // then the other connections of this worker get their turn

routing::SocketAddress address_of(const sockaddr_storage& storage) {
  routing::SocketAddress address;
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    std::memcpy(address.bytes.data(), &v6.sin6_addr, 16);
    address.port = ntohs(v6.sin6_port);
    static constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::memcmp(address.bytes.data(), mapped, 12) != 0) {
      address.v6 = true;
      return address;
    }
    std::memmove(address.bytes.data(), address.bytes.data() + 12, 4);
    return address;
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
  std::memcpy(address.bytes.data(), &v4.sin_addr, 4);
  address.port = ntohs(v4.sin_port);
  return address;
}

}  // namespace

bool Listener::adopt(int descriptor) {
  descriptor_ = descriptor;
  return worker_.loop.add(descriptor, EPOLLIN | EPOLLET, *this);
}

void Listener::on_events(std::uint32_t) {
  for (int i = 0; i < accepts_per_turn; ++i)
    if (descriptor_ < 0 || !accept_one()) return;
  worker_.loop.again(*this);
}

bool Listener::accept_one() {
  const std::size_t limit = worker_.snapshot().config->limits.connections;
  if (worker_.over_limit(limit, &WorkerCounters::connections)) {
    paused_ = true;  // new clients wait in the kernel's queue until a connection ends
    return false;
  }
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int descriptor = ::accept4(descriptor_, reinterpret_cast<sockaddr*>(&peer), &size,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor < 0) {
    if (errno == ECONNABORTED || errno == EINTR) return true;
    // Out of descriptors or memory: the next tick tries again.
    paused_ = errno != EAGAIN && errno != EWOULDBLOCK;
    return false;
  }
  worker_.counters.accepted.bump();
  auto* connection = new ClientConnection{worker_, facts_};
  worker_.opened(connection);
  if (connection->adopt(descriptor, address_of(peer))) {
    connection->start();
  } else {
    worker_.closed(connection);
  }
  return true;
}

void Listener::resume_if_paused() {
  if (!paused_) return;
  paused_ = false;
  worker_.loop.again(*this);
}

void Listener::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

}  // namespace proxy
