#include "tests/simulation/world.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "config/explain.hpp"
#include "health/monitor.hpp"
#include "routing/router.hpp"
#include "routing/select_endpoint.hpp"
#include "routing/stickiness.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;
using config::Millis;
using health::EndpointId;
using health::MonitorStatus;
using health::ProbeResult;
using health::TimePoint;

const TimePoint start{1h};

enum class Reality { up, refuses, hangs, answers_503 };

const char* to_string(Reality reality) {
  switch (reality) {
    case Reality::up:
      return "is up again";
    case Reality::refuses:
      return "crashes (connections are refused)";
    case Reality::hangs:
      return "freezes (nothing is answered)";
    case Reality::answers_503:
      return "answers 503";
  }
  return "?";
}

struct Endpoint {
  EndpointId id = 0;
  config::Endpoint config;
  health::Monitor monitor;
  Reality reality = Reality::up;
  TimePoint reality_since = start;
  std::uint64_t reality_number = 0;  // of changes: two may come in one millisecond
  bool probing = false;
  std::uint64_t probe = 0;  // number of the probe under way
  std::uint64_t timer = 0;  // number of the scheduled start that counts
  bool draining = false;
  // Of the world's own bookkeeping:
  TimePoint online_since{};      // of the present Online
  bool was_degraded = false;     // before that
  TimePoint undisturbed{};       // since when no operator or reload touched it
  TimePoint role_since = start;  // serving, or a standby
};

struct Client {
  routing::ClientKey key;
  Millis period{};
  EndpointId answer = health::no_endpoint;  // as the world expects a cache to have it
  TimePoint until{};
};

struct Event {
  TimePoint at{};
  std::uint64_t number = 0;
  std::function<void()> happen;
  bool operator<(const Event& other) const {  // the queue's top is the earliest
    return at != other.at ? at > other.at : number > other.number;
  }
};

class World {
 public:
  World(std::uint64_t seed, Tally& tally, Defect defect, bool tell)
      : random_{seed}, tally_{tally}, defect_{defect}, tell_{tell} {}

  std::optional<Violation> play();

 private:
  // --- chance
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  bool chance(unsigned percent) { return pick(100) < percent; }
  double dice() { return static_cast<double>(random_() >> 11) / 9007199254740992.0; }
  Millis some(Millis low, Millis high) {
    return low + Millis{static_cast<Millis::rep>(
                     pick(static_cast<std::uint64_t>((high - low).count()) + 1))};
  }

  // --- the course
  void make_config();
  void at(TimePoint when, std::function<void()> what) {
    events_.push({when, ++numbers_, std::move(what)});
  }
  void say(const std::string& text);
  void fail(const char* invariant, const std::string& text);
  void run_until(TimePoint end);
  void plan_faults();
  void plan_commands();
  void heal_everything();

  // --- health
  void schedule(Endpoint& endpoint);
  void start_probe(Endpoint& endpoint);
  void end_probe(Endpoint& endpoint, std::uint64_t number, ProbeResult result);
  void apply(Endpoint& endpoint, const std::optional<health::StatusChange>& change);
  void change_reality(Endpoint& endpoint, Reality to);
  void expect_detection(Endpoint& endpoint);
  void expect_recovery(Endpoint& endpoint);
  void update_serving();
  void wake_router();
  void after_routing();

  // --- requests
  void request(Client& client);
  void check_choice(const Client& client, const routing::Selection& chosen, bool sticky_lives);
  bool available(const Endpoint& endpoint) const;
  bool held() const { return held_until_ && now_ <= *held_until_; }
  bool may_still_wait(const Endpoint& endpoint) const;
  Endpoint& by_id(EndpointId id);

  std::mt19937_64 random_;
  Tally& tally_;
  Defect defect_;
  bool tell_;
  config::Config config_;
  std::vector<Endpoint> endpoints_;  // as configured now
  std::vector<Client> clients_;
  std::optional<routing::Router> router_;
  std::optional<routing::StickyTable> sticky_;
  std::priority_queue<Event> events_;
  std::uint64_t numbers_ = 0;
  std::uint64_t wake_ = 0;
  TimePoint now_ = start;
  TimePoint router_disturbed_ = start;   // the latest hold, release, drain, command or reload
  std::optional<TimePoint> held_until_;  // kept here, and not asked of the router
  EndpointId active_ = health::no_endpoint;
  std::uint64_t handled_ = 0;
  std::string story_;
  std::optional<Violation> violation_;
};

