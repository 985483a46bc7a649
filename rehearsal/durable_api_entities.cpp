// The part of DurableApi about entities.
#include "rehearsal/durable_api.hpp"
#include "rehearsal/durable_call.hpp"
#include "rehearsal/hub_json.hpp"
#include "rehearsal/hub_wire.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::ServerResponse;

namespace {

std::string entity_query(const DurableRoute& route) {
  return "?name=" + percent_encode(route.entity) + "&key=" + percent_encode(route.key.value_or(""));
}

}  // namespace

asio::awaitable<ServerResponse> DurableApi::entity(Call& call) {
  const std::string path = "/entity" + entity_query(call.route);
  const auto answer = co_await storage_->call("GET", call.management.hub, path);
  if (is_answer(answer, {404})) co_return empty_answer(404);
  if (!is_answer(answer, {200})) co_return storage_trouble(answer);
  const auto page = read_entity_page(answer->body);
  if (!page || page->entities.size() != 1)
    co_return went_wrong("The task hub's storage answered something else.");
  co_return json_answer(200, page->entities.front().state);
}

asio::awaitable<ServerResponse> DurableApi::list_entities(Call& call) {
  const auto times = time_range(call.query, "lastOperationTimeFrom", "lastOperationTimeTo");
  if (!times) co_return bad_request("A time is not valid.");
  const auto after = continuation(call.request);
  if (!after) co_return bad_request("The continuation token is not valid.");
  std::string path = "/entities?name=" + percent_encode(call.route.entity) + *times + *after;
  if (const auto top = call.query.number("top", 1, 10'000)) path += "&top=" + std::to_string(*top);
  const auto answer = co_await storage_->call("GET", call.management.hub, path);
  if (!is_answer(answer, {200})) co_return storage_trouble(answer);
  const auto page = read_entity_page(answer->body);
  if (!page) co_return went_wrong("The task hub's storage answered something else.");
  ServerResponse response =
      json_answer(200, entity_array(page->entities, call.query.flag("fetchState", false)));
  set_continuation(response, page->next);
  co_return response;
}

// DELETE is the signal "delete".
asio::awaitable<ServerResponse> DurableApi::signal(Call& call) {
  if (!call.route.key) co_return bad_request("The entity key is missing.");
  if (call.route.entity.find('@') != std::string::npos)
    co_return bad_request("An entity name may not contain '@'.");
  const bool deletes = call.request.method == "DELETE";
  std::string input = deletes ? std::string{} : call.request.body;
  if (!input.empty() && !is_json_request(call.request)) input = json_string(input);
  if (!input.empty() && !is_json(input)) co_return bad_request("Could not parse JSON content");
  const std::string operation = deletes ? "delete" : call.query.get("op");
  const std::string path =
      "/signal" + entity_query(call.route) + "&op=" + percent_encode(operation);
  const auto answer = co_await storage_->call("POST", call.management.hub, path, input);
  if (!is_answer(answer, {202})) co_return storage_trouble(answer);
  there_is_work();
  co_return empty_answer(202);
}

}  // namespace rehearsal
