#include "proxy/snapshot.hpp"

#include <arpa/inet.h>

#include <cstring>
#include <optional>

#include "transport/tls_context.hpp"

namespace proxy {
namespace {

std::optional<TrustedBlock> parse_block(const std::string& text) {
  TrustedBlock block;
  const std::size_t slash = text.find('/');
  const std::string host = text.substr(0, slash);
  int given = -1;
  if (slash != std::string::npos) {
    given = 0;
    for (const char c : text.substr(slash + 1)) {
      if (c < '0' || c > '9' || given > 128) return std::nullopt;
      given = given * 10 + (c - '0');
    }
  }
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    block.bytes[10] = block.bytes[11] = 0xff;
    std::memcpy(block.bytes.data() + 12, &v4, 4);
    block.bits = given < 0 ? 128 : 96 + given;
  } else if (::inet_pton(AF_INET6, host.c_str(), block.bytes.data()) == 1) {
    block.bits = given < 0 ? 128 : given;
  } else {
    return std::nullopt;
  }
  if (block.bits > 128) return std::nullopt;
  return block;
}

}  // namespace

std::shared_ptr<Upstream> make_upstream(routing::EndpointId id, const config::Endpoint& endpoint,
                                        std::size_t workers, std::string& error) {
  auto upstream = std::make_shared<Upstream>();
  upstream->id = id;
  upstream->config = endpoint;
  upstream->authority = endpoint.url.authority();
  if (endpoint.url.tls) {
    upstream->tls = transport::make_client_context(endpoint.tls, error);
    if (!upstream->tls) return nullptr;
  }
  for (std::size_t i = 0; i < workers; ++i)
    upstream->counters.push_back(std::make_unique<EndpointCounters>());
  return upstream;
}

void derive(Snapshot& snapshot) {
  const config::Config& config = *snapshot.config;
  snapshot.trusted.clear();
  for (const std::string& text : config.trusted_proxies)  // their syntax was checked with the file
    if (const auto block = parse_block(text)) snapshot.trusted.push_back(*block);
  snapshot.origins = durable::endpoint_origins(config);
  snapshot.start_routes = durable::StartRoutes{config.durable.start_routes};
}

bool contains(const TrustedBlock& block, const std::array<std::uint8_t, 16>& mapped) {
  const auto whole = static_cast<std::size_t>(block.bits / 8);
  if (std::memcmp(block.bytes.data(), mapped.data(), whole) != 0) return false;
  const int rest = block.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return (block.bytes[whole] & mask) == (mapped[whole] & mask);
}

std::array<std::uint8_t, 16> mapped_address(const routing::SocketAddress& address) {
  if (address.v6) return address.bytes;
  std::array<std::uint8_t, 16> mapped{};
  mapped[10] = mapped[11] = 0xff;
  std::memcpy(mapped.data() + 12, address.bytes.data(), 4);
  return mapped;
}

}  // namespace proxy
