// Answers that are looked at before the client sees them: those that may prove that the request
// never ran or that say so of a gateway, and those that carry management URLs.
#include <algorithm>
#include <cstring>

#include "durable/content_coding.hpp"
#include "durable/management_urls.hpp"
#include "durable/set_cookie.hpp"
#include "durable/status_tokens.hpp"
#include "health/evidence.hpp"
#include "proxy/cookies.hpp"
#include "proxy/exchange.hpp"

namespace proxy {
namespace {

constexpr std::size_t inspected = 8 * 1024;    // a stopped or offline page is shorter
constexpr std::size_t remembered = 16 * 1024;  // a status answer that is worth keeping

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

// Whether the answer may be a check-status payload, which any route may send. `first` is what came
// of the body with the head. Everything else streams through.
bool Exchange::may_hold_payload(std::string_view first) {
  coded_ = false;
  if (status_ < 200 || status_ > 299 || status_ == 206 || answer_framing_.body == BodyKind::none)
    return false;
  const FieldList& fields = worker_.response_head.fields;
  if (!says_json(fields)) return false;
  const Field* coding = find_field(fields, FieldName::content_encoding);
  const bool sized = answer_framing_.body == BodyKind::length;
  coded_ = coding && !equal_ignoring_case(coding->value, "identity");
  if (!coded_ && sized &&
      !durable::may_be_payload(first.substr(0, answer_framing_.length),
                               first.size() >= answer_framing_.length))
    return false;
  if ((sized && answer_framing_.length > config().durable.rewrite_limit) ||
      (coded_ && !durable::parse_content_encoding(coding->value))) {
    worker_.counters.unrewritten_bodies.bump();
    return false;
  }
  if (!coded_) scanner_ = std::make_unique<durable::PayloadScanner>();
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
  std::size_t limit = inspected;
  if (collecting_ == Collect::rewrite) limit = config().durable.rewrite_limit;
  const bool judged = start_ && collecting_ == Collect::inspect;
  if (collecting_ == Collect::status || judged) limit = remembered;
  if (collected_size_ + body.size() > collected_.capacity()) {
    Block larger = worker_.blocks.take(
        std::max({collected_size_ + body.size(), collected_.capacity() * 2, std::size_t{2048}}));
    if (collected_size_ > 0) std::memcpy(larger.data(), collected_.data(), collected_size_);
    collected_ = std::move(larger);
  }
  if (!body.empty()) std::memcpy(collected_.data() + collected_size_, body.data(), body.size());
  collected_size_ += body.size();
  if (scanner_ && scanner_->feed(body) == durable::PayloadScanner::Verdict::no_payload) {
    scanner_.reset();
    collecting_ = Collect::nothing;  // a JSON answer like any other: it is not held back
    return finish_collecting(last);
  }
  if (last || collected_size_ > limit) finish_collecting(last);
}

void Exchange::finish_collecting(bool whole) {
  const Collect why = std::exchange(collecting_, Collect::nothing);
  const std::string_view body{collected_.data(), collected_size_};
  if (why == Collect::inspect &&
      !(start_ ? start_answer_came(body, whole) : answer_allows_relay(body, whole)))
    return;
  parse_response_head({answer_head_.data(), answer_head_size_}, most_fields, worker_.response_head);
  rewritten_.clear();
  if (why == Collect::rewrite || (why == Collect::inspect && start_))
    whole ? rewrite_collected() : worker_.counters.unrewritten_bodies.bump();
  if (why == Collect::status && whole) {
    const std::optional<std::string> decoded = decoded_body();
    learn_status(decoded ? std::string_view{*decoded} : body);
  }
  scanner_.reset();
  send_answer_head();
  deliver(rewritten_.empty() ? body : std::string_view{rewritten_}, whole);
  collected_.reset();
  collected_size_ = 0;
}

// The collected body without its content coding; nothing when it has none.
std::optional<std::string> Exchange::decoded_body() {
  const Field* coding = find_field(worker_.response_head.fields, FieldName::content_encoding);
  if (!coding) return {};
  const auto codings = durable::parse_content_encoding(coding->value);
  if (!codings || codings->count == 0) return {};
  const std::string_view body{collected_.data(), collected_size_};
  auto decoded = durable::decode_content(body, *codings, config().durable.rewrite_limit);
  return decoded ? std::move(decoded) : std::string{};
}

void Exchange::rewrite_collected() {
  const std::optional<std::string> decoded = decoded_body();
  const std::string_view body =
      decoded ? std::string_view{*decoded} : std::string_view{collected_.data(), collected_size_};
  UrlTexts texts;
  const durable::UrlRewrite urls = url_rewrite(texts, true);
  auto payload = durable::read_payload(body, urls);
  if (decoded && decoded->empty()) worker_.counters.unrewritten_bodies.bump();
  if (!payload) return;
  learn_payload(*payload);
  payload_id_ = durable::canonical_id(payload->url_id);
  if (payload->body.empty()) return;
  worker_.counters.rewritten_bodies.bump();
  rewritten_ = std::move(payload->body);
}

// What the URLs of this answer become. `payload`: these are URLs for the client to use later, so
// they carry its key as the app's would carry the app's; others mirror how it came.
durable::UrlRewrite Exchange::url_rewrite(UrlTexts& texts, bool payload) {
  const config::EndpointKeys& keys = (*endpoint_)->config.keys;
  texts.origin = public_origin();
  durable::UrlRewrite rewrite;
  rewrite.origins = snapshot_->origins;
  rewrite.public_origin = texts.origin;
  rewrite.endpoint_prefix = (*endpoint_)->config.url.base_path;
  rewrite.own_durable_urls = classified_.built_in || !payload_id_.empty();
  // Whoever holds no key of this proxy gets a token with what a start answers, not with a redirect
  // or with an echo of what it sent: they say nothing of whether it may have that instance.
  const bool holds_key = admission_ == Admission::key || admission_ == Admission::open;
  if (holds_key || status_ == 201 || status_ == 202) rewrite.tokens = snapshot_->access.tokens();
  rewrite.secrets = snapshot_->secrets;
  rewrite.replace_code = snapshot_->access.tokens() || !keys.durable.empty();
  const bool start = classified_.kind == durable::RequestKind::start ||
                     classified_.route == durable::Route::restart;
  if (rewrite.replace_code && admission_ == Admission::key) {
    Credential given = credential();
    if (payload || start || given.in_query) texts.code = std::move(given.text);
  }
  rewrite.code = texts.code;
  // A payload's Location is about the instance that it names; any other, about the one asked for.
  if (!payload_id_.empty()) {
    texts.instance_id = payload_id_;
  } else if (classified_.built_in) {
    texts.instance_id = durable::canonical_id(classified_.instance_id);
  }
  rewrite.instance_id = texts.instance_id;
  return rewrite;
}

// Every Set-Cookie line when one of them names an endpoint's host as its Domain, else nothing.
std::string Exchange::moved_cookies() {
  const FieldList& fields = worker_.response_head.fields;
  if (!find_field(fields, FieldName::set_cookie)) return {};
  const auto origin = durable::parse_origin(public_origin());
  if (!origin) return {};
  std::string lines;
  bool moved = false;
  for (const Field& field : fields) {
    if (field.id != FieldName::set_cookie) continue;
    if (snapshot_->sticky_cookie && sets_cookie(field.value, snapshot_->own_cookie())) continue;
    const auto value = durable::rewrite_cookie_domain(field.value, snapshot_->hosts, origin->host);
    moved = moved || value.has_value();
    lines.append("Set-Cookie: ").append(value ? std::string_view{*value} : field.value);
    lines += "\r\n";
  }
  return moved ? lines : std::string{};
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
  note_failure(kind);
  const Decision decision = decide_after(kind);
  if (decision.action == RetryAction::next_endpoint) {
    answered_before_ = true;
    if (try_again(decision, kind)) return false;
  }
  const bool away = kind == AttemptFailureKind::answer_proves_not_run || may_give_up_waiting();
  if (call_ && call_->fixed && away) {
    end_attempt(false);
    answer_away();
    return false;
  }
  if (method_class_ != MethodClass::safe && kind == AttemptFailureKind::answer_502_503_504)
    unknown_outcome_ = decision.outcome == Outcome::unknown;
  return true;
}

// Where clients reach this proxy: as configured; as a listed proxy says; as the request's Host says
// where only this machine can ask. Never as a stranger says: it would get the URLs of others sent
// to itself, keys included.
std::string Exchange::public_origin() {
  if (!config().public_origin.empty()) return config().public_origin;
  const bool tls = client_.listener().tls != nullptr;
  if (trusted_peer()) {
    reparse();
    const FieldList& fields = worker_.request_head.fields;
    const Field* host = find_field(fields, FieldName::x_forwarded_host);
    const Field* proto = find_field(fields, FieldName::x_forwarded_proto);
    const auto first = [](std::string_view list) {
      list = list.substr(0, list.find(','));
      return list.substr(0, list.find_last_not_of(" \t") + 1);
    };
    if (host && valid_authority(first(host->value))) {
      const bool secure = proto ? equal_ignoring_case(first(proto->value), "https") : tls;
      return (secure ? "https://" : "http://") + std::string{first(host->value)};
    }
  }
  if (!client_.listener().loopback || framing_.host.empty()) return {};
  return (tls ? "https://" : "http://") + std::string{framing_.host};
}

}  // namespace proxy
