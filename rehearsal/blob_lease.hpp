// A lease on a blob in a storage account that the app cannot do without, in a real emulator of one
// (Azurite). Taken at the start, with container and blob when they are missing, and renewed every
// --lease-every; an app that could not renew it for three times that long does not hold it any
// more, whatever the account says. Without it the app is not healthy and starts nothing new: starts
// are answered as by a host that is not running. What runs already goes on and can be asked for,
// for the task hub lies elsewhere.
//
// The id of the lease is made of the app's site name, so that an app that was killed has it back at
// once, and instances of one app hold it together. Another app that names the same blob waits
// until it has run out: 15 s after the last renewal. An app that ends does not give it back.
// Owned by FunctionApp, one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "rehearsal/shared_key.hpp"
#include "transport/failure.hpp"

namespace rehearsal {

struct BlobPlace {
  std::string host;
  std::uint16_t port = 0;
  std::string account, container, blob;
};
// http://HOST:PORT[/account[/container[/blob]]], the account in the path as emulators have it. What
// is missing: devstoreaccount1, understudy-leases, and the app's name. Nullopt: a longer path.
std::optional<BlobPlace> blob_place(const config::Url& url, std::string_view app);

std::string lease_id_of(std::string_view app);  // a GUID, the same for the same name

class BlobLease {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds lasts{15};  // the shortest that the service knows

  BlobLease(boost::asio::any_io_executor executor, BlobPlace place, std::string app,
            std::string key, std::chrono::milliseconds every);

  boost::asio::awaitable<void> run();  // until `stop`
  void stop();

  bool held(TimePoint now) const;
  std::string problem() const;   // why it may not be held, for people
  std::string describe() const;  // JSON

 private:
  boost::asio::awaitable<bool> renew(TimePoint deadline);
  boost::asio::awaitable<bool> take(TimePoint deadline);
  // The status, 0 when there was no answer; what went wrong becomes the last error.
  boost::asio::awaitable<int> lease_call(std::string action, TimePoint deadline);
  boost::asio::awaitable<int> create(bool blob, TimePoint deadline);
  boost::asio::awaitable<int> call(SignedCall what, TimePoint deadline);

  const BlobPlace place_;
  const std::string id_;
  const std::string key_;
  const std::chrono::milliseconds every_;
  boost::asio::steady_timer timer_;
  bool stopping_ = false;
  bool taken_ = false;                // renew; if not, take
  std::optional<TimePoint> renewed_;  // when the call was sent that last took or renewed it
  std::string last_error_;
  std::uint64_t takes_ = 0, renewals_ = 0;
};

}  // namespace rehearsal
