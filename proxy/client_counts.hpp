// Requests in flight per client, over all workers, in fixed memory and without a lock: a counter
// per slot, and a client's slot by a keyed hash. Two clients that share a slot share its limit;
// with ten thousand clients at once that happens to about one in twenty-five. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace proxy {

class ClientCounts {
 public:
  using Slot = std::uint32_t;
  static constexpr std::size_t slots = std::size_t{1} << 18;

  static Slot slot_of(std::uint64_t hash) { return static_cast<Slot>(hash >> (64 - 18)); }

  // False: `limit` requests of this slot are under way.
  bool enter(Slot slot, std::uint32_t limit) {
    if (counts_[slot].fetch_add(1, std::memory_order_relaxed) < limit) return true;
    leave(slot);
    return false;
  }
  void leave(Slot slot) { counts_[slot].fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint32_t>, slots> counts_{};
};

}  // namespace proxy
