#include "routing/router.hpp"

#include <algorithm>
#include <utility>

namespace routing {
namespace {

bool is_available(const RoutingEntry& entry) {
  if (entry.draining) return false;
  return entry.monitor == MonitorStatus::online ||
         entry.monitor == MonitorStatus::checking_endpoint ||
         entry.monitor == MonitorStatus::unmonitored;
}

MonitorStatus initial_status(const config::Endpoint& endpoint) {
  if (!endpoint.enabled) return MonitorStatus::disabled;
  return endpoint.always_serve ? MonitorStatus::unmonitored : MonitorStatus::checking_endpoint;
}

std::string text_of(config::Millis duration) {
  const auto count = duration.count();
  if (count % 60000 == 0 && count > 0) return std::to_string(count / 60000) + " min";
  if (count % 1000 == 0) return std::to_string(count / 1000) + " s";
  return std::to_string(count) + " ms";
}

std::string status_sentence(const std::string& name, MonitorStatus status,
                            const std::string& detail) {
  std::string text = name + " is " + std::string{health::to_string(status)};
  if (!detail.empty()) text += ": " + detail;
  return text;
}

bool same_apart_from_version(const RoutingTable& a, const RoutingTable& b) {
  return a.entries == b.entries && a.active == b.active && a.all_degraded == b.all_degraded &&
         a.fail_open == b.fail_open && a.on_degraded == b.on_degraded;
}

}  // namespace

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::startup:
      return "startup";
    case ChangeKind::failover:
      return "failover";
    case ChangeKind::failback:
      return "failback";
    case ChangeKind::operator_command:
      return "operator";
    case ChangeKind::reload:
      return "reload";
    case ChangeKind::best_effort:
      return "best_effort";
    case ChangeKind::unavailable:
      return "unavailable";
    case ChangeKind::restored:
      return "restored";
  }
  return "?";
}

// What happens from outside ---------------------------------------------------------------------

void Router::configure(const config::Config& config, const std::vector<EndpointId>& ids,
                       TimePoint now) {
  const RoutingTable before = table_;
  std::vector<RoutingEntry> entries;
  for (std::size_t i = 0; i < config.endpoints.size() && i < ids.size(); ++i) {
    const config::Endpoint& endpoint = config.endpoints[i];
    const RoutingEntry* known = before.find(ids[i]);
    RoutingEntry entry = known != nullptr ? *known : RoutingEntry{};
    if (known == nullptr) entry.monitor = initial_status(endpoint);
    entry.id = ids[i];
    entry.config_index = static_cast<std::uint32_t>(i);
    entry.priority = endpoint.priority;
    entry.name = endpoint.name;
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const RoutingEntry& a, const RoutingEntry& b) {
    return std::pair{a.priority, a.config_index} < std::pair{b.priority, b.config_index};
  });

  std::vector<State> states;
  for (const RoutingEntry& entry : entries) {
    const State* known = state_of(entry.id);
    states.push_back(known != nullptr ? *known : State{entry.id, {}, {}});
  }
  states_ = std::move(states);
  table_.entries = std::move(entries);
  table_.fail_open = config.routing.all_degraded == config::AllDegraded::fail_open;
  table_.on_degraded = config.stickiness.on_degraded;
  failback_ = config.failback;
  const bool first = !std::exchange(configured_, true);
  recompute(before,
            {first ? ChangeKind::startup : ChangeKind::reload,
             first ? "the first choice by priority" : "the configuration was reloaded"},
            now);
}

void Router::on_transition(const health::HealthTransition& transition, TimePoint now) {
  RoutingEntry* entry = entry_of(transition.endpoint);
  if (entry == nullptr) return;
  const RoutingTable before = table_;
  const bool dated = transition.at != TimePoint{} && transition.at < now;
  std::optional<TimePoint> first_failure;
  if (transition.first_failure != TimePoint{}) first_failure = transition.first_failure;
  apply_status(*entry, transition.to, dated ? transition.at : now, first_failure);
  Trigger trigger{{}, status_sentence(entry->name, transition.to, transition.detail)};
  if (transition.cause == health::Cause::operator_command)
    trigger.kind = ChangeKind::operator_command;
  if (transition.cause == health::Cause::config) trigger.kind = ChangeKind::reload;
  recompute(before, trigger, now);
}

void Router::set_monitor_status(EndpointId id, MonitorStatus status, TimePoint now) {
  RoutingEntry* entry = entry_of(id);
  if (entry == nullptr || entry->monitor == status) return;
  const RoutingTable before = table_;
  apply_status(*entry, status, now, {});
  recompute(before, {{}, status_sentence(entry->name, status, "")}, now);
}

void Router::set_addresses(EndpointId id, std::vector<SocketAddress> addresses) {
  RoutingEntry* entry = entry_of(id);
  if (entry == nullptr || entry->addresses == addresses) return;
  entry->addresses = std::move(addresses);
  ++table_.version;
}

