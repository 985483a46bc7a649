#include "proxy/listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

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
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
  boost::system::error_code failed;
  acceptor_.assign(
      bound.ss_family == AF_INET6 ? boost::asio::ip::tcp::v6() : boost::asio::ip::tcp::v4(),
      descriptor, failed);
  if (failed) {
    ::close(descriptor);
    return false;
  }
  wait();
  return true;
}

void Listener::wait() {
  acceptor_.async_wait(boost::asio::socket_base::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& failed) {
                         if (!failed && self->acceptor_.is_open()) self->accept_ready();
                       });
}

void Listener::accept_ready() {
  for (int i = 0; i < accepts_per_turn; ++i) {
    const std::size_t limit = worker_.snapshot().config->limits.connections;
    if (worker_.over_limit(limit, &WorkerCounters::connections)) {
      paused_ = true;  // new clients wait in the kernel's queue until a connection ends
      return;
    }
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int descriptor = ::accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&peer),
                                     &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if (errno == ECONNABORTED || errno == EINTR) continue;
      paused_ = true;  // out of descriptors or memory: the next tick tries again
      return;
    }
    worker_.counters.accepted.bump();
    auto* connection = new ClientConnection{worker_, shared_from_this()};
    worker_.opened(connection);
    if (!connection->adopt(descriptor, address_of(peer))) {
      worker_.closed(connection);
      continue;
    }
    connection->start();
  }
  wait();
}

void Listener::resume_if_paused() {
  if (!paused_ || !acceptor_.is_open()) return;
  paused_ = false;
  wait();
}

void Listener::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

}  // namespace proxy
