// The admin API's JSON as text for a terminal: pure, so that what an operator reads is tested
// without a proxy.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace app {

// `colours` only when the output is a terminal.
std::string status_text(const nlohmann::ordered_json& status, bool colours);
std::string events_text(const nlohmann::ordered_json& events, bool colours);
std::string event_line(const nlohmann::ordered_json& event, bool colours);

// What `status --watch` compares when it has no terminal to redraw: a line is printed when this
// changes. "active primary; primary Online serving, secondary Online serving"
std::string status_summary(const nlohmann::ordered_json& status);

std::string seconds_text(
    double seconds);  // "0.4 ms", "85 ms", "2.4 s", "3m 20s", "2h 05m", "4d 3h"

}  // namespace app
