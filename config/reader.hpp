// Reads the keys of one object of the file into the members that keys.hpp names: the visitor behind
// read.cpp. Everything refused becomes an issue; the member then keeps its default.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/read.hpp"
#include "config/syntax.hpp"
#include "config/tree.hpp"
#include "config/units.hpp"
#include "config/url.hpp"
#include "config/words.hpp"

namespace config {

template <class T>
struct Plain {
  using type = T;
};
template <class T>
struct Plain<std::optional<T>> {
  using type = T;
};
template <class T>
using plain_t = typename Plain<T>::type;

struct Expansion {
  std::string text;
  std::optional<Problem> problem;
};

// The text of a value with each ${NAME} replaced by that environment variable; "$${" is a plain
// "${".
Expansion expand(const std::string& text, const Environment&);

// Visits the keys of one object of the file.
class Reader {
 public:
  Reader(const Node& object, std::string path, ReadContext& context)
      : object_{object}, path_{std::move(path)}, context_{context} {}

  Reader& later() {
    later_ = true;
    return *this;
  }

  template <class T>
  void time(const char* key, T& value, Millis min, Millis max) {
    Millis parsed{};
    if (const Node* node = text_of(key, "a duration like \"10s\"", parse_duration, parsed)) {
      if (parsed < min || parsed > max)
        refuse_range(key, *node, duration_text(min), duration_text(max));
      else
        value = parsed;
    }
  }

  template <class T>
  void size(const char* key, T& value, std::uint64_t min, std::uint64_t max) {
    std::uint64_t parsed = 0;
    if (const Node* node = text_of(key, "a size like \"64KiB\"", parse_size, parsed)) {
      if (parsed < min || parsed > max)
        refuse_range(key, *node, size_text(min), size_text(max));
      else
        value = static_cast<plain_t<T>>(parsed);
    }
  }

  void size_or_none(const char* key, std::optional<std::uint64_t>& value, std::uint64_t min,
                    std::uint64_t max);

  void rate(const char* key, std::uint64_t& value) {
    std::uint64_t parsed = 0;
    if (text_of(key, "a rate like \"240B/s\"", parse_rate, parsed)) value = parsed;
  }

  template <class T>
  void number(const char* key, T& value, std::int64_t min, std::int64_t max) {
    const Node* node = take(key);
    if (!node) return;
    if (node->kind != Node::Kind::integer)
      refuse(key, *node, found_of(*node), "is not a whole number",
             "write one of " + std::to_string(min) + ".." + std::to_string(max) + ", unquoted");
    else if (node->integer < min || node->integer > max)
      refuse_range(key, *node, std::to_string(min), std::to_string(max));
    else
      value = static_cast<plain_t<T>>(node->integer);
  }

  template <class T>
  void share(const char* key, T& value, double min, double max) {
    const Node* node = take(key);
    if (!node) return;
    if (node->kind != Node::Kind::integer && node->kind != Node::Kind::decimal)
      refuse(key, *node, found_of(*node), "is not a number",
             "write one of " + number_text(min) + ".." + number_text(max) + ", unquoted");
    else if (!(node->decimal >= min && node->decimal <= max))
      refuse_range(key, *node, number_text(min), number_text(max));
    else
      value = node->decimal;
  }

  template <class T>
  void flag(const char* key, T& value) {
    const Node* node = take(key);
    if (!node) return;
    if (node->kind == Node::Kind::boolean)
      value = node->truth;
    else
      refuse(key, *node, found_of(*node), "is neither true nor false", "write it unquoted");
  }

  template <class T>
  void word(const char* key, T& value) {
    using E = plain_t<T>;
    const Node* node = take(key);
    if (!node) return;
    std::string text = node->source;  // "duplicate_status": 409 may be written as a number
    if (node->kind == Node::Kind::text) {
      const auto expanded = text_value(key, *node);
      if (!expanded) return;
      text = *expanded;
    }
    std::vector<std::string> words;
    for (const Word<E>& known : words_of<E>()) {
      if (known.text == text) {
        value = known.value;
        return;
      }
      words.emplace_back(known.text);
    }
    std::string hint = "write one of ";
    for (const std::string& known : words) hint += (&known == words.data() ? "" : ", ") + known;
    if (const auto close = nearest(text, words)) hint = "did you mean \"" + *close + "\"?";
    refuse(key, *node, found_of(*node), "is not known here", hint);
  }

  template <class T, class Check>
  void text(const char* key, T& value, Check check) {
    std::string parsed;
    const auto parse = [&](std::string_view given, std::string& into) -> std::optional<Problem> {
      if (auto problem = check(given)) return problem;
      into = given;
      return std::nullopt;
    };
    if (text_of(key, "a string", parse, parsed)) value = std::move(parsed);
  }

  template <class T, class Parse, class Print>
  void parsed(const char* key, T& value, Parse parse, Print) {
    plain_t<T> result{};
    if constexpr (std::is_same_v<plain_t<T>, T>) result = value;
    if (text_of(key, "a string", parse, result)) value = std::move(result);
  }

  void file(const char* key, std::string& value) {
    text(key, value, check_not_empty);
    if (!value.empty()) value = beside(value);
  }

