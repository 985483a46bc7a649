// One writer replaces the value; any thread takes an unchanging snapshot of it. A reader that keeps
// a snapshot compares `version()` (one acquire load) before it takes the lock again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace routing {

template <class T>
class Published {
 public:
  explicit Published(std::shared_ptr<const T> initial) : current_{std::move(initial)} {}

  std::shared_ptr<const T> snapshot() const {
    const std::lock_guard lock{mutex_};
    return current_;
  }
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  void publish(std::shared_ptr<const T> next) {
    const std::lock_guard lock{mutex_};
    current_.swap(next);
    version_.fetch_add(1, std::memory_order_release);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> current_;
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace routing
