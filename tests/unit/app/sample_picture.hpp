// A Picture with something in every corner, for the tests of what is made of it.
#pragma once

#include "app/picture.hpp"

namespace app {

inline EndpointPicture sample_primary(WallTime now) {
  using namespace std::chrono_literals;
  EndpointPicture primary;
  primary.name = "primary";
  primary.url = "http://127.0.0.1:7071";
  primary.region = "west";
  primary.status = health::MonitorStatus::degraded;
  primary.cause = health::Cause::live_traffic;
  primary.status_text = "Degraded (passive)";
  primary.since = now - 5s;
  primary.rotation = "degraded";
  primary.disagreement = "probe ok, traffic failing";
  primary.consecutive_failures = 4;
  primary.last_probe =
      LastProbe{now - 1s, false, "connect_failed", "Connection \"refused\"\n<b>", 0.4};
  primary.addresses = {"127.0.0.1:7071"};
  primary.traffic.by_class[2] = 40;
  primary.traffic.by_class[0] = 3;
  primary.traffic.latency[0] = 30;
  primary.traffic.latency[2] = 10;
  primary.traffic.latency_sum_us = 25'000;
  primary.traffic.attempts = 46;
  primary.traffic.rescues = 2;
  primary.probes.results = {{"passed", 60}, {"connect_failed", 4}};
  primary.probes.duration[0] = 64;
  primary.probes.duration_sum_s = 0.032;
  return primary;
}

inline EndpointPicture sample_secondary(WallTime started) {
  EndpointPicture secondary;
  secondary.name = "second \"ary\"";
  secondary.url = "http://127.0.0.1:7072";
  secondary.priority = 2;
  secondary.status = health::MonitorStatus::online;
  secondary.status_text = "Online";
  secondary.since = started;
  secondary.rotation = "serving";
  secondary.active = true;
  secondary.sticky_clients = 7;
  secondary.traffic.retries = 3;
  secondary.traffic.starts[0] = 5;
  return secondary;
}

inline ledger::StartLedgerStatus sample_starts() {
  ledger::StartLedgerStatus s;
  s.mode = config::LedgerMode::durable;
  s.queued = 1;
  s.in_flight = 2;
  s.unknown = 3;
  s.listed = 1;
  s.waiting = 6;
  s.doubtful = 2;
  s.oldest_open_s = 12.5;
  s.arrived = 60;
  s.joined = 4;
  s.stored_answers = 5;
  s.turned_away = 7;
  s.commits = 40;
  s.committed_starts = 100;
  s.commit_failures = 1;
  s.commit_seconds = 0.25;
  s.commit_buckets.assign(ledger::commit_bounds_s.size() + 1, 0);
  s.commit_buckets[2] = 39;
  s.commit_buckets.back() = 1;
  s.group_buckets.assign(ledger::group_bounds.size() + 1, 0);
  s.group_buckets[1] = 40;
  s.settled = {{"answered", 50}, {"found", 3}};
  s.unconfirmed = 8;
  s.possible_duplicates = 2;
  s.duplicates = 1;
  s.lost = 9;
  s.resubmitted = 10;
  s.replays = 11;
  s.look_ups = 30;
  s.taken_over = 13;
  s.bytes = 4096;
  s.max_bytes = 1 << 30;
  return s;
}

inline Picture sample_picture() {
  using namespace std::chrono_literals;
  Picture p;
  p.version = "0.1.0";
  p.profile = "orders";
  p.started = WallTime{} + 1'700'000'000s;
  p.now = p.started + 90s;
  p.config_source = "understudy.json";
  p.config_hash = "0123456789ab";
  p.config_generation = 2;
  p.active = "secondary";
  p.active_since = p.now - 5s;
  p.active_why = "failover";
  p.active_text = "primary is Degraded: 3 connections failed in 2 s";
  p.profile_status = "Degraded";
  p.failback.mode = "automatic";
  p.failback.wait_s = 10;
  p.bounds = Bounds{3.5, 3.5, 16.25};
  p.sticky_clients = 7;
  p.sticky_capacity = 100000;
  p.workers = 2;

  p.endpoints = {sample_primary(p.now), sample_secondary(p.started)};

  p.durable.task_hub = "shared";
  p.durable.time_scale = 60;
  p.durable.directory.entries = 12;
  p.durable.directory.evicted = 3;
  p.durable.directory.dropped_writes = 2;
  p.durable.directory.written = 40;
  p.durable.directory.on_disk = true;
  p.durable.directory_path = "/var/lib/understudy/orders.db";
  p.durable.starts = sample_starts();
  p.durable.desk = {100, 30, 4, 1, 5, 6};
  p.durable.hub_claim =
      ClaimView{"ok", "shared", "one hub, shared", "task hub: one hub, shared", false, p.now - 30s};
  LeaseView lease;
  lease.owner = "primary";
  lease.sure = "likely";
  lease.since = p.now - 4s;
  lease.why = "primary does not answer, but its lease has not run out";
  lease.http = "second \"ary\"";
  lease.split = true;
  lease.makeprimary_why = "primary does not answer";
  lease.follow = "ask";
  lease.text = "orchestrations run at primary (likely), HTTP at second \"ary\"";
  p.durable.lease = lease;

  p.traffic.requests = 49;
  p.traffic.connections = 4;
  p.traffic.refusals[static_cast<std::size_t>(proxy::Refusal::loop)] = 1;
  p.tally.transitions = {{"failover", "live_traffic", 1}};
  p.tally.alerts = {{"never_online", "", 1}};
  p.tally.reloads = {{"failed", "", 2}};
  p.tally.last_detect_s = 0.031;
  p.tally.last_failover_s = 0.032;
  p.tally.last_reload = p.now - 20s;
  p.alerts = {{"never_online", "primary", "primary was never online", p.now - 4s}};
  Event event;
  event.sequence = 3;
  event.at = p.now - 5s;
  event.kind = "routing";
  event.level = "warning";
  event.from = "primary";
  event.to = "secondary";
  event.reason = "failover";
  event.text = "failover: primary -> secondary";
  event.seconds = 0.032;
  p.recent = {event};
  return p;
}

}  // namespace app
