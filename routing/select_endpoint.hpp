// Which endpoint gets this request, and why: a pure function of the table, the client's sticky
// answer and the endpoints that this request has tried already. Tested exhaustively.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "routing/routing_table.hpp"

namespace routing {

enum class Reason {
  priority,     // the best endpoint in rotation
  sticky,       // the client's earlier answer, still within its TTL
  held,         // sticky to a degraded endpoint: on_degraded is hold
  retry,        // an earlier attempt of this request failed
  rescue,       // this request waited on an endpoint that turned bad
  best_effort,  // everything is degraded: fail open
  instance,     // the instance lives there
  none,         // nobody may serve
};
std::string_view to_string(Reason);

// The endpoints one request has tried: a set of at most 16 ids, no allocation.
class Tried {
 public:
  void add(EndpointId id) {
    if (count_ < ids_.size()) ids_[count_++] = id;
  }
  bool contains(EndpointId id) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (ids_[i] == id) return true;
    return false;
  }
  std::size_t size() const { return count_; }

 private:
  std::array<EndpointId, 16> ids_{};
  std::size_t count_ = 0;
};

struct Selection {
  const RoutingEntry* endpoint = nullptr;  // into the table; null: answer 503
  Reason reason = Reason::none;
};

// First choice for a request. `sticky` is no_endpoint when the client has no live answer.
Selection select_endpoint(const RoutingTable&, EndpointId sticky);

// Another endpoint after a failed attempt, never one of `tried`. With `allow_degraded` a degraded
// endpoint is a last resort (used when connecting failed, never for an answer we already have).
Selection select_next(const RoutingTable&, const Tried& tried, bool allow_degraded);

}  // namespace routing
