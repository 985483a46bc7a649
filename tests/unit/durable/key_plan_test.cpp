#include "durable/key_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace durable {
namespace {

using config::Secret;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Keys = std::vector<std::pair<std::string, std::string>>;

KeyList list(KeyScope scope, const Keys& keys, std::string function = {}) {
  KeyList out;
  out.group = {scope, std::move(function)};
  for (const auto& [name, value] : keys) out.keys.push_back({name, Secret{value}});
  return out;
}

KeyList absent(std::string function) {
  KeyList out;
  out.group = {KeyScope::function, std::move(function)};
  out.exists = false;
  return out;
}

AppKeys host(const Keys& keys) {
  return {list(KeyScope::host, keys)};
}

std::vector<std::string> verdicts(const AppKeys& source, const AppKeys& target) {
  std::vector<std::string> out;
  for (const ComparedKey& key : compare_keys(source, target).keys)
    out.push_back(key.name + " " + std::string{to_string(key.verdict)});
  return out;
}

// "name: before -> value", to read a plan in one look.
std::vector<std::string> plan(const AppKeys& source, const AppKeys& target) {
  std::vector<std::string> out;
  for (const KeyChange& change : plan_sync(source, target)) {
    const std::string before = change.before ? change.before->reveal() : "nothing";
    out.push_back(change.name + ": " + before + " -> " + change.value.reveal());
  }
  return out;
}

TEST(CompareKeys, GivesEachNameOneVerdict) {
  EXPECT_THAT(verdicts(host({{"a", "1"}, {"b", "2"}, {"c", "3"}}),
                       host({{"d", "4"}, {"c", "3"}, {"b", "x"}})),
              ElementsAre("a missing_at_target", "b different", "c same", "d missing_at_source"));
}

TEST(CompareKeys, TakesOtherLetterCaseForTheSameKeyUnlessBothAreThere) {
  EXPECT_THAT(verdicts(host({{"Key", "1"}}), host({{"kEY", "1"}})), ElementsAre("Key same"));
  EXPECT_THAT(verdicts(host({{"Key", "1"}, {"key", "2"}}), host({{"key", "2"}})),
              ElementsAre("Key missing_at_target", "key same"));
  EXPECT_THAT(verdicts(host({{"KEY", "1"}}), host({{"Key", "1"}, {"key", "2"}})),
              ElementsAre("KEY same", "key missing_at_source"));
}

TEST(CompareKeys, NeverMentionsTheMasterKey) {
  for (const char* name : {"_master", "_Master", "_MASTER"}) {
    const AppKeys with = host({{name, "1"}, {"a", "1"}});
    EXPECT_THAT(verdicts(with, host({{"a", "1"}})), ElementsAre("a same"));
    EXPECT_THAT(plan(with, host({{name, "2"}})), ElementsAre("a: nothing -> 1"));
  }
}

TEST(CompareKeys, NamesAFunctionThatOneAppLacksOnceAndPlansNothingForIt) {
  const AppKeys source{list(KeyScope::function, {{"k", "1"}, {"l", "2"}}, "F"), absent("G")};
  const AppKeys target{absent("f"), list(KeyScope::function, {{"k", "1"}}, "g")};
  const KeyComparison comparison = compare_keys(source, target);
  EXPECT_THAT(comparison.keys, IsEmpty());
  EXPECT_THAT(comparison.functions_missing_at_target, ElementsAre("F"));
  EXPECT_THAT(comparison.functions_missing_at_source, ElementsAre("G"));
  EXPECT_FALSE(comparison.equal());
  EXPECT_THAT(plan(source, target), IsEmpty());
}

TEST(CompareKeys, KeepsTheScopesApart) {
  const AppKeys source{list(KeyScope::host, {{"a", "1"}}), list(KeyScope::system, {{"a", "2"}}),
                       list(KeyScope::function, {{"a", "3"}}, "F")};
  AppKeys target = source;
  EXPECT_TRUE(compare_keys(source, target).equal());
  target[1].keys[0].value = Secret{"x"};
  EXPECT_EQ(compare_keys(source, target).count(KeyVerdict::different), 1U);
  EXPECT_EQ(plan_sync(source, target).front().group.scope, KeyScope::system);
}

TEST(PlanSync, WritesWhatDiffersAndWhatIsMissingAndTakesNothingAway) {
  EXPECT_THAT(plan(host({{"a", "1"}, {"b", "2"}, {"c", "3"}}), host({{"b", "x"}, {"c", "3"}})),
              ElementsAre("a: nothing -> 1", "b: x -> 2"));
  EXPECT_THAT(plan(host({}), host({{"d", "4"}})), IsEmpty());
}

TEST(PlanSync, UsesTheTargetsSpelling) {
  EXPECT_THAT(plan(host({{"Key", "1"}}), host({{"kEY", "2"}})), ElementsAre("kEY: 2 -> 1"));
}

TEST(PlanSync, PlansNothingOnceItIsDone) {
  const AppKeys source = host({{"a", "1"}, {"b", "2"}});
  AppKeys target = host({{"B", "x"}, {"own", "3"}});
  for (const KeyChange& change : plan_sync(source, target)) {
    if (NamedKey* key = const_cast<NamedKey*>(find_key(target, change.group, change.name)))
      key->value = change.value;
    else
      target[0].keys.push_back({change.name, change.value});
  }
  EXPECT_THAT(plan(source, target), IsEmpty());
}

struct UndoCase {
  std::string name;
  std::optional<std::string> before, now;  // the sync wrote "new"
  UndoStep step;
};

class PlanUndo : public ::testing::TestWithParam<UndoCase> {};

TEST_P(PlanUndo, DecidesByWhatTheAppHasNow) {
  const UndoCase& row = GetParam();
  KeyChange written{{KeyScope::host, ""}, "k", std::nullopt, Secret{"new"}};
  if (row.before) written.before = Secret{*row.before};
  const AppKeys current = row.now ? host({{"k", *row.now}}) : host({});
  const std::vector<UndoneKey> plan = plan_undo({written}, current);
  ASSERT_EQ(plan.size(), 1U);
  EXPECT_EQ(to_string(plan[0].step), to_string(row.step));
  if (row.step != UndoStep::restore) return;
  EXPECT_EQ(plan[0].change.value, Secret{*row.before});
  EXPECT_EQ(plan[0].change.before.has_value(), row.now.has_value());
}

INSTANTIATE_TEST_SUITE_P(
    Keys, PlanUndo,
    ::testing::Values(UndoCase{"written", "old", "new", UndoStep::restore},
                      UndoCase{"deleted_since", "old", std::nullopt, UndoStep::restore},
                      UndoCase{"never_written", "old", "old", UndoStep::already_so},
                      UndoCase{"rotated_since", "old", "third", UndoStep::changed_since},
                      UndoCase{"was_new", std::nullopt, "new", UndoStep::was_new},
                      UndoCase{"new_and_rotated", std::nullopt, "third", UndoStep::was_new},
                      UndoCase{"new_and_gone", std::nullopt, std::nullopt, UndoStep::already_so}),
    [](const auto& row) { return row.param.name; });

TEST(PlanUndo, IgnoresTheMasterKeyOfAnEditedFile) {
  EXPECT_THAT(plan_undo({{{KeyScope::system, ""}, "_MASTER", Secret{"a"}, Secret{"b"}}},
                        {list(KeyScope::system, {{"_master", "b"}})}),
              IsEmpty());
}

TEST(KeyPath, EncodesEverythingThatAPathCouldMisread) {
  EXPECT_EQ(key_path({KeyScope::host, ""}), "/admin/host/functionkeys");
  EXPECT_EQ(key_path({KeyScope::system, ""}, "durabletask_extension"),
            "/admin/host/systemkeys/durabletask_extension");
  EXPECT_EQ(key_path({KeyScope::function, "F/../x"}, "a b%2F?#+\xC3\xA9~"),
            "/admin/functions/F%2F..%2Fx/keys/a%20b%252F%3F%23%2B%C3%A9~");
}

TEST(UsableName, IsOneThatNeitherAPathNorATerminalMisreads) {
  for (const char* name : {"default", "a b", "a/b", "...", "\xC3\xA9", "_x"})
    EXPECT_TRUE(is_usable_name(name)) << name;
  for (const char* name : {"", ".", "..", "a\nb", "\x1b[2J", "\x7f", "a\xC2\x9B\x32J"})
    EXPECT_FALSE(is_usable_name(name)) << name;
  EXPECT_TRUE(is_usable_name(std::string(256, 'x')));
  EXPECT_FALSE(is_usable_name(std::string(257, 'x')));
  EXPECT_FALSE(is_usable_name(std::string_view{"a\0b", 3}));
}

TEST(CompareKeys, IsQuickWithTenThousandKeys) {
  Keys many;
  for (int i = 0; i < 10'000; ++i) many.emplace_back("key" + std::to_string(i), "v");
  EXPECT_EQ(compare_keys(host(many), host(many)).count(KeyVerdict::same), 10'000U);
  EXPECT_EQ(plan_sync(host(many), host({})).size(), 10'000U);
}

}  // namespace
}  // namespace durable
