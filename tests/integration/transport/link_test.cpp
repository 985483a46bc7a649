#include "transport/link.hpp"

#include <gmock/gmock.h>

#include "tests/integration/transport/certificates.hpp"
#include "tests/integration/transport/link_bench.hpp"
#include "transport/stream.hpp"

namespace transport_test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using transport::Link;
using transport::LinkFault;
using transport::LinkMode;
using transport::LinkOptions;

constexpr auto long_enough_to_see_nothing = 150ms;

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: app\r\n\r\n";
}

LinkFault fault_of(LinkMode mode) {
  LinkFault fault;
  fault.mode = mode;
  return fault;
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t state = 1;
  for (char& c : out) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

class LinkTest : public ::testing::Test {
 public:  // the stories are plain functions
  LinkTest() {
    watchdog_.async_wait([this](error_code cancelled) {
      if (!cancelled) context_.stop();
    });
  }
  ~LinkTest() override {
    link_.reset();
    watchdog_.cancel();
  }

  void start(Peer::Script script, LinkOptions options = {}) {
    peer_.emplace(context_, std::move(script));
    options.peers = {peer_->address()};
    link_.emplace(context_.get_executor(), options);
  }
  void run(asio::awaitable<void> story) { run_until_done(context_, finished(std::move(story))); }
  SocketPtr join() {
    auto socket = std::make_shared<tcp::socket>(context_);
    socket->connect({asio::ip::address_v4::loopback(), link_->address().port});
    return socket;
  }
  error_code join_error() {
    tcp::socket socket{context_};
    error_code error;
    socket.connect({asio::ip::address_v4::loopback(), link_->address().port}, error);
    return error;
  }
  asio::awaitable<void> expect_echo(SocketPtr client, std::string text) {
    co_await send(*client, text);
    const Got got = co_await read_bytes(*client, text.size());
    EXPECT_EQ(got.bytes, text) << got.error.message();
  }
  asio::awaitable<Got> ask(SocketPtr client, std::string bytes, std::size_t size) {
    co_await send(*client, bytes);
    const Got got = co_await read_bytes(*client, size);
    co_return got;
  }

  asio::io_context context_{1};
  asio::steady_timer watchdog_{context_, 60s};
  std::optional<Peer> peer_;
  std::optional<Link> link_;

 private:
  static asio::awaitable<bool> finished(asio::awaitable<void> story) {
    co_await std::move(story);
    co_return true;
  }
};

// --- a good link ---

TEST_F(LinkTest, ForwardsAndKeepsAHalfClose) {
  start([](SocketPtr socket) -> asio::awaitable<void> {
    const Got all = co_await read_to_end(*socket);
    co_await send(*socket, "got " + all.bytes);
    socket->close();
  });
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    co_await send(*client, "question");
    client->shutdown(tcp::socket::shutdown_send);
    const Got all = co_await read_to_end(*client);
    EXPECT_EQ(all.bytes, "got question");
    EXPECT_TRUE(all.was_ended());
  };
  run(story(this));
  EXPECT_EQ(link_->counts().connections, 1u);
  EXPECT_EQ(link_->counts().bytes_up, 8u);
  EXPECT_EQ(link_->counts().bytes_down, 12u);
}

TEST_F(LinkTest, ThePeerMaySpeakFirstAndMayEndFirst) {
  start([](SocketPtr socket) -> asio::awaitable<void> {
    co_await send(*socket, "hello");
    socket->shutdown(tcp::socket::shutdown_send);
    const Got all = co_await read_to_end(*socket);
    EXPECT_EQ(all.bytes, "late");
  });
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    const Got all = co_await read_to_end(*client);
    EXPECT_EQ(all.bytes, "hello");
    co_await send(*client, "late");
    client->shutdown(tcp::socket::shutdown_send);
    while (t->link_->counts().bytes_up < 4) co_await pause(1ms);
  };
  run(story(this));
}

