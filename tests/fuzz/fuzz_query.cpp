// Edits of a query against a second, slow reading of the target. The first byte chooses the edit.
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "durable/query.hpp"

namespace {

using Change = durable::QueryEdit::Change;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Parameter {
  std::string text, name, value, meaning;
};

std::vector<Parameter> parameters_of(const std::string& target) {
  std::vector<Parameter> out;
  const std::size_t mark = target.find('?');
  if (mark == std::string::npos) return out;
  Parameter now;
  bool in_value = false;
  for (std::size_t i = mark + 1; i <= target.size(); ++i) {
    if (i == target.size() || target[i] == '&') {
      for (const char c : durable::percent_decode(now.name))
        now.meaning += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      out.push_back(now);
      now = {};
      in_value = false;
      continue;
    }
    now.text += target[i];
    if (!in_value && target[i] == '=') {
      in_value = true;
    } else {
      (in_value ? now.value : now.name) += target[i];
    }
  }
  return out;
}

std::string edited(const std::string& target, const durable::QueryEdit& edit) {
  std::string out = target.substr(0, target.find('?'));
  char separator = '?';
  bool set = false, last_is_empty = false;
  const auto add = [&](const std::string& text) {
    last_is_empty = text.empty();
    out += separator + text;
    separator = '&';
  };
  for (const Parameter& each : parameters_of(target)) {
    if (each.meaning == "code" && edit.code_to_set) {
      if (!set) add(each.name + "=c%20");
      set = true;
    } else if (each.meaning == "code" && edit.drop_code) {
      continue;
    } else if (const bool hub = each.meaning == "taskhub"; hub || each.meaning == "connection") {
      const Change change = hub ? edit.task_hub : edit.connection;
      if (change == Change::keep) add(each.text);
      if (change == Change::replace) add(each.name + (hub ? "=h" : "=%26"));
    } else {
      add(each.text);
    }
  }
  if (edit.code_to_set && !set) {
    const bool open = separator == '&' && last_is_empty;
    out += (open ? "" : std::string{separator}) + "code=c%20";
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string target{reinterpret_cast<const char*>(data) + 1, size - 1};
  durable::QueryEdit edit;
  edit.drop_code = (data[0] & 1) != 0;
  if ((data[0] & 2) != 0) edit.code_to_set = "c ";
  edit.task_hub = static_cast<Change>((data[0] >> 2 & 3) % 3);
  edit.task_hub_value = "h";
  edit.connection = static_cast<Change>((data[0] >> 4 & 3) % 3);
  edit.connection_value = "&";

  const std::optional<std::string> got = durable::edit_query(target, edit);
  const std::string wanted = edited(target, edit);
  require(got ? *got == wanted && *got != target : wanted == target);
  if (got) require(!durable::edit_query(*got, edit).has_value());

  for (const std::string name : {"code", "taskhub", "connection"}) {
    const auto found = durable::find_parameter(target, name);
    bool expected = false;
    for (const Parameter& each : parameters_of(target)) {
      if (each.meaning != name) continue;
      expected = true;
      require(found && *found == each.value);
      break;
    }
    require(found.has_value() == expected);
  }
  return 0;
}
