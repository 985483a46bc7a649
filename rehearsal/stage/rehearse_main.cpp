// understudy-rehearse: what `understudy rehearse` runs.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "rehearsal/stage/command_line.hpp"
#include "rehearsal/stage/rehearse.hpp"

namespace {

// Where this executable is: the others lie beside it.
std::string own_folder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

}  // namespace

int main(int argc, char** argv) {
  const rlimit no_core{1, 1};  // a core file would hold the admin token
  setrlimit(RLIMIT_CORE, &no_core);
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments{argv + 1, argv + argc};
  const stage::ParsedLine parsed = stage::parse_command_line(arguments);
  std::fputs(parsed.out.c_str(), stdout);
  std::fputs(parsed.err.c_str(), stderr);
  if (!parsed.command) return parsed.exit_code;
  std::string line = "understudy rehearse";
  for (const std::string& argument : arguments) line += ' ' + argument;
  try {
    return stage::run_command(*parsed.command, own_folder(), line);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "understudy rehearse: %s\n", error.what());
    return stage::exit_bad_input;
  }
}
