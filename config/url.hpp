// Endpoint URLs, listener addresses and CIDR blocks: text to value. Pure; resolves no names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "config/units.hpp"

namespace config {

// http://host[:port][/prefix]. Refuses user names, queries and fragments, which may hold secrets.
std::optional<Problem> parse_url(std::string_view text, Url& url);
// The same without a path: where clients reach the proxy.
std::optional<Problem> parse_origin(std::string_view text, std::string& origin);
// 127.0.0.1:8080, [::1]:8080; "localhost" means 127.0.0.1. Port 0: any free one.
std::optional<Problem> parse_listen_address(std::string_view text, Address& address);
// 10.0.0.0/8, 192.0.2.1, 2001:db8::/32, with no bit set past the prefix.
std::optional<Problem> parse_block(std::string_view text);
// An IP address with an optional port: 10.0.0.2, 10.0.0.2:53, [::1]:53.
std::optional<Problem> parse_server(std::string_view text);

bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);    // without brackets or zone
bool is_wildcard(std::string_view ip);  // 0.0.0.0, ::
bool is_host_name(std::string_view text);

// A URL or path as a message may repeat it: no user name, password, query or fragment.
std::string printable_url(std::string_view text);

}  // namespace config
