// Moves the management URLs in an app's answers to the public origin. Pure text: only the origin
// of a URL is replaced and every other byte stays as it was, because the URLs hold placeholders
// ({eventName}, {text}, {{text}}) that no URL or JSON library would hand back unchanged.
// Any thread.
#pragma once

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

// The body (identity coding) with the origins of its URLs replaced, or nullopt when nothing is to
// be changed: it is no JSON object with a key statusQueryGetUri (in any letter case), or none of
// its string values begins with one of the origins.
std::optional<std::string> rewrite_management_urls(std::string_view body,
                                                   std::span<const Origin> origins,
                                                   std::string_view public_origin);

// The same for a Location field: absolute URLs and //authority references; nullopt: leave as is.
std::optional<std::string> rewrite_location(std::string_view value, std::span<const Origin> origins,
                                            std::string_view public_origin);

}  // namespace durable
