#include "config/tree.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace config {
namespace {

// Reads the text for nlohmann's lexer and lets the handler see how far it got: the library keeps no
// positions of values.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** reached) : at_{at}, reached_{reached} {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    if (reached_) *reached_ = at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

bool number_character(char c) {
  return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

// Offsets into lines and columns (bytes, 1-based).
class Lines {
 public:
  explicit Lines(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\n') starts_.push_back(i + 1);
  }
  Position at(std::size_t offset) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const auto line = std::distance(starts_.begin(), after);
    return {static_cast<int>(line), static_cast<int>(offset - *std::prev(after)) + 1};
  }

 private:
  std::vector<std::size_t> starts_{0};
};

// Where the last character before `offset` stands that is neither space nor comment.
std::optional<std::size_t> significant_before(std::string_view text, std::size_t offset) {
  std::optional<std::size_t> last;
  bool in_string = false;
  for (std::size_t i = 0; i < std::min(offset, text.size()); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      last = i;
    } else if (c == '/' && i + 1 < text.size() && text[i + 1] == '/') {
      i = std::min(text.find('\n', i), text.size());
    } else if (c == '/' && i + 1 < text.size() && text[i + 1] == '*') {
      const std::size_t end = text.find("*/", i + 2);
      if (end == std::string_view::npos) break;
      i = end + 1;
    } else if (!std::strchr(" \t\r\n", c)) {
      in_string = c == '"';
      last = i;
    }
  }
  return last;
}

class TreeBuilder {  // nlohmann's SAX interface
 public:
  TreeBuilder(std::string_view text, const char*& reached, const std::string& file,
              std::vector<Issue>& issues)
      : text_{text}, reached_{reached}, lines_{text}, file_{file}, issues_{issues} {}

  Node root;

