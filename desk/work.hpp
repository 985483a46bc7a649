// What the jobs do once they have their place: one coroutine each, on any executor. All of them end
// by the deadline.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>

#include "desk/jobs.hpp"

namespace desk {

boost::asio::awaitable<Found> run_look_up(LookUp job, std::size_t body_limit,
                                          std::chrono::milliseconds second_opinion);
boost::asio::awaitable<Answer> run_list(ListJob job, std::size_t body_limit);
boost::asio::awaitable<Answer> run_purge(PurgeJob job);
boost::asio::awaitable<MakePrimaryResult> run_make_primary(MakePrimaryJob job);
boost::asio::awaitable<StartResult> run_start(StartJob job);
boost::asio::awaitable<TerminateResult> run_terminate(TerminateJob job);
boost::asio::awaitable<durable::HubClaim> run_hub_claim(HubClaimJob job);

}  // namespace desk
