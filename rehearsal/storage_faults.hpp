// How a storage account is made slow or unreachable, and what each app has moved through it. Apps
// name themselves in X-App; a call without it counts for "". Counts cover targets and bodies, and
// begin anew with the process.
// Owned by the storage process, one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "transport/http_server.hpp"

namespace rehearsal {

enum class Outage {
  none,
  errors,  // every call is answered 503
  resets,  // every connection is reset
  hangs,   // calls wait until it is healed, then run, as in a process that was frozen
};
std::optional<Outage> parse_outage(std::string_view word);

class StorageFaults {
 public:
  explicit StorageFaults(const boost::asio::any_io_executor& executor)
      : healed_{executor, boost::asio::steady_timer::time_point::max()} {}

  // For one app, or for all that have no time of their own when `app` is "".
  void set_latency(const std::string& app, std::chrono::milliseconds latency);
  void set_outage(Outage outage);
  Outage outage() const { return outage_; }
  bool read_only() const { return read_only_; }  // for whoever writes: reads go on
  void end();                                    // nothing waits any longer

  // Waits half the latency, and the end of a hang; the answer that takes the place of the call's.
  boost::asio::awaitable<std::optional<transport::ServerResponse>> before(std::string app);
  boost::asio::awaitable<void> after(std::string app);  // the other half
  void count(const std::string& app, std::uint64_t bytes_in, std::uint64_t bytes_out);

  //   POST /_control/latency?ms=N[&app=NAME]
  //   POST /_control/outage?mode={errors|resets|hangs|none}
  //   POST /_control/read-only?on={true|false}    writes fail, reads go on
  //   POST /_control/heal            ends outage, latencies and read-only
  //   GET  /_control/state           all of it
  //   GET  /_control/traffic         {"apps":[{"app","requests","bytesIn","bytesOut"}]}
  transport::ServerResponse command(std::string_view method, std::string_view path,
                                    std::string_view query);

 private:
  struct Traffic {
    std::uint64_t requests = 0, bytes_in = 0, bytes_out = 0;
  };

  boost::asio::awaitable<void> wait_half(std::string app);
  std::chrono::milliseconds latency_of(const std::string& app) const;
  std::string describe() const;
  std::string traffic() const;

  boost::asio::steady_timer healed_;  // expires never; cancelled when a hang ends
  Outage outage_ = Outage::none;
  bool read_only_ = false;
  bool ended_ = false;
  std::map<std::string, std::chrono::milliseconds> latencies_;
  std::map<std::string, Traffic> traffic_;
};

}  // namespace rehearsal
