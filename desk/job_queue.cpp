#include "desk/job_queue.hpp"

#include <boost/asio/post.hpp>

#include "transport/spawn.hpp"

namespace desk {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// How late a job that waits for a place may learn that its time is over.
constexpr std::chrono::milliseconds sweep_period{50};

}  // namespace

JobQueue::JobQueue(const DeskLimits& limits)
    : limits_{limits}, io_{std::make_unique<asio::io_context>(1)} {
  guard_.emplace(io_->get_executor());
  sweep_.emplace(*io_);
  thread_ = std::thread{[this] { io_->run(); }};
}

JobQueue::~JobQueue() {
  stop();
}

DeskCounts JobQueue::counts() const {
  const std::lock_guard lock{mutex_};
  DeskCounts counts = counts_;
  counts.in_flight = running_.size();
  counts.queued = queue_.size();
  return counts;
}

std::optional<Unserved> JobQueue::refuse_waiter() {
  if (stopped_) return Unserved::stopped;
  if (waiters_ < limits_.waiters) return std::nullopt;
  ++counts_.overloaded;
  return Unserved::overloaded;
}

// Nobody waits longer than they said: a job that may take longer is not joined.
OpenJob* JobQueue::joinable(const OpenJob& job) const {
  if (job.join_key.empty()) return nullptr;
  const auto found = joinable_.find(job.join_key);
  if (found == joinable_.end() || found->second->deadline > job.deadline) return nullptr;
  return found->second.get();
}

bool JobQueue::has_no_place() const {
  return running_.size() + queue_.size() >= limits_.in_flight + limits_.queue;
}

void JobQueue::enqueue(SharedJob job) {
  if (!job->join_key.empty()) joinable_[job->join_key] = job;
  queue_.push_back(std::move(job));
  if (std::exchange(pump_posted_, true)) return;
  asio::post(*io_, [this] { pump(); });
}

// It can be joined no longer.
void JobQueue::forget(const SharedJob& job) {
  const auto found = joinable_.find(job->join_key);
  if (found != joinable_.end() && found->second == job) joinable_.erase(found);
}

void JobQueue::pump() {
  std::vector<SharedJob> begin, expired;
  {
    const std::lock_guard lock{mutex_};
    pump_posted_ = false;
    const TimePoint now = Clock::now();
    while (!queue_.empty() && running_.size() < limits_.in_flight) {
      SharedJob job = std::move(queue_.front());
      queue_.pop_front();
      if (job->deadline <= now) {
        expired.push_back(std::move(job));
        continue;
      }
      job->started = true;
      ++counts_.asked;
      running_.insert(job);
      begin.push_back(std::move(job));
    }
    if (!queue_.empty()) arm_sweep();
  }
  for (SharedJob& job : begin)
    transport::spawn(io_->get_executor(), "desk job", serve(std::move(job)));
  expire(std::move(expired));
}

asio::awaitable<void> JobQueue::serve(SharedJob job) {
  auto running = job->run();
  co_await std::move(running);
  finish(job);
}

void JobQueue::finish(const SharedJob& job) {
  SharedJob again;
  {
    const std::lock_guard lock{mutex_};
    running_.erase(job);
    forget(job);
    again = job->split_late();
    waiters_ -= job->waiters();
    // At the front: they have waited, and their place was paid for.
    if (again) {
      if (!joinable_.contains(again->join_key)) joinable_[again->join_key] = again;
      queue_.push_front(again);
    }
  }
  job->deliver();
  pump();
}

void JobQueue::expire(std::vector<SharedJob> jobs) {
  {
    const std::lock_guard lock{mutex_};
    for (const SharedJob& job : jobs) {
      forget(job);
      waiters_ -= job->waiters();
      ++counts_.expired;
    }
  }
  for (const SharedJob& job : jobs) {
    job->fail(Unserved::expired);
    job->deliver();
  }
}

void JobQueue::arm_sweep() {
  if (std::exchange(sweep_armed_, true)) return;
  sweep_->expires_after(sweep_period);
  sweep_->async_wait([this](const boost::system::error_code& canceled) {
    sweep_armed_ = false;
    if (canceled) return;
    std::vector<SharedJob> expired;
    {
      const std::lock_guard lock{mutex_};
      const TimePoint now = Clock::now();
      std::erase_if(queue_, [&](const SharedJob& job) {
        if (job->deadline > now) return false;
        expired.push_back(job);
        return true;
      });
      if (!queue_.empty()) arm_sweep();
    }
    expire(std::move(expired));
  });
}

void JobQueue::stop() {
  std::call_once(stop_once_, [this] {
    {
      const std::lock_guard lock{mutex_};
      stopped_ = true;
    }
    io_->stop();
    thread_.join();
    // From here on nobody else touches the jobs.
    std::vector<SharedJob> open{queue_.begin(), queue_.end()};
    open.insert(open.end(), running_.begin(), running_.end());
    {
      const std::lock_guard lock{mutex_};
      queue_.clear();
      running_.clear();
      joinable_.clear();
      waiters_ = 0;
    }
    sweep_.reset();
    guard_.reset();
    io_.reset();  // ends what was under way: connections, timers
    for (const SharedJob& job : open) {
      job->fail(job->started ? Unserved::interrupted : Unserved::stopped);
      job->deliver();
    }
  });
}

}  // namespace desk
