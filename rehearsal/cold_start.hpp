// How long a host takes that the platform has unloaded: the first request after the start, or
// after so long without one, waits for the host, and others that come meanwhile wait for the same
// end. Every request that reaches the function host warms it, a probe as well as an order, because
// the real thing cannot tell them apart; what a front end answers in its place (stopped, offline, a
// fault that was set) and the switches of the stand-in do not. Only requests count: what the app
// does for its task hub neither waits nor keeps it warm.
// Owned by FunctionApp, one thread. Pure; time is an argument.
#pragma once

#include <chrono>

namespace rehearsal {

class ColdStart {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `takes` of zero: the host is always warm.
  ColdStart(std::chrono::milliseconds takes, std::chrono::milliseconds idle_after)
      : takes_{takes}, idle_after_{idle_after} {}

  // When a request that comes now reaches the functions.
  TimePoint admit(TimePoint now);
  void unload() { loaded_ = false; }  // the host ended: it begins anew with the next request

 private:
  std::chrono::milliseconds takes_, idle_after_;
  bool loaded_ = false;
  TimePoint warm_at_{};
  TimePoint last_{};  // when it last had something to do
};

}  // namespace rehearsal
