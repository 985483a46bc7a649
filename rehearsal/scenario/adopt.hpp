// Changes of a scenario before it is played. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/issue.hpp"
#include "config/parse.hpp"
#include "rehearsal/scenario/scenario.hpp"

namespace scenario {

// `rehearse NAME --config FILE`: the reader's profile on stand-ins. Endpoints become stand-ins of
// the same names, regions, priorities and peers; the settings stay as effective in the file (the
// preset of an https endpoint too, although its stand-in speaks http), without what belongs to the
// real place: URLs, keys, certificates, listeners, file paths. Roles of the steps ("primary")
// move to the file's endpoints. Each change is named in `changed`. False, with issues, when the
// scenario cannot be played with this file (it has one endpoint, other storage layout: warning).
bool adopt_config(Scenario& scenario, const config::ParseResult& parsed,
                  std::vector<config::Issue>& issues);

// Divides every interval, timeout, wait and fault of profile and scenario by `n` (1..100), with
// explicit values where a preset has them. Kept whole: patience of the clients, limits of
// readiness.
bool apply_time_scale(Scenario& scenario, int n, std::vector<config::Issue>& issues);

// Where the stage has put things.
struct Places {
  std::string listen = "127.0.0.1:1", admin = "127.0.0.1:2";
  std::map<std::string, std::string> urls;  // of each endpoint
  std::string ledger_file;                  // "" in memory
  std::string ca_file;                      // of TLS stand-ins
};

// The configuration file of the proxy: the scenario's `proxy` object with endpoints, listeners,
// ledger, start routes and task hub filled in.
std::string proxy_config(const Scenario& scenario, const Places& places);

}  // namespace scenario
