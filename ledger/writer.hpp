// The one writer thread: takes changes from any thread, commits them in groups, and goes on trying
// while the disk refuses. Owned by the directory, for now its only user.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ledger/store.hpp"

namespace ledger {

class Writer {
 public:
  struct Options {
    std::size_t most_queued = 65536;
    std::chrono::milliseconds gather{50};  // a group waits this long for company
    std::chrono::milliseconds retry{1000};
    std::chrono::milliseconds trim_every{60'000};
  };
  // All called on the writer thread, the first two may throw StoreError.
  struct Work {
    std::function<void(Store&)> opened;  // after each time the store was opened again
    std::function<bool(Store&)> trim;    // true: more is left
    // Adds changes that did not fit the queue earlier. True: there may be more.
    std::function<bool(std::vector<InstanceWrite>&)> left_over;
  };
  struct Status {
    bool ok = true;
    std::string message;
    std::uint64_t written = 0;
    std::uint64_t dropped = 0;
  };

  // `trouble`: why the store could not be opened so far; empty: it is open.
  Writer(std::unique_ptr<Store>, Options, Work, std::string trouble);
  ~Writer();  // writes what is queued, once
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  bool push(InstanceWrite&&);  // false: no room
  Status status() const;

 private:
  void run();
  bool wait();  // for something to do; true: for the last time
  bool commit(bool stopping);
  void note(bool ok, const std::string& message, std::size_t written);

  const std::unique_ptr<Store> store_;
  const Options options_;
  const Work work_;

  // The thread's own.
  std::vector<InstanceWrite> batch_;
  bool open_;
  bool more_left_ = false;
  std::chrono::steady_clock::time_point next_trim_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<InstanceWrite> queue_;
  Status status_;
  bool stopping_ = false;

  std::thread thread_;  // last: started when the rest is there
};

}  // namespace ledger
