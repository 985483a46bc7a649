#include "app/state_folder.hpp"

#include <cstdlib>

namespace app {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::string ledger_path(const config::Config& config) {
  if (!config.durable.ledger.path.empty()) return config.durable.ledger.path;
  const std::string file = "/" + config.profile + ".db";
  // Several folders are separated by colons; the first is ours.
  std::string given = environment("STATE_DIRECTORY");
  given = given.substr(0, given.find(':'));
  if (!given.empty()) return given + file;
  const std::string state = environment("XDG_STATE_HOME");
  if (state.starts_with('/')) return state + "/understudy" + file;
  const std::string home = environment("HOME");
  if (home.starts_with('/')) return home + "/.local/state/understudy" + file;
  return {};
}

ledger::DirectoryOptions directory_options(const config::Config& config) {
  ledger::DirectoryOptions options;
  options.max_entries = config.durable.directory_max_entries;
  options.retention = config.durable.directory_retention;
  const bool keep = config.durable.task_hub == config::TaskHub::per_region &&
                    config.durable.ledger.mode == config::LedgerMode::durable;
  if (keep) options.path = ledger_path(config);
  return options;
}

}  // namespace app
