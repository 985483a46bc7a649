// The words of a task hub: an orchestration instance, its status, what apps and storage tell each
// other about it. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/plan.hpp"

namespace rehearsal {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
WallTime wall_now();

inline WallTime time_of(std::int64_t milliseconds) {
  return WallTime{std::chrono::milliseconds{milliseconds}};
}

inline std::int64_t number_of(WallTime time) {
  return time.time_since_epoch().count();
}

enum class RuntimeStatus {
  pending,
  running,
  suspended,
  continued_as_new,
  completed,
  failed,
  canceled,
  terminated,
};

std::string_view to_string(RuntimeStatus);
std::optional<RuntimeStatus> parse_runtime_status(std::string_view);  // any letter case
bool is_finished(RuntimeStatus);

// "2026-11-23T15:24:05Z", as the Durable API writes times; the fraction is cut off.
std::string time_text(WallTime);
std::string exact_time_text(WallTime);  // with milliseconds
// Also takes a fraction, a missing "Z" and a bare date.
std::optional<WallTime> parse_time(std::string_view);

struct NewInstance {
  std::string id;
  std::string function;
  std::string input = "null";  // JSON text
  Plan plan;
};

struct Instance {
  std::string id;
  std::string function;
  RuntimeStatus status = RuntimeStatus::pending;
  std::string input = "null";  // JSON text, as are the next two
  std::string custom_status = "null";
  std::string output = "null";
  WallTime created{};
  WallTime updated{};
};

struct HistoryEvent {
  std::string type;  // ExecutionStarted, TaskCompleted, EventRaised, ...
  WallTime at{};
  std::string name;      // function or event
  std::string result;    // JSON text or ""
  std::string app;       // who did it
  WallTime scheduled{};  // of a task or timer; zero: not shown
};

struct ListFilter {
  std::string id_prefix;
  std::optional<WallTime> created_from, created_to;
  std::vector<RuntimeStatus> statuses;  // empty: all
  std::size_t top = 100;
  std::int64_t after = 0;  // continuation: the position behind which to go on
};

struct Page {
  std::vector<Instance> instances;
  std::int64_t next = 0;  // 0: the end
};

// An activity that an app has under way. The epoch moves on whenever another app is given it.
struct ActivityLease {
  std::int64_t id = 0;
  std::int64_t epoch = 0;
};

struct ActivityReport {
  std::int64_t id = 0;
  std::int64_t epoch = 0;
  std::string result;  // JSON text
};

// One exchange between an app and its storage: everything the app has to tell since the last one,
// and what it will take.
struct WorkReport {
  std::string app;
  std::chrono::milliseconds lease{5000};  // of activities
  std::vector<ActivityLease> held;
  std::vector<ActivityReport> finished;
  bool orchestrates = true;            // it may run orchestrators and entities
  std::vector<std::string> functions;  // the orchestrators it has; empty: any
  std::size_t capacity = 0;            // activities it can take
  bool release = false;                // the app ends: give its activities back
};

struct Activity {
  std::int64_t id = 0;
  std::int64_t epoch = 0;
  std::string name;
  int step = 0;  // of the orchestration, from 1
  int of = 0;
  std::chrono::milliseconds time{0};
};

struct WorkAnswer {
  std::vector<Activity> activities;
  std::vector<std::int64_t> lost;  // no longer the app's: ended or taken over
  bool more = false;               // ask again at once
};

// What one app did for an execution or, added up, for a hub.
struct AppShare {
  std::string app;
  std::int64_t turns = 0;       // of the orchestrator
  std::int64_t started = 0;     // activities
  std::int64_t activities = 0;  // completed and recorded
  std::int64_t taken_over = 0;  // activities that another app had left
};

// One accepted start. It stays on record when its instance is purged or its id used again, so that
// a rehearsal can tell what ran once, twice or never.
struct Execution {
  std::int64_t position = 0;
  std::string id;
  std::string function;
  WallTime created{};
  std::string started_by;  // the app whose orchestrator ran first; "" none yet
  std::string status;      // the last one, or "Purged"
  std::vector<AppShare> apps;
};

struct ExecutionPage {
  std::vector<Execution> executions;
  std::int64_t next = 0;
};

// One beginning of an orchestrator. Two of one execution: an account failover has undone the first.
struct OrchestrationRun {
  std::int64_t number = 0;     // over all hubs of the account, never used again
  std::int64_t execution = 0;  // the accepted start that it belongs to
  std::string hub;
  std::string id;
  std::string function;
  std::string input;  // JSON text, its first 4 KiB
  WallTime created{};
  std::string app;  // whose orchestrator began
  WallTime started{};
  WallTime finished{};    // zero: not yet
  std::string status;     // of this run
  std::int64_t ends = 0;  // more than one: rewound, or an account failover has undone an end
};

struct RunPage {
  std::vector<OrchestrationRun> runs;
  std::int64_t next = 0;
};

struct HubSummary {
  std::string hub;
  std::int64_t instances = 0;
  bool worked = false;  // an app has ever asked it for work; if not, its instances wait for ever
};

}  // namespace rehearsal
