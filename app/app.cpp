#include "app/app.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "app/command_line.hpp"
#include "app/config_hash.hpp"
#include "app/running_app.hpp"
#include "app/state_folder.hpp"
#include "app/take_picture.hpp"
#include "config/units.hpp"

namespace app {
namespace {

namespace asio = boost::asio;
using health::EndpointId;
using namespace std::chrono_literals;

constexpr auto sample_every = 200ms;  // counters to the board, access log, alerts
constexpr auto ledger_load_limit = 10s;
constexpr auto ready_at_latest = 1s;  // waiting for names to resolve before the first request

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) ^ device();
}

std::string random_key() {
  std::string key;
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t word = random_seed();
    key.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return key;
}

std::int64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::shared_ptr<const proxy::Snapshot> empty_snapshot(
    std::shared_ptr<const config::Config> config) {
  auto snapshot = std::make_shared<proxy::Snapshot>();
  snapshot->config = std::move(config);
  return snapshot;
}

}  // namespace

// Start ------------------------------------------------------------------------------------------

App::App(config::Config config, AppOptions options)
    : options_{std::move(options)},
      config_{std::make_shared<const config::Config>(std::move(config))},
      log_{config_->log},
      registry_{options_.workers},
      sticky_{config_->stickiness.max_clients, random_seed()},
      process_key_{random_key()},
      snapshots_{empty_snapshot(config_)},
      router_{[this](const routing::RoutingChange& change) { on_change(change); }},
      fault_legs_{make_fault_legs()},
      board_{io_,
             {[this](const health::HealthTransition& t) { on_transition(t); },
              [this](EndpointId id, const health::ProbeOutcome& o) { on_probe(id, o); },
              [this](EndpointId id, const std::vector<config::SocketAddress>& a) {
                on_addresses(id, a);
              }},
             [this] {
               health::BoardOptions board;
               board.seed = random_seed();
               if (fault_legs_)
                 board.lead_through = [this](EndpointId id, auto real) {
                   return fault_legs_->lead(id, std::move(real));
                 };
               return board;
             }()},
      ledger_settings_{ledger_settings(*config_)},
      directory_{ledger_settings_.directory, wall_ms()},
      ledger_hub_{desk_},
      start_ledger_{make_start_ledger()},
      lease_{options_.time_scale},
      data_plane_{options_.workers,
                  snapshots_,
                  sticky_,
                  {[this](const health::Evidence& evidence) {  // on a worker
                     if (inbox_.put(evidence)) asio::post(io_, [this] { take_evidence(); });
                   },
                   [this](EndpointId id) {  // on a worker
                     asio::post(io_, [this, id] {
                       makeprimary_answered(id, "a client",
                                            {desk::MakePrimaryResult::Outcome::accepted, 200, ""});
                     });
                   }},
                  {&directory_, &desk_, start_ledger_.get()}} {}

// Also after a start that failed half-way. The ledger holds on to clients, which are the workers',
// and is called by them: it goes when they have stopped, and before they are gone.
App::~App() {
  stop_asking();
  data_plane_.stop();
  start_ledger_.reset();
}

void App::open() {
  std::string problem;
  EndpointRegistry::Proposal proposal = registry_.propose(*config_, problem);
  if (!problem.empty()) throw StartError{problem};
  // The configuration comes first: a worker may ask for it as soon as a listener is open.
  config_hash_ = config_hash(options_.config_text);
  effective_ = options_.effective;
  apply(std::move(proposal), config_);
  problem = data_plane_.listen(config_->listen);
  if (!problem.empty()) throw StartError{problem};
  const config::Address& address = config_->admin.address;
  AdminActions actions;
  actions.picture = [this] { return picture(); };
  actions.inject_fault = [this](const FaultCommand& command) { return inject_fault(command); };
  actions.effective_config = [this] { return effective_; };
  actions.events = [this] { return history_.recent(History::kept_events); };
  actions.act = [this](Action action, const std::string& name, std::optional<config::Millis> time,
                       std::function<void(ActionResult)> done) {
    if (action == Action::makeprimary) return makeprimary(name, std::move(done));
    done(act(action, name, time));
  };
  actions.instances = [this](InstanceList list, std::size_t most,
                             std::function<void(InstancesReport)> done) {
    list_instances(list, most, std::move(done));
  };
  actions.act_on_instances = [this](const InstanceCommand& command,
                                    std::function<void(ActionResult)> done) {
    act_on_instances(command, std::move(done));
  };
  admin_.emplace(address.host, std::move(actions));
  try {
    admin_server_.emplace(io_.get_executor(), address, [this](transport::ServerRequest request) {
      return serve_admin(std::move(request));
    });
  } catch (const std::exception& error) {
    throw StartError{
        fmt::format("admin listener {}: {}; choose another with --admin or admin.address",
                    address.text(), error.what())};
  }
}

