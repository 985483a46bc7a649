// The Functions host's API for its keys, under /admin. Whoever calls has checked the master key.
#pragma once

#include <optional>
#include <string_view>

#include "rehearsal/function_keys.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

//   GET             /admin/host/{keys|functionkeys|systemkeys}, /admin/functions/{function}/keys
//   GET POST PUT DELETE                                             .../{name}
// `origin` is that of the links in the answers. Nullopt: not a path of this API.
std::optional<transport::ServerResponse> key_api(const transport::ServerRequest&,
                                                 std::string_view origin, FunctionKeys&);

}  // namespace rehearsal