TEST_F(LinkTest, AResetGoesThrough) {
  start([](SocketPtr socket) -> asio::awaitable<void> {
    co_await read_up_to(*socket, 100);
    socket->set_option(asio::socket_base::linger{true, 0});
    socket->close();
  });
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const Got got = co_await t->ask(t->join(), "x", 1);
    EXPECT_TRUE(got.was_reset()) << got.error.message();
  };
  run(story(this));
}

TEST_F(LinkTest, APeerThatRefusesShowsAsAReset) {
  start(echo);
  tcp::acceptor closed{context_, {asio::ip::address_v4::loopback(), 0}};
  const std::uint16_t port = closed.local_endpoint().port();
  closed.close();
  const config::SocketAddress good = peer_->address();
  link_->set_peers({loopback(port)});
  const auto story = [port, good](LinkTest* t) -> asio::awaitable<void> {
    const Got got = co_await t->ask(t->join(), "x", 1);
    EXPECT_TRUE(got.was_reset()) << got.error.message();
    EXPECT_EQ(t->link_->counts().refused_by_peer, 1u);
    t->link_->set_peers({loopback(port), good});  // the next address is tried
    co_await t->expect_echo(t->join(), "now");
  };
  run(story(this));
}

TEST_F(LinkTest, AThousandConnectionsAtOnce) {
  start(echo);
  int done = 0;
  const auto one = [](LinkTest* t, int number, int* count) -> asio::awaitable<void> {
    auto client = std::make_shared<tcp::socket>(t->context_);
    const tcp::endpoint where{asio::ip::address_v4::loopback(), t->link_->address().port};
    co_await client->async_connect(where, asio::use_awaitable);
    co_await t->expect_echo(client, "connection " + std::to_string(number));
    ++*count;
    while (*count < 1000) co_await pause(5ms);  // all are open at the same time
  };
  const auto story = [](int* count) -> asio::awaitable<void> {
    while (*count < 1000) co_await pause(5ms);
  };
  for (int i = 0; i < 1000; ++i)
    transport::spawn(context_.get_executor(), "client", one(this, i, &done));
  run(story(&done));
  EXPECT_EQ(link_->counts().connections, 1000u);
}

TEST_F(LinkTest, NoMoreThanItsConnectionsAreServedAndTheNextOneWaits) {
  LinkOptions options;
  options.max_connections = 1;
  start(echo, options);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr first = t->join(), second = t->join();
    co_await t->expect_echo(first, "first");
    co_await send(*second, "second");
    const Got nothing = co_await read_within(*second, long_enough_to_see_nothing);
    EXPECT_EQ(nothing.bytes, "");
    first->close();
    const Got got = co_await read_bytes(*second, 6);
    EXPECT_EQ(got.bytes, "second");
  };
  run(story(this));
}

TEST_F(LinkTest, AListenerThatCannotBeIsSaid) {
  LinkOptions options;
  options.listen = {"192.0.2.1", 0};
  EXPECT_THROW((Link{context_.get_executor(), options}), std::runtime_error);
  options.listen = {"nowhere", 0};
  EXPECT_THROW((Link{context_.get_executor(), options}), std::runtime_error);
}

TEST_F(LinkTest, StopEndsAllAndTells) {
  start(echo);
  bool stopped = false;
  const auto story = [](LinkTest* t, bool* told) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    co_await t->expect_echo(client, "x");
    t->link_->stop([told] { *told = true; });
    const Got got = co_await read_bytes(*client, 1);
    EXPECT_TRUE(got.error) << "still open";
    while (!*told) co_await pause(1ms);
    EXPECT_EQ(t->join_error(), asio::error::connection_refused);
  };
  run(story(this, &stopped));
}

// --- slow links ---

