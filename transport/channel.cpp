#include "transport/channel.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace transport {
namespace {

constexpr std::size_t tls_record = 16 * 1024;

void set_no_delay(int descriptor) {
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// In a process with threads, glibc makes these two cancellation points, which costs as much as the
// rest of a Channel's work on them; no thread here is ever cancelled. Sanitizers watch glibc's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__) || \
    !defined(SYS_recvfrom)
ssize_t receive(int descriptor, char* into, std::size_t size) {
  return ::recv(descriptor, into, size, 0);
}
ssize_t send(int descriptor, const msghdr& message) {
  return ::sendmsg(descriptor, &message, MSG_NOSIGNAL);
}
#else
ssize_t receive(int descriptor, char* into, std::size_t size) {
  return ::syscall(SYS_recvfrom, descriptor, into, size, 0, nullptr, nullptr);
}
ssize_t send(int descriptor, const msghdr& message) {
  return ::syscall(SYS_sendmsg, descriptor, &message, MSG_NOSIGNAL);
}
#endif

IoResult from_errno() {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoStatus::would_block, 0, 0};
  return {IoStatus::error, 0, errno};
}

socklen_t to_sockaddr(const config::SocketAddress& address, sockaddr_storage& storage) {
  if (address.v6) {
    auto* v6 = new (&storage) sockaddr_in6{};
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    v6->sin6_scope_id = address.scope;
    std::memcpy(&v6->sin6_addr, address.bytes.data(), 16);
    return sizeof(sockaddr_in6);
  }
  auto* v4 = new (&storage) sockaddr_in{};
  v4->sin_family = AF_INET;
  v4->sin_port = htons(address.port);
  std::memcpy(&v4->sin_addr, address.bytes.data(), 4);
  return sizeof(sockaddr_in);
}

}  // namespace

Channel::~Channel() {
  if (ssl_) SSL_free(ssl_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool Channel::adopt(int descriptor) {
  constexpr std::uint32_t edges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  if (!loop_.add(descriptor, edges, *this)) {
    ::close(descriptor);
    return false;
  }
  set_no_delay(descriptor);
  descriptor_ = descriptor;
  return true;
}

IoResult Channel::connect(const config::SocketAddress& address) {
  const int descriptor = ::socket(address.v6 ? AF_INET6 : AF_INET,
                                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) return {IoStatus::error, 0, errno};
  if (!adopt(descriptor)) return {IoStatus::error, 0, EMFILE};
  sockaddr_storage storage;
  const socklen_t size = to_sockaddr(address, storage);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&storage), size) == 0) return {};
  if (errno == EINPROGRESS) return {IoStatus::would_block, 0, 0};
  return {IoStatus::error, 0, errno};
}

int Channel::connect_result() const {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

bool Channel::start_tls(ssl_st* ssl) {
  ssl_ = ssl;
  return SSL_set_fd(ssl, descriptor_) == 1;
}

IoResult Channel::tls_result(int returned) {
  wants_write_ = false;
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
      maybe_readable_ = false;
      return {IoStatus::would_block, 0, 0};
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return {IoStatus::would_block, 0, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {IoStatus::end, 0, 0};
    case SSL_ERROR_SYSCALL:
      return {IoStatus::error, 0, errno ? errno : ECONNRESET};
    default:
      return {IoStatus::error, 0, 0};
  }
}

IoResult Channel::handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  if (done == 1) {
    wants_write_ = false;
    maybe_readable_ = true;  // OpenSSL may have read more than the handshake
    return {};
  }
  return tls_result(done);
}

// A plain read that brings less than was asked for has emptied the socket: what comes later raises
// an edge, except for an end whose edge was the same as that of the last bytes. OpenSSL reads
// ahead, so with TLS only WANT_READ says so.
IoResult Channel::read(char* into, std::size_t size) {
  if (ssl_) return tls_read(into, size);
  const ssize_t got = receive(descriptor_, into, size);
  maybe_readable_ = got == 0 || got == static_cast<ssize_t>(size) || (got > 0 && end_seen_);
  if (got > 0) return {IoStatus::ok, static_cast<std::size_t>(got), 0};
  if (got == 0) return {IoStatus::end, 0, 0};
  return from_errno();
}