std::string seconds(TimePoint at) {
  const auto millis = std::chrono::duration_cast<Millis>(at - start).count();
  std::string text = std::to_string(millis % 1000);
  text.insert(0, 3 - text.size(), '0');
  return std::to_string(millis / 1000) + "." + text + " s";
}

void World::say(const std::string& text) {
  if (tell_) story_ += "  " + seconds(now_) + "  " + text + "\n";
}

void World::fail(const char* invariant, const std::string& text) {
  if (violation_) return;
  violation_ = Violation{invariant, seconds(now_) + ": " + text, story_};
}

void World::make_config() {
  const auto count = 1 + pick(4);
  config_.stickiness.ttl = chance(20) ? 0ms : some(500ms, 60s);
  config_.stickiness.on_degraded =
      chance(30) ? config::OnDegraded::hold : config::OnDegraded::release;
  config_.failback.effective_healthy_for = chance(20) ? 0ms : some(500ms, 60s);
  config_.failback.flap_factor = static_cast<double>(1 + pick(3));
  config_.failback.flap_max = some(10s, 3min);
  config_.failback.flap_decay = some(5s, 2min);
  config_.routing.all_degraded =
      chance(80) ? config::AllDegraded::fail_open : config::AllDegraded::unavailable;
  for (std::uint64_t i = 0; i < count; ++i) {
    Endpoint endpoint;
    endpoint.id = static_cast<EndpointId>(i + 1);
    endpoint.config.name = std::string(1, static_cast<char>('A' + i));
    endpoint.config.priority = static_cast<int>(i + 1);
    config::ProbePolicy& probe = endpoint.config.probe;
    probe.interval = some(200ms, 30s);
    probe.timeout = some(100ms, std::min<Millis>(probe.interval, 10s));
    probe.tolerated_failures = static_cast<int>(pick(5));
    probe.required_passes = static_cast<int>(1 + pick(4));
    probe.jitter = chance(50) ? 0 : 0.1;
    probe.standby_interval = chance(50) ? probe.interval : some(probe.interval, 60s);
    probe.doubt_interval = chance(20) ? probe.interval : some(50ms, probe.interval);
    probe.idle_after = 24h;  // the cold grace has stories of its own
    endpoint.config.evidence.degrades = false;
    endpoint.online_since = endpoint.undisturbed = start;
    endpoints_.push_back(endpoint);
  }
  const auto clients = 1 + pick(4);
  for (std::uint64_t i = 0; i < clients; ++i)
    clients_.push_back({{0, i + 1}, some(50ms, 3s), health::no_endpoint, {}});
}

Endpoint& World::by_id(EndpointId id) {
  return *std::find_if(endpoints_.begin(), endpoints_.end(),
                       [id](const Endpoint& endpoint) { return endpoint.id == id; });
}

// --- health
// ----------------------------------------------------------------------------------------

void World::schedule(Endpoint& endpoint) {
  const std::uint64_t number = ++endpoint.timer;  // an earlier timer counts no more
  if (endpoint.probing) return;
  const auto due = next_probe(endpoint.monitor, endpoint.config.probe, dice(), now_);
  if (!due) return;
  const EndpointId id = endpoint.id;
  at(defect_ == Defect::spins ? now_ : std::max(*due, now_), [this, id, number] {
    Endpoint& later = by_id(id);
    if (later.timer == number && !later.probing) start_probe(later);
  });
}

void World::start_probe(Endpoint& endpoint) {
  ++tally_.probes;
  begin_probe(endpoint.monitor, endpoint.config.probe, now_);
  endpoint.probing = true;
  const std::uint64_t number = ++endpoint.probe;
  const EndpointId id = endpoint.id;
  Millis takes = 1ms;
  ProbeResult result = ProbeResult::passed;
  switch (endpoint.reality) {
    case Reality::up:
      takes = some(1ms, std::min<Millis>(20ms, endpoint.config.probe.timeout / 2));
      break;
    case Reality::refuses:
      result = ProbeResult::connect_failed;
      break;
    case Reality::hangs:
      takes = endpoint.config.probe.timeout;
      result = ProbeResult::timed_out;
      break;
    case Reality::answers_503:
      result = ProbeResult::bad_status;
      break;
  }
  at(now_ + takes, [this, id, number, result] { end_probe(by_id(id), number, result); });
}

