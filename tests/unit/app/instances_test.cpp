#include "app/instances.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "app/admin.hpp"
#include "app/instances_command.hpp"
#include "app/text_table.hpp"

namespace app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr ledger::WallTime noon{std::chrono::milliseconds{1'764'000'000'000}};

std::string name_of(ledger::Place place) {
  return place == 0 ? "weu" : place == 1 ? "neu" : "";
}

ledger::StartLine line(std::string id, std::string_view state) {
  ledger::StartLine out;
  out.number = 7;
  out.id = std::move(id);
  out.function = "Order";
  out.places = {0};
  out.arrived = noon - 200s;
  out.state = state;
  return out;
}

InstancesReport report_of(const std::vector<ledger::StartLine>& lines) {
  InstancesReport report;
  report.now = noon;
  for (const ledger::StartLine& each : lines) report.rows.push_back(row_of(each, name_of));
  return report;
}

std::string text_of(const InstancesReport& report) {
  return instances_text(instances_json(report), false);
}

struct Shown {
  std::string name, text, expected;
};

class ClientText : public ::testing::TestWithParam<Shown> {};

TEST_P(ClientText, IsHarmlessOnATerminal) {
  EXPECT_EQ(shown(GetParam().text), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Terminal, ClientText,
                         ::testing::Values(Shown{"plain", "order-4711", "order-4711"},
                                           Shown{"other_scripts", "auftrag-ä", "auftrag-ä"},
                                           Shown{"escape", "a\033[31mb", "a\\x1b[31mb"},
                                           Shown{"line_break", "a\r\nb", "a\\x0d\\x0ab"},
                                           Shown{"c1_control",
                                                 "a\xC2\x9B"
                                                 "31m",
                                                 "a\\xc2\\x9b31m"},
                                           Shown{"turned_direction",
                                                 "a\xE2\x80\xAE"
                                                 "b",
                                                 "a\\xe2\\x80\\xaeb"},
                                           Shown{"no_utf8", "a\xFF", "a\\xff"},
                                           Shown{"overlong", "\xC0\x9B", "\\xc0\\x9b"},
                                           Shown{"cut_off", "a\xE2\x82", "a\\xe2\\x82"},
                                           Shown{"what_looks_escaped", "a\\x1b", "a\\\\x1b"}),
                         [](const auto& row) { return row.param.name; });

TEST(InstancesText, IsATableWithAgesAndTheWaysOut) {
  ledger::StartLine unknown = line("order-4711", "unknown");
  unknown.can_resubmit = true;
  ledger::StartLine queued = line("b", "queued");
  queued.places = {};
  const std::string text = text_of(report_of({unknown, queued}));
  EXPECT_THAT(text, HasSubstr("ID          FUNCTION  ENDPOINTS  AGE     STATE    CAN"));
  EXPECT_THAT(text,
              HasSubstr("order-4711  Order     weu        3m 20s  unknown  resubmit, forget"));
  EXPECT_THAT(text, HasSubstr("b           Order     -          3m 20s  queued   forget"));
  EXPECT_THAT(text, HasSubstr("understudy instances resubmit ID"));
  EXPECT_THAT(text, HasSubstr("2 starts of unknown outcome"));
}

TEST(InstancesText, SaysOneSentenceWhenThereIsNothing) {
  for (const InstanceList list :
       {InstanceList::unknown, InstanceList::queued, InstanceList::possible_duplicates,
        InstanceList::listed, InstanceList::stranded}) {
    InstancesReport report;
    report.list = list;
    const std::string text = text_of(report);
    EXPECT_TRUE(text.starts_with("No ") && text.ends_with(".\n")) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_EQ(instance_list_named(to_string(list)), list);
  }
  EXPECT_EQ(instance_list_named("unknwon"), std::nullopt);
}

TEST(InstancesText, EscapesWhatAClientChose) {
  ledger::StartLine evil = line("a\033]0;x\007", "unknown");
  evil.function = "F\n";
  const std::string text = text_of(report_of({evil}));
  EXPECT_THAT(text, HasSubstr("a\\x1b]0;x\\x07"));
  EXPECT_THAT(text, HasSubstr("F\\x0a"));
  EXPECT_THAT(text, Not(HasSubstr("\033")));
}

TEST(InstancesText, NamesAStartWithoutAnIdByItsNumber) {
  EXPECT_THAT(text_of(report_of({line("", "unknown")})), HasSubstr("\n7   Order"));
}

TEST(InstancesJson, HoldsWhatAScriptNeeds) {
  ledger::StartLine each = line("x", "in_flight");
  each.told = ledger::Told::unconfirmed;
  each.possible_duplicate = true;
  each.ran_at = 1;
  const auto json = instances_json(report_of({each}));
  const auto& row = json.at("instances").at(0);
  EXPECT_EQ(json["source"], "proxy");
  EXPECT_EQ(row["id"], "x");
  EXPECT_EQ(row["number"], 7);
  EXPECT_EQ(row["tried"], nlohmann::json{"weu"});
  EXPECT_EQ(row["at"], "neu");
  EXPECT_EQ(row["state"], "in flight");
  EXPECT_EQ(row["ageSeconds"], 200);
  EXPECT_EQ(row["clientWasTold"], "202, unconfirmed");
  EXPECT_EQ(row["can"], nlohmann::json{"forget"});
  EXPECT_EQ(row["possibleDuplicate"], true);
}

TEST(InstanceRows, SayWhyTheyAreListed) {
  using ledger::Listed;
  const auto why = [](Listed listed) {
    ledger::StartLine each = line("x", "ran");
    each.listed = listed;
    return row_of(each, name_of).why;
  };
  for (const Listed listed :
       {Listed::unknown, Listed::not_repeatable, Listed::absent_late, Listed::waited_out,
        Listed::hub_retention, Listed::late_refusal, Listed::may_have_run, Listed::lost})
    EXPECT_THAT(why(listed), Not(IsEmpty())) << static_cast<int>(listed);
  EXPECT_THAT(why(Listed::may_have_run), Not(HasSubstr("Failed")))
      << "never said of what may have run";
  ledger::StartLine twice = line("x", "ran");
  twice.possible_duplicate = twice.duplicate_found = true;
  EXPECT_THAT(row_of(twice, name_of).why, HasSubstr("ran twice"));
  EXPECT_THAT(row_of(line("x", "unknown"), name_of).why, HasSubstr("sent to weu"));
}

TEST(InstanceRows, OfTheDirectoryTellTheLastKnownStatus) {
  ledger::Instance instance;
  instance.status = ledger::LastStatus::running;
  instance.function = "Order";
  instance.created_ms = 5000;
  instance.seen_ms = 9000;
  const InstanceRow row = row_of("abc", instance, "weu", "weu is away");
  EXPECT_EQ(row.state, "Running");
  EXPECT_EQ(row.since.time_since_epoch(), 5s);
  EXPECT_EQ(row.at, "weu");
  EXPECT_FALSE(row.can_resubmit || row.can_forget) << "the ledger does not hold it";
  EXPECT_EQ(row_of("@counter@a", {}, "weu", "").state, "entity");
}

TEST(InstanceRows, AreKeptOldestFirstAndOncePerInstance) {
  InstancesReport report;
  const auto add = [&](const char* id, std::uint64_t number, std::chrono::seconds age) {
    InstanceRow row;
    row.id = id;
    row.number = number;
    row.since = noon - age;
    report.rows.push_back(row);
  };
  add("new", 3, 1s);
  add("both", 0, 9s);
  add("both", 2, 8s);
  add("", 4, 7s);
  add("", 5, 6s);
  add("old", 0, 20s);
  keep_oldest(report, 4);
  std::vector<std::string> ids;
  for (const InstanceRow& row : report.rows) ids.push_back(row.id);
  EXPECT_THAT(ids, ElementsAre("old", "both", "", ""));
  EXPECT_EQ(report.rows[1].number, 2U) << "the ledger knows more than the directory";
  EXPECT_TRUE(report.more);
  EXPECT_THAT(text_of(report), HasSubstr("--limit N"));
}

struct SyncTime {
  std::string name, text;
  bool taken;
};
class SyncTimes : public ::testing::TestWithParam<SyncTime> {};
TEST_P(SyncTimes, NeedTheirOffset) {
  EXPECT_EQ(parse_sync_time(GetParam().text).has_value(), GetParam().taken);
}
INSTANTIATE_TEST_SUITE_P(Storage, SyncTimes,
                         ::testing::Values(SyncTime{"utc", "2026-11-23T16:00:00Z", true},
                                           SyncTime{"east", "2026-11-23T17:00:00.5+01:00", true},
                                           SyncTime{"west", "2026-11-23T08:00:00-08:00", true},
                                           SyncTime{"open", "2026-11-23T16:00:00", false},
                                           SyncTime{"date", "2026-11-23", false},
                                           SyncTime{"no_day", "2026-02-30T16:00:00Z", false},
                                           SyncTime{"nothing", "", false},
                                           SyncTime{"word", "yesterday", false}),
                         [](const auto& row) { return row.param.name; });

Command command(std::vector<std::string> arguments) {
  const Parsed result = parse_command_line(arguments);
  EXPECT_TRUE(result.command.has_value()) << result.err;
  return result.command.value_or(Command{});
}

TEST(InstancesCommandLine, HasAVerbForEachListAndDecision) {
  const Command list = command({"instances", "possible-duplicates", "--limit", "5", "--json"});
  EXPECT_EQ(list.verb, Verb::instances);
  EXPECT_EQ(list.instances.list, InstanceList::possible_duplicates);
  EXPECT_EQ(list.instances.limit, 5U);
  EXPECT_TRUE(list.json);
  const Command forget =
      command({"instances", "forget", "order-1", "--ledger", "l.db", "--config", "c.json"});
  EXPECT_EQ(forget.instances.action, InstancesOptions::Action::forget);
  EXPECT_EQ(forget.instances.id + forget.instances.ledger + forget.config, "order-1l.dbc.json");
  const Command storage =
      command({"storage", "failed-over", "--last-sync-time", "2026-11-23T17:00:00+01:00"});
  EXPECT_EQ(storage.verb, Verb::storage);
  EXPECT_EQ(rfc3339(*storage.last_sync), "2026-11-23T16:00:00.000Z");
}

struct Wrong {
  std::string name;
  std::vector<std::string> arguments;
  std::string message;
};
class WrongInstancesCommandLine : public ::testing::TestWithParam<Wrong> {};
TEST_P(WrongInstancesCommandLine, IsRefusedWithExitCodeTwo) {
  const Parsed result = parse_command_line(GetParam().arguments);
  EXPECT_FALSE(result.command.has_value());
  EXPECT_EQ(result.exit_code, exit_bad_input);
  EXPECT_THAT(result.err, HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    Instances, WrongInstancesCommandLine,
    ::testing::Values(
        Wrong{"no_verb", {"instances"}, "instances unknown, queued"},
        Wrong{"misspelt", {"instances", "unknwon"}, R"(did you mean "unknown"?)"},
        Wrong{"no_id", {"instances", "resubmit"}, "ID"},
        Wrong{"empty_id", {"instances", "forget", ""}, "ID"},
        Wrong{"long_id", {"instances", "forget", std::string(1025, 'a')}, "ID"},
        Wrong{"no_lines", {"instances", "queued", "--limit", "0"}, "between 1 and 10000"},
        Wrong{"too_many", {"instances", "queued", "--limit", "10001"}, "between 1 and 10000"},
        Wrong{"no_storage_verb", {"storage"}, "failed-over --last-sync-time"},
        Wrong{"no_time", {"storage", "failed-over"}, "--last-sync-time"},
        Wrong{"local_time",
              {"storage", "failed-over", "--last-sync-time", "2026-11-23T16:00:00"},
              "offset from UTC"}),
    [](const auto& row) { return row.param.name; });

TEST(InstancesCall, EncodesWhatItSends) {
  EXPECT_EQ(instances_call(command({"instances", "queued"})).target,
            "/api/instances?list=queued&limit=100");
  const AdminCall resubmit = instances_call(command({"instances", "resubmit", "a&b=/ä"}));
  EXPECT_EQ(resubmit.method, "POST");
  EXPECT_EQ(resubmit.target, "/api/instances/resubmit?id=a%26b%3D%2F%C3%A4");
  EXPECT_EQ(instances_call(
                command({"storage", "failed-over", "--last-sync-time", "2026-11-23T16:00:00Z"}))
                .target,
            "/api/storage/failed-over?last_sync_time=2026-11-23T16%3A00%3A00.000Z");
}

TEST(Whereabouts, AreTheProxyFirstAndItsFileNext) {
  config::Config config;
  config.admin.address.host = "127.0.0.1";
  config.admin.address.port = 9000;
  config.durable.task_hub = config::TaskHub::shared;
  config.durable.ledger.path = "/var/l.db";
  Whereabouts where = whereabouts(command({"instances", "queued", "--config", "c"}), &config);
  EXPECT_EQ(where.admin->text + where.ledger, "127.0.0.1:9000/var/l.db");
  where =
      whereabouts(command({"instances", "queued", "--config", "c", "--ledger", "o.db"}), &config);
  EXPECT_EQ(where.admin->text + where.ledger, "127.0.0.1:9000o.db");
  config.durable.ledger.mode = config::LedgerMode::memory;
  where = whereabouts(command({"instances", "queued", "--config", "c"}), &config);
  EXPECT_EQ(where.admin->text + where.ledger, "127.0.0.1:9000");
  config.admin.address.port = 0;
  where = whereabouts(command({"instances", "queued", "--config", "c"}), &config);
  EXPECT_THAT(where.problem, HasSubstr("--admin ADDR:PORT"));
}

TEST(Whereabouts, WithoutAConfigAreWhatIsNamed) {
  Whereabouts where = whereabouts(command({"instances", "queued", "--ledger", "o.db"}), nullptr);
  EXPECT_FALSE(where.admin.has_value()) << "another proxy may listen at the default address";
  EXPECT_EQ(where.ledger, "o.db");
  where = whereabouts(command({"instances", "queued", "--admin", "127.0.0.1:9"}), nullptr);
  EXPECT_EQ(where.admin->port, 9);
  EXPECT_EQ(where.ledger, "") << "the default file is not known to be that proxy's";
  where = whereabouts(command({"instances", "queued"}), nullptr);
  EXPECT_EQ(where.admin->text, "127.0.0.1:8081");
  where = whereabouts(command({"instances", "queued", "--admin", "nonsense"}), nullptr);
  EXPECT_THAT(where.problem, HasSubstr("nonsense"));
}

// The admin API's routes, with actions that record what they were asked.
class InstancesApi : public ::testing::Test {
 protected:
  InstancesApi() {
    AdminActions actions;
    actions.instances = [this](InstanceList list, std::size_t most,
                               std::function<void(InstancesReport)> done) {
      asked_ += std::string{to_string(list)} + " " + std::to_string(most) + ";";
      InstancesReport report = report_of({line("x", "unknown")});
      report.list = list;
      done(report);
    };
    actions.act_on_instances = [this](const InstanceCommand& command,
                                      std::function<void(ActionResult)> done) {
      asked_ += std::string{to_string(command.kind)} + " " + command.id;
      if (command.kind == InstanceCommand::Kind::failed_over) asked_ += rfc3339(command.last_sync);
      asked_ += ";";
      done(result_);
    };
    api_.emplace("127.0.0.1", std::move(actions));
  }

  transport::ServerResponse ask(std::string method, std::string target, bool loopback = true,
                                std::string host = "127.0.0.1:8081") {
    transport::ServerRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers.emplace_back("Host", std::move(host));
    request.peer_is_loopback = loopback;
    transport::ServerResponse answer;
    api_->handle(request, [&](transport::ServerResponse response) { answer = response; });
    return answer;
  }

  std::string asked_;
  ActionResult result_{ActionResult::Kind::done, "x: it is forgotten."};
  std::optional<AdminApi> api_;
};

TEST_F(InstancesApi, GivesListsWithTheirLimit) {
  const auto answer = ask("GET", "/api/instances?list=possible-duplicates&limit=7");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(nlohmann::json::parse(answer.body)["instances"].size(), 1U);
  EXPECT_EQ(ask("GET", "/api/instances?list=queued").status, 200);
  EXPECT_EQ(asked_, "possible-duplicates 7;queued 100;");
}

TEST_F(InstancesApi, RefusesListsThatItDoesNotHaveAndLimitsOutOfBounds) {
  for (const char* query :
       {"", "?list=", "?list=all", "?list=queued&limit=0", "?list=queued&limit=10001",
        "?list=queued&limit=1x", "?list=queued&limit=-1"})
    EXPECT_EQ(ask("GET", std::string{"/api/instances"} + query).status, 400) << query;
  EXPECT_EQ(asked_, "");
}

TEST_F(InstancesApi, TakesDecisionsWithADecodedId) {
  EXPECT_EQ(ask("POST", "/api/instances/resubmit?id=a%26b").status, 200);
  EXPECT_EQ(ask("POST", "/api/instances/forget?id=x").status, 200);
  EXPECT_EQ(ask("POST", "/api/storage/failed-over?last_sync_time=2026-11-23T16%3A00%3A00Z").status,
            200);
  EXPECT_EQ(asked_,
            "instances resubmit a&b;instances forget x;"
            "storage failed-over 2026-11-23T16:00:00.000Z;");
  result_.kind = ActionResult::Kind::refused;
  EXPECT_EQ(ask("POST", "/api/instances/forget?id=x").status, 409);
}

TEST_F(InstancesApi, RefusesDecisionsAboutNothingAndDoesNothing) {
  for (const char* target :
       {"/api/instances/resubmit", "/api/instances/forget?id=", "/api/storage/failed-over",
        "/api/storage/failed-over?last_sync_time=2026-11-23T16:00:00"})
    EXPECT_EQ(ask("POST", target).status, 400) << target;
  EXPECT_EQ(ask("POST", "/api/instances/forget?id=" + std::string(1025, 'a')).status, 400);
  EXPECT_EQ(ask("POST", "/api/instances?list=queued").status, 404);
  EXPECT_EQ(ask("GET", "/api/instances/forget?id=x").status, 404);
  EXPECT_EQ(asked_, "");
}

TEST_F(InstancesApi, IsAsGuardedAsEveryOtherCommand) {
  EXPECT_EQ(ask("POST", "/api/instances/forget?id=x", false).status, 403);
  EXPECT_EQ(ask("GET", "/api/instances?list=queued", true, "evil.example:8081").status, 403);
  EXPECT_EQ(asked_, "");
}

}  // namespace
}  // namespace app
