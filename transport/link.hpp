// A TCP link: accepts connections and forwards their bytes to a peer, and can be made bad. What a
// rehearsal puts into the path to play a broken network, and what `faults.allow` puts into the
// proxy's own upstream leg. Bytes are delayed, held back or lost, and connections refused or reset;
// never is a byte changed, left out in the middle, or sent twice, so that every fault is one that a
// network can have. Each connection holds at most 64 KiB in each direction, more under `delay` in
// proportion, bounded at 8 MiB. Owned by its application; used on the thread of its executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/socket_address.hpp"
#include "transport/http_server.hpp"
#include "transport/link_fault.hpp"

namespace transport {

struct LinkOptions {
  LinkOptions() = default;

  config::Address listen{"127.0.0.1", 0};
  std::vector<config::SocketAddress> peers;  // tried in order for each connection
  std::optional<ServerTls> tls;              // ends TLS here and speaks cleartext to the peer
  std::size_t max_connections = 4096;
};

struct LinkCounts {
  std::uint64_t connections = 0, refused_by_peer = 0, reset = 0, answered = 0, bytes_up = 0,
                bytes_down = 0;
  std::size_t open = 0;  // now
};

class Link {
 public:
  // Listens at once; throws std::runtime_error.
  Link(boost::asio::any_io_executor executor, LinkOptions options);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  config::SocketAddress address() const;
  std::string address_text() const;

  void set_peers(std::vector<config::SocketAddress> peers);  // of later connections
  void set_fault(LinkFault fault);                           // replaces the one before; {} heals
  void set_tls(ServerTls tls);  // of later connections; open ones are reset; throws
  const LinkFault& fault() const;
  LinkCounts counts() const;
  void stop(std::function<void()> done = {});

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace transport
