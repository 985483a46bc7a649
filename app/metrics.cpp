#include "app/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <utility>

namespace app {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Collects families; `open` starts one, the others add samples to it. A family without a sample is
// left out. Help texts are single lines: the serializer does not escape them.
class Families {
 public:
  void open(MetricType type, std::string name, std::string help) {
    close();
    current_ = {"understudy_" + std::move(name), std::move(help), type, {}};
  }
  void add(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (current_.type == MetricType::Counter)
      metric.counter.value = value;
    else
      metric.gauge.value = value;
    current_.metric.push_back(std::move(metric));
  }
  void add(std::uint64_t value, Labels labels = {}) {
    add(static_cast<double>(value), std::move(labels));
  }
  template <class Counts, class Bounds>
  void add_histogram(const Counts& counts, const Bounds& bounds, double per_second, double sum_s,
                     Labels labels) {
    ClientMetric metric;
    metric.label = std::move(labels);
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      total += counts[i];
      const double bound = i < bounds.size() ? static_cast<double>(bounds[i]) / per_second
                                             : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({total, bound});
    }
    metric.histogram.sample_count = total;
    metric.histogram.sample_sum = sum_s;
    current_.metric.push_back(std::move(metric));
  }
  // One family with one sample.
  void counter(std::string name, std::string help, std::uint64_t value) {
    open(MetricType::Counter, std::move(name), std::move(help));
    add(value);
  }
  void gauge(std::string name, std::string help, double value) {
    open(MetricType::Gauge, std::move(name), std::move(help));
    add(value);
  }
  void gauge_if(std::string name, std::string help, const std::optional<double>& value) {
    if (value) gauge(std::move(name), std::move(help), *value);
  }
  std::vector<MetricFamily> take() {
    close();
    return std::move(families_);
  }

 private:
  void close() {
    if (!current_.metric.empty()) families_.push_back(std::move(current_));
    current_ = {};
  }
  std::vector<MetricFamily> families_;
  MetricFamily current_;
};

