#include "rehearsal/process.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>

namespace rehearsal {

namespace asio = boost::asio;

int run_until_signal(asio::io_context& context, const std::string& address,
                     const std::function<void(std::function<void()>)>& stop) {
  constexpr std::chrono::seconds longest_end{3};
  asio::signal_set signals{context, SIGTERM, SIGINT};
  asio::steady_timer limit{context};
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    limit.expires_after(longest_end);
    limit.async_wait([&](const boost::system::error_code&) { context.stop(); });
    signals.async_wait([&](const boost::system::error_code&, int) { context.stop(); });
    stop([&] { context.stop(); });
  });
  std::printf("listening on %s\n", address.c_str());
  std::fflush(stdout);
  context.run();
  return 0;
}

}  // namespace rehearsal