  bool null() { return add(scalar(Node::Kind::null, 4)); }
  bool boolean(bool value) {
    Node node = scalar(Node::Kind::boolean, value ? 4 : 5);
    node.truth = value;
    return add(std::move(node));
  }
  bool number_integer(std::int64_t value) {
    Node node = number(Node::Kind::integer);
    node.integer = value;
    node.decimal = static_cast<double>(value);
    return add(std::move(node));
  }
  bool number_unsigned(std::uint64_t value) {
    constexpr auto limit = std::numeric_limits<std::int64_t>::max();
    return number_integer(
        value > static_cast<std::uint64_t>(limit) ? limit : static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string&) {
    Node node = number(Node::Kind::decimal);
    node.decimal = value;
    return add(std::move(node));
  }
  bool string(std::string& value) {
    Node node;
    node.kind = Node::Kind::text;
    node.at = lines_.at(string_start());
    node.text = std::move(value);
    return add(std::move(node));
  }
  bool binary(std::vector<std::uint8_t>&) { return false; }
  bool start_object(std::size_t) { return open(Node::Kind::object); }
  bool start_array(std::size_t) { return open(Node::Kind::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Frame& frame = open_.back();
    frame.key = name;
    frame.key_at = lines_.at(string_start());
    frame.duplicate = !frame.keys.insert(name).second;
    if (frame.duplicate)
      issues_.push_back({Severity::error, file_, frame.key_at.line, frame.key_at.column,
                         path() + name, "", "is written twice", "keep one of them"});
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) {
    const std::size_t offset = consumed() == 0 ? 0 : consumed() - 1;
    fail(offset, error.what());
    return false;
  }

 private:
  struct Frame {
    Node node;
    std::string key;  // of the member being read
    Position key_at;
    bool duplicate = false;
    std::set<std::string> keys;
  };

  std::size_t consumed() const { return static_cast<std::size_t>(reached_ - text_.data()); }

  Node scalar(Node::Kind kind, std::size_t length) const {
    Node node;
    node.kind = kind;
    node.at = lines_.at(consumed() - length);
    return node;
  }

  // The lexer has read one character past the number, unless the text ended.
  std::pair<std::size_t, std::size_t> number_start(std::size_t end) const {
    if (end > 0 && !number_character(text_[end - 1])) --end;
    std::size_t start = end;
    while (start > 0 && number_character(text_[start - 1])) --start;
    return {start, end};
  }

  Node number(Node::Kind kind) const {
    const auto [start, end] = number_start(consumed());
    Node node;
    node.kind = kind;
    node.at = lines_.at(start);
    node.source = text_.substr(start, end - start);
    return node;
  }

  // Back from the closing quote to the opening one: those inside are escaped.
  std::size_t string_start() const {
    std::size_t quote = consumed() - 1;
    while (quote > 0) {
      quote = text_.rfind('"', quote - 1);
      std::size_t slashes = 0;
      while (slashes < quote && text_[quote - 1 - slashes] == '\\') ++slashes;
      if (slashes % 2 == 0) break;
    }
    return quote;
  }

  std::string path() const {
    std::string result;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      const Frame& frame = open_[i];
      if (frame.node.kind == Node::Kind::array)
        result += "[" + std::to_string(frame.node.items.size()) + "].";
      else if (i + 1 < open_.size())
        result += frame.key + (open_[i + 1].node.kind == Node::Kind::array ? "" : ".");
    }
    return result;
  }

  bool open(Node::Kind kind) {
    const std::size_t offset = consumed() - 1;
    const Position at = lines_.at(offset);
    if (open_.size() >= static_cast<std::size_t>(max_depth)) {
      issues_.push_back(
          {Severity::error, file_, at.line, at.column, "", "", "is nested too deeply",
           "no key of this file needs more than " + std::to_string(max_depth) + " levels"});
      return false;
    }
    Frame frame;
    frame.node.kind = kind;
    frame.node.at = at;
    open_.push_back(std::move(frame));
    return true;
  }

  bool close() {
    Node done = std::move(open_.back().node);
    open_.pop_back();
    return add(std::move(done));
  }

  bool add(Node node) {
    if (open_.empty()) {
      root = std::move(node);
      return true;
    }
    Frame& frame = open_.back();
    if (frame.node.kind == Node::Kind::array)
      frame.node.items.push_back(std::move(node));
    else if (!frame.duplicate)
      frame.node.members.push_back({frame.key, frame.key_at, std::move(node)});
    return true;
  }

  void fail(std::size_t offset, std::string_view what);

  std::string_view text_;
  const char*& reached_;
  Lines lines_;
  std::string file_;
  std::vector<Issue>& issues_;
  std::vector<Frame> open_;
};

// The library's wording, without its number and without "last read", which may quote a secret.
struct Wording {
  std::string found;
  std::string expected;
};

Wording wording(std::string_view what) {
  static constexpr std::array<std::string_view, 6> tokens{
      "string literal", "':'", "'}'", "']'", "end of input", "'[', '{', or a literal"};
  constexpr std::string_view dash = " - ";
  constexpr std::string_view expected = "; expected ";
  Wording words;
  const std::size_t start = what.find(dash);
  std::string_view rest = start == std::string_view::npos ? what : what.substr(start + dash.size());
  const std::size_t end = rest.rfind(expected);
  const std::string_view tail =
      end == std::string_view::npos ? "" : rest.substr(end + expected.size());
  if (std::find(tokens.begin(), tokens.end(), tail) != tokens.end()) {
    words.expected = tail;
    rest = rest.substr(0, end);
  }
  rest = rest.substr(0, rest.find("; last read: '"));
  const bool known = rest.starts_with("invalid string: ") || rest.starts_with("invalid literal") ||
                     rest.starts_with("invalid number") || rest.starts_with("unexpected ") ||
                     rest.starts_with("invalid comment");
  words.found = known ? rest : "this is not JSON";
  return words;
}

void TreeBuilder::fail(std::size_t offset, std::string_view what) {
  Wording words = wording(what);
  std::string hint;
  const bool at_end = words.found == "unexpected end of input";
  if (at_end) offset = text_.size();
  if (words.found == "unexpected string literal") offset = string_start();
  if (words.found == "unexpected number literal") offset = number_start(consumed()).first;
  const char here = offset < text_.size() ? text_[offset] : '\0';
  const auto before = significant_before(text_, offset);
  if ((here == '}' || here == ']') && before && text_[*before] == ',') {
    offset = *before;
    words.found = "a comma before the closing bracket";
    hint = "remove the comma";
  } else if (at_end) {
    words.found = "the text ends too early";
    hint = open_.empty() ? "a file is one object, \"{ ... }\""
                         : "the bracket opened at line " +
                               std::to_string(open_.back().node.at.line) + " is still open";
  } else if (words.found.starts_with("invalid comment")) {
    hint = "comments are // to the end of the line, or /* ... */";
  } else if (here == '\'') {
    hint = "write strings in double quotes";
  } else if (words.expected == "string literal" || words.found == "unexpected end of input") {
    hint = "a key in double quotes is expected here";
  } else if (!words.expected.empty()) {
    hint = "expected " + words.expected;
    if (words.expected.starts_with("'}'") || words.expected.starts_with("']'"))
      hint += " or a comma";
  } else if (words.found.starts_with("invalid number")) {
    hint = "write it like 10 or 0.5";
  } else if (words.found.starts_with("invalid literal")) {
    hint = "write strings in double quotes; without them only true, false, null and numbers";
  } else if (words.found.starts_with("invalid string")) {
    hint = "escape it as JSON does, or close the quotes";
  } else {
    hint = "expected a value, a key or a closing bracket";
  }
  const Position at = lines_.at(offset);
  issues_.push_back({Severity::error, file_, at.line, at.column, "", "", words.found, hint});
}

}  // namespace

const char* name_of(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::null:
      return "null";
    case Node::Kind::boolean:
      return "true or false";
    case Node::Kind::integer:
    case Node::Kind::decimal:
      return "a number";
    case Node::Kind::text:
      return "a string";
    case Node::Kind::array:
      return "a list";
    case Node::Kind::object:
      return "an object";
  }
  return "?";
}

std::optional<Node> parse_tree(std::string_view text, const std::string& file,
                               std::vector<Issue>& issues) {
  if (text.size() > max_text) {
    issues.push_back({Severity::error, file, 1, 1, "", "", "the text is larger than 1 MiB",
                      "is this the right file?"});
    return std::nullopt;
  }
  const char* reached = text.data();
  TreeBuilder builder{text, reached, file, issues};
  const CountingIterator first{text.data(), &reached};
  const CountingIterator last{text.data() + text.size(), nullptr};
  using nlohmann::json;
  const bool done = json::sax_parse(first, last, &builder, json::input_format_t::json, true, true);
  if (!done) return std::nullopt;
  return std::move(builder.root);
}

std::optional<std::string> normal_scalar(std::string_view text) {
  std::vector<Issue> ignored;
  const auto node = parse_tree(text, "", ignored);
  if (!node || node->kind == Node::Kind::array || node->kind == Node::Kind::object)
    return std::nullopt;
  return nlohmann::json::parse(text, nullptr, false, true).dump();
}

std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 120;
  std::string shown(text.substr(0, longest));
  if (text.size() > longest) shown += "...";
  return nlohmann::json(shown).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace config
