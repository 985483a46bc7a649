#include "rehearsal/stage/call.hpp"

#include <utility>

#include "config/url.hpp"

namespace stage {

namespace asio = boost::asio;

namespace {

constexpr std::size_t largest_answer = 64 * 1024 * 1024;  // a page of executions with their inputs

// "http://host:1/path?query" -> where to connect, and the target; "" or the problem.
std::string split(const std::string& url, transport::FetchRequest& request) {
  const std::size_t scheme = url.find("://");
  const std::size_t path =
      scheme == std::string::npos ? std::string::npos : url.find_first_of("/?", scheme + 3);
  config::Url where;
  if (const auto wrong = config::parse_url(std::string_view{url}.substr(0, path), where))
    return config::printable_url(url) + ": " + wrong->rule + "; " + wrong->hint;
  request.connect_host = where.host;
  request.connect_port = where.port;
  request.host = where.authority();
  request.tls = where.tls;
  request.tls_settings.server_name = where.host;
  if (path != std::string::npos) request.target = url.substr(path);
  if (request.target.starts_with('?')) request.target.insert(0, 1, '/');
  return {};
}

}  // namespace

asio::awaitable<Answer> call(Call call) {
  Answer answer;
  transport::FetchRequest request;
  answer.problem = split(call.url, request);
  if (!answer.problem.empty()) co_return answer;
  request.tls_settings.ca_file = std::move(call.ca_file);
  request.method = std::move(call.method);
  request.headers = std::move(call.headers);
  request.body = std::move(call.body);
  request.body_limit = largest_answer;
  request.deadline = std::chrono::steady_clock::now() + call.limit;
  auto result = co_await transport::fetch(std::move(request));
  if (!result) {
    answer.problem = transport::to_string(result.error());
    co_return answer;
  }
  answer.status = result->status;
  answer.headers = std::move(result->headers);
  answer.body = std::move(result->body);
  co_return answer;
}

}  // namespace stage
