#include "rehearsal/gateway.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include "config/units.hpp"
#include "rehearsal/app_control.hpp"
#include "rehearsal/hub_json.hpp"
#include "rehearsal/uri.hpp"
#include "transport/spawn.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::FetchRequest;
using transport::FetchResponse;
using transport::HeaderList;
using transport::Result;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

constexpr std::size_t body_limit = 64 * 1024 * 1024;
constexpr std::chrono::hours longest_exchange{1};

// Fields that belong to one connection, and those that say what only a front end may say.
bool is_kept(std::string_view name) {
  constexpr std::array<std::string_view, 14> dropped{"Connection",
                                                     "Content-Length",
                                                     "DISGUISED-HOST",
                                                     "Expect",
                                                     "Host",
                                                     "Keep-Alive",
                                                     "Proxy-Connection",
                                                     "TE",
                                                     "Trailer",
                                                     "Transfer-Encoding",
                                                     "Upgrade",
                                                     "WAS-DEFAULT-HOSTNAME",
                                                     "Proxy-Authenticate",
                                                     "Proxy-Authorization"};
  return std::none_of(dropped.begin(), dropped.end(),
                      [name](std::string_view one) { return same_ignoring_case(one, name); });
}

ServerResponse page(int status, std::string_view title) {
  return {status, "text/html",
          "<!DOCTYPE html>\n<html lang=\"en\"><head><title>" + std::string{title} +
              "</title></head><body><h1>" + std::string{title} + "</h1></body></html>\n"};
}

ServerResponse to_client(FetchResponse&& answer) {
  ServerResponse response;
  response.status = answer.status;
  for (auto& [name, value] : answer.headers)
    if (is_kept(name)) response.headers.emplace_back(std::move(name), std::move(value));
  response.body = std::move(answer.body);
  return response;
}

}  // namespace

std::optional<GatewayCut> parse_gateway_cut(std::string_view text) {
  GatewayCut cut;
  if (text == "close") {
    cut.way = GatewayCut::Way::close;
  } else if (text == "reset") {
    cut.way = GatewayCut::Way::reset;
  } else {
    const auto status = parse_whole_number(text, 500, 599);
    if (!status) return std::nullopt;
    cut.status = static_cast<int>(*status);
  }
  return cut;
}

std::optional<GatewayMode> parse_gateway_mode(std::string_view text) {
  if (text == "forward") return GatewayMode::forward;
  if (text == "stopped") return GatewayMode::stopped;
  return std::nullopt;
}

// Shared by the client's side, which may leave, and the app's side, which never does.
struct Gateway::Exchange {
  explicit Exchange(const asio::any_io_executor& executor) : waiting{executor} {}

  asio::steady_timer waiting;  // the client's side; cancelled when there is an answer
  std::optional<Result<FetchResponse>> answer;
  bool given_up = false;
};

Gateway::Gateway(asio::any_io_executor executor, GatewayOptions options)
    : executor_{std::move(executor)}, options_{std::move(options)} {
  if (options_.apps.empty()) throw std::runtime_error("a front end needs an app behind it");
  transport::ServerOptions server_options;
  server_options.body_limit = body_limit;
  server_options.max_connections = 8192;
  server_ = std::make_unique<transport::HttpServer>(
      executor_, options_.listen,
      [this](ServerRequest request) { return handle(std::move(request)); }, server_options);
}

void Gateway::stop(std::function<void()> stopped) {
  server_->stop(std::move(stopped));
}

Gateway::Response Gateway::handle(ServerRequest request) {
  if (request.path().starts_with("/_gateway")) co_return command(request);
  if (!serves(request)) co_return page(404, "404 Web Site not found");
  if (options_.mode == GatewayMode::stopped) co_return stopped_answer();
  co_return co_await forward(std::move(request));
}

Gateway::Response Gateway::forward(ServerRequest request) {
  const auto exchange = std::make_shared<Exchange>(executor_);
  FetchRequest what = to_app(std::move(request));
  ++forwarded_;
  waited_for_.insert(exchange);
  exchange->waiting.expires_after(options_.cut_after);
  transport::spawn(executor_, "gateway exchange", ask_app(exchange, std::move(what)));
  boost::system::error_code ignored;
  while (!exchange->answer && !exchange->given_up) {
    co_await exchange->waiting.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (!ignored && !exchange->answer) exchange->given_up = true;
  }
  waited_for_.erase(exchange);
  if (exchange->given_up) co_return give_up();
  if (!*exchange->answer) co_return page(502, "502 Bad Gateway");
  co_return to_client(std::move(**exchange->answer));
}

