#include "durable/payload_scanner.hpp"

#include <array>

#include "durable/json_text.hpp"
#include "durable/text.hpp"

namespace durable {
namespace {

constexpr std::string_view marker = "statusquerygeturi";
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::uint8_t no_match = 255;

// What State::value looks at.
constexpr auto is_structure = [] {
  std::array<bool, 256> table{};
  for (const char c : {'"', '{', '}', '[', ']', ','}) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Looks for its rarest letter with the C library's vector code and compares around each find.
bool contains_marker(std::string_view text) {
  constexpr std::size_t rare = marker.find('q');
  for (const char letter : {'Q', 'q'}) {
    for (std::size_t at = text.find(letter, rare); at != std::string_view::npos;
         at = text.find(letter, at + 1))
      if (lower(text[at - rare]) == marker.front() &&
          same_word(text.substr(at - rare, marker.size()), marker))
        return true;
  }
  return false;
}

}  // namespace

bool may_be_payload(std::string_view first_bytes, bool whole) {
  std::string_view text = first_bytes;
  if (text.substr(0, 3) == byte_order_mark) text.remove_prefix(3);
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  if (text.empty()) return !whole;
  if (text.front() != '{') {
    // The beginning of a byte order mark that was cut off.
    return !whole && text.size() == first_bytes.size() && text.size() < 3 &&
           byte_order_mark.substr(0, text.size()) == text;
  }
  if (!whole || contains_marker(text)) return true;
  // A letter of the key can only hide behind \u; that is rare enough to be looked at properly.
  if (text.find("\\u") == std::string_view::npos) return false;
  return PayloadScanner{}.feed(text) == PayloadScanner::Verdict::payload;
}

PayloadScanner::Verdict PayloadScanner::feed(std::string_view piece) {
  for (std::size_t at = 0; at < piece.size() && verdict_ == Verdict::undecided;) {
    if (state_ == State::text || (state_ == State::key && matched_ == no_match))
      at += plain_run(piece.substr(at));
    else if (state_ == State::value)
      while (at < piece.size() && !is_structure[static_cast<unsigned char>(piece[at])]) ++at;
    if (at < piece.size()) step(piece[at++]);
  }
  return verdict_;
}

void PayloadScanner::match(char c) {
  if (matched_ != no_match)
    matched_ = matched_ < marker.size() && lower(c) == marker[matched_]
                   ? static_cast<std::uint8_t>(matched_ + 1)
                   : no_match;
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): one switch over the states
void PayloadScanner::step(char c) {
  const auto no = [this] { verdict_ = Verdict::no_payload; };
  const bool control = static_cast<unsigned char>(c) < 0x20;
  switch (state_) {
    case State::start:
      if (bom_ < 3 && c == byte_order_mark[bom_]) {
        ++bom_;
      } else if (c == '{' && bom_ != 1 && bom_ != 2) {  // not within the mark
        depth_ = 1;
        state_ = State::before_key;
      } else if (is_blank(c) && bom_ != 1 && bom_ != 2) {
        bom_ = 3;  // none can follow
      } else {
        no();
      }
      break;
    case State::before_key:
      if (c == '"') {
        matched_ = 0;
        state_ = State::key;
      } else if (!is_blank(c)) {
        no();
      }
      break;
    case State::key:
      if (c == '"') {
        if (matched_ == marker.size()) verdict_ = Verdict::payload;
        state_ = State::value;
      } else if (c == '\\') {
        state_ = State::key_escape;
      } else {
        control ? no() : match(c);
      }
      break;
    case State::key_escape:
      digits_ = 0;
      unicode_ = 0;
      if (c != 'u') matched_ = no_match;  // no letter is written like that
      state_ = c == 'u' ? State::key_unicode : State::key;
      break;
    case State::key_unicode:
      if (hex_value(c) < 0) {
        no();
      } else {
        unicode_ = static_cast<std::uint16_t>(unicode_ << 4 | hex_value(c));
        if (++digits_ < 4) break;
        match(unicode_ < 0x80 ? static_cast<char>(unicode_) : '\0');
        state_ = State::key;
      }
      break;
    case State::value:
      if (c == '"') {
        state_ = State::text;
      } else if (c == '{' || c == '[') {
        if (++depth_ > most_json_depth) no();
      } else if (c == '}' || c == ']') {
        if (--depth_ == 0) no();
      } else if (c == ',' && depth_ == 1) {
        state_ = State::before_key;
      }
      break;
    case State::text:
      if (c == '"') state_ = State::value;
      if (c == '\\') state_ = State::text_escape;
      if (control) no();
      break;
    case State::text_escape:
      state_ = State::text;
      break;
  }
}

}  // namespace durable
