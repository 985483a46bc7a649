// What a running proxy says of itself: the times it promises and its effective settings.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/explain.hpp"
#include "rehearsal/report/report.hpp"

namespace stage {

// From /api/status; only the worst case is known. Nothing when it does not answer.
boost::asio::awaitable<std::optional<config::ProfileTimes>> bounds_of(std::string admin_url,
                                                                      std::string token);

// Settings of `config_text` that differ from the proxy's /api/config, without what must differ
// (names, places, keys). Blocks. Nothing, and the problem, when either cannot be had.
std::optional<std::vector<report::Run::Difference>> differences_from(
    const std::string& admin_url, const std::string& token, const std::string& config_text,
    const config::Environment& environment, std::string& problem);

}  // namespace stage
