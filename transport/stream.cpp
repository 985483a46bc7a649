#include "transport/stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <stdexcept>
#include <type_traits>

#include "transport/tcp_address.hpp"

namespace transport {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds close_notify_wait{500};

// The one translation of an error of an established connection.
Failure to_failure(error_code cause, std::string detail) {
  FailureKind kind = FailureKind::reset;
  if (cause == beast::error::timeout)
    kind = FailureKind::timed_out;
  else if (cause == asio::error::operation_aborted || cause == asio::error::bad_descriptor)
    kind = FailureKind::canceled;
  else if (cause == asio::error::eof || cause == ssl::error::stream_truncated)
    kind = FailureKind::closed;
  else if (cause.category() == asio::error::get_ssl_category())
    kind = FailureKind::tls;
  return Failure{kind, cause, std::move(detail)};
}

void require(error_code error, const char* what, const std::string& file) {
  if (error) throw std::runtime_error(std::string{what} + " " + file + ": " + error.message());
}

void load_own_certificate(ssl::context& context, const std::string& certificate,
                          const std::string& key) {
  error_code error;
  context.use_certificate_chain_file(certificate, error);
  require(error, "cannot use certificate file", certificate);
  context.use_private_key_file(key, ssl::context::pem, error);
  require(error, "cannot use key file", key);
}

// Made anew for each connection: system roots are looked up by hash only when needed, so this is
// cheap, and a rotated CA or certificate file counts from the next probe on.
SharedTlsContext make_client_context(const ClientTls& settings) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  error_code error;
  if (!settings.verify) {
    context->set_verify_mode(ssl::verify_none, error);
  } else {
    context->set_verify_mode(ssl::verify_peer, error);
    if (settings.ca_file.empty()) {
      context->set_default_verify_paths(error);
      require(error, "cannot load the system's root certificates", "");
    } else {
      context->load_verify_file(settings.ca_file, error);
      require(error, "cannot load CA file", settings.ca_file);
    }
  }
  if (!settings.certificate_file.empty())
    load_own_certificate(*context, settings.certificate_file, settings.key_file);
  return context;
}

// SNI and the name to verify. An address is verified as such and sends no SNI (RFC 6066).
bool set_peer_name(SSL* handle, const ClientTls& settings) {
  if (settings.server_name.empty()) return !settings.verify;
  error_code not_an_address;
  asio::ip::make_address(settings.server_name, not_an_address);
  const char* name = settings.server_name.c_str();
  if (!not_an_address) {
    return !settings.verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), name) == 1;
  }
  if (SSL_set_tlsext_host_name(handle, name) != 1) return false;
  return !settings.verify || SSL_set1_host(handle, name) == 1;
}

// When to give up on one address so that those after it get their share of the time.
TimePoint share_of(TimePoint deadline, std::size_t addresses_left) {
  if (deadline == TimePoint::max() || addresses_left <= 1) return deadline;
  const TimePoint now = std::chrono::steady_clock::now();
  return now + (deadline - now) / static_cast<std::int64_t>(addresses_left);
}

// By pointer, because a tcp_stream claims to be constructible from anything, a Failure too.
asio::awaitable<Result<std::unique_ptr<beast::tcp_stream>>> connect_first(
    const std::vector<config::SocketAddress>& addresses, TimePoint deadline) {
  Failure last{FailureKind::resolve, {}, "no address to connect to"};
  const auto executor = co_await asio::this_coro::executor;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const tcp::endpoint endpoint = to_endpoint(addresses[i]);
    auto stream = std::make_unique<beast::tcp_stream>(executor);
    stream->expires_at(share_of(deadline, addresses.size() - i));
    const auto [error] = co_await stream->async_connect(endpoint, as_result);
    if (!error) {
      error_code ignored;
      stream->socket().set_option(tcp::no_delay{true}, ignored);
      co_return std::move(stream);
    }
    FailureKind kind = FailureKind::connect;
    if (error == beast::error::timeout) kind = FailureKind::timed_out;
    if (error == asio::error::operation_aborted) kind = FailureKind::canceled;
    last = Failure{kind, error, "connecting to " + text_of(endpoint)};
    if (kind == FailureKind::canceled || std::chrono::steady_clock::now() >= deadline) break;
  }
  co_return last;
}

}  // namespace

SharedTlsContext make_server_context(const ServerTls& settings) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  load_own_certificate(*context, settings.certificate_file, settings.key_file);
  return context;
}

class Stream::Impl {
 public:
  virtual ~Impl() = default;
  virtual beast::tcp_stream& tcp() = 0;
  virtual asio::awaitable<Result<void>> handshake() = 0;
  virtual asio::awaitable<Result<std::size_t>> read_some(asio::mutable_buffer) = 0;
  virtual asio::awaitable<Result<void>> write_all(asio::const_buffer) = 0;
  virtual asio::awaitable<void> shutdown_send() = 0;

  TimePoint deadline = TimePoint::max();
};

template <class Lower>
class Stream::Over final : public Stream::Impl {
 public:
  static constexpr bool is_tls = !std::is_same_v<Lower, beast::tcp_stream>;

