#include "app/text_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace app {
namespace {

// Characters as a terminal counts them, near enough: what continues a UTF-8 sequence has no width.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// The length of the well-formed UTF-8 sequence at the front and its character; 0: there is none.
std::size_t take_character(std::string_view text, char32_t& character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80             ? 1
                             : (first & 0xE0) == 0xC0 ? 2
                             : (first & 0xF0) == 0xE0 ? 3
                             : (first & 0xF8) == 0xF0 ? 4
                                                      : 0;
  if (length == 0 || text.size() < length) return 0;
  character = length == 1 ? first : static_cast<char32_t>(first & (0xFF >> (length + 1)));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    character = (character << 6) | (byte(i) & 0x3F);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = character >= 0xD800 && character <= 0xDFFF;
  return character < smallest[length] || character > 0x10FFFF || surrogate ? 0 : length;
}

bool is_harmless(char32_t c) {
  if (c < 0x20 || c == '\\' || (c >= 0x7F && c < 0xA0)) return false;
  if (c >= 0x200B && c <= 0x200F) return false;  // no width, or a direction
  if (c >= 0x2028 && c <= 0x202E) return false;  // line ends and directions
  return !(c >= 0x2060 && c <= 0x206F) && c != 0xFEFF && c != 0x61C;
}

}  // namespace

std::string paint(std::string text, Colour colour, bool colours) {
  if (!colours || colour == Colour::none) return text;
  constexpr const char* codes[] = {"", "32", "31", "33", "2", "1"};
  return fmt::format("\033[{}m{}\033[0m", codes[static_cast<std::size_t>(colour)], text);
}

std::string table(const std::vector<std::vector<Cell>>& rows, bool colours) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i >= widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], width_of(row[i].text));
    }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      std::string text = row[i].text;
      if (!last) text.append(widths[i] - width_of(row[i].text), ' ');
      out += paint(std::move(text), row[i].colour, colours);
      out += last ? "\n" : "  ";
    }
  }
  return out;
}

std::string shown(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    char32_t character = 0;
    const std::size_t length = take_character(text, character);
    const std::string_view part = text.substr(0, std::max<std::size_t>(1, length));
    if (length > 0 && is_harmless(character)) {
      out += part;
    } else if (character == '\\' && length == 1) {
      out += "\\\\";
    } else {
      for (const char c : part) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    text.remove_prefix(part.size());
  }
  return out;
}

}  // namespace app
