// What is known about one finished request: emitted once per request by the worker that served it,
// turned into an access-log line by the app's recorder on another thread. No key, no query string.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "config/copy_short.hpp"
#include "durable/request_kind.hpp"
#include "proxy/retry.hpp"
#include "routing/select_endpoint.hpp"

namespace proxy {

// A text of bounded size in place; what does not fit is cut.
template <std::size_t Capacity>
class ShortText {
  static_assert(Capacity < 256);

 public:
  ShortText& operator=(std::string_view text) {
    size_ = static_cast<std::uint8_t>(std::min(text.size(), Capacity));
    config::copy_short(bytes_, text.data(), size_);
    return *this;
  }
  operator std::string_view() const { return {bytes_, size_}; }

 private:
  std::uint8_t size_ = 0;
  char bytes_[Capacity];
};

// An attempt that failed, and how.
struct FailedAttempt {
  routing::EndpointId endpoint = routing::no_endpoint;
  AttemptFailureKind kind = AttemptFailureKind::connect;
};

// The first ones of a request; of more than that only the number is known.
struct FailedAttempts {
  static constexpr std::size_t most = 4;
  std::array<FailedAttempt, most> first;
  std::uint8_t count = 0;
  void add(FailedAttempt attempt) {
    if (count < most) first[count++] = attempt;
  }
};

// Fixed size: copied into a per-worker ring without allocation; long texts are cut.
struct RequestRecord {
  std::int64_t wall_us = 0;         // microseconds since 1970, start of the request
  std::uint32_t total_us = 0;       // until the last byte of the answer was handed to the kernel
  std::uint32_t connect_us = 0;     // of the last attempt; 0 for a pooled connection
  std::uint32_t first_byte_us = 0;  // from the start of the last attempt to the answer's head
  std::uint64_t bytes_in = 0, bytes_out = 0;
  routing::EndpointId endpoint = routing::no_endpoint;
  std::uint16_t status = 0;  // 0: the client left before an answer
  std::uint8_t attempts = 0;
  routing::Reason reason = routing::Reason::none;
  durable::RequestKind kind = durable::RequestKind::plain;
  bool client_aborted = false;
  bool unknown_outcome = false;
  FailedAttempts failed;
  ShortText<32> trace;  // trace id (W3C Trace Context), the client's or ours; empty if never sent
  ShortText<11> method;
  ShortText<45> client;  // address
  ShortText<159> path;   // without the query
  ShortText<47> note;    // failure kind of the last failed attempt, or refusal
};

}  // namespace proxy
