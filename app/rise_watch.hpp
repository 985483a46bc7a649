// Whether a count that only grows has grown lately, per endpoint. Control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

#include "health/status.hpp"

namespace app {

class RiseWatch {
 public:
  using TimePoint = health::TimePoint;
  explicit RiseWatch(std::chrono::seconds window) : window_{window} {}

  void sample(health::EndpointId id, std::uint64_t total, TimePoint now) {
    Seen& seen = seen_[id];
    if (total > seen.total) seen.rose_at = now;
    seen.total = total;
  }
  bool risen(health::EndpointId id, TimePoint now) const {
    const auto found = seen_.find(id);
    return found != seen_.end() && found->second.rose_at && now - *found->second.rose_at < window_;
  }

 private:
  struct Seen {
    std::uint64_t total = 0;
    std::optional<TimePoint> rose_at;
  };
  std::chrono::seconds window_;
  std::map<health::EndpointId, Seen> seen_;
};

}  // namespace app
