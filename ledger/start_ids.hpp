// Which instance ids have their truth in the start ledger rather than in a hub. Written by the
// ledger's thread, asked by the workers for every request about an instance: an atomic count, then
// one short lock of the id's shard.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

namespace ledger {

class StartIds {
 public:
  void insert(const std::string& id) {
    Shard& shard = shard_of(id);
    const std::lock_guard lock{shard.mutex};
    if (shard.ids.insert(id).second) count_.fetch_add(1, std::memory_order_release);
  }
  void erase(const std::string& id) {
    Shard& shard = shard_of(id);
    const std::lock_guard lock{shard.mutex};
    if (shard.ids.erase(id) != 0) count_.fetch_sub(1, std::memory_order_release);
  }
  bool contains(std::string_view id) const {
    if (count_.load(std::memory_order_acquire) == 0) return false;
    const Shard& shard = shards_[hash(id) % shards_.size()];
    const std::lock_guard lock{shard.mutex};
    return shard.ids.find(id) != shard.ids.end();
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return hash(text); }
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_set<std::string, Hash, std::equal_to<>> ids;
  };
  static std::size_t hash(std::string_view text) { return std::hash<std::string_view>{}(text); }
  Shard& shard_of(std::string_view id) { return shards_[hash(id) % shards_.size()]; }

  std::array<Shard, 16> shards_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace ledger
