#include "durable/origins.hpp"

#include <algorithm>

#include "durable/text.hpp"

namespace durable {
namespace {

std::uint16_t default_port(bool tls) {
  return tls ? 443 : 80;
}

std::string lowered(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

// "http://", "https://" or "//"; its length, 0 when there is none.
std::size_t scheme_length(std::string_view url, bool& tls, bool& any_scheme) {
  any_scheme = url.substr(0, 2) == "//";
  if (any_scheme) return 2;
  if (!same_word(url.substr(0, 4), "http")) return 0;
  tls = url.size() > 4 && lower(url[4]) == 's';
  const std::size_t length = tls ? 5 : 4;
  return url.substr(length, 3) == "://" ? length + 3 : 0;
}

bool ends_host(char c, bool bracketed) {
  return bracketed ? c == ']' : c == ':' || c == '/' || c == '?' || c == '#';
}

bool take_port(std::string_view url, std::size_t& at, std::uint16_t& port) {
  std::uint32_t value = 0;
  const std::size_t begin = at;
  for (; at < url.size() && url[at] >= '0' && url[at] <= '9'; ++at) {
    value = value * 10 + static_cast<std::uint32_t>(url[at] - '0');
    if (value > 65535) return false;
  }
  if (at > begin) port = static_cast<std::uint16_t>(value);
  return true;
}

}  // namespace

std::optional<UrlOrigin> url_origin(std::string_view url) {
  UrlOrigin out;
  std::size_t at = scheme_length(url, out.tls, out.any_scheme);
  if (at == 0) return {};
  const bool bracketed = at < url.size() && url[at] == '[';
  if (bracketed) ++at;
  const std::size_t begin = at;
  while (at < url.size() && !ends_host(url[at], bracketed)) ++at;
  out.host = url.substr(begin, at - begin);
  if (bracketed && at++ == url.size()) return {};
  if (out.host.empty()) return {};
  if (!out.any_scheme) out.port = default_port(out.tls);
  if (at < url.size() && url[at] == ':' && !take_port(url, ++at, out.port)) return {};
  if (at < url.size() && url[at] != '/' && url[at] != '?' && url[at] != '#') return {};
  const bool looks_ipv6 = out.host.find(':') != std::string_view::npos;
  if (looks_ipv6 != bracketed) return {};
  out.length = at;
  return out;
}

bool same_origin(const UrlOrigin& url, const Origin& origin) {
  if (!url.any_scheme && url.tls != origin.tls) return false;
  const std::uint16_t port = url.port == 0 ? default_port(origin.tls) : url.port;
  return port == origin.port && same_word(url.host, origin.host);
}

std::optional<Origin> parse_origin(std::string_view text) {
  const std::string_view origin = text.substr(0, text.find_first_of("/?#", text.find("://") + 3));
  const auto url = url_origin(origin);
  if (!url || url->any_scheme || url->host.find('@') != std::string_view::npos) return {};
  return Origin{url->tls, lowered(url->host), url->port};
}

std::vector<Origin> endpoint_origins(const config::Config& config) {
  std::vector<Origin> origins;
  const auto add = [&origins](const Origin& origin) {
    if (std::find(origins.begin(), origins.end(), origin) == origins.end())
      origins.push_back(origin);
  };
  for (const config::Endpoint& endpoint : config.endpoints) {
    const config::Url& url = endpoint.url;
    const std::string host = lowered(url.host);
    add({url.tls, host, url.port});
    // Under the other scheme on the same port, or on that scheme's own one if the port is implied.
    const bool implied = url.port == default_port(url.tls);
    add({!url.tls, host, implied ? default_port(!url.tls) : url.port});
    if (endpoint.host == config::HostPolicy::explicit_value && !endpoint.host_value.empty()) {
      for (const char* scheme : {"https://", "http://"})
        if (const auto origin = parse_origin(scheme + endpoint.host_value)) add(*origin);
    }
  }
  return origins;
}

}  // namespace durable
