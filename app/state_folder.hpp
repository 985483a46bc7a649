// Where the proxy keeps what must survive a restart. Control thread.
#pragma once

#include <string>

#include "config/config.hpp"
#include "ledger/instance_directory.hpp"

namespace app {

// durable.ledger.path, else a file named after the profile in the folder that the service manager
// gives ($STATE_DIRECTORY, systemd) or in the XDG state folder; "" when there is none to be had.
std::string ledger_path(const config::Config& config);

// Kept on disk for hubs per region only: with one hub, or none said, every instance is found again
// by asking.
ledger::DirectoryOptions directory_options(const config::Config& config);

}  // namespace app
