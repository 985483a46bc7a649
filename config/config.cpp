#include "config/config.hpp"

#include "config/url.hpp"

namespace config {
namespace {

std::string with_port(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

std::string Url::authority() const {
  const bool usual = port == (tls ? 443 : 80);
  if (!usual) return with_port(host, port);
  return host.find(':') != std::string::npos ? "[" + host + "]" : host;
}

std::string Url::origin() const {
  return (tls ? "https://" : "http://") + authority();
}

std::string Address::text() const {
  return with_port(host, port);
}

bool is_loopback(const std::string& host) {
  if (host == "localhost" || host == "::1") return true;
  if (host.starts_with("::ffff:")) return is_loopback(host.substr(7));
  return host.starts_with("127.") && is_ipv4(host);
}

}  // namespace config
