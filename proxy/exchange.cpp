#include "proxy/exchange.hpp"

#include <algorithm>

namespace proxy {

using transport::IoStatus;

namespace {

constexpr std::size_t first_block = 4096;

}  // namespace

Exchange::Exchange(ClientConnection& connection, Input input)
    : worker_{connection.worker()},
      client_{connection},
      input_{std::move(input.block)},
      input_size_{input.size} {}

Exchange::~Exchange() {
  if (upstream_) end_attempt(false);
}

Exchange::HeadStep Exchange::read_head() {
  const config::Config& config = *worker_.snapshot().config;
  const std::size_t limit = config.limits.head;
  const auto most = static_cast<std::size_t>(config.limits.headers);
  bool parse = input_size_ > 0 && head_deadline_ == 0;  // sent ahead of the last answer
  for (;;) {
    if (parse) {
      const std::string_view text{input_.data(), input_size_};
      head_state_ = parse_request_head(text, most, worker_.request_head);
      if (head_state_ != HeadState::incomplete || input_size_ >= limit) break;
    }
    if (!input_) input_ = worker_.blocks.take(first_block);
    if (input_size_ == input_.capacity()) {
      Block larger = worker_.blocks.take(input_.capacity() * 4);
      std::memcpy(larger.data(), input_.data(), input_size_);
      input_ = std::move(larger);
    }
    client_.clear(ClientConnection::client_read);
    const transport::IoResult got =
        client_.channel().read(input_.data() + input_size_, input_.capacity() - input_size_);
    if (got.status == IoStatus::would_block) {
      if (input_size_ == 0) {
        input_.reset();
      } else if (head_deadline_ == 0) {  // the whole head within `head` of its first byte
        head_deadline_ = worker_.deadline_in(config.timeouts.head);
        client_.set_deadline(head_deadline_);
      }
      return HeadStep::need_input;
    }
    if (got.status != IoStatus::ok) return HeadStep::closed;
    input_size_ += got.bytes;
    parse = true;
  }
  head_current_ = true;
  head_at_ = worker_.request_head.size;
  if (head_state_ == HeadState::complete && head_at_ <= limit) return HeadStep::ready;
  return HeadStep::malformed;  // `run` answers it
}

void Exchange::head_timed_out() {
  snapshot_ = worker_.hold_snapshot();
  started_ = std::chrono::steady_clock::now();
  refuse(ProblemKind::request_timeout, "the request head did not arrive in time", Refusal::timeout);
  finish_request();
}

Exchange::Input Exchange::take_rest() {
  Input rest;
  if (spill_) {
    rest.block = std::move(spill_);
    rest.size = spill_size_;
  } else if (input_used_ < input_size_) {
    rest.size = input_size_ - input_used_;
    std::memmove(input_.data(), input_.data() + input_used_, rest.size);
    rest.block = std::move(input_);
  }
  return rest;
}

transport::Task<> Exchange::run() {
  begin();
  while (stage_ != Stage::finished) {
    if (stage_ == Stage::connecting) {
      co_await open_upstream();
      continue;
    }
    if (stage_ == Stage::asking) {
      co_await await_desk();
      continue;
    }
    if (stage_ == Stage::reading) {
      co_await read_start_body();
      continue;
    }
    if (stage_ == Stage::starting) {
      co_await await_ledger();
      continue;
    }
    pump();
    if (stage_ != Stage::relaying && stage_ != Stage::tunnelling && stage_ != Stage::flushing)
      continue;
    unsigned mask = 0;
    arm_and_set_deadline(mask);
    const std::uint8_t events = co_await client_.wait(mask);
    head_current_ = false;
    if (client_.abandoned()) {
      client_left();
    } else {
      on_events(events);
    }
  }
  finish_request();
}

void Exchange::begin() {
  started_ = std::chrono::steady_clock::now();
  snapshot_ = worker_.hold_snapshot();
  progress_ = worker_.tick();
  worker_.counters.requests.bump();
  if (head_state_ != HeadState::complete || head_at_ > config().limits.head) {
    switch (head_state_) {
      case HeadState::bad_version:
        return refuse(ProblemKind::version_not_supported, "HTTP/1.1 and HTTP/1.0 are served here",
                      Refusal::bad_request);
      case HeadState::malformed:
        return refuse(ProblemKind::bad_request, "the request head is not HTTP/1.1 (RFC 9112)",
                      Refusal::bad_request);
      default:
        return refuse(ProblemKind::head_too_large,
                      "the request head is larger than limits.head or limits.headers",
                      Refusal::head_too_large);
    }
  }
  const RequestHead& head = worker_.request_head;
  method_ = head.method;
  target_ = head.target;
  version_ = head.version;
  head_request_ = method_ == "HEAD";
  input_used_ = head_at_;
  const FramingVerdict verdict = check_request(head, framing_);
  if (!verdict.ok) return refuse(verdict.problem, verdict.rule, Refusal::bad_request);
  keep_alive_ = framing_.keep_alive && !worker_.draining();
  method_class_ = proxy::method_class(method_);
  body_left_ = framing_.length;
  if (!take_early_body() || !admit()) return;
  classified_ = durable::classify(method_, framing_.path, snapshot_->start_routes);
  if (ledger() && classified_.kind == durable::RequestKind::plain && method_ == "POST" &&
      worker_.is_starter(path_alone())) {
    classified_.kind = durable::RequestKind::start;
    classified_.route = durable::Route::custom_start;
  }
  const bool plain = classified_.kind == durable::RequestKind::plain;
  if (plain && !snapshot_->access.active()) return choose();
  if (gate()) route();
}

bool Exchange::passed_before() const {
  const FieldList& fields = worker_.request_head.fields;
  return fields.has(FieldName::via) &&
         std::any_of(fields.begin(), fields.end(), [this](const Field& field) {
           return field.id == FieldName::via &&
                  field.value.find(worker_.shared.via) != std::string_view::npos;
         });
}

bool Exchange::admit() {
  const config::Limits& limits = config().limits;
  // Chunks that came with the head were taken already.
  if (limits.body && std::max(framing_.length, body_taken_) > *limits.body) {
    refuse(ProblemKind::body_too_large, "the body is larger than limits.body",
           Refusal::body_too_large);
    return false;
  }
  if (passed_before()) {
    refuse(ProblemKind::loop_detected, "this request has passed this proxy before", Refusal::loop);
    return false;
  }
  if (worker_.over_limit(limits.in_flight, &WorkerCounters::in_flight)) {
    refuse(ProblemKind::overloaded, "limits.in_flight is reached", Refusal::overloaded);
    return false;
  }
  if (snapshot_->client_counts && !admit_client()) return false;
  worker_.counters.in_flight.bump();
  counted_ = true;
  return true;
}

bool Exchange::admit_client() {
  const auto limit = static_cast<std::uint32_t>(config().limits.per_client);
  const auto slot = ClientCounts::slot_of(worker_.shared.sticky->hash(address_key()));
  if (!snapshot_->client_counts->enter(slot, limit)) {
    refuse(ProblemKind::overloaded, "limits.per_client is reached for your address",
           Refusal::client_limit);
    return false;
  }
  client_counts_ = snapshot_->client_counts;
  client_slot_ = slot;
  return true;
}

void Exchange::pump() {
  if (stage_ == Stage::tunnelling) return pump_tunnel();
  if (stage_ == Stage::flushing) {
    if (flush_client() && download_.empty()) stage_ = Stage::finished;
    return;
  }
  do {
    pump_request();
    if (stage_ == Stage::relaying) pump_response();
    // A failed attempt may have been followed by one over a pooled connection: its head is due now.
  } while (stage_ == Stage::relaying && !head_sent_);
  if (stage_ == Stage::relaying) maybe_finish();
}

// The answer is with the client and the request with the upstream, or neither can be any more.
void Exchange::maybe_finish() {
  if (answer_ != Answer::complete || !download_.empty()) return;
  const bool request_over = request_sent_ && upload_.empty();
  // An upstream that closes behind its answer reads no more of the request; a client that waits
  // for a 100 it will not get may or may not send its body: both connections are spent.
  const bool give_up_upload =
      upload_dead_ || upstream_ended_ || !answer_framing_.keep_alive || awaiting_continue();
  if (!request_over && !give_up_upload) return;
  if (!request_over) {
    keep_alive_ = false;
    linger_ = true;
  }
  end_attempt(request_over && answer_framing_.keep_alive && !surplus_ && !upstream_ended_ &&
              !upload_dead_);
  stage_ = Stage::finished;
}

std::uint32_t Exchange::microseconds_since(Time since) {
  const auto span = std::chrono::steady_clock::now() - since;
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 0, 0xffffffff));
}

