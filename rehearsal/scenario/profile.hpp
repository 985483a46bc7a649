// The proxy's keys as JSON: what adopt and time_scale share. Inner part of the box.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "config/explain.hpp"
#include "rehearsal/scenario/scenario.hpp"

namespace scenario {

// "endpoints[weu].probe.interval" -> "endpoints[].probe.interval", as all_keys() has it.
std::string key_of(std::string_view path);
const config::KeyInfo* find_key(std::string_view path);

// Puts a value where the `proxy` object of a scenario has that path of config::settings():
// endpoints by name, other lists by number.
void put(nlohmann::ordered_json& proxy, std::string_view path, nlohmann::ordered_json value);

// The value of a setting as the file writes it: numbers and booleans unquoted.
nlohmann::ordered_json json_of(const config::Setting&, const config::KeyInfo&);

// The proxy of the scenario with placeholder places; nothing is looked up outside.
config::ParseResult proxy_of(const Scenario&);

}  // namespace scenario
