// Everything a request is decided by, in one immutable value that the control thread publishes and
// workers cache: the configuration, the routing table and, per endpoint, what the data path needs
// ready-made. Built on the control thread; read by any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "durable/management_urls.hpp"
#include "durable/request_kind.hpp"
#include "proxy/counters.hpp"
#include "routing/routing_table.hpp"

struct ssl_ctx_st;

namespace proxy {

// One endpoint as the data path sees it. Lives as long as any snapshot that names it; a reload that
// changes nothing about the endpoint keeps it.
struct Upstream {
  routing::EndpointId id = routing::no_endpoint;
  config::Endpoint config;
  std::string authority;            // of the endpoint's URL, as sent in Host
  std::shared_ptr<ssl_ctx_st> tls;  // null for http
  std::vector<std::unique_ptr<EndpointCounters>> counters;  // by worker index
};

// Null and a message when a TLS file of the endpoint cannot be used.
std::shared_ptr<Upstream> make_upstream(routing::EndpointId id, const config::Endpoint& endpoint,
                                        std::size_t workers, std::string& error);

struct TrustedBlock {  // a CIDR block; IPv4 is mapped into IPv6
  std::array<std::uint8_t, 16> bytes{};
  int bits = 128;
};

struct Snapshot {
  std::uint64_t generation = 0;  // of the configuration: changes on reload only
  std::shared_ptr<const config::Config> config;
  std::vector<std::shared_ptr<Upstream>> upstreams;  // by config index
  routing::RoutingTable table;
  // Derived from the configuration, by `derive`:
  std::vector<TrustedBlock> trusted;
  std::vector<durable::Origin> origins;  // what the endpoints may call themselves
  durable::StartRoutes start_routes;
};

void derive(
    Snapshot& snapshot);  // after `config` was set; copy the results when only the table changes

bool contains(const TrustedBlock& block, const std::array<std::uint8_t, 16>& mapped);
std::array<std::uint8_t, 16> mapped_address(const routing::SocketAddress& address);

}  // namespace proxy
