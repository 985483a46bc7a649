// Plays stories to a Router: names instead of ids, time that only moves forward.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "routing/router.hpp"
#include "routing/select_endpoint.hpp"

namespace routing {

using namespace std::chrono_literals;
using health::Cause;
using health::TimePoint;

inline const TimePoint start{1h};

// Plays a story: names instead of ids, time that only moves forward, wakes the router exactly when
// it asked for it, and checks after every step that the table agrees with select_endpoint.
class Play {
 public:
  explicit Play(std::vector<std::string> names = {"primary", "secondary"},
                config::Millis healthy_for = 10s)
      : router_{[this](const RoutingChange& change) { note(change); }} {
    config_.failback.effective_healthy_for = healthy_for;
    for (std::size_t i = 0; i < names.size(); ++i) {
      config::Endpoint endpoint;
      endpoint.name = names[i];
      endpoint.priority = static_cast<int>(i + 1);
      config_.endpoints.push_back(endpoint);
    }
  }

  Play& begin() {
    reload();
    return *this;
  }
  void reload() {
    std::vector<EndpointId> ids;
    for (const config::Endpoint& endpoint : config_.endpoints) ids.push_back(id(endpoint.name));
    router_.configure(config_, ids, now_);
    check();
  }

  void is(const std::string& name, MonitorStatus to, Cause cause = Cause::probe,
          config::Millis since_first_failure = 0ms) {
    health::HealthTransition transition;
    transition.endpoint = id(name);
    transition.name = name;
    transition.to = to;
    transition.cause = cause;
    transition.detail = "as the story says";
    transition.at = now_;
    if (to == MonitorStatus::degraded) transition.first_failure = now_ - since_first_failure;
    router_.on_transition(transition, now_);
    check();
  }
  void online(const std::string& name) { is(name, MonitorStatus::online); }
  void degraded(const std::string& name) { is(name, MonitorStatus::degraded); }

  // Lets time pass; the router is woken when it asked for it.
  void pass(config::Millis time) {
    const TimePoint until = now_ + time;
    for (auto wake = router_.next_wake(); wake && *wake <= until; wake = router_.next_wake()) {
      ASSERT_GE(*wake, now_) << "a wake in the past would spin";
      now_ = *wake;
      router_.tick(now_);
      check();
      if (router_.next_wake() == wake) FAIL() << "the same wake again";
    }
    now_ = until;
    router_.tick(now_);
    check();
  }

  std::string active() const {
    const RoutingEntry* entry = router_.table().find(router_.table().active);
    return entry == nullptr ? "nobody" : entry->name;
  }
  Rotation rotation(const std::string& name) { return router_.table().find(id(name))->rotation; }
  EndpointId id(const std::string& name) {
    return ids_.emplace(name, static_cast<EndpointId>(100 + ids_.size())).first->second;
  }
  void check() {
    const RoutingTable& table = router_.table();
    const Selection best = select_endpoint(table, no_endpoint);
    ASSERT_EQ(best.endpoint == nullptr ? no_endpoint : best.endpoint->id, table.active);
    ASSERT_EQ(table.all_degraded, best.endpoint == nullptr || best.reason == Reason::best_effort);
    for (std::size_t i = 1; i < table.entries.size(); ++i)
      ASSERT_LT(table.entries[i - 1].priority, table.entries[i].priority);
  }

  std::vector<std::string> take_events() { return std::exchange(events_, {}); }

  config::Config config_;
  TimePoint now_ = start;
  std::vector<RoutingChange> changes_;
  Router router_;

 private:
  void note(const RoutingChange& change) {
    changes_.push_back(change);
    const auto name = [](const std::string& text) { return text.empty() ? "nobody" : text; };
    events_.push_back(std::string{to_string(change.kind)} + " " + name(change.from_name) + ">" +
                      name(change.to_name));
  }
  std::vector<std::string> events_;
  std::map<std::string, EndpointId> ids_;
};

}  // namespace routing
