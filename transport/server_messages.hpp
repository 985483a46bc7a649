// The messages of HttpServer: reading a request with its limits, writing the head of an answer.
// Private to this box (http_server.cpp); one MessageReader per connection, in its coroutine frame.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <string>
#include <string_view>

#include "transport/http_server.hpp"
#include "transport/stream.hpp"

namespace transport {

struct IncomingRequest {
  IncomingRequest() = default;

  enum class Outcome {
    request,  // `request` is complete
    refuse,   // answer `refuse_status` and close
    gone,     // the peer is gone: nothing to answer
  };
  Outcome outcome = Outcome::gone;
  int refuse_status = 400;
  std::string refuse_reason;
  ServerRequest request;
  bool keep_alive = false;
  bool http_1_1 = true;
  bool is_head = false;
};

class MessageReader {
 public:
  MessageReader(Stream& stream, const ServerOptions& options);

  bool has_buffered_bytes() const { return buffer_.size() > 0; }  // a pipelined request
  // Waits, idle, until something comes. False: the peer closed, or the idle timeout passed.
  boost::asio::awaitable<bool> wait_for_first_byte();
  boost::asio::awaitable<IncomingRequest> read_request();

 private:
  boost::asio::awaitable<Result<std::size_t>> fill();

  Stream& stream_;
  const ServerOptions& options_;
  boost::beast::flat_buffer buffer_;
};

bool may_have_body(int status);
std::string response_head(const ServerResponse&, const IncomingRequest&, bool keep_alive);
std::string refusal(int status, std::string_view reason);  // a whole answer that says "close"
std::string chunk_of(std::string_view piece);

}  // namespace transport
