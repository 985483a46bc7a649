// Text that is no JSON: line, column and what was expected. Never a part of the text itself, which
// may be a secret.
#include "config/tree.hpp"
#include "support.hpp"

namespace config {
namespace {

using testing::lines;
using testing::parse;

struct Broken {
  const char* text;
  const char* line;  // after "f.json:"
};

class SyntaxErrors : public ::testing::TestWithParam<Broken> {};

TEST_P(SyntaxErrors, NameThePlaceAndWhatWasExpected) {
  const ParseResult result = parse(GetParam().text);
  EXPECT_EQ(lines(result), std::string("f.json:") + GetParam().line + "\n");
  EXPECT_FALSE(result.config);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, SyntaxErrors,
    ::testing::Values(
        Broken{"", "1:1: error: the text ends too early; a file is one object, \"{ ... }\""},
        Broken{"// nothing\n",
               "2:1: error: the text ends too early; a file is one object, \"{ ... }\""},
        Broken{"{",
               "1:2: error: the text ends too early; the bracket opened at line 1 is still open"},
        Broken{"{\n \"endpoints\": [\n  {}\n",
               "4:1: error: the text ends too early; the bracket opened at line 2 is still open"},
        Broken{"{\"profile\": \"a\",\n}",
               "1:16: error: a comma before the closing bracket; remove the comma"},
        Broken{"{\"endpoints\": [{}, // the last one,\n ]}",
               "1:18: error: a comma before the closing bracket; remove the comma"},
        Broken{"{\"profile\": \"a\"\n \"log\": {}}",
               "2:2: error: unexpected string literal; expected '}' or a comma"},
        Broken{"{\"trusted_proxies\": [\"a\" \"b\"]}",
               "1:26: error: unexpected string literal; expected ']' or a comma"},
        Broken{"{\"a\": 1 2}", "1:9: error: unexpected number literal; expected '}' or a comma"},
        Broken{"{\"profile\" \"a\"}", "1:12: error: unexpected string literal; expected ':'"},
        Broken{"{'profile': 1}", "1:2: error: invalid literal; write strings in double quotes"},
        Broken{"{profile: 1}",
               "1:2: error: invalid literal; a key in double quotes is expected here"},
        Broken{
            "{\"access\": True}",
            "1:12: error: invalid literal; write strings in double quotes; without them only true, "
            "false, null and numbers"},
        Broken{
            "{\"profile\": \"a\nb\"}",
            "1:15: error: invalid string: control character U+000A (LF) must be escaped to \\u000A "
            "or \\n; escape it as JSON does, or close the quotes"},
        Broken{"{} {}", "1:4: error: unexpected '{'; expected end of input"},
        Broken{"{\"a\": 01}", "1:7: error: unexpected number literal; expected '}' or a comma"},
        Broken{"{\"a\": -}",
               "1:8: error: invalid number; expected digit after '-'; write it like 10 or 0.5"},
        Broken{
            "{/* never closed",
            "1:16: error: invalid comment; missing closing '*/'; comments are // to the end of the "
            "line, or /* ... */"}));

TEST(SyntaxErrorsOfBytes, AreNotShownAsText) {
  const ParseResult result = parse("{\"profile\": \"\xff\xfe\"}");
  EXPECT_EQ(result.issues.size(), 1u);
  EXPECT_EQ(result.issues[0].line, 1);
  EXPECT_EQ(lines(result).find('\xff'), std::string::npos);
}

TEST(SyntaxErrorsNearSecrets, DoNotRepeatThem) {
  for (const char* text : {"{\"clients\": {\"keys\": [\"hunter2\" \"hunter2\"]}}",
                           "{\"clients\": {\"keys\": [\"hunter2\n\"]}}",
                           "{\"clients\": {\"keys\": [hunter2]}}", "{\"keys\": \"hunter2\\q\"}"}) {
    const ParseResult result = parse(text);
    EXPECT_TRUE(has_errors(result.issues)) << text;
    EXPECT_EQ(lines(result).find("hunter2"), std::string::npos) << lines(result);
  }
}

TEST(Bounds, DeepNestingEndsThePassWithOneIssue) {
  const ParseResult result = parse(std::string(200000, '['));
  EXPECT_EQ(
      lines(result),
      "f.json:1:17: error: is nested too deeply; no key of this file needs more than 16 levels\n");
}

TEST(Bounds, AHugeTextIsNotRead) {
  EXPECT_EQ(lines(parse(std::string(max_text + 1, ' '))),
            "f.json:1:1: error: the text is larger than 1 MiB; is this the right file?\n");
}

TEST(Bounds, ManyKeysAreReadInReasonableTime) {
  std::string text = "{";
  for (int i = 0; i < 50000; ++i) text += "\"k" + std::to_string(i) + "\":1,";
  text += "\"profile\":\"a\"}";
  const ParseResult result = parse(text);
  EXPECT_FALSE(result.config);
  EXPECT_LE(result.issues.size(), 200u) << "a wrong file must not flood the terminal";
}

TEST(Positions, AreThoseOfTheValuesWhateverStandsBetween) {
  std::vector<Issue> issues;
  const auto tree = parse_tree(
      "// \"x\"\n{ /* , */ \"a\\\"b\" : [ -1.5e3, true,false , null,\n \"\\\\\", \"q\\\"\" ] }",
      "f", issues);
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->at.line, 2);
  EXPECT_EQ(tree->at.column, 1);
  const Member& member = tree->members.at(0);
  EXPECT_EQ(member.key, "a\"b");
  EXPECT_EQ(member.key_at.column, 11);
  const std::vector<Node>& items = member.value.items;
  ASSERT_EQ(items.size(), 6u);
  EXPECT_EQ(member.value.at.column, 20);
  EXPECT_EQ(items[0].source, "-1.5e3");
  EXPECT_EQ(items[0].at.column, 22);
  EXPECT_EQ(items[1].at.column, 30);
  EXPECT_EQ(items[2].at.column, 35);
  EXPECT_EQ(items[3].at.column, 43);
  EXPECT_EQ(items[4].at.line, 3);
  EXPECT_EQ(items[4].at.column, 2);
  EXPECT_EQ(items[4].text, "\\");
  EXPECT_EQ(items[5].at.column, 8);
  EXPECT_EQ(items[5].text, "q\"");
}

}  // namespace
}  // namespace config
