// A request that starts an orchestration while the ledger is in use: its body is read, the ledger
// writes it down, says where to send it, is told how that went, and has the last word to the
// client. Only a success is relayed without asking: it is what everybody hopes for.
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "durable/query.hpp"
#include "durable/status_tokens.hpp"
#include "health/evidence.hpp"
#include "proxy/doubtful.hpp"
#include "proxy/exchange.hpp"

namespace proxy {

using ledger::AttemptEnding;
using ledger::AttemptReport;
using C = ClientConnection;

namespace {

constexpr std::string_view durable_base = "/runtime/webhooks/durabletask";
// How much longer than the ledger means to take a client waits for it: then the disk hangs.
constexpr config::Millis ledger_patience{30'000};
constexpr config::Millis longest_wait = std::chrono::hours{1};

ledger::Sha256 sha256(std::string_view text) {
  ledger::Sha256 out{};
  EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr);
  return out;
}

std::string hex(const ledger::Sha256& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 0xf];
  }
  return out;
}

// The `timeout` of a start that waits for its result, in seconds.
config::Millis asked_wait(std::string_view target) {
  const auto value = durable::find_parameter(target, "timeout");
  if (!value) return {};
  double seconds = 0;
  const auto done = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (done.ec != std::errc{} || !(seconds > 0)) return {};
  const double most = std::chrono::duration<double>(longest_wait).count();
  return std::chrono::duration_cast<config::Millis>(
      std::chrono::duration<double>(std::min(seconds, most)));
}

}  // namespace

ledger::StartLedger* Exchange::ledger() const {
  return worker_.shared.durable.ledger;
}

// Arrival -----------------------------------------------------------------------------------------

void Exchange::begin_start() {
  start_ = std::make_unique<StartCall>();
  start_->ticket = std::make_shared<StartTicket>(worker_, client_);
  start_->via = start_via();
  framing_.upgrade = false;  // nothing that starts work is a tunnel
  stage_ = Stage::reading;
}

// A custom starter goes to the built-in route only for whoever may use the key that this takes.
config::StartVia Exchange::start_via() const {
  if (classified_.built_in) return config::StartVia::built_in;
  const auto& routes = config().durable.start_routes;
  if (classified_.start_route < 0 ||
      routes[static_cast<std::size_t>(classified_.start_route)].via == config::StartVia::as_is)
    return config::StartVia::as_is;
  const auto open = [](const auto& each) { return each->config.auth == config::AuthMode::none; };
  const auto& upstreams = snapshot_->upstreams;
  return admission_ != Admission::stranger || std::all_of(upstreams.begin(), upstreams.end(), open)
             ? config::StartVia::built_in
             : config::StartVia::as_is;
}

bool Exchange::keeps_start_body() const {
  if (classified_.start_route >= 0) {
    const auto& routes = config().durable.start_routes;
    const auto& own = routes[static_cast<std::size_t>(classified_.start_route)].store_body;
    if (own) return *own;
  }
  return config().durable.ledger.store_body;
}

// All of the body, unless it is longer than ledger.max_body: then what is left of it streams, once.
transport::Task<> Exchange::read_start_body() {
  const std::size_t most = config().durable.ledger.max_body;
  const auto fits = [this, most] {
    return early_body_.size() + kept_size_ <= most && body_left_ <= most;
  };
  if (awaiting_continue() && fits()) {
    continue_sent_ = true;
    const std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    send_client(&piece, 1);
  }
  progress_ = worker_.tick();
  while (stage_ == Stage::reading && !body_complete_ && fits()) {
    std::string_view data;
    const BodyStep step = read_body_piece(data);
    if (step == BodyStep::over) co_return;
    if (step == BodyStep::got) {
      keep_body(data);
      continue;
    }
    client_.channel().arm_read();
    if (client_.channel().wants_write()) client_.channel().arm_write();
    const std::uint32_t stopped = after_progress(config().timeouts.body);
    const std::uint32_t slow = before_too_slow(upload_rate_, bytes_in_, config().timeouts.body);
    client_.set_deadline(static_cast<std::int32_t>(slow - stopped) < 0 ? slow : stopped);
    const std::uint8_t events =
        co_await client_.wait(C::client_read | C::client_write | C::deadline);
    head_current_ = false;
    if (client_.abandoned()) {
      client_left();
    } else if (events & C::deadline) {
      refuse_slow_body();
    }
  }
  if (stage_ == Stage::reading) hand_over_start();
}

