#include "rehearsal/report/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace report {
namespace {

constexpr std::string_view unprintable = "\xEF\xBF\xBD";

struct Decoded {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: no character stands here
};

Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (bytes == 0 || first > 0xF4 || text.size() < bytes) return {};
  char32_t code = first & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3F);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (code < least[bytes] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  return {code, bytes};
}

bool shows(char32_t code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
  if ((code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069)) return false;
  if (code == 0x2028 || code == 0x2029 || code == 0x200E || code == 0x200F) return false;
  return (code & 0xFFFE) != 0xFFFE && code != 0xFEFF;
}

// Never in the middle of a character.
std::string cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  text.resize(most);
  return text + "…";
}

struct Calendar {
  std::chrono::year_month_day day;
  std::chrono::hh_mm_ss<Millis> time;
};

Calendar calendar(verdict::WallTime at) {
  const auto whole = std::chrono::floor<std::chrono::days>(at);
  return {std::chrono::year_month_day{whole},
          std::chrono::hh_mm_ss{std::chrono::floor<Millis>(at - whole)}};
}

}  // namespace

std::string clean(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = decode(text);
    if (next.code == '\n' || next.code == '\t' || next.code == '\r')
      out += ' ';
    else if (next.bytes == 0 || !shows(next.code))
      out += unprintable;
    else
      out += text.substr(0, next.bytes);
    text.remove_prefix(std::max<std::size_t>(next.bytes, 1));
  }
  return out;
}

std::string escape(std::string_view text, std::size_t most) {
  std::string out;
  // Four bytes are the longest character: what is beyond them would be cut anyway.
  for (const char c : cut(clean(text.substr(0, most * 4 + 4)), most)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escape_markdown(std::string_view text, std::size_t most) {
  // Entities for what opens HTML and backslashes for the rest, "@" and "#" included: a summary is
  // often posted where they call people and link to issues.
  constexpr std::string_view special = "\\`*_{}[]()#+!|~@$";
  std::string out;
  for (const char c : cut(clean(text.substr(0, most * 4 + 4)), most)) {
    if (c == '<' || c == '>' || c == '&') {
      out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;";
      continue;
    }
    if (c == '@') {
      out += "&#64;";
      continue;
    }
    if (special.find(c) != std::string_view::npos && c != '(' && c != ')' && c != '+') out += '\\';
    out += c;
  }
  return out;
}

std::string time_text(Millis time) {
  const auto count = time.count();
  if (count < 0) return "-" + time_text(-time);
  if (count < 1'000) return fmt::format("{} ms", count);
  if (count < 10'000) return fmt::format("{:.2f} s", static_cast<double>(count) / 1e3);
  if (count < 120'000) return fmt::format("{:.1f} s", static_cast<double>(count) / 1e3);
  const auto whole = (count + 500) / 1'000;
  if (whole % 60 == 0) return fmt::format("{} min", whole / 60);
  return fmt::format("{} min {} s", whole / 60, whole % 60);
}

std::string time_text(const std::optional<Millis>& time, std::string_view without) {
  return time ? time_text(*time) : std::string{without};
}

std::string since_text(At at) {
  return fmt::format("{:.3f}", static_cast<double>(at.count()) / 1e6);
}

std::string utc_text(verdict::WallTime at) {
  const auto [day, time] = calendar(at);
  return fmt::format("{:04}-{:02}-{:02} {}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                     clock_text(at));
}

std::string clock_text(verdict::WallTime at) {
  const auto time = calendar(at).time;
  return fmt::format("{:02}:{:02}:{:02}.{:03}", time.hours().count(), time.minutes().count(),
                     time.seconds().count(), time.subseconds().count());
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1'024) return fmt::format("{} B", bytes);
  const double kib = static_cast<double>(bytes) / 1'024;
  if (kib < 1'024) return fmt::format("{:.1f} KiB", kib);
  return fmt::format("{:.1f} MiB", kib / 1'024);
}

std::string count_text(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string upper(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

}  // namespace report
