#include "proxy/cookies.hpp"

namespace proxy {
namespace {

std::string_view trimmed_front(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

std::string_view trimmed(std::string_view text) {
  text = trimmed_front(text);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Cookie parse_cookie(std::string_view whole) {
  const std::size_t equals = whole.find('=');
  if (equals == std::string_view::npos) return {whole, {}, {}};
  return {whole, trimmed(whole.substr(0, equals)), trimmed(whole.substr(equals + 1))};
}

bool holds_cookie(std::string_view field, std::string_view name) {
  if (field.find(name) == std::string_view::npos) return false;
  bool found = false;
  each_cookie(field, [&](const Cookie& cookie) { found = found || cookie.name == name; });
  return found;
}

bool sets_cookie(std::string_view value, std::string_view name) {
  return parse_cookie(value.substr(0, value.find(';'))).name == name;
}

void write_cookies_without(Writer& out, const Field& field, std::string_view name) {
  bool others = false;
  each_cookie(field.value, [&](const Cookie& cookie) {
    others = others || (cookie.name != name && !trimmed(cookie.whole).empty());
  });
  if (!others) return;
  out.add(field.name);
  out.add(": ");
  bool first = true;
  each_cookie(field.value, [&](const Cookie& cookie) {
    if (cookie.name == name) return;
    if (!first) out.add(";");
    out.add(first ? trimmed_front(cookie.whole) : cookie.whole);
    first = false;
  });
  out.add("\r\n");
}

}  // namespace proxy
