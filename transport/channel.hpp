// A non-blocking connection of the data path, plain or TLS: direct reads and writes, and one wait
// per direction that reports readiness to its target. Lives on one worker thread.
//
// Order of use, which is what keeps the number of system calls down: try first in the middle of a
// message, wait first after a complete one. A wait for reading may stay armed across several writes
// and serves to notice that the peer left.
//
// Lifetime: a channel may be destroyed only when `busy()` is false. After `close` the target's
// `on_closed` is called once the last wait has come back (not when none was pending).
#pragma once

#include <sys/uio.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

#include "config/socket_address.hpp"

struct ssl_st;

namespace transport {

enum class IoStatus : std::uint8_t { ok, would_block, end, error };

struct IoResult {
  IoStatus status = IoStatus::ok;
  std::size_t bytes = 0;
  int error = 0;  // errno, or 0 for a TLS protocol error
};

class ReadinessTarget {
 public:
  virtual void on_ready(std::uint8_t bit) = 0;
  virtual void on_closed() = 0;

 protected:
  ~ReadinessTarget() = default;
};

class Channel {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;

  explicit Channel(boost::asio::io_context& io) : socket_{io.get_executor()} {}
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Takes a connected, non-blocking socket. False when it cannot be registered (then it is closed).
  bool adopt(int descriptor, bool v6);
  // Starts a non-blocking connect: ok, would_block (wait for writing, then `connect_result`),
  // error.
  IoResult connect(const config::SocketAddress& address);
  int connect_result() const;  // 0 or errno

  void set_target(ReadinessTarget* target, std::uint8_t read_bit, std::uint8_t write_bit) {
    target_ = target;
    read_bit_ = read_bit;
    write_bit_ = write_bit;
  }

  // TLS: takes ownership of a fresh SSL with its connect or accept state set.
  bool start_tls(ssl_st* ssl);
  IoResult handshake();  // ok when done; would_block: wait as `wants_write` says
  bool tls() const { return ssl_ != nullptr; }
  ssl_st* ssl() const { return ssl_; }

  IoResult read(char* into, std::size_t size);
  IoResult peek();  // is there a byte, an end or an error, without consuming it
  IoResult discard(char* scratch, std::size_t size);  // reads past TLS: for bytes nobody wants
  IoResult write(std::span<const iovec> pieces);  // one system call; may take a part
  bool has_buffered_input() const;                // TLS holds bytes that the kernel no longer shows

  void arm_read();
  void arm_write();
  bool read_armed() const { return read_armed_; }
  bool write_armed() const { return write_armed_; }
  bool wants_write() const { return wants_write_; }  // TLS needs to write before it can go on

  void shutdown_write();
  enum class How { gentle, reset };
  void close(How how = How::gentle);
  bool open() const { return open_; }
  bool busy() const { return read_armed_ || write_armed_; }
  int descriptor() { return socket_.native_handle(); }

 private:
  struct ReadHandler;
  struct WriteHandler;
  friend struct ReadHandler;
  friend struct WriteHandler;

  void on_wait(bool reading);
  IoResult tls_result(int returned);

  // The read wait's operation lives here, so that waiting allocates nothing; sized for Asio 1.26's
  // reactive_wait_op with our one-pointer handler (a larger one falls back to the heap).
  alignas(16) std::byte read_operation_[128];
  Socket socket_;
  ReadinessTarget* target_ = nullptr;
  ssl_st* ssl_ = nullptr;
  std::uint8_t read_bit_ = 0;
  std::uint8_t write_bit_ = 0;
  bool read_armed_ = false;
  bool write_armed_ = false;
  bool wants_write_ = false;
  bool read_operation_used_ = false;
  bool open_ = false;
};

}  // namespace transport
