// The stand-in's routes that have nothing to do with Durable Functions. No state.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "rehearsal/app_options.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

//   GET  /                    the landing page
//        /api/health          {"name", "state"}
//   *    /api/echo            the request as JSON; ?raw=1: its body
//        /api/delay/{ms}      answers after that time
//        /api/bytes/{n}       n bytes, streamed; ?chunked=1: without announcing their number
//        /api/status/{code}   that status
//   *    /api/sink            counts the body, of any size, and throws it away
boost::asio::awaitable<transport::ServerResponse> plain_route(transport::ServerRequest request,
                                                              const AppOptions& options);

bool is_sink(std::string_view path);

}  // namespace rehearsal
