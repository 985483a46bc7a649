// First half of the parser: shape, types, units, ranges, unknown keys. Inner part of the box.
#pragma once

#include "config/read.hpp"
#include "rehearsal/scenario/scenario.hpp"

namespace scenario {

// What was left out keeps its default; the priority of an endpoint is then 0.
Scenario read_scenario(const config::Node& root, config::ReadContext&);

}  // namespace scenario
