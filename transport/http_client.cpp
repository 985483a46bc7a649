#include "transport/http_client.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>

#include "transport/resolver.hpp"
#include "transport/spawn.hpp"
#include "transport/stream.hpp"

namespace transport {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

// A string that never grows past its limit, and keeps what it has when it gets there.
// http::string_body would reserve whatever length the peer announces.
struct LimitedBody {
  struct value_type {
    std::string text;
    std::size_t limit = 0;
  };

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>&, value_type& body) : body_{body} {}

    void init(const boost::optional<std::uint64_t>& length, error_code& error) {
      error = {};
      if (length) body_.text.reserve(std::min<std::uint64_t>(*length, body_.limit));
    }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& error) {
      error = {};
      std::size_t taken = 0;
      for (const asio::const_buffer each : beast::buffers_range_ref(buffers)) {
        const std::size_t size = std::min(each.size(), body_.limit - body_.text.size());
        body_.text.append(static_cast<const char*>(each.data()), size);
        taken += size;
        if (size < each.size()) error = http::error::body_limit;
      }
      return taken;
    }
    void finish(error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

using Parser = http::response_parser<LimitedBody>;

constexpr std::size_t read_size = 16 * 1024;

bool is_request_target(std::string_view target) {
  return !target.empty() && std::all_of(target.begin(), target.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f';
  });
}

// The request as it goes to the wire, or nullopt when a part of it would break the framing.
std::optional<std::string> serialize(const FetchRequest& request) {
  const std::string& host = request.host.empty() ? request.connect_host : request.host;
  if (!is_writable_header(request.method, "") || !is_request_target(request.target) ||
      !is_writable_header("Host", host))
    return std::nullopt;
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\nHost: " + host +
                     "\r\nConnection: close\r\n";
  for (const auto& [name, value] : request.headers) {
    if (!is_writable_header(name, value)) return std::nullopt;
    text += name + ": " + value + "\r\n";
  }
  const bool usually_has_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (!request.body.empty() || usually_has_body)
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  text += "\r\n";
  text += request.body;
  return text;
}

Failure parse_failure(error_code error) {
  if (error == http::error::header_limit || error == http::error::body_limit ||
      error == http::error::buffer_overflow)
    return Failure{FailureKind::too_large, error, "reading the answer"};
  if (error == http::error::partial_message || error == http::error::end_of_stream)
    return Failure{FailureKind::closed, error, "the answer is incomplete"};
  return Failure{FailureKind::protocol, error, "reading the answer"};
}

// Feeds what is buffered to the parser. True: go on reading from the connection.
Result<bool> feed(Parser& parser, beast::flat_buffer& buffer) {
  while (buffer.size() > 0 && !parser.is_done()) {
    error_code error;
    const std::size_t used = parser.put(buffer.data(), error);
    buffer.consume(used);
    if (error == http::error::need_more) return true;
    if (error) return parse_failure(error);
    if (used == 0) return true;
  }
  return !parser.is_done();
}

asio::awaitable<Result<void>> read_message(Stream& stream, beast::flat_buffer& buffer,
                                           Parser& parser) {
  for (;;) {
    const Result<bool> more = feed(parser, buffer);
    if (!more) co_return more.error();
    if (!*more) co_return Result<void>{};
    const asio::mutable_buffer space = buffer.prepare(read_size);
    const auto got = co_await stream.read_some(space);
    if (!got) co_return got.error();
    buffer.commit(*got);
    if (*got > 0) continue;
    if (!parser.got_some())
      co_return Failure{FailureKind::closed, {}, "the peer closed without an answer"};
    error_code error;
    parser.put_eof(error);
    if (error) co_return parse_failure(error);
    co_return Result<void>{};
  }
}

FetchResponse to_response(Parser& parser) {
  FetchResponse response;
  auto& message = parser.get();
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message)
    response.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
  response.body = std::move(message.body().text);
  response.whole = parser.is_done();
  return response;
}

asio::awaitable<Result<FetchResponse>> read_answer(Stream& stream, const FetchRequest& request) {
  beast::flat_buffer buffer;
  for (;;) {
    Parser parser;
    parser.eager(true);
    parser.skip(request.method == "HEAD");
    parser.header_limit(static_cast<std::uint32_t>(request.head_limit));
    if (request.cut_body)
      parser.body_limit(boost::none);  // which would refuse a long one whole
    else
      parser.body_limit(request.body_limit);
    parser.get().body().limit = request.body_limit;
    const auto read = co_await read_message(stream, buffer, parser);
    if (!read && !(request.cut_body && parser.is_header_done())) co_return read.error();
    const int status = static_cast<int>(parser.get().result_int());
    if (status / 100 == 1 && status != 101) continue;  // interim: the answer is still to come
    co_return to_response(parser);
  }
}

Failure unsent(Failure failure) {
  failure.unsent = true;
  return failure;
}

}  // namespace

asio::awaitable<Result<FetchResponse>> fetch(FetchRequest request) {
  const std::optional<std::string> wire = serialize(request);
  if (!wire) {
    co_return unsent(Failure{FailureKind::protocol, {}, "the request cannot be written as HTTP"});
  }
  if (request.addresses.empty()) {
    auto found = co_await resolve(request.connect_host, request.connect_port, request.deadline);
    if (!found) co_return unsent(found.error());
    request.addresses = std::move(*found);
  }
  const ClientTls* tls = request.tls ? &request.tls_settings : nullptr;
  auto stream = co_await Stream::connect(request.addresses, tls, request.deadline);
  if (!stream) co_return unsent(stream.error());
  if (std::chrono::steady_clock::now() >= request.deadline)
    co_return unsent(Failure{FailureKind::timed_out, {}, "connecting took all the time"});

  const asio::const_buffer all = asio::buffer(*wire);
  const auto written = co_await stream->write_all(all);
  if (!written && written.error().kind == FailureKind::timed_out) co_return written.error();
  // A peer may answer and close before it has read everything (413): look before giving up.
  auto answer = co_await read_answer(*stream, request);
  if (!answer && !written) co_return written.error();
  co_return answer;
}

asio::awaitable<Result<void>> connect_only(std::vector<config::SocketAddress> addresses,
                                           TimePoint deadline) {
  const auto stream = co_await Stream::connect(std::move(addresses), nullptr, deadline);
  if (!stream) co_return stream.error();
  co_return Result<void>{};
}

Result<FetchResponse> fetch_blocking(FetchRequest request) {
  asio::io_context context{1};
  std::optional<Result<FetchResponse>> outcome;
  const auto run = [](FetchRequest what,
                      std::optional<Result<FetchResponse>>& out) -> asio::awaitable<void> {
    out.emplace(co_await fetch(std::move(what)));
  };
  spawn(context.get_executor(), "fetch_blocking", run(std::move(request), outcome));
  context.run();
  return std::move(*outcome);
}

}  // namespace transport
