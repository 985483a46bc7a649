// First half of the parser: shape, types, units, ranges, unknown keys, secrets. Fills a Config with
// what is usable and lists everything that is not. Inner part of the box.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/parse.hpp"
#include "config/tree.hpp"

namespace config {

struct ReadContext {
  const Environment& environment;
  std::string folder;  // of the file: what relative paths are relative to; "" is the current one
  Source& source;
  std::vector<Issue>& issues;
  std::set<std::string> refused;  // paths with an error
};

Config read_config(const Node& root, ReadContext&);

}  // namespace config
