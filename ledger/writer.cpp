#include "ledger/writer.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

namespace ledger {
namespace {

std::unique_ptr<Store> opened(std::unique_ptr<Store> store) {
  store->open();
  return store;
}

}  // namespace

Writer::Writer(std::unique_ptr<Store> store, Options options, Work work, const NameTable& places,
               std::string trouble)
    : store_{std::move(store)},
      options_{options},
      work_{std::move(work)},
      places_{places},
      open_{trouble.empty()},
      next_open_{Clock::now() + options.retry},
      next_trim_{Clock::now()} {
  status_.ok = open_;
  status_.message = std::move(trouble);
  thread_ = std::thread{[this] { run(); }};
}

Writer::Writer(std::unique_ptr<Store> store, Options options, const NameTable& places)
    : Writer{opened(std::move(store)), options, Work{}, places, {}} {}

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
    if (is_first) queued_since_ = Clock::now();
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

void Writer::wake() {
  if (woken_.exchange(true)) return;
  {
    const std::lock_guard lock{mutex_};
  }  // the thread is either before its look or asleep
  wake_.notify_one();
}

void Writer::attach(WriterGuest& guest) {
  {
    const std::lock_guard lock{mutex_};
    attached_ = &guest;
    has_guest_ = !ended_;
    detaching_ = false;
    woken_ = true;
  }
  wake_.notify_one();
}

void Writer::detach() {
  std::unique_lock lock{mutex_};
  detaching_ = true;
  wake_.notify_one();
  guest_left_.wait(lock, [this] { return !has_guest_; });
}

void Writer::run() {
  for (;;) {
    const Due due = wait();
    work(due);
    if (due.leave) finish_detach();
    if (due.stop && (!open_ || all_written())) break;
  }
  finish_detach();
}

Writer::Due Writer::wait() {
  // Not under the lock, which whoever wakes takes too. Only a turn changes it.
  Clock::time_point next_turn = Clock::time_point::max();  // g++ 12 warns of an optional here
  if (guest_ != nullptr) next_turn = guest_->next_turn().value_or(next_turn);
  std::unique_lock lock{mutex_};
  Due due;
  for (;;) {
    if (guest_ == nullptr) guest_ = attached_;  // woken, so its first turn is next
    const Clock::time_point now = Clock::now();
    due.stop = stopping_;
    due.leave = has_guest_ && (stopping_ || detaching_);
    due.turn = guest_ != nullptr && (woken_ || next_turn <= now);
    due.changes = stopping_ || !batch_.empty() || more_left_ || is_half_full() ||
                  (!queue_.empty() && queued_since_ + options_.gather <= now);
    if (due.stop || due.leave || due.turn) return due;
    Clock::time_point until = wait_until(now);
    if (until <= now) return due;
    until = std::min(until, next_turn);
    wake_.wait_until(lock, until);
  }
}

// The guest's own times aside.
Writer::Clock::time_point Writer::wait_until(Clock::time_point now) const {
  if (!open_) return next_open_;
  if (!batch_.empty() || more_left_ || is_half_full()) return now;
  Clock::time_point until = next_trim_;
  if (!queue_.empty()) until = std::min(until, queued_since_ + options_.gather);
  if (!pending_.empty()) until = std::min(until, pending_since_ + options_.gather);
  return until;
}

void Writer::work(const Due& due) {
  try {
    const Clock::time_point now = Clock::now();
    if (!open_ && (due.stop || next_open_ <= now)) open();
    // Its answer comes before the next turn.
    if (!pending_.empty() && (due.turn || due.leave || pending_since_ + options_.gather <= now))
      commit();
    if (open_ && guest_ != nullptr && !announced_) {
      guest_->opened(*store_);
      announced_ = true;
    }
    if (due.turn) take_turn();
    if (due.leave && !pending_.empty()) commit();
    if (open_ && due.changes) commit();
    if (open_ && !due.stop && next_trim_ <= now) trim();
  } catch (const StoreError& error) {
    fail(error);
  }
}

void Writer::open() {
  store_->open();
  open_ = true;
  commit();  // first, so that what was forgotten meanwhile is not read back
  note(true, {}, 0);
  if (work_.opened) work_.opened(*store_);
}

void Writer::take_turn() {
  woken_ = false;  // before the guest looks at what has come
  try {
    guest_->turn(open_ ? store_.get() : nullptr, pending_);
  } catch (const StoreError& error) {
    fail(error);
    return;
  }
  if (pending_.empty()) return;
  pending_since_ = Clock::now();
  if (!open_)
    answer_guest(false, status().message, {});
  else if (pending_.sync)
    commit();
}

// The next of the directory's changes, and what the guest has added.
void Writer::commit() {
  if (batch_.empty()) {
    {
      const std::lock_guard lock{mutex_};
      batch_.swap(queue_);
    }
    batch_done_ = 0;
    // Behind what was queued: of one instance that is the older change.
    if (work_.left_over) more_left_ = work_.left_over(batch_);
  }
  const std::size_t count = std::min(batch_.size() - batch_done_, options_.most_at_once);
  const Group group{std::span{batch_}.subspan(batch_done_, count), pending_.starts,
                    pending_.actions, pending_.sync};
  if (count == 0 && pending_.empty()) return;
  const Clock::time_point begun = Clock::now();
  store_->write(group, places_);
  const auto took = Clock::now() - begun;
  batch_done_ += count;
  if (batch_done_ == batch_.size()) batch_.clear();
  note(true, {}, count);
  answer_guest(true, {}, took);
  store_->maintain();
}

void Writer::trim() {
  bool more = work_.trim && work_.trim(*store_);
  if (guest_ != nullptr && guest_->trim(*store_)) more = true;
  if (!more) next_trim_ = Clock::now() + options_.trim_every;
}

// The store has closed itself. What the directory changed is kept.
void Writer::fail(const StoreError& error) {
  open_ = false;
  announced_ = false;
  next_open_ = Clock::now() + options_.retry;
  note(false, error.what(), 0);
  answer_guest(false, error.what(), {});
}

void Writer::answer_guest(bool ok, const std::string& why, std::chrono::nanoseconds took) {
  if (pending_.empty()) return;
  pending_.starts.clear();
  pending_.actions.clear();
  pending_.sync = false;
  guest_->written(ok, why, took);
}

void Writer::finish_detach() {
  guest_ = nullptr;
  announced_ = false;
  const std::lock_guard lock{mutex_};
  attached_ = nullptr;
  has_guest_ = detaching_ = false;
  ended_ = stopping_;
  guest_left_.notify_all();
}

bool Writer::is_half_full() const {
  return queue_.size() >= options_.most_queued / 2;
}

bool Writer::all_written() const {
  const std::lock_guard lock{mutex_};
  return batch_.empty() && queue_.empty();
}

void Writer::note(bool ok, const std::string& message, std::size_t written) {
  const std::lock_guard lock{mutex_};
  status_.ok = ok;
  status_.message = message;
  status_.written += written;
}

}  // namespace ledger
