// A listening socket of one worker. Accepts until the queue is empty; tells clients above the
// connection cap so; pauses for a tick when descriptors run out, instead of spinning. Worker thread
// only.
#pragma once

#include <deque>

#include "proxy/worker.hpp"
#include "transport/event_loop.hpp"

namespace proxy {

class Listener final : public transport::Pollable {
 public:
  Listener(Worker& worker, const ListenerFacts& facts) : worker_{worker}, facts_{facts} {}
  ~Listener() override { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  bool adopt(int descriptor);
  void tick();
  void close();
  void renew(transport::TlsContext tls) { facts_.tls = std::move(tls); }
  const ListenerFacts& facts() const { return facts_; }

 private:
  void on_events(std::uint32_t events) override;
  bool accept_one();  // false: the queue is empty, or accepting pauses
  void turn_away(int descriptor);

  Worker& worker_;
  ListenerFacts facts_;
  int descriptor_ = -1;
  bool paused_ = false;
  struct TurnedAway {
    int descriptor;
    std::uint32_t until;  // tick
  };
  std::deque<TurnedAway> turned_away_;
};

}  // namespace proxy
