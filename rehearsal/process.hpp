// What the rehearsal's processes have in common: they say where they listen, run until a signal,
// and end within a bounded time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

namespace rehearsal {

// Prints "listening on ADDRESS", runs until SIGTERM or SIGINT, then calls `stop`, which must call
// what it is given when all is done. Returns the exit code. A second signal ends at once.
int run_until_signal(boost::asio::io_context& context, const std::string& address,
                     const std::function<void(std::function<void()>)>& stop);

}  // namespace rehearsal
