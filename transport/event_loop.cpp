#include "transport/event_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace transport {
namespace {

constexpr std::size_t events_per_turn = 128;

}  // namespace

EventLoop::EventLoop()
    : epoll_{::epoll_create1(EPOLL_CLOEXEC)}, wake_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)} {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the mailbox
  if (epoll_ < 0 || wake_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0)
    throw std::system_error{errno, std::generic_category(), "event loop"};
}

EventLoop::~EventLoop() {
  ::close(wake_);
  ::close(epoll_);
}

bool EventLoop::add(int descriptor, std::uint32_t events, Pollable& pollable) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &pollable;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void EventLoop::remove(int descriptor) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
}

void EventLoop::again(Pollable& pollable) {
  if (pollable.again_) return;
  pollable.again_ = true;
  again_.push_back(&pollable);
}

void EventLoop::bury(std::unique_ptr<Pollable> pollable) {
  pollable->buried_ = true;
  buried_.push_back(std::move(pollable));
}

void EventLoop::run(std::chrono::milliseconds tick, const std::function<void()>& on_tick) {
  std::array<epoll_event, events_per_turn> events;
  Clock::time_point now = Clock::now();  // read once a turn
  Clock::time_point next_tick = now + tick;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_tick - now).count();
    const int wait = again_.empty() ? static_cast<int>(std::max<std::int64_t>(left, 0)) : 0;
    const int count = ::epoll_wait(epoll_, events.data(), events_per_turn, wait);
    bool mail = false;
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      auto* pollable = static_cast<Pollable*>(event.data.ptr);
      if (!pollable) {
        mail = true;
      } else if (!pollable->buried_) {
        pollable->on_events(event.events);
      }
    }
    if (!again_.empty()) run_again();
    if (mail) run_posted();
    now = Clock::now();
    if (now >= next_tick) {
      on_tick();
      now = Clock::now();
      next_tick = now + tick;
    }
    delete_buried();
    if (mail) {
      const std::lock_guard lock{mutex_};
      if (stopped_) return;
    }
  }
}

void EventLoop::run_again() {
  std::vector<Pollable*> due;
  due.swap(again_);  // who asks again meanwhile waits for the next turn
  for (Pollable* pollable : due) {
    pollable->again_ = false;
    if (!pollable->buried_) pollable->on_events(EPOLLIN);
  }
}

void EventLoop::run_posted() {
  std::uint64_t count = 0;
  (void)!::read(wake_, &count, sizeof count);
  std::vector<std::function<void()>> due;
  {
    const std::lock_guard lock{mutex_};
    due.swap(posted_);
  }
  for (const auto& function : due) function();
}

void EventLoop::delete_buried() {
  if (buried_.empty()) return;
  std::erase_if(again_, [](const Pollable* pollable) { return pollable->buried_; });
  buried_.clear();
}

void EventLoop::settle() {
  run_posted();
  again_.clear();
  delete_buried();
}

void EventLoop::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

void EventLoop::post(std::function<void()> function) {
  {
    const std::lock_guard lock{mutex_};
    posted_.push_back(std::move(function));
  }
  wake();
}

void EventLoop::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  wake();
}

}  // namespace transport
