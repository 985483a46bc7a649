// The command line as a value: which verb with which options, or what to print instead. Pure: it
// looks at nothing but the arguments. The only file that meets CLI11 is command_line.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/instances.hpp"
#include "config/config.hpp"

namespace app {

// What a verb's end means to a script.
inline constexpr int exit_ok = 0;
inline constexpr int exit_check_failed = 1;  // an objective missed or a check failed
inline constexpr int exit_bad_input = 2;
inline constexpr int exit_inconclusive = 3;  // it could not be found out
inline constexpr int exit_interrupted = 130;

inline constexpr std::string_view product_version = "0.1.0";
inline constexpr std::string_view default_listen = "127.0.0.1:8080";
inline constexpr std::string_view default_admin = "127.0.0.1:8081";

enum class Verb {
  run,
  validate,
  explain,
  status,
  events,
  enable,
  disable,
  drain,
  hold,
  release,
  failback,
  makeprimary,
  reload,
  keys,
  instances,
  storage,
  rehearse,
  version,
};
std::string_view to_string(Verb);

enum class KeysAction { diff, sync, undo };
std::string_view to_string(KeysAction);

struct KeysOptions {
  KeysAction action = KeysAction::diff;
  std::string from, to;                // endpoint names; empty: the two best priorities
  std::vector<std::string> functions;  // empty: those that the apps list
  std::string undo_file;               // sync: to write, "" makes up a name; undo: to read
  bool apply = false;
  bool insecure = false;           // keys may go to an http endpoint that is not loopback
  config::Millis timeout{30'000};  // of one call; a cold app takes its time
};

struct InstancesOptions {
  enum class Action { list, resubmit, forget } action = Action::list;
  InstanceList list = InstanceList::unknown;
  std::size_t limit = default_instances;
  std::string id;
  std::string ledger;  // the file to look into when no proxy runs
};

struct Command {
  Verb verb = Verb::version;
  bool json = false;

  // run, validate, explain, keys: a file, or endpoints without a file; instances, storage: the
  // file of the proxy that is meant
  std::string config;
  std::string primary;
  std::vector<std::string> secondaries;
  std::string listen;  // run: empty leaves what the file says
  std::string admin;   // ADDR:PORT, or a URL for the operator verbs; may be empty
  std::optional<std::size_t> workers;
  bool probe = false;
  int time_scale = 1;  // run: divides the documented times of the app lease

  // operator verbs
  bool watch = false;
  bool undo = false;
  std::string name;
  std::optional<config::Millis> hold_for;

  KeysOptions keys;
  InstancesOptions instances;  // its `ledger` is storage's too
  std::optional<ledger::WallTime> last_sync;
};

struct Parsed {
  std::optional<Command> command;  // unset: print `out` and `err`, and end with `exit_code`
  int exit_code = exit_ok;
  std::string out, err;
};

Parsed parse_command_line(const std::vector<std::string>& arguments);

// The candidate that the word was probably meant to be; "" when none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace app
