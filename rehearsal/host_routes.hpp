// What the Functions host answers about itself and for its keys: /admin and /runtime/health. No
// state of its own.
#pragma once

#include <optional>
#include <string_view>

#include "rehearsal/app_options.hpp"
#include "rehearsal/function_keys.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

//   GET POST  /admin/host/ping                  anonymous, 200 even when no function can run
//   GET       /admin/host/status                master key; the state is in the body
//   *         /admin/...                        master key; the key API, see key_api.hpp
//   GET       /runtime/health[/live|/ready]     anonymous
// Nullopt: another path.
std::optional<transport::ServerResponse> host_route(const transport::ServerRequest&,
                                                    const AppOptions&, AppState, FunctionKeys&);

}  // namespace rehearsal
