// Decides which endpoint new clients are given, and keeps the RoutingTable that says so. Pure: no
// thread, no clock, no logging. Owned by the app and used on the control thread only; after each
// call that may change something, the app compares `table().version` and publishes a copy.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "health/status.hpp"
#include "routing/failback.hpp"
#include "routing/routing_change.hpp"
#include "routing/routing_table.hpp"

namespace routing {

// The answer to an operator's command: a sentence for the terminal either way.
struct CommandResult {
  bool ok = true;
  std::string message;
};

class Router {
 public:
  using TimePoint = health::TimePoint;
  using OnChange = std::function<void(const RoutingChange&)>;
  static constexpr std::size_t history_size = 32;

  explicit Router(OnChange on_change = {}) : on_change_{std::move(on_change)} {}

  // Start and reload. `ids[i]` belongs to config.endpoints[i]; what is known about an id that
  // stays (status, drain, waits, addresses) is kept, and so is a hold.
  void configure(const config::Config&, const std::vector<EndpointId>& ids, TimePoint now);

  void on_transition(const health::HealthTransition&, TimePoint now);
  // A status that is no news (after a reload, say); on_transition is the usual way.
  void set_monitor_status(EndpointId, MonitorStatus, TimePoint now);
  void set_addresses(EndpointId, std::vector<SocketAddress>);

  // Operator commands.
  CommandResult drain(EndpointId, bool on, TimePoint now);
  // Stay where we are: no failback until `release` or the expiry. An active endpoint that may not
  // serve any more is still left; the hold then keeps whoever took over.
  CommandResult hold(std::optional<config::Millis> expires_in, TimePoint now);
  CommandResult release(TimePoint now);
  CommandResult failback_now(TimePoint now);  // ends waits and a hold

  void tick(TimePoint now);
  std::optional<TimePoint> next_wake() const;  // when a wait or a hold ends

  const RoutingTable& table() const { return table_; }
  const std::deque<RoutingChange>& history() const { return history_; }  // oldest first

  // For /api/status.
  struct Hold {
    TimePoint since{};
    std::optional<TimePoint> until;
  };
  const std::optional<Hold>& held() const { return hold_; }
  TimePoint active_since() const { return active_since_; }
  struct Wait {  // of an endpoint in Rotation::waiting
    EndpointId endpoint = no_endpoint;
    std::optional<TimePoint> until;  // empty: until an operator says so
    int flap_level = 0;
  };
  std::vector<Wait> waits(TimePoint now) const;

 private:
  struct State {  // what is known of an endpoint beside its table entry
    EndpointId id = no_endpoint;
    Comeback comeback;
    std::optional<TimePoint> first_failure;  // of the present degradation
  };
  // Why a recomputation happens. Without a kind, the direction of the move gives it its name.
  struct Trigger {
    std::optional<ChangeKind> kind;
    std::string reason;
  };

  State* state_of(EndpointId);
  RoutingEntry* entry_of(EndpointId);
  const RoutingEntry* active_entry() const { return table_.find(table_.active); }
  void apply_status(RoutingEntry&, MonitorStatus, TimePoint at,
                    std::optional<TimePoint> first_failure);
  bool better_than_active(const RoutingEntry&) const;
  bool waits_for_operator(const RoutingEntry&) const;
  bool held_back(const RoutingEntry&) const;
  std::string end_waits_that_are_over(TimePoint now);
  void set_rotations();
  EndpointId choose();
  // `before` is the table as it was when the call that changed something began.
  void recompute(const RoutingTable& before, const Trigger&, TimePoint now);
  std::optional<ChangeKind> kind_of_change(const RoutingTable& before, const Trigger&) const;
  void report(const RoutingTable& before, ChangeKind, const std::string& reason, TimePoint now);

  OnChange on_change_;
  config::Failback failback_;
  RoutingTable table_;
  std::vector<State> states_;  // beside table_.entries, same order
  std::optional<Hold> hold_;
  TimePoint active_since_{};
  bool configured_ = false;
  std::deque<RoutingChange> history_;
};

}  // namespace routing
