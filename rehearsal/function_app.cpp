#include "rehearsal/function_app.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "rehearsal/answer_style.hpp"
#include "rehearsal/host_routes.hpp"
#include "rehearsal/hub_json.hpp"
#include "rehearsal/plain_routes.hpp"
#include "transport/spawn.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

constexpr std::string_view control_prefix = "/_control";

bool is_control(std::string_view path) {
  return path.starts_with(control_prefix);
}

asio::awaitable<ServerResponse> at_once(ServerResponse response) {
  co_return response;
}

asio::awaitable<ServerResponse> refuse() {
  ServerResponse response;
  response.status = 401;
  co_return response;
}

}  // namespace

FunctionApp::FunctionApp(asio::any_io_executor executor, AppOptions options)
    : executor_{std::move(executor)},
      options_{std::move(options)},
      control_{options_.state},
      keys_{options_} {
  transport::ServerOptions server_options;
  server_options.body_limit = options_.body_limit;
  server_options.max_connections = 8192;
  server_options.idle_timeout = std::chrono::seconds{130};  // as Kestrel's
  // A frozen app runs what it finds when it thaws: its sleep must not count as a slow client's.
  server_options.request_timeout = std::chrono::minutes{10};
  server_options.discard_body = [](std::string_view, std::string_view path) {
    return is_sink(path);
  };
  server_ = std::make_unique<transport::HttpServer>(
      executor_, options_.listen,
      [this](ServerRequest request) { return handle(std::move(request)); }, server_options);
  parts_running_ = 1;
  if (options_.storage) {
    storage_.emplace(*options_.storage, options_.storage_timeout, options_.name);
    worker_.emplace(executor_, options_, *storage_,
                    [this] { return control_.state() == AppState::running; });
    ++parts_running_;
    transport::spawn(executor_, "orchestration worker", run_worker());
  }
  durable_.emplace(options_, keys_, storage_ ? &*storage_ : nullptr, worker_ ? &*worker_ : nullptr);
}

asio::awaitable<void> FunctionApp::run_worker() {
  co_await worker_->run();
  part_ended();
}

void FunctionApp::part_ended() {
  if (--parts_running_ == 0 && stopped_) asio::post(executor_, stopped_);
}

void FunctionApp::stop(std::function<void()> stopped) {
  stopped_ = std::move(stopped);
  if (worker_) worker_->stop();
  server_->stop([this] { part_ended(); });
}

asio::awaitable<ServerResponse> FunctionApp::handle(ServerRequest request) {
  const AnswerStyle style{request, options_};
  const bool is_switch = is_control(request.path());
  ServerResponse response = co_await respond(std::move(request));
  if (!is_switch) style.apply(response);
  response.headers.emplace_back("X-Served-By", options_.name);
  co_return response;
}

asio::awaitable<ServerResponse> FunctionApp::respond(ServerRequest request) {
  if (is_control(request.path())) {
    auto of_hub = co_await hub_control(request);
    co_return of_hub ? std::move(*of_hub) : control(request);
  }
  ++requests_;
  if (control_.slowness().count() > 0) {
    asio::steady_timer timer{executor_, control_.slowness()};
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (auto instead = control_.intercept(request.path())) co_return std::move(*instead);
  ServerResponse response = co_await api(std::move(request));
  co_return response;
}

asio::awaitable<ServerResponse> FunctionApp::api(ServerRequest request) {
  const std::string key = presented_key(request);
  if (auto route = parse_durable_route(request.method, request.path())) {
    if (!keys_.opens_extension(key)) return refuse();
    return durable_->handle(std::move(request), std::move(*route));
  }
  if (auto answer = host_route(request, options_, control_.state(), keys_))
    return at_once(std::move(*answer));
  const auto name = function_of(request.path());
  if (name && !keys_.opens_function(*name, key)) return refuse();
  if (auto function = parse_custom_starter(request.method, request.path()))
    return durable_->start_from_function(std::move(request), std::move(*function));
  return plain_route(std::move(request), options_);
}

ServerResponse FunctionApp::control(const ServerRequest& request) {
  if (!is_from_operator(request))
    return {404, "application/json",
            error_object("only from this machine, and not by way of a proxy")};
  if (request.path() == "/_control/statistics") return statistics();
  return control_.command(request.method, request.path(), request.query());
}

// GET /_control/lease: the app lease. GET /_control/executions: what ran where, as the storage
// tells it (?id=, ?after=, ?top=). Nullopt: neither, or not for whoever asks.
asio::awaitable<std::optional<ServerResponse>> FunctionApp::hub_control(
    const ServerRequest& request) {
  std::optional<ServerResponse> response;
  const std::string_view path = request.path();
  if (request.method != "GET" || !worker_ || !is_from_operator(request)) co_return response;
  if (path == "/_control/lease") {
    std::string text = co_await worker_->app_lease().describe();
    response.emplace(200, "application/json", std::move(text));
  } else if (path == "/_control/executions") {
    const std::string target = "/executions?" + std::string{request.query()};
    const auto answer = co_await storage_->call("GET", options_.hub, target);
    if (answer)
      response.emplace(answer->status, "application/json", answer->body);
    else
      response.emplace(503, "application/json", error_object("the storage is away"));
  }
  co_return response;
}

ServerResponse FunctionApp::statistics() const {
  const auto count = [](std::uint64_t value) { return std::to_string(value); };
  const std::string text =
      "{\"name\":" + json_string(options_.name) + ",\"requests\":" + count(requests_) +
      ",\"activitiesStarted\":" + count(worker_ ? worker_->activities_started() : 0) +
      ",\"activitiesReported\":" + count(worker_ ? worker_->activities_reported() : 0) +
      ",\"orchestrationsActive\":" + count(worker_ ? worker_->active() : 0) + "}\n";
  return {200, "application/json", text};
}

}  // namespace rehearsal
