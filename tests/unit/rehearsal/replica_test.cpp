// Copies of a task hub's file, of one moment and of two, and what is lost with the primary.
#include "rehearsal/replica.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "rehearsal/hub_store.hpp"

namespace rehearsal {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr int all = -1;

class Replicas : public ::testing::Test {
 public:
  Replicas() {
    std::string pattern = (fs::temp_directory_path() / "replica-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder = pattern;
    primary = std::make_unique<HubStore>(file("hub.db"));
  }
  ~Replicas() override {
    primary.reset();
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

 protected:
  std::string file(const std::string& name) const { return (folder / name).string(); }
  std::string replica() const { return file("hub.replica"); }

  void create(HubStore& store, const std::string& id, int steps = 2) {
    NewInstance start;
    start.id = id;
    start.function = "Hello";
    start.input = "\"in\"";
    start.plan.steps = steps;
    EXPECT_FALSE(store.create("Hub", start, now)) << id;
  }

  std::vector<Activity> take(HubStore& store, const std::string& app = "app") {
    WorkReport report;
    report.app = app;
    report.capacity = 100;
    return store.exchange("Hub", report, now).activities;
  }
  bool finish(HubStore& store, const Activity& activity, const std::string& app = "app") {
    WorkReport report;
    report.app = app;
    report.finished.push_back({activity.id, activity.epoch, "1"});
    return store.exchange("Hub", report, now).lost.empty();
  }
  // As long as anything moves.
  void work(HubStore& store, const std::string& app = "app") {
    for (int round = 0; round < 50; ++round) {
      now += 10s;  // beyond any lease
      const auto activities = take(store, app);
      if (activities.empty()) return;
      for (const Activity& one : activities) finish(store, one, app);
    }
    FAIL() << "it never comes to rest";
  }

  ReplicaInfo copy() {
    ReplicaCopy one{primary->database(), replica()};
    one.begin_tables(now);
    while (!one.copy_pages(5)) {
    }
    return one.complete();
  }

  // The account goes on with the replica.
  HubStore& fail_over() {
    primary.reset();
    take_place(replica(), file("hub.db"), false);
    primary = std::make_unique<HubStore>(file("hub.db"));
    return *primary;
  }

  std::string status(HubStore& store, const std::string& id) {
    const auto instance = store.get("Hub", id);
    return instance ? std::string{to_string(instance->status)} : "absent";
  }

  fs::path folder;
  std::unique_ptr<HubStore> primary;
  WallTime now = *parse_time("2026-11-23T12:00:00Z");
};

TEST_F(Replicas, OfOneMomentHaveAllThatWasWrittenUntilTheyWereBegun) {
  create(*primary, "before");
  const WallTime cut = now;
  const ReplicaInfo info = copy();
  EXPECT_EQ(info.last_sync(), cut);
  now += 1s;
  create(*primary, "after");
  const ReplicaDifference difference = compare_with_replica(primary->database(), replica());
  EXPECT_EQ(difference.lost, 1);
  EXPECT_THAT(difference.lost_instances, ElementsAre(Pair("Hub", "after")));
  EXPECT_EQ(difference.rolled_back, 0);
  HubStore& promoted = fail_over();
  EXPECT_EQ(status(promoted, "after"), "absent");
  work(promoted);
  EXPECT_EQ(status(promoted, "before"), "Completed");
}

TEST_F(Replicas, TakeInWhatIsWrittenBetweenTwoStepsOfTheCopyWithoutBeginningAgain) {
  for (int i = 0; i < 200; ++i) create(*primary, "row-" + std::to_string(i));
  ReplicaCopy one{primary->database(), replica()};
  one.begin_tables(now);
  int steps = 0;
  while (!one.copy_pages(1)) {
    if (++steps <= 20) create(*primary, "meanwhile-" + std::to_string(steps));
    ASSERT_LT(steps, 10'000);
  }
  ASSERT_GT(steps, 20) << "it was copied at once";
  one.complete();
  const ReplicaDifference difference = compare_with_replica(primary->database(), replica());
  EXPECT_EQ(difference.lost, 0);
  EXPECT_EQ(difference.reappeared, 0);
  HubStore& promoted = fail_over();
  EXPECT_EQ(promoted
                .list("Hub",
                      [] {
                        ListFilter filter;
                        filter.top = 1000;
                        return filter;
                      }())
                .instances.size(),
            220u);
}

TEST_F(Replicas, CountOnlyWhenTheyAreComplete) {
  create(*primary, "a");
  const WallTime first = copy().last_sync();
  now += 1s;
  create(*primary, "b");
  {
    ReplicaCopy unfinished{primary->database(), replica()};
    unfinished.cut_queues(now);
    unfinished.begin_tables(now);
    unfinished.copy_pages(1);
  }
  EXPECT_EQ(read_replica(replica())->last_sync(), first);
  EXPECT_EQ(compare_with_replica(primary->database(), replica()).lost, 1);
  for (const auto& entry : fs::directory_iterator(folder))
    EXPECT_FALSE(entry.path().string().find(".part") != std::string::npos ||
                 entry.path().string().ends_with(".queues"))
        << entry.path();
}

TEST_F(Replicas, SurviveWhatAKilledProcessLeftOfAnUnfinishedOne) {
  std::ofstream{replica() + ".part"} << "half a database";
  std::ofstream{replica() + ".part-journal"} << "its journal";
  std::ofstream{replica() + ".queues"} << "its queues";
  create(*primary, "a");
  ReplicaCopy one{primary->database(), replica()};
  one.cut_queues(now);
  one.begin_tables(now);
  EXPECT_TRUE(one.copy_pages(all));
  one.complete();
  EXPECT_EQ(compare_with_replica(primary->database(), replica()).lost, 0);
}

TEST_F(Replicas, AreToldFromOtherFiles) {
  EXPECT_FALSE(read_replica(replica()));
  EXPECT_THROW(read_replica(file("hub.db")), std::runtime_error) << "the primary is none";
  std::ofstream{file("letter.txt")} << "Dear reader, this is not a database but a letter.";
  EXPECT_THROW(read_replica(file("letter.txt")), std::runtime_error);
}

TEST_F(Replicas, ThatCannotBeWrittenAreAnErrorAndTheAccountServesOn) {
  create(*primary, "a");
  ReplicaCopy one{primary->database(), file("no-such-folder/hub.replica")};
  EXPECT_THROW(one.begin_tables(now), std::runtime_error);
  EXPECT_THROW(one.cut_queues(now), std::runtime_error);
  work(*primary);
  EXPECT_EQ(status(*primary, "a"), "Completed");
}

TEST_F(Replicas, KnowLessOfWhatWentOnAndRunItAgain) {
  create(*primary, "a");
  copy();
  work(*primary, "west");
  const ReplicaDifference difference = compare_with_replica(primary->database(), replica());
  EXPECT_EQ(difference.lost, 0);
  EXPECT_EQ(difference.rolled_back, 1);
  HubStore& promoted = fail_over();
  EXPECT_EQ(status(promoted, "a"), "Pending");
  work(promoted, "east");
  const RunPage page = promoted.journal().runs("Hub", "a", 0, 10);
  ASSERT_EQ(page.runs.size(), 2u) << "the journal knows what the failover has undone";
  EXPECT_EQ(page.runs[0].app, "west");
  EXPECT_EQ(page.runs[1].app, "east");
  EXPECT_EQ(page.runs[0].created, page.runs[1].created) << "one accepted start";
  EXPECT_EQ(page.runs[0].execution, page.runs[1].execution);
  EXPECT_EQ(page.runs[0].status, "Completed");
}

TEST_F(Replicas, BringBackWhatWasPurgedOrReplacedSince) {
  create(*primary, "purged");
  create(*primary, "again");
  work(*primary);
  copy();
  EXPECT_TRUE(primary->purge("Hub", "purged"));
  create(*primary, "again");
  const ReplicaDifference difference = compare_with_replica(primary->database(), replica());
  EXPECT_EQ(difference.reappeared, 2);
  EXPECT_THAT(difference.lost_instances, ElementsAre(Pair("Hub", "again")));
}

TEST_F(Replicas, NeverLeadToANumberThatStoodForSomethingElse) {
  create(*primary, "a");
  copy();
  create(*primary, "lost");
  HubStore& promoted = fail_over();
  create(promoted, "new");
  const auto page = promoted.journal().executions("Hub", "", 0, 10);
  ASSERT_EQ(page.executions.size(), 3u);
  EXPECT_EQ(page.executions[1].id, "lost") << "accepted, and gone";
  EXPECT_GT(page.executions[2].position, page.executions[1].position);
}

TEST_F(Replicas, BesideANewJournalDoNotMixTheirNumbersWithItsOwn) {
  for (int i = 0; i < 3; ++i) create(*primary, "old-" + std::to_string(i));
  copy();
  take_place(replica(), file("east.db"), true);
  EXPECT_TRUE(read_replica(replica())) << "it is kept";
  HubStore east{file("east.db"), file("east.runs")};
  create(east, "new");
  EXPECT_EQ(east.journal().executions("Hub", "new", 0, 1).executions.at(0).position, 4);
  work(east);
  EXPECT_EQ(status(east, "old-2"), "Completed");
}

TEST_F(Replicas, LogOfThePrimaryIsNotReadAsOneOfTheReplica) {
  create(*primary, "a");
  copy();
  primary.reset();
  std::ofstream{file("hub.db-wal")} << std::string(100'000, 'x');
  take_place(replica(), file("hub.db"), false);
  HubStore promoted{file("hub.db")};
  EXPECT_EQ(status(promoted, "a"), "Pending");
}

// Tables and queues of different moments.
class Skewed : public Replicas {
 protected:
  // What happens between the two cuts, of which the queues come first or last.
  template <class Between>
  ReplicaInfo copy_skewed(bool queues_first, Between between) {
    ReplicaCopy one{primary->database(), replica()};
    if (queues_first) one.cut_queues(now);
    if (!queues_first) {
      one.begin_tables(now);
      EXPECT_TRUE(one.copy_pages(all));
    }
    now += 1s;
    between();
    if (!queues_first) one.cut_queues(now);
    if (queues_first) {
      one.begin_tables(now);
      EXPECT_TRUE(one.copy_pages(all));
    }
    return one.complete();
  }
};

TEST_F(Skewed, AStartBetweenTheCutsIsARowWithoutItsMessageWhenTheQueuesAreOlder) {
  create(*primary, "whole");
  const WallTime queues = now;
  const ReplicaInfo info = copy_skewed(true, [this] { create(*primary, "half"); });
  EXPECT_EQ(info.rows_without_message, 1);
  EXPECT_EQ(info.messages_without_row, 0);
  EXPECT_EQ(info.last_sync(), queues);
  EXPECT_EQ(info.tables, queues + 1s);
  HubStore& promoted = fail_over();
  work(promoted);
  EXPECT_EQ(status(promoted, "whole"), "Completed");
  EXPECT_EQ(status(promoted, "half"), "Pending") << "for ever";
  EXPECT_THAT(promoted.journal().runs("Hub", "half", 0, 10).runs, IsEmpty());
}

TEST_F(Skewed, AStartBetweenTheCutsIsAMessageWithoutItsRowWhenTheQueuesAreNewer) {
  const ReplicaInfo info = copy_skewed(false, [this] {
    create(*primary, "half");
    create(*primary, "further");
    take(*primary);  // both have a work item now
    create(*primary, "waiting");
  });
  EXPECT_EQ(info.rows_without_message, 0);
  EXPECT_EQ(info.messages_without_row, 3);
  HubStore& promoted = fail_over();
  EXPECT_EQ(status(promoted, "half"), "absent");
  work(promoted);
  EXPECT_EQ(status(promoted, "half"), "absent");
  // Started again under the same id it runs as if nothing had been.
  create(promoted, "half");
  work(promoted);
  EXPECT_EQ(status(promoted, "half"), "Completed");
}

TEST_F(Skewed, AMessageThatWasTakenBetweenTheCutsLeavesItsRowBehind) {
  create(*primary, "a", 3);
  const ReplicaInfo info = copy_skewed(false, [this] { work(*primary); });
  EXPECT_EQ(info.rows_without_message, 1);
  HubStore& promoted = fail_over();
  work(promoted);
  EXPECT_EQ(status(promoted, "a"), "Pending");
}

TEST_F(Skewed, AnActivityOfAStepThatTheTableHasBehindItChangesNothing) {
  create(*primary, "a", 3);
  const ReplicaInfo info = copy_skewed(true, [this] {
    const auto first = take(*primary);
    ASSERT_EQ(first.size(), 1u);
    finish(*primary, first[0]);
  });
  EXPECT_EQ(info.rows_without_message, 1);
  HubStore& promoted = fail_over();
  work(promoted);
  EXPECT_EQ(status(promoted, "a"), "Running") << "its second step has no work item";
}

TEST_F(Skewed, AnActivityOfAStepThatTheTableHasNotReachedIsDroppedWhenItEnds) {
  create(*primary, "a", 3);
  const auto first = take(*primary);
  ASSERT_EQ(first.size(), 1u);
  copy_skewed(false, [&] { finish(*primary, first[0]); });
  HubStore& promoted = fail_over();
  now += 10s;
  const auto second = take(promoted);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].step, 2);
  EXPECT_FALSE(finish(promoted, second[0]));
  work(promoted);
  EXPECT_EQ(status(promoted, "a"), "Running") << "it waits for the end of its first step";
}

TEST_F(Skewed, NothingBetweenTheCutsIsAsOfOneMoment) {
  create(*primary, "fresh");
  create(*primary, "under-way", 3);
  take(*primary);
  for (const bool queues_first : {true, false}) {
    const ReplicaInfo info = copy_skewed(queues_first, [] {});
    EXPECT_EQ(info.rows_without_message, 0);
    EXPECT_EQ(info.messages_without_row, 0);
  }
  HubStore& promoted = fail_over();
  work(promoted);
  EXPECT_EQ(status(promoted, "fresh"), "Completed");
  EXPECT_EQ(status(promoted, "under-way"), "Completed");
}

TEST_F(Skewed, SignalsAreQueuedAndWhatTheyDidIsInATable) {
  primary->ensure_hub("Hub", now);
  primary->entities().signal("Hub", "Counter", "k", "add", "1");
  copy_skewed(true, [this] {
    take(*primary);  // applies it
    primary->entities().signal("Hub", "Counter", "k", "add", "10");
  });
  HubStore& promoted = fail_over();
  take(promoted);
  EXPECT_EQ(promoted.entities().get("Hub", "Counter", "k")->state, "2")
      << "the older queue has the first one again, and the second is lost";
}

TEST_F(Replicas, JournalTellsEachRunOfAnIdThatIsUsedAgainInPages) {
  create(*primary, "a");
  work(*primary, "west");
  now += 1s;
  create(*primary, "a");
  work(*primary, "east");
  create(*primary, "b");
  create(*primary, "never-runs");
  EXPECT_EQ(primary->terminate("Hub", "never-runs", "\"\"", now), Control::accepted);
  work(*primary, "east");
  const RunPage runs = primary->journal().runs("", "a", 0, 10);
  ASSERT_EQ(runs.runs.size(), 2u);
  EXPECT_LT(runs.runs[0].created, runs.runs[1].created);
  EXPECT_EQ(runs.runs[0].app, "west");
  EXPECT_EQ(runs.runs[1].app, "east");
  EXPECT_GE(runs.runs[0].finished, runs.runs[0].started);
  EXPECT_EQ(runs.runs[0].ends, 1);
  EXPECT_EQ(runs.runs[0].input, "\"in\"");
  const RunPage first = primary->journal().runs("Hub", "", 0, 2);
  ASSERT_EQ(first.runs.size(), 2u);
  const RunPage rest = primary->journal().runs("hub", "", first.next, 2);
  ASSERT_EQ(rest.runs.size(), 1u);
  EXPECT_EQ(rest.runs[0].id, "b");
  EXPECT_EQ(rest.next, 0);
  EXPECT_THAT(primary->journal().runs("Other", "", 0, 2).runs, IsEmpty());
}

}  // namespace

}  // namespace rehearsal