  explicit Over(beast::tcp_stream tcp) : lower_{std::move(tcp)} {}
  Over(beast::tcp_stream tcp, SharedTlsContext context, ssl::stream_base::handshake_type role)
      : context_{std::move(context)}, role_{role}, lower_{std::move(tcp), *context_} {}

  beast::tcp_stream& tcp() override { return beast::get_lowest_layer(lower_); }
  Lower& lower() { return lower_; }

  asio::awaitable<Result<void>> handshake() override {
    if constexpr (is_tls) {
      tcp().expires_at(deadline);
      const auto [error] = co_await lower_.async_handshake(role_, as_result);
      if (error) co_return handshake_failure(error);
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<std::size_t>> read_some(asio::mutable_buffer buffer) override {
    if (is_late()) co_return too_late();
    tcp().expires_at(deadline);
    const auto [error, size] = co_await lower_.async_read_some(buffer, as_result);
    if (error == asio::error::eof) co_return std::size_t{0};
    if (error) co_return to_failure(error, "reading");
    co_return size;
  }

  asio::awaitable<Result<void>> write_all(asio::const_buffer buffer) override {
    if (is_late()) co_return too_late();
    tcp().expires_at(deadline);
    const auto [error, size] = co_await asio::async_write(lower_, buffer, as_result);
    static_cast<void>(size);
    if (error) co_return to_failure(error, "writing");
    co_return Result<void>{};
  }

  asio::awaitable<void> shutdown_send() override {
    if constexpr (is_tls) {
      // Sends our close_notify and waits a moment for the peer's; a peer that never answers it
      // must not keep us.
      tcp().expires_at(std::min(deadline, std::chrono::steady_clock::now() + close_notify_wait));
      co_await lower_.async_shutdown(as_result);
    }
    error_code ignored;
    tcp().socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

 private:
  // Asked for each operation, because one that never has to wait never meets its timer.
  bool is_late() const { return std::chrono::steady_clock::now() >= deadline; }
  static Failure too_late() { return Failure{FailureKind::timed_out, beast::error::timeout}; }

  Failure handshake_failure(error_code error) {
    if (error == beast::error::timeout || error == asio::error::operation_aborted)
      return to_failure(error, "TLS handshake");
    std::string why = "TLS handshake";
    if constexpr (is_tls) {
      const long verdict = SSL_get_verify_result(lower_.native_handle());
      if (verdict != X509_V_OK) why = X509_verify_cert_error_string(verdict);
    }
    return Failure{FailureKind::tls, error, why};
  }

  SharedTlsContext context_;  // outlives the stream below
  ssl::stream_base::handshake_type role_ = ssl::stream_base::client;
  Lower lower_;
};

using Plain = beast::tcp_stream;
using Tls = ssl::stream<beast::tcp_stream>;

Stream::Stream(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Stream::Stream(tcp::socket accepted, const SharedTlsContext& context) {
  error_code ignored;
  accepted.set_option(tcp::no_delay{true}, ignored);
  beast::tcp_stream lower{std::move(accepted)};
  if (context) {
    impl_ = std::make_unique<Over<Tls>>(std::move(lower), context, ssl::stream_base::server);
  } else {
    impl_ = std::make_unique<Over<Plain>>(std::move(lower));
  }
}

asio::awaitable<Result<Stream>> Stream::connect(std::vector<config::SocketAddress> addresses,
                                                const ClientTls* tls, TimePoint deadline) {
  SharedTlsContext context;
  if (tls != nullptr) {
    try {
      context = make_client_context(*tls);
    } catch (const std::runtime_error& error) {
      co_return Failure{FailureKind::tls, {}, error.what()};
    }
  }
  auto connected = co_await connect_first(addresses, deadline);
  if (!connected) co_return connected.error();
  if (!context) {
    Stream plain{std::make_unique<Over<Plain>>(std::move(**connected))};
    plain.expires_at(deadline);
    co_return std::move(plain);
  }
  auto over =
      std::make_unique<Over<Tls>>(std::move(**connected), context, ssl::stream_base::client);
  if (!set_peer_name(over->lower().native_handle(), *tls))
    co_return Failure{FailureKind::tls, {}, "no usable server name to verify the certificate with"};
  Stream stream{std::move(over)};
  stream.expires_at(deadline);
  const auto shaken = co_await stream.handshake();
  if (!shaken) co_return shaken.error();
  co_return std::move(stream);
}

void Stream::expires_at(TimePoint deadline) {
  impl_->deadline = deadline;
}

asio::awaitable<Result<void>> Stream::handshake() {
  return impl_->handshake();
}

asio::awaitable<Result<std::size_t>> Stream::read_some(asio::mutable_buffer buffer) {
  return impl_->read_some(buffer);
}

asio::awaitable<Result<void>> Stream::write_all(asio::const_buffer buffer) {
  return impl_->write_all(buffer);
}

asio::awaitable<void> Stream::shutdown_send() {
  return impl_->shutdown_send();
}

void Stream::close() {
  impl_->tcp().close();
}

void Stream::reset() {
  error_code ignored;
  impl_->tcp().socket().set_option(asio::socket_base::linger{true, 0}, ignored);
  impl_->tcp().close();
}

}  // namespace transport
