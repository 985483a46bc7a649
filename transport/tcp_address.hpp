// Addresses of the configuration as Asio has them. Included by sources of this box only.
#pragma once

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <stdexcept>
#include <string>

#include "config/config.hpp"
#include "config/socket_address.hpp"

namespace transport {

inline boost::asio::ip::tcp::endpoint to_endpoint(const config::SocketAddress& address) {
  namespace ip = boost::asio::ip;
  if (!address.v6) {
    ip::address_v4::bytes_type bytes{};
    std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
    return {ip::address_v4{bytes}, address.port};
  }
  ip::address_v6::bytes_type bytes{};
  std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
  return {ip::address_v6{bytes, address.scope}, address.port};
}

inline config::SocketAddress to_socket_address(const boost::asio::ip::address& address,
                                               std::uint16_t port) {
  config::SocketAddress out;
  out.port = port;
  if (address.is_v6()) {
    const auto v6 = address.to_v6();
    const auto bytes = v6.to_bytes();
    out.v6 = true;
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
    out.scope = static_cast<std::uint32_t>(v6.scope_id());
  } else {
    const auto bytes = address.to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  }
  return out;
}

// Throws std::runtime_error: not an address.
inline boost::asio::ip::tcp::endpoint to_endpoint(const config::Address& address) {
  namespace ip = boost::asio::ip;
  if (address.host == "localhost") return {ip::address_v4::loopback(), address.port};
  boost::system::error_code error;
  const auto parsed = ip::make_address(address.host, error);
  if (error)
    throw std::runtime_error("cannot listen on \"" + address.host + "\": not an IP address");
  return {parsed, address.port};
}

inline std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

}  // namespace transport
