// Which endpoint gets the request, and what happens after an attempt failed. The rules are pure
// (select_endpoint, decide); this file gathers their facts and carries out what they say.
#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "health/evidence.hpp"
#include "proxy/exchange.hpp"
#include "proxy/retry_after.hpp"

namespace proxy {

using routing::Reason;
using routing::Rotation;

namespace {

std::int64_t steady_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

bool is_rescue(AttemptFailureKind kind) {
  return kind == AttemptFailureKind::rescued_by_degraded ||
         kind == AttemptFailureKind::rescued_by_drain;
}

bool parse_address(std::string_view text, std::array<std::uint8_t, 16>& mapped) {
  if (!text.empty() && text.front() == '[') text = text.substr(1, text.find(']') - 1);
  char buffer[64];
  if (text.empty() || text.size() >= sizeof buffer) return false;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  if (::inet_pton(AF_INET6, buffer, mapped.data()) == 1) return true;
  if (char* colon = std::strrchr(buffer, ':')) *colon = '\0';  // 192.0.2.1:4711
  in_addr v4{};
  if (::inet_pton(AF_INET, buffer, &v4) != 1) return false;
  mapped = {};
  mapped[10] = mapped[11] = 0xff;
  std::memcpy(mapped.data() + 12, &v4, 4);
  return true;
}

bool trusted(const Snapshot& snapshot, const std::array<std::uint8_t, 16>& mapped) {
  for (const TrustedBlock& block : snapshot.trusted)
    if (contains(block, mapped)) return true;
  return false;
}

// Walks a list of addresses from its end: each one was written by the proxy behind it, so the first
// that is not a listed proxy is the client; what stands before it anybody could have written.
std::array<std::uint8_t, 16> client_behind_proxies(const Snapshot& snapshot,
                                                   const FieldList& fields,
                                                   std::array<std::uint8_t, 16> nearest) {
  for (std::size_t i = fields.count; i-- > 0;) {
    if (fields.items[i].id != FieldName::x_forwarded_for) continue;
    std::string_view list = fields.items[i].value;
    while (!list.empty()) {
      const std::size_t comma = list.rfind(',');
      std::string_view item = comma == std::string_view::npos ? list : list.substr(comma + 1);
      list = comma == std::string_view::npos ? std::string_view{} : list.substr(0, comma);
      while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
      while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
      std::array<std::uint8_t, 16> mapped{};
      if (!parse_address(item, mapped)) return nearest;
      nearest = mapped;
      if (!trusted(snapshot, mapped)) return nearest;
    }
  }
  return nearest;
}

}  // namespace

bool Exchange::trusted_peer() const {
  return !snapshot_->trusted.empty() && trusted(*snapshot_, mapped_address(client_.peer()));
}

routing::ClientKey Exchange::client_key() const {
  const config::Stickiness& stickiness = config().stickiness;
  const FieldList& fields = worker_.request_head.fields;
  if (stickiness.client == config::StickyClient::header) {
    for (const Field& field : fields)
      if (equal_ignoring_case(field.name, stickiness.header))
        return worker_.shared.sticky->key_of_text(field.value);
  }
  return address_key();
}

routing::ClientKey Exchange::address_key() const {
  const auto peer = mapped_address(client_.peer());
  if (!trusted_peer()) return routing::client_key_of_address(peer);
  return routing::client_key_of_address(
      client_behind_proxies(*snapshot_, worker_.request_head.fields, peer));
}

bool Exchange::client_uses_tls() const {
  const FieldList& fields = worker_.request_head.fields;
  if (const Field* proto = find_field(fields, FieldName::x_forwarded_proto);
      proto && trusted_peer()) {
    const std::string_view first = proto->value.substr(0, proto->value.find(','));
    return equal_ignoring_case(first.substr(0, first.find_last_not_of(" \t") + 1), "https");
  }
  return client_.listener().tls != nullptr;
}

// The client's sticky answer, from its cookie or from our own memory.
routing::EndpointId Exchange::earlier_answer() {
  const StickyCookie* cookie = snapshot_->sticky_cookie.get();
  if (!cookie) return worker_.shared.sticky->find(client_key(), started_);
  if (given_ != routing::no_endpoint) return given_;  // a request may ask for its endpoint twice
  reparse();
  const auto found = cookie->read(worker_.request_head.fields, wall_ms());
  return found ? snapshot_->upstreams[*found]->id : routing::no_endpoint;
}

void Exchange::give_answer(const routing::RoutingEntry& entry) {
  const StickyCookie* cookie = snapshot_->sticky_cookie.get();
  if (!cookie)
    return worker_.shared.sticky->remember(client_key(), entry.id, started_,
                                           config().stickiness.ttl);
  reparse();
  given_ = entry.id;
  set_cookie_ = cookie->line(entry.config_index, wall_ms(), client_uses_tls());
}

// Where the client is sent first; no endpoint: nobody may serve.
routing::Selection Exchange::select() {
  const routing::RoutingTable& table = snapshot_->table;
  const bool sticky = config().stickiness.ttl.count() > 0;
  const routing::EndpointId earlier = sticky ? earlier_answer() : routing::no_endpoint;
  const routing::Selection selection = routing::select_endpoint(table, earlier);
  if (!selection.endpoint) return selection;
  const bool kept = selection.reason == Reason::sticky || selection.reason == Reason::held;
  if (sticky) {
    (kept ? worker_.counters.sticky_hits : worker_.counters.sticky_misses).bump();
    // A best effort is no answer: the client asks again, and is back with the first that recovers.
    if (!kept && selection.reason != Reason::best_effort) give_answer(*selection.endpoint);
  }
  held_ = sticky && table.on_degraded == config::OnDegraded::hold &&
          selection.reason != Reason::best_effort;
  best_effort_ = selection.reason == Reason::best_effort;
  return selection;
}

void Exchange::choose() {
  const routing::Selection selection = select();
  if (selection.endpoint) return assign(selection);
  refuse(ProblemKind::no_endpoint, "no endpoint may serve: all are degraded, disabled or drained",
         Refusal::no_endpoint);
}

void Exchange::assign(const routing::Selection& selection) {
  const routing::RoutingEntry& entry = *selection.endpoint;
  endpoint_ = &snapshot_->upstreams[entry.config_index];
  reason_ = selection.reason;
  rotation_ = entry.rotation;
  tried_.add(entry.id);
  ++attempts_;
  EndpointCounters& counters = *(*endpoint_)->counters[worker_.index];
  counters.attempts.bump();
  if (attempts_ > 1) counters.retries.bump();
  std::uint64_t in_flight = 0;
  for (const auto& each : (*endpoint_)->counters) in_flight += each->in_flight.value();
  if (in_flight >= config().limits.per_endpoint) {
    return refuse(ProblemKind::overloaded, "limits.per_endpoint is reached for this endpoint",
                  Refusal::endpoint_limit);
  }
  fresh_only_ = false;
  start_attempt();
}

void Exchange::start_attempt() {
  head_sent_ = request_sent_ = upload_dead_ = false;
  sent_ = BytesSent::none;
  answer_ = Answer::none;
  collecting_ = Collect::nothing;
  answer_head_size_ = collected_size_ = 0;
  answer_decoder_ = {};
  may_have_more_ = surplus_ = upstream_ended_ = this_one_failed_ = false;
  head_text_ = {};
  // Nothing was waited for before the first attempt of an ordinary request.
  const bool at_once = attempts_ == 1 && !fresh_only_ && !call_ && !start_;
  attempt_started_ = at_once ? started_ : std::chrono::steady_clock::now();
  progress_ = worker_.tick();
  client_.clear(ClientConnection::upstream_read);
  client_.clear(ClientConnection::upstream_write);
  if (!start_) client_.clear(ClientConnection::kick);  // the ledger's word must not be lost
  stage_ = Stage::connecting;
  if (!fresh_only_) take_pooled();
}

// A connection that is open already: the request can be sent at once.
bool Exchange::take_pooled() {
  upstream_ = worker_.pool.take(**endpoint_, method_class_ != MethodClass::safe);
  if (!upstream_) return false;
  upstream_->counters().in_flight.bump();
  upstream_->channel().set_target(&client_, ClientConnection::upstream_read,
                                  ClientConnection::upstream_write);
  stage_ = Stage::relaying;
  return true;
}

void Exchange::end_attempt(bool reusable) {
  if (!upstream_) return;
  if (start_ && start_->under_way) return leave_live_attempt();
  let_go(reusable);
}

void Exchange::let_go(bool reusable) {
  upstream_->counters().in_flight.drop();
  upload_.clear();
  UpstreamConnection* done = std::exchange(upstream_, nullptr);
  if (reusable && !worker_.draining()) {
    worker_.pool.put(done, worker_.tick());
  } else {
    worker_.pool.discard(done);
  }
}

// Another answer is not worth asking an endpoint that wants to be left alone; a request that has
// reached nobody yet is sent there all the same.
routing::Selection Exchange::next_choice(const Snapshot& now, AttemptFailureKind kind) const {
  const bool connect_class = kind == AttemptFailureKind::connect || kind == AttemptFailureKind::tls;
  routing::Tried avoided = tried_;
  if (!connect_class && !is_rescue(kind)) {
    const std::int64_t at = steady_ms();
    for (const auto& upstream : now.upstreams)
      if (upstream->no_retries_before_ms.load(std::memory_order_relaxed) > at)
        avoided.add(upstream->id);
  }
  return routing::select_next(now.table, avoided, connect_class);
}

void Exchange::heed_retry_after() {
  const Field* field = find_field(worker_.response_head.fields, FieldName::retry_after);
  const auto asked = parse_retry_after(field->value, wall_ms() / 1000);
  if (!asked) return;
  const std::int64_t until = steady_ms() + std::chrono::milliseconds{*asked}.count();
  upstream_->upstream().no_retries_before_ms.store(until, std::memory_order_relaxed);
}

AttemptFailure Exchange::failure_facts(AttemptFailureKind kind) {
  AttemptFailure facts;
  facts.kind = kind;
  facts.method = method_class_;
  facts.request = classified_.kind;
  facts.hub = config().durable.task_hub;
  facts.sent = sent_;
  facts.body_replayable = replayable_;
  facts.response_started = answer_started_;
  facts.answered_before = answered_before_;
  facts.held = held_;
  const SnapshotHold now = worker_.hold_snapshot();
  facts.other_endpoint = !(call_ && call_->fixed) && next_choice(*now, kind).endpoint != nullptr;
  RetryBudget budget;
  for (const WorkerCounters* each : worker_.shared.all_counters) {
    budget.live += each->in_flight.value();
    budget.in_flight += each->retries_in_flight.value();
  }
  budget.share = config().retry.budget_share;
  budget.min = static_cast<std::size_t>(config().retry.budget_min);
  facts.budget_available = budget.available();
  facts.attempts_left = config().retry.attempts - attempts_;
  return facts;
}

Decision Exchange::decide_after(AttemptFailureKind kind) {
  AttemptFailure facts = failure_facts(kind);
  const Decision decision = decide(facts);
  if (!facts.budget_available && decision.action == RetryAction::give_up) {
    facts.budget_available = true;
    if (decide(facts).action == RetryAction::next_endpoint)
      worker_.counters.retry_budget_exhausted.bump();
  }
  return decision;
}

void Exchange::report(AttemptFailureKind kind) {
  using health::EvidenceKind;
  const auto endpoint = (*endpoint_)->id;
  switch (kind) {
    case AttemptFailureKind::connect:
      (*endpoint_)->counters[worker_.index]->connect_failures.bump();
      return worker_.report(endpoint, EvidenceKind::connect_failed);
    case AttemptFailureKind::tls:
      return worker_.report(endpoint, EvidenceKind::tls_failed);
    case AttemptFailureKind::reset_before_response:
    case AttemptFailureKind::closed_before_response:
    case AttemptFailureKind::bad_response:
      return worker_.report(endpoint, EvidenceKind::reset);
    case AttemptFailureKind::first_byte_timeout:
      return worker_.report(endpoint, EvidenceKind::first_byte_timeout);
    case AttemptFailureKind::stale_connection:
      (*endpoint_)->counters[worker_.index]->stale_connections.bump();
      return;
    default:
      return;  // answers are reported with their status; a rescue follows from a report
  }
}

void Exchange::attempt_failed(AttemptFailureKind kind, std::string_view cause) {
  note_failure(kind);
  const Refusal own_fault = std::exchange(own_fault_, Refusal::count_);
  if (own_fault == Refusal::count_) report(kind);  // what this proxy lacks is no evidence
  if (start_) return start_attempt_failed(kind, cause);
  if (own_fault != Refusal::count_ && !answer_started_) {
    end_attempt(false);
    return refuse(ProblemKind::overloaded, cause, own_fault, to_string(Outcome::not_run));
  }
  const Decision decision = decide_after(kind);
  if (try_again(decision, kind)) return;
  if (answer_started_) return answer_cut(cause);
  end_attempt(false);
  if (call_ && call_->fixed && decision.outcome != Outcome::unknown &&
      (may_give_up_waiting() || decision.outcome == Outcome::not_run) &&
      kind != AttemptFailureKind::key_refused)
    return answer_away();
  const std::string_view outcome = to_string(decision.outcome);
  unknown_outcome_ = decision.outcome == Outcome::unknown;
  const ProblemKind problem = problem_of(kind, decision.outcome, classified_.kind, held_);
  refuse(problem, cause,
         kind == AttemptFailureKind::first_byte_timeout ? Refusal::upstream_timeout
                                                        : Refusal::upstream_failed,
         outcome);
}

bool Exchange::try_again(const Decision& decision, AttemptFailureKind kind) {
  if (decision.action == RetryAction::same_endpoint_fresh_connection) {
    end_attempt(false);
    fresh_only_ = true;
    start_attempt();
    return true;
  }
  if (decision.action != RetryAction::next_endpoint) return false;
  const bool rescued = is_rescue(kind);
  // Nothing is given up before there is somewhere to go: the table may have changed since the rule
  // was asked, and `endpoint_` lies in the snapshot of this attempt.
  SnapshotHold now = worker_.hold_snapshot();
  routing::Selection selection = next_choice(*now, kind);
  if (!selection.endpoint) return false;
  if (rescued) {
    (*endpoint_)->counters[worker_.index]->rescues.bump();
    selection.reason = Reason::rescue;
  }
  end_attempt(false);
  snapshot_ = std::move(now);
  if (decision.counts_against_budget && !counted_retry_) {
    counted_retry_ = true;
    worker_.counters.retries_in_flight.bump();
  }
  best_effort_ = best_effort_ || selection.endpoint->rotation == Rotation::degraded;
  assign(selection);
  return true;
}

bool Exchange::concerned(const Snapshot& now) const {
  if (stage_ == Stage::tunnelling)
    return tunnel_->closing == TunnelEnd::none && cause_to_leave(now) != tunnel_->leaving;
  const bool waiting =
      stage_ == Stage::connecting || (stage_ == Stage::relaying && awaiting_answer());
  if (!waiting || !endpoint_) return false;
  const routing::RoutingEntry* entry = now.table.find((*endpoint_)->id);
  if (!entry) return true;  // a reload removed it
  return entry->rotation != rotation_ &&
         (entry->rotation == Rotation::degraded || entry->rotation == Rotation::out);
}

void Exchange::consider_rescue() {
  const Snapshot& now = worker_.snapshot();
  if (!concerned(now)) return;
  const routing::RoutingEntry* entry = now.table.find((*endpoint_)->id);
  const bool drained = !entry || entry->rotation == Rotation::out;
  const auto kind =
      drained ? AttemptFailureKind::rescued_by_drain : AttemptFailureKind::rescued_by_degraded;
  const Decision decision = decide_after(kind);
  if (decision.action != RetryAction::next_endpoint) {
    if (!may_give_up_waiting() || drained) return;  // it keeps waiting
    note_failure(kind);
    end_attempt(false);
    return answer_away();
  }
  note_failure(kind);
  try_again(decision, kind);
}

void Exchange::note_failure(AttemptFailureKind kind) {
  failure_note_ = to_string(kind);
  this_one_failed_ = true;
  if (endpoint_) failed_.add({(*endpoint_)->id, kind});
}

// A list of RFC 8941: every endpoint that was tried, in order, and how an attempt there failed.
void Exchange::add_attempts(Writer& lines) const {
  if (!config().retry.header || attempts_ == 0) return;
  lines.add("X-Understudy-Attempts: ");
  const auto name_of = [this](routing::EndpointId id) -> std::string_view {
    for (const std::shared_ptr<Upstream>& upstream : snapshot_->upstreams)
      if (upstream->id == id) return upstream->config.name;
    return "removed";  // by a reload
  };
  for (std::size_t i = 0; i < failed_.count; ++i) {
    lines.add(i > 0 ? std::string_view{", \""} : "\"");
    lines.add(name_of(failed_.first[i].endpoint));
    lines.add("\";failed=");
    lines.add(to_string(failed_.first[i].kind));
  }
  // A failure that is relayed all the same, because nobody gave a better answer, is told already.
  const bool answered = !refused_ && endpoint_ && !this_one_failed_;
  if (answered) {
    if (failed_.count > 0) lines.add(", ");
    lines.add("\"");
    lines.add((*endpoint_)->config.name);
    lines.add("\"");
  }
  lines.add("\r\n");
}

void Exchange::refuse(ProblemKind kind, std::string_view detail, Refusal counted,
                      std::string_view outcome) {
  worker_.counters.refusals[static_cast<std::size_t>(counted)].bump();
  if (upstream_) end_attempt(false);
  refused_ = true;
  if (failure_note_.empty()) failure_note_ = proxy::to_string(kind);
  Problem problem;
  problem.kind = kind;
  problem.detail = detail;
  problem.outcome = outcome;
  problem.attempts = attempts_;
  std::string status_url;
  if (start_) {
    problem.instance_id = start_->id;
    if (outcome == "unknown" && !start_->id.empty()) status_url = own_status_url();
    problem.status_url = status_url;
  }
  if (endpoint_) {
    problem.endpoint = (*endpoint_)->config.name;
    problem.reason = routing::to_string(reason_);
  }
  const std::string body = problem_json(problem);
  std::string lines;
  if (status_of(kind) == 503) lines += "Retry-After: 5\r\n";
  if (kind == ProblemKind::method_not_allowed)
    lines += "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n";
  if (!outcome.empty()) lines.append("X-Understudy-Outcome: ").append(outcome).append("\r\n");
  if (counted == Refusal::bad_request || counted == Refusal::head_too_large) {
    keep_alive_ = false;
    linger_ = true;
  }
  answer_ourselves(status_of(kind), problem_content_type, lines, body);
}

// An answer that no endpoint gave. `lines` are whole header lines.
void Exchange::answer_ourselves(int status, std::string_view content_type, std::string_view lines,
                                std::string_view body) {
  status_ = status;
  // What is left of the request cannot be told from the next one: the connection ends with this.
  if (head_state_ != HeadState::complete || !body_complete_) {
    keep_alive_ = false;
    linger_ = true;
  }
  Writer out{worker_.scratch.head.get(), Scratch::head_size};
  out.add("HTTP/1.1 ");
  out.add_number(static_cast<std::uint64_t>(status));
  out.add(" ");
  out.add(status_phrase(status));
  if (!content_type.empty()) {
    out.add("\r\nContent-Type: ");
    out.add(content_type);
  }
  out.add("\r\nContent-Length: ");
  out.add_number(body.size());
  out.add("\r\nCache-Control: no-store\r\nDate: ");
  out.add(worker_.date());
  out.add("\r\n");
  add_attempts(out);
  out.add(std::string_view{set_cookie_});
  out.add(lines);
  out.add(keep_alive_ ? (version_ < 11 ? "Connection: keep-alive\r\n\r\n" : "\r\n")
                      : "Connection: close\r\n\r\n");
  const std::string_view head = out.text();
  const std::array<iovec, 2> pieces{iovec{const_cast<char*>(head.data()), head.size()},
                                    iovec{const_cast<char*>(body.data()), body.size()}};
  const bool with_body = !head_request_ && !body.empty();
  if (with_body) bytes_out_ += body.size();
  answer_started_ = true;
  answer_ = Answer::complete;
  stage_ = Stage::flushing;
  if (send_client(pieces.data(), with_body ? 2 : 1) && download_.empty()) stage_ = Stage::finished;
}

}  // namespace proxy
