#include "app/app.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "app/admin.hpp"
#include "app/command_line.hpp"
#include "app/config_hash.hpp"
#include "app/endpoint_registry.hpp"
#include "app/event_log.hpp"
#include "app/evidence_inbox.hpp"
#include "app/history.hpp"
#include "app/take_picture.hpp"
#include "config/parse.hpp"
#include "config/units.hpp"
#include "health/health_board.hpp"
#include "proxy/data_plane.hpp"
#include "routing/router.hpp"
#include "transport/http_server.hpp"

namespace app {
namespace {

namespace asio = boost::asio;
using health::EndpointId;
using namespace std::chrono_literals;

constexpr auto sample_every = 200ms;  // counters to the board, access log, alerts
constexpr auto ready_at_latest = 1s;  // waiting for names to resolve before the first request

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) ^ device();
}

std::shared_ptr<const proxy::Snapshot> empty_snapshot(
    std::shared_ptr<const config::Config> config) {
  auto snapshot = std::make_shared<proxy::Snapshot>();
  snapshot->config = std::move(config);
  return snapshot;
}

void apply_options(config::Config& config, const AppOptions& options) {
  if (options.listen) config.listen = {config::Listener{*options.listen, std::nullopt}};
  if (options.admin) config.admin.address = *options.admin;
  if (options.json) config.log.format = config::LogFormat::json;
}

class App {
 public:
  App(config::Config config, AppOptions options);
  int run();

 private:
  using Clock = health::Clock;

  // start
  void open();
  void become_ready();
  std::string ready_line() const;

  // what happens
  void on_transition(const health::HealthTransition& transition);
  void on_change(const routing::RoutingChange& change);
  void on_probe(EndpointId id, const health::ProbeOutcome& outcome);
  void on_addresses(EndpointId id, const std::vector<config::SocketAddress>& addresses);
  void take_evidence();
  void on_signal(int number);

  // what follows
  void apply(EndpointRegistry::Proposal proposal, std::shared_ptr<const config::Config> config);
  void publish();
  void arm_router_timer();
  void tick();
  void update_serving();
  void update_alerts();
  void take_records();

  // operator
  ActionResult act(Action action, const std::string& endpoint, std::optional<config::Millis> time);
  ActionResult act_on_endpoint(Action action, const std::string& name);
  ActionResult reload();
  ActionResult reload_failed(const std::string& problem);
  ActionResult accept_reload(config::Config next, const std::string& text);
  Picture picture();

  void begin_drain();
  void finish();

  // The parts, in the order in which they depend on each other.
  AppOptions options_;
  std::shared_ptr<const config::Config> config_;
  asio::io_context io_{1};
  EventLog log_;
  History history_;
  EndpointRegistry registry_;
  routing::StickyTable sticky_;
  proxy::DataPlane::SnapshotBox snapshots_;
  routing::Router router_;
  EvidenceInbox inbox_;
  health::HealthBoard board_;
  proxy::DataPlane data_plane_;
  std::optional<AdminApi> admin_;
  std::optional<transport::HttpServer> admin_server_;

  asio::signal_set signals_{io_};
  asio::steady_timer router_timer_{io_}, tick_timer_{io_}, ready_timer_{io_};

  WallTime started_ = std::chrono::system_clock::now();
  std::string config_hash_;
  std::map<EndpointId, ProbeTally> probes_;
  std::map<EndpointId, std::uint64_t> attempts_;  // at the last tick, to see who serves
  std::vector<health::Evidence> evidence_;
  std::vector<proxy::RequestRecord> records_;
  proxy::Snapshot base_;  // what every snapshot of this configuration shares: all but the table
  std::uint64_t generation_ = 0, published_generation_ = 0, published_version_ = 0;
  std::uint64_t ticks_ = 0;
  bool configuring_ = false;  // several changes become one snapshot
  bool ready_ = false, draining_ = false;
};

// Start ------------------------------------------------------------------------------------------

