#include "proxy/websocket.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

namespace proxy {
namespace {

using std::string_literals::operator""s;

std::string frame(unsigned first, std::string payload, bool masked = false) {
  std::string out(1, static_cast<char>(first));
  const char mask = masked ? '\x80' : '\0';
  const auto add = [&out](std::size_t value, int digits) {
    for (int i = digits - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
  };
  if (payload.size() < 126) {
    out += static_cast<char>(static_cast<char>(payload.size()) | mask);
  } else if (payload.size() < 65536) {
    out += static_cast<char>('\x7e' | mask);
    add(payload.size(), 2);
  } else {
    out += static_cast<char>('\x7f' | mask);
    add(payload.size(), 8);
  }
  const std::string key = "k\x81y!";
  if (masked) {
    out += key;
    for (std::size_t i = 0; i < payload.size(); ++i)
      payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
  }
  return out + payload;
}

// Where frames end, found in pieces that are cut at `step`.
std::vector<std::size_t> ends(const std::string& stream, bool masked, std::size_t step) {
  FrameFollower follower{masked};
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at < stream.size();) {
    std::string_view piece = std::string_view{stream}.substr(at, step - at % step);
    const std::size_t taken = follower.next(piece);
    EXPECT_GT(taken, 0u);
    at += taken;
    if (follower.between_frames() || follower.closed()) found.push_back(at);
  }
  return found;
}

class Masked : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(WebSocket, Masked, ::testing::Bool());

TEST_P(Masked, FramesEndWhereTheyEndHoweverTheStreamIsSplit) {
  const bool masked = GetParam();
  std::string stream;
  std::vector<std::size_t> expected;
  const std::vector<std::string> frames{
      frame(0x81, "text", masked),
      frame(0x82, "", masked),
      frame(0x02, std::string(125, 'a'), masked),  // a message in three fragments
      frame(0x89, "ping", masked),                 // between them
      frame(0x00, std::string(126, 'b'), masked),
      frame(0x80, std::string(300, '\x88'), masked),
      frame(0xc1, "deflated", masked),  // RSV1, permessage-deflate's
      frame(0x8a, "", masked),
      frame(0x82, std::string(65535, 'c'), masked),
      frame(0x82, std::string(65536, 'd'), masked),
      frame(0x88, "\x03\xe8", masked)};
  for (const std::string& each : frames) {
    stream += each;
    expected.push_back(stream.size());
  }
  EXPECT_EQ(ends(stream, masked, stream.size()), expected);
  for (const std::size_t step :
       std::initializer_list<std::size_t>{1, 2, 3, 5, 7, 13, 64, 127, 4096, 65536})
    EXPECT_EQ(ends(stream, masked, step), expected) << step;
}

TEST_P(Masked, EverySingleCutOfAShortStreamGivesTheSameEnds) {
  const bool masked = GetParam();
  const std::string stream = frame(0x01, "ab", masked) +
                             frame(0x80, std::string(130, 'x'), masked) + frame(0x89, "", masked) +
                             frame(0x82, "z", masked);
  const auto whole = ends(stream, masked, stream.size());
  ASSERT_EQ(whole.size(), 4u);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameFollower follower{masked};
    follower.follow(std::string_view{stream}.substr(0, cut));
    const bool at_end = cut == 0 || std::find(whole.begin(), whole.end(), cut) != whole.end();
    EXPECT_EQ(follower.between_frames(), at_end) << cut;
    follower.follow(std::string_view{stream}.substr(cut));
    EXPECT_TRUE(follower.between_frames()) << cut;
  }
}

TEST(WebSocket, AfterACloseNothingIsLookedAt) {
  FrameFollower follower{false};
  const std::string close = frame(0x88, "\x03\xe9going away");
  follower.follow(close.substr(0, close.size() - 1));
  EXPECT_FALSE(follower.closed());
  EXPECT_FALSE(follower.between_frames());
  follower.follow(close.substr(close.size() - 1) + "whatever else");
  EXPECT_TRUE(follower.closed());
  EXPECT_FALSE(follower.between_frames());
  EXPECT_FALSE(follower.lost());
}

struct Broken {
  const char* why;
  std::string stream;
  bool masked = false;
};
class BrokenStream : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenStream, IsGivenUpAndStaysGivenUp) {
  const Broken& row = GetParam();
  for (std::size_t cut = 0; cut <= row.stream.size(); ++cut) {
    FrameFollower follower{row.masked};
    follower.follow(row.stream.substr(0, cut));
    follower.follow(row.stream.substr(cut));
    EXPECT_TRUE(follower.lost()) << row.why << ", cut at " << cut;
    follower.follow(frame(0x81, "fine again", row.masked));
    EXPECT_TRUE(follower.lost()) << row.why;
    EXPECT_FALSE(follower.between_frames() || follower.closed()) << row.why;
  }
}

INSTANTIATE_TEST_SUITE_P(
    WebSocket, BrokenStream,
    ::testing::Values(
        Broken{"a client's frame without a mask", frame(0x81, "a"), true},
        Broken{"a server's frame with a mask", frame(0x81, "a", true)},
        Broken{"a reserved data opcode", frame(0x83, "a")},
        Broken{"a reserved control opcode", frame(0x8b, "a")},
        Broken{"a control frame in fragments", frame(0x09, "a")},
        Broken{"a control frame with a long length", frame(0x89, std::string(126, 'a'))},
        Broken{"a length of two bytes that one would hold", "\x82\x7e\x00\x7d"s},
        Broken{"a length of eight bytes that two would hold", "\x82\x7f\0\0\0\0\0\0\xff\xff"s},
        Broken{"a length with its highest bit set", "\x82\x7f\x80\0\0\0\0\1\0\0"s},
        Broken{"no WebSocket at all", "GET / HTTP/1.1\r\n\r\n"}));

TEST(WebSocket, TheLargestLengthIsFollowed) {
  FrameFollower follower{false};
  follower.follow("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"s + std::string(100000, 'x'));
  EXPECT_FALSE(follower.lost() || follower.between_frames());
}

TEST(WebSocket, AServersCloseFrameIsPlain) {
  EXPECT_EQ((CloseFrame{1001, "idle"}.bytes()), "\x88\x06\x03\xe9idle");
}

TEST(WebSocket, AClientsCloseFrameIsMasked) {
  const CloseFrame close{1001, "idle", 0x04030201};
  const std::string expected = "\x88\x86\x01\x02\x03\x04\x02\xeb"s + static_cast<char>('i' ^ 3) +
                               static_cast<char>('d' ^ 4) + static_cast<char>('l' ^ 1) +
                               static_cast<char>('e' ^ 2);
  EXPECT_EQ(close.bytes(), expected);
}

TEST(WebSocket, AReasonOfAnyLengthMakesAFrameThatIsFollowed) {
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 122, 123, 124, 1000}) {
    const std::string reason(size, 'r');
    const CloseFrame plain{1012, reason};
    FrameFollower server{false};
    EXPECT_EQ(server.next(plain.bytes()), plain.bytes().size());
    EXPECT_TRUE(server.closed()) << size;
    const CloseFrame masked{1012, reason, 0xdeadbeef};
    FrameFollower client{true};
    EXPECT_EQ(client.next(masked.bytes()), masked.bytes().size());
    EXPECT_TRUE(client.closed()) << size;
  }
}

}  // namespace
}  // namespace proxy
