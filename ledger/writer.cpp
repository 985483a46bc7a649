#include "ledger/writer.hpp"

#include <iterator>
#include <utility>

namespace ledger {

Writer::Writer(std::unique_ptr<Store> store, Options options, Work work, std::string trouble)
    : store_{std::move(store)},
      options_{options},
      work_{std::move(work)},
      open_{trouble.empty()},
      next_trim_{std::chrono::steady_clock::now()} {
  status_.ok = open_;
  status_.message = std::move(trouble);
  thread_ = std::thread{[this] { run(); }};
}

Writer::~Writer() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Writer::push(InstanceWrite&& write) {
  bool is_first = false;
  bool is_half_full = false;
  {
    const std::lock_guard lock{mutex_};
    if (queue_.size() >= options_.most_queued) {
      ++status_.dropped;
      return false;
    }
    is_first = queue_.empty();
    queue_.push_back(std::move(write));
    is_half_full = queue_.size() == options_.most_queued / 2;
  }
  if (is_first || is_half_full) wake_.notify_one();
  return true;
}

Writer::Status Writer::status() const {
  const std::lock_guard lock{mutex_};
  return status_;
}

void Writer::run() {
  for (;;) {
    const bool last = wait();
    const bool ok = commit(last);
    if (last && (!ok || batch_.empty())) return;
  }
}

bool Writer::wait() {
  std::unique_lock lock{mutex_};
  const auto must_stop = [this] { return stopping_; };
  if (!status_.ok) {
    wake_.wait_for(lock, options_.retry, must_stop);
  } else if (!more_left_) {
    wake_.wait_until(lock, next_trim_, [this] { return stopping_ || !queue_.empty(); });
    if (!queue_.empty())
      wake_.wait_for(lock, options_.gather,
                     [this] { return stopping_ || queue_.size() >= options_.most_queued / 2; });
  }
  // What failed goes first, alone, so that the changes of one key stay in order.
  if (batch_.empty()) batch_.swap(queue_);
  return stopping_;
}

bool Writer::commit(bool stopping) {
  try {
    const bool reopened = !open_;
    if (reopened) {
      store_->open();
      open_ = true;
    }
    // Behind what was queued: of one instance that is the older change.
    more_left_ = work_.left_over(batch_);
    if (!batch_.empty()) store_->write(batch_);
    note(true, {}, batch_.size());
    batch_.clear();
    // After the batch, so that what was forgotten meanwhile is not read back.
    if (reopened) work_.opened(*store_);
    if (stopping || std::chrono::steady_clock::now() < next_trim_) return true;
    if (!work_.trim(*store_)) next_trim_ = std::chrono::steady_clock::now() + options_.trim_every;
    return true;
  } catch (const StoreError& error) {
    open_ = false;  // the store has closed itself
    note(false, error.what(), 0);
    return false;
  }
}

void Writer::note(bool ok, const std::string& message, std::size_t written) {
  const std::lock_guard lock{mutex_};
  status_.ok = ok;
  status_.message = message;
  status_.written += written;
}

}  // namespace ledger
