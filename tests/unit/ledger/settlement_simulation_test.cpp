// The promises of the start ledger under thousands of made-up outages: an accepted start runs or is
// listed, none runs twice unmarked, every unknown ends, "failed" is never said of what ran.
// UNDERSTUDY_ALL=1 plays 100,000 schedules, UNDERSTUDY_SEED=n one, with its story.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "simulated_world.hpp"

namespace {

using simulation::World;

constexpr int parts = 10;

bool all() {
  const char* value = std::getenv("UNDERSTUDY_ALL");
  return value != nullptr && std::string{value} == "1";
}

std::string retold(std::uint64_t seed) {
  World world{seed, true};
  world.play();
  std::string text = "seed " + std::to_string(seed) + ": " + world.story();
  for (const auto& promise : world.broken_promises()) text += "BROKEN " + promise + "\n";
  return text;
}

class Settlement : public ::testing::TestWithParam<int> {};

TEST_P(Settlement, keeps_its_promises_in_any_outage) {
  const std::uint64_t count = all() ? 100'000 / parts : 2'000 / parts;
  const std::uint64_t first = static_cast<std::uint64_t>(GetParam()) * 1'000'000;
  int broken = 0;
  for (std::uint64_t seed = first; seed < first + count && broken < 3; ++seed) {
    World world{seed, false};
    world.play();
    if (world.broken_promises().empty()) continue;
    ++broken;
    ADD_FAILURE() << retold(seed);
  }
}
INSTANTIATE_TEST_SUITE_P(Part, Settlement, ::testing::Range(0, parts));

// A simulation in which nothing goes wrong would keep every promise.
TEST(SettlementSimulation, meets_everything_that_can_happen) {
  std::map<std::string, int> counts;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    World world{seed * 7919, false};
    world.play();
    for (const auto& [what, count] : world.tally()) counts[what] += count;
  }
  for (const char* what :
       {"settled ran", "settled refused", "settled not_run", "settled terminated", "absent",
        "possible duplicate", "ran twice", "listed unknown", "listed not_repeatable",
        "told unconfirmed", "told queued", "told accepted", "told unknown", "told relayed"})
    EXPECT_GT(counts[what], 0) << what;
  if (std::getenv("UNDERSTUDY_SEED") != nullptr)
    for (const auto& [what, count] : counts) std::cout << what << " " << count << "\n";
  // The list is for what nobody can know, not a place to put everything.
  EXPECT_GT(counts["settled ran"], counts["starts"] / 2);
}

TEST(SettlementSimulation, tells_the_story_of_one_seed) {
  const char* seed = std::getenv("UNDERSTUDY_SEED");
  if (seed == nullptr) {
    EXPECT_NE(retold(1).find("a start arrives"), std::string::npos);
    return;
  }
  std::cout << retold(std::strtoull(seed, nullptr, 10));
}

}  // namespace