asio::awaitable<void> Gateway::ask_app(std::shared_ptr<Exchange> exchange, FetchRequest request) {
  const std::size_t instances = options_.apps.size();
  const std::size_t first = next_app_++ % instances;
  Result<FetchResponse> answer = transport::Failure{};
  for (std::size_t tried = 0; tried < instances && !exchange->given_up; ++tried) {
    const config::Url& app = options_.apps[(first + tried) % instances];
    request.connect_host = app.host;
    request.connect_port = app.port;
    FetchRequest attempt{request};
    answer = co_await transport::fetch(std::move(attempt));
    if (answer || !answer.error().unsent) break;
  }
  if (exchange->given_up) {
    if (answer) ++answered_too_late_;
    co_return;
  }
  exchange->answer.emplace(std::move(answer));
  exchange->waiting.cancel();
}

FetchRequest Gateway::to_app(ServerRequest request) const {
  FetchRequest out;
  out.method = std::move(request.method);
  out.target = std::move(request.target);
  out.body = std::move(request.body);
  out.body_limit = body_limit;
  out.deadline = std::chrono::steady_clock::now() + longest_exchange;
  if (const std::string* host = transport::find_header(request.headers, "Host")) out.host = *host;
  std::string path_of_clients;
  for (auto& [name, value] : request.headers) {
    if (same_ignoring_case(name, "X-Forwarded-For"))
      path_of_clients += value + ", ";
    else if (is_kept(name))
      out.headers.emplace_back(std::move(name), std::move(value));
  }
  out.headers.emplace_back("X-Forwarded-For", path_of_clients + request.peer_address);
  out.headers.emplace_back("DISGUISED-HOST", out.host);
  out.headers.emplace_back("WAS-DEFAULT-HOSTNAME",
                           options_.hosts.empty() ? out.host : options_.hosts.front());
  return out;
}

ServerResponse Gateway::give_up() {
  ++cut_;
  ServerResponse response = page(options_.cut.status, "The app took too long to answer");
  response.reset_connection = options_.cut.way == GatewayCut::Way::reset;
  response.close_connection = options_.cut.way == GatewayCut::Way::close;
  return response;
}

bool Gateway::serves(const ServerRequest& request) const {
  if (options_.hosts.empty()) return true;
  const std::string* host = transport::find_header(request.headers, "Host");
  return host != nullptr &&
         std::any_of(options_.hosts.begin(), options_.hosts.end(),
                     [&](const std::string& one) { return same_ignoring_case(one, *host); });
}

ServerResponse Gateway::command(const ServerRequest& request) {
  if (!is_from_operator(request)) return page(404, "404 Web Site not found");
  const std::string_view path = request.path();
  bool good = path == "/_gateway" && request.method == "GET";
  if (request.method == "POST" && path == "/_gateway/set") good = set(request.query());
  if (request.method == "POST" && path == "/_gateway/cut") {
    good = true;
    for (const auto& exchange : waited_for_) {
      exchange->given_up = !exchange->answer;
      exchange->waiting.cancel();
    }
  }
  if (!good) return {400, "application/json", error_object("no such command or a bad value")};
  return {200, "application/json", describe()};
}

// All values or, when one is bad, none.
bool Gateway::set(std::string_view text) {
  const Query query{text};
  const auto mode = parse_gateway_mode(query.get("mode", "forward"));
  const auto cut = parse_gateway_cut(query.get("with", "502"));
  std::chrono::milliseconds after{0};
  if (!mode || !cut || config::parse_duration(query.get("after", "1s"), after)) return false;
  if (query.find("mode")) options_.mode = *mode;
  if (query.find("with")) options_.cut = *cut;
  if (query.find("after")) options_.cut_after = after;
  return true;
}

std::string Gateway::describe() const {
  const auto number = [](auto value) { return std::to_string(value); };
  std::string with = number(options_.cut.status);
  if (options_.cut.way == GatewayCut::Way::close) with = "close";
  if (options_.cut.way == GatewayCut::Way::reset) with = "reset";
  return "{\"mode\":\"" +
         std::string{options_.mode == GatewayMode::stopped ? "stopped" : "forward"} +
         "\",\"cutAfterMilliseconds\":" + number(options_.cut_after.count()) + ",\"cutWith\":\"" +
         with + "\",\"inFlight\":" + number(waited_for_.size()) +
         ",\"forwarded\":" + number(forwarded_) + ",\"cut\":" + number(cut_) +
         ",\"answeredTooLate\":" + number(answered_too_late_) + "}\n";
}

}  // namespace rehearsal