double unix_seconds(WallTime at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

double number(bool value) {
  return value ? 1 : 0;
}

// A family with one sample per endpoint.
template <class Value>
void per_endpoint(Families& out, const Picture& picture, MetricType type, std::string name,
                  std::string help, Value value) {
  out.open(type, std::move(name), std::move(help));
  for (const EndpointPicture& endpoint : picture.endpoints)
    out.add(value(endpoint), {{"endpoint", endpoint.name}});
}

void add_process(Families& out, const Picture& picture) {
  out.open(MetricType::Gauge, "build_info", "Version of the running proxy, always 1.");
  out.add(1.0, {{"version", picture.version}});
  out.gauge("start_time_seconds", "When the proxy started, in seconds since 1970.",
            unix_seconds(picture.started));
  out.gauge("uptime_seconds", "Seconds since the proxy started.",
            std::chrono::duration<double>(picture.now - picture.started).count());
  out.gauge("workers", "Worker threads of the data path.", static_cast<double>(picture.workers));
  out.gauge("draining", "1 while the proxy finishes its last requests.", number(picture.draining));
}

void add_routing(Families& out, const Picture& picture) {
  per_endpoint(out, picture, MetricType::Gauge, "active_endpoint",
               "1 for the endpoint that new clients are given.",
               [](const EndpointPicture& e) { return number(e.active); });
  out.gauge("active_since_timestamp_seconds",
            "Since when the active endpoint is active, in seconds since 1970.",
            unix_seconds(picture.active_since));
  out.gauge("all_degraded", "1 while every endpoint is degraded and requests are a best effort.",
            number(picture.all_degraded));
  out.gauge("hold", "1 while an operator's hold prevents the failback.",
            number(picture.hold.has_value()));
  out.open(MetricType::Counter, "transitions_total",
           "Changes of the active endpoint by kind and reason.");
  for (const TransitionCount& t : picture.tally.transitions)
    out.add(t.count, {{"kind", t.kind}, {"reason", t.reason}});
  out.gauge_if("last_detect_seconds",
               "From the first failure to the Degraded verdict, the last time.",
               picture.tally.last_detect_s);
  out.gauge_if("last_failover_seconds",
               "From the first failure to new traffic on the next endpoint, the last time.",
               picture.tally.last_failover_s);
  out.gauge_if("last_failback_seconds",
               "From the recovery of the better endpoint to new traffic on it, the last time.",
               picture.tally.last_failback_s);
  if (!picture.bounds) return;
  out.gauge("detect_bound_seconds", "Computed worst case of last_detect_seconds.",
            picture.bounds->detect_s);
  out.gauge("failover_bound_seconds", "Computed worst case of last_failover_seconds.",
            picture.bounds->failover_s);
  out.gauge_if("failback_bound_seconds",
               "Computed worst case from the end of an outage to new traffic on the endpoint.",
               picture.bounds->failback_s);
}

void add_faults(Families& out, const Picture& picture) {
  if (!picture.faults) return;
  out.open(MetricType::Counter, "faults_injected_total",
           "Faults that rehearsals have injected on the way to an endpoint, by mode.");
  for (const FaultCount& fault : *picture.faults)
    out.add(fault.count, {{"endpoint", fault.endpoint}, {"mode", fault.mode}});
  per_endpoint(out, picture, MetricType::Gauge, "fault_active",
               "1 while a rehearsal plays a fault on the way to the endpoint.",
               [](const EndpointPicture& e) { return number(!e.fault.empty()); });
}

void add_health(Families& out, const Picture& picture) {
  using health::MonitorStatus;
  out.open(MetricType::Gauge, "endpoint_status", "1 for the monitor status that the endpoint has.");
  for (const EndpointPicture& endpoint : picture.endpoints)
    for (const MonitorStatus status :
         {MonitorStatus::checking_endpoint, MonitorStatus::online, MonitorStatus::degraded,
          MonitorStatus::disabled, MonitorStatus::inactive, MonitorStatus::stopped,
          MonitorStatus::unmonitored})
      out.add(number(endpoint.status == status),
              {{"endpoint", endpoint.name}, {"status", std::string{to_string(status)}}});
  per_endpoint(out, picture, MetricType::Gauge, "endpoint_in_rotation",
               "1 when the endpoint may be given to new clients in its turn.",
               [](const EndpointPicture& e) { return number(e.rotation == "serving"); });
  per_endpoint(out, picture, MetricType::Gauge, "endpoint_draining",
               "1 while the endpoint is drained by an operator.",
               [](const EndpointPicture& e) { return number(e.draining); });
  per_endpoint(out, picture, MetricType::Gauge, "endpoint_disagreement",
               "1 while probes and live traffic disagree about the endpoint.",
               [](const EndpointPicture& e) { return number(!e.disagreement.empty()); });
  out.open(MetricType::Counter, "probe_results_total", "Probes by result.");
  for (const EndpointPicture& endpoint : picture.endpoints)
    for (const ProbeTally::Result& result : endpoint.probes.results)
      out.add(result.count, {{"endpoint", endpoint.name}, {"result", result.outcome}});
  out.open(MetricType::Histogram, "probe_duration_seconds", "How long probes took.");
  for (const EndpointPicture& endpoint : picture.endpoints)
    out.add_histogram(endpoint.probes.duration, probe_bounds_ms, 1e3,
                      endpoint.probes.duration_sum_s, {{"endpoint", endpoint.name}});
  out.open(MetricType::Gauge, "endpoint_addresses",
           "Addresses that the endpoint's name resolved to.");
  for (const EndpointPicture& endpoint : picture.endpoints)
    out.add(endpoint.addresses.size(), {{"endpoint", endpoint.name}});
}

void add_requests(Families& out, const Picture& picture) {
  constexpr std::array classes{"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  out.open(MetricType::Counter, "requests_total",
           "Requests forwarded, by endpoint and class of the answer that was relayed.");
  for (const EndpointPicture& endpoint : picture.endpoints)
    for (std::size_t i = 0; i < classes.size(); ++i)
      out.add(endpoint.traffic.by_class[i],
              {{"endpoint", endpoint.name}, {"code_class", classes[i]}});
  out.open(MetricType::Histogram, "request_duration_seconds",
           "Duration of forwarded requests, up to the last byte of the answer.");
  for (const EndpointPicture& endpoint : picture.endpoints)
    out.add_histogram(endpoint.traffic.latency, proxy::latency_bounds_us, 1e6,
                      static_cast<double>(endpoint.traffic.latency_sum_us) / 1e6,
                      {{"endpoint", endpoint.name}});
  out.open(MetricType::Counter, "starts_total", "Orchestration starts by outcome.");
  for (const EndpointPicture& endpoint : picture.endpoints)
    for (std::size_t i = 0; i < endpoint.traffic.starts.size(); ++i)
      out.add(endpoint.traffic.starts[i],
              {{"endpoint", endpoint.name}, {"outcome", std::string{start_outcome_name(i)}}});
  out.open(MetricType::Counter, "refused_requests_total",
           "Requests that the proxy answered itself.");
  for (std::size_t i = 0; i < picture.traffic.refusals.size(); ++i)
    out.add(picture.traffic.refusals[i], {{"reason", std::string{refusal_name(i)}}});
  out.open(MetricType::Counter, "tunnels_ended_total", "Tunnels that the proxy itself ended.");
  for (std::size_t i = 1; i < picture.traffic.tunnel_ends.size(); ++i)
    out.add(picture.traffic.tunnel_ends[i], {{"reason", std::string{tunnel_end_name(i)}}});
}

void add_endpoint_traffic(Families& out, const Picture& picture) {
  struct Column {
    const char* name;
    const char* help;
    std::uint64_t EndpointTraffic::* member;
    MetricType type = MetricType::Counter;
  };
  const Column columns[] = {
      {"attempts_total", "Tries to serve a request at the endpoint.", &EndpointTraffic::attempts},
      {"retries_total", "Attempts that came here from another endpoint.",
       &EndpointTraffic::retries},
      {"rescues_total", "Requests that left the endpoint while waiting for a first byte.",
       &EndpointTraffic::rescues},
      {"unknown_outcomes_total", "Requests without an answer that may have run.",
       &EndpointTraffic::unknown_outcomes},
      {"key_refusals_total", "Answers 401 to a key that this proxy has for the endpoint.",
       &EndpointTraffic::key_refusals},
      {"upstream_connects_total", "Connections opened.", &EndpointTraffic::connects},
      {"upstream_connect_failures_total", "Connections that could not be opened.",
       &EndpointTraffic::connect_failures},
      {"upstream_connection_reuses_total", "Requests sent on a connection that was open already.",
       &EndpointTraffic::pool_reuses},
      {"upstream_stale_connections_total", "Idle connections found closed when they were needed.",
       &EndpointTraffic::stale_connections},
      {"endpoint_requests_in_flight", "Requests under way at the endpoint.",
       &EndpointTraffic::in_flight, MetricType::Gauge},
      {"upstream_connections", "Open connections, idle ones included.",
       &EndpointTraffic::connections, MetricType::Gauge},
      {"upstream_idle_connections", "Open connections without a request.",
       &EndpointTraffic::idle_connections, MetricType::Gauge},
  };
  for (const Column& column : columns)
    per_endpoint(
        out, picture, column.type, column.name, column.help,
        [&](const EndpointPicture& e) { return static_cast<double>(e.traffic.*column.member); });
  per_endpoint(out, picture, MetricType::Gauge, "sticky_clients",
               "Clients that hold a live sticky answer for the endpoint.",
               [](const EndpointPicture& e) { return static_cast<double>(e.sticky_clients); });
}

void add_proxy_traffic(Families& out, const Picture& picture) {
  const ProxyTraffic& t = picture.traffic;
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    out.gauge(name, help, static_cast<double>(value));
  };
  out.counter("client_connections_accepted_total", "Client connections accepted.", t.accepted);
  out.counter("client_accept_pauses_total",
              "Times that accepting paused for want of file descriptors or memory.",
              t.accept_pauses);
  gauge("client_connections", "Open client connections.", t.connections);
  gauge("client_idle_connections", "Client connections between two requests.", t.idle_connections);
  gauge("tunnels", "Connections switched to another protocol, such as WebSocket.", t.tunnels);
  out.counter("client_requests_total", "Requests read from clients.", t.requests);
  gauge("client_requests_in_flight", "Client requests under way.", t.in_flight);
  out.counter("client_aborts_total", "Clients that left before their answer.", t.client_aborts);
  gauge("retries_in_flight", "Retries under way.", t.retries_in_flight);
  out.counter("retry_budget_exhausted_total", "Retries that the budget refused.",
              t.retry_budget_exhausted);
  out.counter("tls_handshakes_total", "TLS handshakes completed with clients.", t.tls_handshakes);
  out.counter("tls_handshake_failures_total", "TLS handshakes with clients that failed.",
              t.tls_failures);
  out.counter("client_received_bytes_total", "Bytes of request bodies read.", t.bytes_in);
  out.counter("client_sent_bytes_total", "Bytes of answer bodies sent.", t.bytes_out);
  out.counter("sticky_hits_total", "Requests that found a live sticky answer.", t.sticky_hits);
  out.counter("sticky_misses_total", "Requests that asked for a new sticky answer.",
              t.sticky_misses);
  out.counter("best_effort_requests_total", "Requests served while every endpoint was degraded.",
              t.best_effort);
  out.counter("rewritten_bodies_total", "Answers whose management URLs were rewritten.",
              t.rewritten_bodies);
  out.counter("unrewritten_bodies_total",
              "Answers with management URLs that were too long or too odd to rewrite.",
              t.unrewritten_bodies);
  out.counter("instance_look_ups_total", "Instances that had to be asked of the endpoints.",
              t.look_ups);
  out.counter("away_polls_total", "Polls answered with the last known status of an away instance.",
              t.away_polls);
  out.counter("merged_answers_total", "Lists and purges made from the hubs of all regions.",
              t.merged_answers);
  out.counter("lent_keys_total", "Requests that an endpoint's key was put into.", t.lent_keys);
}

