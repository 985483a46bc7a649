#include "ledger/instance_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "config/sip_hash.hpp"

namespace ledger {
namespace {

constexpr std::size_t most_shards = 64;
constexpr std::int64_t highest_row = std::int64_t{1} << 62;  // beyond it the file makes no sense
constexpr std::size_t entries_worth_a_shard = 1024;          // small tables keep one exact order

}  // namespace

struct InstanceTable::Node {
  Node* next_in_bucket = nullptr;
  Node* newer = nullptr;
  Node* older = nullptr;
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
  std::int64_t seen_ms = 0;
  std::uint64_t credential = 0;
  std::int64_t row = 0;  // on disk; 0: not there
  std::uint32_t hash = 0;
  std::uint16_t key_size = 0;
  Place place = no_place;
  std::uint16_t function = NameTable::none;
  LastStatus status = LastStatus::unknown;
  bool provisional : 1 = false;
  bool unsaved : 1 = false;
  bool created_was_replaced : 1 = false;  // created_ms holds Instance::replaced_ms

  std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }

  static Node* make(std::string_view key) {
    void* memory = ::operator new(sizeof(Node) + key.size());
    Node* node = new (memory) Node;
    node->key_size = static_cast<std::uint16_t>(key.size());
    std::memcpy(static_cast<void*>(node + 1), key.data(), key.size());
    return node;
  }
  static void free(Node* node) { ::operator delete(static_cast<void*>(node)); }
};

struct alignas(64) InstanceTable::Shard {  // its own cache line: neighbours' locks stay apart
  mutable std::mutex mutex;
  std::vector<Node*> buckets;  // a power of two, or none yet
  Node* newest = nullptr;
  Node* oldest = nullptr;
  std::size_t count = 0;

  Node* find(std::string_view key, std::uint32_t hash) const {
    if (buckets.empty()) return nullptr;
    Node* node = buckets[hash & (buckets.size() - 1)];
    while (node != nullptr && (node->hash != hash || node->key() != key))
      node = node->next_in_bucket;
    return node;
  }

  void link_newest(Node* node) {
    node->newer = nullptr;
    node->older = newest;
    (newest != nullptr ? newest->newer : oldest) = node;
    newest = node;
  }
  void link_oldest(Node* node) {
    node->older = nullptr;
    node->newer = oldest;
    (oldest != nullptr ? oldest->older : newest) = node;
    oldest = node;
  }
  void unlink(Node* node) {
    (node->newer != nullptr ? node->newer->older : newest) = node->older;
    (node->older != nullptr ? node->older->newer : oldest) = node->newer;
  }

  void put_into_bucket(Node* node) {
    Node*& head = buckets[node->hash & (buckets.size() - 1)];
    node->next_in_bucket = head;
    head = node;
  }
  void take_from_bucket(Node* node) {
    Node** link = &buckets[node->hash & (buckets.size() - 1)];
    while (*link != node) link = &(*link)->next_in_bucket;
    *link = node->next_in_bucket;
  }
  void grow() {  // never more entries than buckets
    if (count < buckets.size()) return;
    buckets.assign(std::max<std::size_t>(16, buckets.size() * 2), nullptr);
    for (Node* node = newest; node != nullptr; node = node->older) put_into_bucket(node);
  }
};

InstanceTable::InstanceTable(const Options& options, Save save)
    : hash_key_{options.hash_key[0], options.hash_key[1]},
      retention_ms_{options.retention.count()},
      save_{std::move(save)},
      next_row_{options.first_row} {
  const std::size_t most = std::max<std::size_t>(1, options.max_entries);
  shard_count_ =
      std::clamp<std::size_t>(std::bit_floor(most / entries_worth_a_shard), 1, most_shards);
  most_per_shard_ = most / shard_count_;
  shards_ = std::make_unique<Shard[]>(shard_count_);
}

InstanceTable::~InstanceTable() {
  for (std::size_t i = 0; i < shard_count_; ++i)
    for (Node* node = shards_[i].newest; node != nullptr;)
      Node::free(std::exchange(node, node->older));
}

std::uint64_t InstanceTable::hash_of(std::string_view key) const {
  return config::hash_text(hash_key_[0], hash_key_[1], key);
}

InstanceTable::Shard& InstanceTable::shard_of(std::uint64_t hash) const {
  return shards_[(hash >> 32) & (shard_count_ - 1)];
}

bool InstanceTable::is_live(const Node& node, std::int64_t now) const {
  return now - node.seen_ms < (node.provisional ? provisional_ms : retention_ms_);
}

