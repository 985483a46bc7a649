// Text of a configuration file -> a Config that is complete (defaults, presets and inheritance
// applied, endpoints in priority order), or every problem of the text in one run. Reads no clock
// and no environment of its own: variables and files come through `Environment`.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/issue.hpp"

namespace config {

inline constexpr std::size_t max_text = 1 << 20;  // bytes of a configuration file
inline constexpr std::size_t max_secret_file = 1 << 16;

// What the outside may contribute. `file` reads the real file system unless replaced (tests).
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<std::optional<std::string>(const std::string& path)> file = read_file;

  // The text of a file of at most 1 MiB; nullopt when it cannot be read.
  static std::optional<std::string> read_file(const std::string& path);
};

struct Position {
  int line = 0;
  int column = 0;
};

// Where each written key stands: lets later passes name the place, and `explain` say what came from
// the file. Paths are the file's own ("endpoints[1].url": second in the file, not by priority).
struct Source {
  std::string file;
  std::map<std::string, Position, std::less<>> written;
  std::vector<std::size_t> endpoint_index;  // of Config::endpoints[i] in the file

  bool wrote(std::string_view path) const { return written.find(path) != written.end(); }
  Position at(std::string path) const;  // of the path or its nearest written parent
};

struct ParseResult {
  std::optional<Config> config;  // unset when an issue is an error
  std::vector<Issue> issues;     // errors and warnings in the order of the file
  Source source;
};

ParseResult parse_text(std::string_view text, std::string file_name, const Environment&);
ParseResult parse_file(const std::string& path, const Environment&);

// What `run --primary URL --secondary URL...` uses: all defaults, no file. The first URL is the
// primary. `listen` empty: 127.0.0.1:8080.
ParseResult quick_config(std::string_view primary, const std::vector<std::string>& secondaries,
                         std::string_view listen = {});

}  // namespace config
