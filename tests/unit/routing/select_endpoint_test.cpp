#include "routing/select_endpoint.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace routing {
namespace {

constexpr std::array rotations{Rotation::serving, Rotation::waiting, Rotation::degraded,
                               Rotation::out};

// One letter per endpoint in order of priority: S serving, W waiting, D degraded, O out. Ids are
// 10, 11, ... so that an id is never mistaken for an index.
RoutingTable table_of(const std::string& letters,
                      config::OnDegraded on_degraded = config::OnDegraded::release,
                      bool fail_open = true) {
  RoutingTable table;
  table.fail_open = fail_open;
  table.on_degraded = on_degraded;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    RoutingEntry entry;
    entry.id = static_cast<EndpointId>(10 + i);
    entry.priority = static_cast<int>(i + 1);
    entry.rotation = letters[i] == 'S'   ? Rotation::serving
                     : letters[i] == 'W' ? Rotation::waiting
                     : letters[i] == 'D' ? Rotation::degraded
                                         : Rotation::out;
    table.entries.push_back(entry);
  }
  return table;
}

struct Case {
  const char* name;
  const char* letters;
  EndpointId sticky;
  config::OnDegraded on_degraded;
  bool fail_open;
  EndpointId chosen;
  Reason reason;
};

class SelectEndpoint : public ::testing::TestWithParam<Case> {};

TEST_P(SelectEndpoint, chooses_and_says_why) {
  const Case& c = GetParam();
  const RoutingTable table = table_of(c.letters, c.on_degraded, c.fail_open);
  const Selection selection = select_endpoint(table, c.sticky);
  EXPECT_EQ(selection.endpoint == nullptr ? no_endpoint : selection.endpoint->id, c.chosen);
  EXPECT_EQ(to_string(selection.reason), to_string(c.reason));
}

constexpr auto release = config::OnDegraded::release;
constexpr auto hold = config::OnDegraded::hold;

INSTANTIATE_TEST_SUITE_P(
    Rules, SelectEndpoint,
    ::testing::Values(
        Case{"the best priority serves", "SS", no_endpoint, release, true, 10, Reason::priority},
        Case{"a degraded primary is passed over", "DS", no_endpoint, release, true, 11,
             Reason::priority},
        Case{"a recovered primary waits while another serves", "WS", no_endpoint, release, true, 11,
             Reason::priority},
        Case{"a waiting endpoint is better than a degraded one", "DW", no_endpoint, release, true,
             11, Reason::priority},
        Case{"everything degraded fails open to the best priority", "ODD", no_endpoint, release,
             true, 11, Reason::best_effort},
        Case{"everything degraded and unavailable by configuration", "DD", no_endpoint, release,
             false, no_endpoint, Reason::none},
        Case{"everything out", "OO", no_endpoint, release, true, no_endpoint, Reason::none},
        Case{"a sticky answer is kept while its endpoint serves", "SS", 11, release, true, 11,
             Reason::sticky},
        Case{"release: a degraded endpoint loses its sticky clients", "SD", 11, release, true, 10,
             Reason::priority},
        Case{"release: so does one that waits", "WS", 10, release, true, 11, Reason::priority},
        Case{"hold: a sticky client stays on a degraded endpoint", "DS", 10, hold, true, 10,
             Reason::held},
        Case{"hold: and on a waiting one", "WS", 10, hold, true, 10, Reason::sticky},
        Case{"hold: also where failing open is off", "DS", 10, hold, false, 10, Reason::held},
        Case{"hold: never on one that is out", "OS", 10, hold, true, 11, Reason::priority},
        Case{"an unknown sticky id is no answer", "SS", 99, hold, true, 10, Reason::priority},
        Case{"an empty profile", "", no_endpoint, release, true, no_endpoint, Reason::none}));

const RoutingEntry* best(const RoutingTable& table, Rotation rotation, const Tried& tried) {
  for (const RoutingEntry& entry : table.entries)
    if (entry.rotation == rotation && !tried.contains(entry.id)) return &entry;
  return nullptr;
}

