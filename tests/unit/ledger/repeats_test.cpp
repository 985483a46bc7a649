#include "ledger/repeats.hpp"

#include <gtest/gtest.h>

namespace ledger {
namespace {

using config::SameIdElsewhere;
using config::TaskHub;

StartEntry entry_of(IdOrigin origin, Settlement settlement) {
  StartEntry entry;
  entry.origin = origin;
  entry.id = "order-1";
  entry.function = "Ship";
  entry.settlement = settlement;
  return entry;
}

NewStart the_same(std::string_view id = {}) {
  NewStart start;
  start.id = id;
  start.function = "Ship";
  return start;
}

NewStart another_body(std::string_view id = {}) {
  NewStart start = the_same(id);
  start.body_hash[0] = 1;
  return start;
}

TEST(RepeatedKey, joins_an_open_start_and_gets_the_stored_answer_of_a_settled_one) {
  const StartEntry open = entry_of(IdOrigin::derived, Settlement::open);
  const StartEntry ran = entry_of(IdOrigin::derived, Settlement::ran);
  const StartEntry ended = entry_of(IdOrigin::derived, Settlement::terminated);
  EXPECT_EQ(judge_repeat(the_same(), &open, nullptr), Repeat::join);
  EXPECT_EQ(judge_repeat(the_same(), &ran, nullptr), Repeat::stored_answer);
  EXPECT_EQ(judge_repeat(the_same(), &ended, nullptr), Repeat::stored_answer);
}

TEST(RepeatedKey, starts_afresh_what_certainly_came_to_nothing) {
  for (const Settlement how : {Settlement::refused, Settlement::not_run, Settlement::waited_out}) {
    StartEntry entry = entry_of(IdOrigin::derived, how);
    EXPECT_EQ(judge_repeat(the_same(), &entry, nullptr), Repeat::fresh) << to_string(how);
    EXPECT_EQ(judge_repeat(another_body(), &entry, nullptr), Repeat::fresh) << to_string(how);
    entry.listed = Listed::may_have_run;
    EXPECT_EQ(judge_repeat(the_same(), &entry, nullptr), Repeat::stored_answer) << to_string(how);
  }
}

TEST(RepeatedKey, with_another_body_function_or_id_is_a_mistake) {
  const StartEntry derived = entry_of(IdOrigin::derived, Settlement::ran);
  const StartEntry client = entry_of(IdOrigin::client, Settlement::open);
  EXPECT_EQ(judge_repeat(another_body(), &derived, nullptr), Repeat::other_body);
  EXPECT_EQ(judge_repeat(the_same("order-1"), &derived, nullptr), Repeat::other_body);
  EXPECT_EQ(judge_repeat(the_same("order-2"), &client, nullptr), Repeat::other_body);
  EXPECT_EQ(judge_repeat(the_same("order-1"), &client, nullptr), Repeat::join);
  NewStart other = the_same();
  other.function = "Bill";
  EXPECT_EQ(judge_repeat(other, &derived, nullptr), Repeat::other_body);
}

TEST(RepeatedKey, with_a_body_too_long_to_compare_joins_nothing) {
  const StartEntry open = entry_of(IdOrigin::derived, Settlement::open);
  NewStart start = the_same();
  start.body_hashed = false;
  EXPECT_EQ(judge_repeat(start, &open, nullptr), Repeat::other_body);
}

TEST(RepeatedId, joins_while_open_and_is_forwarded_once_settled) {
  const StartEntry open = entry_of(IdOrigin::client, Settlement::open);
  EXPECT_EQ(judge_repeat(the_same("order-1"), nullptr, &open), Repeat::join);
  EXPECT_EQ(judge_repeat(another_body("order-1"), nullptr, &open), Repeat::id_in_use);
  for (const Settlement how : {Settlement::ran, Settlement::refused, Settlement::terminated}) {
    const StartEntry settled = entry_of(IdOrigin::client, how);
    EXPECT_EQ(judge_repeat(the_same("order-1"), nullptr, &settled), Repeat::fresh);
    EXPECT_EQ(judge_repeat(another_body("order-1"), nullptr, &settled), Repeat::fresh);
  }
  EXPECT_EQ(judge_repeat(the_same("order-1"), nullptr, nullptr), Repeat::fresh);
}

TEST(RepeatedId, with_a_new_key_still_meets_the_open_start) {
  const StartEntry open = entry_of(IdOrigin::client, Settlement::open);
  const StartEntry refused = entry_of(IdOrigin::client, Settlement::refused);
  EXPECT_EQ(judge_repeat(the_same("order-1"), &refused, &open), Repeat::join);
  EXPECT_EQ(judge_repeat(another_body("order-1"), nullptr, &open), Repeat::id_in_use);
}

Instance lives_at(Place place, LastStatus status) {
  Instance instance;
  instance.place = place;
  instance.status = status;
  return instance;
}

TEST(IdInAnotherHub, is_refused_unless_that_hub_says_that_it_is_over) {
  const auto known = lives_at(1, LastStatus::running);
  const auto judge = [&](HubSays says) {
    return judge_elsewhere(SameIdElsewhere::refuse, TaskHub::per_region, 0, known, says);
  };
  EXPECT_EQ(judge(HubSays::not_asked), Elsewhere::ask);
  EXPECT_EQ(judge(HubSays::alive), Elsewhere::refuse);
  EXPECT_EQ(judge(HubSays::finished), Elsewhere::start);
  EXPECT_EQ(judge(HubSays::absent), Elsewhere::start);
  EXPECT_EQ(judge(HubSays::cannot_be_asked), Elsewhere::refuse);
}

TEST(IdInAnotherHub, that_cannot_be_asked_is_judged_by_its_last_known_status) {
  for (const auto status : {LastStatus::completed, LastStatus::failed, LastStatus::terminated})
    EXPECT_EQ(judge_elsewhere(SameIdElsewhere::refuse, TaskHub::per_region, 0, lives_at(1, status),
                              HubSays::cannot_be_asked),
              Elsewhere::start);
  for (const auto status : {LastStatus::unknown, LastStatus::pending, LastStatus::suspended})
    EXPECT_EQ(judge_elsewhere(SameIdElsewhere::refuse, TaskHub::per_region, 0, lives_at(1, status),
                              HubSays::cannot_be_asked),
              Elsewhere::refuse);
}

TEST(IdInAnotherHub, is_no_matter_if_unknown_in_the_same_hub_or_allowed) {
  const auto known = lives_at(1, LastStatus::running);
  const auto judge = [&](SameIdElsewhere policy, TaskHub hub, Place chosen, bool is_known) {
    return judge_elsewhere(policy, hub, chosen, is_known ? std::optional{known} : std::nullopt,
                           HubSays::not_asked);
  };
  EXPECT_EQ(judge(SameIdElsewhere::refuse, TaskHub::per_region, 0, false), Elsewhere::start);
  EXPECT_EQ(judge(SameIdElsewhere::refuse, TaskHub::per_region, 1, true), Elsewhere::start);
  EXPECT_EQ(judge(SameIdElsewhere::refuse, TaskHub::shared, 0, true), Elsewhere::start);
  EXPECT_EQ(judge(SameIdElsewhere::refuse, TaskHub::geo_replicated, 0, true), Elsewhere::start);
  EXPECT_EQ(judge(SameIdElsewhere::start, TaskHub::per_region, 0, true), Elsewhere::start);
}

}  // namespace
}  // namespace ledger
