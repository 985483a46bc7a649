#include "health/health_board.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <random>
#include <utility>

#include "health/prober.hpp"
#include "health/watch.hpp"
#include "transport/resolver.hpp"
#include "transport/spawn.hpp"

namespace health {
namespace {

using boost::asio::awaitable;

using WatchPtr = std::shared_ptr<Watch>;

}  // namespace

class HealthBoard::Impl : public std::enable_shared_from_this<HealthBoard::Impl> {
 public:
  Impl(boost::asio::io_context& io, BoardCallbacks callbacks, BoardOptions options)
      : io_{io},
        callbacks_{std::move(callbacks)},
        options_{std::move(options)},
        random_{options_.seed},
        tick_timer_{io} {}

  void configure(const config::Config& config, const std::vector<EndpointId>& ids);
  void stop();
  void report(const Evidence&);
  void sample_traffic(EndpointId, std::uint64_t answered_total);
  void set_enabled(EndpointId, bool);
  void set_serving(EndpointId, bool);
  void refresh_addresses(EndpointId);
  std::vector<EndpointHealth> snapshot() const;

 private:
  using Self = std::shared_ptr<Impl>;

  WatchPtr find(EndpointId) const;
  void add(EndpointId, const config::Endpoint&, TimePoint now);
  void update(Watch&, const config::Endpoint&, TimePoint now);

  void schedule(const WatchPtr&);
  void start_probe(const WatchPtr&, TimePoint now);
  static awaitable<void> probe(Self, WatchPtr, std::vector<config::SocketAddress>);
  void finish_probe(const WatchPtr&, ProbeOutcome);

  void start_resolve(const WatchPtr&);
  static awaitable<void> resolve(Self, WatchPtr);
  void finish_resolve(const WatchPtr&, transport::Result<std::vector<config::SocketAddress>>);

  void announce(const Watch&, const std::optional<StatusChange>&, TimePoint now);
  void start_tick();
  void notice_freeze(TimePoint now);

  boost::asio::io_context& io_;
  BoardCallbacks callbacks_;
  BoardOptions options_;
  std::mt19937_64 random_;
  boost::asio::steady_timer tick_timer_;
  TimePoint last_tick_{};
  TimePoint deaf_until_{};  // to evidence, after a freeze
  bool ticking_ = false;
  bool stopped_ = false;
  std::vector<WatchPtr> watches_;  // in the config's order
};

void HealthBoard::Impl::configure(const config::Config& config,
                                  const std::vector<EndpointId>& ids) {
  const TimePoint now = options_.now();
  std::vector<WatchPtr> before;
  before.swap(watches_);
  std::vector<WatchPtr> kept;
  for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
    const auto known = std::find_if(before.begin(), before.end(),
                                    [&](const WatchPtr& watch) { return watch->id == ids[i]; });
    if (known == before.end()) {
      add(ids[i], config.endpoints[i], now);
    } else {
      watches_.push_back(*known);
      kept.push_back(*known);
    }
  }
  for (const WatchPtr& watch : before) {
    if (std::find(kept.begin(), kept.end(), watch) != kept.end()) continue;
    watch->removed = true;
    watch->probe_timer.cancel();
    watch->resolve_timer.cancel();
  }
  // Announced last: a callback must find the new order complete.
  const std::vector<WatchPtr> present = watches_;
  for (std::size_t i = 0; i < present.size(); ++i) {
    update(*present[i], config.endpoints[i], now);
    schedule(present[i]);
    start_resolve(present[i]);
  }
  if (!ticking_) {
    ticking_ = true;
    last_tick_ = now;
    start_tick();
  }
}

void HealthBoard::Impl::add(EndpointId id, const config::Endpoint& endpoint, TimePoint now) {
  auto watch = std::make_shared<Watch>(io_, id, endpoint);
  watch->monitor.enabled = endpoint.enabled;
  watch->monitor.always_serve = endpoint.always_serve;
  watch->monitor.since = now;
  if (!endpoint.enabled || endpoint.always_serve) watch->monitor.cause = Cause::config;
  watches_.push_back(std::move(watch));
}

