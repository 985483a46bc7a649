#include "transport/http_server.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <stdexcept>

#include "transport/server_messages.hpp"
#include "transport/spawn.hpp"
#include "transport/stream.hpp"
#include "transport/tcp_address.hpp"

namespace transport {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds pause_without_descriptors{100};
constexpr std::chrono::seconds linger_time{2};
constexpr std::size_t linger_bytes = 4 * 1024 * 1024;

// One accepted connection; lives in its session's coroutine frame.
struct Connection {
  Connection(tcp::socket socket, const SharedTlsContext& context)
      : stream{std::move(socket), context} {}
  Stream stream;
  bool busy = true;  // between the first byte of a request and the last one of its answer
};

// After a refusal part of the request may be unread; closing now would reset the connection and
// could take the answer with it. So: our end is shut, and what still comes is thrown away a while.
asio::awaitable<void> close_gently(Stream& stream) {
  stream.expires_at(steady_clock::now() + linger_time);
  co_await stream.shutdown_send();
  std::string scratch(16 * 1024, '\0');
  for (std::size_t total = 0; total < linger_bytes;) {
    const asio::mutable_buffer space = asio::buffer(scratch);
    const auto got = co_await stream.read_some(space);
    if (!got || *got == 0) break;
    total += *got;
  }
  stream.close();
}

}  // namespace

ServerResponse::ServerResponse(int status_in, std::string content_type, std::string body_in)
    : status{status_in}, body{std::move(body_in)} {
  headers.emplace_back("Content-Type", std::move(content_type));
}

std::string_view ServerRequest::path() const {
  return std::string_view{target}.substr(0, target.find('?'));
}

std::string_view ServerRequest::query() const {
  const auto mark = target.find('?');
  return mark == std::string::npos ? std::string_view{} : std::string_view{target}.substr(mark + 1);
}

struct HttpServer::Impl {
  Impl(asio::any_io_executor executor_in, const config::Address& bind, ServerHandler handler_in,
       ServerOptions options_in)
      : executor{std::move(executor_in)},
        handler{std::move(handler_in)},
        options{std::move(options_in)},
        acceptor{executor} {
    if (options.tls) context = make_server_context(*options.tls);
    listen(to_endpoint(bind));
  }

  void listen(const tcp::endpoint& endpoint) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
      throw std::runtime_error("cannot listen on " + text_of(endpoint) + ": " + error.message());
    local = acceptor.local_endpoint(error);
  }

  // `self` keeps this alive from the call on: a coroutine may begin after the server has gone.
  asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self);
  asio::awaitable<void> session(std::shared_ptr<Impl> self, tcp::socket socket, tcp::endpoint peer);
  asio::awaitable<void> serve(Connection& connection, std::string peer, bool loopback);
  asio::awaitable<bool> answer(Connection& connection, const IncomingRequest& incoming,
                               ServerResponse response);
  asio::awaitable<bool> stream_body(Stream& stream, const ServerResponse& response, bool chunked);
  asio::awaitable<Result<void>> send(Stream& stream, const std::string& bytes);
  void session_ended(Connection& connection);
  void close_all();

  asio::any_io_executor executor;
  ServerHandler handler;
  ServerOptions options;
  SharedTlsContext context;
  tcp::acceptor acceptor;
  tcp::endpoint local;
  std::set<Connection*> connections;
  bool stopping = false;
  std::function<void()> drained;
};

