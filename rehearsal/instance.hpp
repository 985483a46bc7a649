// The words of a task hub: an orchestration instance, its status, what apps and storage tell each
// other about it. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rehearsal {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
WallTime wall_now();

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
// Also takes a fraction, a missing "Z" and a bare date.
std::optional<WallTime> parse_time(std::string_view);

// What an orchestration of the stand-in does: `steps` activities one after the other, then perhaps
// a wait for an external event; it can be told to fail at the end.
struct Plan {
  int steps = 5;
  std::chrono::milliseconds step_time{200};
  std::string wait_for;  // name of an event
  bool fails = false;
  bool operator==(const Plan&) const = default;
};

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
  Plan plan;
  int steps_done = 0;
  std::string owner;       // the app that holds the lease; "" nobody
  std::int64_t epoch = 0;  // of the lease: an app that lost it cannot report any more
};

struct HistoryEvent {
  std::string type;  // ExecutionStarted, TaskCompleted, EventRaised, ...
  WallTime at{};
  std::string name;    // function or event
  std::string result;  // JSON text or ""
  std::string app;     // who did it
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

struct Lease {
  std::string id;
  std::int64_t epoch = 0;
};

struct StepReport {
  std::string id;
  std::int64_t epoch = 0;
  int step = 0;        // from 1
  std::string result;  // JSON text
};

// One exchange between an app and its storage: everything the app has to tell since the last one,
// and how much work it can take.
struct WorkReport {
  std::string app;
  std::chrono::milliseconds lease{5000};
  std::vector<Lease> held;
  std::vector<StepReport> steps;
  std::size_t capacity = 0;
  bool release = false;  // the app ends: give its leases back
};

struct Work {
  std::string id;
  std::int64_t epoch = 0;
  Plan plan;
  int steps_done = 0;
};

struct WorkAnswer {
  std::vector<Work> work;
  std::vector<std::string> lost;  // no longer the app's: ended, suspended or taken over
};

struct ActivityCount {
  std::string app;
  std::int64_t activities = 0;  // completed and recorded
  std::int64_t taken_over = 0;  // instances resumed from another app
};

}  // namespace rehearsal
