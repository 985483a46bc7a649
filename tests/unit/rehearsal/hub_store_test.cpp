// The rules of a task hub, on a SQLite file of the test's own and with a clock of its own.
#include "rehearsal/hub_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace rehearsal {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

namespace {

class HubStoreTest : public ::testing::Test {
 public:
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

 protected:
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

  std::optional<RuntimeStatus> create_with(const std::string& id, const std::string& input) {
    NewInstance start;
    start.id = id;
    start.function = "Hello";
    start.input = input;
    start.plan = plan_of(input, Plan{});
    return store->create("Hub", start, now);
  }

  static WorkReport report_of(const std::string& app) {
    WorkReport report;
    report.app = app;
    report.lease = 5s;
    return report;
  }

  // One exchange of an app that has nothing running: what is it given?
  std::vector<Activity> take(const std::string& app, std::size_t capacity = 10,
                             bool orchestrates = true) {
    WorkReport report = report_of(app);
    report.capacity = capacity;
    report.orchestrates = orchestrates;
    return store->exchange("Hub", report, now).activities;
  }

  // Reports an activity; false when the hub refuses it.
  bool finish(const std::string& app, const Activity& activity) {
    WorkReport report = report_of(app);
    report.finished.push_back({activity.id, activity.epoch, "\"" + app + "\""});
    return store->exchange("Hub", report, now).lost.empty();
  }

  bool hold(const std::string& app, const Activity& activity, bool release = false) {
    WorkReport report = report_of(app);
    report.held.push_back({activity.id, activity.epoch});
    report.release = release;
    return store->exchange("Hub", report, now).lost.empty();
  }

  // Plays whatever there is to do until nothing is.
  void run_all(const std::string& app) {
    for (auto work = take(app); !work.empty(); work = take(app))
      for (const Activity& activity : work) ASSERT_TRUE(finish(app, activity));
  }

  std::vector<std::string> history_types(const std::string& id) {
    std::vector<std::string> out;
    for (const HistoryEvent& event : store->history("Hub", id)) out.push_back(event.type);
    return out;
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

TEST_F(HubStoreTest, AFinishedIdIsSilentlyReplacedAndBothExecutionsAreOnRecord) {
  for (const bool fails : {false, true}) {
    create("a", 1, "", fails);
    run_all("primary");
    ASSERT_TRUE(is_finished(get("a").status));
    now += 1min;
    EXPECT_EQ(create("a"), std::nullopt);
    EXPECT_EQ(get("a").status, RuntimeStatus::pending);
    EXPECT_EQ(get("a").created, now);
    EXPECT_EQ(store->history("Hub", "a").size(), 1u) << "the old run's history is gone";
    store->purge("Hub", "a");
  }
  const auto page = store->journal().executions("Hub", "a", 0, 10);
  std::vector<std::string> statuses;
  for (const Execution& one : page.executions) statuses.push_back(one.status);
  EXPECT_THAT(statuses, ElementsAre("Completed", "Purged", "Failed", "Purged"));
  EXPECT_EQ(page.executions[0].started_by, "primary");
  EXPECT_EQ(page.executions[0].apps.at(0).activities, 1);
  EXPECT_EQ(page.executions[1].started_by, "") << "never ran";
}

TEST_F(HubStoreTest, ExecutionsCanBeReadInPagesAndById) {
  for (const char* id : {"a", "b", "c"}) create(id);
  const auto first = store->journal().executions("Hub", "", 0, 2);
  ASSERT_EQ(first.executions.size(), 2u);
  ASSERT_NE(first.next, 0);
  const auto rest = store->journal().executions("Hub", "", first.next, 2);
  ASSERT_EQ(rest.executions.size(), 1u);
  EXPECT_EQ(rest.executions[0].id, "c");
  EXPECT_EQ(rest.next, 0);
  EXPECT_EQ(store->journal().executions("Hub", "b", 0, 10).executions.size(), 1u);
  EXPECT_THAT(store->journal().executions("Other", "", 0, 10).executions, IsEmpty());
}

TEST_F(HubStoreTest, HubsDoNotSeeEachOther) {
  create("a");
  EXPECT_FALSE(store->get("Other", "a"));
  EXPECT_THAT(store->list("Other", {}).instances, IsEmpty());
  WorkReport report = report_of("primary");
  report.capacity = 10;
  EXPECT_THAT(store->exchange("Other", report, now).activities, IsEmpty());
  EXPECT_EQ(store->get("hUB", "a")->id, "a") << "the name of a hub has no letter case";
}

TEST_F(HubStoreTest, AHubThatNobodyWorksOnIsSeenAsSuchAndItsInstancesStayPending) {
  store->ensure_hub("Orphan", now);
  NewInstance start;
  start.id = "a";
  store->create("Orphan", start, now);
  create("a");
  run_all("primary");
  const auto hubs = store->hubs();
  ASSERT_EQ(hubs.size(), 2u);
  EXPECT_EQ(hubs[0].hub, "Hub");
  EXPECT_TRUE(hubs[0].worked);
  EXPECT_EQ(hubs[1].hub, "Orphan");
  EXPECT_FALSE(hubs[1].worked);
  EXPECT_EQ(hubs[1].instances, 1);
  EXPECT_EQ(store->get("Orphan", "a")->status, RuntimeStatus::pending);
}

TEST_F(HubStoreTest, StepsAreRecordedAndTheLastOneCompletes) {
  create("a", 2);
  auto work = take("primary");
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].step, 1);
  EXPECT_EQ(work[0].of, 2);
  EXPECT_TRUE(finish("primary", work[0]));
  EXPECT_EQ(get("a").status, RuntimeStatus::running);
  EXPECT_EQ(get("a").custom_status, R"({"step":1,"of":2})");
  work = take("primary");
  EXPECT_TRUE(finish("primary", work.at(0)));
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(get("a").output, R"(["primary","primary"])");
  EXPECT_THAT(history_types("a"), ElementsAre("ExecutionStarted", "TaskCompleted", "TaskCompleted",
                                              "ExecutionCompleted"));
}

TEST_F(HubStoreTest, ACheckpointSurvivesTheDeathOfTheStorage) {
  create("a", 2);
  finish("primary", take("primary").at(0));
  reopen();
  const auto work = take("secondary");
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].step, 2);
}