CommandResult Router::drain(EndpointId id, bool on, TimePoint now) {
  RoutingEntry* entry = entry_of(id);
  if (entry == nullptr) return {false, "there is no such endpoint"};
  const std::string name = entry->name;
  if (entry->draining == on)
    return {true, name + (on ? " is draining already" : " is not draining")};
  const RoutingTable before = table_;
  entry->draining = on;
  recompute(before,
            {ChangeKind::operator_command, name + (on ? " is drained" : " may serve again")}, now);
  if (!on) return {true, name + " may serve again"};
  const RoutingEntry* active = active_entry();
  return {true, name + " is draining; " +
                    (active != nullptr ? "new requests go to " + active->name
                                       : std::string{"no other endpoint may serve: new requests "
                                                     "get 503"})};
}

CommandResult Router::hold(std::optional<config::Millis> expires_in, TimePoint now) {
  const RoutingEntry* active = active_entry();
  if (active == nullptr) return {false, "no endpoint is active, so there is nothing to hold"};
  const RoutingTable before = table_;
  const std::string name = active->name;
  hold_ = Hold{now, {}};
  if (expires_in) hold_->until = now + *expires_in;
  recompute(before, {ChangeKind::operator_command, "hold"}, now);
  return {true, "holding " + name +
                    (expires_in ? " for " + text_of(*expires_in) : std::string{" until released"})};
}

CommandResult Router::release(TimePoint now) {
  if (!hold_) return {true, "nothing was held"};
  const RoutingTable before = table_;
  hold_.reset();
  recompute(before, {{}, "the hold was released"}, now);
  const RoutingEntry* active = active_entry();
  return {true, "released; " + (active != nullptr ? active->name + " is active"
                                                  : std::string{"no endpoint may serve"})};
}

CommandResult Router::failback_now(TimePoint now) {
  const RoutingTable before = table_;
  const RoutingEntry* best = nullptr;
  for (const RoutingEntry& entry : table_.entries)
    if (best == nullptr && is_available(entry)) best = &entry;
  if (best == nullptr) return {false, "no endpoint is Online, so there is nothing to fail back to"};
  if (best->id == table_.active) {
    const RoutingEntry& preferred = table_.entries.front();
    if (preferred.id == best->id) return {false, best->name + " is active already"};
    return {false, preferred.name + " cannot serve (" +
                       (preferred.draining ? std::string{"draining"}
                                           : std::string{health::to_string(preferred.monitor)}) +
                       "); " + best->name + " is the best there is and is active already"};
  }
  hold_.reset();
  const std::string name = best->name;
  state_of(best->id)->comeback.excuse();
  recompute(before, {{}, "an operator asked for it"}, now);
  return {true, name + " is active"};
}

void Router::tick(TimePoint now) {
  const RoutingTable before = table_;
  std::string reason;
  if (hold_ && hold_->until && now >= *hold_->until) {
    hold_.reset();
    reason = "the hold expired";
  }
  const std::string wait_over = end_waits_that_are_over(now);
  if (!wait_over.empty()) reason = wait_over;
  if (!reason.empty()) recompute(before, {{}, reason}, now);
}

std::optional<Router::TimePoint> Router::next_wake() const {
  std::optional<TimePoint> wake;
  const auto consider = [&wake](TimePoint at) {
    if (!wake || at < *wake) wake = at;
  };
  if (hold_ && hold_->until) consider(*hold_->until);
  for (std::size_t i = 0; i < states_.size(); ++i)
    if (states_[i].comeback.recovering() && !waits_for_operator(table_.entries[i]))
      consider(states_[i].comeback.wait_ends(failback_));
  return wake;
}

std::vector<Router::Wait> Router::waits(TimePoint now) const {
  std::vector<Wait> waits;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const RoutingEntry& entry = table_.entries[i];
    if (entry.rotation != Rotation::waiting) continue;
    const Comeback& comeback = states_[i].comeback;
    Wait wait{entry.id, {}, comeback.level(failback_, now)};
    const bool open_end =
        (held_back(entry) && !hold_->until) || (comeback.recovering() && waits_for_operator(entry));
    if (!open_end) {
      if (comeback.recovering()) wait.until = comeback.wait_ends(failback_);
      if (held_back(entry)) wait.until = std::max(wait.until.value_or(now), *hold_->until);
    }
    waits.push_back(wait);
  }
  return waits;
}

// The picture ------------------------------------------------------------------------------------

Router::State* Router::state_of(EndpointId id) {
  for (State& state : states_)
    if (state.id == id) return &state;
  return nullptr;
}

RoutingEntry* Router::entry_of(EndpointId id) {
  for (RoutingEntry& entry : table_.entries)
    if (entry.id == id) return &entry;
  return nullptr;
}

void Router::apply_status(RoutingEntry& entry, MonitorStatus status, TimePoint at,
                          std::optional<TimePoint> first_failure) {
  entry.monitor = status;
  State& state = *state_of(entry.id);
  if (status == MonitorStatus::degraded) {
    state.comeback.degraded(failback_, at);
    state.first_failure = first_failure.value_or(at);
    return;
  }
  state.first_failure.reset();
  if (status == MonitorStatus::online) {
    state.comeback.recovered(at);
  } else {
    state.comeback.excuse();
  }
}

