// The directory's memory: a bounded, sharded hash table of instances. A full shard drops the entry
// that was learned longest ago. Any thread; a shard's lock is held for one look-up.
// About 130 bytes per entry for an id of 32 characters: an entry is one allocation with its key
// behind it, names are numbers, and the entry is its own list node.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "ledger/instance.hpp"
#include "ledger/name_table.hpp"
#include "ledger/store.hpp"

namespace ledger {

class InstanceTable {
 public:
  static constexpr std::int64_t provisional_ms = 60'000;
  static constexpr std::size_t longest_key = 1024;  // ids end at 256, entities at twice that

  // What must reach the disk, called under the shard's lock so that one key's changes stay in
  // order; nothing: forgotten. False when it cannot be taken: the entry is marked and given again
  // by collect_unsaved.
  using Save = std::function<bool(std::string_view key, const Instance*, Row)>;

  struct Options {
    std::size_t max_entries = 1'000'000;
    std::chrono::milliseconds retention = std::chrono::hours{30 * 24};
    std::uint64_t hash_key[2] = {};
    std::int64_t first_row = 1;  // above all that were given before
  };
  InstanceTable(const Options&, Save);
  ~InstanceTable();
  InstanceTable(const InstanceTable&) = delete;
  InstanceTable& operator=(const InstanceTable&) = delete;

  std::optional<Instance> find(std::string_view key, std::int64_t now) const;
  bool learn(std::string_view key, const Instance& fact, std::int64_t now);
  void learn_start(std::string_view key, const Instance& fact, std::int64_t sent_ms,
                   std::int64_t now);
  Place place_if_absent(std::string_view key, Place place, std::int64_t now);
  bool forget(std::string_view key, std::optional<Place> only_if_at);  // true: it was known

  // From disk, newest first; what is known already stays. False: the shard is full.
  bool load(std::string_view key, const Instance&, std::int64_t row, std::int64_t now);
  // Hands up to `most` entries that `save` refused to `take`, which may not call back. True: more
  // are waiting.
  bool collect_unsaved(std::size_t most,
                       const std::function<void(std::string_view key, const Instance&, Row)>& take);

  // Those that are not known to have ended and live at a place that is `wanted`; entities never
  // end. Each shard is locked while it is walked: neither function may call back.
  void for_each_unfinished(
      std::int64_t now, const std::function<bool(Place)>& wanted,
      const std::function<void(std::string_view key, const Instance&)>& take) const;

  NameTable& places() { return places_; }
  const NameTable& places() const { return places_; }
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  std::uint64_t evicted() const { return evicted_.load(std::memory_order_relaxed); }

 private:
  struct Node;
  struct Shard;

  Shard& shard_of(std::uint64_t hash) const;
  std::uint64_t hash_of(std::string_view key) const;
  bool is_live(const Node&, std::int64_t now) const;
  Instance read(const Node&) const;
  void store(Node&, const Instance&);
  Node* insert(Shard&, std::string_view key, std::uint64_t hash, const Instance&, bool newest);
  void remove(Shard&, Node*);
  void drop(Shard&, Node*);  // from disk as well; nothing: nothing to do
  void make_room(Shard&, std::int64_t now);
  // What take_fact made of an entry; `before` is what it was.
  void update(Shard&, Node&, const Instance& before, Instance after, std::int64_t now);
  void save(Node&, const Instance&);
  bool is_worth_saving(const Instance& before, const Instance& after) const;

  const std::uint64_t hash_key_[2];
  const std::int64_t retention_ms_;
  const Save save_;
  std::size_t shard_count_;
  std::size_t most_per_shard_;
  std::unique_ptr<Shard[]> shards_;
  NameTable places_;
  NameTable functions_;
  std::atomic<std::int64_t> next_row_;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> evicted_{0};
  std::atomic<std::size_t> unsaved_{0};
  std::size_t collect_from_ = 0;  // a shard; only collect_unsaved's caller
};

}  // namespace ledger
