// What apps and storage write to each other is read back, and nothing else is.
#include "rehearsal/hub_wire.hpp"

#include <gtest/gtest.h>

namespace rehearsal {

TEST(HubWire, AStartIsReadBack) {
  NewInstance start;
  start.id = "a \"b\" \xc3\xa9";
  start.function = "F";
  start.input = R"({"x":[1,2]})";
  start.plan = plan_of(
      R"({"steps":[{"activity":"Pay"},{"timer":5},{"waitForEvent":"Go"},)"
      R"({"subOrchestration":"C","input":{"steps":2},"instanceId":"c"},{"customStatus":[1]},)"
      R"({"fail":"why"}],"waitForEvent":"End","failAtStep":2,"output":{"a":1}})",
      Plan{});
  ASSERT_EQ(start.plan.list.size(), 6u);
  const auto again = read_new_instance(write_new_instance(start));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, start.id);
  EXPECT_EQ(again->input, start.input);
  EXPECT_EQ(again->plan, start.plan);
}

TEST(HubWire, AnExchangeIsReadBack) {
  WorkReport report;
  report.app = "primary";
  report.lease = std::chrono::milliseconds{1234};
  report.held = {{7, 3}};
  report.finished = {{8, 4, "\"done\""}};
  report.orchestrates = false;
  report.functions = {"Order", "Invoice"};
  report.capacity = 9;
  report.release = true;
  const auto again = read_report(write_report(report));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->app, "primary");
  EXPECT_EQ(again->lease, report.lease);
  EXPECT_EQ(again->held.at(0).id, 7);
  EXPECT_EQ(again->held.at(0).epoch, 3);
  EXPECT_EQ(again->finished.at(0).id, 8);
  EXPECT_EQ(again->finished.at(0).result, "\"done\"");
  EXPECT_FALSE(again->orchestrates);
  EXPECT_EQ(again->functions, report.functions);
  EXPECT_EQ(again->capacity, 9u);
  EXPECT_TRUE(again->release);

  WorkAnswer answer;
  Activity activity;
  activity.id = 5;
  activity.epoch = 2;
  activity.name = "Pay";
  activity.step = 3;
  activity.of = 4;
  activity.time = std::chrono::milliseconds{50};
  answer.activities = {activity};
  answer.lost = {6};
  answer.more = true;
  const auto got = read_answer(write_answer(answer));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->activities.at(0).id, 5);
  EXPECT_EQ(got->activities.at(0).step, 3);
  EXPECT_EQ(got->activities.at(0).of, 4);
  EXPECT_EQ(got->activities.at(0).time, activity.time);
  EXPECT_EQ(got->lost.at(0), 6);
  EXPECT_TRUE(got->more);
}

TEST(HubWire, InstancesEntitiesAndLeasesAreReadBack) {
  Instance instance;
  instance.id = "i";
  instance.input = R"({"b":1})";
  instance.status = RuntimeStatus::suspended;
  instance.created = WallTime{std::chrono::milliseconds{42}};
  HistoryEvent event;
  event.type = "TimerFired";
  event.scheduled = WallTime{std::chrono::milliseconds{43}};
  const auto one = read_instance(write_instance(instance, {event}));
  ASSERT_TRUE(one);
  EXPECT_EQ(one->instance.status, RuntimeStatus::suspended);
  EXPECT_EQ(one->instance.created, instance.created);
  EXPECT_EQ(one->history.at(0).scheduled, event.scheduled);

  Page page;
  page.instances = {instance};
  page.next = 17;
  const auto page_again = read_page(write_page(page));
  ASSERT_TRUE(page_again);
  EXPECT_EQ(page_again->next, 17);
  EXPECT_EQ(page_again->instances.at(0).input, instance.input);

  EntityPage entities;
  entities.entities.push_back({"counter", "k", "5", WallTime{std::chrono::milliseconds{44}}});
  entities.next = 3;
  const auto entities_again = read_entity_page(write_entity_page(entities));
  ASSERT_TRUE(entities_again);
  EXPECT_EQ(entities_again->entities.at(0).state, "5");
  EXPECT_EQ(entities_again->next, 3);

  AppLeaseState lease;
  lease.id = "a";
  lease.active = true;
  lease.desired = "b";
  const auto lease_again = read_lease_state(write_lease_state(lease));
  ASSERT_TRUE(lease_again);
  EXPECT_TRUE(lease_again->active);
  EXPECT_EQ(lease_again->desired, "b");
}

TEST(HubWire, WhatIsNotOursIsRefused) {
  for (const char* text :
       {"", "[]", "null", "{}", "{", R"({"id":1,"function":"F","input":"","plan":{}})",
        R"({"id":"1","function":"F","input":"","plan":"[]"})"}) {
    EXPECT_FALSE(read_new_instance(text)) << text;
    EXPECT_FALSE(read_report(text)) << text;
    EXPECT_FALSE(read_page(text)) << text;
    EXPECT_FALSE(read_entity_page(text)) << text;
    EXPECT_FALSE(read_instance(text)) << text;
    EXPECT_FALSE(read_answer(text)) << text;
    EXPECT_FALSE(read_lease_state(text)) << text;
  }
}

}  // namespace rehearsal
