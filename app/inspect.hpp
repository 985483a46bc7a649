// `validate` and `explain`: what a configuration says, without starting anything.
#pragma once

#include "app/command_line.hpp"
#include "config/parse.hpp"

namespace app {

// A file, or the endpoints of the command line.
config::ParseResult load_config(const Command& command);

int run_validate(const Command& command);
int run_explain(const Command& command);

}  // namespace app
