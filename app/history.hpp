// What happened, for operators: the latest events, how often each kind happened, how long the last
// detection, failover and failback took, and which alerts hold. Pure: every function gets the wall
// time and returns the event it made, so that the EventLog can print it. Control thread only.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/picture.hpp"
#include "health/status.hpp"
#include "routing/routing_change.hpp"

namespace app {

class History {
 public:
  static constexpr std::size_t kept_events = 200;

  const Event& health(const health::HealthTransition& transition, WallTime now);
  const Event& routing(const routing::RoutingChange& change, WallTime now);
  const Event& reload(std::string_view result, std::string text, WallTime now);  // ok, failed
  const Event& command(std::string_view verb, std::string endpoint, std::string text, WallTime now);
  const Event& lifecycle(std::string_view what, std::string text, WallTime now);
  const Event& durable(std::string_view what, std::string text, WallTime now,
                       std::string_view level = "info");

  // The alerts whose condition holds now. Returns an event for each that began or ended.
  std::vector<Event> set_alerts(std::vector<Alert> present, WallTime now);

  void set_dropped_records(std::uint64_t total) { tally_.access_log_dropped = total; }
  void count_dropped_evidence(std::uint64_t more) { tally_.evidence_dropped += more; }

  const Tally& tally() const { return tally_; }
  const std::vector<Alert>& alerts() const { return alerts_; }
  std::vector<Event> recent(std::size_t most) const;  // oldest first

 private:
  const Event& keep(Event event);
  // Why, as a metric label: one of a few words, no names, no numbers.
  std::string_view label_of(const routing::RoutingChange& change) const;

  std::deque<Event> events_;
  std::vector<Alert> alerts_;
  Tally tally_;
  std::map<std::string, health::Cause, std::less<>> last_cause_;  // by endpoint name
  std::uint64_t next_sequence_ = 1;
};

}  // namespace app
