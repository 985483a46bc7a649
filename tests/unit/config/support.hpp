// What the tests of this box share: an environment without an outside, and short configurations.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "config/parse.hpp"
#include "config/resolve.hpp"
#include "config/url.hpp"

namespace config::testing {

struct Outside {
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;

  Environment environment() const {
    Environment result;
    result.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
    result.file = [this](const std::string& path) -> std::optional<std::string> {
      const auto found = files.find(path);
      if (found == files.end()) return std::nullopt;
      return found->second;
    };
    return result;
  }
};

inline ParseResult parse(const std::string& text, const Outside& outside = {}) {
  return parse_text(text, "f.json", outside.environment());
}

// Two quiet endpoints and `more` keys: no issue unless `more` brings one.
inline std::string with(const std::string& more) {
  return "{" + more + (more.empty() ? "" : ",\n") +
         R"("durable": {"task_hub": "none"}, "endpoints": [
 {"name": "primary", "url": "http://127.0.0.1:7071"},
 {"name": "secondary", "url": "http://127.0.0.1:7072"}]})";
}

// The same with the endpoints given.
inline std::string with_endpoints(const std::string& endpoints, const std::string& more = "") {
  return "{" + more + (more.empty() ? "" : ",\n") +
         "\"durable\": {\"task_hub\": \"none\"}, \"endpoints\": [\n" + endpoints + "]}";
}

inline std::string lines(const ParseResult& result) {
  return to_text(result.issues);
}

inline Config good(const std::string& text, const Outside& outside = {}) {
  ParseResult result = parse(text, outside);
  EXPECT_TRUE(result.config.has_value()) << lines(result);
  return result.config.value_or(Config{});
}

inline std::string file_text(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace config::testing
