// Looks at the proxy ten times a second: its events in order, none twice, and its status. A proxy
// that is away is a glimpse too. Owned by the conductor, on its thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "rehearsal/stage/clock.hpp"
#include "rehearsal/verdict/record.hpp"

namespace stage {

class Watch {
 public:
  Watch(boost::asio::any_io_executor executor, std::string admin_url, std::string token,
        const Clock& clock, verdict::RunRecord& record);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void begin();
  boost::asio::awaitable<void> finish();  // one last look

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stage
