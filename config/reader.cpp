#include "config/reader.hpp"

#include <algorithm>
#include <utility>

namespace config {
namespace {

bool name_character(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (!first && c >= '0' && c <= '9');
}

std::string printable_key(const std::string& key) {
  const std::string shown = quoted(key);
  return shown.substr(1, shown.size() - 2);
}

}  // namespace

Expansion expand(const std::string& text, const Environment& environment) {
  Expansion result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 3, "$${") == 0) {
      result.text += "${";
      i += 2;
      continue;
    }
    if (text.compare(i, 2, "${") != 0) {
      result.text += text[i];
      continue;
    }
    const std::size_t close = text.find('}', i);
    const std::string name = close == std::string::npos ? "" : text.substr(i + 2, close - i - 2);
    bool good = !name.empty();
    for (std::size_t k = 0; k < name.size(); ++k) good = good && name_character(name[k], k == 0);
    if (!good) {
      result.problem = {"has a malformed ${NAME}", "write \"$${\" if a plain \"${\" is meant"};
      return result;
    }
    const auto value = environment.variable ? environment.variable(name) : std::nullopt;
    if (!value) {
      result.problem = {"refers to the environment variable " + name + ", which is not set",
                        "set it before the start, or use {\"file\": \"...\"} for a secret"};
      return result;
    }
    result.text += *value;
    i = close;
  }
  return result;
}

void Reader::size_or_none(const char* key, std::optional<std::uint64_t>& value, std::uint64_t min,
                          std::uint64_t max) {
  const Node* node = find(key);
  if (node && node->kind == Node::Kind::text && node->text == "none") {
    take(key);
    return;
  }
  size(key, value, min, max);
}

void Reader::statuses(const char* key, std::vector<StatusRange>& values) {
  each(key, "a list of statuses", [&](const Node& item, const std::string& path) {
    StatusRange range;
    const std::string& text = item.kind == Node::Kind::text ? item.text : item.source;
    if (auto problem = parse_status_range(text, range))
      return refuse_at(path, item, found_of(item), problem->rule, problem->hint);
    values.push_back(range);
  });
  if (const Node* node = find(key); node && node->kind == Node::Kind::array && node->items.empty())
    refuse(key, *node, "", "an empty list accepts no answer at all", "leave the key out for [200]");
}

void Reader::canary(const char* key, bool& value) {
  const Node* node = take(key);
  if (!node || (node->kind == Node::Kind::text && node->text == "none")) return;
  if ((node->kind == Node::Kind::decimal || node->kind == Node::Kind::integer) &&
      node->decimal > 0 && node->decimal <= 1)
    value = true;
  else
    refuse(key, *node, found_of(*node), "is not a share of the traffic",
           "write \"none\" or a number above 0 and up to 1");
}

// A file of another program has no known key: a few are enough to say so.
constexpr std::size_t most_unknown = 20;

void Reader::finish() {
  std::size_t unknown = 0;
  for (const Member& member : object_.members) {
    if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
    if (++unknown > most_unknown) {
      context_.issues.push_back({Severity::error, context_.source.file, member.key_at.line,
                                 member.key_at.column, "", "", "more unknown keys follow here",
                                 "is this the right file?"});
      return;
    }
    std::string hint;
    if (const auto close = nearest(member.key, known_)) {
      hint = "did you mean \"" + *close + "\"?";
    } else {
      hint = "known here:";
      for (const std::string& key : known_) hint += (&key == known_.data() ? " " : ", ") + key;
    }
    const std::string shown = printable_key(member.key);
    context_.refused.insert(path_ + member.key);
    context_.issues.push_back({Severity::error, context_.source.file, member.key_at.line,
                               member.key_at.column, path_ + shown, "", "unknown key", hint});
  }
}

const Node* Reader::find(std::string_view key) const {
  for (const Member& member : object_.members)
    if (member.key == key) return &member.value;
  return nullptr;
}

