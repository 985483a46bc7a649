// fetch() against peers that behave well and peers that do not.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include "loopback.hpp"
#include "transport/http_server.hpp"

namespace transport_test {

using transport::FailureKind;
using transport::FetchRequest;
using transport::FetchResponse;
using transport::Result;

namespace {

FetchRequest get(std::uint16_t port, std::string target = "/") {
  FetchRequest request;
  request.addresses = {loopback(port)};
  request.host = "orders.example:80";
  request.target = std::move(target);
  request.deadline = in(5s);
  return request;
}

class Fetch : public ::testing::Test {
 protected:
  Result<FetchResponse> fetch(FetchRequest request) {
    return run_until_done(context, transport::fetch(std::move(request)));
  }
  asio::io_context context;
};

struct Refusal {
  std::string name;
  std::string answer;
  FailureKind expected;
};

class BrokenAnswer : public Fetch, public ::testing::WithParamInterface<Refusal> {};

}  // namespace

TEST_F(Fetch, ReturnsStatusHeadersAndBody) {
  ScriptedServer server{context, answers("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n"
                                         "X-Served-By: primary\r\n\r\nsorry")};
  const auto answer = fetch(get(server.port()));
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "sorry");
  ASSERT_NE(transport::find_header(answer->headers, "x-served-by"), nullptr);
  EXPECT_EQ(*transport::find_header(answer->headers, "x-served-by"), "primary");
}

TEST_F(Fetch, SendsExactlyTheRequestItWasGiven) {
  std::string seen;
  ScriptedServer server{context, [&seen](tcp::socket& socket) {
                          return answer_once(socket, "HTTP/1.1 204 No Content\r\n\r\n", &seen);
                        }};
  FetchRequest request = get(server.port(), "/api/x?y=%2F");
  request.method = "POST";
  request.headers = {{"x-functions-key", "k"}};
  request.body = "{}";
  ASSERT_TRUE(fetch(request));
  EXPECT_EQ(seen,
            "POST /api/x?y=%2F HTTP/1.1\r\nHost: orders.example:80\r\nConnection: close\r\n"
            "x-functions-key: k\r\nContent-Length: 2\r\n\r\n{}");
}

TEST_F(Fetch, DoesNotFollowRedirects) {
  ScriptedServer server{
      context, answers("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")};
  const auto answer = fetch(get(server.port()));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(Fetch, SkipsInterimAnswers) {
  ScriptedServer server{context, answers("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                                         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")};
  const auto answer = fetch(get(server.port()));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "ok");
}

TEST_F(Fetch, ReadsABodyThatEndsWithTheConnection) {
  ScriptedServer server{context, answers("HTTP/1.0 200 OK\r\n\r\nuntil the end")};
  const auto answer = fetch(get(server.port()));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "until the end");
}

TEST_F(Fetch, ReadsAChunkedBody) {
  ScriptedServer server{context, answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                         "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")};
  const auto answer = fetch(get(server.port()));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "abcdefg");
}

TEST_F(Fetch, AnAnswerToHeadHasNoBody) {
  ScriptedServer server{context, answers("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")};
  FetchRequest request = get(server.port());
  request.method = "HEAD";
  const auto answer = fetch(request);
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->body, "");
}

