// The directory in memory: final answers, credentials, status. Its disk: tests/integration/ledger.
#include "ledger/instance_directory.hpp"

#include <gtest/gtest.h>

#include <string>

#include "ledger/final_answers.hpp"

namespace {

using ledger::FinalAnswers;
using ledger::Instance;
using ledger::InstanceDirectory;
using ledger::LastStatus;

constexpr std::int64_t noon = 1'800'000'000'000;

Instance ended(ledger::Place place, std::int64_t created, LastStatus how = LastStatus::completed) {
  Instance instance;
  instance.place = place;
  instance.status = how;
  instance.created_ms = created;
  instance.updated_ms = created + 5;
  return instance;
}

TEST(DirectoryInMemory, places_are_names) {
  InstanceDirectory directory{{}, noon};
  const auto primary = directory.place_of("primary");
  const auto secondary = directory.place_of("secondary");
  EXPECT_NE(primary, secondary);
  EXPECT_EQ(directory.place_of("primary"), primary);
  EXPECT_EQ(directory.name_of(secondary), "secondary");
  EXPECT_EQ(directory.name_of(ledger::no_place), "");
}

TEST(DirectoryInMemory, its_status_counts_and_has_no_disk) {
  ledger::DirectoryOptions options;
  options.max_entries = 2;
  InstanceDirectory directory{options, noon};
  for (const char* key : {"a", "b", "c"}) directory.learn(key, ended(1, 10), noon);
  const auto status = directory.status();
  EXPECT_EQ(status.entries, 2u);
  EXPECT_EQ(status.evicted, 1u);
  EXPECT_FALSE(status.on_disk);
  EXPECT_TRUE(status.disk_ok);
  EXPECT_EQ(directory.size(), 2u);
}

TEST(FinalAnswer, is_found_while_the_run_it_was_kept_for_is_the_last_one) {
  InstanceDirectory directory{{}, noon};
  directory.learn("a", ended(1, 10), noon);
  directory.keep_final_answer("a", ended(1, 10), "{}");
  ASSERT_TRUE(directory.final_answer("a", noon));
  EXPECT_EQ(*directory.final_answer("a", noon), "{}");
  directory.learn_start("a", ended(1, 0), noon + 1, noon + 2);
  EXPECT_FALSE(directory.final_answer("a", noon + 2));
  directory.learn("a", ended(1, 50), noon + 3);  // the next run ended, its body was not kept
  EXPECT_FALSE(directory.final_answer("a", noon + 3));
}

TEST(FinalAnswer, of_an_instance_that_is_unknown_elsewhere_or_forgotten_is_not_given) {
  InstanceDirectory directory{{}, noon};
  directory.keep_final_answer("a", ended(1, 10), "{}");
  EXPECT_FALSE(directory.final_answer("a", noon));
  directory.learn("a", ended(2, 10), noon);
  EXPECT_FALSE(directory.final_answer("a", noon));
  directory.keep_final_answer("a", ended(2, 10), "{}");
  EXPECT_TRUE(directory.final_answer("a", noon));
  directory.forget("a");
  directory.learn("a", ended(2, 10), noon);
  EXPECT_FALSE(directory.final_answer("a", noon));
}

TEST(FinalAnswer, of_one_that_is_not_over_is_not_kept) {
  InstanceDirectory directory{{}, noon};
  directory.learn("a", ended(1, 10, LastStatus::running), noon);
  directory.keep_final_answer("a", ended(1, 10, LastStatus::running), "{}");
  EXPECT_FALSE(directory.final_answer("a", noon));
}

TEST(FinalAnswersBound, a_body_too_long_takes_the_earlier_one_with_it) {
  FinalAnswers answers;
  const FinalAnswers::Ending end{1, LastStatus::failed, 10};
  answers.keep("a", end, std::string(FinalAnswers::longest_body, 'x'));
  ASSERT_TRUE(answers.find("a", end));
  answers.keep("a", end, std::string(FinalAnswers::longest_body + 1, 'x'));
  EXPECT_FALSE(answers.find("a", end));
  EXPECT_EQ(answers.bytes(), 0u);
}

TEST(FinalAnswersBound, the_oldest_bodies_make_room) {
  FinalAnswers answers;
  const FinalAnswers::Ending end{1, LastStatus::completed, 10};
  const int count = static_cast<int>(FinalAnswers::most_bytes / FinalAnswers::longest_body) + 100;
  for (int i = 0; i < count; ++i) {
    answers.keep("id" + std::to_string(i), end, std::string(FinalAnswers::longest_body, 'x'));
    ASSERT_LE(answers.bytes(), FinalAnswers::most_bytes);
  }
  EXPECT_GT(answers.bytes(), FinalAnswers::most_bytes - 2 * FinalAnswers::longest_body);
  EXPECT_FALSE(answers.find("id0", end));
  EXPECT_TRUE(answers.find("id" + std::to_string(count - 1), end));
}

TEST(FinalAnswersBound, empty_bodies_are_not_free) {
  FinalAnswers answers;
  const FinalAnswers::Ending end{1, LastStatus::completed, 10};
  answers.keep("a", end, "");
  EXPECT_GT(answers.bytes(), 100u);
  answers.drop("a");
  EXPECT_EQ(answers.bytes(), 0u);
}

TEST(Credentials, are_told_apart_without_being_kept) {
  InstanceDirectory directory{{}, noon};
  InstanceDirectory other{{}, noon};
  EXPECT_EQ(directory.credential_of("one"), directory.credential_of("one"));
  EXPECT_NE(directory.credential_of("one"), directory.credential_of("two"));
  EXPECT_NE(directory.credential_of("one"), other.credential_of("one"));
  EXPECT_NE(directory.credential_of(""), 0u);
}

}  // namespace