std::uint32_t Exchange::after_progress(config::Millis span) const {
  return progress_ + (worker_.deadline_in(span) - worker_.tick());
}

// The tick by which the client must have moved more bytes to keep up with limits.min_rate.
std::uint32_t Exchange::before_too_slow(MinRate& rate, std::uint64_t bytes,
                                        config::Millis grace) const {
  const std::uint32_t now = worker_.tick();
  return now + rate.wait(now, bytes, config().limits.min_rate, worker_.deadline_in(grace) - now);
}

void Exchange::arm_and_set_deadline(unsigned& mask) {
  using C = ClientConnection;
  const config::Timeouts& timeouts = config().timeouts;
  std::uint32_t due = worker_.tick() + 0x3fffffff;
  const auto no_later_than = [&due](std::uint32_t tick) {
    if (static_cast<std::int32_t>(tick - due) < 0) due = tick;
  };
  mask = C::deadline;
  transport::Channel& client = client_.channel();
  if (stage_ == Stage::flushing) {
    client.arm_write();
    mask |= C::client_write;
    no_later_than(after_progress(timeouts.write));
    no_later_than(before_too_slow(download_rate_, bytes_out_ - download_.size(), timeouts.write));
  } else {
    transport::Channel& upstream = upstream_->channel();
    const bool tunnel = stage_ == Stage::tunnelling;
    bool waits_for_body = false;
    if (!upload_.empty()) {
      upstream.arm_write();
      mask |= C::upstream_write;
      no_later_than(after_progress(timeouts.write));
    } else if (tunnel ? !tunnel_->up.ended : !body_complete_ && !request_sent_) {
      client.arm_read();
      mask |= C::client_read;
      // A client that waits for a 100 owes nothing yet: the upstream does.
      if (!tunnel && awaiting_continue()) {
        no_later_than(after_progress(timeouts.first_byte));
      } else if (!tunnel) {
        no_later_than(after_progress(timeouts.body));
        // An upstream that answers before the request is over streams both ways: no rate is due.
        waits_for_body = !answer_started_;
        if (waits_for_body) no_later_than(before_too_slow(upload_rate_, bytes_in_, timeouts.body));
      }
    } else if (!tunnel && !sent_ahead_) {
      client.arm_read();  // to notice a client that leaves; stays armed for the next request
      mask |= C::client_read;
    }
    if (!download_.empty()) {
      client.arm_write();
      mask |= C::client_write;
      no_later_than(after_progress(timeouts.write));
      if (!tunnel)
        no_later_than(
            before_too_slow(download_rate_, bytes_out_ - download_.size(), timeouts.write));
    } else if (tunnel ? !tunnel_->down.ended : answer_ != Answer::complete) {
      upstream.arm_read();
      mask |= C::upstream_read;
      if (!tunnel && awaiting_answer()) {
        mask |= C::kick;
        if (request_sent_) no_later_than(first_byte_deadline_);
      } else if (!tunnel) {
        no_later_than(after_progress(timeouts.first_byte));
      }
    }
    if (upload_rate_.waiting() && !waits_for_body)
      upload_rate_.pause(worker_.tick(), config().limits.min_rate);
    if (download_rate_.waiting() && download_.empty())
      download_rate_.pause(worker_.tick(), config().limits.min_rate);
    if (tunnel) {
      mask |= C::kick;
      if (tunnel_->closing != TunnelEnd::none) {
        due = tunnel_->closing_until;
      } else {
        no_later_than(after_progress(timeouts.tunnel_idle));
        if (tunnel_->leaving != TunnelEnd::none) no_later_than(tunnel_->leave_at);
      }
    }
    if (upstream.wants_write()) {  // TLS has something to say before it can read on
      upstream.arm_write();
      mask |= C::upstream_write;
    }
  }
  if (client.wants_write()) {
    client.arm_write();
    mask |= C::client_write;
  }
  client_.set_deadline(due);
}

