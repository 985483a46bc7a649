// The part of DurableApi about instances that are there already.
#include "rehearsal/durable_api.hpp"
#include "rehearsal/durable_call.hpp"
#include "rehearsal/hub_json.hpp"
#include "rehearsal/hub_wire.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::ServerResponse;

namespace {

constexpr const char* something_else = "The task hub's storage answered something else.";

// Query parameters of a list or purge as the storage wants them; nullopt: a time is not valid.
std::optional<std::string> storage_filter(const Query& query) {
  const auto times = time_range(query, "createdTimeFrom", "createdTimeTo");
  if (!times) return std::nullopt;
  std::string statuses;  // the parameter may be repeated
  for (const auto& [name, value] : query.all())
    if (same_ignoring_case(name, "runtimeStatus"))
      statuses += (statuses.empty() ? "" : ",") + value;
  std::string out = "?statuses=" + percent_encode(statuses) + *times;
  out += "&prefix=" + percent_encode(query.get("instanceIdPrefix"));
  if (const auto top = query.number("top", 1, 10'000)) out += "&top=" + std::to_string(*top);
  return out;
}

ServerResponse deleted(const StorageAnswer& answer) {
  if (!is_answer(answer, {200})) return storage_trouble(answer);
  if (answer->body == "{\"deleted\":0}") return empty_answer(404);
  const auto colon = answer->body.find(':');
  const std::string count = answer->body.substr(colon + 1, answer->body.size() - colon - 2);
  return json_answer(200, "{\"instancesDeleted\":" + count + "}");
}

}  // namespace

ServerResponse DurableApi::status_answer(const Call& call, const Instance& instance,
                                         const std::vector<HistoryEvent>& history) const {
  StatusView view;
  view.input = call.query.flag("showInput", true);
  view.history = call.query.flag("showHistory", false);
  view.history_output = call.query.flag("showHistoryOutput", false);
  const bool flagged = call.query.flag("returnInternalServerErrorOnFailure", false) &&
                       instance.status == RuntimeStatus::failed;
  const bool going = !is_finished(instance.status);
  ServerResponse response = json_answer(flagged ? 500
                                        : going ? 202
                                                : 200,
                                        status_object(instance, history, view));
  if (going) {
    response.headers.emplace_back("Location", call.management.origin + call.request.target);
    response.headers.emplace_back("Retry-After", "5");
  }
  return response;
}

asio::awaitable<ServerResponse> DurableApi::status(Call& call) {
  std::string path = instance_path(call.route.instance_id);
  if (call.query.flag("showHistory", false)) path += "?history=1";
  const auto answer = co_await storage_->call("GET", call.management.hub, path);
  if (is_answer(answer, {404})) co_return empty_answer(404);
  if (!is_answer(answer, {200})) co_return storage_trouble(answer);
  const auto found = read_instance(answer->body);
  if (!found) co_return went_wrong(something_else);
  co_return status_answer(call, found->instance, found->history);
}

asio::awaitable<ServerResponse> DurableApi::list(Call& call) {
  const auto filter = storage_filter(call.query);
  if (!filter) co_return bad_request("A time is not valid.");
  const auto after = continuation(call.request);
  if (!after) co_return bad_request("The continuation token is not valid.");
  const std::string path = "/instances" + *filter + *after;
  const auto answer = co_await storage_->call("GET", call.management.hub, path);
  if (!is_answer(answer, {200})) co_return storage_trouble(answer);
  const auto page = read_page(answer->body);
  if (!page) co_return went_wrong(something_else);
  StatusView view;
  view.input = call.query.flag("showInput", true);
  ServerResponse response = json_answer(200, status_array(page->instances, view));
  set_continuation(response, page->next);
  co_return response;
}

asio::awaitable<ServerResponse> DurableApi::purge_one(Call& call) {
  const std::string path = instance_path(call.route.instance_id);
  const auto answer = co_await storage_->call("DELETE", call.management.hub, path);
  co_return deleted(answer);
}

asio::awaitable<ServerResponse> DurableApi::purge_many(Call& call) {
  if (call.query.get("createdTimeFrom").empty())
    co_return bad_request("Please provide value for 'createdTimeFrom' parameter.");
  const auto filter = storage_filter(call.query);
  if (!filter) co_return bad_request("A time is not valid.");
  const std::string path = "/instances" + *filter;
  const auto answer = co_await storage_->call("DELETE", call.management.hub, path);
  co_return deleted(answer);
}

// An instance that is gone or finished says so before its event is looked at.
asio::awaitable<ServerResponse> DurableApi::raise_event(Call& call) {
  const std::string instance = instance_path(call.route.instance_id);
  const auto there = co_await storage_->call("GET", call.management.hub, instance);
  if (is_answer(there, {404})) co_return empty_answer(404);
  if (!is_answer(there, {200})) co_return storage_trouble(there);
  const auto found = read_instance(there->body);
  if (!found) co_return went_wrong(something_else);
  if (is_finished(found->instance.status)) co_return empty_answer(410);
  if (!is_json_request(call.request))
    co_return bad_request("Only application/json request content is supported");
  const std::string data = call.request.body.empty() ? "null" : call.request.body;
  if (!is_json(data)) co_return bad_request("Invalid JSON content");
  const std::string path = instance + "/events/" + percent_encode(call.route.event);
  const auto answer = co_await storage_->call("POST", call.management.hub, path, data);
  if (!is_answer(answer, {202, 404, 410})) co_return storage_trouble(answer);
  there_is_work();
  co_return empty_answer(answer->status);
}

asio::awaitable<ServerResponse> DurableApi::control(Call& call, std::string_view action) {
  const std::string path = instance_path(call.route.instance_id) + "/" + std::string{action} +
                           "?reason=" + percent_encode(call.query.get("reason"));
  const auto answer = co_await storage_->call("POST", call.management.hub, path);
  if (is_answer(answer, {409}))
    co_return went_wrong("The orchestration is not in a state that allows this.");
  if (!is_answer(answer, {202, 404, 410})) co_return storage_trouble(answer);
  there_is_work();  // resumed or rewound work is picked up at once
  co_return empty_answer(answer->status);
}

}  // namespace rehearsal
