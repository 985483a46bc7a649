#include "proxy/data_plane.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <thread>

#include "proxy/worker.hpp"
#include "transport/tls_context.hpp"

namespace proxy {
namespace {

constexpr int backlog = 4096;

struct Bound {
  sockaddr_storage address{};
  socklen_t size = 0;
};

std::optional<Bound> to_sockaddr(const config::Address& address) {
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  Bound bound;
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    auto* to = new (&bound.address) sockaddr_in{};
    to->sin_family = AF_INET;
    to->sin_addr = v4;
    to->sin_port = htons(address.port);
    bound.size = sizeof *to;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    auto* to = new (&bound.address) sockaddr_in6{};
    to->sin6_family = AF_INET6;
    to->sin6_addr = v6;
    to->sin6_port = htons(address.port);
    bound.size = sizeof *to;
  } else {
    return std::nullopt;
  }
  return bound;
}

class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_{value} {}
  Descriptor(Descriptor&& other) noexcept : value_{std::exchange(other.value_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

Descriptor bind_socket(const Bound& bound, bool shared) {
  Descriptor socket{
      ::socket(bound.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (socket.get() < 0) return socket;
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (bound.address.ss_family == AF_INET6)
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&bound.address), bound.size) != 0)
    return Descriptor{};
  return socket;
}

std::string cannot_listen(const config::Address& address) {
  const int error = errno;
  std::string message = "cannot listen on " + address.text() + ": " + std::strerror(error);
  if (error == EADDRINUSE)
    message +=
        "; another process (perhaps another understudy) has this port: stop it, or change "
        "\"listen\"";
  if (error == EACCES) message += "; ports below 1024 need CAP_NET_BIND_SERVICE";
  return message;
}

std::uint64_t random_number() {
  std::uint64_t value = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value);
  return value;
}

struct OpenListener {
  config::Listener config;
  std::size_t key = 0;
  std::uint16_t port = 0;
};

}  // namespace

struct DataPlane::Impl {
  Shared shared;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  std::vector<OpenListener> listeners;
  std::size_t next_key = 1;
  std::atomic<std::size_t> draining{0};

  std::string open(const config::Listener& wanted, OpenListener& opened,
                   std::vector<Descriptor>& sockets, ListenerFacts& facts);
};

DataPlane::DataPlane(std::size_t workers, SnapshotBox& snapshots, routing::StickyTable& sticky,
                     DataPlaneCallbacks callbacks, DurableServices durable)
    : impl_{std::make_unique<Impl>()} {
  Shared& shared = impl_->shared;
  shared.snapshots = &snapshots;
  shared.sticky = &sticky;
  shared.callbacks = std::move(callbacks);
  shared.durable = durable;
  shared.seed = random_number();
  char name[40];
  std::snprintf(name, sizeof name, "1.1 understudy-%06llx",
                static_cast<unsigned long long>(random_number() & 0xffffff));
  shared.via = name;
  for (std::size_t i = 0; i < workers; ++i)
    impl_->workers.push_back(std::make_unique<Worker>(i, shared));
  for (const auto& worker : impl_->workers) shared.all_counters.push_back(&worker->counters_view());
}

DataPlane::~DataPlane() {
  stop();
}

std::string DataPlane::Impl::open(const config::Listener& wanted, OpenListener& opened,
                                  std::vector<Descriptor>& sockets, ListenerFacts& facts) {
  if (wanted.tls) {
    std::string error;
    facts.tls = transport::make_server_context(*wanted.tls, error);
    if (!facts.tls) return "listener " + wanted.address.text() + ": " + error;
  }
  auto bound = to_sockaddr(wanted.address);
  if (!bound) return "cannot listen on " + wanted.address.text() + ": not an IP address";
  {
    // SO_REUSEPORT would silently share the port with another process: so bind once without it. A
    // listener of our own on the same port (a reload that changes its TLS files) is no stranger.
    const bool ours = [&] {
      for (const OpenListener& each : listeners)
        if (each.config.address == wanted.address) return true;
      return false;
    }();
    if (!ours) {
      const Descriptor probe = bind_socket(*bound, false);
      if (probe.get() < 0) return cannot_listen(wanted.address);
      if (wanted.address.port == 0) {
        ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&bound->address), &bound->size);
      }
    }
  }
  for (std::size_t i = 0; i < workers.size(); ++i) {
    Descriptor socket = bind_socket(*bound, true);
    if (socket.get() < 0 || ::listen(socket.get(), backlog) != 0)
      return cannot_listen(wanted.address);
    sockets.push_back(std::move(socket));
  }
  opened.config = wanted;
  opened.key = next_key++;
  opened.port = ntohs(bound->address.ss_family == AF_INET6
                          ? reinterpret_cast<sockaddr_in6&>(bound->address).sin6_port
                          : reinterpret_cast<sockaddr_in&>(bound->address).sin_port);
  facts.key = opened.key;
  facts.loopback = config::is_loopback(wanted.address.host);
  return {};
}

