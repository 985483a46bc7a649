#include "routing/stickiness.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>

#include "config/sip_hash.hpp"

namespace routing {
namespace {

using config::hash_text;
using config::SipHash;

constexpr std::size_t most_shards = 64;
constexpr std::size_t ways = 8;  // answers in one set

struct Slot {
  ClientKey key;
  EndpointId endpoint = no_endpoint;  // no_endpoint: free
  health::TimePoint ends{};
};

using Set = std::array<Slot, ways>;

std::uint64_t next_key(std::uint64_t& state) {  // splitmix64: spreads one seed over four keys
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

__extension__ using Wide = unsigned __int128;

// Both halves of the product.
std::uint64_t folded(std::uint64_t a, std::uint64_t b) {
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t read_word(const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
}

}  // namespace

struct StickyTable::Impl {
  struct alignas(64) Shard {  // its own cache line: neighbours' locks do not slow each other
    mutable std::mutex mutex;
    std::vector<Set> sets;  // allocated by the first answer that lands here
  };

  Impl(std::size_t max_clients, std::uint64_t seed) {
    for (std::uint64_t& key : keys) key = next_key(seed);
    const std::size_t wanted = std::max<std::size_t>(1, (max_clients + ways - 1) / ways);
    shard_count = std::min(most_shards, std::bit_floor(wanted));
    sets_per_shard = (wanted + shard_count - 1) / shard_count;
    shards = std::vector<Shard>(shard_count);
  }

  // A shard, and the set in it, of a client.
  struct Place {
    std::size_t shard;
    std::size_t set;
  };
  // Every request asks, so this is a keyed product of words and not a SipHash: who guesses a set
  // gains that seven other clients ask for their answers again, and learns nothing of the keys.
  std::uint64_t hash(const ClientKey& key) const {
    return folded(folded(key.high ^ keys[0], key.low ^ keys[1]) ^ keys[2], 0x9e3779b97f4a7c15ULL);
  }
  Place place(const ClientKey& key) const {
    const std::uint64_t h =
        folded(folded(key.high ^ keys[0], key.low ^ keys[1]) ^ keys[2], 0x9e3779b97f4a7c15ULL);
    // The shards are a power of two; the upper half picks the set without a division.
    return {static_cast<std::size_t>(h & (shard_count - 1)),
            static_cast<std::size_t>((h >> 32) * sets_per_shard >> 32)};
  }

  std::array<std::uint64_t, 4> keys{};
  std::size_t shard_count = 1;
  std::size_t sets_per_shard = 1;
  std::vector<Shard> shards;
};

ClientKey client_key_of_address(const std::array<std::uint8_t, 16>& mapped_v6) {
  return {read_word(mapped_v6.data()), read_word(mapped_v6.data() + 8)};
}

StickyTable::StickyTable(std::size_t max_clients, std::uint64_t seed)
    : impl_{std::make_unique<Impl>(max_clients, seed)} {}

StickyTable::~StickyTable() = default;

std::uint64_t StickyTable::hash(ClientKey key) const {
  return impl_->hash(key);
}

EndpointId StickyTable::find(ClientKey key, health::TimePoint now) const {
  const Impl::Place place = impl_->place(key);
  const Impl::Shard& shard = impl_->shards[place.shard];
  const std::lock_guard lock{shard.mutex};
  if (shard.sets.empty()) return no_endpoint;
  for (const Slot& slot : shard.sets[place.set])
    if (slot.endpoint != no_endpoint && slot.key == key)
      return now < slot.ends ? slot.endpoint : no_endpoint;
  return no_endpoint;
}

void StickyTable::remember(ClientKey key, EndpointId endpoint, health::TimePoint now,
                           config::Millis ttl) {
  const Impl::Place place = impl_->place(key);
  Impl::Shard& shard = impl_->shards[place.shard];
  const std::lock_guard lock{shard.mutex};
  if (shard.sets.empty()) shard.sets.resize(impl_->sets_per_shard);
  // The client's own slot, else a free or expired one, else the oldest answer of the set (with one
  // TTL for all, the oldest is the one that ends first).
  Slot* chosen = nullptr;
  for (Slot& slot : shard.sets[place.set]) {
    if (slot.endpoint != no_endpoint && slot.key == key) {
      chosen = &slot;
      break;
    }
    const auto rank = [](const Slot& s) {
      return s.endpoint == no_endpoint ? health::TimePoint::min() : s.ends;
    };
    if (chosen == nullptr || rank(slot) < rank(*chosen)) chosen = &slot;
  }
  *chosen = Slot{key, endpoint, now + ttl};
}

void StickyTable::forget(ClientKey key) {
  const Impl::Place place = impl_->place(key);
  Impl::Shard& shard = impl_->shards[place.shard];
  const std::lock_guard lock{shard.mutex};
  if (shard.sets.empty()) return;
  for (Slot& slot : shard.sets[place.set])
    if (slot.endpoint != no_endpoint && slot.key == key) slot = Slot{};
}

ClientKey StickyTable::key_of_text(std::string_view value) const {
  return {hash_text(impl_->keys[0], impl_->keys[2], value),
          hash_text(impl_->keys[1], impl_->keys[3], value)};
}

std::vector<StickyTable::Count> StickyTable::counts(health::TimePoint now) const {
  std::vector<Count> counts;
  for (const Impl::Shard& shard : impl_->shards) {
    const std::lock_guard lock{shard.mutex};
    for (const Set& set : shard.sets) {
      for (const Slot& slot : set) {
        if (slot.endpoint == no_endpoint || now >= slot.ends) continue;
        const auto known = std::find_if(counts.begin(), counts.end(), [&slot](const Count& count) {
          return count.endpoint == slot.endpoint;
        });
        if (known == counts.end()) {
          counts.push_back({slot.endpoint, 1});
        } else {
          ++known->clients;
        }
      }
    }
  }
  std::sort(counts.begin(), counts.end(),
            [](const Count& a, const Count& b) { return a.endpoint < b.endpoint; });
  return counts;
}

std::size_t StickyTable::capacity() const {
  return impl_->shard_count * impl_->sets_per_shard * ways;
}

}  // namespace routing
