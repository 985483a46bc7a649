// After 101: bytes in both directions, unread, with back-pressure, until both sides have ended or
// this proxy ends the tunnel. It does that as WebSocket endpoints do, with a Close frame that says
// why, to both sides and never within a frame; then their own Close is waited for, a moment.
#include <algorithm>

#include "proxy/exchange.hpp"

namespace proxy {

using transport::IoStatus;
using C = ClientConnection;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t piece_size = 64 * 1024;
constexpr int turns = 8;  // then the worker's other connections get theirs
constexpr std::uint16_t going_away = 1001;
constexpr config::Millis frame_end_wait{5s};  // a frame that takes longer is cut
constexpr config::Millis answer_wait{2s};

bool is_due(std::uint32_t now, std::uint32_t tick) {
  return static_cast<std::int32_t>(now - tick) >= 0;
}

}  // namespace

std::string_view to_string(TunnelEnd end) {
  switch (end) {
    case TunnelEnd::idle:
      return "tunnel idle";
    case TunnelEnd::stalled:
      return "tunnel stalled";
    case TunnelEnd::endpoint_drained:
      return "endpoint drained";
    case TunnelEnd::endpoint_disabled:
      return "endpoint disabled";
    case TunnelEnd::endpoint_removed:
      return "endpoint removed";
    case TunnelEnd::proxy_draining:
      return "proxy shutting down";
    case TunnelEnd::none:
    case TunnelEnd::count_:
      break;
  }
  return "";
}

void Exchange::start_tunnel(std::string_view early) {
  ResponseRewrite rewrite;
  rewrite.switching = true;
  rewrite.own_cookie = snapshot_->own_cookie();
  rewrite.extra = set_cookie_;
  Writer out{worker_.scratch.head.get(), Scratch::head_size};
  write_response_head(out, worker_.response_head, answer_framing_, rewrite);
  const std::string_view head = out.text();
  const iovec pieces[2] = {{const_cast<char*>(head.data()), head.size()},
                           {const_cast<char*>(early.data()), early.size()}};
  upstream_->counters().answered.bump();
  worker_.counters.tunnels.bump();
  tunnel_ = std::make_unique<Tunnel>();
  answer_started_ = true;
  answer_ = Answer::complete;
  keep_alive_ = false;
  stage_ = Stage::tunnelling;
  if (!send_client(pieces, 2)) return;
  tunnel_->down.frames.follow(early);
  bytes_out_ += early.size();
  // What the client sent behind its request, before it saw the 101.
  if (input_used_ < input_size_) {
    const std::string_view sent_ahead{input_.data() + input_used_, input_size_ - input_used_};
    input_used_ = input_size_;
    bytes_in_ += sent_ahead.size();
    tunnel_->up.frames.follow(sent_ahead);
    const iovec piece{const_cast<char*>(sent_ahead.data()), sent_ahead.size()};
    send_upstream(&piece, 1);
  }
  consider_leaving();
}

void Exchange::pump_tunnel() {
  Tunnel& tunnel = *tunnel_;
  transport::Channel& client = client_.channel();
  transport::Channel& upstream = upstream_->channel();
  const bool sealed_before = tunnel.up.sealed && tunnel.down.sealed;
  pump_one_way({tunnel.up, tunnel.down, client, upstream, upload_, download_, bytes_in_, false});
  pump_one_way({tunnel.down, tunnel.up, upstream, client, download_, upload_, bytes_out_, true});
  if (!upload_.empty() || !download_.empty()) return;
  if (tunnel.up.ended && tunnel.down.ended) return end_tunnel();
  const bool closing = tunnel.closing != TunnelEnd::none;
  if (closing && !sealed_before && tunnel.up.sealed && tunnel.down.sealed) {
    const std::uint32_t answered_by = worker_.deadline_in(answer_wait);
    if (is_due(tunnel.closing_until, answered_by)) tunnel.closing_until = answered_by;
  }
}

void Exchange::pump_one_way(const OneWay& at) {
  for (int turn = 0; turn < turns; ++turn) {
    if (!flush_way(at)) return;
    settle_way(at);
    if (at.way.ended || !at.pending.empty()) return;
    const transport::IoResult got = at.from.read(worker_.scratch.relay_data(), piece_size);
    switch (got.status) {
      case IoStatus::would_block:
        return;
      case IoStatus::end:
        at.way.ended = true;
        break;
      case IoStatus::error:
        at.way.ended = at.back.ended = at.back.sealed = true;
        at.back_pending.clear();
        break;
      case IoStatus::ok:
        if (!relay_frames(at, {worker_.scratch.relay_data(), got.bytes})) return;
    }
  }
  // The other connections' turn.
}

// False: the receiver is gone. What it sent before that may be waiting still, a Close with the
// reason for instance, so the way back goes on to its end.
bool Exchange::pass_on(const OneWay& at, const iovec* pieces, std::size_t count) {
  const transport::IoResult sent = at.to.write({pieces, count});
  if (sent.status == IoStatus::error || sent.status == IoStatus::end) {
    at.pending.clear();
    at.way.ended = at.way.sealed = true;
    return false;
  }
  at.pending.keep(worker_.blocks, pieces, count, sent.bytes);
  return true;
}

