// Waits, on the executor of the coroutine that awaits it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

namespace stage {

boost::asio::awaitable<void> pause(std::chrono::milliseconds time);

}  // namespace stage
