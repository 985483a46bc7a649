// The cookie that holds a sticky answer: nothing is believed but the one value that was signed, and
// what goes on to the endpoint is every other cookie and none of ours. A '@' of the input stands
// for that value, so that the fuzzer need not break the signature to get past it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/cookies.hpp"
#include "proxy/sticky_cookie.hpp"

namespace {

constexpr std::int64_t now = 1'800'000'000'000;

void require(bool condition) {
  if (!condition) std::abort();
}

config::Config profile() {
  config::Config config;
  config.stickiness.cookie = "us";
  config.stickiness.cookie_keys.emplace_back("0123456789abcdef");
  config.endpoints.resize(2);
  config.endpoints[0].name = "a";
  config.endpoints[1].name = "b";
  return config;
}

std::string bare(std::string text) {
  text.erase(0, text.find_first_not_of(" \t"));
  text.erase(text.find_last_not_of(" \t") + 1);
  return text;
}

struct Pieces {
  std::vector<std::string> ours;    // values
  std::vector<std::string> others;  // as they stand
};

Pieces pieces_of(std::string_view field) {
  Pieces pieces;
  std::vector<std::string> all(1);
  for (const char c : field) {
    if (c == ';')
      all.emplace_back();
    else
      all.back() += c;
  }
  for (const std::string& each : all) {
    const std::size_t equals = each.find('=');
    if (equals != std::string::npos && bare(each.substr(0, equals)) == "us")
      pieces.ours.push_back(bare(each.substr(equals + 1)));
    else
      pieces.others.push_back(each);
  }
  return pieces;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const proxy::StickyCookie cookie{profile(), {}};
  static const std::string line = cookie.line(1, now, false);
  static const std::string good = line.substr(line.find('=') + 1, 60);
  std::string value;
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '@')
      value += good;
    else
      value += static_cast<char>(data[i]);
  }
  const Pieces pieces = pieces_of(value);
  require(proxy::holds_cookie(value, "us") == !pieces.ours.empty());

  const auto fields = std::make_unique<proxy::FieldList>();
  const proxy::Field field{"Cookie", value, proxy::FieldName::cookie};
  fields->items[fields->count++] = field;
  fields->seen = 1U << static_cast<unsigned>(proxy::FieldName::cookie);
  const auto found = cookie.read(*fields, now);
  const bool believed = pieces.ours.size() == 1 && pieces.ours[0] == good;
  require(found == (believed ? std::optional<std::size_t>{1} : std::nullopt));

  if (pieces.ours.empty()) return 0;
  std::string memory(value.size() + 16, '\0');
  proxy::Writer out{memory.data(), memory.size()};
  proxy::write_cookies_without(out, field, "us");
  require(!out.overflow());
  std::string wanted;
  for (std::size_t i = 0; i < pieces.others.size(); ++i) {
    const std::string& other = pieces.others[i];
    wanted +=
        i == 0 ? other.substr(std::min(other.find_first_not_of(" \t"), other.size())) : ";" + other;
  }
  const bool any = wanted.find_first_not_of("; \t") != std::string::npos;
  require(out.text() == (any ? "Cookie: " + wanted + "\r\n" : ""));
  return 0;
}
