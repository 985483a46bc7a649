// The undo file of `keys sync`: what the target's keys were before, and what was to be written.
// Made before the first change, never overwritten, readable by its owner alone; it holds keys.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "durable/key_plan.hpp"

namespace app {

struct KeyUndo {
  std::string endpoint;  // its name in the config, and where it was: both must still fit
  std::string url;
  std::vector<durable::KeyChange> written;
};

std::string to_json(const KeyUndo&);
// Nullopt: `reason` says why, quoting nothing of the text.
std::optional<KeyUndo> parse_undo(std::string_view text, std::string& reason);

// The text of an undo file; nullopt when it cannot be read.
std::optional<std::string> read_undo_text(const std::string& path);

// Creates `path` with mode 0600 and brings it to the disk. The errno, or 0 when it is there: a file
// that exists is left as it is (EEXIST); one that cannot be written whole is removed.
int create_secret_file(const std::string& path, std::string_view text);

// What the file is called when no name is given; a later copy takes a name of its own:
// keys-undo-secondary-20260102T030405Z-2.json
std::string default_undo_path(std::string_view endpoint, int copy = 1);

}  // namespace app
