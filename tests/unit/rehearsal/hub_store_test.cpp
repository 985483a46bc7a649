// The rules of a task hub, on a SQLite file of the test's own and with a clock of its own.
#include "rehearsal/hub_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <optional>

namespace rehearsal {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

namespace {

class HubStoreTest : public ::testing::Test {
 protected:
  HubStoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hub-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder = pattern;
    reopen();
  }
  ~HubStoreTest() override {
    store.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  void reopen() {
    store.reset();
    store.emplace((folder / "hub.db").string());
  }

  std::optional<RuntimeStatus> create(const std::string& id, int steps = 2,
                                      const std::string& wait_for = "", bool fails = false) {
    NewInstance start;
    start.id = id;
    start.function = "Hello";
    start.input = "\"in\"";
    start.plan.steps = steps;
    start.plan.wait_for = wait_for;
    start.plan.fails = fails;
    return store->create("Hub", start, now);
  }

  // One exchange of an app that has nothing running: what is it given?
  std::vector<Work> take(const std::string& app, std::size_t capacity = 10) {
    WorkReport report;
    report.app = app;
    report.lease = 5s;
    report.capacity = capacity;
    return store->exchange("Hub", report, now).work;
  }

  // Reports one step; false when the hub refuses it.
  bool report_step(const std::string& app, const Work& work, int step) {
    WorkReport report;
    report.app = app;
    report.lease = 5s;
    report.steps.push_back({work.id, work.epoch, step, "\"" + app + "\""});
    return store->exchange("Hub", report, now).lost.empty();
  }

  bool hold(const std::string& app, const Work& work, bool release = false) {
    WorkReport report;
    report.app = app;
    report.lease = 5s;
    report.held.push_back({work.id, work.epoch});
    report.release = release;
    return store->exchange("Hub", report, now).lost.empty();
  }

  Instance get(const std::string& id) { return store->get("Hub", id).value(); }

  std::filesystem::path folder;
  std::optional<HubStore> store;
  WallTime now{1'000'000s};
};

}  // namespace

TEST_F(HubStoreTest, AStartIsThereAfterTheProcessIsGone) {
  EXPECT_EQ(create("a"), std::nullopt);
  reopen();
  EXPECT_EQ(get("a").status, RuntimeStatus::pending);
  EXPECT_EQ(get("a").input, "\"in\"");
  EXPECT_EQ(get("a").created, now);
}

TEST_F(HubStoreTest, ALiveIdRefusesAnotherStartAndSaysItsStatus) {
  create("a");
  EXPECT_EQ(create("a"), RuntimeStatus::pending);
  const auto work = take("primary");
  EXPECT_EQ(create("a"), RuntimeStatus::running);
  store->suspend("Hub", "a", "\"\"", now);
  EXPECT_EQ(create("a"), RuntimeStatus::suspended);
}

TEST_F(HubStoreTest, AFinishedIdIsSilentlyReplaced) {
  for (const bool fails : {false, true}) {
    create("a", 1, "", fails);
    const auto work = take("primary");
    ASSERT_TRUE(report_step("primary", work.at(0), 1));
    ASSERT_TRUE(is_finished(get("a").status));
    now += 1min;
    EXPECT_EQ(create("a"), std::nullopt);
    EXPECT_EQ(get("a").status, RuntimeStatus::pending);
    EXPECT_EQ(get("a").created, now);
    EXPECT_EQ(store->history("Hub", "a").size(), 1u) << "the old run's history is gone";
    store->purge("Hub", "a");
  }
}

TEST_F(HubStoreTest, HubsDoNotSeeEachOther) {
  create("a");
  EXPECT_FALSE(store->get("Other", "a"));
  EXPECT_THAT(store->list("Other", {}).instances, IsEmpty());
  WorkReport report;
  report.app = "primary";
  report.capacity = 10;
  EXPECT_THAT(store->exchange("Other", report, now).work, IsEmpty());
}

TEST_F(HubStoreTest, StepsAreRecordedAndTheLastOneCompletes) {
  create("a", 2);
  const auto work = take("primary");
  ASSERT_EQ(work.size(), 1u);
  EXPECT_TRUE(report_step("primary", work[0], 1));
  EXPECT_EQ(get("a").status, RuntimeStatus::running);
  EXPECT_EQ(get("a").custom_status, R"({"step":1,"of":2})");
  EXPECT_TRUE(report_step("primary", work[0], 2));
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(get("a").output, R"(["primary","primary"])");
}

TEST_F(HubStoreTest, AReportThatArrivesTwiceCountsOnce) {
  create("a", 2);
  const auto work = take("primary");
  EXPECT_TRUE(report_step("primary", work[0], 1));
  EXPECT_TRUE(report_step("primary", work[0], 1));
  EXPECT_EQ(get("a").steps_done, 1);
  EXPECT_EQ(store->activity_counts("Hub").at(0).activities, 1);
}

TEST_F(HubStoreTest, AStepOutOfTurnIsRefused) {
  create("a", 3);
  const auto work = take("primary");
  EXPECT_FALSE(report_step("primary", work[0], 2));
  EXPECT_EQ(get("a").steps_done, 0);
}

TEST_F(HubStoreTest, WorkUnderALiveLeaseIsNobodyElses) {
  create("a");
  EXPECT_EQ(take("primary").size(), 1u);
  now += 4999ms;
  EXPECT_THAT(take("secondary"), IsEmpty());
}

TEST_F(HubStoreTest, ARenewedLeaseLastsOn) {
  create("a");
  const auto work = take("primary");
  now += 4s;
  EXPECT_TRUE(hold("primary", work[0]));
  now += 4s;
  EXPECT_THAT(take("secondary"), IsEmpty());
}

TEST_F(HubStoreTest, AnotherAppGoesOnWhereADeadOneStopped) {
  create("a", 3);
  const auto first = take("primary");
  report_step("primary", first[0], 1);
  now += 5s;
  const auto second = take("secondary");
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].steps_done, 1);
  EXPECT_GT(second[0].epoch, first[0].epoch);
  EXPECT_TRUE(report_step("secondary", second[0], 2));
  EXPECT_TRUE(report_step("secondary", second[0], 3));
  EXPECT_EQ(get("a").output, R"(["primary","secondary","secondary"])");
  const auto counts = store->activity_counts("Hub");
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[1].app, "secondary");
  EXPECT_EQ(counts[1].taken_over, 1);
  EXPECT_EQ(counts[1].activities, 2);
}