bool Router::better_than_active(const RoutingEntry& entry) const {
  const RoutingEntry* active = active_entry();
  return active == nullptr || entry.priority < active->priority;
}

// In manual mode a return to a *higher* priority is the operator's; one further down the list is
// no failback, it comes back to work by itself.
bool Router::waits_for_operator(const RoutingEntry& entry) const {
  return failback_.mode == config::FailbackMode::manual && better_than_active(entry);
}

bool Router::held_back(const RoutingEntry& entry) const {
  if (!hold_) return false;
  const RoutingEntry* active = active_entry();
  return active != nullptr && is_available(*active) && entry.priority < active->priority;
}

// Returns the reason to give for what follows, "" when no wait ended.
std::string Router::end_waits_that_are_over(TimePoint now) {
  std::string reason;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    Comeback& comeback = states_[i].comeback;
    const RoutingEntry& entry = table_.entries[i];
    if (!comeback.recovering() || waits_for_operator(entry)) continue;
    if (now < comeback.wait_ends(failback_)) continue;
    if (reason.empty())
      reason = entry.name + " has been healthy for " + text_of(comeback.wait(failback_));
    comeback.excuse();
  }
  return reason;
}

void Router::set_rotations() {
  for (std::size_t i = 0; i < table_.entries.size(); ++i) {
    RoutingEntry& entry = table_.entries[i];
    if (is_available(entry)) {
      const bool waits = states_[i].comeback.recovering() || held_back(entry);
      entry.rotation = waits ? Rotation::waiting : Rotation::serving;
    } else if (entry.monitor == MonitorStatus::degraded && !entry.draining) {
      entry.rotation = Rotation::degraded;
    } else {
      entry.rotation = Rotation::out;
    }
  }
}

EndpointId Router::choose() {
  const auto best = [this](Rotation rotation) -> RoutingEntry* {
    for (RoutingEntry& entry : table_.entries)
      if (entry.rotation == rotation) return &entry;
    return nullptr;
  };
  if (const RoutingEntry* entry = best(Rotation::serving)) return entry->id;
  if (RoutingEntry* entry = best(Rotation::waiting)) {
    // Put to work because nobody else is left: sending its traffic away again as soon as another
    // endpoint recovers would only be one move more.
    state_of(entry->id)->comeback.excuse();
    entry->rotation = Rotation::serving;
    return entry->id;
  }
  if (table_.fail_open)
    if (const RoutingEntry* entry = best(Rotation::degraded)) return entry->id;
  return no_endpoint;
}

void Router::recompute(const RoutingTable& before, const Trigger& trigger, TimePoint now) {
  end_waits_that_are_over(now);
  set_rotations();
  table_.active = choose();
  const RoutingEntry* active = active_entry();
  table_.all_degraded = active == nullptr || active->rotation == Rotation::degraded;
  const std::optional<ChangeKind> kind = kind_of_change(before, trigger);
  if (table_.active != before.active || kind == ChangeKind::startup) active_since_ = now;
  if (!same_apart_from_version(table_, before) || kind) table_.version = before.version + 1;
  if (kind) report(before, *kind, trigger.reason, now);
}

std::optional<ChangeKind> Router::kind_of_change(const RoutingTable& before,
                                                 const Trigger& trigger) const {
  if (trigger.kind == ChangeKind::startup) return ChangeKind::startup;
  const bool moved = table_.active != before.active;
  if (!moved && table_.all_degraded == before.all_degraded) return {};
  if (table_.active == no_endpoint) return ChangeKind::unavailable;
  if (table_.all_degraded) return ChangeKind::best_effort;
  if (!moved || before.active == no_endpoint) return ChangeKind::restored;
  if (trigger.kind) return trigger.kind;
  const RoutingEntry* from = before.find(before.active);
  const RoutingEntry* to = active_entry();
  return from != nullptr && to->priority < from->priority ? ChangeKind::failback
                                                          : ChangeKind::failover;
}

void Router::report(const RoutingTable& before, ChangeKind kind, const std::string& reason,
                    TimePoint now) {
  RoutingChange change;
  change.kind = kind;
  change.from = before.active;
  change.to = table_.active;
  change.reason = reason;
  change.at = now;
  if (const RoutingEntry* from = before.find(before.active)) change.from_name = from->name;
  if (const RoutingEntry* to = active_entry()) change.to_name = to->name;
  if (kind == ChangeKind::failback) {
    if (const State* state = state_of(change.to)) change.since = state->comeback.recovered_at();
  } else if (const State* state = state_of(change.from)) {
    change.since = state->first_failure;
  }
  history_.push_back(change);
  if (history_.size() > history_size) history_.pop_front();
  if (on_change_) on_change_(change);
}

}  // namespace routing
