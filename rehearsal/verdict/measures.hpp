// Times and counts of a run. Inner part of the box; pure.
#pragma once

#include "rehearsal/verdict/story.hpp"
#include "rehearsal/verdict/verdict.hpp"

namespace verdict {

Measures measure(const Story& story);

}  // namespace verdict
