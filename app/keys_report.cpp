#include "app/keys_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace app {
namespace {

using Json = nlohmann::ordered_json;

std::string label(const KeysReport::App& app) {
  return fmt::format("{} ({})", app.name, app.url);
}

std::string counted(std::size_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

std::string group_text(const durable::KeyGroup& group) {
  if (group.scope != durable::KeyScope::function) return std::string{to_string(group.scope)};
  return "function " + group.function;
}

// What a row's word means to a reader who has the two names before them.
std::string words_for(const KeysReport& report, const std::string& change) {
  if (change == "missing_at_source") return "missing at " + report.from.value_or(report.to).name;
  if (change == "missing_at_target") return "missing at " + report.to.name;
  if (change == "already_so") return "already as it was";
  if (change == "was_new") return "was new: left there, nothing is ever deleted";
  if (change == "changed_since") return "changed by somebody since: left alone";
  return change;
}

std::string result_words(const std::string& result) {
  if (result == "written") return ": done";
  if (result == "failed") return ": FAILED";
  if (result == "unverified") return ": NOT CONFIRMED";
  if (result == "not_tried") return ": not tried";
  return "";
}

std::string rows_text(const KeysReport& report) {
  std::size_t group_width = 0, name_width = 0;
  for (const KeyRow& row : report.rows) {
    group_width = std::max(group_width, group_text(row.group).size());
    name_width = std::max(name_width, row.name.size());
  }
  std::string out;
  for (const KeyRow& row : report.rows)
    out += fmt::format("  {:<{}}  {:<{}}  {}{}{}\n", group_text(row.group), group_width, row.name,
                       name_width, words_for(report, row.change), result_words(row.result),
                       row.problem.empty() ? "" : ", " + row.problem);
  return out;
}

std::string functions_text(const KeysReport& report) {
  std::string out;
  const std::string from = report.from.value_or(report.to).name;
  for (const std::string& name : report.functions_only_at_from)
    out += fmt::format("  function {}: not at {}, its keys are left out\n", name, report.to.name);
  for (const std::string& name : report.functions_only_at_to)
    out += fmt::format("  function {}: not at {}, its keys are left out\n", name, from);
  return out;
}

std::string diff_text(const KeysReport& report) {
  std::string out = fmt::format("keys of {} and {}; values are never shown\n", label(*report.from),
                                label(report.to));
  out += rows_text(report) + functions_text(report);
  out += fmt::format("{} same, {} different, {} missing at {}, {} missing at {}; {}\n",
                     report.changes("same"), report.changes("different"),
                     report.changes("missing_at_source"), report.from->name,
                     report.changes("missing_at_target"), report.to.name,
                     "_master is each app's own and not compared");
  return out;
}

std::string closing(const KeysReport& report) {
  const std::size_t to_write = report.rows.size() - report.results("");
  if (to_write == 0) return "nothing to write\n";
  if (!report.applied) return "nothing was changed; do it with --apply\n";
  const std::size_t written = report.results("written");
  std::string out =
      fmt::format("{} of {} written and read back\n", written, counted(to_write, "key"));
  if (written != to_write) out += "run the same command again: what is done stays done\n";
  return out;
}

std::string sync_text(const KeysReport& report) {
  std::string out = fmt::format("{} from {} to {}; values are never shown\n",
                                report.applied ? "keys written" : "keys to write",
                                label(*report.from), label(report.to));
  out += rows_text(report) + functions_text(report);
  if (report.only_at_target > 0)
    out += fmt::format("  {} that only {} has: left there, nothing is ever deleted\n",
                       counted(report.only_at_target, "key"), report.to.name);
  return out + closing(report);
}

std::string undo_text(const KeysReport& report) {
  std::string out = fmt::format("{} of {}, from {}; values are never shown\n",
                                report.applied ? "keys restored" : "keys to restore",
                                label(report.to), report.undo_file);
  return out + rows_text(report) + closing(report);
}

Json app_json(const KeysReport::App& app) {
  return {{"name", app.name}, {"url", app.url}};
}

Json row_json(const KeysReport& report, const KeyRow& row) {
  Json out{{"scope", std::string{to_string(row.group.scope)}}};
  if (row.group.scope == durable::KeyScope::function) out["function"] = row.group.function;
  out["name"] = row.name;
  out[report.action == "diff" ? "verdict" : "change"] = row.change;
  if (!row.result.empty()) out["result"] = row.result;
  if (!row.problem.empty()) out["problem"] = row.problem;
  return out;
}

}  // namespace

std::size_t KeysReport::changes(const std::string& change) const {
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const KeyRow& row) { return row.change == change; }));
}

std::size_t KeysReport::results(const std::string& result) const {
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const KeyRow& row) { return row.result == result; }));
}

std::string keys_text(const KeysReport& report) {
  std::string out = report.action == "diff"   ? diff_text(report)
                    : report.action == "sync" ? sync_text(report)
                                              : undo_text(report);
  for (const std::string& note : report.notes) out += "note: " + note + "\n";
  return out;
}

std::string keys_json(const KeysReport& report) {
  Json out{{"action", report.action}, {"ok", report.exit_code == 0}};
  if (report.from) out["from"] = app_json(*report.from);
  out["to"] = app_json(report.to);
  if (report.action == "diff")
    out["equal"] = report.exit_code == 0;
  else
    out["applied"] = report.applied;
  out["keys"] = Json::array();
  for (const KeyRow& row : report.rows) out["keys"].push_back(row_json(report, row));
  if (report.from) {
    out["functionsOnlyAtFrom"] = report.functions_only_at_from;
    out["functionsOnlyAtTo"] = report.functions_only_at_to;
  }
  if (report.action == "sync") out["keysOnlyAtTo"] = report.only_at_target;
  if (!report.undo_file.empty()) out["undoFile"] = report.undo_file;
  out["notes"] = report.notes;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace app
