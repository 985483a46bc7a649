#include "proxy/snapshot.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "proxy/head.hpp"
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
  snapshot.access = Access{config};
  snapshot.secrets.clear();
  snapshot.hosts.clear();
  snapshot.lock_names.clear();
  for (const config::Endpoint& endpoint : config.endpoints) {
    snapshot.hosts.push_back(endpoint.url.host);
    if (endpoint.host == config::HostPolicy::explicit_value)
      snapshot.hosts.push_back(
          std::string_view{endpoint.host_value}.substr(0, endpoint.host_value.find(':')));
    for (const config::Secret* key :
         {&endpoint.keys.function, &endpoint.keys.durable, &endpoint.keys.admin})
      if (!key->empty()) snapshot.secrets.push_back(key->reveal());
    if (endpoint.secret_header) snapshot.lock_names.push_back(endpoint.secret_header->name);
  }
  snapshot.open_webhooks = config.durable.open_webhooks;
  snapshot.sticky_cookie = config.stickiness.client == config::StickyClient::cookie
                               ? std::make_shared<const StickyCookie>(config, snapshot.process_key)
                               : nullptr;
  if (config.limits.per_client == 0)
    snapshot.client_counts.reset();
  else if (!snapshot.client_counts)  // over reloads the counts of requests under way stay
    snapshot.client_counts = std::make_shared<ClientCounts>();
}

void derive_table(Snapshot& snapshot) {
  auto picture = std::make_shared<desk::DeskPicture>();
  for (const config::Endpoint& endpoint : snapshot.config->endpoints) {
    picture->push_back(desk::desk_endpoint(endpoint));
    const auto& entries = snapshot.table.entries;
    const auto entry = std::find_if(entries.begin(), entries.end(), [&](const auto& each) {
      return each.config_index + 1 == picture->size();
    });
    if (entry == entries.end()) continue;
    picture->back().addresses = entry->addresses;
    picture->back().away = snapshot.away(*entry);
  }
  snapshot.desk_picture = std::move(picture);
}

bool Snapshot::opens(std::string_view path) const {
  return std::any_of(open_webhooks.begin(), open_webhooks.end(), [path](const std::string& open) {
    if (path.size() < open.size() || !equal_ignoring_case(path.substr(0, open.size()), open))
      return false;
    return path.size() == open.size() || path[open.size()] == '/' || path[open.size()] == '?';
  });
}

bool Snapshot::away(const routing::RoutingEntry& entry) const {
  using health::MonitorStatus;
  switch (entry.monitor) {
    case MonitorStatus::disabled:
    case MonitorStatus::inactive:
    case MonitorStatus::stopped:
      return true;
    case MonitorStatus::degraded:
      return !(table.all_degraded && table.fail_open);
    case MonitorStatus::checking_endpoint:
    case MonitorStatus::online:
    case MonitorStatus::unmonitored:
      return false;
  }
  return false;
}

bool Snapshot::all_apps_alive() const {
  using health::MonitorStatus;
  return std::all_of(table.entries.begin(), table.entries.end(), [](const auto& entry) {
    return entry.monitor == MonitorStatus::online || entry.monitor == MonitorStatus::unmonitored;
  });
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
