// The keys of two function apps side by side: which are the same, and what has to be written to
// make them so, or to take that back. Decides only; app/key_api.* talks to the apps. The master key
// of an app is no part of it, under any spelling: it never appears in a comparison or a plan. Pure
// values; any thread. A key's value is compared here, never read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace durable {

enum class KeyScope {
  host,      // opens every function of the app
  system,    // opens an extension's webhooks; Durable Functions has one
  function,  // opens one function
};
std::string_view to_string(KeyScope);

struct KeyGroup {
  KeyScope scope = KeyScope::host;
  std::string function;  // of scope `function`
  bool operator==(const KeyGroup&) const = default;
};

struct NamedKey {
  std::string name;
  config::Secret value;
};

struct KeyList {
  KeyGroup group;
  bool exists = true;  // false: the app has no such function
  std::vector<NamedKey> keys;
};
using AppKeys = std::vector<KeyList>;

// Where the key API has a group, or one key of it: "/admin/host/systemkeys/durabletask_extension".
// Everything but letters, digits, "-", "_", "." and "~" is percent-encoded.
std::string key_path(const KeyGroup&, std::string_view name = {});

// Fit to stand in a path and on a terminal: no control character, not "." or "..".
bool is_usable_name(std::string_view name);
bool is_master_key(std::string_view name);  // in any letter case, as the Functions host takes it

enum class KeyVerdict { same, different, missing_at_source, missing_at_target };
std::string_view to_string(KeyVerdict);

struct ComparedKey {
  KeyGroup group;
  std::string name;
  KeyVerdict verdict = KeyVerdict::same;
};

struct KeyComparison {
  std::vector<ComparedKey> keys;  // by group, then by name
  std::vector<std::string> functions_missing_at_source, functions_missing_at_target;

  bool equal() const;
  std::size_t count(KeyVerdict) const;
};

// A name that the other app spells with other letter case is the same key, unless it has both.
KeyComparison compare_keys(const AppKeys& source, const AppKeys& target);

struct KeyChange {
  KeyGroup group;
  std::string name;                      // as the target spells it
  std::optional<config::Secret> before;  // unset: the target had no such key
  config::Secret value;                  // what is written
};

// What makes the target have every key of the source; nothing is ever taken from it.
std::vector<KeyChange> plan_sync(const AppKeys& source, const AppKeys& target);

enum class UndoStep {
  restore,        // write the value of before
  already_so,     // it has that value, or the key that was new is gone
  was_new,        // there was no such key before: left there, because nothing is ever deleted
  changed_since,  // somebody has given it a third value since: left alone
};
std::string_view to_string(UndoStep);

struct UndoneKey {
  UndoStep step = UndoStep::restore;
  KeyChange change;  // of `restore`: before is what the app has now, value is what it had
};

std::vector<UndoneKey> plan_undo(const std::vector<KeyChange>& written, const AppKeys& current);

// Null when there is none.
const NamedKey* find_key(const AppKeys&, const KeyGroup&, std::string_view name);

}  // namespace durable
