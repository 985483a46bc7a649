#include "durable/query.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace durable {
namespace {

using enum QueryEdit::Change;

struct Row {
  const char* target;
  const char* expected;  // "" for unchanged
};

void expect(const std::vector<Row>& rows, const QueryEdit& edit) {
  for (const Row& row : rows)
    EXPECT_EQ(edit_query(row.target, edit).value_or(""), row.expected) << row.target;
}

TEST(EditQuery, drops_every_code_and_nothing_else) {
  expect({{"/a?code=k", "/a"},
          {"/a?code=k&b=1", "/a?b=1"},
          {"/a?b=1&code=k", "/a?b=1"},
          {"/a?b=1&CoDe=k&c=%7e+x", "/a?b=1&c=%7e+x"},
          {"/a?code=1&b&code=2&&code", "/a?b&"},
          {"/a?%63ode=k&%43%4F%44%45=k", "/a"},
          {"/a?code", "/a"},
          {"/a?&code=k", "/a?"},
          {"/a?code=k&", "/a?"},
          {"/a?b=1#&code=k", "/a?b=1#"},  // some app might read it there
          {"http://h/a?code=k&b=1", "http://h/a?b=1"},
          {"/a?b=?code=k", ""},
          {"/code=k", ""},
          {"/a", ""},
          {"/a?", ""},
          {"", ""},
          {"*", ""},
          {"/a?b=1&code2=x&xcode=y&c%6=z&%63%6fde%=1", ""}},
         {.drop_code = true});
}

TEST(EditQuery, sets_one_code_where_the_first_one_was) {
  expect({{"/a?code=k", "/a?code=n%2B%3D"},
          {"/a?b=1&%63ode=k&code=l&c", "/a?b=1&%63ode=n%2B%3D&c"},
          {"/a", "/a?code=n%2B%3D"},
          {"/a?", "/a?code=n%2B%3D"},
          {"/a?b", "/a?b&code=n%2B%3D"},
          {"/a?b&", "/a?b&code=n%2B%3D"},
          {"/a?b?", "/a?b?&code=n%2B%3D"},  // was joined without a separator
          {"/a?code", "/a?code=n%2B%3D"},
          {"/a?code=n%2B%3D", ""}},
         {.drop_code = true, .code_to_set = "n+="});
}

TEST(EditQuery, maps_or_drops_the_task_hub_and_the_connection_where_they_are) {
  expect({{"/a?taskHub=H&connection=S&code=k", "/a?taskHub=Other%20Hub&code=k"},
          {"/a?TASKHUB=1&x&taskhub=2&%74askHub",
           "/a?TASKHUB=Other%20Hub&x&taskhub=Other%20Hub&%74askHub=Other%20Hub"},
          {"/a?Connection=S", "/a"},
          {"/a?taskHub=Other%20Hub", ""},
          {"/a?hub=1", ""},
          {"/a", ""}},
         {.task_hub = replace, .task_hub_value = "Other Hub", .connection = drop});
  expect({{"/a?taskHub=H&connection=S", "/a?connection=%26"}},
         {.task_hub = drop, .connection = replace, .connection_value = "&"});
  expect({{"/a?taskHub=H&connection=S&code=k", ""}}, {});
}

TEST(FindParameter, finds_the_first_by_what_its_name_means) {
  EXPECT_EQ(find_parameter("/a?b=1&Code=x%2B=&code=2", "code"), "x%2B=");
  EXPECT_EQ(find_parameter("/a?t%61skHub=H", "taskhub"), "H");
  EXPECT_EQ(find_parameter("/a?code", "code"), "");
  EXPECT_EQ(find_parameter("/a?code=", "code"), "");
  EXPECT_EQ(find_parameter("/a?connection=S#x", "connection"), "S#x");
  for (const char* target :
       {"", "/a", "/a?", "/a?xcode=1&codex=2", "/a?=code", "/code=1", "/a?%=1"})
    EXPECT_FALSE(find_parameter(target, "code").has_value()) << target;
}

TEST(PercentEncoding, goes_there_and_back) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%"), "%");
  EXPECT_EQ(percent_decode("a+b%2b"), "a+b+");
}

}  // namespace
}  // namespace durable
