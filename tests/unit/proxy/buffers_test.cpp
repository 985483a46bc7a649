// Blocks and outboxes: what one side sent and the other has not taken yet.
#include "proxy/buffers.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace proxy {
namespace {

iovec piece(const char* text) {
  return {const_cast<char*>(text), std::string_view{text}.size()};
}

TEST(BlockPool, ABlockHoldsAtLeastWhatWasAskedFor) {
  BlockPool pool;
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{2048}, std::size_t{2049}, std::size_t{65536},
        std::size_t{1} << 20, (std::size_t{1} << 20) + 1}) {
    const Block block = pool.take(size);
    ASSERT_TRUE(block);
    EXPECT_GE(block.capacity(), size);
    std::memset(block.data(), 'x', block.capacity());  // under ASan: all of it is ours
  }
}

TEST(BlockPool, CountsWhatIsOutAndReusesWhatCameBack) {
  BlockPool pool;
  Block block = pool.take(4000);
  const char* data = block.data();
  EXPECT_EQ(pool.bytes_out(), block.capacity());
  block.reset();
  EXPECT_FALSE(block);
  EXPECT_EQ(pool.bytes_out(), 0U);
  EXPECT_EQ(pool.take(3000).data(), data);  // the same size class
}

TEST(BlockPool, AMovedBlockGoesBackOnce) {
  BlockPool pool;
  Block first = pool.take(100);
  Block second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is the question
  first = std::move(second);
  EXPECT_TRUE(first);
  Block other = pool.take(100);
  first = std::move(other);  // what it held goes back
  EXPECT_EQ(pool.bytes_out(), first.capacity());
  first.reset();
  first.reset();
  EXPECT_EQ(pool.bytes_out(), 0U);
}

TEST(BlockPool, KeepsABoundedAmount) {
  BlockPool pool;
  std::vector<Block> many;
  for (int i = 0; i < 64; ++i) many.push_back(pool.take(1 << 20));
  EXPECT_EQ(pool.bytes_out(), std::size_t{64} << 20);
  many.clear();  // most of it is freed: LeakSanitizer and the heap know
  EXPECT_EQ(pool.bytes_out(), 0U);
}

TEST(Outbox, KeepsWhatWasNotSentOfSeveralPieces) {
  BlockPool pool;
  const iovec pieces[] = {piece("head:"), piece(""), piece("body"), piece("\r\n")};
  const std::string all = "head:body\r\n";
  for (std::size_t sent = 0; sent <= all.size(); ++sent) {
    Outbox outbox;
    outbox.keep(pool, pieces, 4, sent);
    EXPECT_EQ(outbox.empty(), sent == all.size());
    EXPECT_EQ(outbox.bytes(), all.substr(sent)) << sent;
  }
}

TEST(Outbox, IsConsumedFromTheFrontAndGivesItsBlockBackAtTheEnd) {
  BlockPool pool;
  Outbox outbox;
  const iovec pieces[] = {piece("abcdef")};
  outbox.keep(pool, pieces, 1, 1);
  outbox.consume(2);
  EXPECT_EQ(outbox.bytes(), "def");
  EXPECT_GT(pool.bytes_out(), 0U);
  outbox.consume(3);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(pool.bytes_out(), 0U);
  outbox.keep(pool, pieces, 1, 0);
  outbox.clear();
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(pool.bytes_out(), 0U);
}

}  // namespace
}  // namespace proxy