// Idempotency-Key, scoped to the client's own key and the route.
std::string Exchange::key_scope() {
  reparse();
  for (const Field& field : worker_.request_head.fields) {
    if (!equal_ignoring_case(field.name, "idempotency-key") || field.value.empty()) continue;
    const Credential given = credential();
    std::string text = std::to_string(credential_of(given.text));
    text += '\n';
    for (const Field& each : worker_.request_head.fields)  // who signs in without a functions key
      if (equal_ignoring_case(each.name, "authorization")) text += each.value;
    text += '\n';
    text += method_;
    text += '\n';
    text += path_alone();
    text += '\n';
    text += field.value;
    return hex(sha256(text));
  }
  return {};
}

std::uint64_t Exchange::credential_of(std::string_view text) const {
  if (text.empty() || !worker_.shared.durable.directory) return 0;
  return worker_.shared.durable.directory->credential_of(text);
}

void Exchange::hand_over_start() {
  ledger::StartRequest request;
  request.via = start_->via;
  request.function = durable::canonical_id(classified_.function);
  request.id = durable::canonical_id(classified_.instance_id);
  reparse();
  if (const Field* type = find_field(worker_.request_head.fields, FieldName::content_type))
    request.content_type = type->value;
  request.key_scope = key_scope();
  start_->keyed = !request.key_scope.empty();
  request.body_hashed = body_complete_;
  if (body_complete_) {
    std::string body{early_body_};
    if (kept_size_ > 0) body.append(kept_.data(), kept_size_);
    request.body_hash = sha256(body);
    if (keeps_start_body() && body.size() <= config().durable.ledger.max_body)
      request.body = std::make_shared<const std::string>(std::move(body));
  }
  if (classified_.built_in) request.extra_wait = asked_wait(framing_.path);
  request.may_use_keys = admission_ != Admission::stranger;
  request.credential = credential_of(credential().text);
  const routing::Selection choice = select();
  start_reason_ = choice.reason;
  request.held = held_;
  if (choice.endpoint) request.first = snapshot_->upstreams[choice.endpoint->config_index]->place;
  stage_ = Stage::starting;
  client_.clear(C::kick);
  start_deadline_ = worker_.deadline_in(config().durable.ledger.answer_after + request.extra_wait +
                                        ledger_patience);
  ledger()->arrive(std::move(request), start_->ticket);
}

transport::Task<> Exchange::await_ledger() {
  while (stage_ == Stage::starting) {
    take_ledger_word();
    if (stage_ != Stage::starting) co_return;
    unsigned mask = C::kick | C::deadline;
    if (body_complete_ && !sent_ahead_) {
      client_.channel().arm_read();
      mask |= C::client_read;
    }
    client_.set_deadline(start_deadline_);
    const std::uint8_t events = co_await client_.wait(mask);
    head_current_ = false;
    if (client_.abandoned()) client_left();
    if ((events & C::client_read) && stage_ == Stage::starting) check_abort();
    if ((events & C::deadline) && stage_ == Stage::starting)
      refuse(ProblemKind::outcome_unknown, "the ledger's disk does not answer",
             Refusal::upstream_timeout, "unknown");
  }
}

void Exchange::take_ledger_word() {
  if (start_->ran) return;
  const auto send = start_->ticket->take_send();
  if (!start_->ticket->answered()) {
    if (send) send_start(*send);
    return;
  }
  if (send) {  // both came before this request had its turn
    AttemptReport unsent;
    unsent.ending = AttemptEnding::nothing_sent;
    start_->ticket->report(send->attempt, unsent, replayable_);
  }
  answer_start(*start_->ticket->answered());
}

// An attempt --------------------------------------------------------------------------------------