asio::awaitable<void> HttpServer::Impl::accept_loop(std::shared_ptr<Impl> self) {
  asio::steady_timer pause{executor};
  while (!stopping) {
    error_code error;
    tcp::socket socket{executor};
    tcp::endpoint peer;  // asked for here: a connection that was reset meanwhile has none later
    co_await acceptor.async_accept(socket, peer, asio::redirect_error(asio::use_awaitable, error));
    if (stopping) break;
    if (!error) {
      spawn(executor, "http server session", session(self, std::move(socket), peer));
      continue;
    }
    // Out of descriptors or the like: wait for some to be returned rather than spin.
    pause.expires_after(pause_without_descriptors);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

asio::awaitable<void> HttpServer::Impl::session([[maybe_unused]] std::shared_ptr<Impl> self,
                                                tcp::socket socket, tcp::endpoint peer) {
  Connection connection{std::move(socket), context};
  if (stopping) co_return;
  connections.insert(&connection);
  struct Leave {
    Impl& impl;
    Connection& connection;
    ~Leave() { impl.session_ended(connection); }
  };
  const Leave leave{*this, connection};

  connection.stream.expires_at(steady_clock::now() + options.request_timeout);
  const auto shaken = co_await connection.stream.handshake();
  if (!shaken) co_return;
  if (connections.size() > options.max_connections) {
    const std::string full = refusal(503, "too many connections");
    co_await send(connection.stream, full);
    co_await close_gently(connection.stream);
    co_return;
  }
  co_await serve(connection, peer.address().to_string(), peer.address().is_loopback());
}

asio::awaitable<void> HttpServer::Impl::serve(Connection& connection, std::string peer,
                                              bool loopback) {
  MessageReader reader{connection.stream, options};
  for (;;) {
    connection.busy = reader.has_buffered_bytes();
    if (stopping && !connection.busy) break;
    const bool more = co_await reader.wait_for_first_byte();
    if (!more) break;
    connection.busy = true;
    IncomingRequest incoming = co_await reader.read_request();
    if (incoming.outcome == IncomingRequest::Outcome::gone) break;
    if (incoming.outcome == IncomingRequest::Outcome::refuse) {
      const std::string text = refusal(incoming.refuse_status, incoming.refuse_reason);
      const auto sent = co_await send(connection.stream, text);
      if (sent) co_await close_gently(connection.stream);
      break;
    }
    incoming.request.peer_address = peer;
    incoming.request.peer_is_loopback = loopback;
    ServerResponse response = co_await handler(std::move(incoming.request));
    if (response.reset_connection) {
      connection.stream.reset();
      co_return;
    }
    if (response.close_connection) break;
    const bool keep = co_await answer(connection, incoming, std::move(response));
    if (!keep) break;
  }
  co_await connection.stream.shutdown_send();
  connection.stream.close();
}

// True when the connection can carry another request.
asio::awaitable<bool> HttpServer::Impl::answer(Connection& connection,
                                               const IncomingRequest& incoming,
                                               ServerResponse response) {
  const bool streams = static_cast<bool>(response.next_chunk);
  const bool chunked = streams && !response.streamed_length && incoming.http_1_1;
  // A 1.0 client can only learn the end of a stream of unknown length from our closing.
  const bool open_ended = streams && !response.streamed_length && !incoming.http_1_1;
  const bool keep = incoming.keep_alive && !open_ended && !stopping;
  std::string wire = response_head(response, incoming, keep);
  const bool has_body = !incoming.is_head && may_have_body(response.status);
  if (has_body && !streams) wire += response.body;
  const auto sent = co_await send(connection.stream, wire);
  if (!sent) co_return false;
  if (has_body && streams) {
    const bool complete = co_await stream_body(connection.stream, response, chunked);
    if (!complete) {
      connection.stream.reset();  // the client must not take it for the whole
      co_return false;
    }
  }
  co_return keep;
}

asio::awaitable<bool> HttpServer::Impl::stream_body(Stream& stream, const ServerResponse& response,
                                                    bool chunked) {
  std::uint64_t total = 0;
  for (;;) {
    const std::optional<std::string> piece = co_await response.next_chunk();
    if (!piece) break;
    if (piece->empty()) continue;
    total += piece->size();
    const std::string framed = chunked ? chunk_of(*piece) : *piece;
    const auto sent = co_await send(stream, framed);
    if (!sent) co_return false;
  }
  if (chunked) {
    const std::string last = "0\r\n\r\n";
    const auto sent = co_await send(stream, last);
    co_return sent.has_value();
  }
  co_return !response.streamed_length || *response.streamed_length == total;
}

asio::awaitable<Result<void>> HttpServer::Impl::send(Stream& stream, const std::string& bytes) {
  stream.expires_at(steady_clock::now() + options.write_timeout);
  const asio::const_buffer all = asio::buffer(bytes);
  return stream.write_all(all);
}

void HttpServer::Impl::session_ended(Connection& connection) {
  connections.erase(&connection);
  if (!stopping || !connections.empty() || !drained) return;
  const auto tell = std::move(drained);
  drained = nullptr;
  tell();
}

void HttpServer::Impl::close_all() {
  for (Connection* connection : connections) connection->stream.close();
}

HttpServer::HttpServer(asio::any_io_executor executor, const config::Address& bind,
                       ServerHandler handler, ServerOptions options)
    : impl_{std::make_shared<Impl>(std::move(executor), bind, std::move(handler),
                                   std::move(options))} {
  spawn(impl_->executor, "http server accept", impl_->accept_loop(impl_));
}

HttpServer::~HttpServer() {
  stop();
  impl_->drained = nullptr;
  impl_->close_all();
}

std::uint16_t HttpServer::port() const {
  return impl_->local.port();
}

std::string HttpServer::address() const {
  return text_of(impl_->local);
}

std::size_t HttpServer::open_connections() const {
  return impl_->connections.size();
}

void HttpServer::stop(std::function<void()> drained) {
  impl_->stopping = true;
  error_code ignored;
  impl_->acceptor.close(ignored);
  for (Connection* connection : impl_->connections)
    if (!connection->busy) connection->stream.close();
  if (impl_->connections.empty()) {
    if (drained) drained();
    return;
  }
  impl_->drained = std::move(drained);
}

}  // namespace transport
