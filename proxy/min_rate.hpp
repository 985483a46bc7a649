// Whether a client moves its bytes at limits.min_rate while this proxy waits for it. Only the time
// of those waits counts, so that a slow upstream or a quiet stream is nobody's fault, and nothing
// is saved up: however much went quickly before, slowness is borne for the grace time and no
// longer. A plain value of one request and direction; any clock of ticks.
#pragma once

#include <algorithm>
#include <cstdint>

namespace proxy {

class MinRate {
 public:
  static constexpr std::int64_t ticks_per_second = 10;

  // A wait for the client begins, or goes on. `bytes`: moved so far in this direction; `rate`:
  // bytes per second, 0 no limit; `grace`: ticks. Returns in how many ticks the client is too slow
  // if nothing moves.
  std::uint32_t wait(std::uint32_t now, std::uint64_t bytes, std::uint64_t rate,
                     std::uint32_t grace) {
    if (rate == 0) return never;
    // Of one tick, in bytes / ticks_per_second; more than a TiB a second is no limit anybody means.
    const auto cost = static_cast<std::int64_t>(std::min(rate, std::uint64_t{1} << 40));
    const std::int64_t most = cost * grace;
    if (!begun_) {
      begun_ = true;
      left_ = most;
    } else {
      charge(now, cost);
      // What frames a body is not counted with it: the count may seem to go back a little.
      const auto moved = static_cast<std::int64_t>(bytes - bytes_);
      if (moved > 0) left_ = std::min(most, left_ + std::min(moved, most) * ticks_per_second);
    }
    waiting_ = true;
    since_ = now;
    bytes_ = bytes;
    return left_ <= 0 ? 0 : static_cast<std::uint32_t>(std::min<std::int64_t>(left_ / cost, never));
  }

  // It is not the client that is waited for.
  void pause(std::uint32_t now, std::uint64_t rate) {
    if (waiting_) charge(now, static_cast<std::int64_t>(rate));
    waiting_ = false;
  }
  bool waiting() const { return waiting_; }

  static constexpr std::uint32_t never = 1U << 29;

 private:
  void charge(std::uint32_t now, std::int64_t cost) {
    if (waiting_) left_ -= static_cast<std::int64_t>(now - since_) * cost;
  }

  std::int64_t left_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint32_t since_ = 0;
  bool begun_ = false;
  bool waiting_ = false;
};

}  // namespace proxy
