// What is known about one finished request: emitted once per request by the worker that served it,
// turned into an access-log line by the app's recorder on another thread. No key, no query string.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "routing/select_endpoint.hpp"

namespace proxy {

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
  std::uint8_t worker = 0;
  bool client_aborted = false;
  bool unknown_outcome = false;
  std::array<char, 12> method{};  // NUL-padded
  std::array<char, 16> kind{};    // plain, start, instance, ...
  std::array<char, 46> client{};  // address text
  std::array<char, 33> trace_id{};
  std::array<char, 160> path{};  // without the query
  std::array<char, 48> note{};   // failure kind of the last failed attempt, or refusal
};

}  // namespace proxy
