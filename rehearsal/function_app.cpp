#include "rehearsal/function_app.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include "rehearsal/answer_style.hpp"
#include "rehearsal/host_routes.hpp"
#include "rehearsal/hub_json.hpp"
#include "rehearsal/plain_routes.hpp"
#include "rehearsal/uri.hpp"
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

bool starts_something(const DurableRoute& route) {
  return route.action == DurableAction::start || route.action == DurableAction::restart;
}

ServerResponse unhealthy(const std::string& name, const std::string& why) {
  return {503, "application/json; charset=utf-8",
          string_object({{"name", name}, {"state", "unhealthy"}, {"reason", why}}) + "\n"};
}

// As the platform's access restrictions answer: a matter of configuration, not a stopped app.
ServerResponse locked_out() {
  return {403, "text/plain; charset=utf-8", "Access to this app is restricted.\n"};
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
      cold_start_{options_.cold_start, options_.idle_after},
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
  if (options_.lease_blob) {
    const std::string& app = options_.site_name.empty() ? options_.name : options_.site_name;
    auto place = blob_place(*options_.lease_blob, app);
    if (!place) throw std::runtime_error("the blob's path is account, container and name at most");
    blob_lease_.emplace(executor_, std::move(*place), app, options_.storage_key,
                        options_.lease_every);
    ++parts_running_;
    transport::spawn(executor_, "blob lease", run_blob_lease());
  }
  durable_.emplace(options_, keys_, storage_ ? &*storage_ : nullptr, worker_ ? &*worker_ : nullptr);
}

asio::awaitable<void> FunctionApp::run_worker() {
  co_await worker_->run();
  part_ended();
}

asio::awaitable<void> FunctionApp::run_blob_lease() {
  co_await blob_lease_->run();
  part_ended();
}

bool FunctionApp::lacks_lease() const {
  return blob_lease_ && !blob_lease_->held(std::chrono::steady_clock::now());
}

// Several fields of that name are refused too: somebody added one to another's.
bool FunctionApp::lacks_required_header(const ServerRequest& request) const {
  if (!options_.required_header) return false;
  int right = 0, given = 0;
  for (const auto& [name, value] : request.headers) {
    if (!same_ignoring_case(name, options_.required_header->name)) continue;
    ++given;
    if (value == options_.required_header->value) ++right;
  }
  return given != 1 || right != 1;
}

void FunctionApp::part_ended() {
  if (--parts_running_ == 0 && stopped_) asio::post(executor_, stopped_);
}

void FunctionApp::stop(std::function<void()> stopped) {
  stopped_ = std::move(stopped);
  if (worker_) worker_->stop();
  if (blob_lease_) blob_lease_->stop();
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
  if (lacks_required_header(request)) co_return locked_out();
  const auto slow_until = std::chrono::steady_clock::now() + control_.slowness();
  co_await wait_until(slow_until);
  if (auto instead = control_.intercept(request.path())) co_return std::move(*instead);
  const auto warm_at = cold_start_.admit(std::chrono::steady_clock::now());
  co_await wait_until(warm_at);
  ServerResponse response = co_await api(std::move(request));
  co_return response;
}

asio::awaitable<void> FunctionApp::wait_until(std::chrono::steady_clock::time_point time) {
  if (time <= std::chrono::steady_clock::now()) co_return;
  asio::steady_timer timer{executor_, time};
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<ServerResponse> FunctionApp::api(ServerRequest request) {
  const std::string key = presented_key(request);
  if (auto route = parse_durable_route(request.method, request.path())) {
    if (lacks_lease() && starts_something(*route)) return at_once(host_not_running_answer());
    if (!keys_.opens_extension(key)) return refuse();
    return durable_->handle(std::move(request), std::move(*route));
  }
  const AppState state = lacks_lease() ? AppState::error : control_.state();
  if (auto answer = host_route(request, options_, state, keys_)) return at_once(std::move(*answer));
  const auto name = function_of(request.path());
  if (name && !keys_.opens_function(*name, key)) return refuse();
  if (lacks_lease() && same_ignoring_case(request.path(), "/api/health"))
    return at_once(unhealthy(options_.name, blob_lease_->problem()));
  if (auto function = parse_custom_starter(request.method, request.path())) {
    if (lacks_lease()) return at_once(host_not_running_answer());
    return durable_->start_from_function(std::move(request), std::move(*function));
  }
  return plain_route(std::move(request), options_);
}

ServerResponse FunctionApp::control(const ServerRequest& request) {
  if (!is_from_operator(request))
    return {404, "application/json",
            error_object("only from this machine, and not by way of a proxy")};
  if (request.path() == "/_control/statistics") return statistics();
  if (request.path() == "/_control/blob-lease" && request.method == "GET" && blob_lease_)
    return {200, "application/json", blob_lease_->describe()};
  ServerResponse response = control_.command(request.method, request.path(), request.query());
  if (control_.state() != AppState::running) cold_start_.unload();
  return response;
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
