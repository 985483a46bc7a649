// Second half of the parser: what was left out, and what one part of a scenario means for another.
// Inner part of the box.
#pragma once

#include "config/check.hpp"
#include "rehearsal/scenario/scenario.hpp"

namespace scenario {

// Priorities in order, and the accounts of the endpoints.
void complete(Scenario&, const config::Findings&);
// "primary" and "secondary" become the endpoints that they stand for.
void resolve_roles(Scenario&);
void check_scenario(const Scenario&, config::Findings&);
void check_steps(const Scenario&, config::Findings&);  // check_steps.cpp; called by the above
// The `proxy` object as a configuration; `environment` is that of the file.
void check_proxy(const Scenario&, const config::Environment&, config::Findings&);

std::string step_path(std::size_t index);                  // "steps[1]"
std::string account_of(const Scenario&, const Endpoint&);  // "" when it is no stand-in

// Endpoints by priority: a role is an index.
std::vector<const Endpoint*> by_priority(const Scenario&);

}  // namespace scenario
