#include "transport/server_messages.hpp"

#include <array>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>

namespace transport {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t read_size = 16 * 1024;

// Collects a body up to a limit, or only counts it.
struct CollectedBody {
  struct value_type {
    std::string text;
    std::uint64_t bytes = 0;
    std::uint64_t limit = 0;
    bool discard = false;
  };

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>&, value_type& value) : value_{value} {}

    void init(const boost::optional<std::uint64_t>&, error_code& error) { error = {}; }

    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& error) {
      error = {};
      const std::size_t size = asio::buffer_size(buffers);
      value_.bytes += size;
      if (value_.discard) return size;
      if (value_.bytes > value_.limit) {
        error = http::error::body_limit;
        return 0;
      }
      for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers);
           ++at) {
        const asio::const_buffer part{*at};
        value_.text.append(static_cast<const char*>(part.data()), part.size());
      }
      return size;
    }

    void finish(error_code& error) { error = {}; }

   private:
    value_type& value_;
  };
};

using Parser = http::request_parser<CollectedBody>;

// What Beast lets through although it makes the end of the message a matter of opinion.
const char* framing_problem(const http::request<CollectedBody>& head) {
  const auto hosts = head.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && head.version() >= 11)) return "exactly one Host is needed";
  const auto codings = head.count(http::field::transfer_encoding);
  if (codings == 0) return nullptr;
  const bool only_chunked =
      codings == 1 && beast::iequals(head[http::field::transfer_encoding], "chunked");
  if (!only_chunked || head.version() < 11) return "unsupported Transfer-Encoding";
  return nullptr;
}

void refuse(IncomingRequest& incoming, int status, std::string reason) {
  incoming.outcome = IncomingRequest::Outcome::refuse;
  incoming.refuse_status = status;
  incoming.refuse_reason = std::move(reason);
}

void refuse(IncomingRequest& incoming, error_code error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    refuse(incoming, 431, "the request head is too large");
  else if (error == http::error::body_limit)
    refuse(incoming, 413, "the request body is too large");
  else
    refuse(incoming, 400, "bad request: " + error.message());
}

// Feeds what is buffered; stops after the head when the parser is not eager.
error_code feed(Parser& parser, beast::flat_buffer& buffer) {
  error_code error = http::error::need_more;
  while (buffer.size() > 0) {
    const std::size_t used = parser.put(buffer.data(), error);
    buffer.consume(used);
    if (error || parser.is_done() || used == 0) break;
    if (!parser.eager() && parser.is_header_done()) break;
    error = http::error::need_more;
  }
  return error;
}

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

void take_head(Parser& parser, IncomingRequest& incoming) {
  const auto& head = parser.get();
  incoming.request.method = std::string{view(head.method_string())};
  incoming.request.target = std::string{view(head.target())};
  for (const auto& field : head)
    incoming.request.headers.emplace_back(std::string{view(field.name_string())},
                                          std::string{view(field.value())});
  incoming.keep_alive = head.keep_alive();
  incoming.http_1_1 = head.version() >= 11;
  incoming.is_head = head.method() == http::verb::head;
}

}  // namespace

MessageReader::MessageReader(Stream& stream, const ServerOptions& options)
    : stream_{stream}, options_{options} {}

asio::awaitable<Result<std::size_t>> MessageReader::fill() {
  const asio::mutable_buffer space = buffer_.prepare(read_size);
  const auto got = co_await stream_.read_some(space);
  if (got) buffer_.commit(*got);
  co_return got;
}

asio::awaitable<bool> MessageReader::wait_for_first_byte() {
  if (buffer_.size() > 0) co_return true;
  stream_.expires_at(steady_clock::now() + options_.idle_timeout);
  const auto got = co_await fill();
  co_return got.has_value() && *got > 0;
}

asio::awaitable<IncomingRequest> MessageReader::read_request() {
  IncomingRequest incoming;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options_.head_limit));
  parser.body_limit(boost::none);  // CollectedBody counts for itself: a sink has no limit
  stream_.expires_at(steady_clock::now() + options_.request_timeout);
  bool head_taken = false;
  for (;;) {
    const error_code error = feed(parser, buffer_);
    if (error && error != http::error::need_more) {
      refuse(incoming, error);
      co_return incoming;
    }
    if (parser.is_header_done() && !head_taken) {
      head_taken = true;
      take_head(parser, incoming);
      if (const char* problem = framing_problem(parser.get())) {
        refuse(incoming, 400, problem);
        co_return incoming;
      }
      auto& body = parser.get().body();
      body.limit = options_.body_limit;
      body.discard = options_.discard_body &&
                     options_.discard_body(incoming.request.method, incoming.request.path());
      if (!body.discard && parser.content_length().value_or(0) > options_.body_limit) {
        refuse(incoming, http::error::body_limit);
        co_return incoming;
      }
      const bool waits = beast::iequals(parser.get()[http::field::expect], "100-continue");
      if (waits && !parser.is_done() && buffer_.size() == 0) {
        const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const asio::const_buffer all = asio::buffer(go_on);
        const auto sent = co_await stream_.write_all(all);
        if (!sent) co_return incoming;
      }
      parser.eager(true);
      if (!parser.is_done() && buffer_.size() > 0) continue;
    }
    if (parser.is_done()) break;
    const auto got = co_await fill();
    if (!got || *got == 0) co_return incoming;
    if (options_.discard_body && parser.is_header_done() && parser.get().body().discard)
      stream_.expires_at(steady_clock::now() + options_.request_timeout);
  }
  incoming.request.body = std::move(parser.get().body().text);
  incoming.request.body_bytes = parser.get().body().bytes;
  incoming.outcome = IncomingRequest::Outcome::request;
  co_return incoming;
}

bool may_have_body(int status) {
  return status / 100 != 1 && status != 204 && status != 304;
}

std::string response_head(const ServerResponse& response, const IncomingRequest& incoming,
                          bool keep_alive) {
  const auto reason =
      http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += view(reason);
  head += "\r\n";
  for (const auto& [name, value] : response.headers)
    if (is_writable_header(name, value)) head += name + ": " + value + "\r\n";
  if (may_have_body(response.status)) {
    if (!response.next_chunk)
      head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    else if (response.streamed_length)
      head += "Content-Length: " + std::to_string(*response.streamed_length) + "\r\n";
    else if (incoming.http_1_1)
      head += "Transfer-Encoding: chunked\r\n";
  }
  if (!keep_alive)
    head += "Connection: close\r\n";
  else if (!incoming.http_1_1)
    head += "Connection: keep-alive\r\n";
  head += "\r\n";
  return head;
}

std::string refusal(int status, std::string_view reason) {
  ServerResponse response{status, "text/plain; charset=utf-8", std::string{reason} + "\n"};
  return response_head(response, IncomingRequest{}, false) + response.body;
}

std::string chunk_of(std::string_view piece) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16);
  std::string out(digits.data(), end.ptr);
  out += "\r\n";
  out += piece;
  out += "\r\n";
  return out;
}

}  // namespace transport
