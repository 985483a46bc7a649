#include "routing/stickiness.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace routing {
namespace {

using namespace std::chrono_literals;
using health::TimePoint;

const TimePoint t0{1h};

ClientKey client(std::uint64_t number) {
  return {0, number};
}

TEST(StickyTable, knows_nobody_at_first) {
  const StickyTable table{1000, 1};
  EXPECT_EQ(table.find(client(1), t0), no_endpoint);
  EXPECT_TRUE(table.counts(t0).empty());
}

TEST(StickyTable, keeps_an_answer_until_its_ttl_ends_and_not_a_moment_longer) {
  StickyTable table{1000, 1};
  table.remember(client(1), 7, t0, 3s);
  EXPECT_EQ(table.find(client(1), t0), 7U);
  EXPECT_EQ(table.find(client(1), t0 + 2999ms), 7U);
  EXPECT_EQ(table.find(client(1), t0 + 3s), no_endpoint);
}

TEST(StickyTable, use_does_not_extend_an_answer) {
  StickyTable table{1000, 1};
  table.remember(client(1), 7, t0, 3s);
  for (auto t = 0ms; t < 3s; t += 100ms) EXPECT_EQ(table.find(client(1), t0 + t), 7U);
  EXPECT_EQ(table.find(client(1), t0 + 3s), no_endpoint);
}

TEST(StickyTable, a_new_answer_replaces_the_old_one) {
  StickyTable table{1000, 1};
  table.remember(client(1), 7, t0, 3s);
  table.remember(client(1), 8, t0 + 1s, 3s);
  EXPECT_EQ(table.find(client(1), t0 + 3500ms), 8U);
  const auto counts = table.counts(t0 + 3500ms);
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].endpoint, 8U);
  EXPECT_EQ(counts[0].clients, 1U);
}

TEST(StickyTable, forgets_one_client_on_request) {
  StickyTable table{1000, 1};
  table.remember(client(1), 7, t0, 3s);
  table.remember(client(2), 7, t0, 3s);
  table.forget(client(1));
  table.forget(client(3));
  EXPECT_EQ(table.find(client(1), t0), no_endpoint);
  EXPECT_EQ(table.find(client(2), t0), 7U);
}

TEST(StickyTable, a_full_set_evicts_its_oldest_answer) {
  StickyTable table{8, 1};  // one set
  ASSERT_EQ(table.capacity(), 8U);
  for (std::uint64_t i = 0; i < 8; ++i)
    table.remember(client(i), 1, t0 + std::chrono::milliseconds{i == 5 ? 0 : 10 + i}, 30s);
  table.remember(client(100), 2, t0 + 1s, 30s);
  EXPECT_EQ(table.find(client(5), t0 + 1s), no_endpoint) << "the oldest is gone";
  EXPECT_EQ(table.find(client(100), t0 + 1s), 2U);
  for (const std::uint64_t i : {0U, 1U, 2U, 3U, 4U, 6U, 7U})
    EXPECT_EQ(table.find(client(i), t0 + 1s), 1U) << i;
}

TEST(StickyTable, an_expired_answer_makes_room_before_a_live_one) {
  StickyTable table{8, 1};
  table.remember(client(0), 1, t0, 1s);
  for (std::uint64_t i = 1; i < 8; ++i) table.remember(client(i), 1, t0, 30s);
  table.remember(client(8), 1, t0 + 2s, 30s);
  for (std::uint64_t i = 1; i <= 8; ++i) EXPECT_EQ(table.find(client(i), t0 + 2s), 1U) << i;
}

TEST(StickyTable, stays_bounded_and_keeps_most_clients_at_its_nominal_size) {
  constexpr std::size_t size = 20000;
  StickyTable table{size, 42};
  EXPECT_GE(table.capacity(), size);
  EXPECT_LT(table.capacity(), size * 2);
  for (std::uint64_t i = 0; i < size; ++i) table.remember(client(i), 1, t0, 30s);
  std::size_t kept = 0;
  for (std::uint64_t i = 0; i < size; ++i) kept += table.find(client(i), t0) == 1 ? 1 : 0;
  EXPECT_GT(kept, size * 8 / 10) << "sets fill unevenly, but not that unevenly";
  for (std::uint64_t i = size; i < 10 * size; ++i) table.remember(client(i), 2, t0 + 1s, 30s);
  std::size_t all = 0;
  for (const auto& count : table.counts(t0 + 1s)) all += count.clients;
  EXPECT_LE(all, table.capacity());
}

TEST(StickyTable, counts_live_answers_per_endpoint) {
  StickyTable table{1000, 1};
  for (std::uint64_t i = 0; i < 5; ++i) table.remember(client(i), 3, t0, 10s);
  for (std::uint64_t i = 10; i < 12; ++i) table.remember(client(i), 1, t0, 20s);
  auto counts = table.counts(t0 + 1s);
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[0].endpoint, 1U);
  EXPECT_EQ(counts[0].clients, 2U);
  EXPECT_EQ(counts[1].clients, 5U);
  counts = table.counts(t0 + 10s);
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].endpoint, 1U);
}

TEST(StickyTable, works_at_its_smallest) {
  StickyTable table{0, 1};
  table.remember(client(1), 7, t0, 3s);
  EXPECT_EQ(table.find(client(1), t0), 7U);
  EXPECT_GE(table.capacity(), 1U);
}

TEST(ClientKey, of_an_address_differs_with_every_byte) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  for (std::size_t i = 0; i <= 16; ++i) {
    std::array<std::uint8_t, 16> address{};
    if (i < 16) address[i] = 7;
    const ClientKey key = client_key_of_address(address);
    EXPECT_TRUE(seen.insert({key.high, key.low}).second) << i;
    EXPECT_EQ(key, client_key_of_address(address));
  }
}

TEST(ClientKey, of_a_text_depends_on_every_byte_and_on_the_seed) {
  const StickyTable table{1000, 1}, other{1000, 2};
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  const std::vector<std::string> texts{"",
                                       "a",
                                       "b",
                                       "aa",
                                       "abcdefgh",
                                       "abcdefg",
                                       "abcdefghi",
                                       "abcdefgi",
                                       "A",
                                       std::string(1, '\0'),
                                       std::string(8, '\0'),
                                       std::string(300, 'x'),
                                       std::string(44, 'x')};
  for (const std::string& text : texts) {
    const ClientKey key = table.key_of_text(text);
    EXPECT_TRUE(seen.insert({key.high, key.low}).second) << text;
    EXPECT_EQ(key, table.key_of_text(text));
    EXPECT_NE(key, other.key_of_text(text));
    EXPECT_NE(key.high, key.low);
  }
}

// For ThreadSanitizer, and for the promise that a reader sees whole answers: client n is only ever
// given endpoint n % 5.
TEST(StickyTable, may_be_used_by_many_threads) {
  StickyTable table{500, 9};
  std::vector<std::thread> threads;
  std::atomic<std::size_t> wrong{0}, hits{0};
  for (unsigned thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      std::uint64_t state = thread + 1;
      for (int i = 0; i < 5000; ++i) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const std::uint64_t number = (state >> 33) % 1000;
        const TimePoint now = t0 + std::chrono::milliseconds{i};
        const EndpointId found = table.find(client(number), now);
        if (found == no_endpoint) {
          table.remember(client(number), static_cast<EndpointId>(number % 5), now, 50ms);
        } else {
          ++hits;
          if (found != number % 5) ++wrong;
        }
        if (i % 1000 == 0) table.forget(client(number));
        if (i % 2000 == 0 && table.counts(now).size() > 5) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(hits, 0U);
}

}  // namespace
}  // namespace routing
