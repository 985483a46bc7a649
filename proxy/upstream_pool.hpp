// Upstream connections of one worker: idle ones wait in a LIFO per endpoint (the warmest is used
// first, the coldest times out), each with an armed read that notices when the upstream closes it.
// A borrowed connection reports to the exchange that borrowed it. Worker thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/snapshot.hpp"
#include "transport/channel.hpp"
#include "transport/event_loop.hpp"

namespace proxy {

class UpstreamPool;

class UpstreamConnection final : public transport::ReadinessTarget {
 public:
  UpstreamConnection(transport::EventLoop& loop, UpstreamPool& pool,
                     std::shared_ptr<Upstream> upstream, EndpointCounters& counters);

  transport::Channel& channel() { return *channel_; }
  Upstream& upstream() { return *upstream_; }
  EndpointCounters& counters() { return counters_; }
  bool reused() const { return reused_; }

  void on_ready(std::uint8_t bit) override;  // idle: the upstream closed or spoke out of turn

 private:
  friend class UpstreamPool;

  std::unique_ptr<transport::Channel> channel_;
  UpstreamPool& pool_;
  std::shared_ptr<Upstream> upstream_;
  EndpointCounters& counters_;
  UpstreamConnection* newer_ = nullptr;  // idle list, newest at the head
  UpstreamConnection* older_ = nullptr;
  std::uint32_t idle_since_ = 0;  // tick
  bool idle_ = false;
  bool reused_ = false;
};

class UpstreamPool {
 public:
  UpstreamPool(transport::EventLoop& loop, std::size_t worker) : loop_{loop}, worker_{worker} {}

  // The most recently used idle connection, or null. `verify` looks at the socket first: for
  // requests that must not be repeated a connection that has ended is worse than a new one.
  UpstreamConnection* take(const Upstream& upstream, bool verify);
  UpstreamConnection* create(const std::shared_ptr<Upstream>& upstream);
  // Gives a connection back: between two messages, nothing unread, nothing unsent.
  void put(UpstreamConnection* connection, std::uint32_t tick);
  void discard(UpstreamConnection* connection,
               transport::Channel::How how = transport::Channel::How::gentle);

  void close_idle_before(std::uint32_t tick);  // connections idle since before this tick
  void close_idle_of(routing::EndpointId id);  // the endpoint went away or was drained
  void close_all_idle();
  std::size_t connections() const { return connections_; }

 private:
  friend class UpstreamConnection;
  struct Idle {
    UpstreamConnection* newest = nullptr;
    UpstreamConnection* oldest = nullptr;
    std::size_t count = 0;
  };
  static constexpr std::size_t most_idle = 512;  // per endpoint and worker

  Idle& idle_of(routing::EndpointId id);
  void unlink(UpstreamConnection* connection);

  transport::EventLoop& loop_;
  std::size_t worker_;
  std::vector<Idle> idle_;  // by endpoint id
  std::size_t connections_ = 0;
};

}  // namespace proxy