void HealthBoard::Impl::update(Watch& watch, const config::Endpoint& endpoint, TimePoint now) {
  const config::Endpoint old = std::exchange(watch.endpoint, endpoint);
  if (old.probe != endpoint.probe || old.tls != endpoint.tls) {
    restart_counters(watch.monitor);
    want_probe(watch.monitor);  // the operator wants to see what the change did
    watch.discard = watch.probing;
  }
  if (old.evidence != endpoint.evidence) watch.window.clear();
  // Only a changed line of the file overrules what an operator said since.
  if (old.enabled != endpoint.enabled)
    announce(watch, health::set_enabled(watch.monitor, endpoint.enabled, Cause::config, now), now);
  if (old.always_serve != endpoint.always_serve)
    announce(watch, set_always_serve(watch.monitor, endpoint.always_serve, Cause::config, now),
             now);
}

void HealthBoard::Impl::stop() {
  stopped_ = true;
  tick_timer_.cancel();
  for (const WatchPtr& watch : watches_) {
    watch->removed = true;
    watch->probe_timer.cancel();
    watch->resolve_timer.cancel();
  }
}

WatchPtr HealthBoard::Impl::find(EndpointId id) const {
  for (const WatchPtr& watch : watches_)
    if (watch->id == id) return watch;
  return nullptr;  // evidence about an endpoint that a reload removed
}

void HealthBoard::Impl::report(const Evidence& evidence) {
  const WatchPtr watch = find(evidence.endpoint);
  if (!watch || stopped_) return;
  const TimePoint now = options_.now();
  notice_freeze(now);
  if (now < deaf_until_) return;  // the workers woke with every deadline overdue, too
  const config::Endpoint& endpoint = watch->endpoint;
  if (evidence.kind == EvidenceKind::first_byte_timeout &&
      in_cold_grace(watch->monitor, endpoint.probe, now)) {
    return;  // slow because it idled
  }
  if (evidence.kind == EvidenceKind::connect_failed) start_resolve(watch);
  watch->window.add(endpoint.evidence, evidence);
  const auto verdict = judge_traffic(watch->window, endpoint.evidence, endpoint.disagreement, now);
  const bool degraded_before = status(watch->monitor) == MonitorStatus::degraded;
  if (verdict.degrade)
    announce(*watch, degrade_by_traffic(watch->monitor, *verdict.degrade, now), now);
  if (!endpoint.evidence.starts_probe || degraded_before) return;
  want_probe(watch->monitor);
  schedule(watch);
}

void HealthBoard::Impl::sample_traffic(EndpointId id, std::uint64_t answered_total) {
  const WatchPtr watch = find(id);
  if (!watch) return;
  const TimePoint now = options_.now();
  watch->window.sample(watch->endpoint.evidence, answered_total, now);
  if (watch->window.answering()) note_contact(watch->monitor, now);
}

void HealthBoard::Impl::set_enabled(EndpointId id, bool enabled) {
  const WatchPtr watch = find(id);
  if (!watch || watch->monitor.enabled == enabled) return;
  const TimePoint now = options_.now();
  watch->discard = watch->probing;
  watch->window.clear();
  announce(*watch, health::set_enabled(watch->monitor, enabled, Cause::operator_command, now), now);
  schedule(watch);
}

void HealthBoard::Impl::set_serving(EndpointId id, bool serving) {
  const WatchPtr watch = find(id);
  if (!watch || watch->monitor.serving == serving) return;
  watch->monitor.serving = serving;
  schedule(watch);
}

void HealthBoard::Impl::refresh_addresses(EndpointId id) {
  if (const WatchPtr watch = find(id)) start_resolve(watch);
}

