// The answer on its way down: its head is checked and rewritten, its body decoded, framed anew and
// passed on as it comes.
#include <algorithm>
#include <cstring>

#include "durable/management_urls.hpp"
#include "health/evidence.hpp"
#include "proxy/exchange.hpp"

namespace proxy {

using transport::IoStatus;
using C = ClientConnection;

namespace {

constexpr std::size_t smallest_chunk = 16 * 1024;
constexpr std::uint8_t most_interim = 16;
constexpr int turns = 8;  // then the worker's other connections get theirs

iovec piece(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

}  // namespace

// The Functions host refuses a key with an empty 401; an app's own says how to sign in, or more.
bool our_key_was_refused(const ResponseHead& head, const ResponseFraming& framing) {
  const Field* length = find_field(head.fields, FieldName::content_length);
  const bool empty = length ? length->value == "0" : framing.body == BodyKind::none;
  for (const Field& field : head.fields)
    if (equal_ignoring_case(field.name, "www-authenticate")) return false;
  return empty;
}

void Exchange::pump_response() {
  if (!flush_client() || !download_.empty()) return;
  for (int turn = 0; turn < turns && stage_ == Stage::relaying && download_.empty() &&
                     answer_ != Answer::complete;
       ++turn) {
    if (!may_have_more_ && !upstream_->channel().maybe_readable()) return;
    if (!read_response()) return;
  }
}

// One read from the upstream; false: wait, or the attempt is over.
bool Exchange::read_response() {
  client_.clear(C::upstream_read);
  may_have_more_ = false;
  char* into = worker_.scratch.relay_data();
  std::size_t want = std::min(download_chunk_, Scratch::relay_size);
  const bool in_head = answer_ == Answer::head && answer_head_;
  if (in_head) {  // its beginning waits in a block
    const std::size_t limit = config().limits.head;
    if (answer_head_size_ == answer_head_.capacity()) {
      if (answer_head_size_ >= limit) {
        attempt_failed(AttemptFailureKind::bad_response, "the answer's head is too large");
        return false;
      }
      Block larger = worker_.blocks.take(answer_head_.capacity() * 2);
      std::memcpy(larger.data(), answer_head_.data(), answer_head_size_);
      answer_head_ = std::move(larger);
    }
    into = answer_head_.data() + answer_head_size_;
    want = answer_head_.capacity() - answer_head_size_;
  }
  const transport::IoResult got = upstream_->channel().read(into, want);
  if (got.status == IoStatus::would_block) return false;
  if (got.status != IoStatus::ok) {
    on_upstream_end(got.status == IoStatus::error);
    return false;
  }
  progress_ = worker_.tick();
  if (in_head) {
    answer_head_size_ += got.bytes;
    on_response_bytes(answer_head_.data(), answer_head_size_);
  } else {
    on_response_bytes(into, got.bytes);
  }
  return stage_ == Stage::relaying;
}

void Exchange::on_response_bytes(char* data, std::size_t size) {
  if (answer_ == Answer::none || answer_ == Answer::head) {
    if (!on_head_bytes(data, size)) return;
    on_final_head(data, size);
  } else {
    relay_body(data, size);
  }
}

// Parses heads until a final one is complete; then `data` and `size` are what follows it.
bool Exchange::on_head_bytes(char*& data, std::size_t& size) {
  for (;;) {
    answer_ = Answer::head;
    const auto most = static_cast<std::size_t>(config().limits.headers);
    ResponseHead& head = worker_.response_head;
    switch (parse_response_head({data, size}, most, head)) {
      case HeadState::incomplete:
        if (answer_head_ && data >= answer_head_.data() &&
            data < answer_head_.data() + answer_head_.capacity()) {
          std::memmove(answer_head_.data(), data, size);
        } else {
          answer_head_ = worker_.blocks.take(std::max<std::size_t>(size * 2, 4096));
          std::memcpy(answer_head_.data(), data, size);
        }
        answer_head_size_ = size;
        return false;
      case HeadState::complete:
        break;
      default:
        attempt_failed(AttemptFailureKind::bad_response,
                       "what the endpoint answered is not HTTP/1.1");
        return false;
    }
    const FramingVerdict verdict = check_response(head, head_request_, answer_framing_);
    if (!verdict.ok || head.size > config().limits.head) {
      attempt_failed(AttemptFailureKind::bad_response,
                     verdict.ok ? "the answer's head is too large" : verdict.rule);
      return false;
    }
    if (head.status >= 200) break;
    if (head.status == 101) {
      const Field* protocol = find_field(head.fields, FieldName::upgrade);
      if (!framing_.upgrade || !protocol || !equal_ignoring_case(protocol->value, "websocket")) {
        attempt_failed(AttemptFailureKind::bad_response, "101 to what was not asked for");
        return false;
      }
      break;
    }
    if (++interim_answers_ > most_interim) {
      attempt_failed(AttemptFailureKind::bad_response, "too many interim answers");
      return false;
    }
    relay_interim();
    if (stage_ != Stage::relaying) return false;
    data += head.size;
    size -= head.size;
    if (size == 0) {
      answer_ = Answer::none;
      answer_head_.reset();
      answer_head_size_ = 0;
      return false;
    }
  }
  data += worker_.response_head.size;
  size -= worker_.response_head.size;
  return true;
}

// 1xx: passed on to an HTTP/1.1 client (RFC 9110 section 15.2); a 100 only to one that asked, and
// once, whichever attempt it comes from.
void Exchange::relay_interim() {
  const ResponseHead& head = worker_.response_head;
  if (version_ < 11) return;
  if (head.status == 100) {
    if (!framing_.expect_continue || continue_sent_) return;
    continue_sent_ = true;
  }
  Writer out{worker_.scratch.head.get(), Scratch::head_size};
  ResponseRewrite rewrite;
  rewrite.own_cookie = snapshot_->own_cookie();
  write_response_head(out, head, answer_framing_, rewrite);
  const iovec text = piece(out.text());
  send_client(&text, 1);
}

void Exchange::on_final_head(char* body, std::size_t size) {
  const ResponseHead& head = worker_.response_head;
  status_ = head.status;
  first_byte_us_ = microseconds_since(attempt_started_);
  answer_left_ = answer_framing_.length;
  if (status_ == 101) return start_tunnel({body, size});

  if (status_ == 503 && head.fields.has(FieldName::retry_after)) heed_retry_after();
  EndpointCounters& counters = upstream_->counters();
  const auto html = [&head] {
    const Field* type = find_field(head.fields, FieldName::content_type);
    return type && equal_ignoring_case(type->value.substr(0, 9), "text/html");
  };
  if (status_ == 401 && injected_ && our_key_was_refused(head, answer_framing_)) {
    counters.key_refusals.bump();
    return attempt_failed(AttemptFailureKind::key_refused,
                          "the endpoint refused the key that this proxy has for it");
  }
  if (status_ == 404 && look_elsewhere()) return;
  if (past_is_unknown() && hub_says_absent()) {
    end_attempt(false);
    return answer_past_unknown();
  }
  if (status_ == 404 && call_ && call_->fixed && html()) {  // the platform's page: no app there
    end_attempt(false);
    return answer_away();
  }
  if (start_ && !start_head_came()) return start_collecting(Collect::inspect, body, size);
  const bool looks_dead = status_ == 503 || (status_ == 403 && html());
  const bool hub_question =
      status_ == 500 && classified_.built_in &&
      target_.find("returnInternalServerErrorOnFailure") == std::string_view::npos;
  if (!start_ && (looks_dead || hub_question))
    return start_collecting(Collect::inspect, body, size);
  if (!start_ && (status_ == 502 || status_ == 504)) {
    worker_.report(upstream_->upstream().id, status_ == 502
                                                 ? health::EvidenceKind::bad_gateway
                                                 : health::EvidenceKind::gateway_timeout);
    if (!answer_allows_relay({}, false)) return;
  } else {
    counters.answered.bump();
  }
  learn_outcome();
  if (wants_status()) return start_collecting(Collect::status, body, size);
  if (may_hold_payload({body, size})) return start_collecting(Collect::rewrite, body, size);
  send_answer_head();
  relay_body(body, size);
}

// Writes the head into scratch; it leaves together with the first bytes of the body.
void Exchange::send_answer_head() {
  const ResponseHead& head = worker_.response_head;
  ResponseRewrite rewrite;
  std::optional<std::string> location;
  if (const Field* field = find_field(head.fields, FieldName::location)) {
    UrlTexts texts;
    const durable::UrlRewrite urls = url_rewrite(texts, false);
    location = durable::rewrite_location(field->value, urls);
    if (location) rewrite.location = *location;
  }
  const std::string cookies = moved_cookies();
  rewrite.cookies = cookies;
  rewrite.own_cookie = snapshot_->own_cookie();
  const bool framed =
      answer_framing_.body == BodyKind::chunked || answer_framing_.body == BodyKind::until_close;
  chunk_answer_ = framed && version_ >= 11;
  close_delimited_ = framed && version_ < 11;
  if (!rewritten_.empty()) {  // its length is known now, whatever it was before
    chunk_answer_ = close_delimited_ = false;
    rewrite.drop_length = rewrite.has_length = true;
    rewrite.length = rewritten_.size();
    rewrite.drop_coding = coded_;
  }
  rewrite.chunked = chunk_answer_;
  // The rest of a request that the upstream will not read cannot be told from the next one.
  const bool spent = !body_complete_ && (!answer_framing_.keep_alive || upload_dead_ ||
                                         (framing_.expect_continue && !continue_sent_));
  if (close_delimited_ || spent || worker_.draining()) keep_alive_ = false;
  rewrite.close = !keep_alive_;
  rewrite.keep_alive_note = keep_alive_ && version_ < 11;
  rewrite.date = worker_.date();
  char extra[1280];
  Writer lines{extra, sizeof extra};
  if (best_effort_) lines.add("X-Understudy-Warning: all endpoints are degraded; best effort\r\n");
  if (unknown_outcome_) lines.add("X-Understudy-Outcome: unknown\r\n");
  add_attempts(lines);
  lines.add(std::string_view{set_cookie_});
  rewrite.extra = lines.text();
  Writer out{worker_.scratch.head.get(), Scratch::head_size};
  write_response_head(out, head, answer_framing_, rewrite);
  head_text_ = out.text();
  answer_ = Answer::body;
}

std::string_view Exchange::decode(char* data, std::size_t size, bool& last, bool& bad) {
  switch (answer_framing_.body) {
    case BodyKind::none:
      last = true;
      surplus_ = size > 0;
      return {};
    case BodyKind::length: {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(size, answer_left_));
      answer_left_ -= take;
      last = answer_left_ == 0;
      surplus_ = take < size;
      return {data, take};
    }
    case BodyKind::until_close:
      return {data, size};
    case BodyKind::chunked:
      break;
  }
  std::size_t decoded = 0;
  std::string_view rest{data, size};
  while (!rest.empty() && !last) {
    const ChunkedDecoder::Step step = answer_decoder_.next(rest);
    if (step.status == ChunkedDecoder::Status::error) {
      bad = true;
      break;
    }
    if (!step.data.empty()) std::memmove(data + decoded, step.data.data(), step.data.size());
    decoded += step.data.size();
    rest.remove_prefix(step.consumed);
    last = step.status == ChunkedDecoder::Status::done;
  }
  surplus_ = !rest.empty();
  return {data, decoded};
}

void Exchange::relay_body(char* data, std::size_t size) {
  bool last = false;
  bool bad = false;
  const std::string_view body = decode(data, size, last, bad);
  if (bad) return answer_cut("the endpoint's chunked answer is broken");
  if (answer_ == Answer::collecting) return collect(body, last);
  deliver(body, last);
}

void Exchange::deliver(std::string_view body, bool last) {
  iovec pieces[5];
  std::size_t count = 0;
  if (!head_text_.empty()) pieces[count++] = piece(head_text_);
  char size_line[24];
  Writer line{size_line, sizeof size_line};
  if (!body.empty()) {
    if (chunk_answer_) {
      line.add_number(body.size(), 16);
      line.add("\r\n");
      pieces[count++] = piece(line.text());
    }
    pieces[count++] = piece(body);
  }
  if (chunk_answer_) {
    if (!body.empty() && last) {
      pieces[count++] = piece("\r\n0\r\n\r\n");
    } else if (!body.empty()) {
      pieces[count++] = piece("\r\n");
    } else if (last) {
      pieces[count++] = piece("0\r\n\r\n");
    }
  }
  head_text_ = {};
  bytes_out_ += body.size();
  if (last) answer_ = Answer::complete;
  if (count == 0) return;
  answer_started_ = true;
  if (!send_client(pieces, count)) return;
  if (body.size() < smallest_chunk) return;
  download_chunk_ = download_.empty() ? std::min(download_chunk_ * 2, Scratch::relay_size)
                                      : std::max(download_chunk_ / 2, smallest_chunk);
}

// False: the client is gone.
bool Exchange::send_client(const iovec* pieces, std::size_t count) {
  if (!download_.empty()) {  // an interim answer may still be on its way
    Block all;
    std::size_t total = download_.size();
    for (std::size_t i = 0; i < count; ++i) total += pieces[i].iov_len;
    all = worker_.blocks.take(total);
    iovec joined{all.data(), total};
    std::size_t at = download_.size();
    std::memcpy(all.data(), download_.bytes().data(), at);
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(all.data() + at, pieces[i].iov_base, pieces[i].iov_len);
      at += pieces[i].iov_len;
    }
    download_.clear();
    download_.keep(worker_.blocks, &joined, 1, 0);
    return true;
  }
  const transport::IoResult sent = client_.channel().write({pieces, count});
  if (sent.status == IoStatus::error || sent.status == IoStatus::end) {
    client_left();
    return false;
  }
  download_.keep(worker_.blocks, pieces, count, sent.bytes);
  return true;
}

