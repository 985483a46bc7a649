// A client's connection. Idle, it is this parked struct with one armed wait and no buffer; when it
// becomes readable its coroutine runs, serves what arrived and ends again. While a request is under
// way every event of both sockets comes here as one bit and wakes the coroutine if it waits for it.
// Worker thread only.
#pragma once

#include <coroutine>
#include <cstdint>
#include <string_view>

#include "proxy/worker.hpp"
#include "transport/channel.hpp"
#include "transport/task.hpp"

namespace proxy {

class Exchange;

class ClientConnection final : public transport::ReadinessTarget {
 public:
  enum Event : std::uint8_t {
    client_read = 1,
    client_write = 2,
    upstream_read = 4,
    upstream_write = 8,
    deadline = 16,
    kick = 32,  // the routing table changed while this request waits for a first byte
  };

  ClientConnection(Worker& worker, const ListenerFacts& listener);

  bool adopt(int descriptor, const routing::SocketAddress& peer);  // false: closed already
  void start();                                                    // waits for the first bytes

  Worker& worker() { return worker_; }
  transport::Channel& channel() { return *channel_; }
  const routing::SocketAddress& peer() const { return peer_; }
  std::string_view peer_text() const { return {peer_text_, peer_text_size_}; }  // without the port
  const ListenerFacts& listener() const { return listener_; }
  std::unique_ptr<transport::Channel> take_channel() { return std::move(channel_); }
  void set_exchange(Exchange* exchange) { exchange_ = exchange; }
  bool parked() const { return parked_; }
  bool abandoned() const { return abandoned_; }

  // Suspends until one of `mask` has happened; returns and clears those that have.
  struct Wait {
    ClientConnection& connection;
    std::uint8_t mask;
    bool await_ready() const { return (connection.fired_ & mask) != 0; }
    void await_suspend(std::coroutine_handle<> handle) const {
      connection.waiting_ = handle;
      connection.mask_ = mask;
    }
    std::uint8_t await_resume() const {
      const auto events = static_cast<std::uint8_t>(connection.fired_ & mask);
      connection.fired_ = static_cast<std::uint8_t>(connection.fired_ & ~mask);
      return events;
    }
  };
  Wait wait(unsigned mask) { return {*this, static_cast<std::uint8_t>(mask)}; }
  bool fired(Event event) const { return (fired_ & event) != 0; }
  void clear(Event event) { fired_ = static_cast<std::uint8_t>(fired_ & ~event); }
  void remember(Event event) { fired_ = static_cast<std::uint8_t>(fired_ | event); }
  void set_deadline(std::uint32_t tick) { deadline_ = tick; }
  std::uint32_t deadline_tick() const { return deadline_; }

  void on_ready(std::uint8_t bit) override;
  void on_deadline();
  void on_snapshot_change();
  void close_if_parked();
  void abandon();  // the worker stops: close without ceremony

  ClientConnection* next = nullptr;  // the worker's list of parked or of active connections
  ClientConnection* previous = nullptr;

 private:
  transport::Detached run();
  transport::Task<bool> serve();  // true: park
  transport::Task<bool> handshake();
  transport::Task<> linger();
  void park();
  void finish();

  Worker& worker_;
  ListenerFacts listener_;
  std::unique_ptr<transport::Channel> channel_;
  routing::SocketAddress peer_;
  char peer_text_[46];  // INET6_ADDRSTRLEN
  std::uint8_t peer_text_size_ = 0;
  std::coroutine_handle<> waiting_;
  Exchange* exchange_ = nullptr;
  std::uint32_t deadline_ = 0;
  std::uint8_t mask_ = 0;
  std::uint8_t fired_ = 0;
  bool parked_ = false;
  bool running_ = false;
  bool abandoned_ = false;
  bool handshaken_ = false;
};

}  // namespace proxy