template <class F>
void for_every_table(const F& check) {
  for (const Rotation a : rotations)
    for (const Rotation b : rotations)
      for (const Rotation c : rotations)
        for (const Rotation d : rotations)
          for (const config::OnDegraded mode : {release, hold})
            for (const bool fail_open : {false, true}) {
              RoutingTable table = table_of("SSSS", mode, fail_open);
              const std::array all{a, b, c, d};
              for (std::size_t i = 0; i < 4; ++i) table.entries[i].rotation = all[i];
              check(table);
            }
}

TEST(SelectEndpointExhaustively, first_choices_keep_the_invariants) {
  std::size_t cases = 0;
  const Tried nobody;
  for_every_table([&](const RoutingTable& table) {
    for (const EndpointId sticky : {no_endpoint, 10U, 11U, 12U, 13U, 14U}) {
      ++cases;
      const Selection s = select_endpoint(table, sticky);
      ASSERT_EQ(s.endpoint == nullptr, s.reason == Reason::none);
      const bool serving = best(table, Rotation::serving, nobody) != nullptr;
      const bool waiting = best(table, Rotation::waiting, nobody) != nullptr;
      const bool degraded = best(table, Rotation::degraded, nobody) != nullptr;
      if (s.endpoint == nullptr) {
        ASSERT_FALSE(serving || waiting || (degraded && table.fail_open));
        continue;
      }
      const Rotation rotation = s.endpoint->rotation;
      ASSERT_NE(rotation, Rotation::out);
      const bool kept = s.reason == Reason::sticky || s.reason == Reason::held;
      if (kept) {
        ASSERT_EQ(s.endpoint->id, sticky);
        ASSERT_EQ(s.reason == Reason::held, rotation == Rotation::degraded);
        ASSERT_TRUE(rotation == Rotation::serving || table.on_degraded == hold);
        continue;
      }
      ASSERT_EQ(s.endpoint, best(table, rotation, nobody)) << "the best of its rotation";
      ASSERT_TRUE(rotation == Rotation::serving || !serving);
      ASSERT_TRUE(rotation != Rotation::degraded || !waiting);
      ASSERT_EQ(s.reason == Reason::best_effort, rotation == Rotation::degraded);
      ASSERT_TRUE(rotation != Rotation::degraded || table.fail_open);
      // And a live sticky answer was not dropped without a reason.
      const RoutingEntry* wanted = table.find(sticky);
      ASSERT_TRUE(wanted == nullptr || wanted->rotation == Rotation::out ||
                  (wanted->rotation != Rotation::serving && table.on_degraded == release) ||
                  wanted == s.endpoint);
    }
  });
  EXPECT_EQ(cases, 256U * 4 * 6);
}

TEST(SelectEndpointExhaustively, further_choices_keep_the_invariants) {
  for_every_table([&](const RoutingTable& table) {
    for (unsigned mask = 0; mask < 16; ++mask) {
      Tried tried;
      for (unsigned i = 0; i < 4; ++i)
        if ((mask & (1U << i)) != 0) tried.add(10 + i);
      for (const bool allow_degraded : {false, true}) {
        const Selection s = select_next(table, tried, allow_degraded);
        ASSERT_EQ(s.endpoint == nullptr, s.reason == Reason::none);
        const bool degraded_may = allow_degraded && table.fail_open;
        const RoutingEntry* expected = best(table, Rotation::serving, tried);
        if (expected == nullptr) expected = best(table, Rotation::waiting, tried);
        if (expected == nullptr && degraded_may) expected = best(table, Rotation::degraded, tried);
        ASSERT_EQ(s.endpoint, expected);
        if (s.endpoint == nullptr) continue;
        ASSERT_FALSE(tried.contains(s.endpoint->id));
        ASSERT_NE(s.endpoint->rotation, Rotation::out);
        ASSERT_EQ(s.reason == Reason::best_effort, s.endpoint->rotation == Rotation::degraded);
      }
    }
  });
}

TEST(Tried, holds_sixteen_endpoints_and_ignores_more) {
  Tried tried;
  for (EndpointId id = 0; id < 20; ++id) tried.add(id);
  EXPECT_EQ(tried.size(), 16U);
  EXPECT_TRUE(tried.contains(15));
  EXPECT_FALSE(tried.contains(16));
}

}  // namespace
}  // namespace routing
