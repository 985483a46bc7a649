// What the desk must know of an endpoint to ask its Durable HTTP API, and with whose key it asks.
// A picture is made by the proxy from its snapshot and never changed; jobs hold it by shared_ptr.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/socket_address.hpp"
#include "transport/http_client.hpp"

namespace desk {

struct DeskEndpoint {
  std::string name;
  std::vector<config::SocketAddress> addresses;
  std::string connect_host;  // resolved by the desk when `addresses` is empty
  std::uint16_t connect_port = 0;
  bool tls = false;
  transport::ClientTls tls_settings;
  std::string host;            // text of the Host field
  std::string base_path;       // "" or "/prefix"
  config::Secret durable_key;  // ours; may be empty
  std::string task_hub_name, connection;
  std::optional<config::NameValue> secret_header;
  bool away = false;  // known to be unreachable: not asked
};

// The endpoint as configured, with no addresses yet.
DeskEndpoint desk_endpoint(const config::Endpoint& endpoint);

using DeskPicture = std::vector<DeskEndpoint>;  // in priority order
using SharedPicture = std::shared_ptr<const DeskPicture>;

// What the client itself presented: used where we have no key of ours for the endpoint, or the
// client may not use ours.
struct ClientCredential {
  std::string header_key;  // x-functions-key
  std::string code;        // the value of code=, as written in the query
  bool may_use_keys = false;
  bool operator==(const ClientCredential&) const = default;
};

}  // namespace desk