void World::end_probe(Endpoint& endpoint, std::uint64_t number, ProbeResult result) {
  if (!endpoint.probing || endpoint.probe != number) return;
  endpoint.probing = false;
  // What was under way when the endpoint went down comes to nothing.
  if (result == ProbeResult::passed && endpoint.reality != Reality::up)
    result =
        endpoint.reality == Reality::answers_503 ? ProbeResult::bad_status : ProbeResult::broken;
  health::ProbeOutcome outcome;
  outcome.result = result;
  outcome.started = *endpoint.monitor.probe_started;
  endpoint.monitor.probe_ended = now_;
  config::ProbePolicy policy = endpoint.config.probe;
  if (defect_ == Defect::detects_late) policy.tolerated_failures += 2;
  if (defect_ == Defect::recovers_late) policy.required_passes += 3;
  apply(endpoint, observe(endpoint.monitor, policy, outcome, now_));
  schedule(endpoint);
}

void World::apply(Endpoint& endpoint, const std::optional<health::StatusChange>& change) {
  if (!change) return;
  say(endpoint.config.name + ": " + std::string(health::to_string(change->from)) + " -> " +
      std::string(health::to_string(change->to)));
  if (change->to == MonitorStatus::online) {
    endpoint.online_since = now_;
    endpoint.was_degraded = change->from == MonitorStatus::degraded;
  }
  health::HealthTransition transition;
  transition.endpoint = endpoint.id;
  transition.name = endpoint.config.name;
  transition.from = change->from;
  transition.to = change->to;
  transition.cause = change->cause;
  transition.at = now_;
  transition.first_failure = change->first_failure;
  router_->on_transition(transition, now_);
  after_routing();
}

void World::change_reality(Endpoint& endpoint, Reality to) {
  if (endpoint.reality == to) return;
  ++tally_.faults;
  const bool thaws = endpoint.reality == Reality::hangs && to == Reality::up;
  endpoint.reality = to;
  endpoint.reality_since = now_;
  ++endpoint.reality_number;
  say(endpoint.config.name + " " + to_string(to));
  if (to == Reality::up) {
    expect_recovery(endpoint);
    if (thaws && endpoint.probing) {  // it answers what it was asked
      const EndpointId id = endpoint.id;
      at(now_ + 1ms, [this, id, number = endpoint.probe] {
        end_probe(by_id(id), number, ProbeResult::passed);
      });
    }
  } else {
    expect_detection(endpoint);
  }
}

// Promises of `explain` for an endpoint that serves: it counts as Degraded in time.
void World::expect_detection(Endpoint& endpoint) {
  if (status(endpoint.monitor) != MonitorStatus::online || in_doubt(endpoint.monitor) ||
      !endpoint.monitor.serving)
    return;
  const config::EndpointTimes times = config::compute_times(config_, endpoint.config);
  const Millis bound =
      endpoint.reality == Reality::hangs ? times.detect_frozen : times.detect_refused;
  const EndpointId id = endpoint.id;
  const TimePoint since = now_;
  // A refused probe takes a millisecond itself, and a passed one may just have been under way.
  at(now_ + bound + 25ms, [this, id, since, number = endpoint.reality_number, bound] {
    const Endpoint& later = by_id(id);
    if (later.reality_number != number || later.undisturbed > since || later.role_since > since)
      return;
    ++tally_.detections;
    if (status(later.monitor) != MonitorStatus::degraded)
      fail("detected in time", later.config.name + " is not Degraded " +
                                   std::to_string(bound.count()) + " ms after it failed");
  });
}

// The same for the way back.
void World::expect_recovery(Endpoint& endpoint) {
  if (!endpoint.monitor.enabled) return;
  const config::EndpointTimes times = config::compute_times(config_, endpoint.config);
  const EndpointId id = endpoint.id;
  const TimePoint since = now_;
  at(now_ + times.recover + 25ms,
     [this, id, since, number = endpoint.reality_number, bound = times.recover] {
       const Endpoint& later = by_id(id);
       if (later.reality_number != number || later.undisturbed > since) return;
       ++tally_.recoveries;
       if (status(later.monitor) != MonitorStatus::online)
         fail("recovered in time", later.config.name + " is not Online " +
                                       std::to_string(bound.count()) + " ms after it was up again");
     });
}

