// Names to addresses without blocking the event loop.
#include "transport/resolver.hpp"

#include "loopback.hpp"

namespace transport_test {

using transport::FailureKind;

namespace {

auto resolve(asio::io_context& context, const std::string& host) {
  return run_until_done(context, transport::resolve(host, 7071, in(20s)));
}

}  // namespace

TEST(Resolver, AnswersLiteralAddressesAsTheyAre) {
  asio::io_context context;
  const auto v4 = resolve(context, "127.0.0.1");
  ASSERT_TRUE(v4);
  ASSERT_EQ(v4->size(), 1u);
  EXPECT_EQ(v4->front(), loopback(7071));

  for (const char* text : {"::1", "[::1]"}) {
    const auto v6 = resolve(context, text);
    ASSERT_TRUE(v6) << text;
    EXPECT_TRUE(v6->front().v6);
    EXPECT_EQ(v6->front().bytes[15], 1);
    EXPECT_EQ(v6->front().port, 7071);
  }
}

TEST(Resolver, FindsLocalhostOnce) {
  asio::io_context context;
  const auto found = resolve(context, "localhost");
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(std::count(found->begin(), found->end(), loopback(7071)), 1);
}

TEST(Resolver, ANameThatCannotExistIsAResolveFailureThatNamesIt) {
  asio::io_context context;
  const auto found = resolve(context, "no such host");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, FailureKind::resolve);
  EXPECT_NE(found.error().detail.find("no such host"), std::string::npos);
}

TEST(Resolver, AnIoContextMayEndBeforeTheLookUpDoes) {
  for (int i = 0; i < 20; ++i) {
    asio::io_context context;
    std::optional<transport::Result<std::vector<config::SocketAddress>>> out;
    transport::spawn(context.get_executor(), "test",
                     store(transport::resolve("localhost", 1, in(20s)), out));
    context.poll();  // starts the look-up; whether it ends before the context does is a race
  }
}

}  // namespace transport_test
