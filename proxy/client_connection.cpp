#include "proxy/client_connection.hpp"

#include <arpa/inet.h>

#include <cstring>

#include "proxy/exchange.hpp"
#include "transport/tls_context.hpp"

namespace proxy {

using transport::IoStatus;

ClientConnection::ClientConnection(Worker& worker, const ListenerFacts& listener)
    : worker_{worker},
      listener_{listener},
      channel_{std::make_unique<transport::Channel>(worker.loop)} {
  channel_->set_target(this, client_read, client_write);
}

bool ClientConnection::adopt(int descriptor, const routing::SocketAddress& peer) {
  peer_ = peer;
  const void* address = peer.bytes.data();
  if (::inet_ntop(peer.v6 ? AF_INET6 : AF_INET, address, peer_text_, sizeof peer_text_))
    peer_text_size_ = static_cast<std::uint8_t>(std::strlen(peer_text_));
  if (!channel_->adopt(descriptor)) return false;
  if (!listener_.tls) {
    handshaken_ = true;
    return true;
  }
  ssl_st* ssl = transport::make_server_ssl(listener_.tls);
  return ssl && channel_->start_tls(ssl);
}

void ClientConnection::start() {
  // Counts as active until its first request, so that the shorter head deadline applies.
  deadline_ = worker_.deadline_in(worker_.snapshot().config->timeouts.head);
  channel_->arm_read();
}

void ClientConnection::on_ready(std::uint8_t bit) {
  fired_ = static_cast<std::uint8_t>(fired_ | bit);
  if (waiting_) {
    if ((fired_ & mask_) == 0) return;
    const auto handle = std::exchange(waiting_, nullptr);
    handle.resume();
    return;
  }
  if (!running_ && (fired_ & client_read)) {
    if (parked_) {
      parked_ = false;
      worker_.to_active(this);
    }
    running_ = true;
    run();
  }
}

transport::Detached ClientConnection::run() {
  const bool keep = co_await serve();
  running_ = false;
  if (keep && !abandoned_ && !worker_.draining()) {
    park();
  } else {
    finish();
  }
}

transport::Task<bool> ClientConnection::serve() {
  if (!handshaken_) {
    const bool secured = co_await handshake();
    if (!secured) co_return false;
  }
  Exchange::Input rest;
  for (;;) {
    Exchange exchange{*this, std::move(rest)};
    Exchange::HeadStep step = exchange.read_head();
    while (step == Exchange::HeadStep::need_input) {
      if (!exchange.has_input()) co_return true;
      channel_->arm_read();
      if (channel_->wants_write()) channel_->arm_write();
      const std::uint8_t events = co_await wait(client_read | client_write | deadline);
      if (abandoned_) co_return false;
      if (events & deadline) {
        exchange.head_timed_out();
        co_return false;
      }
      step = exchange.read_head();
    }
    if (step == Exchange::HeadStep::closed) co_return false;
    exchange_ = &exchange;
    co_await exchange.run();
    exchange_ = nullptr;
    if (abandoned_) co_return false;
    if (!exchange.keep_alive()) {
      if (exchange.needs_linger()) co_await linger();
      co_return false;
    }
    rest = exchange.take_rest();
    // Wait first after a complete message: nothing sent ahead and no event means nothing to read.
    if (rest.size == 0 && !(fired_ & client_read) && !channel_->maybe_readable()) co_return true;
  }
}

transport::Task<bool> ClientConnection::handshake() {
  deadline_ = worker_.deadline_in(worker_.snapshot().config->timeouts.tls);
  for (;;) {
    const transport::IoResult result = channel_->handshake();
    if (result.status == IoStatus::ok) break;
    if (result.status != IoStatus::would_block) {
      worker_.counters.tls_failures.bump();
      co_return false;
    }
    clear(client_read);
    channel_->arm_read();
    if (channel_->wants_write()) channel_->arm_write();
    const std::uint8_t events = co_await wait(client_read | client_write | deadline);
    if (abandoned_ || (events & deadline)) {
      worker_.counters.tls_failures.bump();
      co_return false;
    }
  }
  handshaken_ = true;
  worker_.counters.tls_handshakes.bump();
  deadline_ = worker_.deadline_in(worker_.snapshot().config->timeouts.head);
  co_return true;
}

// The answer was given before the request had ended: closing now would reset the connection and
// could take the answer with it, so the client gets a moment to see it (RFC 9112 section 9.6).
transport::Task<> ClientConnection::linger() {
  using namespace std::chrono_literals;
  channel_->shutdown_write();
  deadline_ = worker_.deadline_in(2s);
  std::size_t allowance = 4 << 20;
  for (;;) {
    const transport::IoResult got = channel_->discard(worker_.scratch.relay_data(), 256 * 1024);
    if (got.status == IoStatus::end || got.status == IoStatus::error) co_return;
    if (got.status == IoStatus::ok) {
      if (got.bytes >= allowance) co_return;
      allowance -= got.bytes;
      continue;
    }
    clear(client_read);
    channel_->arm_read();
    const std::uint8_t events = co_await wait(client_read | deadline);
    if (abandoned_ || (events & deadline)) co_return;
  }
}

void ClientConnection::park() {
  parked_ = true;
  deadline_ = worker_.deadline_in(worker_.snapshot().config->timeouts.idle);
  fired_ = static_cast<std::uint8_t>(fired_ & client_read);
  worker_.to_parked(this);
  channel_->arm_read();
}

void ClientConnection::finish() {
  channel_->close();
  worker_.closed(this);
}

void ClientConnection::on_deadline() {
  if (running_) {
    deadline_ = worker_.tick() + 0x3fffffff;  // once; whoever waits sets the next one
    on_ready(deadline);
  } else {
    finish();  // connected and never spoke
  }
}

void ClientConnection::close_if_parked() {
  if (!running_) finish();
}

void ClientConnection::on_snapshot_change() {
  if (exchange_ && exchange_->concerned(worker_.snapshot())) on_ready(kick);
}

void ClientConnection::abandon() {
  abandoned_ = true;
  if (running_) {
    mask_ = 0xff;
    on_ready(deadline);  // the coroutine sees `abandoned` at its next step and ends
  } else {
    finish();
  }
}

}  // namespace proxy
