// Letters and digits as URLs, fields and JSON keys compare them: ASCII only, no locale.
#pragma once

#include <cstddef>
#include <string_view>

namespace durable {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool same_word(std::string_view text, std::string_view lower_case_word) {
  if (text.size() != lower_case_word.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (lower(text[i]) != lower_case_word[i]) return false;
  return true;
}

// Where the path of a URL ends. (find_first_of would call the C library for every character.)
constexpr std::size_t path_end(std::string_view url, std::size_t begin) {
  const std::size_t query = url.find('?', begin);
  const std::size_t end = query == std::string_view::npos ? url.size() : query;
  const std::size_t fragment = url.substr(0, end).find('#', begin);
  return fragment == std::string_view::npos ? end : fragment;
}

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace durable