const Node* Reader::take(const char* key) {
  const bool later = std::exchange(later_, false);
  known_.emplace_back(key);
  const Node* node = find(key);
  if (!node) return nullptr;
  context_.source.written[at(key)] = node->at;
  if (later)
    context_.issues.push_back({Severity::warning, context_.source.file, node->at.line,
                               node->at.column, at(key), "", "not in this version",
                               "it is checked and otherwise ignored"});
  return node;
}

std::string Reader::found_of(const Node& node) {
  if (node.kind == Node::Kind::text) {
    const bool url = node.text.find("://") != std::string::npos;
    // After a "?" may come code=..., whatever the key is.
    const std::string shown = url ? printable_url(node.text) : node.text;
    const std::size_t query = shown.find('?');
    return quoted(query == std::string::npos ? shown : shown.substr(0, query) + "?...");
  }
  if (node.kind == Node::Kind::boolean) return node.truth ? "true" : "false";
  if (!node.source.empty()) return node.source.substr(0, 40);
  return name_of(node.kind);
}

void Reader::refuse_at(const std::string& path, const Node& node, std::string found,
                       std::string rule, std::string hint) {
  context_.refused.insert(path);
  context_.issues.push_back({Severity::error, context_.source.file, node.at.line, node.at.column,
                             path, std::move(found), std::move(rule), std::move(hint)});
}

void Reader::refuse_object(std::string rule, std::string hint) {
  const std::string path = path_.empty() ? "" : path_.substr(0, path_.size() - 1);
  refuse_at(path, object_, "", std::move(rule), std::move(hint));
}

bool Reader::is_object(const std::string& path, const Node& node) {
  if (node.kind == Node::Kind::object) return true;
  refuse_at(path, node, name_of(node.kind), "is not an object", "write { ... }");
  return false;
}

std::optional<std::string> Reader::text_value(const char* key, const Node& node) {
  Expansion expanded = expand(node.text, context_.environment);
  if (expanded.problem) {
    refuse(key, node, found_of(node), expanded.problem->rule, expanded.problem->hint);
    return std::nullopt;
  }
  return std::move(expanded.text);
}

void Reader::header(NameValue& header) {
  text("name", header.name, check_field_name);
  const Node* node = take("value");
  if (!node) return;
  if (auto text = secret_text(at("value"), *node)) header.value = std::move(*text);
}

// A secret is a string, perhaps with ${NAME}, or {"file": "path"}; no message repeats its text.
std::optional<std::string> Reader::secret_text(const std::string& path, const Node& node) {
  std::string value;
  if (node.kind == Node::Kind::text) {
    Expansion expanded = expand(node.text, context_.environment);
    if (expanded.problem) {
      refuse_at(path, node, "", expanded.problem->rule, expanded.problem->hint);
      return std::nullopt;
    }
    value = std::move(expanded.text);
  } else if (node.kind == Node::Kind::object) {
    Reader inside{node, path + ".", context_};
    std::string name;
    inside.file("file", name);
    inside.finish();
    if (name.empty()) {
      if (!context_.refused.contains(path + ".file"))
        refuse_at(path, node, "", "names no file", "write {\"file\": \"path\"}");
      return std::nullopt;
    }
    const auto text = context_.environment.file(name);
    if (!text || text->size() > max_secret_file) {
      refuse_at(path + ".file", node, quoted(name), text ? "is too large" : "cannot be read",
                "a secret file holds one line");
      return std::nullopt;
    }
    value = *text;
    while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
  } else {
    refuse_at(path, node, "", "a secret is a string or {\"file\": \"path\"}",
              "write \"${NAME}\" to take it from the environment");
    return std::nullopt;
  }
  if (value.empty() || check_field_value(value)) {
    refuse_at(path, node, "", value.empty() ? "is empty" : "has a line break or an outer space",
              "a secret is one line of text");
    return std::nullopt;
  }
  return value;
}

}  // namespace config
