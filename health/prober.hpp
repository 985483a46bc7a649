// Runs one probe of one endpoint over a connection of its own. Holds no policy: match_answer says
// what an answer is worth, the monitor what an outcome means. May run on any executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "config/config.hpp"
#include "config/socket_address.hpp"
#include "health/probe_outcome.hpp"

namespace health {

// Probes `endpoint` by its resolved policy. `addresses` are those of the probe's port; when they
// are empty the name is resolved as part of the probe. The policy's timeout covers everything from
// there to the last byte of the answer. By value: the coroutine outlives the caller's statement.
boost::asio::awaitable<ProbeOutcome> run_probe(config::Endpoint endpoint,
                                               std::vector<config::SocketAddress> addresses);

}  // namespace health
