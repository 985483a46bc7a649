#include "config/issue.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace config {

std::string to_text(const Issue& issue) {
  std::string text;
  if (!issue.file.empty()) text += issue.file + ":";
  if (issue.line > 0) text += std::to_string(issue.line) + ":" + std::to_string(issue.column) + ":";
  if (!text.empty()) text += " ";
  text += issue.severity == Severity::error ? "error: " : "warning: ";
  if (!issue.path.empty()) text += issue.path + ": ";
  if (!issue.found.empty()) text += issue.found + " ";
  text += issue.rule;
  if (!issue.hint.empty()) text += "; " + issue.hint;
  return text;
}

std::string to_text(const std::vector<Issue>& issues) {
  std::string text;
  for (const Issue& issue : issues) text += to_text(issue) + "\n";
  return text;
}

std::string to_json(const std::vector<Issue>& issues) {
  auto list = nlohmann::ordered_json::array();
  for (const Issue& issue : issues) {
    nlohmann::ordered_json item;
    item["severity"] = issue.severity == Severity::error ? "error" : "warning";
    item["file"] = issue.file;
    item["line"] = issue.line;
    item["column"] = issue.column;
    item["path"] = issue.path;
    item["found"] = issue.found;
    item["rule"] = issue.rule;
    item["hint"] = issue.hint;
    list.push_back(std::move(item));
  }
  return list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

bool has_errors(const std::vector<Issue>& issues) {
  return std::any_of(issues.begin(), issues.end(),
                     [](const Issue& issue) { return issue.severity == Severity::error; });
}

}  // namespace config
