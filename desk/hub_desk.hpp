// Asks the endpoints' Durable HTTP API what no single forwarded request can answer: which hub knows
// an instance, lists and purges over all hubs, makeprimary, the check of `durable.task_hub`. Owned
// by the app. Has a thread and an io_context of its own, so that a thousand look-ups at a hanging
// region delay neither a probe nor a worker.
//
// Every function may be called from any thread and returns at once. `done` is called exactly once:
// on the desk's thread, or inside the call itself when there is no room or the desk has stopped. It
// must not block, throw or call `stop`; hand the result over (EventLoop::post). After `stop` has
// returned the desk's thread is gone and every callback was called.
//
// Look-ups of the same thing with the same credential are joined while they are open: a thousand
// polls of one id are one request. Nobody gets an *absence* that was found out before they asked:
// for those who joined late the question is put once more.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "desk/jobs.hpp"

namespace desk {

struct DeskLimits {
  std::size_t in_flight = 256;   // jobs that have connections open
  std::size_t queue = 4096;      // jobs that wait for one of those places
  std::size_t waiters = 32'768;  // callbacks in all, joined ones included
  std::size_t look_up_body = 1 << 20;
  std::size_t list_body = 16 << 20;  // of one endpoint's answer
  // A look-up that has found its instance waits this long for the others' word.
  std::chrono::milliseconds second_opinion{250};
};

struct DeskCounts {                       // since the start
  std::uint64_t asked = 0;                // jobs run
  std::uint64_t joined = 0;               // callbacks served by somebody else's job
  std::uint64_t overloaded = 0;           // turned away
  std::uint64_t expired = 0;              // the deadline passed while waiting for a place
  std::size_t in_flight = 0, queued = 0;  // now
};

class HubDesk {
 public:
  explicit HubDesk(DeskLimits limits = {});
  ~HubDesk();  // stops
  HubDesk(const HubDesk&) = delete;
  HubDesk& operator=(const HubDesk&) = delete;

  void look_up(LookUp job, std::function<void(Found)> done);
  void list(ListJob job, std::function<void(Answer)> done);
  void purge(PurgeJob job, std::function<void(Answer)> done);
  void make_primary(MakePrimaryJob job, std::function<void(MakePrimaryResult)> done);
  void start(StartJob job, std::function<void(StartResult)> done);
  void terminate(TerminateJob job, std::function<void(TerminateResult)> done);
  void check_hub_claim(HubClaimJob job, std::function<void(durable::HubClaim)> done);

  DeskCounts counts() const;
  void stop();  // from any thread but the desk's own; again is harmless

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The check alone, on the calling thread: for `validate --probe`.
durable::HubClaim check_hub_claim_blocking(HubClaimJob job);

}  // namespace desk
