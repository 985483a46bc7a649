#include "proxy/retry_after.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace proxy {

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::time_t now) {
  constexpr std::string_view form = "Mon, 02 Jan 2006 15:04:05 GMT";
  constexpr std::int64_t longest = longest_retry_after.count();
  std::int64_t seconds = 0;
  const bool digits = !value.empty() && value.find_first_not_of("0123456789") == value.npos;
  if (digits) {
    // What does not fit the number is longer than the longest.
    const auto read = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (read.ec != std::errc{}) seconds = longest;
  } else if (value.size() == form.size()) {
    std::array<char, form.size() + 1> text{};
    std::copy(value.begin(), value.end(), text.begin());
    std::tm parts{};
    const char* end = ::strptime(text.data(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (!end || *end != '\0') return std::nullopt;
    seconds = static_cast<std::int64_t>(::timegm(&parts)) - static_cast<std::int64_t>(now);
  }
  if (seconds <= 0) return std::nullopt;
  return std::chrono::seconds{std::min(seconds, longest)};
}

}  // namespace proxy
