// The command line of understudy-rehearse as a value, or what to print instead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace stage {

inline constexpr int exit_ok = 0;
inline constexpr int exit_missed = 1;
inline constexpr int exit_bad_input = 2;
inline constexpr int exit_inconclusive = 3;
inline constexpr int exit_interrupted = 130;

enum class Action { play, list, show, check, schema, init, compare };

struct Command {
  Action action = Action::list;
  bool json = false;
  std::vector<std::string> names;  // the scenario, the file, or the two results

  // play
  std::string config;  // the reader's own, on stand-ins
  std::string report;  // folder; "" makes one up
  std::string meta;
  int time_scale = 1;
  std::optional<std::uint64_t> seed;
  std::optional<double> rate;
  bool quiet = false, plain = false;
  std::string compare_with;  // admin URL of a running proxy whose settings are compared

  // play, attached
  std::string attach;  // admin URL
  std::string target;
  std::string token_file;
  bool i_mean_it = false;
  std::optional<double> max_error_rate;  // 0..1
  config::Millis time_limit{0};
};

struct ParsedLine {
  std::optional<Command> command;  // unset: print `out` and `err` and end with `exit_code`
  int exit_code = exit_ok;
  std::string out, err;
};

ParsedLine parse_command_line(const std::vector<std::string>& arguments);

}  // namespace stage
