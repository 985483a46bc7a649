// The request on its way up: the head is rewritten, the body decoded, framed anew and passed on as
// it comes; what fits retry.kept_body is kept for another attempt.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "proxy/exchange.hpp"

namespace proxy {

using transport::IoStatus;
using C = ClientConnection;

namespace {

constexpr std::size_t smallest_chunk = 16 * 1024;
// Behind the end of a chunked body the client's next request may follow; so little is read at once.
constexpr std::size_t chunked_read = 64 * 1024;

// Of "00-<32 hex digits>-<16>-<2>" and what later versions put behind it (W3C Trace Context section
// 3.2.2); empty when it is none.
std::string_view trace_id_of(std::string_view traceparent) {
  constexpr std::size_t size = 32;
  if (traceparent.size() < 55 || traceparent[2] != '-' || traceparent[3 + size] != '-') return {};
  const std::string_view id = traceparent.substr(3, size);
  return id.find_first_not_of("0123456789abcdef") == id.npos ? id : std::string_view{};
}

iovec piece(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

}  // namespace

// Takes what came together with the head. Chunked bytes are decoded in place: the decoded ones move
// to the front, and what is behind the body stays where it is, as the next request's.
bool Exchange::take_early_body() {
  char* data = input_.data() + head_at_;
  const std::size_t size = input_size_ - head_at_;
  if (framing_.body == BodyKind::none) {
    body_complete_ = true;
    return true;
  }
  std::size_t decoded = 0;
  std::size_t used = 0;
  if (!decode_body(data, size, decoded, used)) {
    refuse(ProblemKind::bad_request, to_string(body_decoder_.error()), Refusal::bad_request);
    return false;
  }
  early_body_ = {data, decoded};
  input_used_ = head_at_ + used;
  return true;
}

// Decodes `size` raw bytes in place: `decoded` bytes of body at `data`, `used` raw bytes consumed.
bool Exchange::decode_body(char* data, std::size_t size, std::size_t& decoded, std::size_t& used) {
  if (framing_.body == BodyKind::length) {
    decoded = used = static_cast<std::size_t>(std::min<std::uint64_t>(size, body_left_));
    body_left_ -= used;
    body_complete_ = body_left_ == 0;
  } else {
    std::string_view rest{data, size};
    while (!rest.empty() && !body_complete_) {
      const ChunkedDecoder::Step step = body_decoder_.next(rest);
      if (step.status == ChunkedDecoder::Status::error) return false;
      if (!step.data.empty()) std::memmove(data + decoded, step.data.data(), step.data.size());
      decoded += step.data.size();
      rest.remove_prefix(step.consumed);
      body_complete_ = step.status == ChunkedDecoder::Status::done;
    }
    used = size - rest.size();
  }
  body_taken_ += decoded;
  bytes_in_ += decoded;
  return true;
}

void Exchange::reparse() {
  if (head_current_) return;
  const std::string_view text{input_.data(), head_at_};
  parse_request_head(text, most_fields, worker_.request_head);
  head_current_ = true;
}

ClientFacts Exchange::client_facts() const {
  ClientFacts facts;
  facts.address = client_.peer_text();
  facts.v6 = client_.peer().v6;
  facts.tls = client_.listener().tls != nullptr;
  facts.trusted = trusted_peer();
  return facts;
}

void Exchange::pump_request() {
  if (!upload_.empty()) {
    const iovec rest = piece(upload_.bytes());
    const transport::IoResult sent = upstream_->channel().write({&rest, 1});
    if (sent.status == IoStatus::error || sent.status == IoStatus::end) {
      upload_dead_ = true;
      upload_.clear();
      may_have_more_ = true;
    } else if (sent.status == IoStatus::ok) {
      upload_.consume(sent.bytes);
      progress_ = worker_.tick();
    }
    if (!upload_.empty()) return;
  }
  if (!head_sent_) send_head();
  // Bounded, so that one fast upload leaves the worker's other connections their turn.
  for (int turn = 0; turn < 8 && !request_sent_ && upload_.empty() && stage_ == Stage::relaying;
       ++turn) {
    if (upload_dead_) {
      request_sent_ = true;  // as much of it as the upstream wants
    } else if (body_complete_) {
      request_sent_ = true;
      sent_ = BytesSent::all;
      first_byte_deadline_ = worker_.deadline_in(config().timeouts.first_byte);
    } else if (!relay_body_piece()) {
      return;
    }
  }
}

void Exchange::send_head() {
  reparse();
  const config::Endpoint& endpoint = (*endpoint_)->config;
  char traceparent[56];
  const Field* traced = find_field(worker_.request_head.fields, FieldName::traceparent);
  if (traced) {
    trace_ = trace_id_of(traced->value);
  } else {
    worker_.make_traceparent(traceparent);
    const std::string_view trace = trace_;
    if (trace.empty())
      trace_ = std::string_view{traceparent + 3, 32};
    else  // another attempt of the same request
      std::copy(trace.begin(), trace.end(), traceparent + 3);
  }
  RequestRewrite rewrite;
  rewrite.endpoint = &endpoint;
  rewrite.path = framing_.path;
  std::string edited, with_id;
  if (start_) {
    with_id = start_target();
    rewrite.path = with_id;
  }
  if (classified_.built_in || snapshot_->access.active()) adapt_to_endpoint(rewrite, edited);
  rewrite.readable_answer = classified_.kind != durable::RequestKind::plain ||
                            (method_class_ != MethodClass::safe && snapshot_->access.active());
  rewrite.client = client_facts();
  rewrite.via = worker_.shared.via;
  rewrite.own_cookie = snapshot_->own_cookie();
  rewrite.lock_names = snapshot_->lock_names;
  if (!traced) rewrite.traceparent = {traceparent, 55};
  switch (endpoint.host) {
    case config::HostPolicy::preserve:
      rewrite.host_line_value = framing_.host;
      break;
    case config::HostPolicy::explicit_value:
      rewrite.host_line_value = endpoint.host_value;
      break;
    case config::HostPolicy::endpoint:
      rewrite.host_line_value = (*endpoint_)->authority;
      break;
  }
  if (rewrite.host_line_value.empty()) rewrite.host_line_value = (*endpoint_)->authority;
  Writer out{worker_.scratch.head.get(), Scratch::head_size};
  write_request_head(out, worker_.request_head, framing_, rewrite);

  const std::size_t body_size = early_body_.size() + kept_size_;
  iovec pieces[6];
  std::size_t count = 0;
  if (framing_.body == BodyKind::chunked && body_size > 0) {
    out.add_number(body_size, 16);
    out.add("\r\n");
  }
  pieces[count++] = piece(out.text());
  if (!early_body_.empty()) pieces[count++] = piece(early_body_);
  if (kept_size_ > 0) pieces[count++] = {kept_.data(), kept_size_};
  if (framing_.body == BodyKind::chunked) {
    if (body_size > 0) pieces[count++] = piece("\r\n");
    if (body_complete_) pieces[count++] = piece("0\r\n\r\n");
  }
  head_sent_ = true;
  if (out.overflow()) {
    end_attempt(false);
    return refuse(ProblemKind::head_too_large, "the request head does not fit with our own fields",
                  Refusal::head_too_large);
  }
  send_upstream(pieces, count);
}

// One read from the client; `piece` lies in the relay's scratch, what follows the body in spill_.
Exchange::BodyStep Exchange::read_body_piece(std::string_view& piece) {
  char* data = worker_.scratch.relay_data();
  std::size_t want = std::min(upload_chunk_, Scratch::relay_size);
  if (framing_.body == BodyKind::length) {
    want = static_cast<std::size_t>(std::min<std::uint64_t>(want, body_left_));
  } else {
    want = std::min(want, chunked_read);
  }
  client_.clear(C::client_read);
  const transport::IoResult got = client_.channel().read(data, want);
  if (got.status == IoStatus::would_block) return BodyStep::wait;
  if (got.status != IoStatus::ok) {
    client_left();
    return BodyStep::over;
  }
  progress_ = worker_.tick();
  std::size_t decoded = 0;
  std::size_t used = 0;
  const bool good = decode_body(data, got.bytes, decoded, used);
  const auto& limit = config().limits.body;
  if (!good || (limit && body_taken_ > *limit)) {
    if (answer_started_) {
      cut("the request body is broken");
    } else {
      end_attempt(false);
      good ? refuse(ProblemKind::body_too_large, "the body is larger than limits.body",
                    Refusal::body_too_large)
           : refuse(ProblemKind::bad_request, to_string(body_decoder_.error()),
                    Refusal::bad_request);
    }
    return BodyStep::over;
  }
  if (used < got.bytes) {  // the client's next request
    spill_size_ = got.bytes - used;
    spill_ = worker_.blocks.take(spill_size_);
    std::memcpy(spill_.data(), data + used, spill_size_);
  }
  piece = {data, decoded};
  return BodyStep::got;
}

// One turn of reading from the client and writing to the upstream; false: wait, or it is over.
bool Exchange::relay_body_piece() {
  std::string_view data;
  if (read_body_piece(data) != BodyStep::got) return false;
  keep_for_retry(data);
  iovec pieces[4];
  std::size_t count = 0;
  char size_line[24];
  Writer line{size_line, sizeof size_line};
  if (framing_.body == BodyKind::chunked && !data.empty()) {
    line.add_number(data.size(), 16);
    line.add("\r\n");
    pieces[count++] = piece(line.text());
  }
  if (!data.empty()) pieces[count++] = piece(data);
  if (framing_.body == BodyKind::chunked) {
    if (!data.empty()) pieces[count++] = piece("\r\n");
    if (body_complete_) pieces[count++] = piece("0\r\n\r\n");
  }
  if (count == 0) return true;
  const bool all = send_upstream(pieces, count);
  upload_chunk_ = all ? std::min(upload_chunk_ * 2, Scratch::relay_size)
                      : std::max(upload_chunk_ / 2, smallest_chunk);
  return all;
}

bool Exchange::send_upstream(const iovec* pieces, std::size_t count) {
  const transport::IoResult sent = upstream_->channel().write({pieces, count});
  if (sent.status == IoStatus::error || sent.status == IoStatus::end) {
    // Nothing is decided yet: the upstream may have answered before it closed.
    upload_dead_ = true;
    may_have_more_ = true;
    if (sent_ == BytesSent::none && !upstream_->reused()) sent_ = BytesSent::some;
    return false;
  }
  if (sent.bytes > 0 && sent_ == BytesSent::none) sent_ = BytesSent::some;
  upload_.keep(worker_.blocks, pieces, count, sent.bytes);
  return upload_.empty();
}

void Exchange::keep_for_retry(std::string_view data) {
  if (!replayable_ || data.empty()) return;
  const std::size_t limit = start_ ? config().durable.ledger.max_body : config().retry.kept_body;
  if (early_body_.size() + kept_size_ + data.size() > limit) {
    replayable_ = false;  // too large to be sent twice
    kept_.reset();
    kept_size_ = 0;
    return;
  }
  keep_body(data);
}

void Exchange::keep_body(std::string_view data) {
  if (data.empty()) return;
  if (kept_size_ + data.size() > kept_.capacity()) {
    Block larger = worker_.blocks.take(std::max(kept_size_ + data.size(), kept_.capacity() * 2));
    if (kept_size_ > 0) std::memcpy(larger.data(), kept_.data(), kept_size_);
    kept_ = std::move(larger);
  }
  std::memcpy(kept_.data() + kept_size_, data.data(), data.size());
  kept_size_ += data.size();
}

}  // namespace proxy