// Arms the timer for the next probe, or disarms it. Called again after whatever may move that time.
void HealthBoard::Impl::schedule(const WatchPtr& watch) {
  if (stopped_ || watch->removed || watch->probing) return;
  const TimePoint now = options_.now();
  const auto due = next_probe(watch->monitor, watch->endpoint.probe, watch->dice, now);
  if (!due) {
    watch->probe_timer.cancel();
    return;
  }
  watch->probe_timer.expires_after(std::max(*due - now, Clock::duration::zero()));
  watch->probe_timer.async_wait([self = shared_from_this(),
                                 watch](const boost::system::error_code& canceled) {
    if (canceled || self->stopped_ || watch->removed || watch->probing) return;
    // A wait that was over when the timer was set anew still gets here: look again.
    const TimePoint woken = self->options_.now();
    const auto still_due = next_probe(watch->monitor, watch->endpoint.probe, watch->dice, woken);
    if (still_due && *still_due <= woken)
      self->start_probe(watch, woken);
    else
      self->schedule(watch);
  });
}

void HealthBoard::Impl::start_probe(const WatchPtr& watch, TimePoint now) {
  const config::Endpoint& endpoint = watch->endpoint;
  begin_probe(watch->monitor, endpoint.probe, now);
  watch->dice = std::uniform_real_distribution<double>{0.0, 1.0}(random_);
  watch->probing = true;
  watch->discard = false;
  watch->probe_started = now;
  watch->suspected =
      judge_traffic(watch->window, endpoint.evidence, endpoint.disagreement, now).confirm;
  const bool own_port = endpoint.probe.port != 0 && endpoint.probe.port != endpoint.url.port;
  std::vector<config::SocketAddress> addresses = own_port ? watch->direct : watch->addresses;
  if (own_port)
    for (config::SocketAddress& address : addresses) address.port = endpoint.probe.port;
  transport::spawn(io_.get_executor(), "probe",
                   probe(shared_from_this(), watch, std::move(addresses)));
}

awaitable<void> HealthBoard::Impl::probe(Self self, WatchPtr watch,
                                         std::vector<config::SocketAddress> addresses) {
  auto running = run_probe(watch->endpoint, std::move(addresses));
  ProbeOutcome outcome = co_await std::move(running);
  self->finish_probe(watch, std::move(outcome));
}

void HealthBoard::Impl::finish_probe(const WatchPtr& watch, ProbeOutcome outcome) {
  if (stopped_ || watch->removed) return;
  const TimePoint now = options_.now();
  notice_freeze(now);
  watch->probing = false;
  if (std::exchange(watch->discard, false)) {
    discard_probe(watch->monitor, now);
    schedule(watch);
    return;
  }
  if (outcome.own_fault) {
    skip_probe(watch->monitor, now);
    schedule(watch);
    return;
  }
  outcome.started = watch->probe_started;
  watch->last_probe = outcome;
  watch->last_probe_at = now;
  const config::Endpoint& endpoint = watch->endpoint;
  auto suspected =
      judge_traffic(watch->window, endpoint.evidence, endpoint.disagreement, now).confirm;
  if (!suspected) suspected = watch->suspected;
  const auto change =
      observe(watch->monitor, endpoint.probe, outcome, now, suspected ? &*suspected : nullptr);
  if (change && change->to == MonitorStatus::online) watch->window.clear();
  if (outcome.result == ProbeResult::connect_failed ||
      outcome.result == ProbeResult::resolve_failed) {
    start_resolve(watch);
  }
  if (callbacks_.on_probe) callbacks_.on_probe(watch->id, outcome);
  announce(*watch, change, now);
  schedule(watch);
}

void HealthBoard::Impl::start_resolve(const WatchPtr& watch) {
  if (stopped_ || watch->removed || watch->resolving) return;
  const TimePoint now = options_.now();
  const config::Millis shortest =
      std::min<config::Millis>(options_.resolve_every, std::chrono::seconds{1});
  if (watch->resolve_started != TimePoint{} && now - watch->resolve_started < shortest) return;
  watch->resolving = true;
  watch->resolve_started = now;
  transport::spawn(io_.get_executor(), "resolve", resolve(shared_from_this(), watch));
}

