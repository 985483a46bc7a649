#include "rehearsal/durable_api.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>

#include "rehearsal/hub_json.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::FetchResponse;
using transport::Result;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

ServerResponse json(int status, std::string text) {
  return ServerResponse{status, "application/json; charset=utf-8", std::move(text)};
}

ServerResponse empty(int status) {
  ServerResponse response;
  response.status = status;
  return response;
}

ServerResponse bad_request(std::string_view why) {
  return json(400, error_object(why));
}

ServerResponse went_wrong(std::string_view exception_message) {
  return json(500, exception_object("Something went wrong while processing your request.",
                                    exception_message));
}

// What a storage that cannot be reached, or cannot read its file, does to a request.
ServerResponse storage_trouble(const Result<FetchResponse>& answer) {
  if (!answer) return went_wrong("The task hub's storage is away: " + to_string(answer.error()));
  return went_wrong("The task hub's storage answered " + std::to_string(answer->status) + ": " +
                    answer->body);
}

bool is_answer(const Result<FetchResponse>& answer, std::initializer_list<int> expected) {
  return answer && std::find(expected.begin(), expected.end(), answer->status) != expected.end();
}

std::string new_instance_id() {  // 32 hexadecimal digits, as a GUID in format "N"
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device source;
  std::string id;
  while (id.size() < 32) {
    unsigned value = source();
    for (int i = 0; i < 8; ++i, value >>= 4U) id += digits[value & 15U];
  }
  return id;
}

std::string instance_path(const std::string& id) {
  return "/instances/" + percent_encode(id);
}

bool is_still_going(const Instance& instance) {
  return !is_finished(instance.status);
}

