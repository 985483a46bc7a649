// What a turn hands to the writer, what follows when it is on disk, and what of it others may see.
#include <algorithm>
#include <utility>

#include "ledger/start_driver.hpp"
#include "ledger/start_failover.hpp"

namespace ledger {
namespace {

constexpr config::Millis write_lazily{50};

std::size_t bucket(double seconds) {
  const auto bound = std::lower_bound(commit_bounds_s.begin(), commit_bounds_s.end(), seconds);
  return static_cast<std::size_t>(bound - commit_bounds_s.begin());
}

std::size_t bucket(std::size_t size) {
  const auto bound = std::lower_bound(group_bounds.begin(), group_bounds.end(), size);
  return static_cast<std::size_t>(bound - group_bounds.begin());
}

}  // namespace

void StartDriver::mark_dirty(StartRecord& record) {
  record.entry.changed = now_.wall;
  if (!std::exchange(record.dirty, true)) dirty_.push_back(record.entry.number);
  if (!write_by_) write_by_ = now_.steady + write_lazily;
}

void StartDriver::collect(GuestWrites& writes) {
  const bool due = stopping_ || (write_by_ && now_.steady >= *write_by_);
  if (!commits_wait_ && !due) return;
  write_by_.reset();  // of a disk that refuses: opened() asks again
  std::vector<std::uint64_t> later;
  for (const std::uint64_t number : dirty_) {
    StartRecord* record = book_.find(number);
    if (record == nullptr || !record->dirty) continue;
    if (store_ == nullptr && !record->committing)
      later.push_back(number);
    else
      hand_over(*record, writes);
  }
  dirty_ = std::move(later);
  if (store_ != nullptr) {
    for (const std::uint64_t number : removals_)
      writes.starts.push_back(StartWrite{number, nullptr, false, false});
    removing_.swap(removals_);
    writes.actions.insert(writes.actions.end(), actions_.begin(), actions_.end());
    recording_.swap(actions_);
  }
  writes.sync = !writes.empty() && (commits_wait_ || stopping_);
  commits_wait_ = false;
}

void StartDriver::hand_over(StartRecord& record, GuestWrites& writes) {
  record.dirty = false;
  if (record.committing) ++group_commits_;
  group_.push_back(record.entry.number);
  if (record.maybe_on_disk && !record.on_disk)
    writes.starts.push_back(StartWrite{record.entry.number, nullptr, false, false});
  writes.starts.push_back(
      StartWrite{record.entry.number, &record.entry, !record.on_disk, record.drop_body});
}

void StartDriver::written(bool ok, const std::string& why, std::chrono::nanoseconds took) {
  now_ = options_.now();
  disk_refuses_ = !ok;
  if (ok)
    disk_alarm_ = false;
  else
    disk_why_ = why;
  note_commit(ok, took);
  if (!ok) {
    removals_.insert(removals_.end(), removing_.begin(), removing_.end());
    actions_.insert(actions_.end(), recording_.begin(), recording_.end());
  }
  removing_.clear();
  recording_.clear();
  const std::vector<std::uint64_t> group = std::exchange(group_, {});
  for (const std::uint64_t number : group)
    if (StartRecord* record = book_.find(number)) after_write(*record, ok);
  note_status();
}

void StartDriver::after_write(StartRecord& record, bool ok) {
  if (ok) {
    record.on_disk = true;
    record.drop_body = false;
  } else {
    record.maybe_on_disk = true;
    if (!std::exchange(record.dirty, true)) dirty_.push_back(record.entry.number);
  }
  if (record.committing) {
    Effects held = std::exchange(record.held, {});
    record.committing = false;
    record.busy = true;
    if (ok) {
      perform(record, std::move(held), nullptr);
    } else {
      promise_broken(held);
      step(record, CommitFailed{std::move(held)});
    }
    record.busy = false;
  }
  drain(record);
}

void StartDriver::note_commit(bool ok, std::chrono::nanoseconds took) {
  const std::size_t starts = std::exchange(group_commits_, 0);
  if (starts == 0) return;
  if (!ok) {
    ++counts_.commit_failures;
    return;
  }
  const double seconds = std::chrono::duration<double>(took).count();
  ++counts_.commits;
  counts_.committed_starts += starts;
  counts_.commit_seconds += seconds;
  ++counts_.commit_buckets[bucket(seconds)];
  ++counts_.group_buckets[bucket(starts)];
}

void StartDriver::note_status() {
  counts_.queued = book_.count(StartState::queued);
  counts_.in_flight = book_.count(StartState::in_flight);
  counts_.unknown = book_.count(StartState::unknown);
  counts_.listed = book_.listed();
  counts_.waiting = book_.open().size();
  counts_.doubtful = kept_.count.load(std::memory_order_relaxed);
  counts_.oldest_open_s.reset();
  if (!book_.open().empty()) {
    const TimePoint since = book_.open().begin()->second->entry.watch.arrived;
    counts_.oldest_open_s = std::chrono::duration<double>(now_.steady - since).count();
  }
  counts_.disk_ok = !disk_refuses_ && !full_;
  if (disk_refuses_)
    counts_.disk_message = disk_why_.empty() ? "the disk refuses" : disk_why_;
  else
    counts_.disk_message =
        full_ ? "the start ledger is above max_size and holds nothing that may go" : "";
  const std::lock_guard lock{status_mutex_};
  status_ = counts_;
  loaded_ = loaded_ || picture_ != nullptr;
  stopped_ = stopping_ && all_done();
  if (loaded_ || stopped_) stopped_changed_.notify_all();
}

bool StartDriver::all_done() const {
  if (commits_wait_ || !group_.empty() || !removing_.empty() || !recording_.empty()) return false;
  return disk_refuses_ || (dirty_.empty() && removals_.empty() && actions_.empty());
}

StartLedgerStatus StartDriver::status() const {
  const std::lock_guard lock{status_mutex_};
  StartLedgerStatus status = status_;
  status.doubtful = kept_.count.load(std::memory_order_relaxed);
  return status;
}

void StartDriver::wait_until_loaded(config::Millis most) {
  std::unique_lock lock{status_mutex_};
  stopped_changed_.wait_for(lock, most, [this] { return loaded_ || stopped_; });
}

void StartDriver::wait_until_stopped() {
  std::unique_lock lock{status_mutex_};
  stopped_changed_.wait(lock, [this] { return stopped_; });
}

}  // namespace ledger
