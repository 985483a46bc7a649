// What `judge` is put together from. Inner part of the box; pure.
#pragma once

#include <vector>

#include "rehearsal/verdict/story.hpp"
#include "rehearsal/verdict/verdict.hpp"

namespace verdict {

std::vector<ObjectiveResult> objectives_of(const Story& story, const Measures& measures,
                                           const Reconciliation& starts);
std::vector<Comparison> predictions_of(const Story& story, const Measures& measures);
// Worst first.
std::vector<Finding> findings_of(const Story& story, const Judgement& so_far);

}  // namespace verdict
