// Names to addresses, off the data path. getaddrinfo blocks and cannot be interrupted, so each
// look-up runs on a short-lived thread of its own: a name server that hangs delays neither the
// look-up of another endpoint nor the end of the process, and the deadline holds.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "config/socket_address.hpp"
#include "transport/failure.hpp"

namespace transport {

using TimePoint = std::chrono::steady_clock::time_point;

// Literal addresses (IPv4, IPv6, with or without brackets) are answered at once. The addresses come
// in the system's order of preference, IPv6 and IPv4 in turn, without duplicates, never empty.
boost::asio::awaitable<Result<std::vector<config::SocketAddress>>> resolve(std::string host,
                                                                           std::uint16_t port,
                                                                           TimePoint deadline);

}  // namespace transport