void add_directory_and_desk(Families& out, const DurableView& durable) {
  const ledger::DirectoryStatus& directory = durable.directory;
  out.gauge("directory_entries", "Instances whose endpoint is known.",
            static_cast<double>(directory.entries));
  out.counter("directory_evicted_total", "Instances forgotten for want of room.",
              directory.evicted);
  if (directory.on_disk) {
    out.counter("directory_dropped_writes_total", "Changes that did not fit the queue to the disk.",
                directory.dropped_writes);
    out.gauge("directory_disk_ok", "0 while the disk refuses the instance directory.",
              number(directory.disk_ok));
  }
  out.counter("desk_jobs_total", "Look-ups, lists and purges asked of the endpoints.",
              durable.desk.asked);
  out.counter("desk_joined_total", "Requests answered by a look-up that was under way already.",
              durable.desk.joined);
  out.counter("desk_overloaded_total", "Look-ups turned away because there were too many.",
              durable.desk.overloaded);
  out.counter("desk_expired_total", "Look-ups whose time ran out while they waited for a place.",
              durable.desk.expired);
  out.gauge("desk_in_flight", "Look-ups, lists and purges under way.",
            static_cast<double>(durable.desk.in_flight));
}

void add_open_starts(Families& out, const ledger::StartLedgerStatus& starts) {
  out.open(MetricType::Gauge, "ledger_entries", "Open starts by state.");
  out.add(starts.queued, {{"state", "queued"}});
  out.add(starts.in_flight, {{"state", "in_flight"}});
  out.add(starts.unknown, {{"state", "unknown"}});
  out.gauge("ledger_listed_entries", "Starts that wait for an operator's decision.",
            static_cast<double>(starts.listed));
  out.gauge("ledger_oldest_open_seconds", "Age of the oldest open start; 0 when there is none.",
            starts.oldest_open_s.value_or(0));
  out.gauge("ledger_kept_connections", "Connections kept open for the late answer of a start.",
            static_cast<double>(starts.doubtful));
}

