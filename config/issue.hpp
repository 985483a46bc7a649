// One problem of a configuration, said so that the reader can mend it without a manual: where, what
// was found, which rule it breaks, what to write instead. Plain values; any thread.
#pragma once

#include <string>
#include <vector>

namespace config {

enum class Severity { error, warning };

// Reads as one sentence: "<path>: <found> <rule>; <hint>". None of them ever holds a secret.
struct Issue {
  Severity severity = Severity::error;
  std::string file;
  int line = 0;  // 1-based; 0 when there is no text (command line)
  int column = 0;
  std::string path;  // endpoints[1].priority; empty for the file as a whole
  std::string found;
  std::string rule;
  std::string hint;
  bool operator==(const Issue&) const = default;
};

std::string to_text(const Issue&);               // file:line:col: error: path: found rule; hint
std::string to_text(const std::vector<Issue>&);  // one line each, each ended by a newline
std::string to_json(const std::vector<Issue>&);  // an array of objects, indented
bool has_errors(const std::vector<Issue>&);

}  // namespace config
