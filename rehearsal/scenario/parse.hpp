// The text of a scenario file -> a Scenario, or every problem of the text in one run, with place,
// rule and fix, as the configuration's parser does it (config/parse.hpp). Beyond shape and ranges
// it checks that every target of a step exists and can have that fault, that "primary" and
// "secondary" stand for the endpoint of the best and the next priority when none has that name, and
// that the `proxy` object makes a configuration without errors. Pure but for `parse_file`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/issue.hpp"
#include "config/parse.hpp"
#include "rehearsal/scenario/scenario.hpp"

namespace scenario {

struct ParseResult {
  std::optional<Scenario> scenario;  // unset when an issue is an error
  std::vector<config::Issue> issues;
};

ParseResult parse_text(std::string_view text, std::string file_name, const config::Environment&);
ParseResult parse_file(const std::string& path, const config::Environment&);

// The scenarios that are compiled in, as their files (rehearsal/scenarios/*.json) have them, sorted
// as `list` shows them.
struct BuiltIn {
  std::string_view name, text;
};
const std::vector<BuiltIn>& built_in_scenarios();
const BuiltIn* find_built_in(std::string_view name);
std::string nearest_built_in(std::string_view name);  // "" when none is near

// A commented starter file that plays an outage of the primary of this configuration on stand-ins.
std::string starter(const config::Config& config, const std::string& config_file);

std::string_view schema();  // JSON Schema of the file, for editors

}  // namespace scenario
