// What was observed in a run, from the clients' side and beside it. Written by the stage while it
// plays, read by `judge` and the report. Times are since the run began, unless they say otherwise.
// Plain values; one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/explain.hpp"
#include "rehearsal/scenario/scenario.hpp"

namespace verdict {

using At = std::chrono::microseconds;
using WallTime = std::chrono::system_clock::time_point;
using config::Millis;

enum class RequestKind { get, start, poll };

struct Request {
  RequestKind kind = RequestKind::get;
  At due{0}, sent{0}, ended{0};  // latency counts from `due`
  int status = 0;                // 0: no answer
  std::string served_by;         // X-Served-By; "" unknown
  std::string trouble;           // "" good
  int client = 0;
  bool stale = false;  // a poll answered with the last known status
};

enum class Said { unanswered, accepted, refused, unknown, failed };

// One start as its client saw it.
struct Start {
  int number = 0;  // stands in its payload
  Said said = Said::unanswered;
  std::string detail;    // status or error
  std::string given_id;  // chosen by the client
  std::string id;        // of the answer
  std::string final;     // runtimeStatus of the last poll, if that was final
  bool unconfirmed = false;
  At sent{0};
  std::optional<At> answered, final_at;
  std::map<int, int> polls;  // by status; 0 for no answer
  std::vector<std::string> wrong_urls;
};

// One run of an orchestrator, as the storage account's journal has it.
struct Execution {
  std::optional<int> number;  // of the start in whose payload it stands
  std::string id, storage, hub, app, status;
  At created{0};
  std::optional<At> started, finished;
  bool lost = false;  // an account failover has undone it
};

struct ProxyEvent {
  At at{0};
  std::string kind, level, endpoint, from, to, reason, text;
  std::optional<double> seconds;
};

// The proxy's own view, looked at several times a second.
struct Glimpse {
  At at{0};
  bool reachable = true;
  std::string active;
  std::map<std::string, std::string> status;  // endpoint: monitorStatus
  std::vector<std::string> alerts;            // kinds
};

struct FaultSpan {
  std::string text;
  scenario::FaultKind kind = scenario::FaultKind::kill;
  std::string target;
  At began{0};
  std::optional<At> ended;
};

struct StepResult {
  std::string text;
  At began{0}, ended{0};
  bool done = false;
  std::string detail;  // why not, or what came of it
};

struct SteadyResult {
  bool held = false;
  At began{0}, ended{0};
  double errors = 0;  // share
  Millis p95{0};
  std::string detail;
};

struct AppTraffic {
  std::string storage, app, region;
  std::uint64_t requests = 0, bytes_in = 0, bytes_out = 0;
  bool crosses_regions = false;
};

struct AppShare {  // what an app ran
  std::string storage, app;
  std::uint64_t orchestrations = 0, activities = 0;
};

// Where traffic and shares were counted: in normal operation, and at the end.
struct Account {
  std::vector<AppTraffic> traffic;
  std::vector<AppShare> shares;
};

struct AccountFailover {
  std::string storage;
  bool planned = false;
  At began{0}, ended{0};
  std::optional<At> last_sync;
  std::vector<std::string> lost;  // instance ids
};

struct LeaseOwner {
  At at{0};
  std::string storage, owner;
};

struct RunRecord {
  WallTime started;
  At ended{0};
  std::vector<Request> requests;
  std::vector<Start> starts;
  std::vector<Execution> executions;
  bool executions_known = false;  // false: nobody could be asked (plain URLs)
  std::vector<ProxyEvent> events;
  std::vector<Glimpse> glimpses;
  std::vector<FaultSpan> faults;
  std::vector<StepResult> steps;
  std::optional<SteadyResult> steady_before, steady_after;
  Account normal, end;
  std::vector<AccountFailover> failovers;
  std::vector<LeaseOwner> lease;
  std::optional<config::ProfileTimes> predicted;
  std::string best_endpoint;    // by priority
  int possible_duplicates = 0;  // as the proxy marked them
  Millis load_late{0};          // how late a request was sent at worst: a busy machine
  bool interrupted = false;
  std::string aborted;  // why the run ended early; "" it did not
};

}  // namespace verdict
