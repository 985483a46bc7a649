// One HTTP exchange with a peer on the control plane: probes, the CLI's calls to the admin
// listener, the rehearsal's calls to its storage. A new connection for each call, never reused, so
// that a probe proves that the peer accepts connections. Redirects are never followed. The deadline
// covers everything from the first connect to the last byte of the answer. May be awaited on any
// executor; a call keeps no state behind.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/socket_address.hpp"
#include "transport/failure.hpp"
#include "transport/headers.hpp"

namespace transport {

using TimePoint = std::chrono::steady_clock::time_point;

// How to speak TLS to a peer. Verified against the system's roots unless told otherwise.
struct ClientTls {
  bool verify = true;
  std::string server_name;       // SNI and the name that the certificate must carry; an IP literal
                                 // is checked as an address and sends no SNI
  std::string ca_file;           // PEM; empty: the system's roots
  std::string certificate_file;  // PEM, our own certificate when the peer asks for one
  std::string key_file;          // PEM
};

struct FetchRequest {
  FetchRequest() = default;  // makes it a non-aggregate, which g++ 12 needs beside co_await

  std::vector<config::SocketAddress> addresses;  // tried in order until one accepts
  std::string connect_host;                      // resolved when `addresses` is empty
  std::uint16_t connect_port = 0;

  bool tls = false;
  ClientTls tls_settings;

  std::string host;  // text of the Host field
  std::string method = "GET";
  std::string target = "/";
  HeaderList headers;  // Host, Connection and Content-Length are written by `fetch` itself
  std::string body;

  std::size_t head_limit = 32 * 1024;
  std::size_t body_limit = 1024 * 1024;  // a longer answer is `too_large`
  // An answer counts from its head on: a body that is longer than the limit, or that does not come
  // to its end, is given as far as it came.
  bool cut_body = false;
  TimePoint deadline = TimePoint::max();
};

struct FetchResponse {
  FetchResponse() = default;

  int status = 0;
  HeaderList headers;
  std::string body;
  bool whole = true;  // false only with cut_body: there was more, or should have been
};

// A failure says whether anything was sent.
boost::asio::awaitable<Result<FetchResponse>> fetch(FetchRequest request);

// A TCP probe: connects to the first address that accepts, and closes.
boost::asio::awaitable<Result<void>> connect_only(std::vector<config::SocketAddress> addresses,
                                                  TimePoint deadline);

// For command-line verbs: blocks the calling thread.
Result<FetchResponse> fetch_blocking(FetchRequest request);

}  // namespace transport
