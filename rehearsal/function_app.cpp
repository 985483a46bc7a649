#include "rehearsal/function_app.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

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

}  // namespace

FunctionApp::FunctionApp(asio::any_io_executor executor, AppOptions options)
    : executor_{std::move(executor)}, options_{std::move(options)}, control_{options_.state} {
  transport::ServerOptions server_options;
  server_options.body_limit = options_.body_limit;
  server_options.max_connections = 8192;
  server_options.discard_body = [](std::string_view, std::string_view path) {
    return is_sink(path);
  };
  server_ = std::make_unique<transport::HttpServer>(
      executor_, options_.listen,
      [this](ServerRequest request) { return handle(std::move(request)); }, server_options);
  parts_running_ = 1;
  if (options_.storage) {
    storage_.emplace(*options_.storage, options_.storage_timeout);
    worker_.emplace(executor_, options_, *storage_,
                    [this] { return control_.state() == AppState::running; });
    ++parts_running_;
    transport::spawn(executor_, "orchestration worker", run_worker());
  }
  durable_.emplace(options_, storage_ ? &*storage_ : nullptr, [this] {
    if (worker_) worker_->nudge();
  });
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
  ServerResponse response = co_await respond(std::move(request));
  response.headers.emplace_back("X-Served-By", options_.name);
  co_return response;
}

asio::awaitable<ServerResponse> FunctionApp::respond(ServerRequest request) {
  if (is_control(request.path())) co_return control(request);
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
  if (auto route = parse_durable_route(request.method, request.path()))
    return durable_->handle(std::move(request), std::move(*route));
  if (auto function = parse_custom_starter(request.method, request.path()))
    return durable_->start_from_function(std::move(request), std::move(*function));
  return plain_route(std::move(request), options_);
}

// Whoever reaches the app only through a proxy must not find these switches.
ServerResponse FunctionApp::control(const ServerRequest& request) {
  const bool forwarded = transport::find_header(request.headers, "Forwarded") != nullptr ||
                         transport::find_header(request.headers, "Via") != nullptr ||
                         transport::find_header(request.headers, "X-Forwarded-For") != nullptr;
  if (!request.peer_is_loopback || forwarded)
    return {404, "application/json",
            error_object("only from this machine, and not by way of a proxy")};
  if (request.path() == "/_control/statistics") return statistics();
  return control_.command(request.method, request.path(), request.query());
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
