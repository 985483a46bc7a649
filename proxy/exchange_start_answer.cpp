// What a client that starts an orchestration is told, once the ledger has decided: the answer of
// the endpoint, or one of our own.
#include "durable/management_urls.hpp"
#include "durable/query.hpp"
#include "durable/status_tokens.hpp"
#include "proxy/exchange.hpp"

namespace proxy {
namespace {

constexpr std::string_view durable_base = "/runtime/webhooks/durabletask";

}  // namespace

// The answer that was held goes to the client after all.
void Exchange::relay_held() {
  start_->holding = false;
  stage_ = Stage::relaying;
  parse_response_head({answer_head_.data(), answer_head_size_}, most_fields, worker_.response_head);
  const std::string_view body{collected_.data(), collected_size_};
  if (config().durable.duplicate_status == config::DuplicateStatus::conflict && status_ == 500 &&
      ledger::says_already_exists(status_, body)) {
    end_attempt(false);
    return refuse(ProblemKind::already_exists, "an instance with this id is alive",
                  Refusal::upstream_failed);
  }
  rewritten_.clear();
  send_answer_head();
  deliver(body, start_->whole);
  collected_.reset();
  collected_size_ = 0;
  may_have_more_ = true;
}

void Exchange::answer_start(const ledger::StartAnswer& answer) {
  using What = ledger::StartAnswer::What;
  if (!answer.id.empty()) start_->id = answer.id;
  const bool held = start_->holding;
  if (held && (answer.what == What::relay || answer.what == What::unknown)) {
    unknown_outcome_ = answer.what == What::unknown;
    return relay_held();
  }
  if (held) start_->holding = false;
  end_attempt(false);  // one that is under way is kept, for its late answer
  switch (answer.what) {
    case What::accepted:
      return answer_accepted(answer.repeat ? "repeated" : "");
    case What::unconfirmed:
      return answer_accepted("unconfirmed");
    case What::queued:
      return answer_accepted("queued");
    case What::stored:
      return answer_stored(*answer.stored);
    case What::not_run:
      return answer_not_run(answer.why);
    case What::other_body:
      return refuse(ProblemKind::key_reused,
                    "this Idempotency-Key was used for another start: use a new key",
                    Refusal::bad_start);
    case What::id_in_use:
      return refuse(ProblemKind::id_in_use, "this id is being started with another body",
                    Refusal::bad_start);
    case What::id_elsewhere:
      return refuse(ProblemKind::id_elsewhere,
                    "an instance of this id lives in the task hub of " + region_of(answer.place) +
                        ": use another id, or durable.ledger.same_id_elsewhere",
                    Refusal::bad_start);
    case What::relay:
    case What::unknown:
      break;
  }
  unknown_outcome_ = true;
  refuse(ProblemKind::outcome_unknown,
         "it is not known whether this start ran; it is listed by `understudy instances unknown`",
         Refusal::upstream_failed, "unknown");
}

std::string Exchange::region_of(ledger::Place place) const {
  for (const auto& upstream : snapshot_->upstreams)
    if (upstream->place == place && !upstream->config.region.empty())
      return upstream->config.region;
  return worker_.shared.durable.directory->name_of(place);
}

void Exchange::answer_not_run(ledger::NotRunWhy why) {
  using Why = ledger::NotRunWhy;
  switch (why) {
    case Why::key_refused:
      return refuse(ProblemKind::key_refused,
                    "the endpoint refused the key that this proxy has for it",
                    Refusal::upstream_failed, "not_run");
    case Why::disk:
      return refuse(ProblemKind::ledger_unavailable,
                    "new starts cannot be written down now: the ledger's disk refuses",
                    Refusal::ledger, "not_run");
    case Why::crowded:
      return refuse(ProblemKind::overloaded,
                    "durable.ledger.max_waiting or max_doubtful is reached", Refusal::overloaded,
                    "not_run");
    case Why::held:
      return refuse(ProblemKind::held_start,
                    "the endpoint that this client is held to cannot be reached",
                    Refusal::no_endpoint, "not_run");
    case Why::unreachable:
      break;
  }
  refuse(ProblemKind::no_endpoint, "no endpoint could be reached", Refusal::no_endpoint, "not_run");
}

void Exchange::answer_stored(const ledger::StoredAnswer& stored) {
  status_ = stored.status;
  UrlTexts texts;
  const durable::UrlRewrite urls = own_urls(texts);
  const auto payload = durable::read_payload(stored.body, urls);
  const bool moved = payload && !payload->body.empty();
  answer_ourselves(stored.status, stored.content_type, "Idempotent-Replayed: true\r\n",
                   moved ? payload->body : stored.body);
}

// URLs of our own making carry what their client showed, or a token.
durable::UrlRewrite Exchange::own_urls(UrlTexts& texts) {
  const bool none = !endpoint_;
  if (none) endpoint_ = &snapshot_->upstreams.front();
  payload_id_ = start_ ? start_->id : durable::canonical_id(classified_.instance_id);
  durable::UrlRewrite urls = url_rewrite(texts, true);
  urls.replace_code = true;
  texts.code = credential().text;
  urls.code = texts.code;
  if (none) endpoint_ = nullptr;
  return urls;
}

// Without a key; a path when it is not known how clients reach this proxy.
std::string Exchange::own_status_url() {
  std::string url = public_origin();
  while (!url.empty() && url.back() == '/') url.pop_back();
  url.append(durable_base).append("/instances/");
  return url.append(durable::percent_encode(start_->id));
}

// 202 with the URLs that the app itself would have given.
void Exchange::answer_accepted(std::string_view outcome) {
  status_ = 202;
  UrlTexts texts;
  const durable::UrlRewrite urls = own_urls(texts);
  start_->accepted = true;
  const std::string base = own_status_url();
  std::string body = "{\"id\":\"";
  append_json_escaped(body, start_->id);
  body += '"';
  const auto add = [&](std::string_view name, std::string_view action) {
    body.append(",\"").append(name).append("\":\"");
    append_json_escaped(body, base);
    body.append(action) += '"';
  };
  add("statusQueryGetUri", "");
  add("sendEventPostUri", "/raiseEvent/{eventName}");
  add("terminatePostUri", "/terminate?reason={text}");
  add("purgeHistoryDeleteUri", "");
  add("restartPostUri", "/restart");
  add("suspendPostUri", "/suspend?reason={text}");
  add("resumePostUri", "/resume?reason={text}");
  body += '}';
  const auto payload = durable::read_payload(body, urls);
  if (payload && !payload->body.empty()) body = payload->body;
  // Nothing in it needs escaping, so the first URL ends at the next quote.
  constexpr std::string_view before_url = "\"statusQueryGetUri\":\"";
  const std::size_t url = body.find(before_url) + before_url.size();
  std::string lines = "Location: " + body.substr(url, body.find('"', url) - url);
  lines += "\r\nRetry-After: 5\r\n";
  if (outcome == "repeated") {
    lines += "Idempotent-Replayed: true\r\n";
  } else if (!outcome.empty()) {
    lines.append("X-Understudy-Outcome: ").append(outcome).append("\r\n");
    failure_note_ = outcome == "queued" ? "queued" : "unconfirmed";
  }
  answer_ourselves(202, "application/json", lines, body);
}

}  // namespace proxy
