// A task hub whose file cannot be written, whose app is gone when a timer is due, or whose app does
// not have the orchestrator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "rehearsal/hub_store.hpp"

namespace rehearsal {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using namespace std::chrono_literals;

namespace {

class HubInTrouble : public ::testing::Test {
 public:
  HubInTrouble() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hub-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder = pattern;
    reopen();
  }
  ~HubInTrouble() override {
    store.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

 protected:
  std::string file() const { return (folder / "hub.db").string(); }
  void reopen() {
    store.reset();
    store.emplace(file());
  }

  std::optional<RuntimeStatus> create(const std::string& id, const std::string& input = "null") {
    NewInstance start;
    start.id = id;
    start.function = "Order";
    start.input = input;
    start.plan = plan_of(input, Plan{});
    return store->create("Hub", start, now);
  }
  WorkAnswer work(const std::string& app, std::vector<std::string> functions = {}) {
    WorkReport report;
    report.app = app;
    report.functions = std::move(functions);
    report.capacity = 10;
    return store->exchange("Hub", report, now);
  }
  RuntimeStatus status_of(const std::string& id) { return store->get("Hub", id).value().status; }

  std::filesystem::path folder;
  std::optional<HubStore> store;
  WallTime now{1'000'000s};
};

}  // namespace

TEST_F(HubInTrouble, ReadOnlyRefusesEveryWriteWithSqlitesWordsAndReadsGoOn) {
  store->ensure_hub("Hub", now);
  create("before");
  store->set_read_only(true);
  store->set_read_only(true);
  const auto refused = ThrowsMessage<std::runtime_error>(HasSubstr("readonly"));
  EXPECT_THAT([&] { create("during"); }, refused);
  EXPECT_THAT([&] { work("primary"); }, refused);
  EXPECT_THAT([&] { store->terminate("Hub", "before", "\"\"", now); }, refused);
  EXPECT_THAT([&] { store->purge("Hub", "before"); }, refused);
  EXPECT_THAT([&] { store->app_leases().acquire("Hub", "primary", 60s, now); }, refused);
  EXPECT_THAT([&] { store->entities().signal("Hub", "Counter", "a", "add", "1"); }, refused);
  EXPECT_THAT([&] { store->ensure_hub("Other", now); }, refused);
  EXPECT_EQ(status_of("before"), RuntimeStatus::pending);
  EXPECT_FALSE(store->get("Hub", "during"));
  EXPECT_EQ(store->list("Hub", ListFilter{}).instances.size(), 1u);
  EXPECT_EQ(store->journal().executions("Hub", "", 0, 10).executions.size(), 1u);

  store->set_read_only(false);
  EXPECT_EQ(create("after"), std::nullopt);
  EXPECT_EQ(work("primary").activities.size(), 2u);
}

TEST_F(HubInTrouble, AHubThatIsThereCanBeReadByAnotherProcessOfAReadOnlyFile) {
  store->ensure_hub("Hub", now);
  create("a");
  reopen();
  store->set_read_only(true);
  EXPECT_NO_THROW(store->ensure_hub("hub", now));
  EXPECT_TRUE(store->get("Hub", "a"));
}

TEST_F(HubInTrouble, WhileAnotherHoldsTheFileWritesFailSoonAndNothingIsHalfDone) {
  create("before");
  const auto given = work("primary").activities;
  ASSERT_EQ(given.size(), 1u);
  ledger::Database other{file(), ledger::Database::Access::change};
  other.execute("BEGIN EXCLUSIVE");
  const auto locked = ThrowsMessage<std::runtime_error>(HasSubstr("locked"));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT([&] { create("during"); }, locked);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
  WorkReport report;
  report.app = "primary";
  report.finished.push_back({given[0].id, given[0].epoch, "1"});
  EXPECT_THAT([&] { store->exchange("Hub", report, now); }, locked);
  EXPECT_EQ(status_of("before"), RuntimeStatus::running);
  EXPECT_FALSE(store->get("Hub", "during"));

  other.execute("ROLLBACK");
  EXPECT_EQ(create("during"), std::nullopt);
  EXPECT_TRUE(store->exchange("Hub", report, now).lost.empty());
  EXPECT_EQ(store->journal().executions("Hub", "during", 0, 10).executions.size(), 1u);
  EXPECT_EQ(store->journal().shares("Hub").at(0).activities, 1);
}

TEST_F(HubInTrouble, TimersThatWereDueWhileNobodyWorkedFireWithTheFirstExchange) {
  const std::string input = R"({"steps":[{"timer":10000},{"timer":60000}]})";
  create("a", input);
  create("b", R"({"steps":[{"timer":10000}]})");
  work("primary");
  EXPECT_EQ(status_of("a"), RuntimeStatus::running);
  reopen();  // both the app and the account were killed
  now += 30s;
  EXPECT_FALSE(work("secondary").more);
  EXPECT_EQ(status_of("b"), RuntimeStatus::completed);
  const auto history = store->history("Hub", "a");
  ASSERT_EQ(history.back().type, "TimerFired");
  EXPECT_EQ(history.back().app, "secondary");
  EXPECT_EQ(history.back().at - history.back().scheduled, 20s);
  now += 59s;  // the next timer counts from then
  work("secondary");
  EXPECT_EQ(status_of("a"), RuntimeStatus::running);
  now += 1s;
  work("secondary");
  EXPECT_EQ(status_of("a"), RuntimeStatus::completed);
}

TEST_F(HubInTrouble, AnAppThatDoesNotHaveTheOrchestratorFailsItsInstance) {
  create("a");
  create("b");
  work("new", {"Invoice", "order"});  // names know no case
  EXPECT_EQ(status_of("a"), RuntimeStatus::running);
  create("c");
  EXPECT_EQ(work("old", {"Invoice"}).activities.size(), 0u);
  EXPECT_EQ(status_of("c"), RuntimeStatus::failed);
  EXPECT_THAT(store->get("Hub", "c")->output, HasSubstr("no orchestrator function named 'Order'"));
  EXPECT_EQ(status_of("a"), RuntimeStatus::running);  // it has had no turn of this one yet
  work("new", {"Order"});
  EXPECT_EQ(status_of("c"), RuntimeStatus::failed);
}

TEST_F(HubInTrouble, SharesAreAddedUpOverAllHubsWhenNoneIsNamed) {
  create("a");
  work("primary");
  NewInstance start;
  start.id = "b";
  start.function = "Order";
  store->create("Second", start, now);
  WorkReport report;
  report.app = "primary";
  store->exchange("Second", report, now);
  EXPECT_EQ(store->journal().shares("Hub").at(0).turns, 1);
  ASSERT_EQ(store->journal().shares("").size(), 1u);
  EXPECT_EQ(store->journal().shares("").at(0).turns, 2);
}

}  // namespace rehearsal
