// One worker: a thread with its own event loop, listeners, client connections, upstream pool,
// scratch memory and counters. Everything here is touched by its own thread only, except the
// counters (relaxed reads) and what is posted to the loop.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/buffers.hpp"
#include "proxy/counters.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/head.hpp"
#include "proxy/record_ring.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/upstream_pool.hpp"
#include "routing/stickiness.hpp"
#include "transport/event_loop.hpp"
#include "transport/tls_context.hpp"

namespace proxy {

class ClientConnection;
class DoubtfulConnection;

// What the workers of one data plane share; outlives them.
struct Shared {
  DataPlane::SnapshotBox* snapshots = nullptr;
  routing::StickyTable* sticky = nullptr;
  DurableServices durable;
  DataPlaneCallbacks callbacks;
  std::string via;         // "1.1 understudy-1a2b3c": also how a loop is recognised
  std::uint64_t seed = 0;  // for trace ids
  std::vector<const WorkerCounters*> all_counters;
};

// A listening address as one worker has it: its own SO_REUSEPORT socket (listener.hpp).
class Listener;
struct ListenerFacts {
  std::size_t key = 0;  // identifies the listener over reloads
  bool loopback = false;
  transport::TlsContext tls;  // null: cleartext
};

// A snapshot as one worker caches it. Requests hold it by a plain count: the shared_ptr's own count
// would be one cache line that all workers write for every request.
struct CachedSnapshot {
  std::shared_ptr<const Snapshot> value;
  std::uint32_t users = 0;
};

class SnapshotHold {
 public:
  SnapshotHold() = default;
  explicit SnapshotHold(CachedSnapshot* cached) : cached_{cached} {
    if (cached_) ++cached_->users;
  }
  SnapshotHold(SnapshotHold&& other) noexcept : cached_{std::exchange(other.cached_, nullptr)} {}
  SnapshotHold& operator=(SnapshotHold&& other) noexcept {
    std::swap(cached_, other.cached_);
    return *this;
  }
  SnapshotHold(const SnapshotHold&) = delete;
  SnapshotHold& operator=(const SnapshotHold&) = delete;
  ~SnapshotHold() {
    if (cached_ && --cached_->users == 0) delete cached_;
  }
  const Snapshot* operator->() const { return cached_->value.get(); }
  const Snapshot& operator*() const { return *cached_->value; }
  explicit operator bool() const { return cached_ != nullptr; }

 private:
  CachedSnapshot* cached_ = nullptr;
};

class Worker {
 public:
  static constexpr std::chrono::milliseconds tick_length{100};

  Worker(std::size_t index, Shared& shared);
  ~Worker();

  // Control thread.
  void run();  // until `stop`; the worker's thread function
  void add_listener(int descriptor, const ListenerFacts& facts);
  void remove_listener(std::size_t key);
  void renew_listener(std::size_t key, transport::TlsContext tls);  // certificates were read anew
  void snapshot_changed();
  void drain(config::Millis limit, std::function<void()> done);
  void stop();
  const WorkerCounters& counters_view() const { return counters; }

  // Worker thread, used by connections and exchanges.
  const Snapshot& snapshot();  // cached; refreshed when the published version changed
  SnapshotHold hold_snapshot() { return (void)snapshot(), SnapshotHold{cached_}; }
  std::uint32_t deadline_in(config::Millis span) const;
  std::uint32_t tick() const { return tick_; }
  bool draining() const { return draining_; }
  // Since 1970, by the wall clock of the last tick: a step of that clock shows a tick late.
  std::int64_t wall_microseconds(std::chrono::steady_clock::time_point at) const {
    return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count() +
           wall_offset_us_;
  }
  std::string_view date();  // "Mon, 01 Jan 2026 00:00:00 GMT", once a second
  void make_traceparent(char (&into)[56]);
  std::uint64_t random();  // for what needs no secrecy
  void report(routing::EndpointId endpoint, health::EvidenceKind kind);
  // Routes of the app that were seen to answer with a check-status payload: starters that nobody
  // listed. Bounded; by method POST and path.
  void learn_starter(std::string_view path);
  bool is_starter(std::string_view path) const {
    return !starters_.empty() && starters_.find(path) != starters_.end();
  }
  bool over_limit(std::size_t limit, Counter WorkerCounters::* which) const;
  // A connection is in exactly one list: parked (in order of parking, all with the same idle time)
  // or active (swept on every tick).
  void to_active(ClientConnection* connection);
  void to_parked(ClientConnection* connection);
  void opened(ClientConnection* connection);
  void closed(ClientConnection* connection);  // deletes it

  const std::size_t index;
  Shared& shared;
  transport::EventLoop loop;
  WorkerCounters counters;
  Scratch scratch;
  BlockPool blocks;
  UpstreamPool pool;
  RecordRing records;
  std::vector<DoubtfulConnection*> doubtful;  // kept for late answers; each deletes itself
  RequestHead request_head;                   // scratch: valid until the next suspension
  ResponseHead response_head;                 // likewise

 private:
  friend class Listener;
  void on_tick();
  void look_again();
  void compare_clocks();
  template <class Visit>
  void each_connection(Visit visit);
  void close_listeners();
  void close_everything();
  void check_drained();

  CachedSnapshot* cached_ = nullptr;
  SnapshotHold current_;  // keeps cached_ alive
  std::uint64_t snapshot_version_ = 0;
  std::uint32_t tick_ = 1;
  bool draining_ = false;
  bool stopping_ = false;
  std::uint32_t drain_deadline_ = 0;
  std::function<void()> drained_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  struct List {
    ClientConnection* first = nullptr;
    ClientConnection* last = nullptr;
    void add(ClientConnection* connection);
    void remove(ClientConnection* connection);
  };
  List active_, parked_;
  std::size_t connection_count_ = 0;
  std::set<std::string, std::less<>> starters_;
  std::int64_t wall_offset_us_ = 0;
  std::int64_t date_second_ = 0;
  char date_[30] = {};
  std::uint64_t random_ = 0;
};

}  // namespace proxy
