// An app on loopback that answers as a function of the request says: whole, not at all, drop by
// drop, or with a reset. One request per connection, on a thread of its own; it never blocks on a
// client. Everything but the constructor and destructor may be called from any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "desk/endpoint.hpp"

namespace test {

enum class Then { close, hang, dribble, reset };

struct Scripted {
  std::string bytes;
  Then then = Then::close;
  std::chrono::milliseconds after{0};  // before the first byte
};

inline Scripted answer(std::string_view status, std::string_view body = "",
                       std::string_view fields = "") {
  return {"HTTP/1.1 " + std::string{status} + "\r\n" + std::string{fields} +
              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body},
          Then::close};
}

inline std::string status_body(std::string_view id, std::string_view status,
                               std::string_view created = "2026-11-23T12:00:00Z") {
  return R"({"name":"Order","instanceId":")" + std::string{id} + R"(","runtimeStatus":")" +
         std::string{status} +
         R"(","input":null,"customStatus":null,"output":null,"createdTime":")" +
         std::string{created} + R"(","lastUpdatedTime":")" + std::string{created} + "\"}";
}

class HubStandIn {
 public:
  using Script = std::function<Scripted(const std::string& request)>;

  explicit HubStandIn(Script script) : script_{std::move(script)}, acceptor_{io_} {
    const tcp::endpoint any{boost::asio::ip::make_address("127.0.0.1"), 0};
    acceptor_.open(any.protocol());
    acceptor_.bind(any);
    acceptor_.listen(4096);
    port_ = acceptor_.local_endpoint().port();
    accept();
    thread_ = std::thread{[this] { io_.run(); }};
  }
  ~HubStandIn() {
    io_.stop();
    thread_.join();
  }
  HubStandIn(const HubStandIn&) = delete;
  HubStandIn& operator=(const HubStandIn&) = delete;

  std::vector<std::string> requests() const {
    const std::lock_guard lock{mutex_};
    return requests_;
  }
  std::size_t count() const {
    const std::lock_guard lock{mutex_};
    return requests_.size();
  }
  bool wait_for_requests(std::size_t count) const {
    std::unique_lock lock{mutex_};
    return news_.wait_for(lock, std::chrono::seconds{10},
                          [&] { return requests_.size() >= count; });
  }
  std::size_t most_open() const { return most_open_; }  // connections at the same time

  desk::DeskEndpoint endpoint(std::string name) const {
    desk::DeskEndpoint out;
    out.name = std::move(name);
    config::SocketAddress address;
    address.bytes = {127, 0, 0, 1};
    address.port = port_;
    out.addresses = {address};
    out.host = "app.example";
    return out;
  }

 private:
  using tcp = boost::asio::ip::tcp;
  struct Connection {
    Connection(tcp::socket s, HubStandIn& h)
        : socket{std::move(s)}, timer{socket.get_executor()}, hub{h} {
      const std::size_t open = ++hub.open_;
      if (open > hub.most_open_) hub.most_open_ = open;
    }
    ~Connection() { --hub.open_; }
    tcp::socket socket;
    boost::asio::steady_timer timer;
    std::string request;
    Scripted script;
    char spare[64];
    HubStandIn& hub;
  };
  using Shared = std::shared_ptr<Connection>;

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (error) return;
      read(std::make_shared<Connection>(std::move(socket), *this));
      accept();
    });
  }
  void read(Shared c) {
    auto& connection = *c;
    boost::asio::async_read_until(
        connection.socket, boost::asio::dynamic_buffer(connection.request), "\r\n\r\n",
        [this, c](const boost::system::error_code& error, std::size_t head) {
          if (!error) read_body(c, head);
        });
  }
  void read_body(Shared c, std::size_t head) {
    constexpr std::string_view field = "\r\nContent-Length: ";
    const std::size_t at = c->request.find(field);
    const std::size_t length = at < head ? std::stoul(c->request.substr(at + field.size())) : 0;
    const std::size_t have = c->request.size() - head;
    auto& connection = *c;
    boost::asio::async_read(connection.socket, boost::asio::dynamic_buffer(connection.request),
                            boost::asio::transfer_exactly(length - std::min(length, have)),
                            [this, c](const boost::system::error_code& error, std::size_t) {
                              if (!error) answer_to(c);
                            });
  }
  void answer_to(Shared c) {
    c->script = script_(c->request);
    {
      const std::lock_guard lock{mutex_};
      requests_.push_back(c->request);
    }
    news_.notify_all();
    if (c->script.after.count() == 0) return write(std::move(c));
    c->timer.expires_after(c->script.after);
    c->timer.async_wait([this, c](const boost::system::error_code& canceled) {
      if (!canceled) write(c);
    });
  }
  void write(Shared c) {
    auto& connection = *c;
    boost::asio::async_write(
        connection.socket, boost::asio::buffer(connection.script.bytes),
        [this, c](const boost::system::error_code&, std::size_t) { finish(c); });
  }
  void finish(Shared c) {
    boost::system::error_code ignored;
    if (c->script.then == Then::reset)
      c->socket.set_option(boost::asio::socket_base::linger{true, 0}, ignored);
    if (c->script.then == Then::close || c->script.then == Then::reset) c->socket.close(ignored);
    if (c->script.then == Then::dribble) dribble(c);
    if (c->script.then == Then::hang) hang(c);
  }
  void hang(Shared c) {  // until the client goes
    auto& connection = *c;
    connection.socket.async_read_some(
        boost::asio::buffer(connection.spare),
        [this, c](const boost::system::error_code& error, std::size_t) {
          if (!error) hang(c);
        });
  }
  void dribble(Shared c) {
    c->timer.expires_after(std::chrono::milliseconds{5});
    c->timer.async_wait([this, c](const boost::system::error_code& canceled) {
      if (canceled) return;
      boost::asio::async_write(c->socket, boost::asio::buffer("x", 1),
                               [this, c](const boost::system::error_code& error, std::size_t) {
                                 if (!error) dribble(c);
                               });
    });
  }

  std::atomic<std::size_t> open_{0}, most_open_{0};
  Script script_;
  mutable std::mutex mutex_;
  mutable std::condition_variable news_;
  std::vector<std::string> requests_;
  boost::asio::io_context io_{1};
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// A port that refuses connections: it was free a moment ago.
inline desk::DeskEndpoint nobody(std::string name) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor{io, {boost::asio::ip::make_address("127.0.0.1"), 0}};
  desk::DeskEndpoint out;
  out.name = std::move(name);
  config::SocketAddress address;
  address.bytes = {127, 0, 0, 1};
  address.port = acceptor.local_endpoint().port();
  out.addresses = {address};
  out.host = "app.example";
  return out;
}

inline desk::SharedPicture picture_of(std::vector<desk::DeskEndpoint> endpoints) {
  return std::make_shared<const desk::DeskPicture>(std::move(endpoints));
}

inline desk::TimePoint in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// Results as they arrive, from any thread.
template <class T>
class Inbox {
 public:
  std::function<void(T)> put() {
    return [this](T value) {
      const std::lock_guard lock{mutex_};
      values_.push_back(std::move(value));
      news_.notify_all();
    };
  }
  bool wait_for(std::size_t count, std::chrono::seconds limit = std::chrono::seconds{20}) {
    std::unique_lock lock{mutex_};
    return news_.wait_for(lock, limit, [&] { return values_.size() >= count; });
  }
  std::vector<T> all() const {
    const std::lock_guard lock{mutex_};
    return values_;
  }
  T one() {
    const bool came = wait_for(1);
    return came ? all().front() : T{};
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::vector<T> values_;
};

}  // namespace test