IoResult Channel::tls_read(char* into, std::size_t size) {
  maybe_readable_ = true;
  std::size_t filled = 0;  // several records in one go, so that one send can carry them
  while (filled < size) {
    ERR_clear_error();
    const int chunk = static_cast<int>(std::min<std::size_t>(size - filled, 1 << 30));
    const int got = SSL_read(ssl_, into + filled, chunk);
    if (got <= 0) {
      const IoResult result = tls_result(got);
      if (filled > 0) break;  // an end or an error shows again on the next call
      return result;
    }
    filled += static_cast<std::size_t>(got);
  }
  return {IoStatus::ok, filled, 0};
}

IoResult Channel::peek() {
  char byte = 0;
  if (ssl_) {
    ERR_clear_error();
    const int got = SSL_peek(ssl_, &byte, 1);
    if (got > 0) return {IoStatus::ok, 1, 0};
    return tls_result(got);
  }
  const ssize_t got = ::recv(descriptor_, &byte, 1, MSG_PEEK);
  if (got > 0) return {IoStatus::ok, 1, 0};
  if (got == 0) return {IoStatus::end, 0, 0};
  maybe_readable_ = false;
  return from_errno();
}

IoResult Channel::discard(char* scratch, std::size_t size) {
  const ssize_t got = ::recv(descriptor_, scratch, size, 0);
  if (got < 0) maybe_readable_ = false;
  if (got > 0) return {IoStatus::ok, static_cast<std::size_t>(got), 0};
  if (got == 0) return {IoStatus::end, 0, 0};
  return from_errno();
}

IoResult Channel::write(std::span<const iovec> pieces) {
  if (!ssl_) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    const ssize_t sent = send(descriptor_, message);
    if (sent >= 0) return {IoStatus::ok, static_cast<std::size_t>(sent), 0};
    return from_errno();
  }
  std::size_t total = 0;
  for (const iovec& piece : pieces) total += piece.iov_len;
  std::size_t sent = 0;
  const auto push = [&](const char* data, std::size_t size) -> IoResult {
    ERR_clear_error();
    const int wrote = SSL_write(ssl_, data, static_cast<int>(std::min<std::size_t>(size, 1 << 30)));
    if (wrote <= 0) return tls_result(wrote);
    return {IoStatus::ok, static_cast<std::size_t>(wrote), 0};
  };
  if (pieces.size() > 1 && total <= tls_record) {  // head and small body in one record
    thread_local std::array<char, tls_record> joined;
    std::size_t filled = 0;
    for (const iovec& piece : pieces) {
      std::memcpy(joined.data() + filled, piece.iov_base, piece.iov_len);
      filled += piece.iov_len;
    }
    return push(joined.data(), filled);
  }
  for (const iovec& piece : pieces) {
    const char* data = static_cast<const char*>(piece.iov_base);
    std::size_t left = piece.iov_len;
    while (left > 0) {
      const IoResult step = push(data, left);
      if (step.status != IoStatus::ok) {
        if (sent > 0) return {IoStatus::ok, sent, 0};
        return step;
      }
      data += step.bytes;
      left -= step.bytes;
      sent += step.bytes;
    }
  }
  return {IoStatus::ok, sent, 0};
}

void Channel::arm_read() {
  if (read_armed_ || descriptor_ < 0) return;
  read_armed_ = true;
  if (maybe_readable_) loop_.again(*this);
}

void Channel::on_events(std::uint32_t events) {
  if (descriptor_ < 0) return;
  constexpr std::uint32_t readable = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  constexpr std::uint32_t writable = EPOLLOUT | EPOLLHUP | EPOLLERR;
  if (events & readable) maybe_readable_ = true;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) end_seen_ = true;
  std::uint8_t bits = 0;
  if (read_armed_ && maybe_readable_ && (events & readable)) {
    read_armed_ = false;
    bits = read_bit_;
  }
  if (write_armed_ && (events & writable)) {
    write_armed_ = false;
    bits = static_cast<std::uint8_t>(bits | write_bit_);
  }
  if (bits != 0 && target_) target_->on_ready(bits);
}

void Channel::shutdown_write() {
  if (descriptor_ < 0) return;
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
  ::shutdown(descriptor_, SHUT_WR);
}

void Channel::close(How how) {
  if (descriptor_ < 0) return;
  if (how == How::reset) {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  } else if (ssl_ && SSL_is_init_finished(ssl_)) {
    ERR_clear_error();
    SSL_shutdown(ssl_);  // close_notify, so that the peer can tell an end from a cut
  }
  ::close(std::exchange(descriptor_, -1));
}

}  // namespace transport
