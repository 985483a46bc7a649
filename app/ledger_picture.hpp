// The endpoints as the start ledger sees them: what routing offers, in the order in which it would
// try them, and what the probes proved about the processes behind them. Pure; control thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "health/endpoint_health.hpp"
#include "ledger/start_ledger.hpp"
#include "proxy/snapshot.hpp"

namespace app {

// What a start's fate is concluded from; kept apart from the board, which only knows the last
// probe.
struct ProbeMarks {
  std::optional<health::TimePoint> pass_opened, passed;  // of the latest pass
  std::optional<health::TimePoint> refused;              // a connection, by the endpoint's host
};

// True: it says something that the ledger did not know. A pass over TCP alone says nothing, because
// the kernel accepts for a process that is frozen; nor does a port that is not the app's.
bool note_probe(ProbeMarks& marks, const config::Endpoint& endpoint,
                const health::ProbeOutcome& outcome);

std::shared_ptr<const ledger::LedgerPicture> ledger_picture(
    const proxy::Snapshot& snapshot, const std::vector<health::EndpointHealth>& endpoints,
    const std::map<health::EndpointId, ProbeMarks>& marks);

}  // namespace app