TEST_F(HubStoreTest, AReportThatArrivesTwiceCountsOnce) {
  create("a", 2);
  const auto work = take("primary");
  EXPECT_TRUE(finish("primary", work[0]));
  EXPECT_FALSE(finish("primary", work[0])) << "the app may forget it";
  EXPECT_EQ(get("a").custom_status, R"({"step":1,"of":2})");
  EXPECT_EQ(store->journal().shares("Hub").at(0).activities, 1);
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
  finish("primary", take("primary").at(0));
  const auto left = take("primary");
  now += 5s;
  const auto second = take("secondary");
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].step, 2);
  EXPECT_GT(second[0].epoch, left.at(0).epoch);
  EXPECT_TRUE(finish("secondary", second[0]));
  EXPECT_TRUE(finish("secondary", take("secondary").at(0)));
  EXPECT_EQ(get("a").output, R"(["primary","secondary","secondary"])");
  const auto shares = store->journal().shares("Hub");
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_EQ(shares[0].app, "primary");
  EXPECT_EQ(shares[0].started, 2);
  EXPECT_EQ(shares[0].activities, 1);
  EXPECT_EQ(shares[1].started, 2);
  EXPECT_EQ(shares[1].activities, 2);
  EXPECT_EQ(shares[1].taken_over, 1);
  const auto execution = store->journal().executions("Hub", "a", 0, 1).executions.at(0);
  EXPECT_EQ(execution.started_by, "primary");
  EXPECT_EQ(execution.apps.size(), 2u);
}

TEST_F(HubStoreTest, AFrozenAppThatThawsCannotReportWhatItLost) {
  create("a", 3);
  const auto frozen = take("primary");
  now += 6s;
  const auto other = take("secondary");
  EXPECT_FALSE(finish("primary", frozen[0]));
  EXPECT_FALSE(hold("primary", frozen[0]));
  EXPECT_EQ(get("a").custom_status, "null");
  EXPECT_TRUE(finish("secondary", other[0]));
}

TEST_F(HubStoreTest, AnExpiredLeaseThatNobodyTookIsStillGood) {
  create("a", 2);
  const auto work = take("primary");
  now += 1min;
  EXPECT_TRUE(finish("primary", work[0]));
}

