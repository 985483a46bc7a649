#include "app/instances.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "app/picture.hpp"
#include "app/status_text.hpp"
#include "app/text_table.hpp"
#include "durable/status_answer.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;
using ledger::Listed;

struct ListText {
  InstanceList list;
  std::string_view name;
  ledger::StartList starts;
  std::string_view none;          // when it is empty
  std::string_view thing, title;  // "3 starts waiting …"
};

constexpr std::array lists{
    ListText{InstanceList::unknown, "unknown", ledger::StartList::unknown,
             "No start has an unknown outcome.", "start", "of unknown outcome"},
    ListText{InstanceList::queued, "queued", ledger::StartList::queued,
             "No start waits for an endpoint.", "start", "waiting for an endpoint"},
    ListText{InstanceList::possible_duplicates, "possible-duplicates",
             ledger::StartList::possible_duplicates, "No start may have run twice.", "start",
             "that may have run twice"},
    ListText{InstanceList::listed, "listed", ledger::StartList::listed,
             "No start needs anybody's attention.", "start", "for somebody to look at"},
    ListText{InstanceList::stranded, "stranded", ledger::StartList::unknown,
             "No unfinished instance is known to live in a region that is away.", "instance",
             "in a region that is away"},
};

const ListText& text_of(InstanceList list) {
  return lists[static_cast<std::size_t>(list)];
}

std::string_view told_text(ledger::Told told) {
  switch (told) {
    case ledger::Told::nothing:
      return "nothing yet";
    case ledger::Told::unconfirmed:
      return "202, unconfirmed";
    case ledger::Told::queued:
      return "202, queued";
    case ledger::Told::relayed:
      return "the endpoint's answer";
    case ledger::Told::accepted:
      return "202";
    case ledger::Told::unknown:
      return "504, outcome unknown";
    case ledger::Told::not_run:
      return "that it was not started";
  }
  return "";
}

std::string listed_why(const ledger::StartLine& line) {
  switch (line.listed) {
    case Listed::no:
      break;
    case Listed::unknown:
      return "it may have run or not; nothing was found in all the time it was looked for";
    case Listed::not_repeatable:
      return "it may have run or not, and cannot be started again from here";
    case Listed::absent_late:
      return "it did not run, and became too old to be started unasked";
    case Listed::waited_out:
      return "it waited longer than max_wait, was never sent, and shows as Failed";
    case Listed::hub_retention:
      return "it is older than what the hub keeps, so that its absence proves nothing";
    case Listed::late_refusal:
      return "it was accepted here and refused by the endpoint later; it shows as Failed";
    case Listed::may_have_run:
      return "it was given up after an attempt that a frozen app may still run";
    case Listed::lost:
      return "it ran, and the hub no longer knows it since its storage failed over";
  }
  return "";
}

std::string last_of(const std::vector<std::string>& names) {
  return names.empty() ? "an endpoint" : names.back();
}

// The most that can be said, first.
std::string why_of(const ledger::StartLine& line, const InstanceRow& row) {
  if (line.duplicate_found) return "it ran twice: a second run was seen under its id";
  if (std::string why = listed_why(line); !why.empty()) return why;
  if (line.possible_duplicate) return "it was started again while an earlier attempt may still run";
  if (line.state == "queued") return "no endpoint could take it yet";
  if (line.state == "in_flight")
    return "sent to " + last_of(row.tried) + ", which has not answered";
  if (line.state == "unknown")
    return "sent to " + last_of(row.tried) + ", no answer says whether it ran; it is looked for";
  return "";
}

