// What the tests of a link share: a peer that can do several things, a client, and limits on every
// wait, all on one io_context.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/transport/loopback.hpp"
#include "transport/link.hpp"

namespace transport_test {

using boost::system::error_code;
using SocketPtr = std::shared_ptr<tcp::socket>;

struct Got {
  Got() = default;
  std::string bytes;
  error_code error;
  bool was_reset() const { return error == asio::error::connection_reset; }
  bool was_ended() const { return error == asio::error::eof; }
};

// Serves all its connections at once.
class Peer {
 public:
  using Script = std::function<asio::awaitable<void>(SocketPtr)>;

  Peer(asio::io_context& context, Script script)
      : acceptor_{context, {asio::ip::address_v4::loopback(), 0}}, script_{std::move(script)} {
    transport::spawn(context.get_executor(), "peer", loop());
  }
  config::SocketAddress address() const { return loopback(acceptor_.local_endpoint().port()); }

  int accepted = 0;
  std::vector<SocketPtr> sockets;

 private:
  asio::awaitable<void> loop() {
    for (;;) {
      auto socket = std::make_shared<tcp::socket>(acceptor_.get_executor());
      error_code error;
      co_await acceptor_.async_accept(*socket, asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      ++accepted;
      sockets.push_back(socket);
      transport::spawn(acceptor_.get_executor(), "peer connection", script_(socket));
    }
  }

  tcp::acceptor acceptor_;
  Script script_;
};

inline asio::awaitable<Got> read_up_to(tcp::socket& socket, std::size_t size) {
  Got got;
  got.bytes.resize(size);
  const asio::mutable_buffer space{got.bytes.data(), size};
  const std::size_t length =
      co_await socket.async_read_some(space, asio::redirect_error(asio::use_awaitable, got.error));
  got.bytes.resize(length);
  co_return got;
}

// Until so many have come, or the end or an error.
inline asio::awaitable<Got> read_bytes(tcp::socket& socket, std::size_t size) {
  Got all;
  while (all.bytes.size() < size && !all.error) {
    const std::size_t left = std::min<std::size_t>(size - all.bytes.size(), 256 * 1024);
    Got got = co_await read_up_to(socket, left);
    all.bytes += got.bytes;
    all.error = got.error;
  }
  co_return all;
}

inline asio::awaitable<Got> read_to_end(tcp::socket& socket) {
  Got all = co_await read_bytes(socket, std::size_t{1} << 40);
  co_return all;
}

// What comes within the time; nothing is a `operation_aborted`.
inline asio::awaitable<Got> read_within(tcp::socket& socket, std::chrono::milliseconds time) {
  asio::steady_timer timer{socket.get_executor(), time};
  timer.async_wait([&socket](error_code cancelled) {
    if (!cancelled) socket.cancel();
  });
  Got got = co_await read_up_to(socket, 64 * 1024);
  co_return got;
}

inline asio::awaitable<void> echo(SocketPtr socket) {
  for (;;) {
    const Got got = co_await read_up_to(*socket, 64 * 1024);
    if (got.bytes.empty()) break;
    co_await send(*socket, got.bytes);
  }
  error_code ignored;
  socket->shutdown(tcp::socket::shutdown_send, ignored);
}

// Every request, by its blank line, gets a short answer and the connection is kept.
inline asio::awaitable<void> serve(SocketPtr socket) {
  std::string text;
  for (;;) {
    const Got got = co_await read_up_to(*socket, 64 * 1024);
    if (got.bytes.empty()) co_return;
    text += got.bytes;
    while (text.find("\r\n\r\n") != std::string::npos) {
      text.erase(0, text.find("\r\n\r\n") + 4);
      co_await send(*socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal");
    }
  }
}
inline constexpr std::size_t served_size = 42;

inline asio::awaitable<void> pause(std::chrono::milliseconds time) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor, time};
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace transport_test
