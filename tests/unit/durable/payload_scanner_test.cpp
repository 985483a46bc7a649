#include "durable/payload_scanner.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace durable {
namespace {

using Verdict = PayloadScanner::Verdict;

struct Row {
  const char* name;
  std::string body;
  Verdict verdict;
  const char* decided_by;  // the verdict falls with the last byte of this; "": with the last of all
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"the key comes first", R"({"statusQueryGetUri":"x"})", Verdict::payload,
       R"({"statusQueryGetUri")"},
      {"in any case", R"({"STATUSQueryGETUri":null})", Verdict::payload, R"({"STATUSQueryGETUri")"},
      {"after others", R"({"id":"a\"b","o":{"statusQueryGetUri":[1,2]},"StatusQueryGetUri":1})",
       Verdict::payload, R"({"id":"a\"b","o":{"statusQueryGetUri":[1,2]},"StatusQueryGetUri")"},
      {"escaped", R"({"\u0073tatusQ\u0075eryGetUri":1})", Verdict::payload,
       R"({"\u0073tatusQ\u0075eryGetUri")"},
      {"a byte order mark and blanks", "\xef\xbb\xbf \r\n\t{ \"statusQueryGetUri\" : 1}",
       Verdict::payload, "\xef\xbb\xbf \r\n\t{ \"statusQueryGetUri\""},
      {"nested only", R"({"a":{"statusQueryGetUri":1},"b":[{"statusQueryGetUri":1}]})",
       Verdict::no_payload, ""},
      {"as a value only", R"({"a":"statusQueryGetUri"})", Verdict::no_payload, ""},
      {"a longer key", R"({"statusQueryGetUri2":1})", Verdict::no_payload, ""},
      {"a shorter key", R"({"statusQueryGetUr":1})", Verdict::no_payload, ""},
      {"a key with another escape", R"({"statusQueryGetUri\n":1})", Verdict::no_payload, ""},
      {"a key with a letter that is no ASCII", R"({"\u0173tatusQueryGetUri":1})",
       Verdict::no_payload, ""},
      {"an empty object", "{}", Verdict::no_payload, ""},
      {"an endless array", "[{\"statusQueryGetUri\":1},", Verdict::no_payload, "["},
      {"a stream of objects", "{\"a\":1}\n{\"statusQueryGetUri\":1}\n", Verdict::no_payload,
       "{\"a\":1}"},
      {"a text", "\"statusQueryGetUri\"", Verdict::no_payload, "\""},
      {"HTML", "<html>", Verdict::no_payload, "<"},
      {"half a byte order mark", "\xef\xbb{", Verdict::no_payload, ""},
      {"a byte order mark behind a blank", " \xef\xbb\xbf{", Verdict::no_payload, " \xef"},
      {"a control character in a text", "{\"a\":\"\n", Verdict::no_payload, ""},
      {"a control character in a key", "{\"a\n", Verdict::no_payload, ""},
      {"a bad escape in a key", R"({"\u00g)", Verdict::no_payload, ""},
      {"no key where one must be", "{1", Verdict::no_payload, ""},
      {"an object that never ends", R"({"a":[[{}],"\\\"}",)", Verdict::undecided, ""},
      {"nothing", "", Verdict::undecided, ""},
      {"blanks", "  \n", Verdict::undecided, ""},
      {"too deep", "{\"a\":" + std::string(256, '['), Verdict::no_payload, ""},
      {"not too deep", "{\"a\":" + std::string(255, '['), Verdict::undecided, ""},
  };
  return all;
}

TEST(PayloadScanner, decides_with_the_earliest_byte_that_decides) {
  for (const Row& row : rows()) {
    const std::string head = *row.decided_by == '\0' ? row.body : row.decided_by;
    ASSERT_EQ(row.body.substr(0, head.size()), head) << row.name;
    PayloadScanner scanner;
    for (std::size_t i = 0; i + 1 < head.size(); ++i) {
      const Verdict verdict = scanner.feed(head.substr(i, 1));
      EXPECT_EQ(verdict, Verdict::undecided) << row.name << ", byte " << i;
    }
    if (!head.empty()) scanner.feed(head.substr(head.size() - 1));
    EXPECT_EQ(scanner.verdict(), row.verdict) << row.name;
  }
}

TEST(PayloadScanner, does_not_care_where_the_pieces_are_cut) {
  for (const Row& row : rows()) {
    for (std::size_t cut = 0; cut <= row.body.size(); ++cut) {
      PayloadScanner scanner;
      scanner.feed(row.body.substr(0, cut));
      EXPECT_EQ(scanner.feed(row.body.substr(cut)), row.verdict) << row.name << ", cut at " << cut;
    }
  }
}

TEST(PayloadScanner, keeps_its_verdict) {
  PayloadScanner scanner;
  EXPECT_EQ(scanner.feed("[]"), Verdict::no_payload);
  EXPECT_EQ(scanner.feed(R"({"statusQueryGetUri":1})"), Verdict::no_payload);
}

TEST(MayBePayload, never_denies_what_the_scanner_finds_and_denies_plain_answers) {
  for (const Row& row : rows()) {
    const bool may = may_be_payload(row.body, true);
    if (row.verdict == Verdict::payload) {
      EXPECT_TRUE(may) << row.name;
    }
    for (std::size_t cut = 0; cut <= row.body.size(); ++cut) {
      PayloadScanner scanner;
      if (scanner.feed(row.body.substr(0, cut)) != Verdict::no_payload) {
        EXPECT_TRUE(may_be_payload(row.body.substr(0, cut), false)) << row.name << " " << cut;
      }
    }
  }
  for (const char* plain : {"", " ", "[]", "null", "{}", R"({"name":"x","q":"qQqQ","e":"\"\\\n"})",
                            R"({"e":"\u00e9","status":"Query"})", "\xef\xbb\xbf[]", "\xef\xbb"})
    EXPECT_FALSE(may_be_payload(plain, true)) << plain;
  for (const char* plain : {"[", "\"", "<html", "1", " \n[", "\xef\xbb\xbf[", "\xefx"})
    EXPECT_FALSE(may_be_payload(plain, false)) << plain;
}

}  // namespace
}  // namespace durable
