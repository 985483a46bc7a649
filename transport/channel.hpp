// A non-blocking connection of the data path, plain or TLS: direct reads and writes, and readiness
// reported to a target once per wait. Lives in one event loop, on its thread.
//
// Order of use, which is what keeps the number of system calls down: try first in the middle of a
// message, wait first after a complete one. A wait for reading may stay armed across several writes
// and serves to notice that the peer left.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "config/socket_address.hpp"
#include "transport/event_loop.hpp"

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
  virtual ~ReadinessTarget() = default;
  virtual void on_ready(std::uint8_t bit) = 0;
};

// Its owner closes it and then buries the object that holds it (EventLoop::bury).
class Channel final : public Pollable {
 public:
  explicit Channel(EventLoop& loop) : loop_{loop} {}
  ~Channel() override;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Takes a connected, non-blocking socket. False when it cannot be registered (then it is closed).
  bool adopt(int descriptor);
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
  bool maybe_readable() const { return maybe_readable_; }
  ssl_st* ssl() const { return ssl_; }

  IoResult read(char* into, std::size_t size);
  IoResult peek();  // is there a byte, an end or an error, without consuming it
  IoResult discard(char* scratch, std::size_t size);  // reads past TLS: for bytes nobody wants
  IoResult write(std::span<const iovec> pieces);      // one system call; may take a part

  // One report for each: `on_ready` with the target's bit, never from within the call. What was
  // left unread when reading stopped early counts as ready.
  void arm_read();
  void arm_write() { write_armed_ = true; }
  bool wants_write() const { return wants_write_; }  // TLS needs to write before it can go on

  void shutdown_write();
  enum class How { gentle, reset };
  void close(How how = How::gentle);
  bool open() const { return descriptor_ >= 0; }

 private:
  void on_events(std::uint32_t events) override;
  IoResult tls_result(int returned);
  IoResult tls_read(char* into, std::size_t size);

  EventLoop& loop_;
  ReadinessTarget* target_ = nullptr;
  ssl_st* ssl_ = nullptr;
  int descriptor_ = -1;
  std::uint8_t read_bit_ = 0;
  std::uint8_t write_bit_ = 0;
  bool read_armed_ = false;
  bool write_armed_ = false;
  bool wants_write_ = false;
  bool maybe_readable_ = false;  // an edge was seen and the socket not emptied since
  bool end_seen_ = false;        // the edge of the peer's end, which may come with its last bytes
};

}  // namespace transport
