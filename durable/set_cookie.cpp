#include "durable/set_cookie.hpp"

#include <algorithm>

#include "config/url.hpp"
#include "durable/text.hpp"

namespace durable {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view without_brackets(std::string_view host) {
  const bool bracketed = host.size() > 1 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

bool same_any_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool is_ip(std::string_view host) {
  return config::is_ipv4(host) || config::is_ipv6(host);
}

// RFC 6265, 5.1.3: a cookie for `domain` goes to `host`.
bool covers(std::string_view domain, std::string_view host) {
  if (same_any_case(domain, host)) return true;
  return host.size() > domain.size() && host[host.size() - domain.size() - 1] == '.' &&
         same_any_case(host.substr(host.size() - domain.size()), domain) && !is_ip(host);
}

}  // namespace

std::optional<std::string> rewrite_cookie_domain(std::string_view value,
                                                 std::span<const std::string_view> endpoint_hosts,
                                                 std::string_view public_host) {
  public_host = without_brackets(public_host);
  std::size_t at = value.find(';');  // the cookie itself ends here, whatever it looks like
  if (at == std::string_view::npos || public_host.empty()) return {};
  const bool as_domain = public_host.find('.') != std::string_view::npos && !is_ip(public_host);
  std::string out{value.substr(0, at)};
  bool changed = false;
  while (at < value.size()) {  // at the ';' in front of an attribute
    const std::size_t end = std::min(value.find(';', at + 1), value.size());
    const std::string_view attribute = value.substr(at, end - at);
    at = end;
    const std::size_t equals = attribute.find('=');
    std::string_view domain;
    if (equals != std::string_view::npos &&
        same_word(trimmed(attribute.substr(1, equals - 1)), "domain"))
      domain = trimmed(attribute.substr(equals + 1));
    const std::string_view bare =
        without_brackets(domain.substr(domain.substr(0, 1) == "." ? 1 : 0));
    const bool foreign =
        !bare.empty() && !covers(bare, public_host) &&
        std::any_of(endpoint_hosts.begin(), endpoint_hosts.end(),
                    [&](std::string_view host) { return covers(bare, without_brackets(host)); });
    if (!foreign) {
      out += attribute;
      continue;
    }
    changed = true;
    if (!as_domain) continue;
    const auto before = static_cast<std::size_t>(domain.data() - attribute.data());
    out.append(attribute.substr(0, before)).append(public_host);
    out.append(attribute.substr(before + domain.size()));
  }
  return changed ? std::optional<std::string>{std::move(out)} : std::nullopt;
}

}  // namespace durable
