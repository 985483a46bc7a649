#include "app/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace app {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

Command parsed(const std::vector<std::string>& arguments) {
  const Parsed result = parse_command_line(arguments);
  EXPECT_TRUE(result.command.has_value()) << result.err;
  return result.command.value_or(Command{});
}

TEST(CommandLine, RunTakesAConfigFileAndOverrides) {
  const Command command = parsed({"run", "a.json", "--listen", "127.0.0.1:0", "--workers", "3"});
  EXPECT_EQ(command.verb, Verb::run);
  EXPECT_EQ(command.config, "a.json");
  EXPECT_EQ(command.listen, "127.0.0.1:0");
  EXPECT_EQ(command.workers, 3U);
}

TEST(CommandLine, RunTakesUrlsInsteadOfAFileAndSeveralSecondaries) {
  const Command command = parsed({"run", "--primary", "http://a", "--secondary", "http://b",
                                  "--secondary", "http://c", "--json"});
  EXPECT_EQ(command.primary, "http://a");
  EXPECT_THAT(command.secondaries, ::testing::ElementsAre("http://b", "http://c"));
  EXPECT_TRUE(command.json);
}

TEST(CommandLine, HoldReadsItsDuration) {
  EXPECT_EQ(parsed({"hold", "--for", "10m"}).hold_for, config::Millis{600'000});
  EXPECT_EQ(parsed({"hold"}).hold_for, std::nullopt);
}

TEST(CommandLine, DrainCanBeUndone) {
  const Command command = parsed({"drain", "primary", "--undo", "--admin", "http://127.0.0.1:9"});
  EXPECT_EQ(command.name, "primary");
  EXPECT_TRUE(command.undo);
  EXPECT_EQ(command.admin, "http://127.0.0.1:9");
}

TEST(CommandLine, RunTakesATimeScaleForRehearsals) {
  EXPECT_EQ(parsed({"run", "a.json"}).time_scale, 1);
  EXPECT_EQ(parsed({"run", "a.json", "--time-scale", "1000"}).time_scale, 1000);
}

TEST(CommandLine, MakeprimaryNamesAnEndpoint) {
  const Command command = parsed({"makeprimary", "neu", "--admin", "127.0.0.1:9"});
  EXPECT_EQ(command.verb, Verb::makeprimary);
  EXPECT_EQ(command.name, "neu");
  EXPECT_EQ(command.admin, "127.0.0.1:9");
}

TEST(CommandLine, EveryVerbTakesJson) {
  for (const char* verb : {"status", "events", "hold", "release", "failback", "reload", "version"})
    EXPECT_TRUE(parsed({verb, "--json"}).json) << verb;
  for (const char* verb : {"enable", "disable", "drain", "makeprimary"})
    EXPECT_TRUE(parsed({verb, "primary", "--json"}).json) << verb;
  for (const char* verb : {"validate", "explain", "run"})
    EXPECT_TRUE(parsed({verb, "x.json", "--json"}).json) << verb;
}

TEST(CommandLine, KeysHasVerbsOfItsOwn) {
  const Command diff = parsed({"keys", "diff", "--functions", "A,B", "a.json", "--json"});
  EXPECT_EQ(diff.verb, Verb::keys);
  EXPECT_EQ(diff.keys.action, KeysAction::diff);
  EXPECT_EQ(diff.config, "a.json");
  EXPECT_THAT(diff.keys.functions, ::testing::ElementsAre("A", "B"));
  EXPECT_TRUE(diff.json);
  const Command sync = parsed({"keys", "sync", "a.json", "--from", "x", "--to", "y", "--undo",
                               "u.json", "--apply", "--timeout", "2s"});
  EXPECT_EQ(sync.keys.action, KeysAction::sync);
  EXPECT_EQ(sync.keys.from + sync.keys.to + sync.keys.undo_file, "xyu.json");
  EXPECT_TRUE(sync.keys.apply);
  EXPECT_FALSE(sync.keys.insecure);
  EXPECT_EQ(sync.keys.timeout, 2s);
  const Command undo = parsed({"keys", "undo", "u.json", "a.json"});
  EXPECT_EQ(undo.keys.action, KeysAction::undo);
  EXPECT_EQ(undo.keys.undo_file, "u.json");
  EXPECT_EQ(undo.config, "a.json");
  EXPECT_FALSE(undo.keys.apply);
}

struct Wrong {
  std::string name;
  std::vector<std::string> arguments;
  std::string message;
};

class WrongCommandLine : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongCommandLine, IsRefusedWithExitCodeTwoAndTheWayOut) {
  const Parsed result = parse_command_line(GetParam().arguments);
  EXPECT_FALSE(result.command.has_value());
  EXPECT_EQ(result.exit_code, exit_bad_input);
  EXPECT_THAT(result.err, HasSubstr(GetParam().message));
  EXPECT_THAT(result.out, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, WrongCommandLine,
    ::testing::Values(
        Wrong{"misspelt_verb", {"statsu"}, R"(did you mean "status"?)"},
        Wrong{"unknown_verb", {"frobnicate"}, "understudy --help"},
        Wrong{"no_source", {"run"}, "give a CONFIG file, or --primary URL"},
        Wrong{"both_sources", {"run", "a.json", "--primary", "http://a"}, "not both"},
        Wrong{"nothing_to_fail_over_to", {"run", "--primary", "http://a"}, "--secondary"},
        Wrong{"bad_listen", {"run", "a.json", "--listen", "8080"}, "--listen"},
        Wrong{"no_workers", {"run", "a.json", "--workers", "0"}, "between 1 and 256"},
        Wrong{"time_stands_still", {"run", "a.json", "--time-scale", "0"}, "between 1 and 1000"},
        Wrong{"time_flies", {"run", "a.json", "--time-scale", "1001"}, "between 1 and 1000"},
        Wrong{"makeprimary_of_nobody", {"makeprimary"}, "understudy makeprimary --help"},
        Wrong{"missing_name", {"drain"}, "understudy drain --help"},
        Wrong{"duration_without_unit", {"hold", "--for", "10"}, "has no unit"},
        Wrong{"keys_without_a_verb", {"keys"}, "keys diff, keys sync or keys undo"},
        Wrong{"sync_without_a_source", {"keys", "sync", "a.json", "--to", "y"}, "--from"},
        Wrong{"diff_cannot_apply", {"keys", "diff", "a.json", "--apply"}, "--apply"},
        Wrong{"undo_without_a_file", {"keys", "undo", "a.json"}, "CONFIG"},
        Wrong{"no_time", {"keys", "diff", "a.json", "--timeout", "0s"}, "longer than"},
        Wrong{"unknown_option", {"status", "--jsno"}, "--jsno"}),
    [](const auto& row) { return row.param.name; });

TEST(CommandLine, HelpNamesEveryVerbAndEndsWithZero) {
  const Parsed result = parse_command_line({"--help"});
  EXPECT_EQ(result.exit_code, exit_ok);
  for (const char* verb :
       {"run", "validate", "explain", "status", "events", "enable", "disable", "drain", "hold",
        "release", "failback", "makeprimary", "reload", "keys", "instances", "storage", "version"})
    EXPECT_THAT(result.out, HasSubstr(verb));
}

TEST(CommandLine, HelpOfAVerbShowsExamples) {
  const Parsed result = parse_command_line({"hold", "--help"});
  EXPECT_EQ(result.exit_code, exit_ok);
  EXPECT_THAT(result.out, HasSubstr("understudy hold --for 10m"));
}

TEST(CommandLine, WithoutAnythingItShowsTheHelpAndFails) {
  EXPECT_EQ(parse_command_line({}).exit_code, exit_bad_input);
}

TEST(Nearest, FindsTheSlipButNotAnUnrelatedWord) {
  const std::vector<std::string> names{"primary", "secondary"};
  EXPECT_EQ(nearest("pirmary", names), "primary");
  EXPECT_EQ(nearest("secondry", names), "secondary");
  EXPECT_EQ(nearest("tertiary-x", names), "");
}

}  // namespace
}  // namespace app
