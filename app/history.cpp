#include "app/history.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/status_text.hpp"

namespace app {
namespace {

double seconds_between(health::TimePoint from, health::TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

void count(std::vector<TransitionCount>& counts, std::string_view kind, std::string_view reason) {
  for (TransitionCount& entry : counts)
    if (entry.kind == kind && entry.reason == reason) {
      ++entry.count;
      return;
    }
  counts.push_back({std::string{kind}, std::string{reason}, 1});
}

std::string level_of(const routing::RoutingChange& change) {
  using routing::ChangeKind;
  switch (change.kind) {
    case ChangeKind::best_effort:
    case ChangeKind::unavailable:
      return "alert";
    case ChangeKind::failover:
      return "warning";
    default:
      return "info";
  }
}

std::string routing_text(const routing::RoutingChange& change, const std::optional<double>& took) {
  std::string out{to_string(change.kind)};
  std::replace(out.begin(), out.end(), '_', ' ');
  const std::string to = change.to_name.empty() ? "nobody" : change.to_name;
  out += change.from_name.empty() || change.from == change.to
             ? fmt::format(": new traffic goes to {}", to)
             : fmt::format(": {} -> {}", change.from_name, to);
  if (!change.reason.empty()) out += " (" + change.reason + ")";
  if (took) out += ", took " + seconds_text(*took);
  return out;
}

}  // namespace

const Event& History::keep(Event event) {
  event.sequence = next_sequence_++;
  if (events_.size() == kept_events) events_.pop_front();
  events_.push_back(std::move(event));
  return events_.back();
}

const Event& History::health(const health::HealthTransition& transition, WallTime now) {
  last_cause_.insert_or_assign(transition.name, transition.cause);
  Event event;
  event.at = now;
  event.kind = "health";
  event.endpoint = transition.name;
  event.from = to_string(transition.from);
  event.to = to_string(transition.to);
  event.reason = to_string(transition.cause);
  event.text = fmt::format("{}: {} -> {}", transition.name, event.from, event.to);
  if (!transition.detail.empty()) event.text += " (" + transition.detail + ")";
  const bool degraded = transition.to == health::MonitorStatus::degraded;
  event.level = degraded ? "warning" : "info";
  if (degraded && transition.first_failure != health::TimePoint{}) {
    event.seconds = seconds_between(transition.first_failure, transition.at);
    tally_.last_detect_s = event.seconds;
  }
  return keep(std::move(event));
}

std::string_view History::label_of(const routing::RoutingChange& change) const {
  using routing::ChangeKind;
  switch (change.kind) {
    case ChangeKind::startup:
      return "priority";
    case ChangeKind::failover: {
      const auto cause = last_cause_.find(change.from_name);
      return cause == last_cause_.end() ? "unknown" : to_string(cause->second);
    }
    case ChangeKind::failback:
    case ChangeKind::restored:
      return "recovered";
    case ChangeKind::operator_command:
      return "operator";
    case ChangeKind::reload:
      return "config";
    case ChangeKind::best_effort:
      return "all_degraded";
    case ChangeKind::unavailable:
      return "no_endpoint";
  }
  return "unknown";
}

const Event& History::routing(const routing::RoutingChange& change, WallTime now) {
  const std::string_view label = label_of(change);
  count(tally_.transitions, to_string(change.kind), label);
  Event event;
  event.at = now;
  event.kind = "routing";
  event.level = level_of(change);
  event.endpoint = change.to_name;
  event.from = change.from_name;
  event.to = change.to_name;
  event.reason = to_string(change.kind);
  if (change.since) event.seconds = seconds_between(*change.since, change.at);
  if (change.kind == routing::ChangeKind::failover && event.seconds)
    tally_.last_failover_s = event.seconds;
  if (change.kind == routing::ChangeKind::failback && event.seconds)
    tally_.last_failback_s = event.seconds;
  event.text = routing_text(change, event.seconds);
  return keep(std::move(event));
}

const Event& History::reload(std::string_view result, std::string text, WallTime now) {
  count(tally_.reloads, result, "");
  tally_.last_reload = now;
  tally_.last_reload_text = text;
  Event event;
  event.at = now;
  event.kind = "reload";
  event.level = result == "ok" ? "info" : "warning";
  event.reason = result;
  event.text = std::move(text);
  return keep(std::move(event));
}

const Event& History::command(std::string_view verb, std::string endpoint, std::string text,
                              WallTime now) {
  Event event;
  event.at = now;
  event.kind = "command";
  event.level = "info";
  event.endpoint = std::move(endpoint);
  event.reason = verb;
  event.text = std::move(text);
  return keep(std::move(event));
}

const Event& History::lifecycle(std::string_view what, std::string text, WallTime now) {
  Event event;
  event.at = now;
  event.kind = "lifecycle";
  event.level = "info";
  event.reason = what;
  event.text = std::move(text);
  return keep(std::move(event));
}

const Event& History::durable(std::string_view what, std::string text, WallTime now,
                              std::string_view level) {
  Event event;
  event.at = now;
  event.kind = "durable";
  event.level = level;
  event.reason = what;
  event.text = std::move(text);
  return keep(std::move(event));
}

std::vector<Event> History::set_alerts(std::vector<Alert> present, WallTime now) {
  const auto same = [](const Alert& a, const Alert& b) {
    return a.kind == b.kind && a.endpoint == b.endpoint;
  };
  const auto find_in = [&](std::vector<Alert>& list, const Alert& wanted) {
    return std::find_if(list.begin(), list.end(), [&](const Alert& a) { return same(a, wanted); });
  };
  const auto event_of = [&](const Alert& alert, std::string level, std::string text) {
    Event event;
    event.at = now;
    event.kind = "alert";
    event.level = std::move(level);
    event.endpoint = alert.endpoint;
    event.reason = alert.kind;
    event.text = std::move(text);
    return keep(std::move(event));
  };
  std::vector<Event> news;
  for (Alert& alert : present) {
    const auto before = find_in(alerts_, alert);
    alert.since = before == alerts_.end() ? now : before->since;
    if (before != alerts_.end()) continue;
    count(tally_.alerts, alert.kind, "");
    news.push_back(event_of(alert, "alert", alert.kind + ": " + alert.text));
  }
  for (const Alert& gone : alerts_)
    if (find_in(present, gone) == present.end())
      news.push_back(
          event_of(gone, "info",
                   gone.kind + " ended" + (gone.endpoint.empty() ? "" : " for " + gone.endpoint)));
  alerts_ = std::move(present);
  return news;
}

std::vector<Event> History::recent(std::size_t most) const {
  const std::size_t count = std::min(most, events_.size());
  return {events_.end() - static_cast<std::ptrdiff_t>(count), events_.end()};
}

}  // namespace app
