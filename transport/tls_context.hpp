// TLS contexts of the data path: one per listener (server) and one per endpoint (client). Built on
// the control thread, shared by all workers (an SSL_CTX is thread-safe once configured).
#pragma once

#include <memory>
#include <string>

#include "config/config.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace transport {

using TlsContext = std::shared_ptr<ssl_ctx_st>;

// Null and a message (naming the file) when a file cannot be read or does not fit the key.
TlsContext make_server_context(const config::ListenerTls& files, std::string& error);
TlsContext make_client_context(const config::EndpointTls& files, std::string& error);

// A connection's TLS state: accepts, or connects with SNI and verification of `server_name`
// (a DNS name or an IP address). Null when out of memory.
ssl_st* make_server_ssl(const TlsContext& context);
ssl_st* make_client_ssl(const TlsContext& context, const std::string& server_name);

// Why the last handshake on this thread failed, for a log line: "certificate has expired".
std::string handshake_error(ssl_st* ssl);

}  // namespace transport
