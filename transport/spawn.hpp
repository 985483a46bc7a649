// The one way to start a coroutine. An exception that escapes a coroutine is a broken invariant:
// it is reported on stderr with the coroutine's name, and the process is aborted, because a
// detached coroutine that vanished would leave a silent hole (a prober that no longer probes).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string_view>

namespace transport {

// `name` must outlive the coroutine: pass a literal. Arguments of the coroutine itself are best
// passed by value, for nothing waits for it.
void spawn(const boost::asio::any_io_executor& executor, std::string_view name,
           boost::asio::awaitable<void> task);

}  // namespace transport
