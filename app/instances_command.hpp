// `understudy instances …` and `understudy storage failed-over`: asks the running proxy; when none
// runs, reads its ledger file, or leaves the operator's decision there for the next one. Blocking:
// this is the command-line side.
#pragma once

#include <optional>
#include <string>

#include "app/admin_client.hpp"
#include "app/command_line.hpp"
#include "app/instances.hpp"

namespace app {

// Who can answer: a pure function of the command and of the config that it names, if any.
struct Whereabouts {
  std::optional<AdminTarget> admin;  // to be asked first
  std::string ledger;                // when nobody listens there; empty: not known
  std::string problem;               // neither can be used
};
Whereabouts whereabouts(const Command& command, const config::Config* config);

AdminCall instances_call(const Command& command);

// What the file says, as the proxy would tell it. Throws ledger::StoreError.
InstancesReport report_from_file(const std::string& path, InstanceList list, std::size_t most,
                                 ledger::WallTime now);

int run_instances_verb(const Command& command);

}  // namespace app
