// From an orchestration's input to what it does.
#include "rehearsal/plan.hpp"

#include <gtest/gtest.h>

namespace rehearsal {

using namespace std::chrono_literals;

TEST(Plan, WhatIsNotAnObjectPlaysTheDefaults) {
  const Plan defaults;
  for (const char* input : {"null", "[1]", "7", "\"steps\"", "{bad", "", R"({"steps":"many"})",
                            R"({"steps":1.5})", R"({"fail":"yes"})"})
    EXPECT_EQ(plan_of(input, defaults), defaults) << input;
}

TEST(Plan, AnInputObjectOverridesTheDefaultsWithinBounds) {
  const Plan defaults;
  const Plan plan =
      plan_of(R"({"steps":9,"stepMilliseconds":50,"waitForEvent":"Go","fail":true,"failAtStep":3,)"
              R"("output":{"b":1}})",
              defaults);
  EXPECT_EQ(plan.steps, 9);
  EXPECT_EQ(plan.step_time, 50ms);
  EXPECT_EQ(plan.wait_for, "Go");
  EXPECT_TRUE(plan.fails);
  EXPECT_EQ(plan.fail_at, 3);
  EXPECT_EQ(plan.output, R"({"b":1})");
  EXPECT_EQ(plan_of(R"({"steps":0})", defaults).steps, 1);
  EXPECT_EQ(plan_of(R"({"steps":99999999})", defaults).steps, 10'000);
  EXPECT_EQ(plan_of(R"({"steps":18446744073709551615})", defaults).steps, 10'000);
}

TEST(Plan, StepsAreCountedFromOneAndTheWaitAtTheEndIsOneMore) {
  Plan plan;
  plan.steps = 2;
  plan.step_time = 30ms;
  plan.wait_for = "Go";
  EXPECT_EQ(steps_before_wait(plan), 2);
  EXPECT_EQ(step_count(plan), 3);
  EXPECT_EQ(step_at(plan, 2).kind, StepKind::activity);
  EXPECT_EQ(step_at(plan, 2).time, 30ms);
  EXPECT_EQ(step_at(plan, 3).kind, StepKind::wait_event);
  EXPECT_EQ(step_at(plan, 3).name, "Go");
}

TEST(Plan, AListSaysEachStepAndWhatIsNoStepIsPassedOver) {
  const Plan plan = plan_of(
      R"({"stepMilliseconds":7,"steps":[{"activity":"Pay"},{"activity":"Ship","milliseconds":9},)"
      R"({"timer":1500},{"nonsense":1},4,{"waitForEvent":"Go"},)"
      R"({"subOrchestration":"Child","input":{"steps":2},"instanceId":"c-1"},)"
      R"({"customStatus":{"at":"end"}},{"fail":"why"}]})",
      Plan{});
  ASSERT_EQ(step_count(plan), 7);
  EXPECT_EQ(step_at(plan, 1).name, "Pay");
  EXPECT_EQ(step_at(plan, 1).time, 7ms);
  EXPECT_EQ(step_at(plan, 2).time, 9ms);
  EXPECT_EQ(step_at(plan, 3).kind, StepKind::timer);
  EXPECT_EQ(step_at(plan, 3).time, 1500ms);
  EXPECT_EQ(step_at(plan, 4).kind, StepKind::wait_event);
  EXPECT_EQ(step_at(plan, 5).kind, StepKind::sub_orchestration);
  EXPECT_EQ(step_at(plan, 5).data, R"({"steps":2})");
  EXPECT_EQ(step_at(plan, 5).child_id, "c-1");
  EXPECT_EQ(step_at(plan, 6).data, R"({"at":"end"})");
  EXPECT_TRUE(shows_own_status(plan));
  EXPECT_EQ(step_at(plan, 7).data, "\"why\"");
}

TEST(Plan, IsReadBackAsWritten) {
  const Plan plan = plan_of(R"({"steps":[{"activity":"A"},{"timer":5}],"output":[1]})", Plan{});
  EXPECT_EQ(read_plan(write_plan(plan)), plan);
  for (const char* bad : {"", "[]", "{}", R"({"steps":"1"})"}) EXPECT_FALSE(read_plan(bad)) << bad;
  std::string text = write_plan(plan);
  text.replace(text.find("[0,"), 3, "[9,");  // a kind of step that there is not
  EXPECT_FALSE(read_plan(text));
}

}  // namespace rehearsal