void add_started(Families& out, const ledger::StartLedgerStatus& starts) {
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    out.counter(name, help, value);
  };
  counter("ledger_arrived_total", "Starts that became entries.", starts.arrived);
  counter("ledger_joined_total", "Repeated starts that waited for the answer of an open one.",
          starts.joined);
  counter("ledger_stored_answers_total", "Repeated starts answered as the first one was.",
          starts.stored_answers);
  counter("ledger_turned_away_total", "Starts refused before their first byte was sent.",
          starts.turned_away);
  counter("ledger_unconfirmed_total", "Starts answered 202 before they were known to run.",
          starts.unconfirmed);
  out.open(MetricType::Counter, "ledger_settled_total", "Settled starts, by what settled them.");
  for (const auto& [evidence, count] : starts.settled) out.add(count, {{"evidence", evidence}});
  counter("ledger_look_ups_total", "Questions to a hub whether it has a start.", starts.look_ups);
  counter("ledger_replays_total", "Starts sent again by the proxy itself.", starts.replays);
  counter("ledger_possible_duplicates_total", "Starts that may have run twice.",
          starts.possible_duplicates);
  counter("ledger_duplicates_total", "Starts that were seen to have run twice.", starts.duplicates);
  counter("ledger_lost_total", "Accepted starts that their hub has lost.", starts.lost);
  counter("ledger_resubmitted_total",
          "Starts sent again although they may have run, by an operator or by policy.",
          starts.resubmitted);
  counter("ledger_taken_over_total", "Open starts of another process that this one took over.",
          starts.taken_over);
}

