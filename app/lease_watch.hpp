// Which app runs the orchestrations of a shared hub, as the running proxy sees it: feeds the model
// (durable/app_lease.hpp) with the board's statuses, the active endpoint and accepted makeprimary
// calls, and puts its conclusions into words. Owned by the App, control thread only. Computes only:
// the App keeps the timer for `next_wake` and sends what `decide` says.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "app/picture.hpp"
#include "config/config.hpp"
#include "durable/app_lease.hpp"
#include "health/endpoint_health.hpp"

namespace app {

class LeaseWatch {
 public:
  using EndpointId = health::EndpointId;
  using TimePoint = health::TimePoint;

  explicit LeaseWatch(int time_scale);  // divides the documented times

  // At start and at each reload; `ids[i]` belongs to config.endpoints[i]. What was concluded stays
  // while the endpoints are the same. Nothing is watched without a shared hub and two endpoints.
  void configure(const config::Config& config, const std::vector<EndpointId>& ids, TimePoint now);

  void see(const std::vector<health::EndpointHealth>& endpoints, EndpointId active, TimePoint now);
  void makeprimary_accepted(EndpointId id, TimePoint now);
  void makeprimary_sent(EndpointId id, TimePoint now);  // by `decide`

  // `endpoint` is an index into the configuration's endpoints.
  durable::LeaseStep decide(TimePoint now) const;
  std::optional<LeaseView> view(TimePoint now, WallTime wall) const;
  std::optional<TimePoint> next_wake(TimePoint now) const;

  // A sentence when who runs the orchestrations is seen differently than at the last call.
  std::optional<std::string> news(TimePoint now);

  // "" when makeprimary may be sent to any endpoint, else why not.
  std::string refusal(TimePoint now) const;
  durable::LeaseTiming timing() const { return timing_; }

 private:
  std::optional<std::size_t> index_of(EndpointId id) const;

  durable::LeaseTiming timing_;
  config::TaskHub hub_ = config::TaskHub::none;
  config::LeaseFollow follow_ = config::LeaseFollow::ask;
  std::vector<EndpointId> ids_;
  std::vector<std::string> names_;
  std::optional<durable::AppLease> lease_;
  bool all_known_ = false;  // every endpoint has had its first verdict
  durable::LeaseOwner told_;
};

}  // namespace app
