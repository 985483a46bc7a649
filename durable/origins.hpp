// What endpoints and the proxy call themselves in a URL: scheme, host and port. Pure text.
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace durable {

struct Origin {  // scheme://host:port of an endpoint
  bool tls = false;
  std::string host;  // lower case, IPv6 without brackets
  std::uint16_t port = 0;
  bool operator==(const Origin&) const = default;
};

// "https://host[:port]", anything after it ignored; nullopt when it is no such thing.
std::optional<Origin> parse_origin(std::string_view text);

// What the endpoints may call themselves: each one's origin under both schemes (an app behind a
// TLS terminator often says http), and under its explicit Host value when it has one.
std::vector<Origin> endpoint_origins(const config::Config& config);

// The origin that begins a URL, compared letter by letter and without allocating.
struct UrlOrigin {
  bool tls = false;
  bool any_scheme = false;  // "//host"
  std::string_view host;    // as written, without brackets
  std::uint16_t port = 0;   // the scheme's own one when none is written; 0: that of any scheme
  std::size_t length = 0;   // bytes of "scheme://host:port"
};
// "http(s)://host[:port]" or "//host[:port]" in front of '/', '?', '#' or the end.
std::optional<UrlOrigin> url_origin(std::string_view url);
bool same_origin(const UrlOrigin& url, const Origin& origin);

}  // namespace durable
