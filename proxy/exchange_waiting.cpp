// Instances that wait in the ledger: accepted by this proxy, not known to run at any endpoint.
// Their status, and what else clients may do to them, is answered here; everything else goes its
// usual way.
#include <algorithm>

#include "durable/away.hpp"
#include "durable/merged_list.hpp"
#include "durable/status_tokens.hpp"
#include "proxy/durable_call.hpp"
#include "proxy/exchange.hpp"

namespace proxy {

using durable::Route;
using ledger::Told;
using ledger::WaitingAction;
using ledger::WaitingReply;
using What = ledger::WaitingReply::What;

namespace {

constexpr std::size_t most_listed = 1000;  // the first page's worth

WaitingAction action_of(Route route) {
  switch (route) {
    case Route::get_instance:
      return WaitingAction::poll;
    case Route::terminate:
      return WaitingAction::terminate;
    case Route::purge_instance:
      return WaitingAction::purge;
    default:
      return WaitingAction::other;
  }
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  return out += '"';
}

}  // namespace

// True: the ledger has it, and is asked.
bool Exchange::ask_ledger() {
  if (classified_.instance_id.empty()) return false;
  std::string id = durable::canonical_id(classified_.instance_id);
  if (!ledger()->may_hold(id)) return false;
  call_ = std::make_unique<DurableCall>();
  call_->inquiry_of = DurableCall::Of::ledger;
  call_->credential = credential_of(credential().text);
  auto inquiry = begin_inquiry(snapshot_->desk_picture);
  std::optional<std::uint64_t> only_for;
  if (!sees_all_starts()) only_for = call_->credential;
  ledger()->ask(action_of(classified_.route), std::move(id), only_for,
                [inquiry, &loop = worker_.loop](WaitingReply reply) {
                  inquiry->waiting = std::move(reply);
                  loop.post([inquiry] { inquiry->arrive(); });
                });
  return true;
}

// As with a known status of an endpoint that is away: whoever the endpoints would let in. Others
// see what they brought themselves.
bool Exchange::sees_all_starts() const {
  const auto open = [](const auto& each) { return each->config.auth == config::AuthMode::none; };
  const auto& upstreams = snapshot_->upstreams;
  return admission_ != Admission::stranger || std::all_of(upstreams.begin(), upstreams.end(), open);
}

// An accepted start may be in a ledger that cannot be read: a 404 would be false.
bool Exchange::past_is_unknown() const {
  return classified_.kind == durable::RequestKind::instance && classified_.entity_name.empty() &&
         ledger() && !ledger()->knows_the_past();
}

void Exchange::answer_past_unknown() {
  refuse(ProblemKind::ledger_unavailable,
         "no hub knows this instance, and what was accepted before cannot be read now: the "
         "ledger's disk refuses",
         Refusal::ledger);
}

std::string Exchange::waiting_status(const WaitingReply& reply) const {
  durable::LastKnownStatus status;
  status.name = reply.function;
  status.instance_id = reply.id;
  status.created_time = reply.created;
  status.last_updated_time = reply.changed;
  std::string outcome = reply.told == Told::queued ? "queued" : "unconfirmed";
  if (reply.what == What::failed) {
    status.runtime_status = "Failed";
    outcome = "not_run";
    std::string why = "it was not started";
    if (reply.stored)
      why = "the endpoint refused it with " + std::to_string(reply.stored->status) + ": " +
            reply.stored->body;
    status.output = json_text(why);
  } else if (reply.what == What::terminated) {
    status.runtime_status = "Terminated";
    outcome = "not_run";
  }
  status.custom_status = "{\"understudy\":{\"outcome\":\"" + outcome + "\"}}";
  return durable::status_json(status);
}

void Exchange::on_waiting(const WaitingReply& reply) {
  call_->inquiry_of = DurableCall::Of::desk;
  if (reply.what == What::not_ours || reply.what == What::runs) {
    stage_ = Stage::deciding;
    call_.reset();
    if (uses_directory()) return route_instance();
    return choose();
  }
  std::string lines;
  switch (reply.what) {
    case What::pending:
      lines =
          "Location: " + public_origin() + std::string{framing_.path} + "\r\nRetry-After: 5\r\n";
      lines += reply.told == Told::queued ? "X-Understudy-Outcome: queued\r\n"
                                          : "X-Understudy-Outcome: unconfirmed\r\n";
      return answer_ourselves(202, "application/json", lines, waiting_status(reply));
    case What::failed:
    case What::terminated:
      if (classified_.route != Route::get_instance)  // as the app says it of a finished instance
        return answer_ourselves(410, {}, "X-Understudy-Outcome: not_run\r\n", {});
      lines = "X-Understudy-Outcome: not_run\r\n";
      return answer_ourselves(200, "application/json", lines, waiting_status(reply));
    case What::taken:
      if (classified_.route == Route::purge_instance)
        return answer_ourselves(200, "application/json", {}, "{\"instancesDeleted\":1}");
      return answer_ourselves(202, {}, {}, {});
    case What::disk:
      return refuse(ProblemKind::ledger_unavailable, "the ledger's disk refuses to write this down",
                    Refusal::ledger);
    case What::refused:
    case What::not_ours:
    case What::runs:
      break;
  }
  refuse(ProblemKind::not_known_to_run,
         "this instance was accepted and is not known to run yet: ask again when its status says "
         "Running",
         Refusal::bad_start);
}

void Exchange::list_with_waiting() {
  call_ = std::make_unique<DurableCall>();
  call_->inquiry_of = DurableCall::Of::ledger_list;
  call_->credential = credential_of(credential().text);
  auto inquiry = begin_inquiry(snapshot_->desk_picture);
  ledger()->list_waiting(most_listed,
                         [inquiry, &loop = worker_.loop](std::vector<WaitingReply> waiting) {
                           inquiry->to_list = std::move(waiting);
                           loop.post([inquiry] { inquiry->arrive(); });
                         });
}

// With one hub for all, one endpoint's list is the list; which one, routing says.
void Exchange::on_waiting_list(const std::vector<WaitingReply>& waiting) {
  std::vector<std::string> items;
  const bool all = sees_all_starts();
  for (const WaitingReply& each : waiting)
    if (all || (each.credential != 0 && each.credential == call_->credential))
      items.push_back(waiting_status(each));
  const bool regional = config().durable.task_hub == config::TaskHub::per_region;
  const bool desk = worker_.shared.durable.desk != nullptr;
  if (regional && desk && snapshot_->upstreams.size() > 1) return merge_lists(std::move(items), {});
  // A page of a list that began with what waits goes on as it began.
  const bool ours = !items.empty() || durable::decode_list_token(continuation_token());
  const routing::Selection choice = select();
  if (ours && desk && choice.endpoint)
    return merge_lists(std::move(items), {choice.endpoint->config_index});
  stage_ = Stage::deciding;
  call_.reset();
  choose();
}

}  // namespace proxy
