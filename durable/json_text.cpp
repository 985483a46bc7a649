#include "durable/json_text.hpp"

#include <bit>
#include <cstring>

#include "durable/text.hpp"

namespace durable {
namespace {

constexpr std::uint64_t ones = 0x0101010101010101U;
constexpr std::uint64_t highs = 0x8080808080808080U;

// Marks the zero bytes, and perhaps some above one.
constexpr std::uint64_t has_zero(std::uint64_t word) {
  return (word - ones) & ~word & highs;
}

constexpr bool is_plain(char c) {
  return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
}

// The four hex digits behind "\u"; -1 when they are not all there.
std::int32_t unicode_escape(std::string_view raw, std::size_t at) {
  if (at + 6 > raw.size() || raw[at] != '\\' || raw[at + 1] != 'u') return -1;
  std::int32_t code = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const int digit = hex_value(raw[i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}

char short_escape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '"':
    case '\\':
    case '/':
      return c;
    default:
      return '\0';
  }
}

}  // namespace

std::size_t plain_run(std::string_view text) {
  std::size_t at = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; at + 8 <= text.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, 8);
      const std::uint64_t found = has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\')) |
                                  ((word - ones * 0x20) & ~word & highs);
      // A borrow only marks bytes above one that is rightly marked, so the lowest mark is exact.
      if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
    }
  }
  while (at < text.size() && is_plain(text[at])) ++at;
  return at;
}

std::size_t json_escape_length(std::string_view text) {
  if (text.size() < 2) return 0;
  if (text[1] == 'u') return unicode_escape(text, 0) < 0 ? 0 : 6;
  return short_escape(text[1]) == '\0' ? 0 : 2;
}

void JsonText::assign(std::string_view raw, bool has_escapes) {
  text_ = raw;
  origin_.clear();
  if (has_escapes) decode(raw);
}

void JsonText::add(std::uint32_t code_point, std::size_t at) {
  const auto byte = [&](std::uint32_t value) {
    decoded_ += static_cast<char>(static_cast<unsigned char>(value));
    origin_.push_back(static_cast<std::uint32_t>(at));
  };
  if (code_point < 0x80) {
    byte(code_point);
  } else if (code_point < 0x800) {
    byte(0xc0 | code_point >> 6);
    byte(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    byte(0xe0 | code_point >> 12);
    byte(0x80 | (code_point >> 6 & 0x3f));
    byte(0x80 | (code_point & 0x3f));
  } else {
    byte(0xf0 | code_point >> 18);
    byte(0x80 | (code_point >> 12 & 0x3f));
    byte(0x80 | (code_point >> 6 & 0x3f));
    byte(0x80 | (code_point & 0x3f));
  }
}

void JsonText::decode(std::string_view raw) {
  constexpr std::uint32_t replacement = 0xfffd;
  decoded_.clear();
  decoded_.reserve(raw.size());
  origin_.reserve(raw.size() + 1);
  for (std::size_t at = 0; at < raw.size();) {
    const char next = raw[at] == '\\' && at + 1 < raw.size() ? raw[at + 1] : '\0';
    if (const std::int32_t code = next == 'u' ? unicode_escape(raw, at) : -1; code >= 0) {
      const std::int32_t second = (code >> 10) == 0x36 ? unicode_escape(raw, at + 6) : -1;
      if (second >= 0 && (second >> 10) == 0x37) {
        add(static_cast<std::uint32_t>(0x10000 + ((code & 0x3ff) << 10) + (second & 0x3ff)), at);
        at += 12;
      } else {
        add((code >> 11) == 0x1b ? replacement : static_cast<std::uint32_t>(code), at);
        at += 6;
      }
    } else if (const char meant = short_escape(next); meant != '\0') {
      add(static_cast<unsigned char>(meant), at);
      at += 2;
    } else {
      decoded_ += raw[at];
      origin_.push_back(static_cast<std::uint32_t>(at));
      ++at;
    }
  }
  origin_.push_back(static_cast<std::uint32_t>(raw.size()));
  text_ = decoded_;
}

void append_json_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t plain = plain_run(text);
    out += text.substr(0, plain);
    if (plain == text.size()) return;
    if (text[plain] == '"' || text[plain] == '\\') out.append({'\\', text[plain]});
    text.remove_prefix(plain + 1);
  }
}

}  // namespace durable