void Exchange::on_events(std::uint8_t events) {
  using C = ClientConnection;
  if (events & C::deadline) return on_deadline();
  if (events & C::kick) {
    if (stage_ == Stage::tunnelling) return consider_leaving();
    start_ ? start_kicked() : consider_rescue();
    if (stage_ != Stage::relaying) return;
  }
  if (events & C::upstream_read) may_have_more_ = true;
  // A write that TLS needed is a read that can go on.
  if ((events & C::upstream_write) && upstream_ && upstream_->channel().tls())
    may_have_more_ = true;
  if ((events & C::client_read) && stage_ == Stage::relaying && (body_complete_ || request_sent_))
    check_abort();
}

// The client's side became readable after its whole request was read: an end means that it left,
// anything else is its next request, which stays where it is until this one is answered.
void Exchange::check_abort() {
  const transport::IoResult seen = client_.channel().peek();
  if (seen.status == IoStatus::would_block) return;
  if (seen.status == IoStatus::ok) {
    sent_ahead_ = true;
    client_.remember(ClientConnection::client_read);
    return;
  }
  client_left();
}

void Exchange::client_left() {
  client_gone_ = true;
  keep_alive_ = false;
  worker_.counters.client_aborts.bump();
  if (upstream_) end_attempt(false);
  stage_ = Stage::finished;
}

