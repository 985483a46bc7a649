// Cookie domains: the cookie itself is never touched, no Domain of the endpoint is left, a second
// pass changes nothing, and what is removed or replaced was a Domain.
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "durable/set_cookie.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<std::string> attributes_of(const std::string& value) {
  std::vector<std::string> out(1);
  for (const char c : value) {
    if (c == ';')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

// The domain of an attribute without blanks and its first dot; "" when it is another attribute.
std::string domain_in(const std::string& attribute) {
  std::string bare;
  for (const char c : attribute)
    bare += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto trim = [](std::string& text) {
    text.erase(0, text.find_first_not_of(" \t"));
    text.erase(text.find_last_not_of(" \t") + 1);
  };
  const std::size_t equals = bare.find('=');
  if (equals == std::string::npos) return {};
  std::string name = bare.substr(0, equals), value = bare.substr(equals + 1);
  trim(name);
  trim(value);
  if (value.substr(0, 1) == ".") value.erase(0, 1);
  return name == "domain" ? value : "";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string value{reinterpret_cast<const char*>(data), size};
  const std::array<std::string_view, 2> hosts{"a.b.c", "1.2.3.4"};
  const std::vector<std::string> before = attributes_of(value);
  for (const std::string_view public_host : {"p.q", "localhost"}) {
    const auto moved = durable::rewrite_cookie_domain(value, hosts, public_host);
    std::size_t hits = 0;
    for (std::size_t i = 1; i < before.size(); ++i) {
      const std::string domain = domain_in(before[i]);
      hits += domain == "a.b.c" || domain == "b.c" || domain == "c" || domain == "1.2.3.4" ||
              domain == "[1.2.3.4]" || domain == "[a.b.c]" || domain == "[b.c]" || domain == "[c]";
    }
    require(moved.has_value() == (hits > 0));
    if (!moved) continue;
    require(!durable::rewrite_cookie_domain(*moved, hosts, public_host).has_value());
    const std::vector<std::string> after = attributes_of(*moved);
    require(after[0] == before[0]);
    const bool removes = public_host == "localhost";
    require(after.size() == before.size() - (removes ? hits : 0));
    for (std::size_t i = 1, j = 1; i < before.size(); ++i) {
      if (j < after.size() && after[j] == before[i]) {
        ++j;
      } else {
        require(!domain_in(before[i]).empty());
        if (!removes) require(domain_in(after[j++]) == public_host);
      }
    }
  }
  return 0;
}
