// What single text values must look like: HTTP names, paths, routes, status ranges. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/units.hpp"

namespace config {

bool is_token(std::string_view text);  // RFC 9110: methods and field names

std::optional<Problem> check_profile_name(std::string_view);  // metric label: a-z 0-9 - _ .
std::optional<Problem> check_label(std::string_view);         // region: printable, at most 64
std::optional<Problem> check_method(std::string_view);
std::optional<Problem> check_path(std::string_view);         // starts with "/"; a query is allowed
std::optional<Problem> check_field_name(std::string_view);   // and none that the proxy sets itself
std::optional<Problem> check_cookie_name(std::string_view);  // RFC 6265; at most 64
std::optional<Problem> check_field_value(std::string_view);  // no line breaks, no outer spaces
std::optional<Problem> check_host_value(std::string_view);   // host[:port]
std::optional<Problem> check_host_name(std::string_view);    // for SNI
std::optional<Problem> check_webhook(std::string_view);      // a path below /runtime/webhooks/
std::optional<Problem> check_not_empty(std::string_view);

std::optional<Problem> parse_status_range(std::string_view text, StatusRange&);  // "200-299"
std::optional<Problem> parse_json_match(std::string_view text, JsonMatch&);
std::optional<Problem> parse_route(std::string_view text, StartRoute&);  // "POST /api/{function}"

std::string status_text(const StatusRange&);
std::string json_match_text(const JsonMatch&);

// The known word nearest to `word`, if it is near enough to be a slip of the hand.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace config