int App::run() {
  open();
  if (!config::is_loopback(config_->admin.address.host))
    log_.write("warning", "lifecycle",
               "the admin listener is not on loopback: anybody who reaches " +
                   config_->admin.address.text() + " can read status and metrics");
  say_where_starts_are_kept();
  if (options_.time_scale != 1)
    log_.write("warning", "lifecycle",
               fmt::format("time scale {}: the documented times of the app lease are divided by it",
                           options_.time_scale));
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.add(SIGHUP);
  on_signal(0);
  ready_timer_.expires_after(ready_at_latest);
  ready_timer_.async_wait([this](const boost::system::error_code& canceled) {
    if (!canceled) become_ready();
  });
  tick();
  io_.run();
  return exit_ok;
}

std::string App::ready_line() const {
  const std::vector<std::uint16_t> ports = data_plane_.ports();
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < config_->listen.size() && i < ports.size(); ++i) {
    const config::Listener& listener = config_->listen[i];
    const config::Address real{listener.address.host, ports[i]};
    urls.push_back((listener.tls ? "https://" : "http://") + real.text());
  }
  const std::string admin = "http://" + admin_server_->address();
  if (options_.json)
    return fmt::format(R"({{"ready":true,"version":"{}","pid":{},"listen":["{}"],"admin":"{}"}})",
                       product_version, getpid(), fmt::join(urls, R"(",")"), admin);
  return fmt::format("understudy {} ready: {}, admin {}", product_version, fmt::join(urls, ", "),
                     admin);
}

void App::become_ready() {
  if (ready_ || draining_) return;
  ready_ = true;
  ready_timer_.cancel();
  if (start_ledger_) start_ledger_->wait_until_loaded(ledger_load_limit);
  data_plane_.start();
  const std::string line = ready_line();
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  log_.write(history_.lifecycle("ready", line, std::chrono::system_clock::now()));
}

// What happens ------------------------------------------------------------------------------------

void App::on_transition(const health::HealthTransition& transition) {
  log_.write(history_.health(transition, std::chrono::system_clock::now()));
  router_.on_transition(transition, Clock::now());
  publish();
}

void App::on_change(const routing::RoutingChange& change) {
  log_.write(history_.routing(change, std::chrono::system_clock::now()));
}

void App::on_probe(EndpointId id, const health::ProbeOutcome& outcome) {
  count_probe(probes_[id], outcome);
  for (const auto& upstream : registry_.upstreams())
    if (upstream->id == id && note_probe(probe_marks_[id], upstream->config, outcome))
      publish_to_ledger_soon();
}

void App::on_addresses(EndpointId id, const std::vector<config::SocketAddress>& addresses) {
  router_.set_addresses(id, addresses);
  publish();
  bool all = true;
  for (const routing::RoutingEntry& entry : router_.table().entries)
    all = all && !entry.addresses.empty();
  if (all && !ready_) asio::post(io_, [this] { become_ready(); });
}

void App::take_evidence() {
  history_.count_dropped_evidence(inbox_.take(evidence_));
  for (const health::Evidence& evidence : evidence_) board_.report(evidence);
}

void App::on_signal(int number) {
  if (number == SIGHUP) {
    reload();
  } else if (number != 0 && draining_) {
    log_.flush();
    std::_Exit(number == SIGINT ? exit_interrupted : 128 + number);
  } else if (number != 0) {
    begin_drain();
  }
  signals_.async_wait([this](const boost::system::error_code& canceled, int next) {
    if (!canceled) on_signal(next);
  });
}

// What follows ------------------------------------------------------------------------------------

void App::apply(EndpointRegistry::Proposal proposal, std::shared_ptr<const config::Config> config) {
  const health::TimePoint now = Clock::now();
  config_ = std::move(config);
  registry_.accept(std::move(proposal));
  lease_.configure(*config_, registry_.ids(), now);
  claim_.configure(*config_);
  base_ = {};
  base_.generation = ++generation_;
  base_.config = config_;
  base_.upstreams = registry_.upstreams();
  base_.process_key = process_key_;
  for (const auto& upstream : registry_.upstreams()) {
    const ledger::Place place = directory_.place_of(upstream->config.name);
    if (upstream->place != place) upstream->place = place;  // workers read those that were kept
  }
  proxy::derive(base_);
  if (fault_legs_) fault_legs_->keep(registry_.ids());
  configuring_ = true;
  router_.configure(*config_, registry_.ids(), now);
  board_.configure(config_, registry_.ids());
  for (const health::EndpointHealth& endpoint : board_.snapshot())
    router_.set_monitor_status(endpoint.id, endpoint.status, now);
  configuring_ = false;
  publish();
}

