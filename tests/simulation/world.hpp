// A world in virtual time for the real core: monitors, router and sticky table are the product's,
// endpoints, operators and clients are made up by a seed. One schedule is some minutes of outages,
// flaps, commands, reloads and requests; after it everything is healed, and what was promised must
// hold. The invariants are checked against bookkeeping of the world's own, not the router's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace simulation {

// A planted defect, to prove that each invariant can fail.
enum class Defect {
  none,
  serves_disabled,    // a request goes to a disabled or drained endpoint
  prefers_the_last,   // the worst available endpoint is chosen
  extends_ttl,        // a sticky answer is prolonged by use
  detects_late,       // one more failure is needed than was configured
  recovers_late,      // two more passes are needed than were configured
  forgets_to_wake,    // nobody wakes the router when a wait ends
  fails_closed,       // nobody is served when everything is degraded
  keeps_the_dead,     // a sticky answer outlives its endpoint although it should be released
  best_of_the_worst,  // with everything degraded the last one is tried
  forgets_penalties,  // the return is promised without the wait
  spins,              // a probe follows the other at once
};

struct Violation {
  std::string invariant;  // a short name
  std::string text;
  std::string story;  // of the schedule up to here, a line per event
};

struct Tally {  // what a schedule was made of, over all seeds
  std::uint64_t requests = 0, probes = 0, faults = 0, commands = 0, reloads = 0, switches = 0;
  std::uint64_t detections = 0, recoveries = 0,
                returns = 0;  // promises about time that were checked
};

// Plays one schedule. A pure function of its arguments; the story is written only when it fails.
std::optional<Violation> play(std::uint64_t seed, Tally& tally, Defect defect = Defect::none);

}  // namespace simulation
