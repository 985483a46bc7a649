// The composition root: builds the parts in dependency order, connects them, and lives on the
// control thread until the last request has ended. It reads as the drawing of ARCHITECTURE.md:
//   probe outcome, evidence -> HealthBoard -> Router -> published Snapshot -> workers
// All its state belongs to the control thread; other threads reach it through an Inbox
// or by posting alone.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/config.hpp"

namespace app {

struct AppOptions {
  std::string config_path;                       // empty: no file, nothing to reload
  std::string config_text;                       // what `config hash` is made of
  std::string effective;                         // explain's JSON of it, for /api/config
  std::optional<config::Address> listen, admin;  // override the file, at reload too
  std::size_t workers = 1;
  bool json = false;   // ready line and log as JSON
  int time_scale = 1;  // divides the documented times of the app lease, for rehearsals
};

// A start that failed: an address in use, a file that cannot be read. The message says what to do.
struct StartError {
  std::string message;
};

// Runs until it is told to stop; returns the exit code. Throws StartError.
int run_app(config::Config config, AppOptions options);

}  // namespace app