awaitable<void> HealthBoard::Impl::resolve(Self self, WatchPtr watch) {
  const TimePoint deadline = Clock::now() + self->options_.resolve_timeout;
  auto looking_up =
      transport::resolve(watch->endpoint.url.host, watch->endpoint.url.port, deadline);
  auto found = co_await std::move(looking_up);
  self->finish_resolve(watch, std::move(found));
}

void HealthBoard::Impl::finish_resolve(
    const WatchPtr& watch, transport::Result<std::vector<config::SocketAddress>> found) {
  watch->resolving = false;
  if (stopped_ || watch->removed) return;
  config::Millis pause = options_.resolve_every;
  if (!found) {
    watch->resolve_problem = to_string(found.error());
    if (watch->addresses.empty()) pause = std::min<config::Millis>(pause, std::chrono::seconds{2});
  } else {
    watch->resolve_problem.clear();
    watch->direct = *found;
    if (options_.lead_through) *found = options_.lead_through(watch->id, std::move(*found));
    if (!same_addresses(watch->addresses, *found)) {
      watch->addresses = std::move(*found);
      if (callbacks_.on_addresses) callbacks_.on_addresses(watch->id, watch->addresses);
    }
  }
  if (stopped_ || watch->removed) return;
  watch->resolve_timer.expires_after(pause);
  watch->resolve_timer.async_wait(
      [self = shared_from_this(), watch](const boost::system::error_code& canceled) {
        if (!canceled) self->start_resolve(watch);
      });
}

void HealthBoard::Impl::announce(const Watch& watch, const std::optional<StatusChange>& change,
                                 TimePoint now) {
  if (!change || !callbacks_.on_transition) return;
  HealthTransition transition;
  transition.endpoint = watch.id;
  transition.name = watch.endpoint.name;
  transition.from = change->from;
  transition.to = change->to;
  transition.cause = change->cause;
  transition.detail = change->detail;
  transition.at = now;
  transition.first_failure = change->first_failure;
  callbacks_.on_transition(transition);
}

void HealthBoard::Impl::start_tick() {
  tick_timer_.expires_after(options_.tick);
  tick_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& canceled) {
    if (canceled || self->stopped_) return;
    const TimePoint now = self->options_.now();
    self->notice_freeze(now);
    self->last_tick_ = now;
    self->start_tick();
  });
}

// The tick, or a probe or evidence that came before it, is the first to see it.
void HealthBoard::Impl::notice_freeze(TimePoint now) {
  if (now - last_tick_ <= 2 * options_.tick) return;
  last_tick_ = now;
  deaf_until_ = now + options_.tick;
  for (const WatchPtr& watch : watches_) {
    if (watch->probing) watch->discard = true;
    schedule(watch);
  }
}

std::vector<EndpointHealth> HealthBoard::Impl::snapshot() const {
  const TimePoint now = options_.now();
  std::vector<EndpointHealth> all;
  for (const WatchPtr& watch : watches_) all.push_back(describe(*watch, now));
  return all;
}

HealthBoard::HealthBoard(boost::asio::io_context& io, BoardCallbacks callbacks,
                         BoardOptions options)
    : impl_{std::make_shared<Impl>(io, std::move(callbacks), std::move(options))} {}
HealthBoard::~HealthBoard() {
  impl_->stop();
}

void HealthBoard::configure(std::shared_ptr<const config::Config> config,
                            const std::vector<EndpointId>& ids) {
  impl_->configure(*config, ids);
}
void HealthBoard::stop() {
  impl_->stop();
}
void HealthBoard::report(const Evidence& evidence) {
  impl_->report(evidence);
}
void HealthBoard::sample_traffic(EndpointId id, std::uint64_t answered_total) {
  impl_->sample_traffic(id, answered_total);
}
void HealthBoard::set_enabled(EndpointId id, bool enabled) {
  impl_->set_enabled(id, enabled);
}
void HealthBoard::set_serving(EndpointId id, bool serving) {
  impl_->set_serving(id, serving);
}
void HealthBoard::refresh_addresses(EndpointId id) {
  impl_->refresh_addresses(id);
}
std::vector<EndpointHealth> HealthBoard::snapshot() const {
  return impl_->snapshot();
}

}  // namespace health