  template <class T>
  void secret(const char* key, T& value) {
    const Node* node = take(key);
    if (!node) return;
    if (auto text = secret_text(at(key), *node)) value = Secret{std::move(*text)};
  }

  void secrets(const char* key, std::vector<Secret>& values) {
    each(key, "a list of secrets", [&](const Node& item, const std::string& path) {
      if (auto text = secret_text(path, item)) values.emplace_back(std::move(*text));
    });
  }

  void secret_header(const char* key, std::optional<NameValue>& value) {
    optional_group(key, value, [](Reader& w, NameValue& header) { w.header(header); });
  }

  void headers(const char* key, std::vector<NameValue>& values) {
    list(key, values, [](Reader& w, NameValue& item) { w.header(item); });
  }

  template <class Check>
  void texts(const char* key, std::vector<std::string>& values, Check check) {
    each(key, "a list of strings", [&](const Node& item, const std::string& path) {
      if (item.kind != Node::Kind::text)
        return refuse_at(path, item, found_of(item), "is not a string", "write it in quotes");
      const Expansion expanded = expand(item.text, context_.environment);
      auto problem = expanded.problem ? expanded.problem : check(std::string_view(expanded.text));
      if (problem) return refuse_at(path, item, found_of(item), problem->rule, problem->hint);
      values.push_back(expanded.text);
    });
  }

  void statuses(const char* key, std::vector<StatusRange>& values);

  void canary(const char* key, bool& value);

  template <class Visit>
  void group(const char* key, Visit visit) {
    const Node* node = take(key);
    if (!node || !is_object(at(key), *node)) return;
    Reader inside{*node, at(key) + ".", context_};
    visit(inside);
    inside.finish();
  }

  template <class T, class Visit>
  void optional_group(const char* key, std::optional<T>& value, Visit visit) {
    group(key, [&](Reader& inside) { visit(inside, value.emplace()); });
  }

  template <class T, class Visit>
  void list(const char* key, std::vector<T>& values, Visit visit) {
    each(key, "a list", [&](const Node& item, const std::string& path) {
      T& value = values.emplace_back();
      if (!is_object(path, item)) return;
      Reader inside{item, path + ".", context_};
      visit(inside, value);
      inside.finish();
    });
  }

  // After the last key: what is left in the object is unknown.
  void finish();

  // For shapes that none of the above reads.
  std::string at(const char* key) const { return path_ + key; }
  const Node* find(std::string_view key) const;
  // The value of a key that is now known; null when it was not written.
  const Node* take(const char* key);
  const Node& object() const { return object_; }
  void refuse_at(const std::string& path, const Node& node, std::string found, std::string rule,
                 std::string hint);
  void refuse_object(std::string rule, std::string hint);

 private:
  // What a message may show of a value: secrets never come here.
  static std::string found_of(const Node& node);

  void refuse(const char* key, const Node& node, std::string found, std::string rule,
              std::string hint) {
    refuse_at(at(key), node, std::move(found), std::move(rule), std::move(hint));
  }

  void refuse_range(const char* key, const Node& node, const std::string& min,
                    const std::string& max) {
    refuse(key, node, found_of(node), "is outside " + min + ".." + max, "choose one inside");
  }

  bool is_object(const std::string& path, const Node& node);

  template <class Visit>
  void each(const char* key, const char* wanted, Visit visit) {
    const Node* node = take(key);
    if (!node) return;
    if (node->kind != Node::Kind::array)
      return refuse(key, *node, name_of(node->kind), std::string("is not ") + wanted,
                    "write [ ... ]");
    constexpr std::size_t most = 1000;  // keeps rules that compare items with each other quick
    if (node->items.size() > most)
      return refuse(key, *node, std::to_string(node->items.size()) + " items",
                    "are more than " + std::to_string(most), "no list here needs as many");
    for (std::size_t i = 0; i < node->items.size(); ++i) {
      const std::string path = at(key) + "[" + std::to_string(i) + "]";
      context_.source.written[path] = node->items[i].at;
      visit(node->items[i], path);
    }
  }

  std::optional<std::string> text_value(const char* key, const Node& node);

  // The node when the key is written and `parse` accepted its text.
  template <class T, class Parse>
  const Node* text_of(const char* key, const char* wanted, Parse parse, T& value) {
    const Node* node = take(key);
    if (!node) return nullptr;
    if (node->kind != Node::Kind::text) {
      refuse(key, *node, found_of(*node), std::string("is not ") + wanted, "write it in quotes");
      return nullptr;
    }
    const auto text = text_value(key, *node);
    if (!text) return nullptr;
    if (auto problem = parse(std::string_view(*text), value)) {
      refuse(key, *node, found_of(*node), problem->rule, problem->hint);
      return nullptr;
    }
    return node;
  }

  std::string beside(const std::string& path) const {
    if (path.starts_with('/') || context_.folder.empty()) return path;
    return context_.folder + "/" + path;
  }

  std::optional<std::string> secret_text(const std::string& path, const Node& node);

  void header(NameValue& header);

  const Node& object_;
  std::string path_;  // "" or with a trailing dot
  ReadContext& context_;
  std::vector<std::string> known_;
  bool later_ = false;
};

}  // namespace config
