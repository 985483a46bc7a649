#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "rehearsal/report/report.hpp"
#include "rehearsal/report/result_format.hpp"
#include "rehearsal/report/text.hpp"

namespace report {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::vector<Json> list_of(const Json& object, const char* key) {
  std::vector<Json> out;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return out;
  for (const Json& one : *found)
    if (one.is_object()) out.push_back(one);
  return out;
}

// What is nested deeper than in any result is left out: the functions below recurse.
std::optional<Json> read(std::string_view text, std::string_view which, std::string& problem) {
  const auto depth_limit = [](int depth, nlohmann::json::parse_event_t, Json&) {
    return depth < 32;
  };
  Json json = Json::parse(text, depth_limit, false);
  if (json.is_discarded() || !json.is_object() || text_of(json, "product") != result_product) {
    problem = fmt::format(
        "the {} text is no result of a rehearsal; name the result.json beside its report", which);
    return std::nullopt;
  }
  const auto format = json.find("format");
  if (format == json.end() || *format != result_format) {
    problem = fmt::format(
        "the {} result has format {}, and this version reads {}; compare it with "
        "the version that wrote it, or play the scenario again",
        which, format == json.end() ? "none" : clean(format->dump(-1, ' ', true).substr(0, 20)),
        result_format);
    return std::nullopt;
  }
  return json;
}

int badness(std::string_view outcome) {
  if (outcome == "passed") return 0;
  if (outcome == "inconclusive" || outcome == "interrupted") return 1;
  return 2;
}

struct Rows {
  std::vector<std::array<std::string, 4>> text;
  Json json = Json::array();
};

void add(Rows& rows, std::string_view what, std::string a, std::string b, std::string note) {
  rows.json.push_back({{"what", what}, {"a", a}, {"b", b}, {"note", note}});
  rows.text.push_back({clean(what), clean(a), clean(b), clean(note)});
}

bool add_objectives(Rows& rows, const Json& a, const Json& b) {
  bool regressed = false;
  std::set<std::string> seen;
  const auto all_b = list_of(b, "objectives");
  const auto shown = [](const Json& one) {
    const std::string met = text_of(one, "met");
    return text_of(one, "measured") + (met == "yes"  ? " met"
                                       : met == "no" ? " missed"
                                                     : " not measured");
  };
  for (const Json& one : list_of(a, "objectives")) {
    const std::string name = text_of(one, "name");
    seen.insert(name);
    const auto other = std::find_if(all_b.begin(), all_b.end(), [&](const Json& candidate) {
      return text_of(candidate, "name") == name;
    });
    if (other == all_b.end()) {
      add(rows, name, shown(one), "–", "no longer set");
      continue;
    }
    const bool was = text_of(one, "met") == "yes", is = text_of(*other, "met") == "yes";
    regressed = regressed || (was && !is);
    add(rows, name, shown(one), shown(*other), was == is ? "" : is ? "better" : "WORSE");
  }
  for (const Json& one : all_b)
    if (!seen.contains(text_of(one, "name")))
      add(rows, text_of(one, "name"), "–", shown(one), "new");
  return regressed;
}

// Every number below `measures` and `starts`, by its path.
void numbers(const Json& value, const std::string& path, std::map<std::string, double>& out) {
  if (value.is_number()) out[path] = value.get<double>();
  if (!value.is_object()) return;
  for (const auto& [key, inside] : value.items())
    numbers(inside, path.empty() ? key : path + "." + key, out);
}

void add_numbers(Rows& rows, const Json& a, const Json& b, const char* group) {
  std::map<std::string, double> left, right;
  if (a.contains(group)) numbers(a[group], group, left);
  if (b.contains(group)) numbers(b[group], group, right);
  std::set<std::string> paths;
  for (const auto& [path, value] : left) paths.insert(path);
  for (const auto& [path, value] : right) paths.insert(path);
  const auto shown = [](const std::map<std::string, double>& all, const std::string& path) {
    const auto found = all.find(path);
    return found == all.end() ? std::string{"–"} : fmt::format("{:g}", found->second);
  };
  for (const std::string& path : paths) {
    const bool both = left.contains(path) && right.contains(path);
    if (both && left[path] == right[path]) continue;
    add(rows, path, shown(left, path), shown(right, path),
        both ? fmt::format("{:+g}", right[path] - left[path]) : "");
  }
}

void add_findings(Rows& rows, const Json& a, const Json& b) {
  const auto texts = [](const Json& result) {
    std::set<std::string> out;
    for (const Json& one : list_of(result, "findings"))
      if (text_of(one, "severity") != "note")
        out.insert(text_of(one, "severity") + ": " + text_of(one, "text"));
    return out;
  };
  const auto before = texts(a), after = texts(b);
  for (const std::string& one : after)
    if (!before.contains(one)) add(rows, "finding", "–", one, "new");
  for (const std::string& one : before)
    if (!after.contains(one)) add(rows, "finding", one, "–", "gone");
}

// Of text on a terminal, where a character is not a byte.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string table_of(const Rows& rows) {
  constexpr std::size_t widest = 44;
  std::array<std::size_t, 3> width{};
  for (const auto& row : rows.text)
    for (std::size_t i = 0; i < width.size(); ++i)
      width[i] = std::max(width[i], std::min(columns(row[i]), widest));
  std::string out;
  for (const auto& row : rows.text) {
    std::string line;
    for (std::size_t i = 0; i < width.size(); ++i) {
      line += row[i];
      const std::size_t taken = columns(row[i]);
      line.append((taken < width[i] ? width[i] - taken : 0) + 2, ' ');
    }
    line += row[3];
    while (line.ends_with(' ')) line.pop_back();
    out += line + "\n";
  }
  return out;
}

}  // namespace

std::optional<Compared> compare(std::string_view a, std::string_view b, std::string& problem) {
  const auto first = read(a, "first", problem);
  if (!first) return std::nullopt;
  const auto second = read(b, "second", problem);
  if (!second) return std::nullopt;
  const std::string was = text_of(*first, "outcome"), is = text_of(*second, "outcome");
  Compared out;
  Rows rows;
  const auto scenario_of = [](const Json& result) {
    const auto found = result.find("scenario");
    return found != result.end() && found->is_object() ? text_of(*found, "name") : std::string{};
  };
  add(rows, "", "first", "second", "");
  add(rows, "scenario", scenario_of(*first), scenario_of(*second),
      scenario_of(*first) == scenario_of(*second) ? "" : "not the same");
  add(rows, "started", text_of(*first, "started"), text_of(*second, "started"), "");
  add(rows, "outcome", was, is,
      badness(is) > badness(was)   ? "WORSE"
      : badness(is) < badness(was) ? "better"
                                   : "");
  out.regressed = badness(is) > badness(was);
  out.regressed = add_objectives(rows, *first, *second) || out.regressed;
  add_numbers(rows, *first, *second, "measures");
  add_numbers(rows, *first, *second, "starts");
  add_findings(rows, *first, *second);
  out.text = table_of(rows) + (out.regressed ? "regressed\n" : "no regression\n");
  rows.json.erase(rows.json.begin());
  const Json json = {{"product", "understudy rehearsal comparison"},
                     {"format", 1},
                     {"regressed", out.regressed},
                     {"rows", rows.json}};
  out.json = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return out;
}

}  // namespace report
