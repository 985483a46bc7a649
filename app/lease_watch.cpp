#include "app/lease_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/words.hpp"

namespace app {
namespace {

using durable::LeaseOwner;
using health::MonitorStatus;

// Nothing while it is not known.
std::optional<bool> alive(MonitorStatus status) {
  switch (status) {
    case MonitorStatus::online:
    case MonitorStatus::unmonitored:
      return true;
    case MonitorStatus::degraded:
    case MonitorStatus::disabled:
    case MonitorStatus::inactive:
    case MonitorStatus::stopped:
      return false;
    case MonitorStatus::checking_endpoint:
      break;
  }
  return std::nullopt;
}

bool has_app_lease(config::TaskHub hub) {
  return hub == config::TaskHub::shared || hub == config::TaskHub::geo_replicated;
}

}  // namespace

LeaseWatch::LeaseWatch(int time_scale)
    : timing_{durable::LeaseTiming{}.scaled(1.0 / std::max(1, time_scale))} {}

void LeaseWatch::configure(const config::Config& config, const std::vector<EndpointId>& ids,
                           TimePoint now) {
  hub_ = config.durable.task_hub;
  follow_ = config.durable.lease_follow;
  const bool wanted = has_app_lease(hub_) && ids.size() >= 2;
  const bool same = lease_.has_value() && ids == ids_;
  ids_ = ids;
  names_.clear();
  for (const config::Endpoint& endpoint : config.endpoints) names_.push_back(endpoint.name);
  if (wanted && same) return;
  lease_.reset();
  told_ = {};
  all_known_ = false;
  if (wanted) lease_.emplace(names_, timing_, now);
}

std::optional<std::size_t> LeaseWatch::index_of(EndpointId id) const {
  const auto found = std::find(ids_.begin(), ids_.end(), id);
  if (found == ids_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - ids_.begin());
}

void LeaseWatch::see(const std::vector<health::EndpointHealth>& endpoints, EndpointId active,
                     TimePoint now) {
  if (!lease_) return;
  // Until the last first probe has ended, an app that was probed already would look like the only
  // one alive.
  all_known_ = all_known_ || std::all_of(endpoints.begin(), endpoints.end(),
                                         [](const auto& e) { return alive(e.status).has_value(); });
  if (all_known_)
    for (const health::EndpointHealth& endpoint : endpoints) {
      const auto index = index_of(endpoint.id);
      const auto is_alive = alive(endpoint.status);
      if (!index || !is_alive) continue;
      if (*is_alive)
        lease_->up(*index, now);
      else
        lease_->down(*index, now);
    }
  lease_->http_at(index_of(active), now);
}

void LeaseWatch::makeprimary_accepted(EndpointId id, TimePoint now) {
  const auto index = index_of(id);
  if (lease_ && index) lease_->makeprimary_accepted(*index, now);
}

void LeaseWatch::makeprimary_sent(EndpointId id, TimePoint now) {
  const auto index = index_of(id);
  if (lease_ && index) lease_->makeprimary_sent(*index, now);
}

durable::LeaseStep LeaseWatch::decide(TimePoint now) const {
  return lease_ ? lease_->decide(follow_, now) : durable::LeaseStep{};
}

std::optional<LeaseWatch::TimePoint> LeaseWatch::next_wake(TimePoint now) const {
  return lease_ ? lease_->picture(now).next_change : std::nullopt;
}

std::optional<LeaseView> LeaseWatch::view(TimePoint now, WallTime wall) const {
  if (!lease_) return std::nullopt;
  const durable::LeasePicture seen = lease_->picture(now);
  LeaseView out;
  if (seen.owner.sure != LeaseOwner::Sure::unknown) out.owner = names_[seen.owner.endpoint];
  out.sure = to_string(seen.owner.sure);
  out.since = wall - std::chrono::duration_cast<WallTime::duration>(now - seen.owner.since);
  out.why = seen.owner.why;
  if (seen.http) out.http = names_[*seen.http];
  out.split = seen.split;
  out.makeprimary_safe = seen.makeprimary_safe;
  out.makeprimary_why = seen.makeprimary_why;
  out.follow = to_string(follow_);
  const durable::LeaseStep step = decide(now);
  if (step.action == durable::LeaseStep::Action::suggest) {
    const std::string& here = names_[step.endpoint];
    out.suggested = here;
    out.suggestion = fmt::format("{} ({}: {}); `understudy makeprimary {}` brings them there",
                                 step.why, out.sure, out.why, here);
  }
  out.text = out.owner ? fmt::format("orchestrations run at {} ({})", *out.owner, out.sure)
                       : std::string{"it is not known where orchestrations run"};
  out.text += ", HTTP at " + out.http.value_or("nobody");
  return out;
}

std::optional<std::string> LeaseWatch::news(TimePoint now) {
  if (!lease_) return std::nullopt;
  LeaseOwner owner = lease_->picture(now).owner;
  const bool same = owner.sure == told_.sure &&
                    (owner.sure == LeaseOwner::Sure::unknown || owner.endpoint == told_.endpoint);
  if (same) return std::nullopt;
  told_ = owner;
  if (owner.sure == LeaseOwner::Sure::unknown)
    return "it is not known any more which app runs the orchestrations: " + owner.why;
  return fmt::format("orchestrations run at {} ({}: {})", names_[owner.endpoint],
                     to_string(owner.sure), owner.why);
}

std::string LeaseWatch::refusal(TimePoint now) const {
  if (!has_app_lease(hub_))
    return fmt::format(
        "it moves the app lease of a hub that the apps share, and durable.task_hub is {}",
        to_string(hub_));
  if (!lease_) return "there is only one app";
  const durable::LeasePicture seen = lease_->picture(now);
  return seen.makeprimary_safe ? "" : seen.makeprimary_why;
}

}  // namespace app
