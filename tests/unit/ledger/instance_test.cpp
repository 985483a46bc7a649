#include "ledger/instance.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using ledger::Instance;
using ledger::LastStatus;
using ledger::Place;
using enum ledger::LastStatus;

constexpr Place here = 1;
constexpr Place there = 2;

Instance at(Place place, LastStatus status, std::int64_t created = 0, std::int64_t updated = 0) {
  Instance instance;
  instance.place = place;
  instance.status = status;
  instance.created_ms = created;
  instance.updated_ms = updated;
  return instance;
}

Instance provisional(Place place) {
  Instance instance = at(place, unknown);
  instance.provisional = true;
  return instance;
}

Instance replacing(Instance run, std::int64_t created) {
  run.replaced_ms = created;
  return run;
}

struct Row {
  const char* name;
  Instance known, fact;
  bool taken;
  Place place;
  LastStatus status;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

class TakeFact : public ::testing::TestWithParam<Row> {};

TEST_P(TakeFact, newer_facts_win) {
  const Row& row = GetParam();
  Instance known = row.known;
  EXPECT_EQ(take_fact(known, row.fact), row.taken) << row.name;
  EXPECT_EQ(known.place, row.place) << row.name;
  EXPECT_EQ(known.status, row.status) << row.name;
  EXPECT_FALSE(known.provisional) << row.name;
}

INSTANTIATE_TEST_SUITE_P(
    OneRun, TakeFact,
    ::testing::Values(Row{"a status goes forward", at(here, pending, 10, 10),
                          at(here, running, 10, 20), true, here, running},
                      Row{"a start's status is filled in", at(here, pending),
                          at(here, running, 10, 20), true, here, running},
                      Row{"an overtaken answer changes nothing", at(here, suspended, 10, 30),
                          at(here, running, 10, 20), false, here, suspended},
                      Row{"an overtaken answer does not undo the end", at(here, completed, 10, 30),
                          at(here, running, 10, 20), false, here, completed},
                      Row{"without a time nothing undoes the end", at(here, completed, 10, 30),
                          at(here, running), false, here, completed},
                      Row{"an accepted start does not undo the end of a quick run",
                          at(here, completed, 10, 30), at(here, pending), false, here, completed},
                      Row{"a rewind goes on later", at(here, failed, 10, 30),
                          at(here, running, 10, 40), true, here, running},
                      Row{"an end replaces an end", at(here, failed, 10, 30),
                          at(here, completed, 10, 40), true, here, completed},
                      Row{"no status says only that it is there", at(here, completed, 10, 30),
                          at(here, unknown), true, here, completed},
                      Row{"the first status of one that was only known to be there",
                          at(here, unknown), at(here, completed), true, here, completed}));

INSTANTIATE_TEST_SUITE_P(
    ReusedIds, TakeFact,
    ::testing::Values(Row{"a newer run replaces a finished one", at(here, completed, 10, 30),
                          at(here, pending, 40, 40), true, here, pending},
                      Row{"an answer about the run before changes nothing",
                          at(here, pending, 40, 40), at(here, completed, 10, 30), false, here,
                          pending},
                      Row{"nor before the new run's own time is known",
                          replacing(at(here, pending), 10), at(here, completed, 10, 30), false,
                          here, pending},
                      Row{"the new run's first answer is taken", replacing(at(here, pending), 10),
                          at(here, completed, 40, 50), true, here, completed}));

INSTANTIATE_TEST_SUITE_P(
    TwoHubs, TakeFact,
    ::testing::Values(Row{"what was only agreed on gives way", provisional(here),
                          at(there, running, 10, 10), true, there, running},
                      Row{"it moves with the newer run", at(here, completed, 10, 30),
                          at(there, running, 40, 40), true, there, running},
                      Row{"the older copy does not take it back", at(there, running, 40, 40),
                          at(here, completed, 10, 30), false, there, running},
                      Row{"an older copy that runs on does not take it back",
                          at(there, completed, 40, 50), at(here, running, 10, 30), false, there,
                          completed},
                      Row{"unordered: running beats finished", at(there, pending),
                          at(here, completed, 10, 30), false, there, pending},
                      Row{"unordered: otherwise the later fact", at(there, unknown),
                          at(here, running, 10, 30), true, here, running}));

TEST(TakeFactDetails, a_fact_adds_what_was_unknown_and_takes_nothing_away) {
  Instance known = at(here, pending);
  known.function = "Order";
  known.credential = 7;
  Instance fact = at(here, running, 10, 20);
  ASSERT_TRUE(take_fact(known, fact));
  EXPECT_EQ(known.function, "Order");
  EXPECT_EQ(known.credential, 7u);
  EXPECT_EQ(known.created_ms, 10);
  EXPECT_EQ(known.updated_ms, 20);
}

TEST(TakeFactDetails, another_run_s_credential_and_function_do_not_stay) {
  Instance known = at(here, completed, 10, 20);
  known.function = "Order";
  known.credential = 7;
  ASSERT_TRUE(take_fact(known, at(here, running, 30, 30)));
  EXPECT_EQ(known.function, "");
  EXPECT_EQ(known.credential, 0u);
}

TEST(StatusWords, each_word_comes_back_in_any_letter_case) {
  for (int i = 1; i <= 8; ++i) {
    const auto status = static_cast<LastStatus>(i);
    std::string word{runtime_status(status)};
    ASSERT_FALSE(word.empty());
    EXPECT_EQ(ledger::status_of_word(word), status);
    for (char& c : word) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(ledger::status_of_word(word), status) << word;
  }
  EXPECT_EQ(ledger::status_of_word(""), unknown);
  EXPECT_EQ(ledger::status_of_word("Runnin"), unknown);
  EXPECT_EQ(runtime_status(unknown), "");
}

TEST(StatusWords, four_statuses_are_final) {
  for (const LastStatus status : {completed, failed, canceled, terminated})
    EXPECT_TRUE(is_final(status)) << runtime_status(status);
  for (const LastStatus status : {unknown, pending, running, suspended, continued_as_new})
    EXPECT_FALSE(is_final(status)) << runtime_status(status);
}

TEST(DirectoryKeys, an_entity_is_one_key_however_it_is_named) {
  EXPECT_EQ(ledger::directory_key_of_entity("Counter", "Total"), "@counter@Total");
  EXPECT_EQ(ledger::directory_key_of_instance("@COUNTER@Total"), "@counter@Total");
  EXPECT_EQ(ledger::directory_key_of_instance("@counter@a@B"), "@counter@a@B");
}

TEST(DirectoryKeys, an_instance_id_is_its_own_key) {
  EXPECT_EQ(ledger::directory_key_of_instance("Order+42%"), "Order+42%");
  EXPECT_EQ(ledger::directory_key_of_instance("@Alone"), "@Alone");
  EXPECT_EQ(ledger::directory_key_of_instance(""), "");
}

}  // namespace