void App::publish() {
  if (configuring_) return;
  const routing::RoutingTable& table = router_.table();
  const bool news = table.version != published_version_ || generation_ != published_generation_;
  if (news) publish_snapshot();
  watch_lease();  // of what the desk is now told about
  if (!news) return;
  arm_router_timer();
  update_alerts();
  board_.set_serving(table.active, true);
}

void App::publish_snapshot() {
  published_version_ = router_.table().version;
  published_generation_ = generation_;
  auto next = std::make_shared<proxy::Snapshot>(base_);
  next->table = router_.table();
  proxy::derive_table(*next);
  desk_picture_ = next->desk_picture;
  published_ = next;
  snapshots_.publish(std::move(next));
  if (ready_) data_plane_.snapshot_changed();
  publish_to_ledger();
}

void App::arm_router_timer() {
  const auto wake = router_.next_wake();
  if (!wake) {
    router_timer_.cancel();
    return;
  }
  router_timer_.expires_at(*wake);
  router_timer_.async_wait([this](const boost::system::error_code& canceled) {
    if (canceled) return;
    router_.tick(Clock::now());
    publish();
    arm_router_timer();
  });
}

void App::tick() {
  ++ticks_;
  watch_clocks();
  for (const EndpointId id : registry_.ids()) board_.sample_traffic(id, registry_.answered(id));
  if (ticks_ % 5 == 0) update_serving();
  check_hub_claim(board_.snapshot());
  update_alerts();
  take_records();
  tick_timer_.expires_after(sample_every);
  tick_timer_.async_wait([this](const boost::system::error_code& canceled) {
    if (!canceled) tick();
  });
}

// A standby is an endpoint that serves nothing: not the active one, and nothing went there lately.
void App::update_serving() {
  const routing::RoutingTable& table = router_.table();
  for (const EndpointId id : registry_.ids()) {
    const EndpointTraffic traffic = registry_.traffic(id);
    const std::uint64_t before = std::exchange(attempts_[id], traffic.attempts);
    const bool busy = traffic.in_flight > 0 || traffic.attempts != before;
    board_.set_serving(id, id == table.active || busy);
    key_refusals_.sample(id, traffic.key_refusals + refused_starts_[id], Clock::now());
  }
}

void App::update_alerts() {
  for (const Event& event : history_.set_alerts(conditions(), std::chrono::system_clock::now()))
    log_.write(event);
}

// Raised for a while behind each time that accepting paused or a request found none.
std::optional<Alert> App::shortage_alert() {
  std::uint64_t pauses = 0;
  for (std::size_t i = 0; i < data_plane_.workers(); ++i)
    pauses += data_plane_.counters(i).accept_pauses.value() +
              data_plane_.counters(i)
                  .refusals[static_cast<std::size_t>(proxy::Refusal::out_of_descriptors)]
                  .value();
  const auto now = Clock::now();
  if (std::exchange(accept_pauses_, pauses) != pauses) shortage_until_ = now + 10s;
  if (now >= shortage_until_) return std::nullopt;
  Alert alert;
  alert.kind = "out_of_descriptors";
  alert.text =
      "file descriptors, ports or memory ran out: new clients wait, or requests get 503. Raise the "
      "limit of open files (LimitNOFILE), or lower limits.connections";
  return alert;
}

void App::take_records() {
  const AccessLines::NameOf name_of = [this](EndpointId id) { return registry_.name_of(id); };
  history_.set_dropped_records(data_plane_.take_records(
      [&](const proxy::RequestRecord& record) { log_.add_access(record, name_of); }));
  log_.send_access();
}

// End ---------------------------------------------------------------------------------------------

void App::begin_drain() {
  draining_ = true;
  if (fault_legs_) fault_legs_->heal_all();
  log_.write(history_.lifecycle(
      "drain",
      fmt::format("draining: requests under way have {} to finish; another signal ends at once",
                  config::duration_text(config_->timeouts.drain)),
      std::chrono::system_clock::now()));
  if (!ready_) return finish();
  data_plane_.drain(config_->timeouts.drain, [this] { asio::post(io_, [this] { finish(); }); });
}

void App::finish() {
  stop_asking();  // what comes back is posted to the workers
  data_plane_.stop();
  if (start_ledger_) start_ledger_->stop();  // with the workers' last reports
  board_.stop();
  take_start_news();
  take_records();
  log_.write(history_.lifecycle("stopped", "stopped", std::chrono::system_clock::now()));
  io_.stop();
}

int run_app(config::Config config, AppOptions options) {
  apply_options(config, options);
  try {
    App app{std::move(config), std::move(options)};
    return app.run();
  } catch (const std::exception& error) {
    throw StartError{error.what()};
  }
}

}  // namespace app