TEST_F(HubStoreTest, AFrozenAppThatThawsCannotReportWhatItLost) {
  create("a", 3);
  const auto frozen = take("primary");
  now += 6s;
  const auto other = take("secondary");
  EXPECT_FALSE(report_step("primary", frozen[0], 1));
  EXPECT_FALSE(hold("primary", frozen[0]));
  EXPECT_EQ(get("a").steps_done, 0);
  EXPECT_TRUE(report_step("secondary", other[0], 1));
}

TEST_F(HubStoreTest, AnExpiredLeaseThatNobodyTookIsStillGood) {
  create("a", 2);
  const auto work = take("primary");
  now += 1min;
  EXPECT_TRUE(report_step("primary", work[0], 1));
}

TEST_F(HubStoreTest, AnAppThatEndsGivesItsLeasesBackAtOnce) {
  create("a");
  const auto work = take("primary");
  EXPECT_TRUE(hold("primary", work[0], true));
  EXPECT_EQ(take("secondary").size(), 1u);
}

TEST_F(HubStoreTest, NoMoreThanTheCapacityIsHandedOut) {
  for (const char* id : {"a", "b", "c"}) create(id);
  EXPECT_EQ(take("primary", 2).size(), 2u);
  EXPECT_EQ(take("secondary", 2).size(), 1u);
}

TEST_F(HubStoreTest, TerminateEndsARunAndItsLease) {
  EXPECT_EQ(store->terminate("Hub", "a", "\"why\"", now), Control::not_found);
  create("a");
  const auto work = take("primary");
  EXPECT_EQ(store->terminate("Hub", "a", "\"why\"", now), Control::accepted);
  EXPECT_EQ(get("a").status, RuntimeStatus::terminated);
  EXPECT_EQ(get("a").output, "\"why\"");
  EXPECT_FALSE(report_step("primary", work[0], 1));
  EXPECT_EQ(store->terminate("Hub", "a", "\"why\"", now), Control::finished);
}

TEST_F(HubStoreTest, ASuspendedRunWaitsForResume) {
  create("a", 2);
  const auto work = take("primary");
  EXPECT_EQ(store->suspend("Hub", "a", "\"\"", now), Control::accepted);
  EXPECT_FALSE(hold("primary", work[0]));
  now += 1h;
  EXPECT_THAT(take("primary"), IsEmpty());
  EXPECT_EQ(store->resume("Hub", "a", "\"\"", now), Control::accepted);
  EXPECT_EQ(take("primary").size(), 1u);
}

