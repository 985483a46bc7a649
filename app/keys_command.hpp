// `understudy keys diff|sync|undo`: compares the keys of two function apps and copies them, through
// the apps' own key API. Talks to the apps directly; no proxy needs to run.
#pragma once

#include "app/command_line.hpp"

namespace app {

// Prints to stdout and stderr, never a key; returns the exit code: 0 equal or done, 1 they differ
// or not everything was written, 2 bad input, 3 an app could not be read, 130 interrupted.
int run_keys(const Command& command);

}  // namespace app