void Exchange::on_deadline() {
  if (stage_ == Stage::tunnelling) {
    tunnel_deadline();
  } else if (stage_ == Stage::flushing || !download_.empty()) {
    failure_note_ = "client reads too slowly";
    worker_.counters.refusals[static_cast<std::size_t>(Refusal::too_slow)].bump();
    client_.channel().close(transport::Channel::How::reset);
    client_left();
  } else if (!upload_.empty()) {
    attempt_failed(AttemptFailureKind::first_byte_timeout, "the upstream takes no more bytes");
  } else if (!body_complete_ && !request_sent_ && !awaiting_continue()) {
    if (answer_started_) return cut("the client stopped sending its body");
    end_attempt(false);
    refuse_slow_body();
  } else if (awaiting_answer()) {
    attempt_failed(AttemptFailureKind::first_byte_timeout, "no answer within timeouts.first_byte");
  } else {
    answer_cut("the upstream stopped sending its answer");
  }
}

void Exchange::refuse_slow_body() {
  const bool stopped =
      static_cast<std::int32_t>(worker_.tick() - after_progress(config().timeouts.body)) >= 0;
  if (stopped)
    refuse(ProblemKind::request_timeout, "the body stopped arriving", Refusal::timeout);
  else
    refuse(ProblemKind::request_timeout, "the body arrives below limits.min_rate",
           Refusal::too_slow);
}

void Exchange::finish_request() {
  const std::uint32_t total = microseconds_since(started_);
  if (counted_) worker_.counters.in_flight.drop();
  if (client_counts_) client_counts_->leave(client_slot_);
  if (counted_retry_) worker_.counters.retries_in_flight.drop();
  if (tunnel_) worker_.counters.tunnels.drop();
  worker_.counters.bytes_in.bump(bytes_in_);
  worker_.counters.bytes_out.bump(bytes_out_);
  if (best_effort_) worker_.counters.best_effort.bump();
  if (endpoint_ && attempts_ > 0) {
    EndpointCounters& counters = *(*endpoint_)->counters[worker_.index];
    const bool accepted = start_ && start_->accepted;
    const bool relayed = answer_started_ && !refused_ && !accepted;
    counters.by_class[relayed ? static_cast<std::size_t>(status_ / 100) : 0].bump();
    std::size_t bucket = 0;
    while (bucket < latency_bounds_us.size() && total > latency_bounds_us[bucket]) ++bucket;
    counters.latency[bucket].bump();
    counters.latency_sum_us.bump(total);
    if (classified_.kind == durable::RequestKind::start) {
      StartOutcome outcome = StartOutcome::other;
      if (unknown_outcome_ || (client_gone_ && !relayed)) {
        outcome = StartOutcome::unknown;
      } else if (accepted) {
        outcome = StartOutcome::accepted;
      } else if (!relayed) {
        outcome = StartOutcome::failed_not_run;
      } else if (status_ < 300) {
        outcome = StartOutcome::accepted;
      } else if (status_ >= 400 && status_ < 500) {
        outcome = StartOutcome::refused;
      }
      counters.starts[static_cast<std::size_t>(outcome)].bump();
    } else if (unknown_outcome_) {
      counters.unknown_outcomes.bump();
    }
  }
  if (config().log.access) record(total);
}

void Exchange::record(std::uint32_t total_us) {
  RequestRecord* slot = worker_.records.slot();
  if (!slot) return;
  slot->wall_us = worker_.wall_microseconds(started_);
  slot->total_us = total_us;
  slot->connect_us = connect_us_;
  slot->first_byte_us = first_byte_us_;
  slot->bytes_in = bytes_in_;
  slot->bytes_out = bytes_out_;
  slot->endpoint = endpoint_ && attempts_ > 0 ? (*endpoint_)->id : routing::no_endpoint;
  slot->status = static_cast<std::uint16_t>(client_gone_ && !answer_started_ ? 0 : status_);
  slot->attempts = attempts_;
  slot->reason = reason_;
  slot->kind = classified_.kind;
  slot->failed.count = failed_.count;
  if (failed_.count > 0) slot->failed = failed_;
  slot->client_aborted = client_gone_;
  slot->unknown_outcome = unknown_outcome_;
  slot->trace = trace_;
  slot->method = method_;
  slot->client = client_.peer_text();
  slot->path = path_alone();
  slot->note = failure_note_;
  worker_.records.publish();
}

}  // namespace proxy