std::string DataPlane::listen(const std::vector<config::Listener>& wanted) {
  struct Fresh {
    OpenListener listener;
    ListenerFacts facts;
    std::vector<Descriptor> sockets;
  };
  std::vector<Fresh> fresh;
  std::vector<OpenListener> kept;
  std::vector<std::pair<std::size_t, transport::TlsContext>> renewed;
  for (const config::Listener& each : wanted) {
    const auto same = [&](const OpenListener& open) { return open.config == each; };
    const auto found = std::find_if(impl_->listeners.begin(), impl_->listeners.end(), same);
    if (found != impl_->listeners.end()) {
      if (each.tls) {  // the files may have changed: a renewed certificate needs no restart
        std::string error;
        auto tls = transport::make_server_context(*each.tls, error);
        if (!tls) return "listener " + each.address.text() + ": " + error;
        renewed.emplace_back(found->key, std::move(tls));
      }
      kept.push_back(*found);
      continue;
    }
    Fresh next;
    const std::string error = impl_->open(each, next.listener, next.sockets, next.facts);
    if (!error.empty()) return error;
    fresh.push_back(std::move(next));
  }
  for (const OpenListener& open : impl_->listeners) {
    const auto same = [&](const OpenListener& each) { return each.key == open.key; };
    if (std::none_of(kept.begin(), kept.end(), same))
      for (const auto& worker : impl_->workers) worker->remove_listener(open.key);
  }
  for (const auto& [key, tls] : renewed)
    for (const auto& worker : impl_->workers) worker->renew_listener(key, tls);
  for (Fresh& each : fresh) {
    for (std::size_t i = 0; i < impl_->workers.size(); ++i)
      impl_->workers[i]->add_listener(each.sockets[i].release(), each.facts);
    kept.push_back(each.listener);
  }
  impl_->listeners = std::move(kept);
  return {};
}

std::vector<std::uint16_t> DataPlane::ports() const {
  std::vector<std::uint16_t> ports;
  for (const OpenListener& listener : impl_->listeners) ports.push_back(listener.port);
  return ports;
}

void DataPlane::start() {
  for (const auto& worker : impl_->workers)
    impl_->threads.emplace_back([&worker = *worker] { worker.run(); });
}

void DataPlane::snapshot_changed() {
  for (const auto& worker : impl_->workers) worker->snapshot_changed();
}

void DataPlane::drain(config::Millis limit, std::function<void()> done) {
  impl_->draining = impl_->workers.size();
  for (const auto& worker : impl_->workers) {
    worker->drain(limit, [this, done] {
      if (--impl_->draining == 0) done();
    });
  }
}

void DataPlane::stop() {
  for (const auto& worker : impl_->workers) worker->stop();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

std::size_t DataPlane::workers() const {
  return impl_->workers.size();
}

const WorkerCounters& DataPlane::counters(std::size_t worker) const {
  return impl_->workers[worker]->counters_view();
}

std::uint64_t DataPlane::take_records(const std::function<void(const RequestRecord&)>& visit) {
  std::uint64_t dropped = 0;
  for (const auto& worker : impl_->workers) {
    worker->records.take(visit);
    dropped += worker->records.dropped();
  }
  return dropped;
}

}  // namespace proxy
