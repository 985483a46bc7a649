#include "config/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace config {
namespace {

constexpr std::string_view url_hint = "write it like \"https://app.example.com\"";
constexpr std::string_view listen_hint = "write it like \"127.0.0.1:8080\" or \"[::1]:8080\"";

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return result;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

// host, host:port, [v6], [v6]:port, taken apart but not judged.
struct HostPort {
  std::string_view host;
  std::optional<std::string_view> port;
  bool bracketed = false;
};

std::optional<HostPort> split(std::string_view text) {
  HostPort parts;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    parts.bracketed = true;
    parts.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
  } else {
    const std::size_t colon = text.find(':');
    parts.host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (!rest.empty()) parts.port = rest.substr(1);
  return parts;
}

bool path_character(char c) {
  constexpr std::string_view marks = "-._~!$&'()*+,;=:@/%";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         marks.find(c) != std::string_view::npos;
}

bool all_digits_and_dots(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

bool is_ipv4(std::string_view text) {
  std::array<unsigned char, 4> bytes{};
  return inet_pton(AF_INET, std::string(text).c_str(), bytes.data()) == 1 &&
         text.find('\0') == std::string_view::npos;
}

bool is_ipv6(std::string_view text) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET6, std::string(text).c_str(), bytes.data()) == 1 &&
         text.find('\0') == std::string_view::npos;
}

bool is_wildcard(std::string_view ip) {
  return ip == "0.0.0.0" || ip == "::";
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.') {
      if (label == 0 || text[i - 1] == '-') return false;
      label = 0;
      continue;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '_' && !(c == '-' && label > 0)) return false;
    if (++label > 63) return false;
  }
  return text.back() != '-';
}

std::string printable_url(std::string_view text) {
  const std::size_t scheme = text.find("://");
  const std::size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  const bool user = !text.starts_with('/') && text.find('@') != std::string_view::npos;
  const std::size_t extra = text.find_first_of("?#");
  if (user) return std::string(text.substr(0, start)) + "...";
  if (extra != std::string_view::npos) return std::string(text.substr(0, extra + 1)) + "...";
  return std::string(text);
}

std::optional<Problem> parse_url(std::string_view text, Url& url) {
  const std::string hint(url_hint);
  Url result;
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) return Problem{"is not an absolute URL", hint};
  const std::string scheme = lower(text.substr(0, mark));
  if (scheme != "http" && scheme != "https")
    return Problem{"has an unknown scheme", "endpoints speak http or https"};
  result.tls = scheme == "https";
  std::string_view rest = text.substr(mark + 3);
  if (rest.find('@') != std::string_view::npos)
    return Problem{"contains a user name or an \"@\"", "remove it; use keys or secret_header"};
  if (rest.find('?') != std::string_view::npos)
    return Problem{"has a query", "remove it; keys belong in \"keys\""};
  if (rest.find('#') != std::string_view::npos) return Problem{"has a fragment", "remove it"};
  const std::size_t slash = rest.find('/');
  const std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
  const auto parts = split(rest.substr(0, slash));
  if (!parts) return Problem{"has a malformed host", hint};
  if (parts->host.empty()) return Problem{"has no host", hint};
  result.host = lower(parts->host);
  if (!parts->bracketed && parts->port && parts->port->find(':') != std::string_view::npos)
    return Problem{"has a malformed host",
                   "put an IPv6 address in brackets, \"http://[::1]:8080\""};
  const bool address = parts->bracketed ? is_ipv6(result.host) : is_ipv4(result.host);
  const bool name =
      !parts->bracketed && !all_digits_and_dots(result.host) && is_host_name(result.host);
  if (!address && !name) return Problem{"has a malformed host", hint};
  result.port = result.tls ? 443 : 80;
  if (parts->port) {
    const auto port = parse_port(*parts->port);
    if (!port || *port == 0) return Problem{"has a malformed port", "ports are 1..65535"};
    result.port = *port;
  }
  if (!std::all_of(path.begin(), path.end(), path_character))
    return Problem{"has a character that a URL path cannot have", "percent-encode it"};
  result.base_path = path;
  while (result.base_path.ends_with('/')) result.base_path.pop_back();
  url = std::move(result);
  return std::nullopt;
}

std::optional<Problem> parse_origin(std::string_view text, std::string& origin) {
  Url url;
  if (auto problem = parse_url(text, url)) {
    problem->hint = "write it like \"https://orders.example.com\"";
    return problem;
  }
  origin = url.origin() + url.base_path;  // a path: what a gateway in front of us takes off
  return std::nullopt;
}

std::optional<Problem> parse_listen_address(std::string_view text, Address& address) {
  const std::string hint(listen_hint);
  const auto parts = split(text);
  if (!parts) return Problem{"is not an address", hint};
  if (parts->host.empty())
    return Problem{"has no host", "write \"0.0.0.0" + std::string(text) + "\" for every interface"};
  const std::string host = lower(parts->host);
  const bool v6 = is_ipv6(host);
  if (!parts->bracketed && is_ipv6(text))
    return Problem{"is not an address", "put an IPv6 address in brackets, \"[::1]:8080\""};
  if (!(parts->bracketed ? v6 : is_ipv4(host) || host == "localhost"))
    return Problem{"is not an address of this machine", hint};
  if (!parts->port) return Problem{"has no port", hint};
  const auto port = parse_port(*parts->port);
  if (!port) return Problem{"has a malformed port", "ports are 0..65535, 0 takes any free one"};
  address = {host == "localhost" ? "127.0.0.1" : host, *port};
  return std::nullopt;
}

std::optional<Problem> parse_block(std::string_view text) {
  const std::string hint = "write it like \"10.0.0.0/8\" or \"192.0.2.1\"";
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  std::array<unsigned char, 16> bytes{};
  int bits = 0;
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) bits = 32;
  if (bits == 0 && inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) bits = 128;
  if (bits == 0 || host.find('\0') != std::string::npos)
    return Problem{"is not an address or a CIDR block", hint};
  if (slash == std::string_view::npos) return std::nullopt;
  const auto prefix = parse_port(text.substr(slash + 1));
  if (!prefix || *prefix > bits)
    return Problem{"has a malformed prefix length", "it is 0.." + std::to_string(bits)};
  for (int bit = *prefix; bit < bits; ++bit)
    if ((bytes[static_cast<std::size_t>(bit) / 8] >> (7 - bit % 8)) & 1)
      return Problem{"has address bits set after its prefix",
                     "shorten the address or lengthen the prefix"};
  return std::nullopt;
}

std::optional<Problem> parse_server(std::string_view text) {
  Problem problem{"is not the address of a DNS server",
                  "write it like \"10.0.0.2\" or \"10.0.0.2:53\""};
  if (is_ipv4(text) || is_ipv6(text)) return std::nullopt;
  Address address;
  if (text.starts_with("localhost") || parse_listen_address(text, address) || address.port == 0)
    return problem;
  return std::nullopt;
}

}  // namespace config
