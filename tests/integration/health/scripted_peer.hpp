// A peer on loopback that misbehaves as told: it reads one request per connection, sends the bytes
// it was given, and then closes, hangs, dribbles or resets. Lives on the test's io_context.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace test {

inline std::string http_answer(std::string_view status, std::string_view body = "",
                               std::string_view fields = "") {
  return "HTTP/1.1 " + std::string{status} + "\r\n" + std::string{fields} +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

enum class Then { close, hang, dribble, reset };

class ScriptedPeer {
 public:
  explicit ScriptedPeer(boost::asio::io_context& io) : io_{io}, acceptor_{io} {
    listen({boost::asio::ip::make_address("127.0.0.1"), 0});
    port_ = acceptor_.local_endpoint().port();
  }
  ~ScriptedPeer() { refuse(); }
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  std::uint16_t port() const { return port_; }
  const std::vector<std::string>& requests() const { return state_->requests; }

  void answer(std::string bytes, Then then = Then::close) {
    state_->bytes = std::move(bytes);
    state_->then = then;
  }
  void refuse() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    state_->open.clear();
  }
  void listen_again() { listen({boost::asio::ip::make_address("127.0.0.1"), port_}); }

 private:
  using tcp = boost::asio::ip::tcp;
  struct Connection {
    explicit Connection(tcp::socket s) : socket{std::move(s)}, timer{socket.get_executor()} {}
    tcp::socket socket;
    boost::asio::steady_timer timer;
    std::string request;
  };
  struct State {
    std::string bytes = http_answer("200 OK", "ok");
    Then then = Then::close;
    std::vector<std::string> requests;
    std::vector<std::shared_ptr<Connection>> open;
  };

  void listen(const tcp::endpoint& at) {
    acceptor_ = tcp::acceptor{io_, at};
    accept();
  }
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (error) return;  // closed: `this` may be gone
      serve(state_, std::make_shared<Connection>(std::move(socket)));
      accept();
    });
  }
  static void serve(std::shared_ptr<State> state, std::shared_ptr<Connection> connection) {
    state->open.push_back(connection);
    auto request = boost::asio::dynamic_buffer(connection->request);
    boost::asio::async_read_until(
        connection->socket, request, "\r\n\r\n",
        [state, connection](const boost::system::error_code& error, std::size_t) {
          if (error) return;
          state->requests.push_back(connection->request);
          auto bytes = std::make_shared<std::string>(state->bytes);
          boost::asio::async_write(
              connection->socket, boost::asio::buffer(*bytes),
              [state, connection, bytes](const boost::system::error_code&, std::size_t) {
                finish(state->then, connection);
              });
        });
  }
  static void finish(Then then, std::shared_ptr<Connection> connection) {
    boost::system::error_code ignored;
    if (then == Then::reset)
      connection->socket.set_option(boost::asio::socket_base::linger{true, 0}, ignored);
    if (then == Then::close || then == Then::reset) connection->socket.close(ignored);
    if (then == Then::dribble) dribble(connection);
  }
  static void dribble(std::shared_ptr<Connection> connection) {
    connection->timer.expires_after(std::chrono::milliseconds{5});
    connection->timer.async_wait([connection](const boost::system::error_code& canceled) {
      if (canceled) return;
      boost::asio::async_write(connection->socket, boost::asio::buffer("x", 1),
                               [connection](const boost::system::error_code& error, std::size_t) {
                                 if (!error) dribble(connection);
                               });
    });
  }

  boost::asio::io_context& io_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// Runs the io_context until `done`, at most ten seconds: the wait is for the event, not for time.
template <class Done>
[[nodiscard]] bool run_until(boost::asio::io_context& io, Done done) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!done()) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds{100});
    if (std::chrono::steady_clock::now() > limit) return false;
  }
  return true;
}

}  // namespace test