// --- routing
// ---------------------------------------------------------------------------------------

void World::after_routing() {
  const EndpointId active = router_->table().active;
  if (active != active_) {
    ++tally_.switches;
    say(active == health::no_endpoint ? std::string{"nobody is active"}
                                      : by_id(active).config.name + " is active");
    active_ = active;
  }
  wake_router();
}

void World::wake_router() {
  const std::uint64_t number = ++wake_;
  const auto due = router_->next_wake();
  if (!due || defect_ == Defect::forgets_to_wake) return;
  at(std::max(*due, now_), [this, number] {
    if (number != wake_) return;
    router_->tick(now_);
    after_routing();
  });
}

void World::update_serving() {
  for (Endpoint& endpoint : endpoints_) {
    const bool serving = endpoint.id == router_->table().active;
    if (endpoint.monitor.serving == serving) continue;
    endpoint.monitor.serving = serving;
    endpoint.role_since = now_;
    schedule(endpoint);
  }
  at(now_ + 1s, [this] { update_serving(); });
}

bool World::available(const Endpoint& endpoint) const {
  const MonitorStatus now = status(endpoint.monitor);
  return !endpoint.draining &&
         (now == MonitorStatus::online || now == MonitorStatus::checking_endpoint);
}

// Whether failback may still wait for this endpoint, penalty included.
bool World::may_still_wait(const Endpoint& endpoint) const {
  const config::Failback& failback = config_.failback;
  const Millis longest = failback.flap_factor > 1 && failback.effective_healthy_for > 0ms
                             ? std::max(failback.effective_healthy_for, failback.flap_max)
                             : failback.effective_healthy_for;
  // At the very end of the wait a request may come just before the router wakes.
  return endpoint.was_degraded && now_ <= endpoint.online_since + longest;
}

void World::request(Client& client) {
  ++tally_.requests;
  const Millis ttl = config_.stickiness.ttl;
  EndpointId earlier = health::no_endpoint;
  if (ttl > 0ms) earlier = sticky_->find(client.key, now_);
  routing::Selection chosen = routing::select_endpoint(router_->table(), earlier);
  const auto& entries = router_->table().entries;
  if (defect_ == Defect::serves_disabled)
    for (const routing::RoutingEntry& entry : entries)
      if (entry.rotation == routing::Rotation::out) chosen = {&entry, routing::Reason::priority};
  if (defect_ == Defect::prefers_the_last)
    for (const routing::RoutingEntry& entry : entries)
      if (entry.rotation == routing::Rotation::serving)
        chosen = {&entry, routing::Reason::priority};
  if (defect_ == Defect::keeps_the_dead && earlier != health::no_endpoint)
    if (const auto* entry = router_->table().find(earlier))
      chosen = {entry, routing::Reason::sticky};
  if (defect_ == Defect::best_of_the_worst && chosen.reason == routing::Reason::best_effort)
    for (const routing::RoutingEntry& entry : entries)
      if (entry.rotation == routing::Rotation::degraded) chosen.endpoint = &entry;
  if (defect_ == Defect::fails_closed && chosen.reason == routing::Reason::best_effort) chosen = {};
  const bool sticky_lives = client.answer != health::no_endpoint && now_ < client.until;
  check_choice(client, chosen, sticky_lives);
  if (!chosen.endpoint || ttl == 0ms) return;
  const bool kept =
      chosen.reason == routing::Reason::sticky || chosen.reason == routing::Reason::held;
  if (kept && defect_ == Defect::extends_ttl)
    sticky_->remember(client.key, chosen.endpoint->id, now_, ttl);
  if (!kept && chosen.reason != routing::Reason::best_effort) {
    sticky_->remember(client.key, chosen.endpoint->id, now_, ttl);
    client.answer = chosen.endpoint->id;
    client.until = now_ + ttl;
  }
}

