// Rewriting of management URLs, with a JSON library as the oracle: a body that is JSON stays JSON,
// every string that began with the endpoint's origin begins with the public one, and nothing else
// has changed.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "durable/management_urls.hpp"

namespace {

using nlohmann::json;

constexpr std::string_view endpoint = "http://h:7";
constexpr std::string_view public_origin = "https://p.example";

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_moved(const std::string& before, const std::string& after) {
  const auto text =
      durable::rewrite_location(before, std::array{durable::Origin{false, "h", 7}}, public_origin);
  return before.substr(0, 2) != "//" && text == after;
}

void require_same_but_moved(const json& before, const json& after) {
  require(before.type() == after.type());
  if (before.is_string()) {
    const auto& text = before.get_ref<const std::string&>();
    const auto& moved = after.get_ref<const std::string&>();
    require(text == moved || is_moved(text, moved));
    require(text.substr(0, 11) != std::string{endpoint} + "/" || moved != text);
  } else if (before.is_structured()) {
    require(before.size() == after.size());
    auto other = after.begin();
    for (auto it = before.begin(); it != before.end(); ++it, ++other) {
      if (before.is_object()) require(it.key() == other.key());
      require_same_but_moved(*it, *other);
    }
  } else {
    require(before == after);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body{reinterpret_cast<const char*>(data), size};
  const std::array origins{durable::Origin{false, "h", 7}};
  const auto rewritten = durable::rewrite_management_urls(body, origins, public_origin);
  durable::rewrite_location(body, origins, public_origin);
  durable::parse_origin(body);
  // The library takes a NUL for the end of its input; we take it for what it is.
  if (body.find('\0') != std::string_view::npos) return 0;
  const json before = json::parse(body, nullptr, false);
  if (!rewritten) {
    if (before.is_object() && before.contains("statusQueryGetUri") &&
        before["statusQueryGetUri"].is_string()) {
      const auto& uri = before["statusQueryGetUri"].get_ref<const std::string&>();
      // Escapes other than ASCII ones hide an origin from us; such a URL is none anyway. A key that
      // occurs twice is merged by the oracle, and 256 levels are our bound.
      if (uri.substr(0, 11) == std::string{endpoint} + "/" && size < 256)
        require(body.find("statusQueryGetUri") == std::string_view::npos);
    }
    return 0;
  }
  require(!durable::rewrite_management_urls(*rewritten, origins, public_origin).has_value());
  if (!before.is_discarded()) {
    const json after = json::parse(*rewritten, nullptr, false);
    require(!after.is_discarded());
    require_same_but_moved(before, after);
  }
  return 0;
}
