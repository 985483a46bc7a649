// config/KEYS.md is the reference that users read: it must list exactly the keys that the parser
// knows, with their defaults.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "config/explain.hpp"

namespace config {
namespace {

TEST(KeysDocument, ListsEveryKeyWithItsDefaultAndNoOther) {
  std::ifstream file{UNDERSTUDY_SOURCE_DIR "/config/KEYS.md"};
  std::map<std::string, std::string> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `")) continue;
    rows[line.substr(3, line.find('`', 3) - 3)] = line;
  }
  for (const KeyInfo& key : all_keys()) {
    const auto row = rows.find(key.path);
    ASSERT_NE(row, rows.end()) << key.path << " is missing in config/KEYS.md";
    const std::string fallback = key.fallback.empty() ? "|  |" : "| `" + key.fallback + "` |";
    EXPECT_NE(row->second.find(fallback), std::string::npos)
        << row->second << "\nshould state the default " << key.fallback;
    EXPECT_EQ(row->second.find("ot in this version") != std::string::npos, key.later)
        << row->second;
    rows.erase(row);
  }
  for (const auto& [path, row] : rows) ADD_FAILURE() << path << " is no key of the parser";
}

}  // namespace
}  // namespace config