TEST_F(HubStoreTest, AnAppThatEndsGivesItsActivitiesBackAtOnce) {
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

TEST_F(HubStoreTest, TwoAppsThatAskAreDealtActivitiesInTurnAndWhatLiesAroundIsAnybodys) {
  take("primary");
  take("secondary", 10, false);
  for (int i = 0; i < 10; ++i) create("i" + std::to_string(i));
  EXPECT_EQ(take("primary").size(), 5u);
  EXPECT_EQ(take("secondary", 10, false).size(), 5u);
  for (int i = 10; i < 20; ++i) create("i" + std::to_string(i));
  EXPECT_EQ(take("primary").size(), 5u);
  now += 300ms;
  EXPECT_EQ(take("primary").size(), 5u) << "the other one is slow, or dead";
}

TEST_F(HubStoreTest, AnAppThatDoesNotOrchestrateTakesActivitiesOnly) {
  create("a", 2);
  EXPECT_THAT(take("standby", 10, false), IsEmpty());
  EXPECT_EQ(get("a").status, RuntimeStatus::pending) << "nobody ran its orchestrator";
  EXPECT_THAT(take("owner", 0), IsEmpty());
  EXPECT_EQ(get("a").status, RuntimeStatus::running);
  const auto work = take("standby", 10, false);
  ASSERT_EQ(work.size(), 1u);
  WorkReport report = report_of("standby");
  report.orchestrates = false;
  report.capacity = 10;
  report.finished.push_back({work[0].id, work[0].epoch, "1"});
  EXPECT_THAT(store->exchange("Hub", report, now).activities, IsEmpty())
      << "the next step needs a turn of the orchestrator";
  EXPECT_EQ(take("owner").size(), 1u);
}

TEST_F(HubStoreTest, AThousandStartsAreWorkedOffInBoundedExchanges) {
  for (int i = 0; i < 1000; ++i) create("i" + std::to_string(i), 1);
  WorkReport report = report_of("primary");
  report.capacity = 50;
  int exchanges = 0;
  bool more = true;
  while (more || !report.finished.empty()) {
    ASSERT_LT(++exchanges, 100);
    const WorkAnswer answer = store->exchange("Hub", report, now);
    more = answer.more;
    report.finished.clear();
    ASSERT_LE(answer.activities.size(), 50u);
    for (const Activity& one : answer.activities)
      report.finished.push_back({one.id, one.epoch, "1"});
  }
  ListFilter open;
  open.statuses = {RuntimeStatus::pending, RuntimeStatus::running};
  EXPECT_THAT(store->list("Hub", open).instances, IsEmpty());
  EXPECT_EQ(store->journal().shares("Hub").at(0).activities, 1000);
}

TEST_F(HubStoreTest, TerminateEndsARunAndItsLease) {
  EXPECT_EQ(store->terminate("Hub", "a", "\"why\"", now), Control::not_found);
  create("a");
  const auto work = take("primary");
  EXPECT_EQ(store->terminate("Hub", "a", "\"why\"", now), Control::accepted);
  EXPECT_EQ(get("a").status, RuntimeStatus::terminated);
  EXPECT_EQ(get("a").output, "\"why\"");
  EXPECT_FALSE(finish("primary", work[0]));
  EXPECT_EQ(store->terminate("Hub", "a", "\"why\"", now), Control::finished);
  EXPECT_EQ(store->journal().executions("Hub", "a", 0, 1).executions.at(0).status, "Terminated");
}

TEST_F(HubStoreTest, ASuspendedRunKeepsWhatItsActivityGaveAndWaitsForResume) {
  create("a", 2);
  const auto work = take("primary");
  EXPECT_EQ(store->suspend("Hub", "a", "\"\"", now), Control::accepted);
  EXPECT_TRUE(finish("primary", work[0])) << "an activity under way is not stopped";
  EXPECT_EQ(get("a").status, RuntimeStatus::suspended);
  now += 1h;
  EXPECT_THAT(take("primary"), IsEmpty());
  EXPECT_EQ(store->resume("Hub", "a", "\"\"", now), Control::accepted);
  const auto next = take("primary");
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].step, 2);
}

TEST_F(HubStoreTest, ARunSuspendedBeforeItBeganIsPendingAgainAfterResume) {
  create("a");
  store->suspend("Hub", "a", "\"\"", now);
  EXPECT_THAT(take("primary"), IsEmpty());
  store->resume("Hub", "a", "\"\"", now);
  EXPECT_EQ(get("a").status, RuntimeStatus::pending);
  EXPECT_EQ(take("primary").size(), 1u);
}

