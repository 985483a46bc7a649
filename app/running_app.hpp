// The App itself: see app.hpp for what it is. Declared apart so that the operator's commands have a
// file of their own; included by app.cpp, app_commands.cpp, app_durable.cpp and app_ledger.cpp
// alone. Control thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/admin.hpp"
#include "app/app.hpp"
#include "app/claim_watch.hpp"
#include "app/clock_watch.hpp"
#include "app/endpoint_registry.hpp"
#include "app/event_log.hpp"
#include "app/fault_legs.hpp"
#include "app/history.hpp"
#include "app/inbox.hpp"
#include "app/lease_watch.hpp"
#include "app/ledger_hub.hpp"
#include "app/ledger_picture.hpp"
#include "app/picture.hpp"
#include "app/rise_watch.hpp"
#include "app/start_watch.hpp"
#include "app/state_folder.hpp"
#include "desk/hub_desk.hpp"
#include "health/health_board.hpp"
#include "ledger/instance_directory.hpp"
#include "ledger/start_ledger.hpp"
#include "proxy/data_plane.hpp"
#include "routing/router.hpp"
#include "routing/stickiness.hpp"
#include "transport/http_server.hpp"

namespace app {

class App {
 public:
  App(config::Config config, AppOptions options);
  ~App();
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
  void on_probe(health::EndpointId id, const health::ProbeOutcome& outcome);
  void on_addresses(health::EndpointId id, const std::vector<config::SocketAddress>& addresses);
  void take_evidence();
  void on_signal(int number);

  // what follows
  void apply(EndpointRegistry::Proposal proposal, std::shared_ptr<const config::Config> config);
  void publish();
  void publish_snapshot();
  void arm_router_timer();
  void tick();
  void update_serving();
  void update_alerts();
  void take_records();
  std::vector<Alert> conditions();
  void check_hub_claim(const std::vector<health::EndpointHealth>& endpoints);

  // the start ledger
  std::unique_ptr<ledger::StartLedger> make_start_ledger();
  void say_where_starts_are_kept();
  void publish_to_ledger();
  void publish_to_ledger_soon();
  void take_start_news();
  void watch_clocks();
  void stop_asking();

  // the app lease
  void watch_lease();
  void send_makeprimary(health::EndpointId id, const std::string& who,
                        std::function<void(ActionResult)> done);
  ActionResult makeprimary_answered(health::EndpointId id, const std::string& who,
                                    const desk::MakePrimaryResult& result);
  void makeprimary(const std::string& name, std::function<void(ActionResult)> done);

  // operator
  boost::asio::awaitable<transport::ServerResponse> serve_admin(transport::ServerRequest request);
  ActionResult act(Action action, const std::string& endpoint, std::optional<config::Millis> time);
  ActionResult act_on_endpoint(Action action, const std::string& name);
  ActionResult unknown_endpoint(const std::string& name) const;
  ActionResult reload();
  ActionResult reload_failed(const std::string& problem);
  std::optional<FaultLegs> make_fault_legs();
  ActionResult inject_fault(const FaultCommand& command);
  void fault_ended(health::EndpointId id);
  std::vector<Alert> fault_alerts() const;
  std::optional<Alert> shortage_alert();
  void add_faults(Picture& out) const;
  ActionResult accept_reload(config::Config next, const std::string& text,
                             const std::string& effective);
  void list_instances(InstanceList list, std::size_t most,
                      std::function<void(InstancesReport)> done);
  std::string away_reason(ledger::Place place) const;
  void add_stranded(InstancesReport& report, std::size_t most);
  void add_starts(InstancesReport& report, const std::vector<ledger::StartLine>& lines) const;
  void act_on_instances(const InstanceCommand& command, std::function<void(ActionResult)> done);
  Picture picture();
  DurableView durable_view() const;

  void begin_drain();
  void finish();

  // The parts, in the order in which they depend on each other.
  AppOptions options_;
  std::shared_ptr<const config::Config> config_;
  boost::asio::io_context io_{1};
  EventLog log_;
  History history_;
  EndpointRegistry registry_;
  routing::StickyTable sticky_;
  const std::string process_key_;  // random; signs sticky cookies without stickiness.cookie_keys
  proxy::DataPlane::SnapshotBox snapshots_;
  routing::Router router_;
  EvidenceInbox inbox_;
  Inbox<ledger::StartNews> start_news_;
  std::optional<FaultLegs> fault_legs_;  // with faults.allow
  health::HealthBoard board_;
  const LedgerSettings ledger_settings_;  // as opened; a reload changes nothing
  ledger::InstanceDirectory directory_;
  desk::HubDesk desk_;
  LedgerHub ledger_hub_;
  std::unique_ptr<ledger::StartLedger> start_ledger_;  // null: starts are not protected
  LeaseWatch lease_;
  ClaimWatch claim_;
  std::uint64_t accept_pauses_ = 0;
  health::TimePoint shortage_until_{};
  RiseWatch key_refusals_{std::chrono::seconds{60}};
  proxy::DataPlane data_plane_;
  std::optional<AdminApi> admin_;
  std::optional<transport::HttpServer> admin_server_;

  boost::asio::signal_set signals_{io_};
  boost::asio::steady_timer router_timer_{io_}, tick_timer_{io_}, ready_timer_{io_},
      lease_timer_{io_};

  WallTime started_ = std::chrono::system_clock::now();
  std::string config_hash_;
  std::string effective_;  // configuration, as JSON
  std::map<health::EndpointId, ProbeTally> probes_;
  std::map<health::EndpointId, ProbeMarks> probe_marks_;
  std::map<health::EndpointId, std::uint64_t> refused_starts_;  // replays whose key was refused
  std::map<health::EndpointId, std::uint64_t> attempts_;  // at the last tick, to see who serves
  std::vector<health::Evidence> evidence_;
  std::vector<ledger::StartNews> news_;
  StartWatch starts_;
  ClockWatch clocks_;
  proxy::Snapshot base_;  // what every snapshot of this configuration shares: all but the table
  std::uint64_t generation_ = 0, published_generation_ = 0, published_version_ = 0;
  std::uint64_t ticks_ = 0;
  std::shared_ptr<const proxy::Snapshot> published_;
  desk::SharedPicture desk_picture_;  // of the published snapshot
  bool configuring_ = false;          // several changes become one snapshot
  bool making_primary_ = false;       // a makeprimary of ours is under way
  bool ledger_waits_ = false;         // for a picture that was posted
  bool ready_ = false, draining_ = false;
};

void apply_options(config::Config& config, const AppOptions& options);  // at start and reload

}  // namespace app
