// The event loop and the channel of the data path, over socket pairs on loopback.
#include "transport/channel.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "transport/event_loop.hpp"

namespace transport {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr std::uint8_t read_bit = 1;
constexpr std::uint8_t write_bit = 2;

struct Pair {  // [0] is given to a channel, [1] is the test's
  int ends[2] = {-1, -1};
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0); }
  ~Pair() {
    if (ends[1] >= 0) ::close(ends[1]);
  }
  void send(const std::string& text) {
    EXPECT_EQ(::send(ends[1], text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
};

struct Target final : ReadinessTarget {
  std::function<void(std::uint8_t)> act;
  void on_ready(std::uint8_t bit) override { act(bit); }
};

// Runs the loop until the test says `stop`, or fails after five seconds.
void run(EventLoop& loop) {
  int ticks = 0;
  loop.run(50ms, [&] {
    if (++ticks < 100) return;
    ADD_FAILURE() << "nothing happened for five seconds";
    loop.stop();
  });
}

TEST(EventLoop, RunsWhatOtherThreadsPostInOrder) {
  EventLoop loop;
  std::vector<int> seen;
  std::thread other{[&] {
    for (int i = 0; i < 3; ++i) loop.post([&seen, i] { seen.push_back(i); });
    loop.stop();
  }};
  run(loop);
  other.join();
  EXPECT_THAT(seen, ElementsAre(0, 1, 2));
}

TEST(EventLoop, TicksWhileNothingElseHappens) {
  EventLoop loop;
  int ticks = 0;
  loop.run(1ms, [&] {
    if (++ticks == 3) loop.stop();
  });
  EXPECT_EQ(ticks, 3);
}

TEST(Channel, ReportsOncePerWait) {
  EventLoop loop;
  Pair pair;
  Target target;
  Channel channel{loop};
  ASSERT_TRUE(channel.adopt(pair.ends[0]));
  channel.set_target(&target, read_bit, write_bit);
  int reports = 0;
  target.act = [&](std::uint8_t bit) {
    EXPECT_EQ(bit, read_bit);
    if (++reports == 1) {
      pair.send("more");  // no wait is armed: this must not be reported
      loop.post([&] { loop.stop(); });
    }
  };
  channel.arm_read();
  pair.send("x");
  run(loop);
  EXPECT_EQ(reports, 1);
}

// Edge-triggered events come once: what a bounded read leaves behind must be reported again.
TEST(Channel, ReportsWhatABoundedReadLeftBehind) {
  EventLoop loop;
  Pair pair;
  Target target;
  Channel channel{loop};
  ASSERT_TRUE(channel.adopt(pair.ends[0]));
  channel.set_target(&target, read_bit, write_bit);
  std::string received;
  target.act = [&](std::uint8_t) {
    char piece[4];
    const IoResult got = channel.read(piece, sizeof piece);
    if (got.status == IoStatus::ok) received.append(piece, got.bytes);
    if (received.size() == 10) {
      loop.stop();
    } else {
      channel.arm_read();
    }
  };
  channel.arm_read();
  pair.send("0123456789");
  run(loop);
  EXPECT_EQ(received, "0123456789");
}

TEST(Channel, ReportsThePeersEnd) {
  EventLoop loop;
  Pair pair;
  Target target;
  Channel channel{loop};
  ASSERT_TRUE(channel.adopt(pair.ends[0]));
  channel.set_target(&target, read_bit, write_bit);
  IoStatus status = IoStatus::ok;
  target.act = [&](std::uint8_t) {
    status = channel.peek().status;
    loop.stop();
  };
  channel.arm_read();
  ::close(std::exchange(pair.ends[1], -1));
  run(loop);
  EXPECT_EQ(status, IoStatus::end);
}

// Two channels become readable in the same turn and the first one's handler ends the second: the
// event that the kernel has already handed out for it must not reach it.
TEST(Channel, GetsNoEventOnceItIsBuried) {
  EventLoop loop;
  Pair first_pair, second_pair;
  Target first_target, second_target;
  auto first = std::make_unique<Channel>(loop);
  auto second = std::make_unique<Channel>(loop);
  ASSERT_TRUE(first->adopt(first_pair.ends[0]));
  ASSERT_TRUE(second->adopt(second_pair.ends[0]));
  first->set_target(&first_target, read_bit, write_bit);
  second->set_target(&second_target, read_bit, write_bit);
  int reports = 0;
  const auto end_the_other = [&](std::unique_ptr<Channel>& other) {
    ++reports;
    other->close();
    loop.bury(std::move(other));
    loop.post([&] { loop.stop(); });
  };
  first_target.act = [&](std::uint8_t) { end_the_other(second); };
  second_target.act = [&](std::uint8_t) { end_the_other(first); };
  first->arm_read();
  second->arm_read();
  first_pair.send("x");
  second_pair.send("x");
  run(loop);
  EXPECT_EQ(reports, 1);
  loop.settle();
}

TEST(Channel, AFullSocketTakesAPartAndReportsWhenThereIsRoom) {
  EventLoop loop;
  Pair pair;
  Target target;
  Channel channel{loop};
  ASSERT_TRUE(channel.adopt(pair.ends[0]));
  channel.set_target(&target, read_bit, write_bit);
  const std::string large(8 << 20, 'x');
  const iovec piece{const_cast<char*>(large.data()), large.size()};
  std::size_t sent = channel.write({&piece, 1}).bytes;
  ASSERT_GT(sent, 0u);
  ASSERT_LT(sent, large.size());
  const iovec rest{const_cast<char*>(large.data()) + sent, large.size() - sent};
  while (channel.write({&rest, 1}).status == IoStatus::ok) {
  }
  bool writable = false;
  target.act = [&](std::uint8_t bit) {
    writable = bit == write_bit;
    loop.stop();
  };
  channel.arm_write();
  std::string sink(1 << 20, '\0');
  while (::recv(pair.ends[1], sink.data(), sink.size(), 0) > 0) {
  }
  run(loop);
  EXPECT_TRUE(writable);
}

TEST(Channel, ARefusedConnectIsSeenAsReadyWithItsError) {
  EventLoop loop;
  const int taken =
      ::socket(AF_INET, SOCK_STREAM, 0);  // bound, not listening: connects are refused
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size), 0);
  config::SocketAddress to;
  to.bytes = {127, 0, 0, 1};
  to.port = ntohs(address.sin_port);
  Channel channel{loop};
  Target target;
  channel.set_target(&target, read_bit, write_bit);
  const IoResult begun = channel.connect(to);
  int error = begun.error;
  if (begun.status == IoStatus::would_block) {
    target.act = [&](std::uint8_t) {
      error = channel.connect_result();
      loop.stop();
    };
    channel.arm_write();
    run(loop);
  }
  EXPECT_EQ(error, ECONNREFUSED);
  ::close(taken);
}

}  // namespace
}  // namespace transport
