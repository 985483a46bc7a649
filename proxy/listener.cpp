#include "proxy/listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/client_connection.hpp"

namespace proxy {
namespace {

constexpr int accepts_per_turn = 64;  // then the other connections of this worker get their turn
constexpr std::size_t most_turned_away = 64;  // half closed at a time

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
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int descriptor = ::accept4(descriptor_, reinterpret_cast<sockaddr*>(&peer), &size,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor < 0) {
    if (errno == ECONNABORTED || errno == EINTR) return true;
    // Out of descriptors or memory: the next tick tries again.
    paused_ = errno != EAGAIN && errno != EWOULDBLOCK;
    if (paused_) worker_.counters.accept_pauses.bump();
    return false;
  }
  if (worker_.over_limit(limit, &WorkerCounters::connections)) {
    turn_away(descriptor);
    return true;
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

// One connection too many is told so without one being made of it. Closing at once would reset it
// and take the answer along, so it stays half closed until the client is done, for a bounded time.
void Listener::turn_away(int descriptor) {
  worker_.counters.refusals[static_cast<std::size_t>(Refusal::connection_limit)].bump();
  if (facts_.tls) {  // nobody is worth a handshake now
    ::close(descriptor);
    return;
  }
  static constexpr std::string_view body =
      R"({"title":"Service Unavailable","status":503,"kind":"overloaded",)"
      R"("detail":"limits.connections is reached"})";
  static const std::string answer =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
      "Content-Length: " +
      std::to_string(body.size()) +
      "\r\nRetry-After: 5\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" +
      std::string{body};
  (void)::send(descriptor, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(descriptor, SHUT_WR);
  if (turned_away_.size() == most_turned_away) {
    ::close(turned_away_.front().descriptor);
    turned_away_.pop_front();
  }
  turned_away_.push_back({descriptor, worker_.deadline_in(std::chrono::seconds{1})});
}

void Listener::tick() {
  while (!turned_away_.empty() &&
         static_cast<std::int32_t>(worker_.tick() - turned_away_.front().until) >= 0) {
    char drop[4096];  // what it sent meanwhile: closing over unread bytes would reset
    (void)::recv(turned_away_.front().descriptor, drop, sizeof drop, MSG_DONTWAIT);
    ::close(turned_away_.front().descriptor);
    turned_away_.pop_front();
  }
  if (!paused_) return;
  paused_ = false;
  worker_.loop.again(*this);
}

void Listener::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  for (const TurnedAway& each : turned_away_) ::close(each.descriptor);
  turned_away_.clear();
}

}  // namespace proxy
