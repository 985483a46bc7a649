#include "transport/channel.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

namespace transport {
namespace {

namespace asio = boost::asio;

constexpr std::size_t tls_record = 16 * 1024;

void set_no_delay(int descriptor) {
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

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

// Asio allocates its wait operation through the handler's allocator: ours hands out the slot inside
// the channel. The operation is freed before the handler runs, so a handler may wait again at once.
template <class T>
class SlotAllocator {
 public:
  using value_type = T;
  SlotAllocator(std::byte* slot, std::size_t size, bool* used)
      : slot_{slot}, size_{size}, used_{used} {}
  template <class U>
  SlotAllocator(const SlotAllocator<U>& other)
      : slot_{other.slot_}, size_{other.size_}, used_{other.used_} {}

  T* allocate(std::size_t count) {
    if (!*used_ && count * sizeof(T) <= size_) {
      *used_ = true;
      return reinterpret_cast<T*>(slot_);
    }
    return static_cast<T*>(::operator new(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t) {
    if (reinterpret_cast<std::byte*>(memory) == slot_) {
      *used_ = false;
    } else {
      ::operator delete(static_cast<void*>(memory));
    }
  }
  template <class U>
  bool operator==(const SlotAllocator<U>& other) const {
    return slot_ == other.slot_;
  }

  std::byte* slot_;
  std::size_t size_;
  bool* used_;
};

struct Channel::ReadHandler {
  Channel* channel;
  using allocator_type = SlotAllocator<void*>;
  allocator_type get_allocator() const noexcept {
    return {channel->read_operation_, sizeof channel->read_operation_,
            &channel->read_operation_used_};
  }
  void operator()(const boost::system::error_code&) const { channel->on_wait(true); }
};

struct Channel::WriteHandler {
  Channel* channel;
  void operator()(const boost::system::error_code&) const { channel->on_wait(false); }
};

Channel::~Channel() {
  if (ssl_) SSL_free(ssl_);
}

bool Channel::adopt(int descriptor, bool v6) {
  boost::system::error_code failed;
  socket_.assign(v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), descriptor, failed);
  if (failed) {
    ::close(descriptor);
    return false;
  }
  set_no_delay(descriptor);
  open_ = true;
  return true;
}

IoResult Channel::connect(const config::SocketAddress& address) {
  const int descriptor = ::socket(address.v6 ? AF_INET6 : AF_INET,
                                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) return {IoStatus::error, 0, errno};
  if (!adopt(descriptor, address.v6)) return {IoStatus::error, 0, EMFILE};
  sockaddr_storage storage;
  const socklen_t size = to_sockaddr(address, storage);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&storage), size) == 0) return {};
  if (errno == EINPROGRESS) return {IoStatus::would_block, 0, 0};
  return {IoStatus::error, 0, errno};
}

int Channel::connect_result() const {
  int error = 0;
  socklen_t size = sizeof error;
  auto& socket = const_cast<Socket&>(socket_);
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

bool Channel::start_tls(ssl_st* ssl) {
  ssl_ = ssl;
  return SSL_set_fd(ssl, socket_.native_handle()) == 1;
}

IoResult Channel::tls_result(int returned) {
  wants_write_ = false;
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
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
    return {};
  }
  return tls_result(done);
}

IoResult Channel::read(char* into, std::size_t size) {
  if (!ssl_) {
    const ssize_t got = ::recv(socket_.native_handle(), into, size, 0);
    if (got > 0) return {IoStatus::ok, static_cast<std::size_t>(got), 0};
    if (got == 0) return {IoStatus::end, 0, 0};
    return from_errno();
  }
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
    if (!SSL_has_pending(ssl_)) break;
  }
  return {IoStatus::ok, filled, 0};
}

IoResult Channel::peek() {
  char byte;
  if (ssl_) {
    ERR_clear_error();
    const int got = SSL_peek(ssl_, &byte, 1);
    if (got > 0) return {IoStatus::ok, 1, 0};
    return tls_result(got);
  }
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK);
  if (got > 0) return {IoStatus::ok, 1, 0};
  if (got == 0) return {IoStatus::end, 0, 0};
  return from_errno();
}

IoResult Channel::discard(char* scratch, std::size_t size) {
  const ssize_t got = ::recv(socket_.native_handle(), scratch, size, 0);
  if (got > 0) return {IoStatus::ok, static_cast<std::size_t>(got), 0};
  if (got == 0) return {IoStatus::end, 0, 0};
  return from_errno();
}

IoResult Channel::write(std::span<const iovec> pieces) {
  if (!ssl_) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
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

bool Channel::has_buffered_input() const {
  return ssl_ && SSL_has_pending(ssl_);
}

void Channel::arm_read() {
  if (read_armed_ || !open_) return;
  read_armed_ = true;
  socket_.async_wait(Socket::wait_read, ReadHandler{this});
}

void Channel::arm_write() {
  if (write_armed_ || !open_) return;
  write_armed_ = true;
  socket_.async_wait(Socket::wait_write, WriteHandler{this});
}

void Channel::on_wait(bool reading) {
  (reading ? read_armed_ : write_armed_) = false;
  if (!open_) {
    if (!busy() && target_) target_->on_closed();
    return;
  }
  if (target_) target_->on_ready(reading ? read_bit_ : write_bit_);
}

void Channel::shutdown_write() {
  if (!open_) return;
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

void Channel::close(How how) {
  if (!open_) return;
  open_ = false;
  if (how == How::reset) {
    const linger at_once{1, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  } else if (ssl_ && SSL_is_init_finished(ssl_)) {
    ERR_clear_error();
    SSL_shutdown(ssl_);  // close_notify, so that the peer can tell an end from a cut
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace transport
