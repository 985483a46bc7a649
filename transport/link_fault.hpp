// What can be wrong with a link (link.hpp), and how an operator writes it. Plain values, any
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace transport {

enum class LinkMode {
  forward,
  refuse,     // does not listen; what is open is reset
  reset,      // accepts, and resets at the first byte; what is open is reset (with `times`, at its
              // next byte)
  blackhole,  // accepts; bytes and ends vanish, in both directions, until healed: then they arrive
  answer,     // cleartext HTTP only: each request gets `status`; nothing reaches the peer
};

struct LinkFault {
  LinkFault() = default;

  LinkMode mode = LinkMode::forward;
  std::chrono::milliseconds delay{0}, jitter{0};  // of each direction
  std::uint64_t rate = 0;                         // bytes a second in each direction; 0: no limit
  std::uint64_t cut_after = 0;  // reset an answer's connection after so many bytes; 0: never
  std::chrono::milliseconds first_byte_delay{0};  // of what the peer says first after a request
  int status = 503;                               // of `answer`
  std::string path;        // `answer`: requests that begin with it; the others are forwarded
  std::int64_t times = 0;  // answer, reset, cut_after: so often, then forward; 0: no limit

  bool operator==(const LinkFault&) const = default;
};

std::string_view to_string(LinkMode);

// Sets one value by its name and text, as in "delay" and "300ms": "" or what is wrong and what to
// write instead.
std::string set_link_value(LinkFault& fault, std::string_view name, std::string_view text);

// Values that have no meaning without each other: "" or the problem.
std::string check_link_fault(const LinkFault& fault);

// All that is not as in a good link, as it would be written: "mode=blackhole delay=300ms".
std::string describe(const LinkFault& fault);

}  // namespace transport
