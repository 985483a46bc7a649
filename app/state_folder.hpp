// Where the proxy keeps what must survive a restart. Control thread.
#pragma once

#include <string>

#include "config/config.hpp"
#include "ledger/instance_directory.hpp"

namespace app {

// durable.ledger.path, else a file named after the profile in the folder that the service manager
// gives ($STATE_DIRECTORY, systemd) or in the XDG state folder; "" when there is none to be had.
std::string ledger_path(const config::Config& config);

// What the process keeps to for its life; a reload that changes it needs a restart.
struct LedgerSettings {
  config::LedgerMode mode = config::LedgerMode::off;  // off too when no task hub is said
  ledger::DirectoryOptions directory;                 // of the database that both share
  bool operator==(const LedgerSettings&) const = default;
};
LedgerSettings ledger_settings(const config::Config& config);

}  // namespace app
