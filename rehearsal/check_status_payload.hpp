// What a start answers: the URLs under which the new instance can be managed, as each SDK writes
// them, and the origin that those URLs begin with. Pure, any thread.
#pragma once

#include <string>
#include <string_view>

#include "rehearsal/app_options.hpp"
#include "rehearsal/function_keys.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

// Where the answers to a start say that the instance can be managed.
struct ManagementContext {
  std::string origin;  // "http://host:port"
  std::string hub;
  std::string key;  // system key of the extension; "" when it asks for none
  PayloadShape shape = PayloadShape::built_in;
};

// The app's own hub, and the shape that the extension itself writes.
ManagementContext management_context(const transport::ServerRequest&, const AppOptions&,
                                     const FunctionKeys&);

// The scheme and authority that the app believes to be reached under.
std::string origin_of(const transport::ServerRequest&, const AppOptions&);

std::string status_query_uri(const ManagementContext&, std::string_view id);
std::string check_status_payload(const ManagementContext&, std::string_view id);
// The whole answer: 202 (or 201) with the payload, Location and, in most shapes, Retry-After.
transport::ServerResponse check_status_response(const ManagementContext&, std::string_view id);

}  // namespace rehearsal
