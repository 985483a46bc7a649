// The text of cookies (RFC 6265): finds and removes one by its name and leaves all others byte for
// byte. Names are compared exactly, as browsers do. Pure; any thread.
#pragma once

#include <algorithm>
#include <string_view>

#include "proxy/headers.hpp"

namespace proxy {

struct Cookie {
  std::string_view whole;  // what stands between two semicolons
  std::string_view name;   // empty: no cookie, whatever else it is
  std::string_view value;
};

Cookie parse_cookie(std::string_view whole);

// Visits the cookies of a Cookie field's value in their order.
template <class Visit>
void each_cookie(std::string_view field, Visit visit) {
  for (;;) {
    const std::size_t end = std::min(field.find(';'), field.size());
    visit(parse_cookie(field.substr(0, end)));
    if (end == field.size()) return;
    field.remove_prefix(end + 1);
  }
}

bool holds_cookie(std::string_view field, std::string_view name);
// Whether the value of a Set-Cookie field sets the cookie `name`.
bool sets_cookie(std::string_view value, std::string_view name);

// Writes a Cookie line without the cookies called `name`; nothing when no other is left.
void write_cookies_without(Writer& out, const Field& field, std::string_view name);

}  // namespace proxy
