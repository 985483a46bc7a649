#include "transport/link_fault.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "transport/link_request.hpp"

namespace {

using transport::LinkFault;
using transport::LinkMode;
using transport::LinkRequest;

TEST(LinkFault, EveryValueIsSetByItsNameAndToldAgain) {
  LinkFault fault;
  const std::vector<std::pair<std::string, std::string>> values{
      {"mode", "answer"},  {"delay", "300ms"},      {"jitter", "5s"},
      {"rate", "64KiB/s"}, {"cut_after", "1000"},   {"first_byte_delay", "2s"},
      {"status", "429"},   {"path", "/api/status"}, {"times", "3"}};
  for (const auto& [name, text] : values)
    EXPECT_EQ(transport::set_link_value(fault, name, text), "") << name;
  EXPECT_EQ(transport::check_link_fault(fault), "");
  EXPECT_EQ(transport::describe(fault),
            "mode=answer status=429 path=/api/status delay=300ms jitter=5s rate=65536B/s "
            "cut_after=1000B first_byte_delay=2s times=3");
  EXPECT_EQ(transport::describe({}), "");
}

TEST(LinkFault, ABadValueIsRefusedWithWordsAndChangesNothing) {
  const std::vector<std::pair<std::string, std::string>> values{
      {"mode", "break"},    {"mode", ""},
      {"delay", "300"},     {"delay", "11m"},
      {"jitter", "-1s"},    {"rate", "fast"},
      {"rate", "-1"},       {"rate", "999999999999999999999"},
      {"cut_after", "1.5"}, {"status", "99"},
      {"status", "600"},    {"status", "4o4"},
      {"path", "api"},      {"path", "/a b"},
      {"path", "/a\r\nb"},  {"times", "-1"},
      {"times", "many"},    {"first_byte_delay", "soon"},
      {"colour", "red"}};
  for (const auto& [name, text] : values) {
    LinkFault fault;
    EXPECT_NE(transport::set_link_value(fault, name, text), "") << name << " " << text;
    EXPECT_EQ(fault, LinkFault{}) << name << " " << text;
  }
}

TEST(LinkFault, ValuesWithoutTheirModeAreRefused) {
  LinkFault path;
  path.path = "/";
  EXPECT_NE(transport::check_link_fault(path), "");
  LinkFault times;
  times.times = 1;
  EXPECT_NE(transport::check_link_fault(times), "");
  times.cut_after = 10;
  EXPECT_EQ(transport::check_link_fault(times), "");
}

struct Line {
  const char* name;
  std::string bytes;
  const char* path;
  LinkRequest::Verdict verdict;
};
class LinkRequestLine : public ::testing::TestWithParam<Line> {};
using enum LinkRequest::Verdict;

TEST_P(LinkRequestLine, IsJudged) {
  EXPECT_EQ(transport::look_at(GetParam().bytes, GetParam().path).verdict, GetParam().verdict);
}
INSTANTIATE_TEST_SUITE_P(
    Lines, LinkRequestLine,
    ::testing::Values(
        Line{"a request without a wanted path", "GET /x HTTP/1.1\r\n", "", answer},
        Line{"a request for the path", "GET /api/x?y HTTP/1.1\r\n", "/api/", answer},
        Line{"a request for another path", "GET /other HTTP/1.1\r\n", "/api/", forward},
        Line{"the absolute form", "GET http://app/api/x HTTP/1.1\r\n", "/api/", answer},
        Line{"the absolute form without a path", "GET http://app HTTP/1.1\r\n", "/", answer},
        Line{"half a line", "GET /api", "/api/", undecided}, Line{"one byte", "G", "", undecided},
        Line{"a line without its end", "GET /api/x HTTP/1.1", "/api/", undecided},
        Line{"a line that never ends", "GET /" + std::string(20'000, 'x'), "", forward},
        Line{"TLS", std::string("\x16\x03\x01", 3), "", forward},
        Line{"a method that never ends", std::string(40, 'G'), "", forward},
        Line{"a space first", " GET / HTTP/1.1\r\n", "", forward},
        Line{"no version", "GET /\r\n", "", forward},
        Line{"no target", "GET HTTP/1.1\r\n", "", forward}));

TEST(LinkAnswer, HasABodyWhereOneMayBe) {
  EXPECT_NE(transport::link_answer(503, false).find("Content-Length: 39\r\n"), std::string::npos);
  EXPECT_TRUE(transport::link_answer(503, true).ends_with("\r\n\r\n"));
  EXPECT_EQ(transport::link_answer(204, false),
            "HTTP/1.1 204 Rehearsal\r\nConnection: close\r\n\r\n");
}

}  // namespace
