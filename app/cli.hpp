// Runs one command line to its end and returns the exit code.
#pragma once

#include <string>
#include <vector>

namespace app {

int run_command_line(const std::vector<std::string>& arguments);

}  // namespace app