void Exchange::send_start(const ledger::LiveSend& send) {
  end_attempt(false);  // the answer that was held, if there was one
  start_->holding = false;
  start_->attempt = send.attempt;
  start_->id = send.id;
  snapshot_ = worker_.hold_snapshot();
  endpoint_ = nullptr;
  const auto& upstreams = snapshot_->upstreams;
  const auto at = std::find_if(upstreams.begin(), upstreams.end(),
                               [&](const auto& each) { return each->place == send.place; });
  const routing::RoutingEntry* entry =
      at == upstreams.end() ? nullptr : snapshot_->table.find((*at)->id);
  start_->under_way = true;
  if (!entry) return report_start(AttemptEnding::nothing_sent);
  endpoint_ = &*at;
  reason_ = attempts_ > 0 ? routing::Reason::retry : start_reason_;
  rotation_ = entry->rotation;
  best_effort_ = entry->rotation == routing::Rotation::degraded;
  ++attempts_;
  EndpointCounters& counters = *(*endpoint_)->counters[worker_.index];
  counters.attempts.bump();
  if (attempts_ > 1) counters.retries.bump();
  fresh_only_ = false;
  start_attempt();
}

void Exchange::report_start(AttemptEnding ending) {
  AttemptReport report;
  report.ending = ending;
  report_start(report, nullptr);
}

// The attempt is over as far as this request can tell; the ledger's word comes next.
void Exchange::report_start(const AttemptReport& report,
                            std::shared_ptr<const ledger::StoredAnswer> answer) {
  start_->under_way = false;
  stage_ = Stage::starting;
  const std::uint32_t soonest = worker_.deadline_in(ledger_patience);
  if (static_cast<std::int32_t>(start_deadline_ - soonest) < 0) start_deadline_ = soonest;
  start_->ticket->report(start_->attempt, report, replayable_, std::move(answer));
}

// The routing changed, or the ledger has spoken.
void Exchange::start_kicked() {
  take_ledger_word();
  // Nothing is lost by trying elsewhere as long as no connection was made.
  if (stage_ == Stage::connecting && concerned(worker_.snapshot())) {
    failure_note_ = to_string(AttemptFailureKind::rescued_by_degraded);
    report_start(AttemptEnding::nothing_sent);
    end_attempt(false);
  }
}

void Exchange::start_attempt_failed(AttemptFailureKind kind, std::string_view cause) {
  if (answer_started_) return answer_cut(cause);
  if (start_->ran) {  // the answer broke off, but what it said counts
    end_attempt(false);
    if (start_->via == config::StartVia::built_in) return answer_accepted("");
    return refuse(ProblemKind::bad_response, cause, Refusal::upstream_failed, "unknown");
  }
  if (kind == AttemptFailureKind::stale_connection && sent_ == BytesSent::none) {
    start_->under_way = false;
    end_attempt(false);
    start_->under_way = fresh_only_ = true;
    return start_attempt();
  }
  AttemptReport report;
  switch (kind) {
    case AttemptFailureKind::connect:
      report.ending = AttemptEnding::connect_failed;
      break;
    case AttemptFailureKind::tls:
      report.ending = AttemptEnding::tls_failed;
      break;
    case AttemptFailureKind::first_byte_timeout:
      report.ending = AttemptEnding::timed_out;
      break;
    case AttemptFailureKind::reset_before_response:
      report.ending = AttemptEnding::peer_reset;
      break;
    case AttemptFailureKind::key_refused:
      report.status = status_;
      report.our_key = true;
      break;
    case AttemptFailureKind::bad_response:
      break;  // an answer that says nothing
    default:
      report.ending = AttemptEnding::peer_closed;
      break;
  }
  const bool reached =
      report.ending == AttemptEnding::connect_failed || report.ending == AttemptEnding::tls_failed;
  if (!reached && never_complete()) report.ending = AttemptEnding::nothing_sent;
  report_start(report, nullptr);
  end_attempt(false);
}

// The app has not got all of the request. The built-in route reads all of it before it starts
// anything; of a custom starter only the first byte tells.
bool Exchange::never_complete() const {
  if (sent_ == BytesSent::none) return true;
  return start_->via == config::StartVia::built_in && (!request_sent_ || !upload_.empty());
}

