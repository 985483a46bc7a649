// The workers of the data path: one thread per core, each with its own io_context, listeners,
// upstream pool and counters. Built, fed and stopped by the control thread; what comes back comes
// through the callbacks, which are called on worker threads and must only post.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "desk/hub_desk.hpp"
#include "health/evidence.hpp"
#include "ledger/instance_directory.hpp"
#include "ledger/start_ledger.hpp"
#include "proxy/counters.hpp"
#include "proxy/request_record.hpp"
#include "proxy/snapshot.hpp"
#include "routing/published.hpp"
#include "routing/stickiness.hpp"

namespace proxy {

// Shared with the app, which owns both; null: not in use. The desk is stopped before the workers.
struct DurableServices {
  ledger::InstanceDirectory* directory = nullptr;
  desk::HubDesk* desk = nullptr;
  // Stopped after the workers and before they are destroyed, destroyed after them.
  ledger::StartLedger* ledger = nullptr;
};

struct DataPlaneCallbacks {
  std::function<void(const health::Evidence&)> on_evidence;
  // The endpoint answered a client's makeprimary with 2xx.
  std::function<void(routing::EndpointId)> on_make_primary;
};

class DataPlane {
 public:
  using SnapshotBox = routing::Published<Snapshot>;

  // `workers` >= 1. The snapshot box and the sticky table outlive the data plane.
  DataPlane(std::size_t workers, SnapshotBox& snapshots, routing::StickyTable& sticky,
            DataPlaneCallbacks callbacks, DurableServices durable = {});
  ~DataPlane();  // stops and joins

  // Opens listeners that are new and closes those that are gone; called before `start` and at
  // reload. Returns "" or a message naming the address and the reason (in use, certificate, ...);
  // then nothing has changed. The port of a listener on port 0 is asked by `ports`.
  std::string listen(const std::vector<config::Listener>& listeners);
  std::vector<std::uint16_t> ports() const;

  void start();

  // Tells every worker that a new snapshot was published: caches are refreshed, and requests that
  // wait for a first byte on an endpoint that left the rotation are decided again (rescue).
  void snapshot_changed();

  // Stops accepting, closes idle connections, lets requests end; `done` is posted (on a worker)
  // when the last one ended or `limit` passed.
  void drain(config::Millis limit, std::function<void()> done);
  void stop();

  std::size_t workers() const;
  const WorkerCounters& counters(std::size_t worker) const;
  // Takes finished requests out of the rings (for the access log), in the order of each worker.
  // Returns how many were dropped since the start because a ring was full.
  std::uint64_t take_records(const std::function<void(const RequestRecord&)>& visit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace proxy
