#include "proxy/retry_after.hpp"

#include <gtest/gtest.h>

#include <string>

namespace proxy {
namespace {

using std::chrono::seconds;

constexpr std::time_t now = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT, the RFC's example

struct Row {
  const char* value;
  int seconds;  // 0: says nothing
};

TEST(RetryAfter, IsANumberOfSecondsOrADate) {
  for (const Row& row : {
           Row{"1", 1},
           Row{"5", 5},
           Row{"007", 7},
           Row{"30", 30},
           Row{"31", 30},
           Row{"3600", 30},
           Row{"99999999999999999999999999", 30},
           Row{"0", 0},
           Row{"", 0},
           Row{"-1", 0},
           Row{"+5", 0},
           Row{"5 ", 0},
           Row{"5s", 0},
           Row{"1.5", 0},
           Row{"soon", 0},
           Row{"Sun, 06 Nov 1994 08:49:47 GMT", 10},
           Row{"Sun, 06 Nov 1994 09:49:37 GMT", 30},
           Row{"Sun, 06 Nov 1994 08:49:37 GMT", 0},  // now
           Row{"Sat, 05 Nov 1994 08:49:37 GMT", 0},  // past
           Row{"Sun, 06 Nov 1994 08:49:47 CET", 0},  // a date is in GMT
           Row{"Sun, 06 Nov 1994 8:49:47 GMT x", 0},
           Row{"Sunday, 06-Nov-94 08:49:37 GMT", 0},  // obsolete forms say nothing
           Row{"Sun Nov  6 08:49:37 1994", 0},
           Row{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0},
       }) {
    const auto parsed = parse_retry_after(row.value, now);
    if (row.seconds == 0)
      EXPECT_FALSE(parsed) << row.value;
    else
      EXPECT_EQ(parsed, seconds{row.seconds}) << row.value;
  }
}

TEST(RetryAfter, AByteOfZeroEndsNoText) {
  EXPECT_FALSE(parse_retry_after(std::string("5\0", 2), now));
  EXPECT_FALSE(parse_retry_after(std::string("Sun, 06 Nov 1994 08:49:47 GM\0", 29), now));
}

}  // namespace
}  // namespace proxy
