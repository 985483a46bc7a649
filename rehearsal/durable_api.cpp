#include "rehearsal/durable_api.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <random>

#include "rehearsal/durable_call.hpp"
#include "rehearsal/hub_json.hpp"
#include "rehearsal/hub_wire.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

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

// How long a start may wait for its output, and how often it looks.
struct Wait {
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds interval{0};
};

std::optional<std::chrono::milliseconds> seconds_in(const Query& query, std::string_view name) {
  constexpr double longest = 3600;
  const std::string text = query.get(name);
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(seconds > 0) || seconds > longest) return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
}

std::optional<Wait> wait_asked_for(const Query& query) {
  const auto timeout = seconds_in(query, "timeout");
  const auto interval = seconds_in(query, "pollingInterval");
  if (!timeout || !interval) return std::nullopt;
  Wait wait;
  wait.timeout = *timeout;
  wait.interval = std::max(*interval, std::chrono::milliseconds{10});
  return wait;
}

bool has_orchestrator(const AppOptions& options, const std::string& name) {
  const auto& known = options.functions;
  return known.empty() || std::any_of(known.begin(), known.end(), [&name](const std::string& one) {
           return same_ignoring_case(one, name);
         });
}

bool is_known_connection(const std::string& name) {
  return name.empty() || same_ignoring_case(name, "Storage") ||
         same_ignoring_case(name, "AzureWebJobsStorage");
}

std::string status_in(const std::string& body) {  // {"status":"Running"}
  constexpr std::string_view before = "\"status\":\"";
  const auto found = body.find(before);
  if (found == std::string::npos) return "Running";
  const auto from = found + before.size();
  return body.substr(from, body.find('"', from) - from);
}

}  // namespace

DurableApi::DurableApi(const AppOptions& options, const FunctionKeys& keys, StorageClient* storage,
                       OrchestrationWorker* worker)
    : options_{options}, keys_{keys}, storage_{storage}, worker_{worker} {}

void DurableApi::there_is_work() {
  if (worker_ != nullptr) worker_->nudge();
}

asio::awaitable<ServerResponse> DurableApi::handle(ServerRequest request, DurableRoute route) {
  Call call{std::move(request), std::move(route), options_, keys_};
  if (call.route.action == DurableAction::unknown) co_return empty_answer(404);
  if (storage_ == nullptr) co_return went_wrong("This app was started without --storage.");
  if (!is_valid_hub_name(call.management.hub)) co_return bad_request("The task hub is not valid.");
  if (const std::string name = call.query.get("connection"); !is_known_connection(name))
    co_return went_wrong("There is no connection named '" + name + "'.");
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
    case DurableAction::entity_get:
      co_return co_await entity(call);
    case DurableAction::entity_list:
      co_return co_await list_entities(call);
    case DurableAction::entity_signal:
      co_return co_await signal(call);
    case DurableAction::make_primary:
      co_return co_await make_primary();
    case DurableAction::unknown:
      break;
  }
  co_return empty_answer(404);
}

asio::awaitable<ServerResponse> DurableApi::start_from_function(ServerRequest request,
                                                                std::string function) {
  // The client throws in the starter, which does not catch it.
  if (!has_orchestrator(options_, function)) co_return empty_answer(500);
  DurableRoute route;
  route.action = DurableAction::start;
  route.function = std::move(function);
  Call call{std::move(request), std::move(route), options_, keys_};
  call.management.hub = options_.hub;
  call.management.shape = options_.payload_shape;
  if (storage_ == nullptr) co_return went_wrong("This app was started without --storage.");
  co_return co_await start(call);
}

asio::awaitable<ServerResponse> DurableApi::start(Call& call) {
  const std::string& function = call.route.function;
  if (!has_orchestrator(options_, function))
    co_return bad_request("There is no orchestrator function named '" + function + "'.");
  NewInstance start;
  start.id = call.route.instance_id.empty() ? new_instance_id() : call.route.instance_id;
  if (!is_valid_instance_id(start.id)) co_return bad_request("The instance id is not valid.");
  start.function = function;
  if (!call.request.body.empty()) start.input = call.request.body;
  if (!is_json(start.input)) co_return bad_request("Invalid JSON content");
  start.plan = plan_of(start.input, options_.plan);
  co_return co_await create(call, start);
}

asio::awaitable<ServerResponse> DurableApi::create(Call& call, const NewInstance& start) {
  const auto wait = wait_asked_for(call.query);
  if (wait && wait->interval > wait->timeout)
    co_return bad_request("The timeout should be longer than the polling interval.");
  const std::string body = write_new_instance(start);
  const auto answer = co_await storage_->call("POST", call.management.hub, "/instances", body);
  if (is_answer(answer, {409})) {
    const std::string message =
        "An Orchestration instance with the status " + status_in(answer->body) + " already exists.";
    if (options_.already_exists_status == 409) co_return json_answer(409, error_object(message));
    co_return went_wrong(message);
  }
  if (!is_answer(answer, {201})) co_return storage_trouble(answer);
  there_is_work();
  if (wait) co_return co_await wait_for_output(call, start.id, wait->timeout, wait->interval);
  co_return check_status_response(call.management, start.id);
}

// `timeout` and `pollingInterval`: the answer waits for the orchestration, within limits.
asio::awaitable<ServerResponse> DurableApi::wait_for_output(Call& call, const std::string& id,
                                                            std::chrono::milliseconds timeout,
                                                            std::chrono::milliseconds interval) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor};
  const auto end = std::chrono::steady_clock::now() + timeout;
  const std::string path = instance_path(id);
  for (;;) {
    const auto answer = co_await storage_->call("GET", call.management.hub, path);
    if (!is_answer(answer, {200, 404})) co_return storage_trouble(answer);
    const auto found = read_instance(answer->body);
    if (found && found->instance.status == RuntimeStatus::completed)
      co_return json_answer(200, found->instance.output);
    if (found && is_finished(found->instance.status))
      co_return status_answer(call, found->instance, {});
    if (std::chrono::steady_clock::now() + interval > end) break;
    timer.expires_after(interval);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return check_status_response(call.management, id);
}

asio::awaitable<ServerResponse> DurableApi::restart(Call& call) {
  const std::string path = instance_path(call.route.instance_id);
  const auto answer = co_await storage_->call("GET", call.management.hub, path);
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
  again.plan = plan_of(again.input, options_.plan);
  co_return co_await create(call, again);
}

asio::awaitable<ServerResponse> DurableApi::make_primary() {
  if (!options_.app_lease || worker_ == nullptr)
    co_return bad_request("The app lease is off, so no app can be made the primary one.");
  const bool written = co_await worker_->app_lease().make_primary();
  if (!written) co_return went_wrong("The task hub's storage is away.");
  there_is_work();  // and with it the first try
  co_return empty_answer(200);
}

}  // namespace rehearsal
