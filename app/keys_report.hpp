// What `understudy keys` has to say, as a value: made by keys_command.cpp, printed as text or JSON.
// It has no member that could hold a key.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "durable/key_plan.hpp"

namespace app {

struct KeyRow {
  durable::KeyGroup group;
  std::string name;
  std::string change;   // diff: a verdict; sync: add or replace; undo: a step
  std::string result;   // written, failed, unverified, not_tried; empty when nothing was to be sent
  std::string problem;  // of failed and unverified
};

struct KeysReport {
  std::string action;  // diff, sync, undo
  struct App {
    std::string name, url;
  };
  std::optional<App> from;  // undo has none
  App to;
  bool applied = false;
  std::vector<KeyRow> rows;
  std::vector<std::string> functions_only_at_from, functions_only_at_to;
  std::size_t only_at_target = 0;  // sync: keys that are left there
  std::string undo_file;           // written by sync, read by undo
  std::vector<std::string> notes;
  int exit_code = 0;

  std::size_t changes(const std::string& change) const;  // rows of that kind
  std::size_t results(const std::string& result) const;
};

std::string keys_text(const KeysReport&);
std::string keys_json(const KeysReport&);

}  // namespace app