TEST_F(HubStoreTest, ARunThatWaitsForAnEventEndsWithIt) {
  create("a", 1, "Approval");
  const auto work = take("primary");
  EXPECT_TRUE(report_step("primary", work[0], 1));
  EXPECT_EQ(get("a").status, RuntimeStatus::running);
  now += 1h;
  EXPECT_THAT(take("primary"), IsEmpty()) << "there is nothing to run while it waits";
  EXPECT_EQ(store->raise_event("Hub", "a", "Other", "1", now), Control::accepted);
  EXPECT_EQ(get("a").status, RuntimeStatus::running);
  EXPECT_EQ(store->raise_event("Hub", "a", "approval", "1", now), Control::accepted);
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(store->raise_event("Hub", "a", "Approval", "1", now), Control::finished);
}

TEST_F(HubStoreTest, AnEventThatCameEarlyIsNotLost) {
  create("a", 1, "Approval");
  EXPECT_EQ(store->raise_event("Hub", "a", "Approval", "1", now), Control::accepted);
  const auto work = take("primary");
  EXPECT_TRUE(report_step("primary", work[0], 1));
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
}

TEST_F(HubStoreTest, AFailedRunCanBeRewound) {
  create("a", 2, "", true);
  const auto work = take("primary");
  EXPECT_EQ(store->rewind("Hub", "a", "\"\"", now), Control::wrong_state);
  report_step("primary", work[0], 1);
  report_step("primary", work[0], 2);
  ASSERT_EQ(get("a").status, RuntimeStatus::failed);
  EXPECT_EQ(store->rewind("Hub", "a", "\"\"", now), Control::accepted);
  const auto again = take("primary");
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].steps_done, 1);
  EXPECT_TRUE(report_step("primary", again[0], 2));
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(get("a").output, R"(["primary","primary"])");
  EXPECT_EQ(store->rewind("Hub", "a", "\"\"", now), Control::finished);
}

TEST_F(HubStoreTest, ListsByPrefixStatusAndTimeInPages) {
  for (int i = 0; i < 5; ++i) {
    create("x" + std::to_string(i));
    now += 1s;
  }
  create("y");
  store->terminate("Hub", "x2", "\"\"", now);
  const auto ids = [](const Page& page) {
    std::vector<std::string> out;
    for (const Instance& one : page.instances) out.push_back(one.id);
    return out;
  };
  ListFilter filter;
  filter.id_prefix = "x";
  filter.top = 3;
  const Page first = store->list("Hub", filter);
  EXPECT_THAT(ids(first), ElementsAre("x0", "x1", "x2"));
  ASSERT_NE(first.next, 0);
  filter.after = first.next;
  const Page rest = store->list("Hub", filter);
  EXPECT_THAT(ids(rest), ElementsAre("x3", "x4"));
  EXPECT_EQ(rest.next, 0);

  ListFilter terminated;
  terminated.statuses = {RuntimeStatus::terminated};
  EXPECT_THAT(ids(store->list("Hub", terminated)), ElementsAre("x2"));
  ListFilter timed;
  timed.created_from = WallTime{1'000'001s};
  timed.created_to = WallTime{1'000'003s};
  EXPECT_THAT(ids(store->list("Hub", timed)), ElementsAre("x1", "x2", "x3"));
}

TEST_F(HubStoreTest, PurgeManyTakesFinishedRunsOnly) {
  for (const char* id : {"a", "b", "c"}) create(id);
  store->terminate("Hub", "a", "\"\"", now);
  store->terminate("Hub", "c", "\"\"", now);
  EXPECT_EQ(store->purge("Hub", ListFilter{}), 2u);
  EXPECT_FALSE(store->get("Hub", "a"));
  EXPECT_TRUE(store->get("Hub", "b"));
  EXPECT_TRUE(store->purge("Hub", "b"));
  EXPECT_FALSE(store->purge("Hub", "b"));
}

TEST(HubStoreFile, ThatCannotBeOpenedIsNamed) {
  try {
    HubStore store{"/nonexistent/folder/hub.db"};
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string{error.what()}.find("/nonexistent/folder/hub.db"), std::string::npos);
  }
}

}  // namespace rehearsal
