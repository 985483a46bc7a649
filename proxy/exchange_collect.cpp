// Answers that are looked at before the client sees them: those that may prove that the request
// never ran or that say so of a gateway, and those that carry management URLs.
#include <algorithm>
#include <cstring>

#include "durable/management_urls.hpp"
#include "health/evidence.hpp"
#include "proxy/exchange.hpp"

namespace proxy {
namespace {

constexpr std::size_t inspected = 8 * 1024;  // a stopped or offline page is shorter

bool says_json(const FieldList& fields) {
  const Field* type = find_field(fields, FieldName::content_type);
  if (!type) return false;
  const std::string_view media = type->value.substr(0, type->value.find(';'));
  return equal_ignoring_case(media.substr(0, 16), "application/json") ||
         (media.size() > 5 && equal_ignoring_case(media.substr(media.size() - 5), "+json"));
}

bool contains_ignoring_case(std::string_view text, std::string_view part) {
  for (std::size_t i = 0; i + part.size() <= text.size(); ++i)
    if (equal_ignoring_case(text.substr(i, part.size()), part)) return true;
  return false;
}

}  // namespace

// Answers that may carry management URLs: what starters send. Everything else streams through.
bool Exchange::wants_rewrite() const {
  const bool likely = status_ == 201 || status_ == 202 ||
                      (status_ == 200 && classified_.kind == durable::RequestKind::start);
  if (!likely || answer_framing_.body == BodyKind::none) return false;
  const FieldList& fields = worker_.response_head.fields;
  if (!says_json(fields)) return false;
  const Field* coding = find_field(fields, FieldName::content_encoding);
  const bool plain = !coding || equal_ignoring_case(coding->value, "identity");
  const std::size_t limit = config().durable.rewrite_limit;
  if (!plain || (answer_framing_.body == BodyKind::length && answer_framing_.length > limit)) {
    worker_.counters.unrewritten_bodies.bump();
    return false;
  }
  return true;
}

void Exchange::start_collecting(Collect why, char* body, std::size_t size) {
  const ResponseHead& head = worker_.response_head;
  collecting_ = why;
  answer_ = Answer::collecting;
  Block copy = worker_.blocks.take(head.size);
  std::memcpy(copy.data(), body - head.size, head.size);
  answer_head_size_ = head.size;
  Block old = std::exchange(answer_head_, std::move(copy));  // `body` may lie in the old one
  relay_body(body, size);
}

void Exchange::collect(std::string_view body, bool last) {
  const std::size_t limit =
      collecting_ == Collect::inspect ? inspected : config().durable.rewrite_limit;
  if (collected_size_ + body.size() > collected_.capacity()) {
    Block larger = worker_.blocks.take(
        std::max({collected_size_ + body.size(), collected_.capacity() * 2, std::size_t{2048}}));
    if (collected_size_ > 0) std::memcpy(larger.data(), collected_.data(), collected_size_);
    collected_ = std::move(larger);
  }
  if (!body.empty()) std::memcpy(collected_.data() + collected_size_, body.data(), body.size());
  collected_size_ += body.size();
  if (last || collected_size_ > limit) finish_collecting(last);
}

void Exchange::finish_collecting(bool whole) {
  const Collect why = std::exchange(collecting_, Collect::nothing);
  const std::string_view body{collected_.data(), collected_size_};
  if (why == Collect::inspect && !answer_allows_relay(body, whole)) return;
  parse_response_head({answer_head_.data(), answer_head_size_}, most_fields, worker_.response_head);
  rewritten_.clear();
  if (why == Collect::rewrite) {
    whole ? rewrite_collected() : worker_.counters.unrewritten_bodies.bump();
  }
  send_answer_head();
  deliver(rewritten_.empty() ? body : std::string_view{rewritten_}, whole);
  collected_.reset();
  collected_size_ = 0;
}

void Exchange::rewrite_collected() {
  const std::string origin = public_origin();
  if (origin.empty()) return;
  auto moved = durable::rewrite_management_urls({collected_.data(), collected_size_},
                                                snapshot_->origins, origin);
  if (!moved) return;
  worker_.counters.rewritten_bodies.bump();
  rewritten_ = std::move(*moved);
}

// Judges an answer that speaks of a dead app or a bad gateway. False: another attempt was begun.
bool Exchange::answer_allows_relay(std::string_view body, bool whole) {
  const auto endpoint = upstream_->upstream().id;
  EndpointCounters& counters = upstream_->counters();
  AttemptFailureKind kind = AttemptFailureKind::answer_502_503_504;
  if (status_ == 500) {
    counters.answered.bump();
    if (!contains_ignoring_case(body, "already exists"))
      worker_.report(endpoint, health::EvidenceKind::hub_trouble);
    return true;
  }
  if (status_ == 403) {
    if (!whole || !health::is_stopped_page(403, "text/html", body)) {
      counters.answered.bump();  // an access restriction, say: the app's own business
      return true;
    }
    worker_.report(endpoint, health::EvidenceKind::stopped_page);
    kind = AttemptFailureKind::answer_proves_not_run;
  } else if (status_ == 503) {
    worker_.report(endpoint, health::EvidenceKind::unavailable);
    if (whole && health::proves_not_run(503, "", body))
      kind = AttemptFailureKind::answer_proves_not_run;
  }
  failure_note_ = to_string(kind);
  const Decision decision = decide(failure_facts(kind));
  if (decision.action == RetryAction::next_endpoint) {
    answered_before_ = true;
    if (try_again(decision, kind)) return false;
  }
  if (method_class_ != MethodClass::safe && kind == AttemptFailureKind::answer_502_503_504)
    unknown_outcome_ = decision.outcome == Outcome::unknown;
  return true;
}

std::string Exchange::public_origin() const {
  if (!config().public_origin.empty()) return config().public_origin;
  if (!client_.listener().loopback || framing_.host.empty()) return {};
  std::string origin = client_.listener().tls ? "https://" : "http://";
  return origin.append(framing_.host);
}

}  // namespace proxy
