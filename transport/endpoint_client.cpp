#include "transport/endpoint_client.hpp"

namespace transport {

ClientTls client_tls(const config::Endpoint& endpoint) {
  ClientTls out;
  out.server_name = endpoint.tls.server_name.empty() ? endpoint.url.host : endpoint.tls.server_name;
  out.ca_file = endpoint.tls.ca;
  out.certificate_file = endpoint.tls.certificate;
  out.key_file = endpoint.tls.key;
  return out;
}

std::string host_field(const config::Endpoint& endpoint) {
  return endpoint.host == config::HostPolicy::explicit_value ? endpoint.host_value
                                                             : endpoint.url.authority();
}

}  // namespace transport