TEST_F(HubStoreTest, ARunThatWaitsForAnEventEndsWithItWhenAnAppIsThereToSeeIt) {
  create("a", 1, "Approval");
  run_all("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::running);
  now += 1h;
  EXPECT_THAT(take("primary"), IsEmpty()) << "there is nothing to run while it waits";
  EXPECT_EQ(store->raise_event("Hub", "a", "Other", "1", now), Control::accepted);
  take("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::running);
  EXPECT_EQ(store->raise_event("Hub", "a", "approval", "{}", now), Control::accepted);
  EXPECT_EQ(get("a").status, RuntimeStatus::running) << "no app has looked yet";
  take("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(get("a").output, R"(["primary",{}])");
  EXPECT_EQ(store->raise_event("Hub", "a", "Approval", "1", now), Control::finished);
}

TEST_F(HubStoreTest, AnEventThatCameEarlyIsNotLost) {
  create("a", 1, "Approval");
  EXPECT_EQ(store->raise_event("Hub", "a", "Approval", "1", now), Control::accepted);
  run_all("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
}

TEST_F(HubStoreTest, EachWaitTakesOneEventInTheOrderTheyCame) {
  create_with("a", R"({"steps":[{"waitForEvent":"E"},{"waitForEvent":"E"}]})");
  take("primary");
  store->raise_event("Hub", "a", "E", "1", now);
  take("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::running);
  store->raise_event("Hub", "a", "E", "2", now);
  take("primary");
  EXPECT_EQ(get("a").output, "[1,2]");
}

TEST_F(HubStoreTest, ATimerFiresAtItsTimeAndNotBefore) {
  create_with("a", R"({"steps":[{"timer":60000},{"activity":"Pay","milliseconds":1}]})");
  EXPECT_THAT(take("primary"), IsEmpty());
  now += 59s;
  EXPECT_THAT(take("primary"), IsEmpty());
  now += 1s;
  EXPECT_EQ(take("primary").size(), 1u);
  EXPECT_THAT(history_types("a"), ElementsAre("ExecutionStarted", "TimerFired"));
}

TEST_F(HubStoreTest, ATimerThatRanOutWhileSuspendedFiresAfterResume) {
  create_with("a", R"({"steps":[{"timer":1000}]})");
  take("primary");
  store->suspend("Hub", "a", "\"\"", now);
  now += 1h;
  take("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::suspended);
  store->resume("Hub", "a", "\"\"", now);
  take("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
}

TEST_F(HubStoreTest, AChildRunsAsAnInstanceOfItsOwnAndGivesItsOutput) {
  create_with("a", R"({"stepMilliseconds":1,"steps":[{"subOrchestration":"Child",)"
                   R"("input":{"output":{"x":1}}},{"activity":"After"}],"output":null})");
  const auto work = take("primary");
  ASSERT_EQ(work.size(), 1u) << "the child's one activity";
  EXPECT_EQ(get("a:0001").function, "Child");
  EXPECT_EQ(get("a:0001").status, RuntimeStatus::running);
  run_all("primary");
  now += 10s;  // the first activity was taken and never reported
  run_all("primary");
  EXPECT_EQ(get("a:0001").output, R"({"x":1})");
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(get("a").output, "null");
  EXPECT_THAT(history_types("a"),
              ElementsAre("ExecutionStarted", "SubOrchestrationInstanceCompleted", "TaskCompleted",
                          "ExecutionCompleted"));
}

TEST_F(HubStoreTest, AFailedChildFailsItsParentAndARewindOfTheParentRepairsBoth) {
  create_with("a",
              R"({"steps":[{"subOrchestration":"Child","instanceId":"c","input":{"fail":true}}]})");
  run_all("primary");
  EXPECT_EQ(get("c").status, RuntimeStatus::failed);
  ASSERT_EQ(get("a").status, RuntimeStatus::failed);
  EXPECT_EQ(store->rewind("Hub", "a", "\"\"", now), Control::accepted);
  run_all("primary");
  EXPECT_EQ(get("c").status, RuntimeStatus::completed);
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(get("a").output, R"([["primary"]])");
}

TEST_F(HubStoreTest, ATerminatedChildFailsItsParentAndIsMadeAnewByARewind) {
  create_with("a", R"({"steps":[{"subOrchestration":"Child","instanceId":"c"}]})");
  take("primary");
  store->terminate("Hub", "c", "\"\"", now);
  take("primary");
  ASSERT_EQ(get("a").status, RuntimeStatus::failed);
  store->rewind("Hub", "a", "\"\"", now);
  run_all("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(store->journal().executions("Hub", "c", 0, 10).executions.size(), 2u);
}

TEST_F(HubStoreTest, AChildCannotTakeALiveId) {
  create_with("a", R"({"steps":[{"subOrchestration":"Child","instanceId":"a"}]})");
  take("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::failed);
}

TEST_F(HubStoreTest, CustomStatusStepsReplaceTheProgress) {
  create_with("a",
              R"({"steps":[{"customStatus":{"at":"pay"}},{"activity":"Pay"},{"activity":"B"}]})");
  const auto work = take("primary");
  EXPECT_EQ(get("a").custom_status, R"({"at":"pay"})");
  finish("primary", work.at(0));
  EXPECT_EQ(get("a").custom_status, R"({"at":"pay"})");
}

TEST_F(HubStoreTest, AFailedRunCanBeRewound) {
  create("a", 2, "", true);
  const auto work = take("primary");
  EXPECT_EQ(store->rewind("Hub", "a", "\"\"", now), Control::wrong_state);
  finish("primary", work.at(0));
  run_all("primary");
  ASSERT_EQ(get("a").status, RuntimeStatus::failed);
  EXPECT_EQ(store->rewind("Hub", "a", "\"\"", now), Control::accepted);
  EXPECT_EQ(get("a").status, RuntimeStatus::running);
  run_all("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(get("a").output, R"(["primary","primary"])");
  EXPECT_EQ(store->rewind("Hub", "a", "\"\"", now), Control::finished);
}

TEST_F(HubStoreTest, AnActivityToldToFailFailsTheRunAndRunsAgainAfterARewind) {
  create_with("a", R"({"steps":3,"failAtStep":2})");
  run_all("primary");
  ASSERT_EQ(get("a").status, RuntimeStatus::failed);
  EXPECT_NE(get("a").output.find("step 2"), std::string::npos);
  EXPECT_THAT(history_types("a"),
              ElementsAre("ExecutionStarted", "TaskCompleted", "TaskFailed", "ExecutionCompleted"));
  store->rewind("Hub", "a", "\"\"", now);
  run_all("primary");
  EXPECT_EQ(get("a").status, RuntimeStatus::completed);
  EXPECT_EQ(store->journal().shares("Hub").at(0).activities, 4);
}

TEST_F(HubStoreTest, AStepThatIsNoActivityCanFailToo) {
  create_with("a", R"({"steps":[{"fail":{"code":7}}]})");
  create_with("b", R"({"steps":[{"timer":1}],"failAtStep":1})");
  take("primary");
  EXPECT_EQ(get("a").output, R"({"code":7})");
  EXPECT_EQ(get("b").status, RuntimeStatus::failed);
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

TEST_F(HubStoreTest, SignalsTakeEffectInOrderWhenAnAppOrchestrates) {
  EntityStore& entities = store->entities();
  entities.signal("Hub", "counter", "k", "add", "2");
  entities.signal("Hub", "Counter", "k", "add", "3");
  take("standby", 10, false);
  EXPECT_FALSE(entities.get("Hub", "counter", "k"));
  take("owner");
  EXPECT_EQ(entities.get("Hub", "counter", "k")->state, "5");
  EXPECT_EQ(entities.get("Hub", "counter", "k")->last_operation, now);
  EXPECT_FALSE(entities.get("Other", "counter", "k"));
  entities.signal("Hub", "counter", "k", "delete", "");
  take("owner");
  EXPECT_FALSE(entities.get("Hub", "counter", "k"));
}

TEST_F(HubStoreTest, EntitiesAreListedByNameAndTimeInPages) {
  EntityStore& entities = store->entities();
  for (const char* key : {"1", "2", "3"}) entities.signal("Hub", "a", key, "set", key);
  take("owner");
  now += 1h;
  entities.signal("Hub", "b", "1", "set", "\"x\"");
  take("owner");
  const auto keys = [](const EntityPage& page) {
    std::vector<std::string> out;
    for (const Entity& one : page.entities) out.push_back(one.name + one.key);
    return out;
  };
  EntityFilter filter;
  EXPECT_THAT(keys(entities.list("Hub", filter)), ElementsAre("a1", "a2", "a3", "b1"));
  filter.name = "A";
  filter.top = 2;
  const EntityPage first = entities.list("Hub", filter);
  EXPECT_THAT(keys(first), ElementsAre("a1", "a2"));
  filter.after = first.next;
  const EntityPage rest = entities.list("Hub", filter);
  EXPECT_THAT(keys(rest), ElementsAre("a3"));
  EXPECT_EQ(rest.next, 0);
  EntityFilter late;
  late.from = now;
  EXPECT_THAT(keys(entities.list("Hub", late)), ElementsAre("b1"));
  EntityFilter early;
  early.to = now - 1min;
  EXPECT_THAT(keys(entities.list("Hub", early)), ElementsAre("a1", "a2", "a3"));
}

TEST(EntityOperation, GivesTheNextState) {
  struct Row {
    std::optional<std::string> state;
    const char* operation;
    const char* input;
    std::optional<std::string> next;
  };
  const Row rows[] = {
      {std::nullopt, "add", "2", "2"},
      {"40", "ADD", "2", "42"},
      {"1", "add", "0.5", "1.5"},
      {"9223372036854775807", "add", "1", "9.223372036854776e+18"},
      {"\"text\"", "add", "1", "\"text\""},
      {"1", "add", "\"text\"", "1"},
      {"1", "add", "", "1"},
      {"1", "get", "", "1"},
      {std::nullopt, "get", "", std::nullopt},
      {"7", "reset", "", "0"},
      {"7", "set", "{\"a\":1}", "{\"a\":1}"},
      {"7", "set", "", "null"},
      {"7", "delete", "", std::nullopt},
      {"7", "anything", "[1]", "[1]"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(apply_operation(row.state, row.operation, row.input), row.next)
        << row.state.value_or("-") << " " << row.operation << " " << row.input;
}

TEST_F(HubStoreTest, TheAppLeaseBehavesAsALeaseOnAContainer) {
  AppLeaseStore& leases = store->app_leases();
  EXPECT_EQ(leases.change("Hub", "a", "b", now), LeaseOutcome::not_present);
  EXPECT_EQ(leases.renew("Hub", "a", now), LeaseOutcome::not_present);
  EXPECT_EQ(leases.acquire("Hub", "a", 60s, now), LeaseOutcome::ok);
  EXPECT_EQ(leases.acquire("Hub", "b", 60s, now), LeaseOutcome::already_present);
  EXPECT_EQ(leases.acquire("Hub", "a", 60s, now), LeaseOutcome::ok) << "the same site name";
  EXPECT_EQ(leases.renew("Hub", "b", now), LeaseOutcome::id_mismatch);
  EXPECT_EQ(leases.change("Hub", "a", "b", now), LeaseOutcome::ok);
  EXPECT_EQ(leases.renew("Hub", "a", now), LeaseOutcome::id_mismatch) << "the loser notices";
  EXPECT_EQ(leases.change("Hub", "c", "d", now), LeaseOutcome::id_mismatch);
  now += 60s;
  EXPECT_FALSE(leases.get("Hub", now).active);
  EXPECT_EQ(leases.change("Hub", "b", "a", now), LeaseOutcome::not_present)
      << "an expired lease cannot be changed";
  EXPECT_EQ(leases.renew("Hub", "b", now), LeaseOutcome::ok) << "but its owner may renew it";
  now += 60s;
  EXPECT_EQ(leases.acquire("Hub", "a", 60s, now), LeaseOutcome::ok) << "and anybody acquire it";
  EXPECT_EQ(leases.get("Other", now).id, "");
}

TEST_F(HubStoreTest, TheNoteBesideTheLeaseOutlivesTheProcess) {
  store->app_leases().write_note("Hub", "a", "b");
  store->app_leases().acquire("Hub", "c", 60s, now);
  reopen();
  const AppLeaseState state = store->app_leases().get("Hub", now);
  EXPECT_EQ(state.owner, "a");
  EXPECT_EQ(state.desired, "b");
  EXPECT_EQ(state.id, "c");
  EXPECT_TRUE(state.active);
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
