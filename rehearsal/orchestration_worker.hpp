// Does an app's work for its task hub. One exchange with the storage per tick carries everything:
// what its activities gave, renewals of their leases, new activities, and the turns of
// orchestrators that the app asks for when it may (app_lease.hpp). An activity is a wait. All
// progress lives in the storage, so that whoever works on the hub next goes on after the last
// finished step; an activity that was under way runs again there. Any app takes activities, as in
// the real thing; with --activities-need-lease only the owner of the app lease does. Owned by the
// app, one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "rehearsal/app_lease.hpp"
#include "rehearsal/app_options.hpp"
#include "rehearsal/storage_client.hpp"

namespace rehearsal {

class OrchestrationWorker {
 public:
  // While `may_run` is false (a stopped app) nothing is taken, played or renewed.
  OrchestrationWorker(boost::asio::any_io_executor executor, const AppOptions& options,
                      StorageClient& storage, std::function<bool()> may_run);

  boost::asio::awaitable<void> run();  // until `stop`; gives its activities back at the end
  void nudge();                        // there is new work: do not wait for the next poll
  void stop();

  AppLease& app_lease() { return app_lease_; }
  std::size_t active() const { return running_.size(); }  // activities under way
  std::uint64_t activities_started() const { return activities_started_; }
  std::uint64_t activities_reported() const { return activities_reported_; }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Running {
    Activity activity;
    TimePoint ends{};
  };

  boost::asio::awaitable<void> wait_until_due();
  boost::asio::awaitable<void> exchange();
  WorkReport report(TimePoint now) const;
  void apply(const WorkReport& sent, const WorkAnswer& answer, TimePoint now);

  const AppOptions& options_;
  StorageClient& storage_;
  std::function<bool()> may_run_;
  boost::asio::steady_timer timer_;
  AppLease app_lease_;
  std::map<std::int64_t, Running> running_;
  TimePoint next_poll_{};
  bool nudged_ = false;
  bool stopping_ = false;
  std::uint64_t activities_started_ = 0;
  std::uint64_t activities_reported_ = 0;
};

}  // namespace rehearsal
