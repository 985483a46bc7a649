#include "transport/link_text.hpp"

#include <algorithm>

namespace transport {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string parse_link_fault(std::string_view query, LinkFault& fault) {
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    const std::string_view name = one.substr(0, one.find('='));
    if (one.empty() || name == "endpoint" || name == "for") continue;
    const auto equals = one.find('=');
    const std::string value =
        equals == std::string_view::npos ? "" : decoded(one.substr(equals + 1));
    if (std::string wrong = set_link_value(fault, name, value); !wrong.empty()) return wrong;
  }
  return check_link_fault(fault);
}

}  // namespace transport
