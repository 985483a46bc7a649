// The one writer thread of a store. The directory pushes changes, which gather for a moment; the
// start ledger is its guest, whose turns run on this thread and whose groups are written at once
// when somebody waits for them. What the disk refuses of the directory's is kept and tried again;
// the guest is told. Owned by the directory, or by the start ledger when there is no file.
#pragma once

#include <atomic>
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

#include "ledger/name_table.hpp"
#include "ledger/store.hpp"
#include "ledger/writer_guest.hpp"

namespace ledger {

class Writer {
 public:
  struct Options {
    std::size_t most_queued = 65536;
    std::chrono::milliseconds gather{50};  // a group that nobody waits for waits for company
    std::chrono::milliseconds retry{1000};
    std::chrono::milliseconds trim_every{60'000};
    std::size_t most_at_once = 2048;  // changes of instances in one group: starts wait behind it
  };
  // The directory's part, called on the writer thread; the first two may throw StoreError.
  struct Work {
    std::function<void(Store&)> opened;  // after each time the store was opened again
    std::function<bool(Store&)> trim;    // true: more is left
    // Adds changes that did not fit the queue earlier. True: there may be more.
    std::function<bool(std::vector<InstanceWrite>&)> left_over;
  };
  struct Status {
    bool ok = true;
    std::string message;
    std::uint64_t written = 0;  // changes of instances
    std::uint64_t dropped = 0;
  };

  // `trouble`: why the store could not be opened so far; empty: it is open.
  Writer(std::unique_ptr<Store>, Options, Work, const NameTable& places, std::string trouble);
  // Without a directory's part; opens the store, throws StoreError.
  Writer(std::unique_ptr<Store>, Options, const NameTable& places);
  ~Writer();  // a last turn and a last group, unless the disk refuses
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  bool push(InstanceWrite&&);  // false: no room
  Status status() const;

  // One guest. Its opened() and a first turn follow at once.
  void attach(WriterGuest&);
  // Runs a last turn if it was woken, writes what it added, and returns when the guest will not be
  // called any more. Not from the guest's own functions.
  void detach();
  // Any thread: the guest has something to do. Nearly free when it was woken already.
  void wake();

 private:
  using Clock = std::chrono::steady_clock;
  struct Due {  // what wait() found there is to do
    bool stop = false, leave = false, turn = false, changes = false;
  };

  void run();
  Due wait();
  Clock::time_point wait_until(Clock::time_point now) const;
  bool is_half_full() const;  // the queue
  bool all_written() const;
  void work(const Due&);
  void open();
  void take_turn();
  void commit();
  void trim();
  void fail(const StoreError&);
  void answer_guest(bool ok, const std::string& why, std::chrono::nanoseconds took);
  void finish_detach();
  void note(bool ok, const std::string& message, std::size_t written);

  const std::unique_ptr<Store> store_;
  const Options options_;
  const Work work_;
  const NameTable& places_;

  // The thread's own.
  std::vector<InstanceWrite> batch_;
  std::size_t batch_done_ = 0;  // of them are written
  GuestWrites pending_;         // of the turn that was not answered yet
  Clock::time_point pending_since_{};
  WriterGuest* guest_ = nullptr;
  bool announced_ = false;  // to the guest: that the store is open
  bool open_;
  bool more_left_ = false;
  Clock::time_point next_open_{};
  Clock::time_point next_trim_;

  std::atomic<bool> woken_ = false;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable guest_left_;
  std::vector<InstanceWrite> queue_;
  Clock::time_point queued_since_{};
  WriterGuest* attached_ = nullptr;  // what the thread is to have as guest
  bool has_guest_ = false;           // the thread may call it
  bool detaching_ = false;
  Status status_;
  bool stopping_ = false;
  bool ended_ = false;

  std::thread thread_;  // last: started when the rest is there
};

}  // namespace ledger
