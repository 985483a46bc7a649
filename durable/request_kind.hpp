// What a request means to a Durable Functions app, told from its method and target alone. Paths
// are compared without regard to letter case, as the Functions host does, and never decoded: an id
// comes back byte for byte as the client wrote it. Nothing is allocated; a plain path costs one
// look at each of its bytes.
// Pure values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace durable {

enum class RequestKind : std::uint8_t {
  plain,
  start,          // starts an orchestration: built-in route or a starter listed in start_routes
  instance,       // about one instance, or one entity by name and key
  collection,     // lists and bulk purge
  lease_control,  // makeprimary, with any method
  other_webhook,  // /runtime/webhooks/* of another extension
  admin,          // /admin/* other than the Durable base path of v1
};
std::string_view to_string(RequestKind);

enum class Route : std::uint8_t {
  none,  // not a Durable route (a wrong method on one included: the app answers 404)
  start_orchestration,
  get_instance,
  list_instances,
  purge_instance,
  purge_instances,
  raise_event,
  terminate,
  suspend,
  resume,
  rewind,
  restart,
  get_entity,
  list_entities,
  signal_entity,
  delete_entity,
  make_primary,
  custom_start,  // start_routes[start_route]
};
std::string_view to_string(Route);

struct Classified {
  RequestKind kind = RequestKind::plain;
  Route route = Route::none;
  bool built_in = false;      // below a Durable base path
  bool disguised = false;     // admin or a webhook, spelt so that only a decoding peer would see it
  int start_route = -1;       // index into Durable::start_routes
  std::string_view function;  // of a start
  std::string_view instance_id;  // empty when a start gave none
  std::string_view entity_name, entity_key;
  std::string_view event;  // of raise_event
};

// The routes of `durable.start_routes`, taken apart once.
class StartRoutes {
 public:
  StartRoutes() = default;
  explicit StartRoutes(const std::vector<config::StartRoute>& routes);
  bool empty() const { return routes_.empty(); }
  // Fills kind, route, start_route, function and instance_id when one matches.
  bool match(std::string_view method, std::string_view path, Classified& out) const;

 private:
  struct Segment {
    std::string before, after;  // literal text around the placeholder, or all of a literal segment
    enum class Value : std::uint8_t { none, ignored, function, instance_id } value = Value::none;
  };
  struct Pattern {
    std::string method;
    std::vector<Segment> segments;
  };
  std::vector<Pattern> routes_;
};

// `target` is the request target as received: origin form, or absolute form. The views in the
// result point into it.
Classified classify(std::string_view method, std::string_view target);
Classified classify(std::string_view method, std::string_view target, const StartRoutes& starts);

}  // namespace durable