// Query parameters of a list or purge as the storage wants them; nullopt: a bad value.
std::optional<std::string> storage_filter(const Query& query) {
  std::string out = "?prefix=" + percent_encode(query.get("instanceIdPrefix"));
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> times{
      {{"createdTimeFrom", "from"}, {"createdTimeTo", "to"}}};
  for (const auto& [theirs, ours] : times) {
    const std::string text = query.get(theirs);
    if (text.empty()) continue;
    const auto time = parse_time(text);
    if (!time) return std::nullopt;
    out += "&" + std::string{ours} + "=" + std::to_string(time->time_since_epoch().count());
  }
  out += "&statuses=" + percent_encode(query.get("runtimeStatus"));
  if (const auto top = query.number("top", 1, 10'000)) out += "&top=" + std::to_string(*top);
  return out;
}

}  // namespace

struct DurableApi::Call {
  Call(ServerRequest request_in, DurableRoute route_in, const AppOptions& options)
      : request{std::move(request_in)}, route{std::move(route_in)}, query{request.query()} {
    management.origin = origin_of(request, options);
    management.hub = query.get("taskHub", options.hub);
    management.key = options.key;
  }

  ServerRequest request;
  DurableRoute route;
  Query query;
  ManagementContext management;
};

std::string origin_of(const ServerRequest& request, const AppOptions& options) {
  const auto field = [&request](std::string_view name) -> std::string {
    const std::string* value = transport::find_header(request.headers, name);
    return value == nullptr ? std::string{} : *value;
  };
  std::string scheme = "http";
  std::string host = field("Host");
  if (options.forwarded_host) {
    if (const std::string forwarded = field("X-Forwarded-Host"); !forwarded.empty())
      host = forwarded;
    if (const std::string proto = field("X-Forwarded-Proto"); !proto.empty()) scheme = proto;
  }
  return scheme + "://" + host;
}

DurableApi::DurableApi(const AppOptions& options, StorageClient* storage,
                       std::function<void()> started)
    : options_{options}, storage_{storage}, started_{std::move(started)} {}

// The header wins over the query, as in the Functions host.
bool DurableApi::is_authorized(const Call& call) const {
  if (options_.key.empty()) return true;
  const std::string* header = transport::find_header(call.request.headers, "x-functions-key");
  return (header != nullptr ? *header : call.query.get("code")) == options_.key;
}

asio::awaitable<ServerResponse> DurableApi::handle(ServerRequest request, DurableRoute route) {
  Call call{std::move(request), std::move(route), options_};
  if (!is_authorized(call)) co_return empty(401);
  if (call.route.action == DurableAction::unknown) co_return empty(404);
  if (storage_ == nullptr) co_return went_wrong("This app was started without --storage.");
  if (!is_valid_hub_name(call.management.hub)) co_return bad_request("The task hub is not valid.");
  const std::string connection = call.query.get("connection", "Storage");
  if (connection != "Storage" && connection != "AzureWebJobsStorage")
    co_return went_wrong("There is no connection named '" + connection + "'.");
  switch (call.route.action) {
    case DurableAction::start:
      co_return co_await start(call);
    case DurableAction::status:
      co_return co_await status(call);
    case DurableAction::list:
      co_return co_await list(call);
    case DurableAction::purge_one:
      co_return co_await purge_one(call);
    case DurableAction::purge_many:
      co_return co_await purge_many(call);
    case DurableAction::raise_event:
      co_return co_await raise_event(call);
    case DurableAction::terminate:
      co_return co_await control(call, "terminate");
    case DurableAction::suspend:
      co_return co_await control(call, "suspend");
    case DurableAction::resume:
      co_return co_await control(call, "resume");
    case DurableAction::rewind:
      co_return co_await control(call, "rewind");
    case DurableAction::restart:
      co_return co_await restart(call);
    case DurableAction::make_primary:
      co_return empty(200);
    case DurableAction::unknown:
      break;
  }
  co_return empty(404);
}

asio::awaitable<ServerResponse> DurableApi::start_from_function(ServerRequest request,
                                                                std::string function) {
  DurableRoute route;
  route.action = DurableAction::start;
  route.function = std::move(function);
  Call call{std::move(request), std::move(route), options_};
  call.management.hub = options_.hub;
  if (storage_ == nullptr) co_return went_wrong("This app was started without --storage.");
  co_return co_await start(call);
}

asio::awaitable<ServerResponse> DurableApi::start(Call& call) {
  const auto& known = options_.functions;
  const std::string& function = call.route.function;
  if (!known.empty() && std::find(known.begin(), known.end(), function) == known.end())
    co_return bad_request("There is no orchestrator function named '" + function + "'.");
  NewInstance start;
  start.id = call.route.instance_id.empty() ? new_instance_id() : call.route.instance_id;
  if (!is_valid_instance_id(start.id)) co_return bad_request("The instance id is not valid.");
  start.function = function;
  if (!call.request.body.empty()) start.input = call.request.body;
  if (!is_json(start.input)) co_return bad_request("The request body is not JSON.");
  start.plan = plan_of(start.input, options_.plan);
  const std::string id = start.id;
  ServerResponse response = co_await create(call, std::move(start));
  const bool waits =
      call.query.number("timeout", 1, 3600) && call.query.number("pollingInterval", 1, 3600);
  if (response.status == 202 && waits) response = co_await wait_for_output(call, id);
  co_return response;
}

asio::awaitable<ServerResponse> DurableApi::create(Call& call, NewInstance start) {
  const std::string id = start.id;
  std::string body = write_new_instance(start);
  const auto answer =
      co_await storage_->call("POST", call.management.hub, "/instances", std::move(body));
  if (is_answer(answer, {409})) {
    const auto existing = answer->body.find("\"status\":\"");
    std::string word = "Running";
    if (existing != std::string::npos) {
      const auto from = existing + std::string_view{"\"status\":\""}.size();
      word = answer->body.substr(from, answer->body.find('"', from) - from);
    }
    co_return went_wrong("An Orchestration instance with the status " + word + " already exists.");
  }
  if (!is_answer(answer, {201})) co_return storage_trouble(answer);
  started_();
  ServerResponse response = json(202, check_status_payload(call.management, id));
  response.headers.emplace_back("Location", status_query_uri(call.management, id));
  response.headers.emplace_back("Retry-After", "10");
  co_return response;
}

// `timeout` and `pollingInterval`: the answer waits for the orchestration, within limits.
asio::awaitable<ServerResponse> DurableApi::wait_for_output(Call& call, std::string id) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor};
  const auto now = std::chrono::steady_clock::now();
  const auto end = now + std::chrono::seconds{*call.query.number("timeout", 1, 3600)};
  const auto every = std::chrono::seconds{*call.query.number("pollingInterval", 1, 3600)};
  for (;;) {
    const std::string path = instance_path(id);
    const auto answer = co_await storage_->call("GET", call.management.hub, path, "");
    if (!is_answer(answer, {200, 404})) co_return storage_trouble(answer);
    const auto found = read_instance(answer->body);
    if (found && found->instance.status == RuntimeStatus::completed)
      co_return json(200, found->instance.output);
    if (found && is_finished(found->instance.status))
      co_return json(200, status_object(found->instance, found->history, StatusView{}));
    if (std::chrono::steady_clock::now() + every > end) break;
    timer.expires_after(every);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  ServerResponse response = json(202, check_status_payload(call.management, id));
  response.headers.emplace_back("Location", status_query_uri(call.management, id));
  response.headers.emplace_back("Retry-After", "10");
  co_return response;
}

asio::awaitable<ServerResponse> DurableApi::status(Call& call) {
  const std::string path = instance_path(call.route.instance_id);
  const auto answer = co_await storage_->call("GET", call.management.hub, path, "");
  if (is_answer(answer, {404})) co_return empty(404);
  if (!is_answer(answer, {200})) co_return storage_trouble(answer);
  const auto found = read_instance(answer->body);
  if (!found) co_return went_wrong("The task hub's storage answered something else.");
  StatusView view;
  view.input = call.query.flag("showInput", true);
  view.history = call.query.flag("showHistory", false);
  view.history_output = call.query.flag("showHistoryOutput", false);
  const bool flagged = call.query.flag("returnInternalServerErrorOnFailure", false) &&
                       found->instance.status == RuntimeStatus::failed;
  const bool going = is_still_going(found->instance);
  ServerResponse response = json(flagged ? 500
                                 : going ? 202
                                         : 200,
                                 status_object(found->instance, found->history, view));
  if (going) {
    response.headers.emplace_back("Location", call.management.origin + call.request.target);
    response.headers.emplace_back("Retry-After", "5");
  }
  co_return response;
}

