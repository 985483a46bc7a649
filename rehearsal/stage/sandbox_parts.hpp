// The parts of a sandbox: which process is started how, in which order, and when it may be used.
// Every part keeps its port and its command for the whole run, so that one that was killed comes
// back as itself. Owned by the sandbox and what plays faults in it, on one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/sqlite.hpp"
#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/stage/certificates.hpp"
#include "rehearsal/stage/child.hpp"
#include "rehearsal/stage/sandbox.hpp"

namespace stage {

struct Part {
  std::string name;  // "primary", "primary#2", "storage-shared": in messages
  ChildOptions options;
  std::unique_ptr<Child> child;
  std::uint16_t port = 0;
  std::string ready_words;  // of the line in which it says that it is ready; "" it is asked
  scenario::Ready ready;    // how

  // What the faults have made of it.
  bool killed = false, frozen = false;
  std::string state = "running";          // of a stand-in app
  std::optional<scenario::Fault> answer;  // likewise
  scenario::Millis slow{0};               // likewise
  bool changing = false;                  // somebody is at it, and waits

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }
  bool is_away() const { return killed || frozen; }
};
using PartPtr = std::shared_ptr<Part>;

struct StorageAccount {
  std::string name, region;
  PartPtr part;
  std::string file;
  std::set<std::string> hubs;
  std::map<std::string, scenario::Millis> app_latency;

  // What the faults have made of it.
  std::string outage = "none";
  scenario::Millis latency{0};
  bool read_only = false;
  std::unique_ptr<ledger::Database> lock;
};

struct EndpointParts {
  const scenario::Endpoint* endpoint = nullptr;
  std::vector<PartPtr> instances;  // none: it is a URL
  PartPtr gateway, link;
  std::uint16_t control_port = 0;  // of the link

  // What the faults have made of the link.
  std::string link_fault;                 // query; "" none
  const Certificates::Pair* certificate;  // that it shows
  bool changing = false;

  bool is_stand_in() const { return std::holds_alternative<scenario::StandIn>(endpoint->is); }
};

struct Parts {
  std::vector<std::vector<PartPtr>> levels;  // those of a level are started side by side
  std::vector<StorageAccount> storage;
  std::vector<EndpointParts> endpoints;
  std::map<std::string, PartPtr> processes;
  PartPtr proxy;
  std::uint16_t admin_port = 0;
  Certificates certificates;
  bool closed = false;  // nothing is started any more

  StorageAccount* find_storage(std::string_view name);
  EndpointParts* find_endpoint(std::string_view name);  // also of "NAME#2"
  std::string admin_url() const { return "http://127.0.0.1:" + std::to_string(admin_port); }
};

// Chooses the ports, writes certificates and the proxy's configuration; starts nothing. "" or the
// problem. `scenario` must outlive the parts.
std::string plan_parts(boost::asio::any_io_executor executor, const scenario::Scenario& scenario,
                       const SandboxOptions& options, Parts& parts);

// The account of a stand-in, by its name.
std::string account_of(const scenario::Scenario& scenario, const scenario::Endpoint& endpoint);

// Until it may be used; "" or the problem, which names it and its log.
boost::asio::awaitable<std::string> wait_ready(PartPtr part);
boost::asio::awaitable<std::string> start_all(std::shared_ptr<Parts> parts);

}  // namespace stage
