// The steps of a scenario file. Inner part of the box.
#pragma once

#include "config/reader.hpp"
#include "rehearsal/scenario/scenario.hpp"

namespace scenario {

void read_step(config::Reader&, Step&);

}  // namespace scenario
