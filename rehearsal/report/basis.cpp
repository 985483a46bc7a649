#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "rehearsal/report/report.hpp"
#include "rehearsal/report/text.hpp"

namespace report {
namespace {

using scenario::FaultKind;

bool is_of_process(FaultKind kind) {
  return kind == FaultKind::kill || kind == FaultKind::freeze || kind == FaultKind::flap;
}

bool is_of_storage(FaultKind kind) {
  return kind == FaultKind::storage_errors || kind == FaultKind::storage_hangs ||
         kind == FaultKind::storage_latency || kind == FaultKind::storage_locked ||
         kind == FaultKind::storage_read_only;
}

void add_faults(const Run& run, Basis& basis) {
  std::set<std::string_view> said;
  const auto real = [&](std::string_view text) {
    if (said.insert(text).second) basis.real.emplace_back(text);
  };
  for (const scenario::Step& step : run.scenario.steps) {
    const auto* fault = std::get_if<scenario::Fault>(&step);
    if (!fault) continue;
    if (is_of_process(fault->kind))
      real("The faults of processes: they were killed or stopped by signals of the system.");
    else if (scenario::is_link_fault(fault->kind))
      real(
          "The faults of the network: a process in the path refused, reset, delayed or swallowed "
          "the bytes of real TCP connections.");
    else if (is_of_storage(fault->kind))
      real(
          "The faults of storage: the process of the account answered errors, late or not at "
          "all, or its database was locked or read-only.");
    else if (fault->kind == FaultKind::certificate_expired ||
             fault->kind == FaultKind::certificate_wrong_name)
      real("The TLS connections and the faulty certificates.");
    else if (fault->kind == FaultKind::unreachable)
      real(
          "The isolation: the proxy alone lost its way to the endpoint, which went on working for "
          "everybody else.");
  }
}

void add_stand_in(const scenario::Endpoint& endpoint, const scenario::StandIn& app, Basis& basis) {
  const auto modelled = [&](std::string text) {
    basis.modelled.push_back(endpoint.name + ": " + std::move(text));
  };
  if (app.cold_start.count() > 0)
    modelled(fmt::format("a cold start is a delay of {} after a start or {} without requests.",
                         time_text(app.cold_start), time_text(app.idle_after)));
  if (app.gateway)
    modelled(
        fmt::format("a small gateway stands for the platform's front end; it gives a client "
                    "up after {}.",
                    time_text(app.cut_after)));
  if (app.storage_latency.count() > 0)
    modelled(fmt::format("the distance to its storage is a delay of {} for each call.",
                         time_text(app.storage_latency)));
}

void add_sandbox(const Run& run, Basis& basis) {
  const scenario::Topology& topology = run.scenario.topology;
  bool stand_ins = false, lease = false;
  for (const scenario::Endpoint& endpoint : topology.endpoints) {
    if (std::holds_alternative<scenario::StandIn>(endpoint.is)) {
      stand_ins = true;
      lease = lease || std::get<scenario::StandIn>(endpoint.is).app_lease;
    } else {
      basis.real.push_back(endpoint.name + ": " + scenario::describe(endpoint) + ".");
    }
  }
  for (const scenario::Process& process : topology.processes)
    basis.real.push_back(process.name + ": a process of its own, started from a command.");
  if (stand_ins) {
    basis.modelled.emplace_back(
        "The function apps were stand-ins, all on one machine: programs that answer the Durable "
        "Functions API and run orchestrations, but not the Functions host, not your code and not "
        "its load.");
    basis.modelled.emplace_back(
        "A storage account was a process around database files, not Azure Storage.");
  }
  for (const scenario::Endpoint& endpoint : topology.endpoints)
    if (const auto* app = std::get_if<scenario::StandIn>(&endpoint.is))
      add_stand_in(endpoint, *app, basis);
  if (lease)
    basis.modelled.push_back(
        topology.lease_scale > 1
            ? fmt::format("The app lease followed its documented times, divided by {}.",
                          topology.lease_scale)
            : "The app lease followed its documented times.");
  for (const scenario::Storage& storage : topology.storage)
    if (storage.replicate_every.count() > 0)
      basis.modelled.push_back(fmt::format(
          "{}: the replica was copied every {}{}; an account failover was a switch to it.",
          storage.name, time_text(storage.replicate_every),
          storage.skew.count() != 0
              ? ", its queues " + time_text(storage.skew) + " apart from its tables"
              : ""));
  basis.modelled.emplace_back(
      "The network between regions was this machine's loopback interface: without distance, "
      "name resolution or firewalls.");
  basis.modelled.emplace_back(
      "So these figures show how the proxy and its settings behave. They are not the RTO or RPO "
      "of Azure, and not those of your application in Azure.");
}

void add_attached(Basis& basis) {
  basis.real.emplace_back(
      "The running proxy, its endpoints, their code and their storage, with whatever traffic they "
      "had besides this rehearsal's load.");
  basis.modelled.emplace_back(
      "The outage: the faults were played in the proxy's own connections to its endpoints. The "
      "endpoints went on running, and others could still reach them.");
  basis.modelled.emplace_back(
      "So nothing here was restarted, moved or lost by the platform: these figures show how this "
      "proxy answers an endpoint that fails it. They are not the RTO or RPO of Azure.");
}

}  // namespace

Basis basis_of(const Run& run) {
  Basis basis;
  if (run.attached) {
    add_attached(basis);
  } else {
    basis.real.emplace_back(
        "The proxy: the same program that serves in operation, as a process of its own, with its "
        "own probes, ledger and sockets.");
    add_faults(run, basis);
    add_sandbox(run, basis);
  }
  basis.real.emplace_back(
      "The times: measured by the clients of the proxy, each request counted from when it was "
      "due, whether or not others before it were late.");
  if (run.record.executions_known)
    basis.real.emplace_back(
        "The reconciliation: each start compared with what the storage accounts recorded as run.");
  else
    basis.modelled.emplace_back(
        "What the apps ran could not be asked: of a start only the clients' side is known.");
  if (run.scenario.time_scale > 1)
    basis.modelled.push_back(
        fmt::format("Time: every interval, timeout, wait and fault was divided by {}. Compare the "
                    "figures with the divided settings, not with those in operation.",
                    run.scenario.time_scale));
  return basis;
}

}  // namespace report
