// Durations, sizes and rates as the file writes them, both ways. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace config {

// A broken rule about one value: what is wrong and what to write instead.
struct Problem {
  std::string rule;
  std::string hint;
};

// nullopt: `value` was set. A number, then a unit, nothing between: "500ms", "10s", "5m", "2h",
// "7d".
std::optional<Problem> parse_duration(std::string_view text, Millis& value);
// "64KiB", "1MiB"; also B, GiB and the decimal KB, MB, GB.
std::optional<Problem> parse_size(std::string_view text, std::uint64_t& value);
std::optional<Problem> parse_rate(std::string_view text, std::uint64_t& value);  // "240B/s"

// The largest unit that is exact, minutes from five on: 1500ms, 240s, 5m. Reads back the same.
std::string duration_text(Millis);
std::string size_text(std::uint64_t);
std::string number_text(double);  // 0.1, 2

}  // namespace config
