// Sticky answers: what a DNS resolver's cache does in front of Traffic Manager. A client's first
// request asks for an answer; the answer is kept for `ttl`, not extended by use. Bounded memory:
// a full set evicts its oldest answer, and an evicted client simply asks again.
// Any thread may call it: sharded by client hash, a shard's lock is held for one look-up.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "routing/routing_table.hpp"

namespace routing {

struct ClientKey {  // 128 bits: an address as it is, or a keyed hash of a header's value
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const ClientKey&) const = default;
};

ClientKey client_key_of_address(const std::array<std::uint8_t, 16>& mapped_v6);

class StickyTable {
 public:
  explicit StickyTable(std::size_t max_clients, std::uint64_t seed);
  ~StickyTable();

  // The live answer, or no_endpoint when there is none (then the caller selects and `remember`s).
  EndpointId find(ClientKey, health::TimePoint now) const;
  // Gives the client an answer until now + ttl; replaces an earlier one.
  void remember(ClientKey, EndpointId, health::TimePoint now, config::Millis ttl);
  void forget(ClientKey);
  // A keyed hash that tells clients apart in other tables; clients cannot aim at a value.
  std::uint64_t hash(ClientKey) const;
  ClientKey key_of_text(std::string_view value) const;  // keyed with the seed (SipHash-like)

  struct Count {
    EndpointId endpoint;
    std::size_t clients;
  };
  std::vector<Count> counts(health::TimePoint now) const;  // live answers per endpoint
  std::size_t capacity() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace routing
