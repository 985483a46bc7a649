// `understudy instances` without a proxy: what the ledger file says, and what is left in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "app/instances_command.hpp"
#include "ledger/ledger_file.hpp"
#include "ledger/sqlite_store.hpp"
#include "tests/support/ledger_folder.hpp"

namespace app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ledger::WallTime noon{std::chrono::milliseconds{1'764'000'000'000}};

class InstancesFile : public ::testing::Test {
 protected:
  // A queued start, one that was under way when the proxy died, one that is listed as lost, and an
  // instance that runs in the hub of weu.
  void SetUp() override {
    const ledger::Place weu = places_.number_of("weu");
    std::vector<ledger::StartEntry> entries(3);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      entries[i].number = i + 1;
      entries[i].function = "Order";
      entries[i].arrived = noon - std::chrono::minutes{i + 1};
      entries[i].body = std::make_shared<const std::string>("secret input");
    }
    entries[0].id = "queued";
    entries[1].id = "cut-off";
    entries[1].attempts.resize(1);
    entries[1].attempts[0].place = weu;
    entries[2].id = "lost";
    entries[2].settlement = ledger::Settlement::ran;
    entries[2].listed = ledger::Listed::lost;
    std::vector<ledger::StartWrite> writes;
    for (const ledger::StartEntry& entry : entries)
      writes.push_back({entry.number, &entry, true, false});
    ledger::InstanceWrite runs{"abc", "weu", ledger::Instance{}, {1, 0}};
    runs.instance->status = ledger::LastStatus::running;
    runs.instance->seen_ms = 1'764'000'000'000;
    ledger::InstanceWrite ended{"def", "weu", ledger::Instance{}, {2, 0}};
    ended.instance->status = ledger::LastStatus::completed;
    ended.instance->seen_ms = 1'764'000'000'000;
    const std::vector<ledger::InstanceWrite> instances{runs, ended};
    store_.emplace(folder_.path());
    store_->open();
    store_->write(ledger::Group{instances, writes, {}, true}, places_);
  }

  std::vector<std::string> ids(InstanceList list) const {
    std::vector<std::string> out;
    for (const InstanceRow& row : report_from_file(folder_.path(), list, 100, noon).rows)
      out.push_back(row.id);
    return out;
  }

  int run(std::vector<std::string> arguments, std::string& out) const {
    arguments.insert(arguments.end(), {"--ledger", folder_.path(), "--json"});
    const Parsed parsed = parse_command_line(arguments);
    EXPECT_TRUE(parsed.command.has_value()) << parsed.err;
    ::testing::internal::CaptureStdout();
    const int code = run_instances_verb(parsed.command.value_or(Command{}));
    out = ::testing::internal::GetCapturedStdout();
    return code;
  }

  support::LedgerFolder folder_;
  ledger::NameTable places_;
  std::optional<ledger::SqliteStore> store_;  // empty: the proxy has ended
};

TEST_F(InstancesFile, ListsWhatWaitsAndWhatIsUnsure) {
  EXPECT_THAT(ids(InstanceList::queued), ElementsAre("queued"));
  EXPECT_THAT(ids(InstanceList::unknown), ElementsAre("cut-off"))
      << "nobody waits for its answer any more";
  EXPECT_THAT(ids(InstanceList::listed), ElementsAre("lost"));
  EXPECT_THAT(ids(InstanceList::possible_duplicates), IsEmpty());
}

TEST_F(InstancesFile, ListsUnfinishedInstancesWithTheirRegionForNobodyKnowsWhichIsAway) {
  const InstancesReport report =
      report_from_file(folder_.path(), InstanceList::stranded, 100, noon);
  EXPECT_EQ(report.rows.back().id, "abc");
  EXPECT_EQ(report.rows.back().at, "weu");
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("nobody knows which region is away")));
}

TEST_F(InstancesFile, NeverShowsAnInput) {
  store_.reset();
  std::string out;
  for (const char* list : {"unknown", "queued", "listed", "stranded"}) {
    EXPECT_EQ(run({"instances", list}, out), exit_ok);
    EXPECT_THAT(out, ::testing::Not(HasSubstr("secret")));
    EXPECT_EQ(nlohmann::json::parse(out)["source"], folder_.path());
  }
}

TEST_F(InstancesFile, TakesADecisionForTheNextProxy) {
  store_.reset();
  std::string out;
  EXPECT_EQ(run({"instances", "resubmit", "lost"}, out), exit_ok);
  EXPECT_THAT(nlohmann::json::parse(out)["message"], HasSubstr("the next proxy"));
  EXPECT_EQ(run({"instances", "forget", "1"}, out), exit_ok) << "by its number";
  EXPECT_EQ(run({"storage", "failed-over", "--last-sync-time", "2025-01-01T00:00:00Z"}, out),
            exit_ok);
  const auto requests = ledger::LedgerFile{folder_.path()}.requests();
  ASSERT_THAT(requests, SizeIs(3));
  EXPECT_EQ(requests[0].action, "resubmit");
  EXPECT_EQ(requests[0].text, "lost");
  EXPECT_EQ(requests[0].number, 3U);
  EXPECT_FALSE(requests[0].who.empty());
  EXPECT_EQ(requests[1].number, 1U);
  EXPECT_EQ(requests[2].action, "failed_over");
  EXPECT_EQ(requests[2].text, "2025-01-01T00:00:00.000Z");
  EXPECT_THAT(report_from_file(folder_.path(), InstanceList::queued, 9, noon).notes,
              ElementsAre(HasSubstr("3 decisions")));
}

TEST_F(InstancesFile, ADecisionAboutAStartThatIsNotThereIsRefusedAtOnce) {
  store_.reset();
  std::string out;
  EXPECT_EQ(run({"instances", "forget", "nobody"}, out), exit_bad_input);
  EXPECT_THAT(nlohmann::json::parse(out)["error"], HasSubstr("no start"));
  EXPECT_EQ(run({"storage", "failed-over", "--last-sync-time", "9999-01-01T00:00:00Z"}, out),
            exit_bad_input);
  EXPECT_THAT(ledger::LedgerFile{folder_.path()}.requests(), IsEmpty());
}

TEST_F(InstancesFile, OfARunningProxyIsLeftToTheProxy) {
  std::string out;
  EXPECT_EQ(run({"instances", "forget", "lost"}, out), exit_inconclusive);
  EXPECT_THAT(nlohmann::json::parse(out)["error"], HasSubstr("--admin ADDR:PORT"));
  store_.reset();
  EXPECT_THAT(ledger::LedgerFile{folder_.path()}.requests(), IsEmpty());
}

TEST_F(InstancesFile, ThatIsNotThereCannotBeFoundOut) {
  const Parsed parsed =
      parse_command_line({"instances", "queued", "--ledger", folder_.path() + ".gone", "--json"});
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(run_instances_verb(parsed.command.value()), exit_inconclusive);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("there is no ledger at"));
}

}  // namespace
}  // namespace app