asio::awaitable<ServerResponse> DurableApi::list(Call& call) {
  auto path = storage_filter(call.query);
  if (!path) co_return bad_request("A time is not valid.");
  const std::string* token =
      transport::find_header(call.request.headers, "x-ms-continuation-token");
  if (token != nullptr) *path += "&after=" + percent_encode(*token);
  const std::string whole = "/instances" + *path;
  const auto answer = co_await storage_->call("GET", call.management.hub, whole, "");
  if (!is_answer(answer, {200})) co_return storage_trouble(answer);
  const auto page = read_page(answer->body);
  if (!page) co_return went_wrong("The task hub's storage answered something else.");
  StatusView view;
  view.input = call.query.flag("showInput", true);
  ServerResponse response = json(200, status_array(page->instances, view));
  response.headers.emplace_back("x-ms-continuation-token",
                                page->next == 0 ? "" : std::to_string(page->next));
  co_return response;
}

namespace {

ServerResponse deleted(const Result<FetchResponse>& answer) {
  if (!is_answer(answer, {200})) return storage_trouble(answer);
  if (answer->body == "{\"deleted\":0}") return empty(404);
  const auto colon = answer->body.find(':');
  const std::string count = answer->body.substr(colon + 1, answer->body.size() - colon - 2);
  return json(200, "{\"instancesDeleted\":" + count + "}");
}

}  // namespace

asio::awaitable<ServerResponse> DurableApi::purge_one(Call& call) {
  const std::string path = instance_path(call.route.instance_id);
  const auto answer = co_await storage_->call("DELETE", call.management.hub, path, "");
  co_return deleted(answer);
}

asio::awaitable<ServerResponse> DurableApi::purge_many(Call& call) {
  if (call.query.get("createdTimeFrom").empty())
    co_return bad_request("createdTimeFrom is needed.");
  const auto filter = storage_filter(call.query);
  if (!filter) co_return bad_request("A time is not valid.");
  const std::string path = "/instances" + *filter;
  const auto answer = co_await storage_->call("DELETE", call.management.hub, path, "");
  co_return deleted(answer);
}

asio::awaitable<ServerResponse> DurableApi::raise_event(Call& call) {
  const std::string* type = transport::find_header(call.request.headers, "Content-Type");
  const std::string media = type == nullptr ? "" : type->substr(0, type->find(';'));
  if (!same_ignoring_case(media, "application/json"))
    co_return bad_request("Only application/json is accepted.");
  std::string data = call.request.body.empty() ? "null" : call.request.body;
  if (!is_json(data)) co_return bad_request("The request body is not JSON.");
  const std::string path =
      instance_path(call.route.instance_id) + "/events/" + percent_encode(call.route.event);
  const auto answer = co_await storage_->call("POST", call.management.hub, path, std::move(data));
  if (!is_answer(answer, {202, 404, 410})) co_return storage_trouble(answer);
  co_return empty(answer->status);
}

asio::awaitable<ServerResponse> DurableApi::control(Call& call, const char* action) {
  const std::string path = instance_path(call.route.instance_id) + "/" + action +
                           "?reason=" + percent_encode(call.query.get("reason"));
  const auto answer = co_await storage_->call("POST", call.management.hub, path, "");
  if (is_answer(answer, {409}))
    co_return went_wrong("The orchestration is not in a state that allows this.");
  if (!is_answer(answer, {202, 404, 410})) co_return storage_trouble(answer);
  started_();  // resumed or rewound work is picked up at once
  co_return empty(answer->status);
}

asio::awaitable<ServerResponse> DurableApi::restart(Call& call) {
  const std::string path = instance_path(call.route.instance_id);
  const auto answer = co_await storage_->call("GET", call.management.hub, path, "");
  if (is_answer(answer, {404}))
    co_return bad_request("InstanceId does not match a valid orchestration instance.");
  if (!is_answer(answer, {200})) co_return storage_trouble(answer);
  const auto found = read_instance(answer->body);
  if (!found) co_return went_wrong("The task hub's storage answered something else.");
  NewInstance again;
  const bool new_id = call.query.flag("restartWithNewInstanceId", true);
  again.id = new_id ? new_instance_id() : call.route.instance_id;
  again.function = found->instance.function;
  again.input = found->instance.input;
  again.plan = found->instance.plan;
  ServerResponse response = co_await create(call, std::move(again));
  co_return response;
}

}  // namespace rehearsal
