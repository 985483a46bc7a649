// What an app's answer to GET instances/{id} says, as far as the proxy needs it. Reads hostile
// text: never throws, needs memory for no more than the longest string of the body, and ignores
// everything but these members. Pure; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace durable {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

// "2026-11-23T10:15:30Z", with or without a fraction, also with an offset such as +01:00.
std::optional<WallTime> parse_wall_time(std::string_view text);
std::string wall_time_text(WallTime time);  // as the apps write it: no fraction, Z

struct StatusAnswer {
  std::string name;
  std::string instance_id;     // as written in the answer, unescaped
  std::string runtime_status;  // as written: "Running", "Completed"...
  std::optional<WallTime> created_time, last_updated_time;
  bool operator==(const StatusAnswer&) const = default;
};

// nullopt: no JSON object with a runtimeStatus, so not the answer of a hub.
std::optional<StatusAnswer> parse_status_answer(std::string_view body);

// The same for the first element of the array that GET instances answers; an empty array is
// well-formed and has no first.
struct FirstListed {
  bool well_formed = false;
  std::optional<StatusAnswer> first;
};
FirstListed parse_first_listed(std::string_view body);

// Completed, Failed, Terminated, Canceled: an instance that moves no more (until it is started
// again or rewound). Letter case does not matter.
bool is_final_status(std::string_view runtime_status);

}  // namespace durable