bool Exchange::flush_client() {
  if (download_.empty()) return true;
  const iovec rest = piece(download_.bytes());
  const transport::IoResult sent = client_.channel().write({&rest, 1});
  if (sent.status == IoStatus::error || sent.status == IoStatus::end) {
    client_left();
    return false;
  }
  if (sent.bytes > 0) progress_ = worker_.tick();
  download_.consume(sent.bytes);
  // Reading had stopped while this was in the way: the upstream may have sent more meanwhile.
  if (download_.empty()) may_have_more_ = true;
  return true;
}

void Exchange::on_upstream_end(bool reset) {
  upstream_ended_ = true;
  if (answer_ == Answer::none) {
    AttemptFailureKind kind = reset ? AttemptFailureKind::reset_before_response
                                    : AttemptFailureKind::closed_before_response;
    if (upstream_->reused()) kind = AttemptFailureKind::stale_connection;
    return attempt_failed(kind, "the endpoint closed the connection without an answer");
  }
  if (answer_ == Answer::head)
    return attempt_failed(AttemptFailureKind::bad_response,
                          "the endpoint closed the connection within an answer's head");
  if (answer_framing_.body == BodyKind::until_close && !reset) {
    if (answer_ == Answer::collecting) return finish_collecting(true);
    return deliver({}, true);
  }
  answer_cut("the endpoint closed the connection within its answer");
}

// The client has part of an answer that will not be completed: it must not look complete. A length
// or a missing last chunk show it; an end by closing does not, so that one ends with a reset.
void Exchange::answer_cut(std::string_view cause) {
  if (!answer_started_) return attempt_failed(AttemptFailureKind::bad_response, cause);
  worker_.report((*endpoint_)->id, health::EvidenceKind::reset);
  cut("answer cut");
}

// By itself for what is the client's fault: then the endpoint is not to blame.
void Exchange::cut(std::string_view note) {
  failure_note_ = note;
  if (upstream_) end_attempt(false);
  keep_alive_ = false;
  if (close_delimited_) client_.channel().close(transport::Channel::How::reset);
  stage_ = Stage::finished;
}

}  // namespace proxy
