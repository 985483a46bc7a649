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

LedgerSettings ledger_settings(const config::Config& config) {
  LedgerSettings settings;
  if (config.durable.task_hub != config::TaskHub::none) settings.mode = config.durable.ledger.mode;
  settings.directory.max_entries = config.durable.directory_max_entries;
  settings.directory.retention = config.durable.directory_retention;
  if (settings.mode == config::LedgerMode::durable) settings.directory.path = ledger_path(config);
  return settings;
}

}  // namespace app