// The connection of an attempt whose end nobody has seen yet, given away by a request that ends.
void Exchange::leave_live_attempt() {
  UpstreamConnection* connection = std::exchange(upstream_, nullptr);
  start_->under_way = false;
  AttemptReport report;
  report.ending = AttemptEnding::closed_by_us;
  if (never_complete()) {
    report.ending = AttemptEnding::nothing_sent;
  } else if (request_sent_ && upload_.empty() && !upload_dead_ && answer_ != Answer::collecting &&
             !start_->ticket->closed(start_->attempt) && ledger()->keep_connection()) {
    std::string_view begun;
    if (answer_ == Answer::head) begun = {answer_head_.data(), answer_head_size_};
    return start_->ticket->keep(connection, start_->attempt, injected_, begun,
                                first_byte_deadline_);
  }
  upload_.clear();
  connection->counters().in_flight.drop();
  worker_.pool.discard(connection);
  start_->ticket->report(start_->attempt, report, false);
}

// An answer ---------------------------------------------------------------------------------------

// True: it goes on as any answer does. Otherwise it is collected, to be judged.
bool Exchange::start_head_came() {
  if (status_ / 100 != 2) return false;
  if (start_->keyed && start_->via == config::StartVia::as_is) return false;
  start_succeeded(nullptr);
  return true;
}

void Exchange::start_succeeded(std::shared_ptr<const ledger::StoredAnswer> answer) {
  AttemptReport report;
  report.status = status_;
  report_start(report, std::move(answer));
  start_->ran = true;
  stage_ = Stage::relaying;
}

// The collected beginning of an answer, or all of it. True: it may be relayed now.
bool Exchange::start_answer_came(std::string_view body, bool whole) {
  ResponseHead& head = worker_.response_head;
  parse_response_head({answer_head_.data(), answer_head_size_}, most_fields, head);
  if (status_ / 100 == 2) {
    std::shared_ptr<const ledger::StoredAnswer> kept;
    if (whole) {
      UrlTexts texts;  // without anybody's key: those who ask later get their own
      durable::UrlRewrite urls = url_rewrite(texts, true);
      urls.replace_code = true;
      urls.code = {};
      urls.tokens = nullptr;
      const auto payload = durable::read_payload(body, urls);
      kept = stored_answer(head, payload && !payload->body.empty() ? payload->body : body);
    }
    start_succeeded(std::move(kept));
    return true;
  }
  AttemptReport report;
  report.status = status_;
  const Field* type = find_field(head.fields, FieldName::content_type);
  report.proves_not_run = whole && health::proves_not_run(status_, type ? type->value : "", body);
  report.says_exists = ledger::says_already_exists(status_, body);
  note_start_evidence(report);
  start_->holding = true;
  start_->whole = whole;
  report_start(report, whole ? stored_answer(head, body) : nullptr);
  return false;
}

// What such an answer says of the endpoint's health, for starts as for other requests.
void Exchange::note_start_evidence(const AttemptReport& report) {
  using health::EvidenceKind;
  const auto endpoint = upstream_->upstream().id;
  if (status_ == 403 && report.proves_not_run) {
    worker_.report(endpoint, EvidenceKind::stopped_page);
  } else if (status_ == 503) {
    worker_.report(endpoint, EvidenceKind::unavailable);
  } else if (status_ == 502) {
    worker_.report(endpoint, EvidenceKind::bad_gateway);
  } else if (status_ == 504) {
    worker_.report(endpoint, EvidenceKind::gateway_timeout);
  } else {
    upstream_->counters().answered.bump();
    if (status_ == 500 && classified_.built_in && !report.says_exists)
      worker_.report(endpoint, EvidenceKind::hub_trouble);
  }
}

// The target of the attempt: with the id, and on the built-in route.
std::string Exchange::start_target() const {
  const std::string_view path = path_alone();
  if (start_->via == config::StartVia::as_is) return std::string{framing_.path};
  std::string target;
  if (!classified_.built_in) {
    target.append(durable_base).append("/orchestrators/").append(classified_.function);
    return target.append("/").append(durable::percent_encode(start_->id));
  }
  target = path;
  if (classified_.instance_id.empty()) {
    while (!target.empty() && target.back() == '/') target.pop_back();
    target.append("/").append(durable::percent_encode(start_->id));
  }
  return target.append(framing_.path.substr(path.size()));
}

}  // namespace proxy
