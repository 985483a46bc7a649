// How the other threads reach the ledger's: what they want done there, in the order in which they
// asked. Shared by the ledger and by every callback that is still out, so that one which comes back
// after the ledger's end finds a closed box. Any thread.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace ledger {

class StartDriver;

class StartMailbox {
 public:
  using Message = std::function<void(StartDriver&)>;

  // `wake` makes the ledger's thread take a turn.
  void open(std::function<void()> wake) {
    const std::lock_guard lock{mutex_};
    wake_ = std::move(wake);
  }
  // After it nobody is woken, and what comes is dropped.
  void close() {
    std::vector<Message> dropped;  // outside the lock: what they hold may post
    const std::lock_guard lock{mutex_};
    wake_ = nullptr;
    dropped.swap(messages_);
  }
  void post(Message message) {
    const std::lock_guard lock{mutex_};
    if (!wake_) return;
    messages_.push_back(std::move(message));
    if (messages_.size() == 1) wake_();
  }
  // Into an empty vector, whose memory is used for the next ones.
  void take(std::vector<Message>& into) {
    const std::lock_guard lock{mutex_};
    into.swap(messages_);
  }

 private:
  std::mutex mutex_;
  std::function<void()> wake_;
  std::vector<Message> messages_;
};

}  // namespace ledger
