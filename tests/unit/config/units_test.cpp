#include "config/units.hpp"

#include <gtest/gtest.h>

namespace config {
namespace {

struct DurationRow {
  const char* text;
  Millis value;
};

TEST(Durations, AreReadWithTheirUnit) {
  for (const DurationRow& row : {DurationRow{"0s", 0ms},
                                 {"500ms", 500ms},
                                 {"10s", 10s},
                                 {"5m", 5min},
                                 {"2h", 2h},
                                 {"7d", 24h * 7}}) {
    Millis value{-1};
    EXPECT_FALSE(parse_duration(row.text, value)) << row.text;
    EXPECT_EQ(value, row.value) << row.text;
  }
}

struct BadUnit {
  const char* text;
  const char* rule;
  const char* hint;
};

TEST(Durations, SayWhatIsWrongAndWhatToWrite) {
  for (const BadUnit& row : {
           BadUnit{"", "is not a duration", "write it like \"10s\""},
           {"ten", "is not a duration", "write it like \"10s\""},
           {"-5s", "is not a duration", "write it like \"10s\""},
           {"10", "has no unit", "write \"10s\""},
           {"5 s", "has a space before the unit", "write \"5s\""},
           {"5S", "has an unknown unit", "write \"5s\""},
           {"5 Min", "has an unknown unit", "units are ms, s, m, h, d"},
           {"5sec", "has an unknown unit", "units are ms, s, m, h, d"},
           {"1.5s", "has a fraction", "use a smaller unit, as in \"10s\""},
           {"1m30s", "has an unknown unit", "units are ms, s, m, h, d"},
           {"99999999999999999999s", "is too large", "write it like \"10s\""},
           {"9999999999999999d", "is too large", "write it like \"10s\""},
       }) {
    Millis value{-1};
    const auto problem = parse_duration(row.text, value);
    ASSERT_TRUE(problem) << row.text;
    EXPECT_EQ(problem->rule, row.rule) << row.text;
    EXPECT_EQ(problem->hint, row.hint) << row.text;
    EXPECT_EQ(value, Millis{-1}) << row.text;
  }
}

TEST(Durations, AreWrittenSoThatTheyReadBackTheSame) {
  for (const Millis value : {0ms, 1ms, 999ms, 1500ms, 60000ms, 240000ms, 300000ms, 301000ms,
                             86400000ms, 2147483647000ms}) {
    Millis again{-1};
    EXPECT_FALSE(parse_duration(duration_text(value), again)) << duration_text(value);
    EXPECT_EQ(again, value) << duration_text(value);
  }
  EXPECT_EQ(duration_text(240s), "240s");
  EXPECT_EQ(duration_text(5min), "5m");
  EXPECT_EQ(duration_text(1500ms), "1500ms");
}

TEST(Sizes, AreReadWithTheirUnit) {
  struct Row {
    const char* text;
    std::uint64_t value;
  };
  for (const Row& row :
       {Row{"0B", 0}, {"64KiB", 65536}, {"1MiB", 1 << 20}, {"1GiB", 1 << 30}, {"2KB", 2000}}) {
    std::uint64_t value = 9;
    EXPECT_FALSE(parse_size(row.text, value)) << row.text;
    EXPECT_EQ(value, row.value) << row.text;
  }
  std::uint64_t value = 9;
  EXPECT_EQ(parse_size("64", value)->hint, "write \"64B\"");
  EXPECT_EQ(parse_size("64kib", value)->hint, "write \"64KiB\"");
  EXPECT_EQ(parse_size("64K", value)->rule, "has an unknown unit");
  EXPECT_EQ(parse_size("99999999999GiB", value)->rule, "is too large");
  EXPECT_EQ(size_text(65536), "64KiB");
  EXPECT_EQ(size_text(1000), "1000B");
}

TEST(Rates, AreSizesPerSecond) {
  std::uint64_t value = 0;
  EXPECT_FALSE(parse_rate("240B/s", value));
  EXPECT_EQ(value, 240u);
  EXPECT_FALSE(parse_rate("1KiB/s", value));
  EXPECT_EQ(value, 1024u);
  EXPECT_EQ(parse_rate("240B", value)->rule, "is not a rate");
  EXPECT_EQ(parse_rate("240/s", value)->rule, "is not a rate");
}

}  // namespace
}  // namespace config
