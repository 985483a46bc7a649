#include "proxy/doubtful.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "health/evidence.hpp"
#include "proxy/chunked.hpp"
#include "proxy/exchange.hpp"
#include "proxy/framing.hpp"
#include "proxy/worker.hpp"

namespace proxy {

using ledger::AttemptEnding;
using ledger::AttemptReport;
using transport::IoStatus;

namespace {

constexpr std::size_t most_text = 64 * 1024 + ledger::longest_answer;  // head and body

AttemptReport ending(AttemptEnding how) {
  AttemptReport report;
  report.ending = how;
  return report;
}

// The body as far as it is there; `whole` when that is all of it.
std::string body_of(std::string_view rest, const ResponseFraming& framing, bool ended,
                    bool& whole) {
  switch (framing.body) {
    case BodyKind::none:
      whole = true;
      return {};
    case BodyKind::length:
      whole = rest.size() >= framing.length;
      return std::string{rest.substr(0, static_cast<std::size_t>(framing.length))};
    case BodyKind::until_close:
      whole = ended;
      return std::string{rest};
    case BodyKind::chunked:
      break;
  }
  std::string body;
  ChunkedDecoder decoder;
  while (!rest.empty() && !whole) {
    const ChunkedDecoder::Step step = decoder.next(rest);
    if (step.status == ChunkedDecoder::Status::error) break;
    body.append(step.data);
    rest.remove_prefix(step.consumed);
    whole = step.status == ChunkedDecoder::Status::done;
  }
  return body;
}

}  // namespace

std::shared_ptr<const ledger::StoredAnswer> stored_answer(const ResponseHead& head,
                                                          std::string_view body) {
  if (body.size() > ledger::longest_answer) return nullptr;
  auto answer = std::make_shared<ledger::StoredAnswer>();
  answer->status = head.status;
  if (const Field* type = find_field(head.fields, FieldName::content_type))
    answer->content_type = type->value;
  answer->body = body;
  return answer;
}

DoubtfulConnection::DoubtfulConnection(Worker& worker, std::shared_ptr<StartTicket> ticket,
                                       UpstreamConnection* upstream, std::size_t attempt,
                                       bool own_key, std::string_view begun, std::uint32_t deadline)
    : worker_{worker},
      ticket_{std::move(ticket)},
      upstream_{upstream},
      attempt_{attempt},
      own_key_{own_key},
      deadline_{deadline},
      text_{begun} {
  ticket_->kept_.push_back(this);
  worker_.doubtful.push_back(this);
  upstream_->channel().set_target(this, 1, 2);
  upstream_->channel().arm_read();
  if (upstream_->channel().wants_write()) upstream_->channel().arm_write();
}

DoubtfulConnection::~DoubtfulConnection() {
  std::erase(ticket_->kept_, this);
  std::erase(worker_.doubtful, this);
  upstream_->counters().in_flight.drop();
  worker_.pool.discard(upstream_);
  worker_.shared.durable.ledger->kept_connection_ended();
}

void DoubtfulConnection::on_ready(std::uint8_t) {
  if (!read_on()) return;  // this object is gone
  upstream_->channel().arm_read();
  if (upstream_->channel().wants_write()) upstream_->channel().arm_write();
}

bool DoubtfulConnection::read_on() {
  for (;;) {
    const transport::IoResult got =
        upstream_->channel().read(worker_.scratch.relay_data(), Scratch::relay_size);
    if (got.status == IoStatus::would_block) return true;
    const bool ended = got.status != IoStatus::ok;
    if (!ended) {
      const std::size_t room = most_text - std::min(most_text, text_.size());
      text_.append(worker_.scratch.relay_data(), std::min(got.bytes, room));
    }
    if (judge(ended)) return false;
    if (ended) {
      end(ending(got.status == IoStatus::error ? AttemptEnding::peer_reset
                                               : AttemptEnding::peer_closed));
      return false;
    }
    if (text_.size() >= most_text) {  // it answers, and nothing that could be taken for a result
      end(ending(AttemptEnding::answered));
      return false;
    }
  }
}

// True: the answer is complete, or says enough, and this object is gone.
bool DoubtfulConnection::judge(bool ended) {
  std::string_view text = text_;
  ResponseHead& head = worker_.response_head;
  for (;;) {
    const HeadState state = parse_response_head(text, most_fields, head);
    if (state == HeadState::incomplete) return false;
    ResponseFraming framing;
    if (state != HeadState::complete || !check_response(head, false, framing).ok) {
      end(ending(AttemptEnding::answered));
      return true;
    }
    text.remove_prefix(head.size);
    if (head.status < 200) continue;
    bool whole = false;
    const std::string body = body_of(text, framing, ended, whole);
    const bool success = head.status / 100 == 2;
    if (!whole && !ended && !success && body.size() < ledger::longest_answer) return false;
    AttemptReport report = ending(AttemptEnding::answered);
    report.status = head.status;
    const Field* type = find_field(head.fields, FieldName::content_type);
    report.proves_not_run =
        whole && health::proves_not_run(head.status, type ? type->value : "", body);
    report.our_key = own_key_ && our_key_was_refused(head, framing);
    report.says_exists = ledger::says_already_exists(head.status, body);
    // A success says itself what it means; its URLs and keys are nobody's business here.
    end(report, whole && !success ? stored_answer(head, body) : nullptr);
    return true;
  }
}

void DoubtfulConnection::time_out() {
  end(ending(AttemptEnding::timed_out));
}

void DoubtfulConnection::abandon() {
  end(ending(AttemptEnding::closed_by_us));
}

void DoubtfulConnection::close() {
  delete this;
}

void DoubtfulConnection::end(const AttemptReport& report,
                             std::shared_ptr<const ledger::StoredAnswer> answer) {
  ticket_->report(attempt_, report, false, std::move(answer));
  delete this;
}

}  // namespace proxy
