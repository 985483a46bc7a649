#include "app/cli.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "app/admin_client.hpp"
#include "app/app.hpp"
#include "app/command_line.hpp"
#include "app/config_hash.hpp"
#include "app/inspect.hpp"
#include "app/instances_command.hpp"
#include "app/keys_command.hpp"
#include "config/explain.hpp"
#include "config/url.hpp"

namespace app {
namespace {

// A core file would hold keys. A limit of 1 byte rather than 0 also stops cores that are piped to a
// collector, which ignore a limit of 0. UNDERSTUDY_CORE=1 allows them, for debugging.
void forbid_core_files() {
  const char* wanted = std::getenv("UNDERSTUDY_CORE");
  if (wanted != nullptr && std::string_view{wanted} == "1") return;
  const rlimit limit{1, 1};
  setrlimit(RLIMIT_CORE, &limit);
}

// Every connection needs two descriptors; what the system allows is taken in full.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::optional<config::Address> address_option(const std::string& text) {
  config::Address address;
  if (text.empty() || config::parse_listen_address(text, address)) return std::nullopt;
  return address;
}

int run_proxy(const Command& command) {
  forbid_core_files();
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  config::ParseResult parsed = load_config(command);
  std::fputs(config::to_text(parsed.issues).c_str(), stderr);
  if (!parsed.config) {
    std::fprintf(stderr, "understudy run: the configuration cannot be used; nothing was started\n");
    return exit_bad_input;
  }
  AppOptions options;
  options.config_path = command.config;
  options.listen = address_option(command.listen);
  options.admin = address_option(command.admin);
  options.workers = command.workers.value_or(std::max(1U, std::thread::hardware_concurrency()));
  options.json = command.json;
  options.time_scale = command.time_scale;
  options.config_text =
      command.config.empty()
          ? command.primary + ' ' + fmt::format("{}", fmt::join(command.secondaries, " "))
          : config::Environment::read_file(command.config).value_or("");
  options.effective = config::explain_json(*parsed.config, parsed.source);
  try {
    return run_app(*std::move(parsed.config), std::move(options));
  } catch (const StartError& error) {
    std::fprintf(stderr, "understudy run: %s\n", error.message.c_str());
    return exit_bad_input;
  }
}

int print_version(const Command& command) {
  if (command.json)
    std::printf("{\"name\": \"understudy\", \"version\": \"%s\"}\n", product_version.data());
  else
    std::printf("understudy %s\n", product_version.data());
  return exit_ok;
}

// The executable beside this one: whoever only runs the proxy need not have it.
int run_rehearse(const std::vector<std::string>& arguments) {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
  std::string beside = (own.parent_path() / "understudy-rehearse").string();
  std::vector<char*> words{beside.data()};
  std::vector<std::string> rest{arguments.begin() + 1, arguments.end()};
  for (std::string& word : rest) words.push_back(word.data());
  words.push_back(nullptr);
  execv(beside.c_str(), words.data());
  std::fprintf(stderr, "understudy rehearse: %s cannot be run: %s; it belongs beside understudy\n",
               beside.c_str(), std::strerror(errno));
  return exit_bad_input;
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front() == to_string(Verb::rehearse))
    return run_rehearse(arguments);
  const Parsed parsed = parse_command_line(arguments);
  std::fputs(parsed.out.c_str(), stdout);
  std::fputs(parsed.err.c_str(), stderr);
  if (!parsed.command) return parsed.exit_code;
  switch (parsed.command->verb) {
    case Verb::run:
      return run_proxy(*parsed.command);
    case Verb::validate:
      return run_validate(*parsed.command);
    case Verb::explain:
      return run_explain(*parsed.command);
    case Verb::keys:
      return run_keys(*parsed.command);
    case Verb::instances:
    case Verb::storage:
      return run_instances_verb(*parsed.command);
    case Verb::version:
      return print_version(*parsed.command);
    default:
      return run_operator_verb(*parsed.command);
  }
}

}  // namespace app
