// Does this answer satisfy the probe policy? Pure: the prober hands over a complete answer, and any
// thread may ask.
#pragma once

#include <string_view>

#include "config/config.hpp"
#include "health/probe_outcome.hpp"

namespace health {

struct ProbeAnswer {
  int status = 0;
  std::string_view content_type;
  std::string_view location;  // for the detail of an unexpected redirect
  std::string_view body;
};

// Fills result, status and detail; the caller adds the times.
ProbeOutcome match_answer(const config::ProbePolicy&, const ProbeAnswer&);

}  // namespace health
