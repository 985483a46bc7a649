#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/simulation/world.hpp"

namespace simulation {
namespace {

std::uint64_t number_of(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

// A minute of one core where the code is optimised; a slice of it elsewhere.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__)
constexpr std::uint64_t usual_count = 100000;
#else
constexpr std::uint64_t usual_count = 2000;
#endif

std::string told(std::uint64_t seed, const Violation& violation) {
  return "seed " + std::to_string(seed) + " breaks \"" + violation.invariant + "\"\n" +
         violation.story + "  " + violation.text +
         "\nreplay: SIMULATION_SEED=" + std::to_string(seed) + " SIMULATION_SCHEDULES=1";
}

TEST(Simulation, NoScheduleBreaksAnInvariant) {
  const std::uint64_t first = number_of("SIMULATION_SEED", 1);
  const std::uint64_t count = number_of("SIMULATION_SCHEDULES", usual_count);
  Tally tally;
  int broken = 0;
  for (std::uint64_t seed = first; seed < first + count && broken < 3; ++seed) {
    const auto violation = play(seed, tally);
    if (!violation) continue;
    ++broken;
    ADD_FAILURE() << told(seed, *violation);
  }
  std::cout << count << " schedules: " << tally.requests << " requests, " << tally.probes
            << " probes, " << tally.faults << " changes of reality, " << tally.commands
            << " commands, " << tally.reloads << " reloads, " << tally.switches
            << " switches; checked " << tally.detections << " detections, " << tally.recoveries
            << " recoveries, " << tally.returns << " returns to the primary\n";
  if (count < 1000) return;
  EXPECT_GT(tally.detections, count / 10);  // a promise that nobody asks for is none
  EXPECT_GT(tally.recoveries, count / 10);
  EXPECT_GT(tally.returns, count / 2);
}

struct Planted {
  Defect defect;
  const char* invariant;
};

class EachInvariant : public ::testing::TestWithParam<Planted> {};

TEST_P(EachInvariant, FailsWhenItIsBroken) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    const auto violation = play(seed, tally, GetParam().defect);
    if (!violation || violation->invariant != GetParam().invariant) continue;
    EXPECT_NE(violation->story.find(" s  "), std::string::npos) << "the story has times";
    return;
  }
  ADD_FAILURE() << "2000 schedules with the defect, and \"" << GetParam().invariant << "\" held";
}

INSTANTIATE_TEST_SUITE_P(
    Planted, EachInvariant,
    ::testing::Values(Planted{Defect::serves_disabled, "never a disabled endpoint"},
                      Planted{Defect::prefers_the_last, "never a worse one"},
                      Planted{Defect::extends_ttl, "an answer ends with its TTL"},
                      Planted{Defect::detects_late, "detected in time"},
                      Planted{Defect::recovers_late, "recovered in time"},
                      Planted{Defect::forgets_to_wake, "never a worse one"},
                      Planted{Defect::fails_closed, "somebody serves"},
                      Planted{Defect::keeps_the_dead, "the dead are released"},
                      Planted{Defect::best_of_the_worst, "a best effort is the best"},
                      Planted{Defect::forgets_penalties, "everyone is back"},
                      Planted{Defect::spins, "no livelock"}));

}  // namespace
}  // namespace simulation
