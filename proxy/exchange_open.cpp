// Reaching an upstream: one address after the other within timeouts.connect, then TLS.
#include <cerrno>

#include "proxy/exchange.hpp"
#include "transport/tls_context.hpp"

namespace proxy {

using transport::IoStatus;
using C = ClientConnection;

namespace {

// What is missing here, and says nothing of the endpoint. A host without IPv6 says EADDRNOTAVAIL of
// every IPv6 address; of an IPv4 address it means that the ports have run out.
bool is_shortage(int error, bool v6) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
         (error == EADDRNOTAVAIL && !v6);
}

}  // namespace

std::uint64_t Exchange::connects_under_way() const {
  std::uint64_t sum = 0;
  for (const auto& each : (*endpoint_)->counters) sum += each->connecting.value();
  return sum;
}

// What may end the wait for a connection early: a rescue, or a client that left. True when the
// stage is no longer `connecting` this attempt.
bool Exchange::interrupted(std::uint8_t events) {
  const std::uint8_t attempt = attempts_;
  if (client_.abandoned()) client_left();
  if (events & C::kick) start_ ? start_kicked() : consider_rescue();
  if ((events & C::client_read) && attempts_ == attempt && body_complete_) check_abort();
  return stage_ != Stage::connecting || attempts_ != attempt;
}

transport::Task<bool> Exchange::connect_to(const routing::SocketAddress& address,
                                           std::uint32_t until) {
  transport::IoResult result = upstream_->channel().connect(address);
  if (result.status == IoStatus::error && is_shortage(result.error, address.v6))
    own_fault_ = Refusal::out_of_descriptors;
  while (result.status == IoStatus::would_block) {
    upstream_->channel().arm_write();
    unsigned mask = C::upstream_write | C::deadline | C::kick;
    if (body_complete_ && !sent_ahead_) {
      client_.channel().arm_read();
      mask |= C::client_read;
    }
    client_.set_deadline(until);
    const std::uint8_t events = co_await client_.wait(mask);
    head_current_ = false;
    if (interrupted(events) || (events & C::deadline)) co_return false;
    if (events & C::upstream_write) {
      result.error = upstream_->channel().connect_result();
      result.status = result.error == 0 ? IoStatus::ok : IoStatus::error;
    }
  }
  co_return result.status == IoStatus::ok;
}

transport::Task<bool> Exchange::secure_upstream() {
  const Upstream& endpoint = **endpoint_;
  const std::string& name = endpoint.config.tls.server_name.empty()
                                ? endpoint.config.url.host
                                : endpoint.config.tls.server_name;
  ssl_st* ssl = transport::make_client_ssl(endpoint.tls, name);
  if (!ssl || !upstream_->channel().start_tls(ssl)) co_return false;
  const std::uint32_t until = worker_.deadline_in(config().timeouts.tls);
  for (;;) {
    const transport::IoResult result = upstream_->channel().handshake();
    if (result.status == IoStatus::ok) co_return true;
    if (result.status != IoStatus::would_block) co_return false;
    client_.clear(C::upstream_read);
    upstream_->channel().arm_read();
    if (upstream_->channel().wants_write()) upstream_->channel().arm_write();
    client_.set_deadline(until);
    const std::uint8_t events =
        co_await client_.wait(C::upstream_read | C::upstream_write | C::deadline | C::kick);
    head_current_ = false;
    if (interrupted(events) || (events & C::deadline)) co_return false;
  }
}

// A burst, a failover's above all, is let through in portions: who finds limits.pending_connects
// connects under way asks again with each tick. False: there was no room within timeouts.connect.
transport::Task<bool> Exchange::await_connect_slot() {
  const std::uint32_t until = worker_.deadline_in(config().timeouts.connect);
  while (connects_under_way() >= config().limits.pending_connects) {
    if (static_cast<std::int32_t>(worker_.tick() - until) >= 0) co_return false;
    unsigned mask = C::deadline | C::kick;
    if (body_complete_ && !sent_ahead_) {
      client_.channel().arm_read();
      mask |= C::client_read;
    }
    client_.set_deadline(worker_.tick() + 1);
    const std::uint8_t events = co_await client_.wait(mask);
    head_current_ = false;
    if (interrupted(events)) co_return false;
    if (!fresh_only_ && take_pooled()) co_return true;  // somebody's request is over meanwhile
  }
  co_return true;
}

transport::Task<> Exchange::open_upstream() {
  const std::uint8_t attempt = attempts_;
  const auto gone = [this, attempt] { return stage_ != Stage::connecting || attempts_ != attempt; };
  const bool room = co_await await_connect_slot();
  if (gone()) co_return;
  if (!room) {
    own_fault_ = Refusal::connect_limit;
    attempt_failed(AttemptFailureKind::connect,
                   "limits.pending_connects is reached for this endpoint");
    co_return;
  }
  const std::uint32_t until = worker_.deadline_in(config().timeouts.connect);
  const routing::RoutingEntry* entry = snapshot_->table.find((*endpoint_)->id);
  bool connected = false;
  const std::size_t count = entry ? entry->addresses.size() : 0;
  for (std::size_t i = 0; i < count && !connected; ++i) {
    if (static_cast<std::int32_t>(worker_.tick() - until) >= 0) break;
    upstream_ = worker_.pool.create(*endpoint_);
    upstream_->counters().in_flight.bump();
    upstream_->channel().set_target(&client_, C::upstream_read, C::upstream_write);
    client_.clear(C::upstream_read);
    client_.clear(C::upstream_write);
    const routing::SocketAddress address = entry->addresses[i];
    const std::shared_ptr<Upstream> counted = *endpoint_;  // a rescue may let go of it meanwhile
    counted->counters[worker_.index]->connecting.bump();
    connected = co_await connect_to(address, until);
    counted->counters[worker_.index]->connecting.drop();
    if (gone()) co_return;
    if (!connected) let_go(false);
    if (own_fault_ != Refusal::count_) break;
  }
  if (!connected && own_fault_ != Refusal::count_) {
    attempt_failed(AttemptFailureKind::connect,
                   "this proxy is out of file descriptors, ports or memory");
    co_return;
  }
  if (!connected) {
    attempt_failed(AttemptFailureKind::connect,
                   count == 0 ? "the endpoint's name does not resolve"
                              : "no connection to the endpoint could be made");
    co_return;
  }
  if ((*endpoint_)->tls) {
    const bool secured = co_await secure_upstream();
    if (gone()) co_return;
    if (!secured) {
      attempt_failed(AttemptFailureKind::tls, "the TLS handshake with the endpoint failed");
      co_return;
    }
  }
  connect_us_ = microseconds_since(attempt_started_);
  progress_ = worker_.tick();
  client_.clear(C::upstream_read);
  client_.clear(C::upstream_write);
  stage_ = Stage::relaying;
}

}  // namespace proxy