TEST_P(BrokenAnswer, IsAFailureOfItsKind) {
  ScriptedServer server{context, answers(GetParam().answer)};
  FetchRequest request = get(server.port());
  request.body_limit = 100;
  request.head_limit = 4096;
  const auto answer = fetch(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(to_string(answer.error().kind), to_string(GetParam().expected))
      << to_string(answer.error());
}

INSTANTIATE_TEST_SUITE_P(
    Peers, BrokenAnswer,
    ::testing::Values(
        Refusal{"ClosedWithoutAnAnswer", "", FailureKind::closed},
        Refusal{"ClosedInTheHead", "HTTP/1.1 200 OK\r\nContent-", FailureKind::closed},
        Refusal{"ClosedInTheBody", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
                FailureKind::closed},
        Refusal{"ClosedInAChunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
                FailureKind::closed},
        Refusal{"NotHttp", "SSH-2.0-OpenSSH_9.2\r\n\r\n", FailureKind::protocol},
        Refusal{"BadChunkSize", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                FailureKind::protocol},
        Refusal{"AnnouncesTooMuch", "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
                FailureKind::too_large},
        Refusal{"ChunksTooMuch",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n78\r\n" +
                    std::string(120, 'x') + "\r\n0\r\n\r\n",
                FailureKind::too_large},
        Refusal{"SendsTooMuchUntilItCloses", "HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x'),
                FailureKind::too_large},
        Refusal{"HeadTooLarge", "HTTP/1.1 200 OK\r\nA: " + std::string(5000, 'x') + "\r\n\r\n",
                FailureKind::too_large}),
    [](const auto& row) { return row.param.name; });

struct Cut {
  std::string name;
  std::string answer;
  std::string body;  // what is given of it
  bool whole;
};

class CutBody : public Fetch, public ::testing::WithParamInterface<Cut> {};

TEST_P(CutBody, OfAnAnswerIsGivenAsFarAsItCame) {
  ScriptedServer server{context, answers(GetParam().answer)};
  FetchRequest request = get(server.port());
  request.body_limit = 5;
  request.cut_body = true;
  const auto answer = fetch(request);
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->status, 202);
  EXPECT_EQ(answer->body, GetParam().body);
  EXPECT_EQ(answer->whole, GetParam().whole);
}

INSTANTIATE_TEST_SUITE_P(
    Peers, CutBody,
    ::testing::Values(
        Cut{"JustFits", "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
        Cut{"TooLong", "HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\nhello yo", "hello",
            false},
        Cut{"AnnouncesMoreThanThereIsMemory",
            "HTTP/1.1 202 Accepted\r\nContent-Length: 9223372036854775807\r\n\r\nhello you",
            "hello", false},
        Cut{"TooManyChunks",
            "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nhel\r\n4\r\nlo y\r\n0\r\n\r\n",
            "hello", false},
        Cut{"TooLongUntilItCloses", "HTTP/1.1 202 Accepted\r\n\r\nhello you", "hello", false},
        Cut{"ClosedInTheBody", "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhel", "hel",
            false},
        Cut{"ClosedBehindTheHead", "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\n", "", false},
        Cut{"BadChunkSize", "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "",
            false}),
    [](const auto& row) { return row.param.name; });

TEST_F(Fetch, WithoutAHeadThereIsNothingToCut) {
  ScriptedServer server{context, answers("HTTP/1.1 202 Accepted\r\nContent-")};
  FetchRequest request = get(server.port());
  request.cut_body = true;
  const auto answer = fetch(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, FailureKind::closed);
  EXPECT_FALSE(answer.error().unsent);
}

TEST_F(Fetch, AResetByThePeerIsAReset) {
  ScriptedServer server{context, [](tcp::socket& socket) -> asio::awaitable<void> {
                          co_await receive(socket);
                          socket.set_option(asio::socket_base::linger{true, 0});
                          socket.close();
                        }};
  const auto answer = fetch(get(server.port()));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, FailureKind::reset) << to_string(answer.error());
  EXPECT_FALSE(answer.error().unsent);
}

TEST_F(Fetch, ARefusedConnectionIsAConnectFailure) {
  tcp::acceptor reserved{context, {asio::ip::address_v4::loopback(), 0}};
  const std::uint16_t port = reserved.local_endpoint().port();
  reserved.close();
  const auto answer = fetch(get(port));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, FailureKind::connect);
  EXPECT_TRUE(answer.error().unsent);
  EXPECT_THAT(answer.error().detail, ::testing::HasSubstr("127.0.0.1:"));
}

