#include "rehearsal/cold_start.hpp"

#include <gtest/gtest.h>

namespace rehearsal {

using namespace std::chrono_literals;

namespace {

// When a request of that second reaches the functions, both counted from the start.
class Cold : public ::testing::Test {
 protected:
  double admitted(double second) {
    const auto at = begin + std::chrono::round<std::chrono::steady_clock::duration>(
                                std::chrono::duration<double>{second});
    return std::chrono::duration<double>{host.admit(at) - begin}.count();
  }
  const ColdStart::TimePoint begin{1000h};
  ColdStart host{3s, 20s};
};

}  // namespace

TEST_F(Cold, TheFirstRequestWaitsAndThoseThatComeMeanwhileWaitForTheSameEnd) {
  EXPECT_DOUBLE_EQ(admitted(1), 4);
  EXPECT_DOUBLE_EQ(admitted(2), 4);
  EXPECT_DOUBLE_EQ(admitted(3.5), 4);
  EXPECT_DOUBLE_EQ(admitted(4), 4);
  EXPECT_DOUBLE_EQ(admitted(5), 5);
}

TEST_F(Cold, RequestsKeepItWarmAndIdlingUnloadsIt) {
  admitted(0);
  EXPECT_DOUBLE_EQ(admitted(22), 22);  // 19 s after it was ready
  EXPECT_DOUBLE_EQ(admitted(41.5), 41.5);
  EXPECT_DOUBLE_EQ(admitted(61.5), 64.5);
  EXPECT_DOUBLE_EQ(admitted(62), 64.5);
}

TEST_F(Cold, AStartThatTakesLongerThanTheIdleTimeEnds) {
  host = ColdStart{10s, 1s};
  EXPECT_DOUBLE_EQ(admitted(0), 10);
  EXPECT_DOUBLE_EQ(admitted(5), 10);
  EXPECT_DOUBLE_EQ(admitted(10.5), 10.5);
  EXPECT_DOUBLE_EQ(admitted(12), 22);
}

TEST_F(Cold, AHostThatEndedIsColdAgain) {
  admitted(0);
  EXPECT_DOUBLE_EQ(admitted(10), 10);
  host.unload();
  EXPECT_DOUBLE_EQ(admitted(11), 14);
}

TEST_F(Cold, WithoutAColdStartNothingWaits) {
  host = ColdStart{0s, 20s};
  for (const double second : {0.0, 1.0, 100.0}) EXPECT_DOUBLE_EQ(admitted(second), second);
}

}  // namespace rehearsal
