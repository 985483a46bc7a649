// How the control plane reaches an endpoint of the configuration: probes, look-ups, the key API.
// Pure; any thread.
#pragma once

#include <string>

#include "config/config.hpp"
#include "transport/http_client.hpp"

namespace transport {

// Certificates, and the name that the endpoint's must carry; verified.
ClientTls client_tls(const config::Endpoint& endpoint);

// What to send as Host when no client's can be passed on: an explicit one, else the URL's.
std::string host_field(const config::Endpoint& endpoint);

}  // namespace transport