// False: wait, or the receiver is gone.
bool Exchange::flush_way(const OneWay& at) {
  if (at.pending.empty()) return true;
  const std::string_view left = at.pending.bytes();
  const iovec rest{const_cast<char*>(left.data()), left.size()};
  const transport::IoResult sent = at.to.write({&rest, 1});
  if (sent.status == IoStatus::error || sent.status == IoStatus::end) {
    at.pending.clear();
    at.way.ended = at.way.sealed = true;
    return false;
  }
  if (sent.bytes > 0) progress_ = worker_.tick();
  at.pending.consume(sent.bytes);
  return at.pending.empty();
}

// With everything passed on: the last thing that the receiver gets, when it is time for that.
void Exchange::settle_way(const OneWay& at) {
  Tunnel::Way& way = at.way;
  if (way.sealed || (!way.ended && tunnel_->closing == TunnelEnd::none)) return;
  if (tunnel_->closing == TunnelEnd::none) {
    way.sealed = true;
    return at.to.shutdown_write();
  }
  if (way.frames.between_frames()) {
    const CloseFrame close = close_frame(at.to_client);
    const iovec piece{const_cast<char*>(close.bytes().data()), close.bytes().size()};
    way.sealed = true;
    if (!pass_on(at, &piece, 1)) return;
  }
  // Without a frame's end to come, the connection's must do.
  way.sealed = way.sealed || way.ended || way.frames.closed() || way.frames.lost();
  way.ended = way.ended || way.frames.closed();
}

// False: the receiver takes no more now, or is gone.
bool Exchange::relay_frames(const OneWay& at, std::string_view bytes) {
  Tunnel::Way& way = at.way;
  if (tunnel_->closing == TunnelEnd::none) {
    way.frames.follow(bytes);
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    progress_ = worker_.tick();
    at.bytes += bytes.size();
    return pass_on(at, &piece, 1) && at.pending.empty();
  }
  if (!way.sealed) {  // the frame at hand is the last
    const std::size_t wanted = way.frames.next(bytes);
    const CloseFrame close = close_frame(at.to_client);
    const iovec pieces[2] = {{const_cast<char*>(bytes.data()), wanted},
                             {const_cast<char*>(close.bytes().data()), close.bytes().size()}};
    way.sealed = way.frames.between_frames();
    at.bytes += wanted;
    if (!pass_on(at, pieces, way.sealed ? 2 : 1)) return false;
    bytes.remove_prefix(wanted);
  }
  way.frames.follow(bytes);  // for the Close in answer to ours
  if (way.sealed) way.ended = way.frames.closed();
  return at.pending.empty();
}

CloseFrame Exchange::close_frame(bool to_client) {
  const std::string_view reason = to_string(tunnel_->closing);
  if (to_client) return {going_away, reason};
  return {going_away, reason, static_cast<std::uint32_t>(worker_.random())};
}

// A Degraded endpoint keeps its tunnels: they may still work, and nobody can move them.
TunnelEnd Exchange::cause_to_leave(const Snapshot& now) const {
  if (worker_.draining()) return TunnelEnd::proxy_draining;
  const routing::RoutingEntry* entry = now.table.find((*endpoint_)->id);
  if (!entry) return TunnelEnd::endpoint_removed;
  if (entry->rotation != routing::Rotation::out) return TunnelEnd::none;
  return entry->draining ? TunnelEnd::endpoint_drained : TunnelEnd::endpoint_disabled;
}

// The operator wants the endpoint, or this proxy, without work: tunnels do not end by themselves,
// so they get timeouts.drain like everything else. Their clients come back at once, all of them:
// hence not all in one moment, and with the proxy's own end coming, well before it.
void Exchange::consider_leaving() {
  Tunnel& tunnel = *tunnel_;
  const Snapshot& now = worker_.snapshot();
  const TunnelEnd why = cause_to_leave(now);
  if (tunnel.closing != TunnelEnd::none || why == tunnel.leaving) return;
  const bool first = tunnel.leaving == TunnelEnd::none;
  tunnel.leaving = why;
  const bool ours = why == TunnelEnd::proxy_draining;
  if (why == TunnelEnd::none || (!first && !ours)) return;
  const config::Millis grace = now.config->timeouts.drain;
  const std::uint32_t earliest = worker_.deadline_in(ours ? grace / 2 : grace);
  const std::uint32_t spread = worker_.deadline_in(grace / 4) - worker_.tick();
  const auto share = static_cast<std::uint32_t>(worker_.random() % spread);
  if (first || is_due(tunnel.leave_at, earliest + share)) tunnel.leave_at = earliest + share;
}

void Exchange::begin_closing(TunnelEnd why) {
  tunnel_->closing = why;
  tunnel_->closing_until = worker_.deadline_in(frame_end_wait);
  failure_note_ = to_string(why);
  worker_.counters.tunnel_ends[static_cast<std::size_t>(why)].bump();
}

void Exchange::tunnel_deadline() {
  Tunnel& tunnel = *tunnel_;
  if (tunnel.closing != TunnelEnd::none) return end_tunnel();
  if (tunnel.leaving != TunnelEnd::none && is_due(worker_.tick(), tunnel.leave_at))
    return begin_closing(tunnel.leaving);
  if (upload_.empty() && download_.empty()) return begin_closing(TunnelEnd::idle);
  begin_closing(TunnelEnd::stalled);  // no Close gets through to who does not read
  end_tunnel();
}

void Exchange::end_tunnel() {
  // A client that sends on would otherwise see a reset, before what it was sent last.
  linger_ = true;
  end_attempt(false);
  stage_ = Stage::finished;
}

}  // namespace proxy
