// The event loop of one worker thread: epoll, a tick, and a mailbox for other threads. Edge
// triggered, so that a connection costs one epoll_ctl in its life instead of one per message; with
// Asio's reactor a proxied GET took 6.1 system calls and two of them only re-armed a wait, here it
// takes 4.1. Everything but `post` and `stop` belongs to the thread that runs it.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace transport {

// Something with a descriptor in the loop. After `bury` it gets no event any more, also none that
// the kernel had already handed out.
class Pollable {
 public:
  virtual ~Pollable() = default;

 protected:
  virtual void on_events(std::uint32_t events) = 0;  // EPOLLIN, EPOLLOUT, EPOLLERR...

 private:
  friend class EventLoop;
  bool buried_ = false;
  bool again_ = false;  // in the list of those that go on without a new event
};

class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  bool add(int descriptor, std::uint32_t events, Pollable& pollable);
  void remove(int descriptor);

  // Calls on_events(events) once more after the others had their turn: for what stopped before the
  // kernel's buffer was empty, where no new edge would come.
  void again(Pollable& pollable);

  // Deletes it when nothing of the present turn can refer to it any more.
  void bury(std::unique_ptr<Pollable> pollable);

  // `on_tick` is called every `tick` (late when a turn takes longer, never twice at once).
  void run(std::chrono::milliseconds tick, const std::function<void()>& on_tick);
  void stop();                                // any thread; `run` returns after its present turn
  void post(std::function<void()> function);  // any thread; runs in the loop, in order

  // Runs what was posted and deletes what was buried, without waiting: for the end of a worker.
  void settle();

 private:
  void wake();
  void run_posted();
  void run_again();
  void delete_buried();

  int epoll_ = -1;
  int wake_ = -1;  // eventfd
  std::vector<Pollable*> again_;
  std::vector<std::unique_ptr<Pollable>> buried_;
  std::mutex mutex_;  // guards posted_ and stopped_
  std::vector<std::function<void()>> posted_;
  bool stopped_ = false;
};

}  // namespace transport
