#include "proxy/client_counts.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace proxy {
namespace {

TEST(ClientCounts, AClientHasItsOwnShare) {
  const auto counts = std::make_unique<ClientCounts>();
  const auto one = ClientCounts::slot_of(0), other = ClientCounts::slot_of(~std::uint64_t{0});
  ASSERT_NE(one, other);
  EXPECT_LT(other, ClientCounts::slots);
  EXPECT_TRUE(counts->enter(one, 2));
  EXPECT_TRUE(counts->enter(one, 2));
  EXPECT_FALSE(counts->enter(one, 2));
  EXPECT_FALSE(counts->enter(one, 2)) << "a refusal takes no place";
  EXPECT_TRUE(counts->enter(other, 2));
  counts->leave(one);
  EXPECT_TRUE(counts->enter(one, 2));
}

TEST(ClientCounts, TheLimitHoldsOverThreads) {
  const auto counts = std::make_unique<ClientCounts>();
  std::atomic<int> inside{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 20000; ++n) {
        if (!counts->enter(7, 3)) continue;
        const int now = ++inside;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --inside;
        counts->leave(7);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_TRUE(counts->enter(7, 1)) << "nobody is left inside";
}

}  // namespace
}  // namespace proxy
