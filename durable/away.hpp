// What a poll is told about an instance whose region is away: the last known status in the shape
// that the app itself would have used. A final status is only told with the body that the app gave
// when it was final: an output is never invented. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "durable/status_answer.hpp"

namespace durable {

struct LastKnownStatus {
  std::string name;                        // orchestrator function
  std::string instance_id;                 // decoded
  std::string runtime_status = "Pending";  // an accepted start counts as Pending
  std::string custom_status;               // JSON text; empty or not JSON: null
  WallTime created_time{};
  WallTime last_updated_time{};
  std::string output = {};  // JSON text; empty: null
};

// The app's keys in the app's order; input is null.
std::string status_json(const LastKnownStatus& last);

struct AwayAnswer {
  int status = 202;     // 202 unfinished, 200 final
  int retry_after = 5;  // seconds; 0: no such field
  std::string body;     // application/json
};

// nullopt: final, but its body was not kept; the caller says 503.
std::optional<AwayAnswer> away_answer(const LastKnownStatus& last,
                                      const std::optional<std::string>& kept_final_body);

}  // namespace durable
