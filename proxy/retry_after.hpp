// How long an endpoint that answered 503 wants to be left alone (RFC 9110 section 10.2.3). Pure.
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string_view>

namespace proxy {

// No answer keeps retries away for longer: it may be that of one route of the app.
inline constexpr std::chrono::seconds longest_retry_after{30};

// The time from `now` (seconds since 1970) that a Retry-After field asks for: a number of seconds
// or a date in the preferred form (section 5.6.7). None when it is neither or in the past; never
// above `longest_retry_after`.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::time_t now);

}  // namespace proxy
