#include "transport/spawn.hpp"

#include <boost/asio/co_spawn.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace transport {

namespace {

[[noreturn]] void die(std::string_view name, const char* what) {
  std::fprintf(stderr, "fatal: exception escaped from coroutine \"%.*s\": %s\n",
               static_cast<int>(name.size()), name.data(), what);
  std::abort();
}

}  // namespace

void spawn(const boost::asio::any_io_executor& executor, std::string_view name,
           boost::asio::awaitable<void> task) {
  boost::asio::co_spawn(executor, std::move(task), [name](std::exception_ptr escaped) {
    if (!escaped) return;
    try {
      std::rethrow_exception(escaped);
    } catch (const std::exception& error) {
      die(name, error.what());
    } catch (...) {
      die(name, "not a std::exception");
    }
  });
}

}  // namespace transport
