// What makes a request a Durable Functions request: who may use the endpoints' keys, which paths
// are closed, at which endpoint an instance lives, and what a client is told while that one is
// away.
#include <algorithm>
#include <chrono>

#include "durable/away.hpp"
#include "durable/merged_list.hpp"
#include "durable/query.hpp"
#include "durable/status_answer.hpp"
#include "durable/status_tokens.hpp"
#include "proxy/durable_call.hpp"
#include "proxy/exchange.hpp"

namespace proxy {

using durable::RequestKind;
using durable::Route;
using C = ClientConnection;

namespace {

bool shares_hub(config::TaskHub hub) {
  return hub == config::TaskHub::shared || hub == config::TaskHub::geo_replicated;
}

durable::WallTime wall_time(std::int64_t ms) {
  return durable::WallTime{std::chrono::milliseconds{ms}};
}

std::int64_t ms_of(const std::optional<durable::WallTime>& time) {
  return time ? time->time_since_epoch().count() : 0;
}

}  // namespace

std::int64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

ledger::Instance fact_of(const durable::StatusAnswer& answer) {
  ledger::Instance fact;
  fact.status = ledger::status_of_word(answer.runtime_status);
  fact.function = answer.name;
  fact.created_ms = ms_of(answer.created_time);
  fact.updated_ms = ms_of(answer.last_updated_time);
  return fact;
}

// Admission --------------------------------------------------------------------------------------

// What may not pass at all, and whose request this is. False: it was refused.
bool Exchange::gate() {
  const bool guarded =
      classified_.kind == RequestKind::admin || classified_.kind == RequestKind::other_webhook;
  if (guarded && (classified_.disguised || !snapshot_->opens(framing_.path))) {
    refuse(ProblemKind::forbidden,
           "/admin and webhooks of other extensions are closed here; durable.open_webhooks lists "
           "what is open",
           Refusal::closed_path);
    return false;
  }
  if (!snapshot_->access.active()) return true;
  const Credential given = credential();
  const bool has_instance = classified_.built_in && !classified_.instance_id.empty() &&
                            classified_.kind == RequestKind::instance;
  const std::string id = has_instance && snapshot_->access.tokens()
                             ? durable::canonical_id(classified_.instance_id)
                             : std::string{};
  admission_ = snapshot_->access.judge(given.text, id);
  find_our_credentials();
  return true;
}

// What of the proxy's own keys and tokens the request brings, counted or not: none goes further.
void Exchange::find_our_credentials() {
  const Access& access = snapshot_->access;
  for (const Field& field : worker_.request_head.fields)
    if (field.id == FieldName::functions_key && access.is_ours(field.value)) header_is_ours_ = true;
  const std::size_t mark = framing_.path.find('?');
  if (mark == std::string_view::npos) return;
  for (durable::Parameters each{framing_.path, mark + 1, framing_.path.size()}; each.next();)
    if (durable::is_encoded_word(each.name(), "code") &&
        access.is_ours(durable::percent_decode(each.value())))
      code_is_ours_ = true;
}

// The header wins over the query, as in the Functions host.
Exchange::Credential Exchange::credential() {
  reparse();
  const FieldList& fields = worker_.request_head.fields;
  Credential given;
  if (const Field* header = find_field(fields, FieldName::functions_key)) {
    given.text = header->value;
  } else if (framing_.path.find('?') != std::string_view::npos) {
    if (const auto code = durable::find_parameter(framing_.path, "code")) {
      given.text = durable::percent_decode(*code);
      given.in_query = true;
    }
  }
  return given;
}

// The endpoint's key for this request; empty: none is put in.
std::string_view Exchange::lent_key() const {
  if (admission_ == Admission::stranger) return {};
  const config::EndpointKeys& keys = (*endpoint_)->config.keys;
  switch (classified_.kind) {
    case RequestKind::admin:
    case RequestKind::other_webhook:
      return {};
    case RequestKind::plain:
      return classified_.built_in ? std::string_view{} : keys.function.reveal();
    case RequestKind::start:
      if (start_)
        return start_->via == config::StartVia::built_in ? keys.durable.reveal()
                                                         : keys.function.reveal();
      return classified_.built_in ? keys.durable.reveal() : keys.function.reveal();
    case RequestKind::instance:
    case RequestKind::collection:
    case RequestKind::lease_control:
      return keys.durable.reveal();
  }
  return {};
}

// Puts the endpoint's key in the place of the client's, and the endpoint's names into the query:
// a hub name of another region would make an orphan hub there (the client API creates what it does
// not find). `edited` holds the path while the head is written.
void Exchange::adapt_to_endpoint(RequestRewrite& rewrite, std::string& edited) {
  const config::Endpoint& endpoint = (*endpoint_)->config;
  rewrite.functions_key = lent_key();
  injected_ = !rewrite.functions_key.empty();
  rewrite.drop_functions_key = injected_ || header_is_ours_;
  if (injected_) worker_.counters.lent_keys.bump();
  if (rewrite.path.find('?') == std::string_view::npos) return;
  using Change = durable::QueryEdit::Change;
  durable::QueryEdit edit;
  edit.drop_code = code_is_ours_;
  if (classified_.built_in) {
    const bool regional = config().durable.task_hub == config::TaskHub::per_region;
    const auto change = [regional](const std::string& name) {
      return !name.empty() ? Change::replace : regional ? Change::drop : Change::keep;
    };
    edit.task_hub = change(endpoint.task_hub_name);
    edit.task_hub_value = endpoint.task_hub_name;
    edit.connection = change(endpoint.connection);
    edit.connection_value = endpoint.connection;
  }
  if (auto target = durable::edit_query(rewrite.path, edit)) {
    edited = *std::move(target);
    rewrite.path = edited;
  }
}

// Where ------------------------------------------------------------------------------------------

void Exchange::route() {
  const config::TaskHub hub = config().durable.task_hub;
  const bool regional = hub == config::TaskHub::per_region;
  switch (classified_.kind) {
    case RequestKind::start:
      if (ledger()) return begin_start();
      break;
    case RequestKind::instance:
      if (ledger() && ask_ledger()) return;
      if (worker_.shared.durable.directory && (regional || hub == config::TaskHub::none))
        return route_instance();
      break;
    case RequestKind::collection:
      if (ledger() && classified_.route == Route::list_instances &&
          (ledger()->waiting_shown() > 0 || durable::decode_list_token(continuation_token())))
        return list_with_waiting();
      if (worker_.shared.durable.desk && regional && snapshot_->upstreams.size() > 1)
        return route_collection();
      break;
    case RequestKind::lease_control:
      // With a hub per region each app has a lease of its own, and nobody to take it from.
      if (shares_hub(hub) && !snapshot_->all_apps_alive()) {
        return refuse(ProblemKind::lease_unsafe,
                      "makeprimary is passed on only while all apps are alive: a lease that has "
                      "run out cannot be changed, and the request would block the other app",
                      Refusal::lease_unsafe);
      }
      break;
    default:
      break;
  }
  choose();
}

void Exchange::route_instance() {
  call_ = std::make_unique<DurableCall>();
  call_->key =
      classified_.entity_name.empty()
          ? ledger::directory_key_of_instance(durable::canonical_id(classified_.instance_id))
          : ledger::directory_key_of_entity(durable::canonical_id(classified_.entity_name),
                                            durable::canonical_id(classified_.entity_key));
  const Credential given = credential();
  if (!given.text.empty())
    call_->credential = worker_.shared.durable.directory->credential_of(given.text);
  call_->known = worker_.shared.durable.directory->find(call_->key, wall_ms());
  if (call_->known && go_to(call_->known->place)) return;
  if (config().durable.task_hub == config::TaskHub::per_region) return look_up();
  choose();
}

// True when the endpoint is one of this configuration: the request is on its way, or answered.
bool Exchange::go_to(ledger::Place place) {
  const auto& upstreams = snapshot_->upstreams;
  const auto at = std::find_if(upstreams.begin(), upstreams.end(),
                               [place](const auto& each) { return each->place == place; });
  if (at == upstreams.end()) return false;
  const routing::RoutingEntry* entry = snapshot_->table.find((*at)->id);
  if (!entry) return false;
  const bool away = snapshot_->away(*entry);
  if (config().durable.task_hub == config::TaskHub::per_region) {
    call_->fixed = true;
    endpoint_ = &*at;  // whom the answer speaks of
    if (away) {
      answer_away();
      return true;
    }
  } else if (away) {
    return false;  // the layout is not known: perhaps another app shares the hub
  }
  best_effort_ = entry->rotation == routing::Rotation::degraded;
  assign({entry, routing::Reason::instance});
  return true;
}

// Learning ---------------------------------------------------------------------------------------

bool Exchange::uses_directory() const {
  const config::TaskHub hub = config().durable.task_hub;
  return worker_.shared.durable.directory &&
         (hub == config::TaskHub::per_region || hub == config::TaskHub::none);
}

void Exchange::learn_payload(const durable::Payload& payload) {
  if (ledger() && classified_.kind == RequestKind::plain && method_ == "POST")
    worker_.learn_starter(path_alone());
  if (!uses_directory()) return;
  ledger::InstanceDirectory& directory = *worker_.shared.durable.directory;
  const std::int64_t now = wall_ms();
  const std::int64_t took = microseconds_since(attempt_started_) / 1000;  // ms
  ledger::Instance fact;
  fact.place = (*endpoint_)->place;
  fact.status = ledger::LastStatus::pending;
  fact.function = std::string{classified_.function};
  const Credential given = credential();
  if (!given.text.empty()) fact.credential = directory.credential_of(given.text);
  const std::string key = ledger::directory_key_of_instance(durable::canonical_id(payload.url_id));
  if (!payload.url_id.empty()) directory.learn_start(key, fact, now - took, now);
  // The same id, unless the app writes it differently into its URLs.
  const std::string plain = ledger::directory_key_of_instance(payload.instance_id);
  if (!payload.instance_id.empty() && plain != key)
    directory.learn_start(plain, fact, now - took, now);
}

bool Exchange::wants_status() const {
  return call_ && call_->fixed && classified_.route == Route::get_instance &&
         (status_ == 200 || status_ == 202) && answer_framing_.body != BodyKind::none;
}

void Exchange::learn_status(std::string_view body) {
  const auto seen = durable::parse_status_answer(body);
  if (!seen) return;
  ledger::Instance fact = fact_of(*seen);
  fact.place = (*endpoint_)->place;
  fact.credential = call_->credential;
  worker_.shared.durable.directory->learn(call_->key, fact, wall_ms());
  if (ledger::is_final(fact.status))
    worker_.shared.durable.directory->keep_final_answer(call_->key, fact, std::string{body});
}

// After an answer that says something about where things are, without a look at its body.
void Exchange::learn_outcome() {
  const auto& taken = worker_.shared.callbacks.on_make_primary;
  if (classified_.kind == RequestKind::lease_control && status_ / 100 == 2 && taken)
    taken((*endpoint_)->id);
  if (!call_ || !worker_.shared.durable.directory || call_->merged) return;
  ledger::InstanceDirectory& directory = *worker_.shared.durable.directory;
  // After a look-up that found it there, a 404 is about the action and not about the instance.
  const bool gone =
      (classified_.route == Route::purge_instance && status_ == 200) ||
      (hub_says_absent() && call_->fixed && !call_->looked_up && classified_.route != Route::none);
  if (gone) {
    directory.forget(call_->key, (*endpoint_)->place);
  } else if (status_ == 202 && (classified_.route == Route::signal_entity ||
                                classified_.route == Route::delete_entity)) {
    ledger::Instance fact;
    fact.place = (*endpoint_)->place;
    directory.learn(call_->key, fact, wall_ms());
  }
}

// Away -------------------------------------------------------------------------------------------

// Whether a poll may be answered from memory: the endpoint would have let this client in.
bool Exchange::may_see_status() const {
  return (*endpoint_)->config.auth == config::AuthMode::none || admission_ != Admission::stranger ||
         (call_->credential != 0 && call_->known->credential == call_->credential);
}

bool Exchange::is_away_poll() const {
  return call_ && call_->fixed && classified_.route == Route::get_instance;
}

// Nothing is lost by telling a reader at once that its only endpoint is away.
bool Exchange::may_give_up_waiting() const {
  return call_ && call_->fixed && method_class_ == MethodClass::safe;
}

// The instance's only endpoint cannot be reached: its last known status for a poll, else 503 that
// says where its state is. Never a 404, and never another hub.
void Exchange::answer_away() {
  const config::Endpoint& endpoint = (*endpoint_)->config;
  const bool last_known = config().durable.away_polls == config::AwayPolls::last_known;
  if (is_away_poll() && last_known && call_->known && may_see_status()) {
    const ledger::Instance& known = *call_->known;
    std::string lines = "Retry-After: 5\r\nX-Understudy-Stale: ";
    lines += endpoint.region.empty() ? endpoint.name : endpoint.region;
    lines += "\r\n";
    std::optional<std::string> kept;
    if (ledger::is_final(known.status)) {
      const auto body = worker_.shared.durable.directory->final_answer(call_->key, wall_ms());
      if (body) kept = *body;
    }
    durable::LastKnownStatus last;
    last.name = known.function;
    last.instance_id = durable::canonical_id(classified_.instance_id);
    last.runtime_status = ledger::runtime_status(known.status);
    last.created_time = wall_time(known.created_ms != 0 ? known.created_ms : known.seen_ms);
    last.last_updated_time = wall_time(known.updated_ms != 0 ? known.updated_ms : known.seen_ms);
    const bool known_status = known.status != ledger::LastStatus::unknown;
    if (const auto answer = durable::away_answer(last, kept); answer && known_status) {
      if (answer->status == 202)
        lines += "Location: " + public_origin() + std::string{framing_.path} + "\r\n";
      worker_.counters.away_polls.bump();
      return answer_ourselves(answer->status, "application/json", lines, answer->body);
    }
  }
  std::string detail = "its state is in the task hub of ";
  detail += endpoint.region.empty() ? endpoint.name : endpoint.region;
  detail += ", which cannot be reached now; it goes on when that region is back";
  refuse(ProblemKind::away, detail, Refusal::away,
         method_class_ == MethodClass::safe ? "" : "not_run");
}

}  // namespace proxy
