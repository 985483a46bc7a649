// The desk's jobs from submission to answer: places, queue, joining, deadlines, the end. Knows
// nothing of what a job does. `submit`, `counts` and `stop` from any thread; the rest is the
// thread's own.
#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "desk/hub_desk.hpp"

namespace desk {

// Why a job never ran to its end. Only `interrupted` had begun.
enum class Unserved { overloaded, expired, stopped, interrupted };

// One job and everybody who waits for it. Its fields are guarded by the queue's mutex; `run` and
// `deliver` belong to whoever took it out.
class OpenJob {
 public:
  virtual ~OpenJob() = default;
  virtual boost::asio::awaitable<void> run() = 0;  // keeps the result
  virtual void fail(Unserved why) = 0;             // makes one up
  virtual void deliver() = 0;                      // to everybody, once
  // Splits off those who joined after the run began, when the result must not count for them.
  virtual std::shared_ptr<OpenJob> split_late() = 0;
  virtual std::size_t waiters() const = 0;

  std::string join_key;  // empty: never joined
  TimePoint deadline{};
  bool started = false;
};

template <class Result>
class JobOf final : public OpenJob {
 public:
  using Done = std::function<void(Result)>;
  using Work = std::function<boost::asio::awaitable<Result>(TimePoint deadline)>;

  Work work;
  std::function<Result(Unserved)> unserved;
  std::function<bool(const Result&)> only_for_early;  // may be empty

  void join(Done done, TimePoint until) {
    (started ? late_ : early_).push_back(Waiter{std::move(done), until});
  }
  boost::asio::awaitable<void> run() override {
    auto working = work(deadline);
    result_ = co_await std::move(working);
  }
  void fail(Unserved why) override { result_ = unserved(why); }
  void deliver() override {
    for (Waiter& each : late_) early_.push_back(std::move(each));
    late_.clear();
    while (!early_.empty()) {
      const Done done = std::move(early_.back().done);
      early_.pop_back();
      done(early_.empty() ? std::move(result_) : Result{result_});
    }
  }
  std::shared_ptr<OpenJob> split_late() override {
    if (late_.empty() || !only_for_early || !only_for_early(result_)) return nullptr;
    auto again = std::make_shared<JobOf>();
    again->join_key = join_key;
    again->work = work;
    again->unserved = unserved;
    again->only_for_early = only_for_early;
    again->deadline = late_.front().until;
    for (const Waiter& each : late_) again->deadline = std::min(again->deadline, each.until);
    again->early_.swap(late_);
    return again;
  }
  std::size_t waiters() const override { return early_.size() + late_.size(); }

 private:
  struct Waiter {
    Done done;
    TimePoint until;
  };
  std::vector<Waiter> early_, late_;
  Result result_;
};

class JobQueue {
 public:
  explicit JobQueue(const DeskLimits& limits);
  ~JobQueue();

  template <class Result>
  void submit(std::shared_ptr<JobOf<Result>> job, std::function<void(Result)> done) {
    const TimePoint until = job->deadline;
    std::unique_lock lock{mutex_};
    if (const auto refusal = refuse_waiter()) {
      lock.unlock();
      return done(job->unserved(*refusal));
    }
    if (OpenJob* open = joinable(*job)) {
      // Same key, same kind of job: the key begins with the kind.
      static_cast<JobOf<Result>*>(open)->join(std::move(done), until);
      ++counts_.joined;
      ++waiters_;
      return;
    }
    if (has_no_place()) {
      ++counts_.overloaded;
      lock.unlock();
      return done(job->unserved(Unserved::overloaded));
    }
    job->join(std::move(done), until);
    ++waiters_;
    enqueue(std::move(job));
  }

  DeskCounts counts() const;
  void stop();

 private:
  using SharedJob = std::shared_ptr<OpenJob>;

  // With the mutex held:
  std::optional<Unserved> refuse_waiter();
  OpenJob* joinable(const OpenJob& job) const;
  bool has_no_place() const;
  void enqueue(SharedJob job);
  void forget(const SharedJob& job);

  // On the thread:
  void pump();
  boost::asio::awaitable<void> serve(SharedJob job);
  void finish(const SharedJob& job);
  void expire(std::vector<SharedJob> jobs);
  void arm_sweep();

  const DeskLimits limits_;
  mutable std::mutex mutex_;
  bool stopped_ = false;
  bool pump_posted_ = false;
  std::deque<SharedJob> queue_;
  std::unordered_set<SharedJob> running_;
  std::unordered_map<std::string, SharedJob> joinable_;
  std::size_t waiters_ = 0;
  DeskCounts counts_;

  std::once_flag stop_once_;
  std::unique_ptr<boost::asio::io_context> io_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guard_;
  std::optional<boost::asio::steady_timer> sweep_;
  bool sweep_armed_ = false;
  std::thread thread_;
};

}  // namespace desk