void World::check_choice(const Client& client, const routing::Selection& chosen,
                         bool sticky_lives) {
  const bool any_available = std::any_of(endpoints_.begin(), endpoints_.end(),
                                         [this](const Endpoint& each) { return available(each); });
  if (!chosen.endpoint) {
    const bool any_degraded =
        std::any_of(endpoints_.begin(), endpoints_.end(), [](const Endpoint& each) {
          return !each.draining && status(each.monitor) == MonitorStatus::degraded;
        });
    if (any_available || (any_degraded && router_->table().fail_open))
      fail("somebody serves", "a request was turned away although an endpoint may serve");
    return;
  }
  const Endpoint& endpoint = by_id(chosen.endpoint->id);
  if (!endpoint.monitor.enabled || endpoint.draining)
    return fail("never a disabled endpoint", endpoint.config.name + " was given a request");
  const bool by_stickiness =
      chosen.reason == routing::Reason::sticky || chosen.reason == routing::Reason::held;
  if (by_stickiness) {
    if (!sticky_lives || client.answer != endpoint.id)
      fail("an answer ends with its TTL", endpoint.config.name + " was chosen by an old answer");
    if (!available(endpoint) && config_.stickiness.on_degraded == config::OnDegraded::release)
      fail("the dead are released", endpoint.config.name + " is not available any more");
    return;
  }
  if (!available(endpoint)) {
    if (any_available)
      return fail("never a worse one", endpoint.config.name + " is not available, another one is");
    for (const Endpoint& other : endpoints_)
      if (other.config.priority < endpoint.config.priority && !other.draining &&
          status(other.monitor) == MonitorStatus::degraded)
        fail("a best effort is the best",
             other.config.name + " comes before " + endpoint.config.name);
    if (config_.routing.all_degraded != config::AllDegraded::fail_open)
      fail("a best effort is the best", "the configuration wants none");
    return;
  }
  for (const Endpoint& other : endpoints_)
    if (other.config.priority < endpoint.config.priority && available(other) &&
        available(endpoint) && !may_still_wait(other) && !held())
      return fail("never a worse one", endpoint.config.name + " was chosen, and " +
                                           other.config.name + " is better and available");
}

// --- the script
// ------------------------------------------------------------------------------------

void World::plan_faults() {
  const auto faults = pick(8);
  for (std::uint64_t i = 0; i < faults; ++i) {
    const EndpointId id = static_cast<EndpointId>(1 + pick(endpoints_.size()));
    const Reality reality =
        std::array{Reality::refuses, Reality::hangs, Reality::answers_503}[pick(3)];
    TimePoint when = start + some(0ms, 120s);
    const auto rounds = chance(25) ? 2 + pick(6) : 1;  // a crash loop
    const Millis down = chance(50) ? some(10ms, 5s) : some(1s, 60s);
    const Millis up = some(10ms, 20s);
    for (std::uint64_t round = 0; round < rounds; ++round) {
      at(when, [this, id, reality] { change_reality(by_id(id), reality); });
      at(when + down, [this, id] { change_reality(by_id(id), Reality::up); });
      when += down + up;
    }
  }
}

void World::plan_commands() {
  const auto commands = pick(5);
  for (std::uint64_t i = 0; i < commands; ++i) {
    const EndpointId id = static_cast<EndpointId>(1 + pick(endpoints_.size()));
    const auto kind = pick(5);
    const Millis lasts = some(100ms, 60s);
    at(start + some(0ms, 150s), [this, id, kind, lasts] {
      ++tally_.commands;
      Endpoint& endpoint = by_id(id);
      const auto touched = [this](Endpoint& each) { each.undisturbed = now_; };
      switch (kind) {
        case 0:
          say("an operator disables " + endpoint.config.name);
          touched(endpoint);
          apply(endpoint,
                set_enabled(endpoint.monitor, false, health::Cause::operator_command, now_));
          at(now_ + lasts, [this, id, touched] {
            Endpoint& later = by_id(id);
            say("an operator enables " + later.config.name);
            touched(later);
            apply(later, set_enabled(later.monitor, true, health::Cause::operator_command, now_));
            schedule(later);
          });
          schedule(endpoint);
          break;
        case 1:
          say("an operator drains " + endpoint.config.name);
          endpoint.draining = true;
          router_->drain(id, true, now_);
          after_routing();
          at(now_ + lasts, [this, id] {
            say("an operator ends the drain of " + by_id(id).config.name);
            by_id(id).draining = false;
            router_->drain(id, false, now_);
            after_routing();
          });
          break;
        case 2:
          say("an operator holds for " + std::to_string(lasts.count()) + " ms");
          if (router_->hold(lasts, now_).ok) held_until_ = now_ + lasts;
          after_routing();
          break;
        case 3:
          say("an operator asks for failback");
          if (router_->failback_now(now_).ok) held_until_.reset();
          after_routing();
          break;
        default: {
          ++tally_.reloads;
          config_.failback.effective_healthy_for = some(0ms, 60s);
          Endpoint& other = endpoints_[pick(endpoints_.size())];
          std::swap(endpoint.config.priority, other.config.priority);
          config_.endpoints.clear();
          for (const Endpoint& each : endpoints_) config_.endpoints.push_back(each.config);
          say("a reload: another failback.healthy_for, and " + endpoint.config.name + " and " +
              other.config.name + " change places");
          std::vector<EndpointId> ids;
          for (const Endpoint& each : endpoints_) ids.push_back(each.id);
          router_->configure(config_, ids, now_);
          after_routing();
        }
      }
    });
  }
}