Instance InstanceTable::read(const Node& node) const {
  Instance instance;
  instance.place = node.place;
  instance.status = node.status;
  instance.provisional = node.provisional;
  instance.function = functions_.name_of(node.function);
  (node.created_was_replaced ? instance.replaced_ms : instance.created_ms) = node.created_ms;
  instance.updated_ms = node.updated_ms;
  instance.seen_ms = node.seen_ms;
  instance.credential = node.credential;
  return instance;
}

void InstanceTable::store(Node& node, const Instance& instance) {
  node.place = instance.place;
  node.status = instance.status;
  node.provisional = instance.provisional;
  if (functions_.name_of(node.function) != instance.function)
    node.function = functions_.number_of(instance.function);
  node.created_was_replaced = instance.created_ms == 0 && instance.replaced_ms != 0;
  node.created_ms = node.created_was_replaced ? instance.replaced_ms : instance.created_ms;
  node.updated_ms = instance.updated_ms;
  node.seen_ms = instance.seen_ms;
  node.credential = instance.credential;
}

InstanceTable::Node* InstanceTable::insert(Shard& shard, std::string_view key, std::uint64_t hash,
                                           const Instance& instance, bool newest) {
  shard.grow();
  Node* node = Node::make(key);
  node->hash = static_cast<std::uint32_t>(hash);
  store(*node, instance);
  shard.put_into_bucket(node);
  if (newest) {
    shard.link_newest(node);
  } else {
    shard.link_oldest(node);
  }
  ++shard.count;
  size_.fetch_add(1, std::memory_order_relaxed);
  return node;
}

void InstanceTable::remove(Shard& shard, Node* node) {
  if (node->unsaved) unsaved_.fetch_sub(1, std::memory_order_relaxed);
  shard.take_from_bucket(node);
  shard.unlink(node);
  --shard.count;
  size_.fetch_sub(1, std::memory_order_relaxed);
  Node::free(node);
}

void InstanceTable::make_room(Shard& shard, std::int64_t now) {
  // Two per new entry: the dead never outgrow the living, and nobody waits for a big sweep.
  for (int i = 0; i < 2 && shard.oldest != nullptr && !is_live(*shard.oldest, now); ++i)
    drop(shard, shard.oldest);
  if (shard.count < most_per_shard_) return;
  drop(shard, shard.oldest);
  evicted_.fetch_add(1, std::memory_order_relaxed);
}

bool InstanceTable::is_worth_saving(const Instance& before, const Instance& after) const {
  // A busy instance is learned with every poll; on disk the time of the last one need not be exact.
  const std::int64_t step = std::max<std::int64_t>(1, retention_ms_ / 32);
  return before.provisional || before.place != after.place || before.status != after.status ||
         before.created_ms != after.created_ms || before.function != after.function ||
         before.credential != after.credential || before.seen_ms / step != after.seen_ms / step;
}

void InstanceTable::save(Node& node, const Instance& instance) {
  if (!save_) return;
  const Row row{next_row_.fetch_add(1, std::memory_order_relaxed), node.row};
  const bool refused = !save_(node.key(), &instance, row);
  if (!refused) node.row = row.to;
  if (refused && !node.unsaved) unsaved_.fetch_add(1, std::memory_order_relaxed);
  if (!refused && node.unsaved) unsaved_.fetch_sub(1, std::memory_order_relaxed);
  node.unsaved = refused;
}

void InstanceTable::drop(Shard& shard, Node* node) {
  if (node == nullptr) return;
  if (node->row != 0 && save_) save_(node->key(), nullptr, Row{0, node->row});
  remove(shard, node);
}

void InstanceTable::update(Shard& shard, Node& node, const Instance& before, Instance after,
                           std::int64_t now) {
  after.seen_ms = now;
  store(node, after);
  shard.unlink(&node);
  shard.link_newest(&node);
  if (is_worth_saving(before, after)) save(node, after);
}

std::optional<Instance> InstanceTable::find(std::string_view key, std::int64_t now) const {
  const std::uint64_t hash = hash_of(key);
  const Shard& shard = shard_of(hash);
  const std::lock_guard lock{shard.mutex};
  const Node* node = shard.find(key, static_cast<std::uint32_t>(hash));
  if (node == nullptr || !is_live(*node, now)) return std::nullopt;
  return read(*node);
}

bool InstanceTable::learn(std::string_view key, const Instance& fact, std::int64_t now) {
  if (key.empty() || key.size() > longest_key || fact.place == no_place) return false;
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  const std::lock_guard lock{shard.mutex};
  Node* node = shard.find(key, static_cast<std::uint32_t>(hash));
  if (node != nullptr && is_live(*node, now)) {
    const Instance before = read(*node);
    Instance after = before;
    const bool taken = take_fact(after, fact);
    update(shard, *node, before, std::move(after), now);
    return taken;
  }
  drop(shard, node);
  make_room(shard, now);
  Instance fresh = fact;
  fresh.seen_ms = now;
  fresh.provisional = false;
  node = insert(shard, key, hash, fresh, true);
  save(*node, fresh);
  return true;
}

