// Where other threads leave what they saw for the control thread: bounded, so that a storm of
// failures cannot fill the memory or the control thread's queue. `put` is called on any thread and
// says whether the control thread must be woken; `take` is called on the control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "health/evidence.hpp"

namespace app {

template <class T>
class Inbox {
 public:
  static constexpr std::size_t most = 4096;

  // True when nothing waited before: one wake-up serves all that follow until `take`.
  bool put(T item) {
    const std::lock_guard lock{mutex_};
    if (waiting_.size() >= most) {
      ++dropped_;
      return false;
    }
    waiting_.push_back(std::move(item));
    return waiting_.size() == 1;
  }

  // Moves what waits into `into` (emptied first); returns how many were dropped since the last
  // time.
  std::uint64_t take(std::vector<T>& into) {
    into.clear();
    const std::lock_guard lock{mutex_};
    waiting_.swap(into);
    return std::exchange(dropped_, 0);
  }

 private:
  std::mutex mutex_;
  std::vector<T> waiting_;
  std::uint64_t dropped_ = 0;
};

using EvidenceInbox = Inbox<health::Evidence>;

}  // namespace app
