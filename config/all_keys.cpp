// The list of keys that the schema, the README and tests are compared with: a visitor of keys.hpp.
#include <utility>

#include "config/explain.hpp"
#include "config/keys.hpp"
#include "config/words.hpp"

namespace config {
namespace {

// Visits a default Config; a list shows its item once, under "[]".
class Shape {
 public:
  Shape(std::vector<KeyInfo>& keys, std::string path, bool later)
      : keys_{keys}, path_{std::move(path)}, inherited_later_{later} {}

  Shape& later() {
    later_ = true;
    return *this;
  }

  template <class T>
  void time(const char* key, const T& value, Millis min, Millis max) {
    add(key, "duration", text_of(value, duration_text), duration_text(min), duration_text(max));
  }
  template <class T>
  void size(const char* key, const T& value, std::uint64_t min, std::uint64_t max) {
    add(key, "size", text_of(value, size_text), size_text(min), size_text(max));
  }
  void size_or_none(const char* key, const std::optional<std::uint64_t>& value, std::uint64_t min,
                    std::uint64_t max) {
    size(key, value, min, max);
    keys_.back().fallback = "none";
  }
  void rate(const char* key, std::uint64_t value) { add(key, "rate", size_text(value) + "/s"); }
  template <class T>
  void number(const char* key, const T& value, std::int64_t min, std::int64_t max) {
    const auto print = [](auto number) { return std::to_string(number); };
    add(key, "integer", text_of(value, print), std::to_string(min), std::to_string(max));
  }
  template <class T>
  void share(const char* key, const T& value, double min, double max) {
    add(key, "number", text_of(value, number_text), number_text(min), number_text(max));
  }
  template <class T>
  void flag(const char* key, const T& value) {
    add(key, "boolean", text_of(value, [](bool truth) { return truth ? "true" : "false"; }));
  }
  template <class T>
  void word(const char* key, const T& value) {
    add(key, "word", text_of(value, [](auto known) { return to_string(known); }));
    words(key, value);
  }
  template <class T, class Check>
  void text(const char* key, const T& value, Check) {
    add(key, "string", text_of(value, [](const std::string& text) { return text; }));
  }
  template <class T, class Parse, class Print>
  void parsed(const char* key, const T& value, Parse, Print print) {
    add(key, "string", value == T{} ? "" : text_of(value, print));
  }
  void file(const char* key, const std::string& value) { add(key, "string", value); }
  template <class T>
  void secret(const char* key, const T&) {
    add(key, "secret", "");
  }
  void secrets(const char* key, const std::vector<Secret>&) { add(key, "list of secrets", ""); }
  void secret_header(const char* key, const std::optional<NameValue>&) {
    group(key, [](Shape& w) { w.header(); });
  }
  void headers(const char* key, const std::vector<NameValue>&) {
    const bool later = take_later();
    Shape inside{keys_, path_ + key + "[].", later};
    inside.header();
  }
  template <class Check>
  void texts(const char* key, const std::vector<std::string>&, Check) {
    add(key, "list of strings", "");
  }
  void statuses(const char* key, const std::vector<StatusRange>&) {
    add(key, "list of statuses", "");
  }
  void canary(const char* key, bool) { add(key, "canary", "none"); }

  template <class Visit>
  void group(const char* key, Visit visit) {
    const bool later = take_later();
    Shape inside{keys_, path_ + key + ".", later};
    visit(inside);
  }
  template <class T, class Visit>
  void optional_group(const char* key, const std::optional<T>&, Visit visit) {
    T one{};
    group(key, [&](Shape& inside) { visit(inside, one); });
  }
  template <class T, class Visit>
  void list(const char* key, const std::vector<T>&, Visit visit) {
    const bool later = take_later();
    T one{};
    Shape inside{keys_, path_ + key + "[].", later};
    visit(inside, one);
  }

 private:
  bool take_later() { return std::exchange(later_, false) || inherited_later_; }

  void header() {
    add("name", "string", "");
    add("value", "secret", "");
  }

  template <class T, class Print>
  static std::string text_of(const T& value, Print print) {
    return std::string(print(value));
  }
  template <class T, class Print>
  static std::string text_of(const std::optional<T>& value, Print print) {
    return value ? std::string(print(*value)) : "";
  }

  template <class E>
  void words(const char*, const E&) {
    for (const Word<E>& known : words_of<E>()) keys_.back().words.emplace_back(known.text);
  }
  template <class E>
  void words(const char* key, const std::optional<E>&) {
    words(key, E{});
  }

  void add(const char* key, std::string kind, std::string fallback, std::string min = {},
           std::string max = {}) {
    keys_.push_back({path_ + key,
                     std::move(kind),
                     std::move(fallback),
                     std::move(min),
                     std::move(max),
                     {},
                     take_later()});
  }

  std::vector<KeyInfo>& keys_;
  std::string path_;
  bool later_ = false;
  bool inherited_later_;
};

}  // namespace

std::vector<KeyInfo> all_keys() {
  Config defaults;
  std::vector<KeyInfo> keys;
  Shape visitor{keys, "", false};
  config::keys::top(visitor, defaults);
  return keys;
}

}  // namespace config