std::string words(std::string_view state) {
  std::string out{state};
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string joined(const Json& object, const char* key, std::string_view separator) {
  std::vector<std::string> parts;
  if (const auto found = object.find(key); found != object.end() && found->is_array())
    for (const Json& part : *found)
      if (part.is_string()) parts.push_back(shown(part.get<std::string>()));
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string name_text(const Json& row) {
  const std::string id = shown(text_at(row, "id"));
  return id.empty() ? fmt::format("{}", row.value("number", std::uint64_t{0})) : id;
}

// "weu, neu", with the one whose hub has it marked; the order is that of the attempts.
std::string endpoints_text(const Json& row) {
  std::string out = joined(row, "tried", ", ");
  const std::string at = shown(text_at(row, "at"));
  if (at.empty()) return out.empty() ? "-" : out;
  if (out.empty() || out == at) return at;
  return out + " (at " + at + ")";
}

std::string state_text(const Json& row) {
  std::string out = shown(text_at(row, "state"));
  if (row.value("resubmitted", false)) out += ", resubmitted";
  return out;
}

std::string age_text(const Json& row) {
  const auto age = row.find("ageSeconds");
  return age != row.end() && age->is_number() ? seconds_text(age->get<double>()) : "-";
}

// What the words in the column CAN mean, those that occur.
std::string ways_out(const Json& rows) {
  bool resubmit = false, forget = false;
  for (const Json& row : rows)
    for (const Json& way : row.value("can", Json::array())) {
      resubmit = resubmit || way == "resubmit";
      forget = forget || way == "forget";
    }
  std::string out;
  if (resubmit)
    out +=
        "resubmit: `understudy instances resubmit ID` starts it again under the same id; if the "
        "first one ran after all, it runs twice.\n";
  if (forget)
    out +=
        "forget: `understudy instances forget ID` takes it off the lists and drops its input; a "
        "start that was not sent is not sent any more.\n";
  return out;
}

}  // namespace

std::string_view to_string(InstanceList list) {
  return text_of(list).name;
}

std::optional<InstanceList> instance_list_named(std::string_view word) {
  for (const ListText& text : lists)
    if (text.name == word) return text.list;
  return std::nullopt;
}

ledger::StartList start_list_of(InstanceList list) {
  return text_of(list).starts;
}

std::optional<ledger::WallTime> parse_sync_time(std::string_view text) {
  // A date has two hyphens and ends before the time; what follows the time is the offset.
  const std::size_t clock = text.find_first_of("Tt ");
  const bool offset = clock != std::string_view::npos &&
                      text.find_first_of("Zz+-", clock + 1) != std::string_view::npos;
  return offset ? durable::parse_wall_time(text) : std::nullopt;
}

InstanceRow row_of(const ledger::StartLine& line, const EndpointNames& name_of) {
  InstanceRow row;
  row.id = line.id;
  row.number = line.number;
  row.function = line.function;
  for (const ledger::Place place : line.places)
    if (std::string name = name_of(place); !name.empty()) row.tried.push_back(std::move(name));
  if (line.ran_at != ledger::no_place) row.at = name_of(line.ran_at);
  row.state = words(line.state);
  row.told = told_text(line.told);
  row.since = line.arrived;
  row.why = why_of(line, row);
  row.can_resubmit = line.can_resubmit;
  row.can_forget = true;
  row.possible_duplicate = line.possible_duplicate;
  row.duplicate_found = line.duplicate_found;
  row.resubmitted = line.resubmitted;
  return row;
}

InstanceRow row_of(std::string_view key, const ledger::Instance& instance,
                   std::string_view endpoint, std::string why) {
  InstanceRow row;
  row.id = key;
  row.function = instance.function;
  row.at = endpoint;
  const std::string_view status = runtime_status(instance.status);
  row.state = key.starts_with('@') ? "entity" : status.empty() ? "not known" : status;
  const std::int64_t since = instance.created_ms != 0 ? instance.created_ms : instance.seen_ms;
  row.since = ledger::WallTime{std::chrono::milliseconds{since}};
  row.why = std::move(why);
  return row;
}

void keep_oldest(InstancesReport& report, std::size_t most) {
  // What the ledger knows says more than what the directory does: by id it comes first.
  std::sort(report.rows.begin(), report.rows.end(), [](const InstanceRow& a, const InstanceRow& b) {
    return std::pair{a.id, a.number == 0} < std::pair{b.id, b.number == 0};
  });
  const auto same = [](const InstanceRow& a, const InstanceRow& b) {
    return a.id == b.id && (a.number == b.number || b.number == 0);
  };
  report.rows.erase(std::unique(report.rows.begin(), report.rows.end(), same), report.rows.end());
  std::sort(report.rows.begin(), report.rows.end(), [](const InstanceRow& a, const InstanceRow& b) {
    return std::tie(a.since, a.id, a.number) < std::tie(b.since, b.id, b.number);
  });
  if (report.rows.size() <= most) return;
  report.rows.resize(most);
  report.more = true;
}

Json instances_json(const InstancesReport& report) {
  Json rows = Json::array();
  for (const InstanceRow& row : report.rows) {
    const std::chrono::duration<double> age = report.now - row.since;
    Json out{{"id", row.id}};
    if (row.number != 0) out["number"] = row.number;
    out["function"] = row.function;
    out["tried"] = row.tried;
    out["at"] = row.at.empty() ? Json(nullptr) : Json(row.at);
    out["state"] = row.state;
    out["since"] = rfc3339(row.since);
    out["ageSeconds"] = std::max(0.0, age.count());
    out["why"] = row.why;
    if (!row.told.empty()) out["clientWasTold"] = row.told;
    out["can"] = Json::array();
    if (row.can_resubmit) out["can"].push_back("resubmit");
    if (row.can_forget) out["can"].push_back("forget");
    out["possibleDuplicate"] = row.possible_duplicate;
    out["duplicate"] = row.duplicate_found;
    out["resubmitted"] = row.resubmitted;
    rows.push_back(std::move(out));
  }
  return {{"list", to_string(report.list)},
          {"now", rfc3339(report.now)},
          {"source", report.source.empty() ? Json("proxy") : Json(report.source)},
          {"instances", std::move(rows)},
          {"more", report.more},
          {"notes", report.notes}};
}

std::string instances_text(const Json& report, bool colours) {
  const Json& rows = report.at("instances");
  const ListText& list =
      text_of(instance_list_named(text_at(report, "list")).value_or(InstanceList::unknown));
  std::string out;
  for (const Json& note : report.at("notes"))
    if (note.is_string()) out += paint(note.get<std::string>(), Colour::doubtful, colours) + "\n";
  if (rows.empty()) return out + std::string{list.none} + "\n";
  std::vector<std::vector<Cell>> lines;
  lines.emplace_back();
  for (const char* title : {"ID", "FUNCTION", "ENDPOINTS", "AGE", "STATE", "CAN", "WHY"})
    lines.back().emplace_back(title, Colour::faint);
  for (const Json& row : rows) {
    const bool bad = row.value("duplicate", false);
    std::vector<Cell>& line = lines.emplace_back();
    line.emplace_back(name_text(row), Colour::strong);
    line.emplace_back(shown(text_at(row, "function")));
    line.emplace_back(endpoints_text(row));
    line.emplace_back(age_text(row));
    line.emplace_back(state_text(row), bad ? Colour::bad : Colour::doubtful);
    const std::string can = joined(row, "can", ", ");
    line.emplace_back(can.empty() ? "-" : can);
    line.emplace_back(shown(text_at(row, "why")));
  }
  out += table(lines, colours);
  out += fmt::format("\n{} {}{} {}\n", rows.size(), list.thing, rows.size() == 1 ? "" : "s",
                     list.title);
  if (report.value("more", false))
    out += "There are more: --limit N shows more of them, the oldest come first.\n";
  return out + paint(ways_out(rows), Colour::faint, colours);
}

}  // namespace app