void World::heal_everything() {
  say("everything is healed");
  for (Endpoint& endpoint : endpoints_) {
    if (!endpoint.monitor.enabled) {
      endpoint.undisturbed = now_;
      apply(endpoint, set_enabled(endpoint.monitor, true, health::Cause::operator_command, now_));
      schedule(endpoint);
    }
    if (endpoint.draining) {
      endpoint.draining = false;
      router_->drain(endpoint.id, false, now_);
    }
    change_reality(endpoint, Reality::up);
  }
  router_->release(now_);
  held_until_.reset();
  after_routing();
}

void World::run_until(TimePoint end) {
  while (!violation_ && !events_.empty() && events_.top().at <= end) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    event.happen();
    if (++handled_ > 200'000) fail("no livelock", "200,000 events in one schedule");
  }
  now_ = end;
}

std::optional<Violation> World::play() {
  make_config();
  router_.emplace();
  sticky_.emplace(64, 7);
  for (const Endpoint& endpoint : endpoints_) config_.endpoints.push_back(endpoint.config);
  std::vector<EndpointId> ids;
  for (const Endpoint& endpoint : endpoints_) ids.push_back(endpoint.id);
  router_->configure(config_, ids, now_);
  after_routing();
  for (Endpoint& endpoint : endpoints_) schedule(endpoint);
  update_serving();
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const auto again = [this, i](const auto& self) -> void {
      request(clients_[i]);
      at(now_ + clients_[i].period, [self] { self(self); });
    };
    at(start + some(0ms, clients_[i].period), [again] { again(again); });
  }
  plan_faults();
  plan_commands();
  run_until(start + 180s);
  heal_everything();

  // Everybody is back on the primary within recover + healthy_for, with its present penalty, + TTL.
  Endpoint& primary = *std::min_element(endpoints_.begin(), endpoints_.end(),
                                        [](const Endpoint& one, const Endpoint& other) {
                                          return one.config.priority < other.config.priority;
                                        });
  const config::EndpointTimes times = config::compute_times(config_, primary.config);
  const TimePoint healed = now_;
  run_until(healed + times.recover + 30ms);
  if (violation_) return violation_;
  if (primary.reality == Reality::up && primary.reality_since <= healed) {
    TimePoint back = now_;
    for (const routing::Router::Wait& wait : router_->waits(now_))
      if (wait.endpoint == primary.id && defect_ != Defect::forgets_penalties)
        back = std::max(back, wait.until.value_or(back));
    const Millis longest =
        std::max(config_.failback.flap_max, config_.failback.effective_healthy_for);
    if (back > now_ + longest) fail("everyone is back", "the wait is longer than any penalty");
    run_until(back + config_.stickiness.ttl + 1ms);
    const bool calm = primary.reality == Reality::up && primary.reality_since <= healed &&
                      primary.undisturbed <= healed && !held() && !primary.draining;
    if (calm && !violation_) {
      ++tally_.returns;
      for (const Client& client : clients_) {
        const EndpointId earlier = sticky_->find(client.key, now_);
        const auto chosen = routing::select_endpoint(router_->table(), earlier);
        if (!chosen.endpoint || chosen.endpoint->id != primary.id)
          fail("everyone is back", "a client is not on " + primary.config.name);
      }
    }
  }
  return violation_;
}

}  // namespace

std::optional<Violation> play(std::uint64_t seed, Tally& tally, Defect defect) {
  auto violation = World{seed, tally, defect, false}.play();
  if (!violation) return {};
  Tally again;
  return World{seed, again, defect, true}.play();
}

}  // namespace simulation
