// HttpServer against clients that speak raw bytes.
#include "transport/http_server.hpp"

#include <gmock/gmock.h>

#include <boost/asio/steady_timer.hpp>

#include "loopback.hpp"

namespace transport_test {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using transport::HttpServer;
using transport::ServerOptions;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

asio::awaitable<ServerResponse> describe(ServerRequest request) {
  co_return ServerResponse{200, "text/plain",
                           request.method + " " + request.target + " [" + request.body + "]"};
}

asio::awaitable<std::optional<std::string>> piece_of_answer(const char* text) {  // null: the end
  std::optional<std::string> piece;
  if (text != nullptr) piece = text;
  co_return piece;
}

asio::awaitable<ServerResponse> answer_behind(ServerRequest request, asio::steady_timer& gate,
                                              bool& in_handler) {
  if (request.target == "/slow") {
    in_handler = true;
    boost::system::error_code ignored;
    co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return ServerResponse{200, "text/plain", "done"};
}

class Server : public ::testing::Test {
 protected:
  HttpServer& start(transport::ServerHandler handler = describe) {
    server = std::make_unique<HttpServer>(context.get_executor(), config::Address{"127.0.0.1", 0},
                                          std::move(handler), options);
    return *server;
  }
  std::string exchange(const std::string& bytes) {
    return run_until_done(context, raw_exchange(context, server->port(), bytes));
  }

  asio::io_context context;
  ServerOptions options;
  std::unique_ptr<HttpServer> server;
};

struct BadRequest {
  std::string name;
  std::string bytes;
  std::string status;
};

class RefusedRequest : public Server, public ::testing::WithParamInterface<BadRequest> {};

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_F(Server, GivesTheHandlerTheRequestAndTheClientTheAnswer) {
  start();
  const std::string got = exchange(
      "POST /api/x?y=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(got, EndsWith("\r\n\r\nPOST /api/x?y=1 [body]"));
  EXPECT_THAT(got, HasSubstr("Connection: close\r\n"));
}

TEST_F(Server, DecodesAChunkedBody) {
  start();
  EXPECT_THAT(exchange("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
              EndsWith("POST / [abc]"));
}

TEST_F(Server, AnswersPipelinedRequestsInOrder) {
  start();
  const std::string got = exchange(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(count(got, "HTTP/1.1 200"), 3u);
  EXPECT_LT(got.find("GET /1"), got.find("GET /2"));
  EXPECT_LT(got.find("GET /2"), got.find("GET /3"));
}

TEST_F(Server, AnOldClientIsClosedAfterOneAnswerUnlessItAsksOtherwise) {
  start();
  EXPECT_THAT(exchange("GET / HTTP/1.0\r\n\r\n"), EndsWith("GET / []"));
  const std::string kept =
      exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(count(kept, "HTTP/1.1 200"), 2u);
  EXPECT_THAT(kept, HasSubstr("Connection: keep-alive\r\n"));
}

TEST_F(Server, HeadGetsTheLengthAndNoBody) {
  start();
  const std::string got = exchange("HEAD /abc HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(got, HasSubstr("Content-Length: 12\r\n"));
  EXPECT_THAT(got, EndsWith("\r\n\r\n"));
}

TEST_F(Server, InvitesABodyThatWaitsForAnInvitation) {
  start();
  const auto talk = [](asio::io_context& io, std::uint16_t port) -> asio::awaitable<std::string> {
    tcp::socket socket = connect(io, port);
    co_await send(socket,
                  "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n"
                  "Content-Length: 2\r\n\r\n");
    const std::string invitation = co_await receive(socket);
    co_await send(socket, "hi");
    const std::string rest = co_await receive_all(socket);
    co_return invitation + "|" + rest;
  };
  const std::string got = run_until_done(context, talk(context, server->port()));
  EXPECT_THAT(got, StartsWith("HTTP/1.1 100 Continue\r\n\r\n|HTTP/1.1 200 OK"));
  EXPECT_THAT(got, EndsWith("PUT / [hi]"));
}

TEST_P(RefusedRequest, GetsItsStatusAndAClosedConnection) {
  options.body_limit = 100;
  options.head_limit = 2048;
  int handled = 0;
  start([&handled](ServerRequest request) -> asio::awaitable<ServerResponse> {
    ++handled;
    return describe(std::move(request));
  });
  const std::string got = exchange(GetParam().bytes);
  EXPECT_THAT(got, StartsWith("HTTP/1.1 " + GetParam().status + " "));
  EXPECT_THAT(got, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(count(got, "HTTP/1.1 "), 1u) << "what follows a refused request is never served";
  EXPECT_EQ(handled, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Requests, RefusedRequest,
    ::testing::Values(
        BadRequest{"NotHttp", "hello\r\n\r\n", "400"},
        BadRequest{"NoHost", "GET / HTTP/1.1\r\n\r\n", "400"},
        BadRequest{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
        BadRequest{"UnknownCoding",
                   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"
                   "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                   "400"},
        BadRequest{"ChunkedThenIdentity",
                   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"
                   "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                   "400"},
        BadRequest{"ChunkedIn10",
                   "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   "400"},
        BadRequest{"LengthAndChunked",
                   "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   "400"},
        BadRequest{"AnnouncesTooMuch", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n",
                   "413"},
        BadRequest{"ChunksTooMuch",
                   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n78\r\n" +
                       std::string(120, 'x') + "\r\n0\r\n\r\n",
                   "413"},
        BadRequest{"HeadTooLarge",
                   "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(3000, 'x') + "\r\n\r\n",
                   "431"}),
    [](const auto& row) { return row.param.name; });

TEST_F(Server, AnIdleConnectionIsClosed) {
  options.idle_timeout = 30ms;
  start();
  const std::string got = exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(count(got, "HTTP/1.1 200"), 1u);
}

TEST_F(Server, ARequestThatStallsIsCutOff) {
  options.request_timeout = 30ms;
  start();
  EXPECT_EQ(exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"), "");
}

TEST_F(Server, OneConnectionTooManyGets503) {
  options.max_connections = 1;
  start();
  tcp::socket first = connect(context, server->port());
  const auto both = [](asio::io_context& io, tcp::socket& one,
                       std::uint16_t port) -> asio::awaitable<std::string> {
    co_await send(one, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    co_await receive(one);
    const std::string refused = co_await raw_exchange(io, port, "");
    co_return refused;
  };
  const std::string got = run_until_done(context, both(context, first, server->port()));
  EXPECT_THAT(got, StartsWith("HTTP/1.1 503 "));
}

TEST_F(Server, StreamsAnAnswerOfUnknownLengthInChunks) {
  start([](ServerRequest) -> asio::awaitable<ServerResponse> {
    ServerResponse response{200, "text/event-stream", ""};
    response.next_chunk = [left = 2]() mutable {
      return piece_of_answer(left-- > 0 ? "event" : nullptr);
    };
    co_return response;
  });
  EXPECT_THAT(exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              EndsWith("\r\n\r\n5\r\nevent\r\n5\r\nevent\r\n0\r\n\r\n"));
  EXPECT_THAT(exchange("GET / HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\neventevent"));
}

TEST_F(Server, AStreamThatEndsEarlyIsABrokenMessage) {
  start([](ServerRequest) -> asio::awaitable<ServerResponse> {
    ServerResponse response{200, "text/plain", ""};
    response.streamed_length = 10;
    response.next_chunk = [first = true]() mutable {
      return piece_of_answer(std::exchange(first, false) ? "half" : nullptr);
    };
    co_return response;
  });
  transport::FetchRequest request;
  request.addresses = {loopback(server->port())};
  request.host = "a";
  request.deadline = in(5s);
  const auto answer = run_until_done(context, transport::fetch(request));
  EXPECT_FALSE(answer);
}

TEST_F(Server, ADiscardedBodyIsCountedWithoutALimit) {
  options.body_limit = 10;
  options.discard_body = [](std::string_view, std::string_view path) { return path == "/sink"; };
  start([](ServerRequest request) -> asio::awaitable<ServerResponse> {
    co_return ServerResponse{
        200, "text/plain",
        std::to_string(request.body_bytes) + "," + std::to_string(request.body.size())};
  });
  EXPECT_THAT(exchange("POST /sink HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                       "Content-Length: 500000\r\n\r\n" +
                       std::string(500'000, 'x')),
              EndsWith("\r\n\r\n500000,0"));
}

TEST_F(Server, CanResetAConnectionInsteadOfAnswering) {
  start([](ServerRequest) -> asio::awaitable<ServerResponse> {
    ServerResponse response;
    response.reset_connection = true;
    co_return response;
  });
  transport::FetchRequest request;
  request.addresses = {loopback(server->port())};
  request.host = "a";
  request.deadline = in(5s);
  const auto answer = run_until_done(context, transport::fetch(request));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, transport::FailureKind::reset) << to_string(answer.error());
}

TEST_F(Server, AFieldThatWouldSplitTheAnswerIsLeftOut) {
  start([](ServerRequest) -> asio::awaitable<ServerResponse> {
    ServerResponse response{200, "text/plain", ""};
    response.headers.emplace_back("X-Echo", "a\r\nSet-Cookie: evil=1");
    co_return response;
  });
  EXPECT_THAT(exchange("GET / HTTP/1.0\r\n\r\n"), Not(HasSubstr("evil")));
}

TEST_F(Server, StopLetsTheRequestInFlightFinishAndClosesIdleConnections) {
  asio::steady_timer gate{context, transport::TimePoint::max()};
  bool in_handler = false;
  start([&](ServerRequest request) { return answer_behind(std::move(request), gate, in_handler); });
  tcp::socket idle = connect(context, server->port());
  tcp::socket busy = connect(context, server->port());
  const auto start_both = [](tcp::socket& one, tcp::socket& two) -> asio::awaitable<std::string> {
    co_await send(one, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    co_await send(two, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string first = co_await receive(one);
    co_return first;
  };
  run_until_done(context, start_both(idle, busy));
  while (!in_handler) context.run_one();

  bool drained = false;
  server->stop([&] { drained = true; });
  EXPECT_EQ(run_until_done(context, receive_all(idle)), "");
  EXPECT_FALSE(drained);
  gate.expires_at(transport::TimePoint::min());
  const std::string last = run_until_done(context, receive_all(busy));
  EXPECT_THAT(last, EndsWith("done"));
  EXPECT_THAT(last, HasSubstr("Connection: close"));
  while (!drained) context.run_one();
  EXPECT_EQ(server->open_connections(), 0u);
  tcp::socket late{context};
  boost::system::error_code error;
  late.connect({asio::ip::address_v4::loopback(), server->port()}, error);
  EXPECT_EQ(error, asio::error::connection_refused);
}

// Its loop begins with the context's run, which may come after its end.
TEST_F(Server, MayEndBeforeItBegins) {
  start();
  server.reset();
  context.run();
  EXPECT_TRUE(context.stopped());
}

TEST_F(Server, APortInUseIsRefusedWithItsAddress) {
  start();
  try {
    HttpServer second{context.get_executor(), {"127.0.0.1", server->port()}, describe};
    FAIL() << "two servers share a port";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(server->address()));
  }
}

TEST_F(Server, FetchBlockingTalksToItFromAnotherThread) {
  start();
  std::thread runner{[this] { context.run(); }};
  transport::FetchRequest request;
  request.connect_host = "localhost";
  request.connect_port = server->port();
  request.deadline = in(10s);
  const auto answer = transport::fetch_blocking(request);
  asio::post(context, [this] { server->stop(); });
  runner.join();
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->body, "GET / []");
}

}  // namespace transport_test
