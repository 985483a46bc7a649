// The clients of a rehearsal: requests at a steady rate, each sent when it is due whatever became
// of the others, and for each start a client that follows it as the answer says: polls of exactly
// the URL it was given until the status is final. Everything seen goes into the record. When more
// than twice rate * patience are open, polls included, what is due is noted as not sent. Owned by
// the conductor, on its thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/stage/clock.hpp"
#include "rehearsal/verdict/record.hpp"

namespace stage {

class Load {
 public:
  // `origin`: "http://127.0.0.1:40001" or https. `load`, `clock` and `record` must outlive it.
  Load(boost::asio::any_io_executor executor, const scenario::Load& load, std::string origin,
       const Clock& clock, verdict::RunRecord& record);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void begin();
  void stop_sending();  // clients go on with their polls
  bool all_final() const;
  // Until every accepted start is final, or the limit; then clients go home and what is in flight
  // is waited for, at most their patience.
  boost::asio::awaitable<void> finish(std::chrono::milliseconds limit);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stage