void InstanceTable::learn_start(std::string_view key, const Instance& fact, std::int64_t sent_ms,
                                std::int64_t now) {
  Instance run = fact;
  run.status = LastStatus::pending;
  run.created_ms = run.updated_ms = 0;
  run.provisional = false;
  {
    const std::uint64_t hash = hash_of(key);
    Shard& shard = shard_of(hash);
    const std::lock_guard lock{shard.mutex};
    Node* node = shard.find(key, static_cast<std::uint32_t>(hash));
    if (node != nullptr && is_live(*node, now) && fact.place != no_place) {
      const Instance before = read(*node);
      Instance after = run;
      // A poll can be quicker than the answer of the start: what it saw stays.
      const bool of_this_run = before.place == run.place && before.seen_ms >= sent_ms &&
                               before.status != LastStatus::unknown && !before.provisional;
      if (of_this_run) {
        after = before;
        if (!run.function.empty()) after.function = run.function;
        if (run.credential != 0) after.credential = run.credential;
      } else {
        // Answers about the run before, still on their way, are told by its time.
        after.replaced_ms = before.created_ms != 0 ? before.created_ms : before.replaced_ms;
      }
      update(shard, *node, before, std::move(after), now);
      return;
    }
  }
  learn(key, run, now);
}

Place InstanceTable::place_if_absent(std::string_view key, Place place, std::int64_t now) {
  if (key.empty() || key.size() > longest_key || place == no_place) return place;
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  const std::lock_guard lock{shard.mutex};
  Node* node = shard.find(key, static_cast<std::uint32_t>(hash));
  if (node != nullptr && is_live(*node, now)) return node->place;
  drop(shard, node);
  make_room(shard, now);
  Instance chosen;
  chosen.place = place;
  chosen.provisional = true;
  chosen.seen_ms = now;
  insert(shard, key, hash, chosen, true);
  return place;
}

bool InstanceTable::forget(std::string_view key, std::optional<Place> only_if_at) {
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  const std::lock_guard lock{shard.mutex};
  Node* node = shard.find(key, static_cast<std::uint32_t>(hash));
  if (node == nullptr || (only_if_at && node->place != *only_if_at)) return false;
  drop(shard, node);
  return true;
}

bool InstanceTable::load(std::string_view key, const Instance& instance, std::int64_t row,
                         std::int64_t now) {
  const std::int64_t after = std::min(row, highest_row) + 1;
  for (std::int64_t next = next_row_.load(std::memory_order_relaxed);
       next < after && !next_row_.compare_exchange_weak(next, after, std::memory_order_relaxed);) {
  }
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  const std::lock_guard lock{shard.mutex};
  if (shard.find(key, static_cast<std::uint32_t>(hash)) != nullptr) return true;
  if (shard.count >= most_per_shard_) return false;
  Instance known = instance;
  known.seen_ms = std::min(known.seen_ms, now);  // the clock may have been ahead then
  insert(shard, key, hash, known, false)->row = row;
  return true;
}

bool InstanceTable::collect_unsaved(
    std::size_t most, const std::function<void(std::string_view key, const Instance&, Row)>& take) {
  for (std::size_t i = 0;
       i < shard_count_ && most > 0 && unsaved_.load(std::memory_order_relaxed) > 0; ++i) {
    Shard& shard = shards_[collect_from_];
    const std::lock_guard lock{shard.mutex};
    for (Node* node = shard.newest; node != nullptr && most > 0; node = node->older) {
      if (!node->unsaved) continue;
      node->unsaved = false;
      unsaved_.fetch_sub(1, std::memory_order_relaxed);
      const Row row{next_row_.fetch_add(1, std::memory_order_relaxed), node->row};
      take(node->key(), read(*node), row);
      node->row = row.to;
      --most;
    }
    if (most > 0) collect_from_ = (collect_from_ + 1) % shard_count_;
  }
  return unsaved_.load(std::memory_order_relaxed) > 0;
}

void InstanceTable::for_each_unfinished(
    std::int64_t now, const std::function<bool(Place)>& wanted,
    const std::function<void(std::string_view key, const Instance&)>& take) const {
  for (std::size_t i = 0; i < shard_count_; ++i) {
    const Shard& shard = shards_[i];
    const std::lock_guard lock{shard.mutex};
    for (const Node* node = shard.newest; node != nullptr; node = node->older)
      if (!node->provisional && !is_final(node->status) && is_live(*node, now) &&
          wanted(node->place))
        take(node->key(), read(*node));
  }
}

}  // namespace ledger
