// The verb: from a command to files and an exit code. Blocks; called once, on the main thread.
#pragma once

#include <string>

#include "rehearsal/stage/command_line.hpp"

namespace stage {

// `bin`: where understudy's executables are. `line`: as typed, for the report.
int run_command(const Command& command, const std::string& bin, const std::string& line);

}  // namespace stage
