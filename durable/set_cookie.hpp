// Moves the Domain of a cookie from an endpoint's host to the public one: a browser refuses a
// cookie for a host that it did not ask.
// Any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace durable {

// `value` of a Set-Cookie field. A Domain that is one of the endpoints' hosts, or a parent of one
// (.azurewebsites.net), becomes `public_host` (no port, no brackets needed), or is removed where a
// browser would not take that for a Domain: an IP address, localhost, any name without a dot. A
// Domain that covers the public host too stays. Everything else is left byte for byte; nullopt:
// unchanged.
std::optional<std::string> rewrite_cookie_domain(std::string_view value,
                                                 std::span<const std::string_view> endpoint_hosts,
                                                 std::string_view public_host);

}  // namespace durable
