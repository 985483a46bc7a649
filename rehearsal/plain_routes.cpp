#include "rehearsal/plain_routes.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

constexpr std::uint64_t piece_size = 64 * 1024;

ServerResponse json(std::string text) {
  return ServerResponse{200, "application/json; charset=utf-8", std::move(text)};
}

ServerResponse landing_page(const AppOptions& options) {
  return {200, "text/html; charset=utf-8",
          "<!DOCTYPE html><html lang=\"en\"><head><title>" + options.name +
              "</title></head><body><h1>Your function app \"" + options.name +
              "\" is up and running</h1></body></html>\n"};
}

ServerResponse echo(const ServerRequest& request, const AppOptions& options) {
  if (Query{request.query()}.flag("raw", false)) {
    const std::string* type = transport::find_header(request.headers, "Content-Type");
    return {200, type == nullptr ? "application/octet-stream" : *type, request.body};
  }
  nlohmann::ordered_json query = nlohmann::ordered_json::object();
  const Query parameters{request.query()};
  for (const auto& [name, value] : parameters.all()) query[name] = value;
  // By name for the eye, and raw for whoever looks at repeated fields and their order.
  nlohmann::ordered_json headers = nlohmann::ordered_json::object();
  nlohmann::ordered_json raw_headers = nlohmann::ordered_json::array();
  for (const auto& [name, value] : request.headers) {
    raw_headers.push_back(nlohmann::ordered_json::array({name, value}));
    if (headers.contains(name))
      headers[name] = headers[name].get<std::string>() + ", " + value;
    else
      headers[name] = value;
  }
  const nlohmann::ordered_json out{{"app", options.name},
                                   {"method", request.method},
                                   {"path", request.path()},
                                   {"rawQuery", request.query()},
                                   {"query", query},
                                   {"headers", headers},
                                   {"rawHeaders", raw_headers},
                                   {"bodyBytes", request.body_bytes},
                                   {"body", request.body},
                                   {"client", request.peer_address}};
  return json(out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

asio::awaitable<std::optional<std::string>> piece_of(std::uint64_t size) {  // of 0 bytes: the end
  std::optional<std::string> piece;
  if (size > 0) piece.emplace(static_cast<std::size_t>(size), 'x');
  co_return piece;
}

ServerResponse bytes(const ServerRequest& request, std::uint64_t total) {
  ServerResponse response{200, "application/octet-stream", ""};
  if (!Query{request.query()}.flag("chunked", false)) response.streamed_length = total;
  response.next_chunk = [left = total]() mutable {
    const std::uint64_t size = std::min(left, piece_size);
    left -= size;
    return piece_of(size);
  };
  return response;
}

asio::awaitable<void> pause(std::chrono::milliseconds time) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor, time};
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

// The number behind a prefix: "/api/bytes/1024".
std::optional<long long> number_after(std::string_view path, std::string_view prefix,
                                      long long most) {
  if (!same_ignoring_case(path.substr(0, prefix.size()), prefix)) return std::nullopt;
  return parse_whole_number(path.substr(prefix.size()), 0, most);
}

}  // namespace

bool is_sink(std::string_view path) {
  return same_ignoring_case(path, "/api/sink");
}

asio::awaitable<ServerResponse> plain_route(ServerRequest request, const AppOptions& options) {
  constexpr long long longest_delay = 3'600'000;
  constexpr long long most_bytes = 1'000'000'000'000;
  const std::string_view path = request.path();
  if (path == "/") co_return landing_page(options);
  if (same_ignoring_case(path, "/api/health"))
    co_return json(string_object({{"name", options.name}, {"state", "running"}}) + "\n");
  if (same_ignoring_case(path, "/api/echo")) co_return echo(request, options);
  if (is_sink(path)) co_return json("{\"bytes\":" + std::to_string(request.body_bytes) + "}\n");
  if (const auto size = number_after(path, "/api/bytes/", most_bytes))
    co_return bytes(request, static_cast<std::uint64_t>(*size));
  if (const auto code = number_after(path, "/api/status/", 599); code && *code >= 200)
    co_return ServerResponse{static_cast<int>(*code), "text/plain", "as asked\n"};
  if (const auto milliseconds = number_after(path, "/api/delay/", longest_delay)) {
    co_await pause(std::chrono::milliseconds{*milliseconds});
    co_return json(
        string_object({{"name", options.name}, {"delayed", std::to_string(*milliseconds)}}) + "\n");
  }
  co_return ServerResponse{404, "text/plain", ""};
}

}  // namespace rehearsal
