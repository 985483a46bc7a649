// What the tests of this box share: a small scenario file, and an environment without an outside.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "rehearsal/scenario/parse.hpp"

namespace scenario::testing {

inline config::Environment no_outside() {
  config::Environment environment;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name == "KEY") return "from-the-environment";
    return std::nullopt;
  };
  environment.file = [](const std::string&) { return std::optional<std::string>{}; };
  return environment;
}

inline constexpr const char* two_endpoints =
    R"({"endpoints": [{"name": "west"}, {"name": "east"}]})";
inline constexpr const char* one_kill = R"([{"fault": "kill", "target": "west", "for": "2s"}])";

// Topology on line 2, steps on line 3, `more` keys on line 4.
inline std::string file_with(const std::string& more, const std::string& topology = two_endpoints,
                             const std::string& steps = one_kill) {
  const auto unless = [&](const char* key, const char* text) {
    return more.find(key) == std::string::npos ? text : "";
  };
  return std::string("{") + unless("\"scenario\"", "\"scenario\": \"s\", ") +
         unless("\"title\"", "\"title\": \"T\",") + "\n \"topology\": " + topology +
         ",\n \"steps\": " + steps + (more.empty() ? "" : ",\n " + more) + "}";
}

inline ParseResult parse(const std::string& text) {
  return scenario::parse_text(text, "f.json", no_outside());
}

inline std::string lines(const ParseResult& result) {
  return config::to_text(result.issues);
}

inline Scenario good(const std::string& text) {
  ParseResult result = parse(text);
  EXPECT_TRUE(result.scenario) << lines(result);
  return result.scenario.value_or(Scenario{});
}

inline Scenario built_in(std::string_view name) {
  const BuiltIn* found = find_built_in(name);
  EXPECT_TRUE(found) << name;
  return good(found ? std::string{found->text} : "{}");
}

}  // namespace scenario::testing
