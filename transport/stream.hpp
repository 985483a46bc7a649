// One connection of the control plane, plain or TLS behind the same calls, so that HTTP code is
// never a template over the stream: stream.cpp alone instantiates the socket and TLS operations.
// Used by one coroutine at a time, on the executor it was made with; only `close` and `reset` may
// be called (on that executor) while an operation waits, which then fails as `canceled`.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "config/socket_address.hpp"
#include "transport/failure.hpp"
#include "transport/http_client.hpp"
#include "transport/http_server.hpp"

namespace boost::asio::ssl {
class context;
}

namespace transport {

using SharedTlsContext = std::shared_ptr<boost::asio::ssl::context>;

// Throws std::runtime_error that names the file when certificate or key cannot be used.
SharedTlsContext make_server_context(const ServerTls&);

class Stream {
 public:
  // Tries the addresses in order, each with its share of the time left; `tls` null means plain.
  static boost::asio::awaitable<Result<Stream>> connect(
      std::vector<config::SocketAddress> addresses, const ClientTls* tls, TimePoint deadline);

  // The server's side of an accepted socket; with a context, `handshake` comes first.
  Stream(boost::asio::ip::tcp::socket accepted, const SharedTlsContext& context);

  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // Every later operation fails as `timed_out` once this has passed.
  void expires_at(TimePoint deadline);

  boost::asio::awaitable<Result<void>> handshake();  // nothing to do on a plain stream

  // 0 bytes: the peer ended its side properly.
  boost::asio::awaitable<Result<std::size_t>> read_some(boost::asio::mutable_buffer);
  boost::asio::awaitable<Result<void>> write_all(boost::asio::const_buffer);

  boost::asio::awaitable<void> shutdown_send();  // tells the peer that nothing follows
  void close();
  void reset();  // TCP RST instead of FIN

 private:
  class Impl;
  template <class Lower>
  class Over;
  explicit Stream(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace transport
