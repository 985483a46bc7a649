#include "transport/headers.hpp"

#include <algorithm>

namespace transport {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token_character(char c) {
  constexpr std::string_view punctuation = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
         punctuation.find(c) != std::string_view::npos;
}

}  // namespace

const std::string* find_header(const HeaderList& headers, std::string_view name) {
  for (const auto& [field, value] : headers)
    if (same_name(field, name)) return &value;
  return nullptr;
}

bool is_writable_header(std::string_view name, std::string_view value) {
  const auto breaks_a_line = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_token_character) &&
         std::none_of(value.begin(), value.end(), breaks_a_line);
}

}  // namespace transport
