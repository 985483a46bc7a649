// Questions to the desk: where an instance is that the directory does not know, and lists and
// purges over the hubs of all regions. The request waits for the answer without holding up its
// worker.
#include <algorithm>
#include <chrono>

#include "durable/query.hpp"
#include "proxy/durable_call.hpp"
#include "proxy/exchange.hpp"

namespace proxy {

using durable::Route;
using C = ClientConnection;

namespace {

constexpr config::Millis look_up_limit{10'000};
constexpr config::Millis merge_limit{60'000};

}  // namespace

void Exchange::look_up() {
  if (!worker_.shared.durable.desk) return choose();
  worker_.counters.look_ups.bump();
  call_->looked_up = true;
  desk::LookUp question;
  question.picture = snapshot_->desk_picture;
  question.instance_id = classified_.instance_id;
  question.entity_name = classified_.entity_name;
  question.entity_key = classified_.entity_key;
  question.names_task_hub = durable::find_parameter(framing_.path, "taskhub").has_value();
  question.names_connection = durable::find_parameter(framing_.path, "connection").has_value();
  question.credential = desk_credential();
  question.deadline = std::chrono::steady_clock::now() + look_up_limit;
  auto inquiry = begin_inquiry(question.picture);
  worker_.shared.durable.desk->look_up(std::move(question),
                                       [inquiry, &loop = worker_.loop](desk::Found found) {
                                         inquiry->found = std::move(found);
                                         loop.post([inquiry] { inquiry->arrive(); });
                                       });
}

desk::ClientCredential Exchange::desk_credential() {
  desk::ClientCredential out;
  out.may_use_keys = admission_ != Admission::stranger;
  const Credential given = credential();
  // A key of this proxy is nobody else's business.
  if (given.in_query ? code_is_ours_ : header_is_ours_) return out;
  if (given.in_query) {
    out.code = durable::find_parameter(framing_.path, "code").value_or("");
  } else {
    out.header_key = given.text;
  }
  return out;
}

void Exchange::route_collection() {
  if (!call_) call_ = std::make_unique<DurableCall>();
  const bool purge = classified_.route == Route::purge_instances;
  if (purge && !config().durable.merged_purge) {
    return refuse(ProblemKind::forbidden,
                  "this would purge the hubs of every region; durable.merged_purge allows it",
                  Refusal::closed_path);
  }
  if (classified_.route == Route::none) return choose();
  if (!purge) return merge_lists({}, {});
  auto inquiry = begin_inquiry(snapshot_->desk_picture);
  call_->merged = true;
  worker_.counters.merged_answers.bump();
  desk::PurgeJob job;
  job.picture = snapshot_->desk_picture;
  job.query = query_without_our_keys();
  job.credential = desk_credential();
  job.deadline = std::chrono::steady_clock::now() + merge_limit;
  worker_.shared.durable.desk->purge(std::move(job), on_desk_answer(inquiry));
}

std::string_view Exchange::continuation_token() {
  reparse();
  for (const Field& field : worker_.request_head.fields)
    if (equal_ignoring_case(field.name, "x-ms-continuation-token")) return field.value;
  return {};
}

std::string Exchange::query_without_our_keys() const {
  durable::QueryEdit edit;
  edit.drop_code = code_is_ours_;
  const auto edited = durable::edit_query(framing_.path, edit);
  std::string_view query = edited ? std::string_view{*edited} : framing_.path;
  query.remove_prefix(std::min(query.find('?'), query.size() - 1) + 1);
  return std::string{query};
}

std::function<void(desk::Answer)> Exchange::on_desk_answer(std::shared_ptr<Inquiry> inquiry) {
  return [inquiry, &loop = worker_.loop](desk::Answer answer) {
    inquiry->answer = std::move(answer);
    loop.post([inquiry] { inquiry->arrive(); });
  };
}

// One list of what the endpoints `order` hold (all of them when it is empty), behind what waits in
// the ledger.
void Exchange::merge_lists(std::vector<std::string> waiting, std::vector<std::size_t> order) {
  auto inquiry = begin_inquiry(snapshot_->desk_picture);
  call_->inquiry_of = DurableCall::Of::desk;
  call_->merged = true;
  worker_.counters.merged_answers.bump();
  desk::ListJob job;
  job.picture = snapshot_->desk_picture;
  job.entities = classified_.route == Route::list_entities;
  job.entity_name = classified_.entity_name;
  job.query = query_without_our_keys();
  job.continuation_token = continuation_token();
  job.credential = desk_credential();
  job.waiting = std::move(waiting);
  job.order = std::move(order);
  job.deadline = std::chrono::steady_clock::now() + merge_limit;
  worker_.shared.durable.desk->list(std::move(job), on_desk_answer(inquiry));
}

void Inquiry::arrive() {
  done = true;
  if (owner) owner->on_ready(ClientConnection::kick);
}

std::shared_ptr<Inquiry> Exchange::begin_inquiry(desk::SharedPicture picture) {
  auto inquiry = std::make_shared<Inquiry>();
  inquiry->owner = &client_;
  inquiry->picture = std::move(picture);
  call_->inquiry = inquiry;
  client_.clear(C::kick);
  stage_ = Stage::asking;
  return inquiry;
}

// The desk always answers, by its own deadline; what can end the wait earlier is the client.
transport::Task<> Exchange::await_desk() {
  const std::shared_ptr<Inquiry> inquiry = call_->inquiry;
  while (!inquiry->done) {
    unsigned mask = C::kick | C::deadline;
    if (body_complete_ && !sent_ahead_) {
      client_.channel().arm_read();
      mask |= C::client_read;
    }
    client_.set_deadline(worker_.deadline_in(merge_limit * 2));
    const std::uint8_t events = co_await client_.wait(mask);
    head_current_ = false;
    if (client_.abandoned()) client_left();
    if ((events & C::client_read) && stage_ == Stage::asking) check_abort();
    if (stage_ != Stage::asking) co_return;
    if (events & C::deadline) {
      refuse(ProblemKind::overloaded, "the question to the endpoints was not answered in time",
             Refusal::overloaded);
      co_return;
    }
  }
  // The world may have changed meanwhile.
  snapshot_ = worker_.hold_snapshot();
  endpoint_ = nullptr;
  switch (call_->inquiry_of) {
    case DurableCall::Of::ledger:
      co_return on_waiting(inquiry->waiting);
    case DurableCall::Of::ledger_list:
      co_return on_waiting_list(inquiry->to_list);
    case DurableCall::Of::desk:
      break;
  }
  if (call_->merged) {
    const desk::Answer& answer = inquiry->answer;
    std::string lines;
    for (const auto& [name, value] : answer.headers)
      lines.append(name).append(": ").append(value).append("\r\n");
    answer_ourselves(answer.status, {}, lines, answer.body);
  } else {
    on_found(inquiry->found, *inquiry->picture);
  }
}

void Exchange::on_found(const desk::Found& found, const desk::DeskPicture& picture) {
  using Where = desk::Found::Outcome;
  ledger::InstanceDirectory& directory = *worker_.shared.durable.directory;
  const bool regional = config().durable.task_hub == config::TaskHub::per_region;
  if (found.outcome == Where::at) {
    ledger::Instance fact = fact_of(found.answer);
    fact.place = directory.place_of(picture[found.endpoint].name);
    directory.learn(call_->key, fact, wall_ms());
    const ledger::Place place = fact.place;
    call_->known = std::move(fact);
    if (go_to(place)) return;
    return refuse(ProblemKind::away, "the instance lives at an endpoint that is not configured",
                  Refusal::away);
  }
  if (found.outcome == Where::absent_everywhere && past_is_unknown()) return answer_past_unknown();
  // Without a known layout the look-up followed a 404, and that is the answer.
  if (!regional) return answer_ourselves(404, {}, {}, {});
  switch (found.outcome) {
    case Where::at:
      return;
    case Where::absent_everywhere:
      // A delete is a signal too: the app accepts it for an entity that does not exist yet.
      if (classified_.route == Route::signal_entity || classified_.route == Route::delete_entity)
        return create_entity();
      if (call_->known && !call_->known->provisional)
        return refuse(ProblemKind::away,
                      "it was last seen at an endpoint that is no longer configured",
                      Refusal::away);
      return answer_ourselves(404, {}, {}, {});
    case Where::absent_but_away:
      return refuse(ProblemKind::away,
                    "nothing that can be reached knows this id, and a region that may is away",
                    Refusal::away);
    case Where::cannot_tell: {
      // Where the client's own key is refused, the app says so best itself.
      const bool refused = std::all_of(
          found.verdicts.begin(), found.verdicts.end(),
          [](const desk::EndpointVerdict& each) { return each.verdict == desk::Verdict::refused; });
      if (refused) return choose();
      return refuse(ProblemKind::away, "an endpoint could not say whether it knows this id",
                    Refusal::away);
    }
    case Where::overloaded:
      return refuse(ProblemKind::overloaded, "too many instances are being looked for",
                    Refusal::overloaded);
    case Where::stopped:
      return refuse(ProblemKind::shutting_down, "this proxy is ending", Refusal::draining);
  }
}

// Two clients may create it at once: the directory lets both go to the same place.
void Exchange::create_entity() {
  const routing::Selection selection =
      routing::select_endpoint(snapshot_->table, routing::no_endpoint);
  if (!selection.endpoint) {
    return refuse(ProblemKind::no_endpoint,
                  "no endpoint may serve: all are degraded, disabled or drained",
                  Refusal::no_endpoint);
  }
  const ledger::Place chosen = snapshot_->upstreams[selection.endpoint->config_index]->place;
  const ledger::Place place =
      worker_.shared.durable.directory->place_if_absent(call_->key, chosen, wall_ms());
  if (!go_to(place)) choose();
}

// Only an empty 404 is the hub's: a page says that the app is gone, and nothing of the instance.
bool Exchange::hub_says_absent() const {
  const bool empty = answer_framing_.body == BodyKind::none ||
                     (answer_framing_.body == BodyKind::length && answer_framing_.length == 0);
  return status_ == 404 && empty && !head_request_;
}

// An instance that the endpoint does not know may live at another one. True: that is being asked.
bool Exchange::look_elsewhere() {
  if (!call_ || call_->looked_up || call_->merged || !worker_.shared.durable.desk) return false;
  if (!hub_says_absent() || !replayable_ || snapshot_->upstreams.size() < 2) return false;
  // With a method or an action that there is not, the owner's 404 speaks of that alone.
  if (call_->fixed && classified_.route == Route::none) return false;
  upstream_->counters().answered.bump();
  if (call_->fixed) worker_.shared.durable.directory->forget(call_->key, (*endpoint_)->place);
  call_->fixed = false;
  call_->known.reset();
  end_attempt(false);
  look_up();
  return true;
}

}  // namespace proxy
