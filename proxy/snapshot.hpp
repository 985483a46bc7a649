// Everything a request is decided by, in one immutable value that the control thread publishes and
// workers cache: the configuration, the routing table and, per endpoint, what the data path needs
// ready-made. Built on the control thread; read by any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "desk/hub_desk.hpp"
#include "durable/management_urls.hpp"
#include "durable/request_kind.hpp"
#include "ledger/instance.hpp"
#include "proxy/access.hpp"
#include "proxy/client_counts.hpp"
#include "proxy/counters.hpp"
#include "proxy/sticky_cookie.hpp"
#include "routing/routing_table.hpp"

struct ssl_ctx_st;

namespace proxy {

// One endpoint as the data path sees it. Lives as long as any snapshot that names it; a reload that
// changes nothing about the endpoint keeps it.
struct Upstream {
  routing::EndpointId id = routing::no_endpoint;
  ledger::Place place = ledger::no_place;  // its name in the instance directory
  config::Endpoint config;
  std::string authority;            // of the endpoint's URL, as sent in Host
  std::shared_ptr<ssl_ctx_st> tls;  // null for http
  std::vector<std::unique_ptr<EndpointCounters>> counters;  // by worker index
  // Until then it asked, with 503 and Retry-After, not to be tried again: milliseconds of the
  // steady clock, 0 for never. Any worker writes and reads it.
  mutable std::atomic<std::int64_t> no_retries_before_ms{0};
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
  std::string process_key;  // random; signs sticky cookies when the configuration has no key
  routing::RoutingTable table;
  // Derived from the configuration, by `derive`:
  std::vector<TrustedBlock> trusted;
  std::vector<durable::Origin> origins;  // what the endpoints may call themselves
  durable::StartRoutes start_routes;
  Access access;                                // who may use the endpoints' keys
  std::vector<std::string_view> secrets;        // those keys
  std::vector<std::string_view> hosts;          // of the endpoints, for the domains of cookies
  std::vector<std::string> open_webhooks;       // lower case
  std::shared_ptr<ClientCounts> client_counts;  // null: limits.per_client is off
  std::vector<std::string_view> lock_names;     // of the endpoints' secret headers
  std::shared_ptr<const StickyCookie> sticky_cookie;  // null: sticky answers are kept here
  std::string_view own_cookie() const {
    return sticky_cookie ? sticky_cookie->name() : std::string_view{};
  }
  // Derived from configuration and table, by `derive_table`:
  desk::SharedPicture desk_picture;

  // Whether the operator opened this path below /admin or of another extension's webhook.
  bool opens(std::string_view path) const;
  // Whether what lives there cannot be reached: Disabled, or Degraded while others are not (with
  // everything degraded an attempt comes first). A drained endpoint still answers for its own.
  bool away(const routing::RoutingEntry& entry) const;
  bool all_apps_alive() const;
};

void derive(
    Snapshot& snapshot);  // after `config` was set; copy the results when only the table changes
void derive_table(Snapshot& snapshot);  // after `table` was set

bool contains(const TrustedBlock& block, const std::array<std::uint8_t, 16>& mapped);
std::array<std::uint8_t, 16> mapped_address(const routing::SocketAddress& address);

}  // namespace proxy
