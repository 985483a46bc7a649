// Commands to the parts of a sandbox, by their control APIs.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "rehearsal/scenario/scenario.hpp"

namespace stage {

// POST; "" or the problem, with the part's name and what it answered.
boost::asio::awaitable<std::string> control(std::string part, std::string url);

std::string percent_encoded(std::string_view text);
std::string answer_command(const scenario::Fault& fault);  // "fail?status=503" of an app

// What a link is told when several of its faults hold at once.
class LinkWish {
 public:
  void add(const scenario::Fault& fault);
  std::string query() const;  // "" forward all

 private:
  std::string mode_;  // of the last one that has a mode
  scenario::Fault of_mode_;
  scenario::Millis delay_{0}, jitter_{0}, first_byte_delay_{0};
  std::uint64_t rate_ = 0, cut_after_ = 0;
  std::int64_t cut_times_ = 0;
};

}  // namespace stage
