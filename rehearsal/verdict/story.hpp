// The moments of a run that every measure refers to. Inner part of the box; pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/verdict/record.hpp"

namespace verdict {

struct Story {
  Story(const scenario::Scenario& scenario_in, const RunRecord& record_in);

  const scenario::Scenario& scenario;
  const RunRecord& record;
  std::optional<At> trouble;  // first fault, else first operation
  std::optional<At> healed;   // last end of a fault of the best endpoint, else of any; or operation
  std::optional<At> back;     // first good answer of the best endpoint to what was sent after that
  std::string broken;         // endpoint of the first fault; "" it was something else
  const FaultSpan* first_fault = nullptr;  // of an endpoint, else of anything

  // When the outage is over as clients see it: back, else healed, else the end of the run.
  At over() const;
};

std::string endpoint_of(const std::string& target);  // without "#2"
bool is_good(const Request& request);

std::string text(Millis time);                 // "450 ms", "2.31 s", "3 min 4 s"
std::string text(std::optional<Millis> time);  // or "never"
Millis millis(At time);

}  // namespace verdict
