// After 101: bytes in both directions, unread, with back-pressure, until both sides have ended.
#include <algorithm>

#include "proxy/exchange.hpp"

namespace proxy {

using transport::IoStatus;
using C = ClientConnection;

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
  tunnel_counted_ = true;
  answer_started_ = true;
  answer_ = Answer::complete;
  keep_alive_ = false;
  stage_ = Stage::tunnelling;
  if (!send_client(pieces, 2)) return;
  bytes_out_ += early.size();
  may_have_more_ = true;
  // What the client sent behind its request, before it saw the 101.
  if (input_used_ < input_size_) {
    const std::string_view sent_ahead{input_.data() + input_used_, input_size_ - input_used_};
    input_used_ = input_size_;
    bytes_in_ += sent_ahead.size();
    const iovec piece{const_cast<char*>(sent_ahead.data()), sent_ahead.size()};
    send_upstream(&piece, 1);
  }
}

void Exchange::pump_tunnel() {
  transport::Channel& client = client_.channel();
  transport::Channel& upstream = upstream_->channel();
  const bool up = pump_one_way(client, upstream, upload_, client_end_, bytes_in_);
  const bool down = up && pump_one_way(upstream, client, download_, upstream_end_, bytes_out_);
  const bool over = client_end_ && upstream_end_ && upload_.empty() && download_.empty();
  if (up && down && !over) return;
  end_attempt(false);
  stage_ = Stage::finished;
}

// False: one side broke.
bool Exchange::pump_one_way(transport::Channel& from, transport::Channel& to, Outbox& pending,
                            bool& ended, std::uint64_t& bytes) {
  for (int turn = 0; turn < 8; ++turn) {
    if (!pending.empty()) {
      const std::string_view left = pending.bytes();
      const iovec rest{const_cast<char*>(left.data()), left.size()};
      const transport::IoResult sent = to.write({&rest, 1});
      if (sent.status == IoStatus::error || sent.status == IoStatus::end) return false;
      if (sent.bytes > 0) progress_ = worker_.tick();
      pending.consume(sent.bytes);
      if (!pending.empty()) return true;
      if (ended) to.shutdown_write();
    }
    if (ended) return true;
    const transport::IoResult got = from.read(worker_.scratch.relay_data(), 64 * 1024);
    if (got.status == IoStatus::would_block) return true;
    if (got.status == IoStatus::error) return false;
    if (got.status == IoStatus::end) {
      ended = true;
      to.shutdown_write();
      return true;
    }
    progress_ = worker_.tick();
    bytes += got.bytes;
    const iovec piece{worker_.scratch.relay_data(), got.bytes};
    const transport::IoResult sent = to.write({&piece, 1});
    if (sent.status == IoStatus::error || sent.status == IoStatus::end) return false;
    pending.keep(worker_.blocks, &piece, 1, sent.bytes);
    if (!pending.empty()) return true;
  }
  return true;  // the other connections' turn
}

}  // namespace proxy
