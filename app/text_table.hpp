// Text for a terminal: colours, aligned columns, and what clients chose made harmless. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace app {

enum class Colour { none, good, bad, doubtful, faint, strong };
std::string paint(std::string text, Colour colour, bool colours);

// Colour is put on after padding, so that it counts nothing.
struct Cell {
  explicit Cell(std::string text_in, Colour colour_in = Colour::none)
      : text{std::move(text_in)}, colour{colour_in} {}
  std::string text;
  Colour colour;
};
// Columns padded to their widest cell; the last one of each row is not.
std::string table(const std::vector<std::vector<Cell>>& rows, bool colours);

// What came from a client, on one line: control characters, what turns the direction of writing,
// bytes that are no UTF-8 and the backslash itself as "\x1b"; a shell reads it back between $'…'.
std::string shown(std::string_view text);

}  // namespace app
