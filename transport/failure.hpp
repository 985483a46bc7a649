// Why an I/O step did not succeed. Every function of this box that talks to a peer returns
// `result<T>`; nothing throws. The caller adds the side (client, upstream, self) and decides by
// `kind`; `cause` and `detail` are for a log line or a message to the operator, never for
// decisions. Plain value, any thread.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>

namespace transport {

enum class FailureKind {
  resolve,    // the name has no address, or the look-up failed
  connect,    // refused, unreachable: no byte of ours reached anybody
  tls,        // the handshake failed, or the certificate is not acceptable
  timed_out,  // the deadline given by the caller passed
  reset,      // the peer reset the connection
  closed,     // the peer ended the connection before the message was complete
  protocol,   // the peer's bytes are not valid HTTP, or our own message cannot be written as HTTP
  too_large,  // the answer exceeds the caller's limit
  canceled,   // we stopped it ourselves
};

std::string_view to_string(FailureKind);

struct Failure {
  Failure() = default;  // boost::system::result wants one
  Failure(FailureKind kind_in, boost::system::error_code cause_in, std::string detail_in = {})
      : kind{kind_in}, cause{cause_in}, detail{std::move(detail_in)} {}

  FailureKind kind = FailureKind::canceled;
  boost::system::error_code cause;
  std::string detail;  // what was tried: an address, a file name, the verification error
  // Of a request: it failed before its first byte was given to a connection. `kind` cannot tell: a
  // deadline passes, and TLS breaks, before that and after it.
  bool unsent = false;
};

// "connect: Connection refused (127.0.0.1:7071)"
std::string to_string(const Failure&);

template <class T>
using Result = boost::system::result<T, Failure>;

// Makes `Result::value()` usable in tests and start-up code; throws std::runtime_error.
[[noreturn]] void throw_exception_from_error(const Failure&, const boost::source_location&);

}  // namespace transport
