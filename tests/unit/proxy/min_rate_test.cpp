#include "proxy/min_rate.hpp"

#include <gtest/gtest.h>

namespace proxy {
namespace {

constexpr std::uint32_t grace = 50;  // ticks: five seconds

TEST(MinRate, WhoMovesNothingIsTooSlowAfterTheGrace) {
  MinRate rate;
  EXPECT_EQ(rate.wait(100, 0, 1000, grace), grace);
  EXPECT_EQ(rate.wait(130, 0, 1000, grace), grace - 30);
  EXPECT_EQ(rate.wait(150, 0, 1000, grace), 0u);
  EXPECT_EQ(rate.wait(400, 0, 1000, grace), 0u);
}

TEST(MinRate, WithoutARateNobodyIsTooSlow) {
  MinRate rate;
  EXPECT_EQ(rate.wait(100, 0, 0, grace), MinRate::never);
  EXPECT_EQ(rate.wait(100000, 0, 0, grace), MinRate::never);
}

TEST(MinRate, AtTheRateAWaitMayLastForEver) {
  MinRate rate;
  std::uint64_t bytes = 0;
  for (std::uint32_t now = 0; now < 100000; ++now, bytes += 100)
    ASSERT_GT(rate.wait(now, bytes, 1000, grace), grace - 3) << now;
}

TEST(MinRate, BelowTheRateTheGraceRunsOut) {
  MinRate rate;
  std::uint64_t bytes = 0;
  std::uint32_t now = 0;
  while (rate.wait(now, bytes, 1000, grace) > 0) now += 1, bytes += 50;  // half of it
  EXPECT_GE(now, 2 * grace - 2);
  EXPECT_LE(now, 2 * grace + 2);
}

TEST(MinRate, WhatWentQuicklyBeforeBuysNoMoreThanTheGrace) {
  MinRate rate;
  (void)rate.wait(0, 0, 1000, grace);
  EXPECT_EQ(rate.wait(1, 4'000'000'000, 1000, grace), grace);
  EXPECT_EQ(rate.wait(1 + grace, 4'000'000'000, 1000, grace), 0u);
}

TEST(MinRate, OnlyTheTimeOfItsWaitsCounts) {
  MinRate rate;
  (void)rate.wait(0, 0, 1000, grace);
  rate.pause(20, 1000);
  EXPECT_FALSE(rate.waiting());
  EXPECT_EQ(rate.wait(100000, 0, 1000, grace), grace - 20);
  EXPECT_TRUE(rate.waiting());
}

TEST(MinRate, ACountThatGoesBackALittleIsNoProgressAndNoHarm) {
  MinRate rate;
  (void)rate.wait(0, 10, 1000, grace);
  EXPECT_EQ(rate.wait(10, 4, 1000, grace), grace - 10);
  EXPECT_EQ(rate.wait(10, static_cast<std::uint64_t>(-90), 1000, grace), grace - 10);
}

TEST(MinRate, TheClockOfTicksMayWrap) {
  MinRate rate;
  (void)rate.wait(0xfffffff0, 0, 1000, grace);
  EXPECT_EQ(rate.wait(4, 0, 1000, grace), grace - 20);
}

TEST(MinRate, TheHighestRateDoesNotOverflow) {
  MinRate rate;
  constexpr std::uint64_t most = std::uint64_t{1} << 40;
  EXPECT_EQ(rate.wait(0, 0, most, 36000), 36000u);
  EXPECT_EQ(rate.wait(1, ~std::uint64_t{0} >> 2, most, 36000), 36000u);
}

}  // namespace
}  // namespace proxy