TEST_F(LinkTest, FiveMegabytesKeepTheirOrderThroughDelayJitterAndLimit) {
  start(echo);
  LinkFault fault;
  fault.delay = 20ms;
  fault.jitter = 15ms;
  fault.rate = 20 * 1024 * 1024;
  link_->set_fault(fault);
  const std::string sent = pattern(5 * 1024 * 1024);
  const auto writer = [](SocketPtr client, const std::string* all) -> asio::awaitable<void> {
    co_await send(*client, *all);
    client->shutdown(tcp::socket::shutdown_send);
  };
  const auto story = [&writer](LinkTest* t, const std::string* all) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    transport::spawn(t->context_.get_executor(), "writer", writer(client, all));
    const Got got = co_await read_to_end(*client);
    EXPECT_TRUE(got.was_ended()) << got.error.message();
    EXPECT_TRUE(got.bytes == *all) << got.bytes.size();
  };
  const auto began = std::chrono::steady_clock::now();
  run(story(this, &sent));
  EXPECT_GT(std::chrono::steady_clock::now() - began, 200ms);  // 5 MiB at 20 MiB/s
}

TEST_F(LinkTest, ADelayIsOfEachDirectionAndAHealLetsGo) {
  start(echo);
  LinkFault fault;
  fault.delay = 100ms;
  link_->set_fault(fault);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    const auto began = std::chrono::steady_clock::now();
    co_await t->expect_echo(client, "slow");
    EXPECT_GE(std::chrono::steady_clock::now() - began, 199ms);
    LinkFault ages;
    ages.delay = 5min;
    t->link_->set_fault(ages);
    co_await send(*client, "held back");
    const Got nothing = co_await read_within(*client, long_enough_to_see_nothing);
    EXPECT_EQ(nothing.bytes, "");
    t->link_->set_fault({});
    const Got got = co_await read_bytes(*client, 9);
    EXPECT_EQ(got.bytes, "held back");
  };
  run(story(this));
}

TEST_F(LinkTest, ALimitIsOfTheLinkAndNotOfEachConnection) {
  start(echo);
  LinkFault fault;
  fault.rate = 200'000;
  link_->set_fault(fault);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr one = t->join(), other = t->join();
    const std::string bytes = pattern(50'000);
    const auto began = std::chrono::steady_clock::now();
    co_await send(*one, bytes);
    co_await send(*other, bytes);
    const Got first = co_await read_bytes(*one, bytes.size());
    const Got second = co_await read_bytes(*other, bytes.size());
    EXPECT_TRUE(first.bytes == bytes && second.bytes == bytes);
    EXPECT_GT(std::chrono::steady_clock::now() - began, 400ms);  // 100,000 bytes
  };
  run(story(this));
}

TEST_F(LinkTest, OnlyWhatThePeerSaysFirstIsLate) {
  start([](SocketPtr socket) -> asio::awaitable<void> {
    for (;;) {
      const Got got = co_await read_up_to(*socket, 100);
      if (got.bytes.empty()) co_return;
      co_await send(*socket, "answer");
    }
  });
  LinkFault fault;
  fault.first_byte_delay = 120ms;
  link_->set_fault(fault);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    for (int request = 0; request < 2; ++request) {
      const auto began = std::chrono::steady_clock::now();
      const Got got = co_await t->ask(client, "request", 6);
      EXPECT_EQ(got.bytes, "answer");
      EXPECT_GE(std::chrono::steady_clock::now() - began, 119ms) << request;
    }
    EXPECT_EQ(t->link_->counts().bytes_up, 14u);
  };
  run(story(this));
}

// The kernel's buffers take a few megabytes in addition; without a bound all of it would go in.
TEST_F(LinkTest, APeerThatNeverReadsDoesNotFillTheMemory) {
  start([](SocketPtr) -> asio::awaitable<void> { co_return; });
  LinkFault fault;
  fault.delay = 5min;  // as much as a link ever holds
  link_->set_fault(fault);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    client->non_blocking(true);
    const std::string bytes = pattern(64 * 1024);
    std::size_t taken = 0;
    for (int full = 0; full < 50 && taken < 128 * 1024 * 1024;) {
      error_code error;
      taken += client->write_some(asio::buffer(bytes), error);
      full = error ? full + 1 : 0;
      if (error) co_await pause(5ms);
    }
    EXPECT_GE(taken, std::size_t{8 * 1024 * 1024});
    EXPECT_LT(taken, std::size_t{40 * 1024 * 1024});
  };
  run(story(this));
}

