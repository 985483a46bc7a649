#include "transport/resolver.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "transport/address_order.hpp"
#include "transport/tcp_address.hpp"

namespace transport {

namespace asio = boost::asio;
using Addresses = std::vector<config::SocketAddress>;

namespace {

// A look-up's thread may outlive the io_context, and an io_context that is being destroyed takes no
// more work, not even a post that it would only throw away. Asio shuts the newest service down
// first, so this one closes before the scheduler empties its queue.
class LookupGate final : public asio::execution_context::service {
 public:
  struct State {
    std::mutex mutex;  // of every look-up of this io_context
    bool open = true;
  };
  static asio::execution_context::id id;

  explicit LookupGate(asio::execution_context& context) : service{context} {}
  const std::shared_ptr<State>& state() const { return state_; }

 private:
  void shutdown() noexcept override {
    const std::lock_guard lock{state_->mutex};
    state_->open = false;
  }

  std::shared_ptr<State> state_ = std::make_shared<State>();
};
asio::execution_context::id LookupGate::id;

// What the waiting coroutine and the look-up's thread share. The timer lives in the coroutine's
// frame, which may be gone (deadline, end of the io_context) when the thread is done: `waiting` is
// null from then on, and the gate's lock keeps frame and executor alive while the thread uses them.
struct Lookup {
  explicit Lookup(std::shared_ptr<LookupGate::State> shared) : gate{std::move(shared)} {}
  std::shared_ptr<LookupGate::State> gate;
  asio::steady_timer* waiting = nullptr;
  bool finished = false;
  int error = 0;
  Addresses addresses;
};

class LeaveAtExit {
 public:
  explicit LeaveAtExit(Lookup& lookup) : lookup_{lookup} {}
  ~LeaveAtExit() {
    const std::lock_guard lock{lookup_.gate->mutex};
    lookup_.waiting = nullptr;
  }
  LeaveAtExit(const LeaveAtExit&) = delete;
  LeaveAtExit& operator=(const LeaveAtExit&) = delete;

 private:
  Lookup& lookup_;
};

void wake(Lookup& lookup) {
  const std::lock_guard lock{lookup.gate->mutex};
  if (lookup.waiting != nullptr) lookup.waiting->expires_at(TimePoint::min());
}

int look_up(const std::string& host, std::uint16_t port, Addresses& out) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const std::string service = std::to_string(port);
  int error = getaddrinfo(host.c_str(), service.c_str(), &hints, &list);
  if (error == EAI_NONAME || error == EAI_ADDRFAMILY || error == EAI_NODATA) {
    hints.ai_flags = 0;  // a machine with only a loopback interface has no "configured" family
    error = getaddrinfo(host.c_str(), service.c_str(), &hints, &list);
  }
  if (error != 0) return error;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    const auto address = to_socket_address(endpoint.address(), port);
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  freeaddrinfo(list);
  out = interleave_families(std::move(out));
  return out.empty() ? EAI_NONAME : 0;
}

void run_look_up(const std::shared_ptr<Lookup>& lookup, const std::string& host,
                 std::uint16_t port) {
  Addresses addresses;
  const int error = look_up(host, port, addresses);
  const std::lock_guard lock{lookup->gate->mutex};
  if (!lookup->gate->open || lookup->waiting == nullptr) return;
  lookup->finished = true;
  lookup->error = error;
  lookup->addresses = std::move(addresses);
  asio::post(lookup->waiting->get_executor(), [lookup] { wake(*lookup); });
}

void remove_brackets(std::string& host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
}

}  // namespace

asio::awaitable<Result<Addresses>> resolve(std::string host, std::uint16_t port,
                                           TimePoint deadline) {
  remove_brackets(host);
  boost::system::error_code parse_error;
  const auto literal = asio::ip::make_address(host, parse_error);
  if (!parse_error) {
    Addresses only;
    only.push_back(to_socket_address(literal, port));
    co_return only;
  }

  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor, deadline};
  auto& gate = asio::use_service<LookupGate>(asio::query(executor, asio::execution::context));
  const auto lookup = std::make_shared<Lookup>(gate.state());
  lookup->waiting = &timer;
  const LeaveAtExit leave{*lookup};
  try {
    std::thread{run_look_up, lookup, host, port}.detach();
  } catch (const std::system_error& error) {
    co_return Failure{FailureKind::resolve, error.code(), host};
  }
  boost::system::error_code waited;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, waited));

  const std::lock_guard lock{lookup->gate->mutex};
  if (!lookup->finished)
    co_return Failure{waited ? FailureKind::canceled : FailureKind::timed_out,
                      asio::error::timed_out, "resolving " + host};
  if (lookup->error != 0)
    co_return Failure{FailureKind::resolve, {}, host + ": " + gai_strerror(lookup->error)};
  co_return std::move(lookup->addresses);
}

}  // namespace transport
