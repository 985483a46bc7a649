// What the transport tests share: running a coroutine to its end on a test's io_context, raw
// clients and raw servers that speak scripted bytes.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/socket_address.hpp"
#include "transport/http_client.hpp"
#include "transport/spawn.hpp"

namespace transport_test {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

inline transport::TimePoint in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

template <class T>
asio::awaitable<void> store(asio::awaitable<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}

// Runs the io_context until the task is done; other coroutines on it run meanwhile.
template <class T>
T run_until_done(asio::io_context& context, asio::awaitable<T> task) {
  std::optional<T> out;
  transport::spawn(context.get_executor(), "test", store(std::move(task), out));
  context.restart();
  while (!out && context.run_one() > 0) {
  }
  if (!out) throw std::runtime_error("the io_context ran dry before the task was done");
  return std::move(*out);
}

inline config::SocketAddress loopback(std::uint16_t port) {
  config::SocketAddress address;
  address.bytes = {127, 0, 0, 1};
  address.port = port;
  return address;
}

// Accepts connections and runs one script for each, on the test's io_context.
class ScriptedServer {
 public:
  using Script = std::function<asio::awaitable<void>(tcp::socket&)>;

  ScriptedServer(asio::io_context& context, Script script)
      : acceptor_{context, {asio::ip::address_v4::loopback(), 0}}, script_{std::move(script)} {
    transport::spawn(context.get_executor(), "scripted server", loop());
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  int accepted() const { return accepted_; }

 private:
  asio::awaitable<void> loop() {
    for (;;) {
      tcp::socket socket{acceptor_.get_executor()};
      boost::system::error_code error;
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      ++accepted_;
      co_await script_(socket);
    }
  }

  tcp::acceptor acceptor_;
  Script script_;
  int accepted_ = 0;
};

inline asio::awaitable<void> send(tcp::socket& socket, std::string text) {
  boost::system::error_code error;
  const asio::const_buffer all = asio::buffer(text);
  co_await asio::async_write(socket, all, asio::redirect_error(asio::use_awaitable, error));
}

// Reads what is there, once.
inline asio::awaitable<std::string> receive(tcp::socket& socket) {
  std::string text(64 * 1024, '\0');
  boost::system::error_code error;
  const asio::mutable_buffer space = asio::buffer(text);
  const std::size_t size =
      co_await socket.async_read_some(space, asio::redirect_error(asio::use_awaitable, error));
  text.resize(size);
  co_return text;
}

inline asio::awaitable<std::string> receive_all(tcp::socket& socket) {
  std::string all;
  for (;;) {
    const std::string piece = co_await receive(socket);
    if (piece.empty()) co_return all;
    all += piece;
  }
}

// Reads the request's first bytes, to `seen` if somebody wants them, and answers `text`.
inline asio::awaitable<void> answer_once(tcp::socket& socket, std::string text,
                                         std::string* seen = nullptr) {
  std::string request = co_await receive(socket);
  if (seen != nullptr) *seen = std::move(request);
  co_await send(socket, text);
}

// A script that does so and closes.
inline ScriptedServer::Script answers(std::string text) {
  return [text = std::move(text)](tcp::socket& socket) { return answer_once(socket, text); };
}

inline tcp::socket connect(asio::io_context& context, std::uint16_t port) {
  tcp::socket socket{context};
  socket.connect({asio::ip::address_v4::loopback(), port});
  return socket;
}

// Sends bytes on a fresh connection and returns all that comes back until the server closes.
inline asio::awaitable<std::string> raw_exchange(asio::io_context& context, std::uint16_t port,
                                                 std::string bytes) {
  tcp::socket socket = connect(context, port);
  co_await send(socket, bytes);
  const std::string all = co_await receive_all(socket);
  co_return all;
}

}  // namespace transport_test
