// The app lease as an app sees it: with a hub that two apps share, only the owner of the lease runs
// orchestrators and entities. Off unless asked for, because a rehearsal that does not study the
// lease should not wait for it: after a crash of the owner a standby tries again only every 300 s.
// The times are those of the Durable extension, divided by --time-scale:
//
//   60 s    the lease lasts, after its last renewal
//   25 s    between renewals; a loser notices with the next one
//   300 s   between the tries of a standby
//
// `make_primary` writes the app down as the desired owner and tries at once. As long as it is
// written down this app only ever tries to *change* the lease, and an expired lease cannot be
// changed: asked too late after the owner died, it blocks itself. That is how the real one behaves.
// The id of the lease is the site name, so two apps of one site name do not exclude each other. An
// app that ends does not give the lease back.
// Owned by OrchestrationWorker, one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>

#include "rehearsal/app_lease_store.hpp"
#include "rehearsal/app_options.hpp"
#include "rehearsal/storage_client.hpp"

namespace rehearsal {

struct AppLeaseTimes {
  int scale = 1;
  std::chrono::milliseconds lease{60'000};
  std::chrono::milliseconds renew{25'000};
  std::chrono::milliseconds acquire{300'000};
};
AppLeaseTimes app_lease_times(const AppOptions&);
std::string to_text(const AppLeaseTimes&);  // one line, which names the scale

class AppLease {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  AppLease(const AppOptions& options, StorageClient& storage);

  bool owns() const { return owns_; }  // always, when the lease is off
  TimePoint due() const { return due_; }
  boost::asio::awaitable<void> act(TimePoint now);  // renews or tries, when it is due
  void forget();                                    // the host stopped: it starts anew later

  // False: the storage could not be asked.
  boost::asio::awaitable<bool> make_primary();

  // JSON: what this app believes, beside what the storage says.
  boost::asio::awaitable<std::string> describe();

 private:
  boost::asio::awaitable<void> renew(TimePoint now);
  boost::asio::awaitable<void> try_to_own(TimePoint now);
  boost::asio::awaitable<bool> write_note(const std::string& owner, const std::string& desired);

  const AppOptions& options_;
  StorageClient& storage_;
  const AppLeaseTimes times_;
  const std::string id_;
  bool owns_ = false;
  TimePoint due_{};
  std::string last_error_;  // of the last try or renewal
};

}  // namespace rehearsal
