// In which order the addresses of one name are tried (RFC 8305, section 4). Pure; any thread.
#pragma once

#include <vector>

#include "config/socket_address.hpp"

namespace transport {

// Alternates between IPv6 and IPv4, beginning with the family of the first address and keeping the
// order within each: when one family is refused or unreachable, the other comes after one vain try.
std::vector<config::SocketAddress> interleave_families(std::vector<config::SocketAddress>);

}  // namespace transport
