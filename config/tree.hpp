// The text as a tree of values that know where they stand. Inner part of the parser: built by one
// pass over the text, read once by read.cpp, then thrown away.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/parse.hpp"

namespace config {

inline constexpr int max_depth = 16;  // the file itself needs 6

struct Member;

struct Node {
  enum class Kind { null, boolean, integer, decimal, text, array, object };
  Kind kind = Kind::null;
  bool truth = false;
  std::int64_t integer = 0;  // clamped to its range
  double decimal = 0;        // also set for integers
  std::string text;          // of a string, unescaped
  std::string source;        // of a number, as written
  std::vector<Node> items;
  std::vector<Member> members;
  Position at;
};

struct Member {
  std::string key;
  Position key_at;
  Node value;
};

const char* name_of(Node::Kind);  // "a string", "an object", ...

// The tree, or nullopt and one issue: after a syntax error nothing more can be said. Duplicate keys
// do not end the pass: each is an issue of its own, and the first value is kept.
std::optional<Node> parse_tree(std::string_view text, const std::string& file,
                               std::vector<Issue>& issues);

// One JSON scalar ("Running", 3, true, null) in its normal form; nullopt for anything else.
std::optional<std::string> normal_scalar(std::string_view text);

std::string quoted(std::string_view text);  // as a JSON string, shortened when very long

}  // namespace config
