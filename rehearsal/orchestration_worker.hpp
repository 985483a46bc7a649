// Runs an app's orchestrations: takes work from the task hub under a lease, plays the steps (an
// activity is a wait of `step_time`), and reports each one before the next begins. All progress
// lives in the storage, so whoever holds the lease next goes on after the last reported step; the
// step that was under way runs again there. One exchange with the storage per tick carries reports,
// renewals and new work for all instances together.
// Owned by the app, one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "rehearsal/app_options.hpp"
#include "rehearsal/storage_client.hpp"

namespace rehearsal {

class OrchestrationWorker {
 public:
  // While `may_run` is false (a stopped app) nothing is taken, played or renewed.
  OrchestrationWorker(boost::asio::any_io_executor executor, const AppOptions& options,
                      StorageClient& storage, std::function<bool()> may_run);

  boost::asio::awaitable<void> run();  // until `stop`; gives its leases back at the end
  void nudge();                        // there is new work: do not wait for the next poll
  void stop();

  std::size_t active() const { return running_.size(); }
  std::uint64_t activities_started() const { return activities_started_; }
  std::uint64_t activities_reported() const { return activities_reported_; }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Running {
    std::int64_t epoch = 0;
    Plan plan;
    int steps_done = 0;
    TimePoint step_ends{};
  };

  boost::asio::awaitable<void> wait_until_due();
  boost::asio::awaitable<void> exchange();
  WorkReport report(TimePoint now) const;
  void apply(const WorkReport& sent, const WorkAnswer& answer, TimePoint now);

  const AppOptions& options_;
  StorageClient& storage_;
  std::function<bool()> may_run_;
  boost::asio::steady_timer timer_;
  std::map<std::string, Running> running_;
  TimePoint next_poll_{};
  bool nudged_ = false;
  bool stopping_ = false;
  std::uint64_t activities_started_ = 0;
  std::uint64_t activities_reported_ = 0;
};

}  // namespace rehearsal
