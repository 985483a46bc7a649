#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "app/key_api.hpp"
#include "app/key_undo.hpp"
#include "app/keys_report.hpp"

namespace app {
namespace {

using config::Secret;
using durable::KeyScope;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string names_in(std::string_view body) {
  std::string reason;
  const auto keys = parse_key_list(body, reason);
  if (!keys) return "refused: " + reason;
  std::string out;
  for (const auto& key : *keys) out += key.name + " ";
  return out;
}

TEST(KeyList, IsReadAsTheHostWritesIt) {
  EXPECT_EQ(names_in(R"({"keys":[{"name":"default","value":"v"},{"name":"b","value":"w"}],
                         "links":[{"rel":"self","href":"https://x"}]})"),
            "default b ");
  EXPECT_EQ(names_in(R"({"keys":[]})"), "");
  EXPECT_EQ(names_in(R"({"keys":[{"name":"_Master","value":"v"}]})"), "");
}

struct Malformed {
  std::string name, body, reason;
};
class MalformedKeyList : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedKeyList, IsRefusedWithoutQuotingIt) {
  EXPECT_EQ(names_in(GetParam().body), "refused: " + GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, MalformedKeyList,
    ::testing::Values(
        Malformed{"nothing", "", "no JSON"}, Malformed{"page", "<html>", "no JSON"},
        Malformed{"not_utf8", "{\"keys\":\"\xff\"}", "no JSON"},
        Malformed{"deep", std::string(100'000, '['), "no JSON"},
        Malformed{"array", "[]", "no list of keys"}, Malformed{"null", "null", "no list of keys"},
        Malformed{"keys_of_another_kind", R"({"keys":{"a":"b"}})", "no list of keys"},
        Malformed{"text", R"({"keys":["a"]})", "a key whose name cannot be used"},
        Malformed{"no_name", R"({"keys":[{"value":"v"}]})", "a key whose name cannot be used"},
        Malformed{"climbs", R"({"keys":[{"name":"..","value":"v"}]})",
                  "a key whose name cannot be used"},
        Malformed{"no_value", R"({"keys":[{"name":"a"}]})", "a key without a value"},
        Malformed{"hidden", R"({"keys":[{"name":"a","value":null}]})", "a key without a value"},
        Malformed{"empty_value", R"({"keys":[{"name":"a","value":""}]})", "a key without a value"},
        Malformed{"twice", R"({"keys":[{"name":"a","value":"v"},{"name":"a","value":"w"}]})",
                  "one key name twice"}),
    [](const auto& row) { return row.param.name; });

TEST(FunctionList, KeepsWhatHttpCanCallAndWhatDoesNotSay) {
  std::string reason;
  const auto names = parse_function_list(
      R"([{"name":"A","config":{"bindings":[{"type":"httpTrigger"}]}},
          {"name":"B","config":{"bindings":[{"type":"orchestrationTrigger"}]}},
          {"name":"C"}, {"name":"D","config":null}, {"name":"E","config":{"bindings":[]}}])",
      reason);
  ASSERT_TRUE(names.has_value()) << reason;
  EXPECT_THAT(*names, ElementsAre("A", "C", "D", "E"));
  EXPECT_FALSE(parse_function_list(R"({"value":[]})", reason).has_value());
  EXPECT_FALSE(parse_function_list(R"([{"name":"\u001b[2J"}])", reason).has_value());
  EXPECT_FALSE(parse_function_list("[1]", reason).has_value());
}

KeyUndo sample_undo() {
  KeyUndo undo{"secondary", "https://b.example", {}};
  undo.written.push_back({{KeyScope::host, ""}, "a", Secret{"old"}, Secret{"new"}});
  undo.written.push_back({{KeyScope::function, "F"}, "b", std::nullopt, Secret{"\"x\\"}});
  return undo;
}

TEST(UndoFile, ReadsWhatItWrote) {
  std::string reason;
  const auto read = parse_undo(to_json(sample_undo()), reason);
  ASSERT_TRUE(read.has_value()) << reason;
  EXPECT_EQ(read->endpoint, "secondary");
  EXPECT_EQ(read->url, "https://b.example");
  ASSERT_EQ(read->written.size(), 2U);
  EXPECT_EQ(read->written[0].before, Secret{"old"});
  EXPECT_EQ(read->written[1].group.function, "F");
  EXPECT_FALSE(read->written[1].before.has_value());
  EXPECT_EQ(read->written[1].value, Secret{"\"x\\"});
}

TEST(UndoFile, IsRefusedWhenItIsAnythingElse) {
  for (const char* text :
       {"", "[]", "{}", R"({"understudyKeysUndo":2,"endpoint":"e","url":"u","keys":[]})",
        R"({"understudyKeysUndo":1,"endpoint":"e","keys":[]})",
        R"({"understudyKeysUndo":1,"endpoint":"e","url":"u","keys":[1]})",
        R"({"understudyKeysUndo":1,"endpoint":"e","url":"u",
            "keys":[{"scope":"host","name":"a","written":"w"}]})",
        R"({"understudyKeysUndo":1,"endpoint":"e","url":"u",
            "keys":[{"scope":"host","name":"a","before":1,"written":"w"}]})",
        R"({"understudyKeysUndo":1,"endpoint":"e","url":"u",
            "keys":[{"scope":"function","name":"a","before":null,"written":"w"}]})"}) {
    std::string reason;
    EXPECT_FALSE(parse_undo(text, reason).has_value()) << text;
    EXPECT_THAT(reason, Not(IsEmpty())) << text;
  }
}

class SecretFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("understudy-keys-test-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return folder_ / name; }
  std::filesystem::path folder_;
};

TEST_F(SecretFile, IsForItsOwnerAloneAndNeverOverwritten) {
  const mode_t before = ::umask(0);
  EXPECT_EQ(create_secret_file(path("a"), "one"), 0);
  ::umask(before);
  struct stat info{};
  ASSERT_EQ(::stat(path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(create_secret_file(path("a"), "two"), EEXIST);
  EXPECT_EQ(read_undo_text(path("a")), "one");
}

TEST_F(SecretFile, IsNotWrittenThroughALink) {
  std::filesystem::create_symlink(path("target"), path("link"));
  EXPECT_EQ(create_secret_file(path("link"), "x"), EEXIST);
  EXPECT_FALSE(std::filesystem::exists(path("target")));
  EXPECT_EQ(create_secret_file(path("absent/a"), "x"), ENOENT);
  EXPECT_EQ(read_undo_text(path("absent")), std::nullopt);
  EXPECT_EQ(read_undo_text(folder_), std::nullopt);
}

TEST(UndoPath, IsAPlainNameInThisFolder) {
  EXPECT_THAT(default_undo_path("../a b"),
              ::testing::MatchesRegex("keys-undo-___a_b-[0-9]+T[0-9]+Z\\.json"));
  EXPECT_THAT(default_undo_path("b", 2), HasSubstr("Z-2.json"));
}

TEST(KeysReport, SaysInWordsWhatTheVerdictsMean) {
  KeysReport report;
  report.action = "diff";
  report.from = KeysReport::App{"primary", "https://a"};
  report.to = {"secondary", "https://b"};
  report.rows = {{{KeyScope::host, ""}, "a", "missing_at_source", "", ""},
                 {{KeyScope::function, "F"}, "b", "missing_at_target", "", ""}};
  report.exit_code = 1;
  EXPECT_THAT(keys_text(report), HasSubstr("  host        a  missing at primary\n"
                                           "  function F  b  missing at secondary\n"));
  EXPECT_THAT(keys_json(report), HasSubstr(R"("verdict": "missing_at_source")"));
}

}  // namespace
}  // namespace app