App::App(config::Config config, AppOptions options)
    : options_{std::move(options)},
      config_{std::make_shared<const config::Config>(std::move(config))},
      log_{config_->log},
      registry_{options_.workers},
      sticky_{config_->stickiness.max_clients, random_seed()},
      snapshots_{empty_snapshot(config_)},
      router_{[this](const routing::RoutingChange& change) { on_change(change); }},
      board_{io_,
             {[this](const health::HealthTransition& t) { on_transition(t); },
              [this](EndpointId id, const health::ProbeOutcome& o) { on_probe(id, o); },
              [this](EndpointId id, const std::vector<config::SocketAddress>& a) {
                on_addresses(id, a);
              }},
             [] {
               health::BoardOptions board;
               board.seed = random_seed();
               return board;
             }()},
      data_plane_{options_.workers,
                  snapshots_,
                  sticky_,
                  {[this](const health::Evidence& evidence) {  // on a worker
                    if (inbox_.put(evidence)) asio::post(io_, [this] { take_evidence(); });
                  }}} {}

void App::open() {
  std::string problem;
  EndpointRegistry::Proposal proposal = registry_.propose(*config_, problem);
  if (!problem.empty()) throw StartError{problem};
  // The configuration comes first: a worker may ask for it as soon as a listener is open.
  config_hash_ = config_hash(options_.config_text);
  apply(std::move(proposal), config_);
  problem = data_plane_.listen(config_->listen);
  if (!problem.empty()) throw StartError{problem};
  const config::Address& address = config_->admin.address;
  AdminActions actions;
  actions.picture = [this] { return picture(); };
  actions.events = [this] { return history_.recent(History::kept_events); };
  actions.act = [this](Action action, const std::string& name, std::optional<config::Millis> time) {
    return act(action, name, time);
  };
  admin_.emplace(address.host, std::move(actions));
  try {
    admin_server_.emplace(
        io_.get_executor(), address,
        [this](transport::ServerRequest request) -> asio::awaitable<transport::ServerResponse> {
          co_return admin_->handle(request);
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
  base_ = {};
  base_.generation = ++generation_;
  base_.config = config_;
  base_.upstreams = registry_.upstreams();
  proxy::derive(base_);
  configuring_ = true;
  router_.configure(*config_, registry_.ids(), now);
  board_.configure(config_, registry_.ids());
  for (const health::EndpointHealth& endpoint : board_.snapshot())
    router_.set_monitor_status(endpoint.id, endpoint.status, now);
  configuring_ = false;
  publish();
}

void App::publish() {
  const routing::RoutingTable& table = router_.table();
  const bool news = table.version != published_version_ || generation_ != published_generation_;
  if (configuring_ || !news) return;
  published_version_ = table.version;
  published_generation_ = generation_;
  auto next = std::make_shared<proxy::Snapshot>(base_);
  next->table = table;
  snapshots_.publish(std::move(next));
  if (ready_) data_plane_.snapshot_changed();
  arm_router_timer();
  update_alerts();
  board_.set_serving(table.active, true);
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
  for (const EndpointId id : registry_.ids()) board_.sample_traffic(id, registry_.answered(id));
  if (ticks_ % 5 == 0) update_serving();
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
  }
}

void App::update_alerts() {
  const auto conditions = alert_conditions(*config_, board_.snapshot(), router_.table());
  for (const Event& event : history_.set_alerts(conditions, std::chrono::system_clock::now()))
    log_.write(event);
}

void App::take_records() {
  std::uint64_t dropped = 0;
  records_.clear();
  data_plane_.take_records(records_, dropped);
  history_.set_dropped_records(dropped);
  log_.write_access(records_, [this](EndpointId id) { return registry_.name_of(id); });
}

// Operator ----------------------------------------------------------------------------------------

Picture App::picture() {
  return take_picture({*config_, config_hash_, generation_, started_, draining_, router_, board_,
                       registry_, data_plane_, sticky_, history_, probes_});
}

ActionResult App::act(Action action, const std::string& endpoint,
                      std::optional<config::Millis> time) {
  if (action == Action::reload) return reload();
  if (!endpoint.empty()) return act_on_endpoint(action, endpoint);
  const health::TimePoint now = Clock::now();
  routing::CommandResult result;
  if (action == Action::hold)
    result = router_.hold(time, now);
  else if (action == Action::release)
    result = router_.release(now);
  else
    result = router_.failback_now(now);
  publish();
  arm_router_timer();
  if (!result.ok) return {ActionResult::Kind::refused, result.message};
  log_.write(
      history_.command(to_string(action), "", result.message, std::chrono::system_clock::now()));
  return {ActionResult::Kind::done, result.message};
}

ActionResult App::act_on_endpoint(Action action, const std::string& name) {
  const EndpointId id = registry_.id_of(name);
  if (id == health::no_endpoint) {
    std::vector<std::string> names;
    for (const config::Endpoint& endpoint : config_->endpoints) names.push_back(endpoint.name);
    std::string message = fmt::format("there is no endpoint \"{}\"", name);
    if (const std::string_view guess = nearest(name, names); !guess.empty())
      message += fmt::format("; did you mean \"{}\"?", guess);
    return {ActionResult::Kind::unknown_endpoint,
            message + fmt::format(" The endpoints are: {}", fmt::join(names, ", "))};
  }
  std::string message;
  if (action == Action::drain || action == Action::undrain) {
    message = router_.drain(id, action == Action::drain, Clock::now()).message;
  } else {
    board_.set_enabled(id, action == Action::enable);
    const EndpointId active = router_.table().active;
    message =
        fmt::format("{} is {}; active: {}", name, action == Action::enable ? "enabled" : "disabled",
                    active == health::no_endpoint ? "nobody" : registry_.name_of(active));
  }
  publish();
  log_.write(history_.command(to_string(action), name, message, std::chrono::system_clock::now()));
  return {ActionResult::Kind::done, message};
}

ActionResult App::reload_failed(const std::string& problem) {
  log_.write(history_.reload("failed",
                             "reload refused, the last good configuration stays: " + problem,
                             std::chrono::system_clock::now()));
  return {ActionResult::Kind::refused, problem};
}

ActionResult App::reload() {
  if (options_.config_path.empty())
    return {ActionResult::Kind::refused, "the proxy was started without a file: nothing to reload"};
  if (draining_) return {ActionResult::Kind::refused, "the proxy is shutting down"};
  const config::Environment environment = process_environment();
  const auto text = environment.file(options_.config_path);
  if (!text) return reload_failed(options_.config_path + " cannot be read");
  config::ParseResult parsed = config::parse_text(*text, options_.config_path, environment);
  for (const config::Issue& issue : parsed.issues)
    log_.write(issue.severity == config::Severity::error ? "error" : "warning", "reload",
               to_text(issue));
  if (!parsed.config) {
    std::erase_if(parsed.issues, [](const config::Issue& issue) {
      return issue.severity != config::Severity::error;
    });
    ActionResult result = reload_failed(
        parsed.issues.empty() ? "the file is not usable" : to_text(parsed.issues.front()));
    result.message = config::to_text(parsed.issues);  // the operator gets them all
    return result;
  }
  return accept_reload(*std::move(parsed.config), *text);
}

ActionResult App::accept_reload(config::Config next, const std::string& text) {
  apply_options(next, options_);
  std::string problem;
  EndpointRegistry::Proposal proposal = registry_.propose(next, problem);
  if (problem.empty()) problem = data_plane_.listen(next.listen);
  if (!problem.empty()) return reload_failed(problem);
  std::string message = fmt::format("reloaded {}", options_.config_path);
  if (next.admin.address != config_->admin.address) message += "; admin.address needs a restart";
  if (next.stickiness.max_clients != config_->stickiness.max_clients)
    message += "; stickiness.max_clients needs a restart";
  if (const std::string trouble = log_.configure(next.log); !trouble.empty())
    message += "; the log stays where it is: " + trouble;
  config_hash_ = config_hash(text);
  apply(std::move(proposal), std::make_shared<const config::Config>(std::move(next)));
  log_.write(history_.reload("ok", message, std::chrono::system_clock::now()));
  return {ActionResult::Kind::done, message};
}

// End ---------------------------------------------------------------------------------------------

void App::begin_drain() {
  draining_ = true;
  log_.write(history_.lifecycle(
      "drain",
      fmt::format("draining: requests under way have {} to finish; another signal ends at once",
                  config::duration_text(config_->timeouts.drain)),
      std::chrono::system_clock::now()));
  if (!ready_) return finish();
  data_plane_.drain(config_->timeouts.drain, [this] { asio::post(io_, [this] { finish(); }); });
}

void App::finish() {
  data_plane_.stop();
  board_.stop();
  take_records();
  log_.write(history_.lifecycle("stopped", "stopped", std::chrono::system_clock::now()));
  io_.stop();
}

}  // namespace

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
