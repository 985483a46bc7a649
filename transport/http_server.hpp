// A small HTTP/1.1 server for the control plane: the admin listener, the stand-in function app and
// the storage process. Bodies are read whole before the handler runs; the data path of the proxy is
// elsewhere. Owned by its application; to be used, and its handler runs, only on the thread that
// runs the given executor. What the handler refers to must outlive the io_context's run.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "transport/headers.hpp"

namespace transport {

struct ServerRequest {
  ServerRequest() = default;

  std::string method;
  std::string target;  // as on the wire, not decoded
  HeaderList headers;
  std::string body;
  std::uint64_t body_bytes = 0;  // also counts a body that was discarded
  std::string peer_address;
  bool peer_is_loopback = false;

  std::string_view path() const;   // the target up to '?'
  std::string_view query() const;  // what follows it
};

// The next piece of a streamed body; nullopt ends it. Called again only after the piece is sent.
using ChunkSource = std::function<boost::asio::awaitable<std::optional<std::string>>()>;

struct ServerResponse {
  ServerResponse() = default;
  ServerResponse(int status_in, std::string content_type, std::string body_in);

  int status = 200;
  HeaderList headers;  // framing and Connection are written by the server
  std::string body;
  ChunkSource next_chunk;                        // when set, replaces `body`
  std::optional<std::uint64_t> streamed_length;  // known length of it; else sent chunked
  bool reset_connection = false;                 // no answer: the connection is reset (TCP RST)
  bool close_connection = false;                 // no answer: the connection is closed in order
};

using ServerHandler = std::function<boost::asio::awaitable<ServerResponse>(ServerRequest)>;

struct ServerTls {
  std::string certificate_file;  // PEM, chain included
  std::string key_file;          // PEM
};

struct ServerOptions {
  ServerOptions() = default;

  std::size_t head_limit = 32 * 1024;    // above it: 431
  std::size_t body_limit = 1024 * 1024;  // above it: 413
  std::size_t max_connections = 1024;    // above it: 503 and closed
  std::chrono::milliseconds idle_timeout{
      60'000};  // between requests; all three close without an answer
  std::chrono::milliseconds request_timeout{30'000};  // first byte of a request to its last
  std::chrono::milliseconds write_timeout{30'000};    // for each piece of an answer
  std::optional<ServerTls> tls;
  // Requests whose body is only counted, without a limit (an upload sink).
  std::function<bool(std::string_view method, std::string_view path)> discard_body;
};

class HttpServer {
 public:
  // Binds and listens at once; throws std::runtime_error (address in use, bad certificate).
  HttpServer(boost::asio::any_io_executor executor, const config::Address& bind,
             ServerHandler handler, ServerOptions options = {});
  ~HttpServer();  // closes what is left
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;   // the real one when asked for port 0
  std::string address() const;  // "127.0.0.1:8081"

  // Stops accepting, closes idle connections and lets the requests in flight finish; then calls
  // `drained` (at once when there are none).
  void stop(std::function<void()> drained = {});

  std::size_t open_connections() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace transport