void add_ledger_disk(Families& out, const ledger::StartLedgerStatus& starts) {
  out.counter("ledger_commits_total", "Groups of starts written.", starts.commits);
  out.counter("ledger_commit_failures_total", "Groups of starts that could not be written.",
              starts.commit_failures);
  out.open(MetricType::Histogram, "ledger_commit_duration_seconds",
           "How long a group took to be written, the disk's sync included.");
  out.add_histogram(starts.commit_buckets, ledger::commit_bounds_s, 1, starts.commit_seconds, {});
  out.open(MetricType::Histogram, "ledger_commit_group_starts", "Starts written in one group.");
  out.add_histogram(starts.group_buckets, ledger::group_bounds, 1,
                    static_cast<double>(starts.committed_starts), {});
  out.gauge("ledger_disk_ok", "0 while the disk refuses the start ledger and starts are refused.",
            number(starts.disk_ok));
  out.gauge("ledger_size_bytes", "Bytes that the ledger's file uses.",
            static_cast<double>(starts.bytes));
  out.gauge("ledger_max_size_bytes", "Most bytes that the ledger's file may use.",
            static_cast<double>(starts.max_bytes));
}

void add_durable(Families& out, const Picture& picture) {
  const DurableView& durable = picture.durable;
  add_directory_and_desk(out, durable);
  out.gauge("starts_protected", "1 when the start ledger looks after starts.",
            number(durable.starts.has_value()));
  if (durable.starts) {
    add_open_starts(out, *durable.starts);
    add_started(out, *durable.starts);
    if (durable.starts->mode == config::LedgerMode::durable) add_ledger_disk(out, *durable.starts);
  }
  if (durable.lease) {
    out.open(MetricType::Gauge, "app_lease_owner",
             "1 for the app that is concluded to run the orchestrations, and how surely.");
    for (const EndpointPicture& endpoint : picture.endpoints)
      for (const char* sure : {"likely", "certain"})
        out.add(number(durable.lease->owner == endpoint.name && durable.lease->sure == sure),
                {{"endpoint", endpoint.name}, {"sure", sure}});
    out.gauge("app_lease_split",
              "1 while requests go to one app and orchestrations run at another.",
              number(durable.lease->split));
  }
  if (durable.hub_claim)
    out.gauge("hub_claim_contradiction",
              "1 while the endpoints' hubs are not what durable.task_hub says.",
              number(durable.hub_claim->contradiction));
}

void add_tally(Families& out, const Picture& picture) {
  out.open(MetricType::Counter, "alerts_total", "Alerts raised, by kind.");
  for (const TransitionCount& alert : picture.tally.alerts)
    out.add(alert.count, {{"kind", alert.kind}});
  out.gauge("alerts_active", "Alerts whose condition still holds.",
            static_cast<double>(picture.alerts.size()));
  out.open(MetricType::Counter, "config_reloads_total", "Reloads of the configuration by result.");
  for (const TransitionCount& reload : picture.tally.reloads)
    out.add(reload.count, {{"result", reload.kind}});
  if (picture.tally.last_reload)
    out.gauge("config_last_reload_timestamp_seconds",
              "When the last reload was tried, in seconds since 1970.",
              unix_seconds(*picture.tally.last_reload));
  out.counter("access_log_dropped_total", "Access log records dropped because they came too fast.",
              picture.tally.access_log_dropped);
  out.counter("evidence_dropped_total",
              "Reports of failed attempts dropped because they came too fast.",
              picture.tally.evidence_dropped);
}

}  // namespace

std::vector<MetricFamily> metric_families(const Picture& picture) {
  Families out;
  add_process(out, picture);
  add_routing(out, picture);
  add_health(out, picture);
  add_faults(out, picture);
  add_requests(out, picture);
  add_endpoint_traffic(out, picture);
  add_proxy_traffic(out, picture);
  add_durable(out, picture);
  add_tally(out, picture);
  return out.take();
}

std::string metrics_text(const Picture& picture) {
  return prometheus::TextSerializer{}.Serialize(metric_families(picture));
}

}  // namespace app