// --- broken links ---

TEST_F(LinkTest, RefuseResetsWhatIsOpenRefusesTheRestAndHealsAtTheSamePort) {
  start(echo);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr kept = t->join();
    co_await t->expect_echo(kept, "good");
    const std::string address = t->link_->address_text();
    for (int round = 0; round < 3; ++round) {
      t->link_->set_fault(fault_of(LinkMode::refuse));
      EXPECT_EQ(t->join_error(), asio::error::connection_refused);
      t->link_->set_fault({});
      EXPECT_EQ(t->link_->address_text(), address);
      co_await t->expect_echo(t->join(), "again");
    }
    const Got got = co_await read_bytes(*kept, 1);
    EXPECT_TRUE(got.was_reset()) << got.error.message();
  };
  run(story(this));
}

TEST_F(LinkTest, ResetAcceptsAndResetsAtTheFirstByteAndWhatIsOpenAtOnce) {
  start(echo);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr kept = t->join();
    co_await t->expect_echo(kept, "good");
    t->link_->set_fault(fault_of(LinkMode::reset));
    const Got got = co_await read_bytes(*kept, 1);
    EXPECT_TRUE(got.was_reset()) << got.error.message();
    const SocketPtr silent = t->join();
    const Got nothing = co_await read_within(*silent, long_enough_to_see_nothing);
    EXPECT_FALSE(nothing.was_reset());
    const Got first = co_await t->ask(silent, "x", 1);
    EXPECT_TRUE(first.was_reset()) << first.error.message();
    EXPECT_EQ(t->peer_->accepted, 1);
    t->link_->set_fault({});
    co_await t->expect_echo(t->join(), "healed");
  };
  run(story(this));
}

TEST_F(LinkTest, ResetSoOftenAndThenForwardKeptConnectionsIncluded) {
  start(echo);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr kept = t->join();
    co_await t->expect_echo(kept, "good");
    LinkFault fault = fault_of(LinkMode::reset);
    fault.times = 2;
    t->link_->set_fault(fault);
    const Got of_kept = co_await t->ask(kept, "x", 1);
    EXPECT_TRUE(of_kept.was_reset());
    const Got of_new = co_await t->ask(t->join(), "x", 1);
    EXPECT_TRUE(of_new.was_reset());
    co_await t->expect_echo(t->join(), "third");
    EXPECT_EQ(t->link_->fault().mode, LinkMode::forward);
    EXPECT_EQ(t->link_->counts().reset, 2u);
  };
  run(story(this));
}

TEST_F(LinkTest, ABlackholeLosesNothingOnceItHeals) {
  start(echo);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr kept = t->join();
    co_await t->expect_echo(kept, "good");
    t->link_->set_fault(fault_of(LinkMode::blackhole));
    const SocketPtr fresh = t->join();  // accepted, and then nothing
    co_await send(*kept, "kept");
    co_await send(*fresh, "fresh");
    kept->shutdown(tcp::socket::shutdown_send);
    co_await send(*t->peer_->sockets.front(), "from the peer ");
    const Got one = co_await read_within(*kept, long_enough_to_see_nothing);
    const Got other = co_await read_within(*fresh, long_enough_to_see_nothing);
    EXPECT_EQ(one.bytes + other.bytes, "");
    EXPECT_EQ(t->peer_->accepted, 1);
    t->link_->set_fault({});
    const Got of_kept = co_await read_to_end(*kept);
    EXPECT_EQ(of_kept.bytes, "from the peer kept");
    EXPECT_TRUE(of_kept.was_ended());
    const Got of_fresh = co_await read_bytes(*fresh, 5);
    EXPECT_EQ(of_fresh.bytes, "fresh");
  };
  run(story(this));
}