TEST_F(Fetch, TriesTheNextAddressWhenTheFirstRefuses) {
  tcp::acceptor reserved{context, {asio::ip::address_v4::loopback(), 0}};
  const std::uint16_t dead = reserved.local_endpoint().port();
  reserved.close();
  ScriptedServer server{context, answers("HTTP/1.1 204 No Content\r\n\r\n")};
  FetchRequest request = get(server.port());
  request.addresses.insert(request.addresses.begin(), loopback(dead));
  const auto answer = fetch(request);
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->status, 204);
}

TEST_F(Fetch, TheDeadlineCoversAPeerThatNeverAnswers) {
  ScriptedServer server{context, [](tcp::socket& socket) -> asio::awaitable<void> {
                          co_await receive(socket);
                          co_await receive(socket);  // until the client gives up
                        }};
  FetchRequest request = get(server.port());
  request.deadline = in(50ms);
  const auto answer = fetch(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, FailureKind::timed_out) << to_string(answer.error());
  EXPECT_FALSE(answer.error().unsent);
}

TEST_F(Fetch, TheDeadlineCoversABodyThatTricklesIn) {
  ScriptedServer server{context, [](tcp::socket& socket) -> asio::awaitable<void> {
                          co_await receive(socket);
                          co_await send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n");
                          asio::steady_timer pause{socket.get_executor()};
                          boost::system::error_code error;
                          while (!error) {
                            pause.expires_after(10ms);
                            co_await pause.async_wait(asio::use_awaitable);
                            const asio::const_buffer one = asio::buffer("x", 1);
                            co_await asio::async_write(
                                socket, one, asio::redirect_error(asio::use_awaitable, error));
                          }
                        }};
  FetchRequest request = get(server.port());
  request.deadline = in(100ms);
  const auto answer = fetch(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, FailureKind::timed_out) << to_string(answer.error());
}

TEST_F(Fetch, ADeadlineThatHasPassedFailsAtOnce) {
  ScriptedServer server{context, answers("HTTP/1.1 204 No Content\r\n\r\n")};
  FetchRequest request = get(server.port());
  request.deadline = in(-1s);
  const auto answer = fetch(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, FailureKind::timed_out) << to_string(answer.error());
  EXPECT_TRUE(answer.error().unsent);
}

TEST_F(Fetch, NothingThatWouldBreakTheFramingIsSent) {
  ScriptedServer server{context, answers("HTTP/1.1 204 No Content\r\n\r\n")};
  std::vector<FetchRequest> bad(5, get(server.port()));
  bad[0].headers = {{"X", "a\r\nY: b"}};
  bad[1].headers = {{"X\r\nY", "a"}};
  bad[2].target = "/a HTTP/1.1\r\nX: y";
  bad[3].method = "GET /";
  bad[4].host = "a\nb";
  for (const FetchRequest& request : bad) {
    const auto answer = fetch(request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, FailureKind::protocol);
  }
  EXPECT_EQ(server.accepted(), 0);
}

TEST_F(Fetch, AnEarlyAnswerToAnUploadIsSeenAlthoughThePeerStopsReading) {
  transport::ServerOptions options;
  options.body_limit = 1000;
  transport::HttpServer server{
      context.get_executor(),
      {"127.0.0.1", 0},
      [](transport::ServerRequest) -> asio::awaitable<transport::ServerResponse> {
        co_return transport::ServerResponse{200, "text/plain", "no"};
      },
      options};
  FetchRequest request = get(server.port());
  request.method = "POST";
  request.body = std::string(3'000'000, 'x');
  const auto answer = fetch(request);
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->status, 413);
}

TEST_F(Fetch, ConnectOnlyProvesThatSomebodyAccepts) {
  ScriptedServer server{context, [](tcp::socket&) -> asio::awaitable<void> { co_return; }};
  EXPECT_TRUE(run_until_done(context, transport::connect_only({loopback(server.port())}, in(5s))));

  tcp::acceptor reserved{context, {asio::ip::address_v4::loopback(), 0}};
  const std::uint16_t dead = reserved.local_endpoint().port();
  reserved.close();
  const auto refused = run_until_done(context, transport::connect_only({loopback(dead)}, in(5s)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::connect);
}

}  // namespace transport_test