TEST_F(LinkTest, AResetDuringABlackholeArrivesWhenItHeals) {
  start(echo);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    co_await t->expect_echo(client, "good");
    t->link_->set_fault(fault_of(LinkMode::blackhole));
    const SocketPtr at_peer = t->peer_->sockets.front();
    at_peer->set_option(asio::socket_base::linger{true, 0});
    at_peer->close();
    const Got nothing = co_await read_within(*client, long_enough_to_see_nothing);
    EXPECT_EQ(nothing.error, asio::error::operation_aborted);
    t->link_->set_fault({});
    const Got got = co_await read_bytes(*client, 1);
    EXPECT_TRUE(got.was_reset()) << got.error.message();
  };
  run(story(this));
}

TEST_F(LinkTest, AnAnswerIsCutAfterExactlySoManyBytes) {
  start([](SocketPtr socket) -> asio::awaitable<void> {
    for (;;) {
      const Got got = co_await read_up_to(*socket, 100);
      if (got.bytes.empty()) co_return;
      const std::size_t size = got.bytes == "short" ? 5'000 : 100'000;
      co_await send(*socket, pattern(size));
    }
  });
  LinkFault fault;
  fault.cut_after = 12'345;
  fault.times = 1;
  link_->set_fault(fault);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    for (int i = 0; i < 4; ++i) {  // counted for each answer, not for the connection
      const Got whole = co_await t->ask(client, "short", 5'000);
      EXPECT_EQ(whole.bytes.size(), 5'000u);
    }
    const Got cut = co_await t->ask(client, "long", 100'000);
    EXPECT_EQ(cut.bytes, pattern(12'345));
    EXPECT_TRUE(cut.was_reset()) << cut.error.message();
    const Got whole = co_await t->ask(t->join(), "long", 100'000);
    EXPECT_EQ(whole.bytes.size(), 100'000u);
  };
  run(story(this));
}

// --- answers ---

TEST_F(LinkTest, AnswersBelongToTheLinkAndNothingReachesThePeer) {
  start(serve);
  LinkFault fault = fault_of(LinkMode::answer);
  fault.status = 403;
  link_->set_fault(fault);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    const std::string head = "POST /api/x HTTP/1.1\r\nHost: app\r\nContent-Length: 200000\r\n\r\n";
    co_await send(*client, "PO");  // its first line in two pieces
    co_await pause(20ms);
    co_await send(*client, head.substr(2) + std::string(200'000, 'b'));
    const Got got = co_await read_to_end(*client);
    EXPECT_TRUE(got.was_ended()) << got.error.message();
    EXPECT_THAT(got.bytes, StartsWith("HTTP/1.1 403 "));
    EXPECT_THAT(got.bytes, HasSubstr("Connection: close\r\n"));
    const SocketPtr other = t->join();
    co_await send(*other, "HEAD / HTTP/1.1\r\nHost: app\r\n\r\n");
    const Got of_head = co_await read_to_end(*other);
    EXPECT_THAT(of_head.bytes, ::testing::EndsWith("\r\n\r\n"));
    EXPECT_EQ(t->peer_->accepted, 0);
    EXPECT_EQ(t->link_->counts().answered, 2u);
  };
  run(story(this));
}

TEST_F(LinkTest, AKeptConnectionsNextRequestIsAnsweredAndTheOneUnderWayIsNot) {
  start(serve);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    const Got good = co_await t->ask(client, get("/a"), served_size);
    EXPECT_THAT(good.bytes, HasSubstr("real"));
    const std::string next = get("/b");
    co_await send(*client, next.substr(0, 20));
    while (t->link_->counts().bytes_up < get("/a").size() + 20) co_await pause(1ms);
    t->link_->set_fault(fault_of(LinkMode::answer));
    const Got under_way = co_await t->ask(client, next.substr(20), served_size);
    EXPECT_THAT(under_way.bytes, HasSubstr("real"));
    co_await send(*client, get("/c"));
    const Got answered = co_await read_to_end(*client);
    EXPECT_THAT(answered.bytes, StartsWith("HTTP/1.1 503 "));
  };
  run(story(this));
}

TEST_F(LinkTest, AnAnswerForAPathLeavesTheOthersAlone) {
  start(serve);
  LinkFault fault = fault_of(LinkMode::answer);
  fault.path = "/health";
  fault.times = 1;
  link_->set_fault(fault);
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    const Got other = co_await t->ask(client, get("/api"), served_size);
    EXPECT_THAT(other.bytes, HasSubstr("real"));
    const SocketPtr raw = t->join();
    const Got no_http = co_await t->ask(raw, "\x16\x03\x01 no HTTP\r\n\r\n", served_size);
    EXPECT_THAT(no_http.bytes, HasSubstr("real"));
    co_await send(*client, get("/health?x"));
    const Got answered = co_await read_to_end(*client);
    EXPECT_THAT(answered.bytes, StartsWith("HTTP/1.1 503 "));
    const Got later = co_await t->ask(t->join(), get("/health"), served_size);
    EXPECT_THAT(later.bytes, HasSubstr("real"));
  };
  run(story(this));
}

TEST_F(LinkTest, ARequestWhoseLineIsNotWholeGoesOnWhenTheLinkHeals) {
  start(serve);
  link_->set_fault(fault_of(LinkMode::answer));
  const auto story = [](LinkTest* t) -> asio::awaitable<void> {
    const SocketPtr client = t->join();
    const std::string request = get("/later");
    co_await send(*client, request.substr(0, 6));
    co_await pause(50ms);
    t->link_->set_fault({});
    const Got got = co_await t->ask(client, request.substr(6), served_size);
    EXPECT_THAT(got.bytes, HasSubstr("real"));
  };
  run(story(this));
}

// --- TLS ---

TEST_F(LinkTest, EndsTlsAndChangesItsCertificate) {
  Certificates authority;
  const auto good = authority.issue("good", {"DNS:localhost"});
  const auto expired = authority.issue("expired", {"DNS:localhost", -30, -1});
  LinkOptions options;
  options.tls = transport::ServerTls{good.certificate, good.key};
  start(echo, options);
  transport::ClientTls tls;
  tls.server_name = "localhost";
  tls.ca_file = authority.ca_file();
  const auto story = [&](LinkTest* t) -> asio::awaitable<void> {
    const std::vector<config::SocketAddress> where{t->link_->address()};
    auto stream = co_await transport::Stream::connect(where, &tls, in(20s));
    EXPECT_TRUE(stream) << "cannot connect";
    if (!stream) co_return;
    const std::string text = "secret";
    const asio::const_buffer out = asio::buffer(text);
    co_await stream->write_all(out);
    std::string space(100, '\0');
    const asio::mutable_buffer into = asio::buffer(space);
    const auto got = co_await stream->read_some(into);
    EXPECT_TRUE(got && space.substr(0, *got) == text);

    EXPECT_THROW(t->link_->set_tls({"nowhere.pem", "nowhere.key"}), std::runtime_error);
    t->link_->set_tls({expired.certificate, expired.key});
    const auto after = co_await stream->read_some(into);
    EXPECT_FALSE(after) << "the old connection is still open";
    const auto refused = co_await transport::Stream::connect(where, &tls, in(20s));
    EXPECT_EQ(refused ? transport::FailureKind::canceled : refused.error().kind,
              transport::FailureKind::tls);

    t->link_->set_tls({good.certificate, good.key});
    auto again = co_await transport::Stream::connect(where, &tls, in(20s));
    EXPECT_TRUE(again);
    if (!again) co_return;
    co_await again->write_all(out);
    co_await again->shutdown_send();  // the peer gets the end, and what it said before comes back
  };
  run(story(this));
}

}  // namespace
}  // namespace transport_test
