// The stand-in of a platform's front end before a peer that answers when the test lets it.
#include "rehearsal/gateway.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tests/integration/transport/loopback.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using ::testing::HasSubstr;
using transport::FetchRequest;
using transport::FetchResponse;
using transport::ServerRequest;
using transport::ServerResponse;
using namespace std::chrono_literals;

namespace {

class GatewayBeforeAnApp : public ::testing::Test {
 protected:
  GatewayBeforeAnApp() {
    app = std::make_unique<transport::HttpServer>(
        context.get_executor(), config::Address{"127.0.0.1", 0},
        [this](ServerRequest request) { return answer(std::move(request)); });
    options.apps = {url_of(*app)};
  }

  static config::Url url_of(const transport::HttpServer& server) {
    config::Url url;
    url.host = "127.0.0.1";
    url.port = server.port();
    return url;
  }

  // Another instance of the app, which says so.
  std::unique_ptr<transport::HttpServer> another_instance(const std::string& name) {
    auto instance = std::make_unique<transport::HttpServer>(
        context.get_executor(), config::Address{"127.0.0.1", 0},
        [name](ServerRequest) { return named(name); });
    options.apps.push_back(url_of(*instance));
    return instance;
  }
  static asio::awaitable<ServerResponse> named(std::string name) {
    ServerResponse response{200, "text/plain", name};
    co_return response;
  }

  asio::awaitable<ServerResponse> answer(ServerRequest request) {
    seen.push_back(request);
    boost::system::error_code ignored;
    if (request.path() == "/slow" && !released)
      co_await held.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    ++finished;
    ServerResponse response{202, "text/plain", "from the app"};
    response.headers.emplace_back("Location", "http://x/y");
    co_return response;
  }
  void release() {
    released = true;
    held.cancel();
  }

  void start() { gateway = std::make_unique<Gateway>(context.get_executor(), options); }

  transport::Result<FetchResponse> send(const std::string& method, const std::string& target,
                                        transport::HeaderList headers = {},
                                        const std::string& host = "app.example") {
    FetchRequest request;
    request.addresses = {transport_test::loopback(gateway->server().port())};
    request.host = host;
    request.method = method;
    request.target = target;
    request.headers = std::move(headers);
    request.deadline = transport_test::in(10s);
    return transport_test::run_until_done(context, transport::fetch(request));
  }
  std::string state() { return send("GET", "/_gateway")->body; }

  // Runs until the app has got the request and then cuts it.
  asio::awaitable<void> cut_when_seen() {
    asio::steady_timer turn{context};
    boost::system::error_code ignored;
    while (seen.empty()) {
      turn.expires_after(1ms);
      co_await turn.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    FetchRequest cut;
    cut.addresses = {transport_test::loopback(gateway->server().port())};
    cut.host = "gateway";
    cut.method = "POST";
    cut.target = "/_gateway/cut";
    cut.deadline = transport_test::in(10s);
    const auto done = co_await transport::fetch(cut);
    EXPECT_TRUE(done && done->status == 200);
  }
  transport::Result<FetchResponse> send_and_cut() {
    transport::spawn(context.get_executor(), "cut", cut_when_seen());
    return send("POST", "/slow");
  }

  asio::io_context context;
  asio::steady_timer held{context, asio::steady_timer::time_point::max()};
  bool released = false;
  int finished = 0;
  std::vector<ServerRequest> seen;
  std::unique_ptr<transport::HttpServer> app;
  GatewayOptions options;
  std::unique_ptr<Gateway> gateway;
};

asio::awaitable<ServerResponse> reset(int& times) {
  ++times;
  ServerResponse response{200, "text/plain", ""};
  response.reset_connection = true;
  co_return response;
}

std::string field(const ServerRequest& request, std::string_view name) {
  const std::string* value = transport::find_header(request.headers, name);
  return value == nullptr ? "(absent)" : *value;
}

}  // namespace

TEST_F(GatewayBeforeAnApp, ForwardsBothWaysAndSpeaksForThePlatform) {
  options.hosts = {"app.example"};
  start();
  const auto got = send("POST", "/api/x?a=1",
                        {{"X-Forwarded-For", "10.0.0.9"},
                         {"DISGUISED-HOST", "attacker.example"},
                         {"was-default-hostname", "attacker.example"},
                         {"X-Own", "kept"}});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 202);
  EXPECT_EQ(got->body, "from the app");
  EXPECT_EQ(*transport::find_header(got->headers, "Location"), "http://x/y");
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].target, "/api/x?a=1");
  EXPECT_EQ(field(seen[0], "Host"), "app.example");
  EXPECT_EQ(field(seen[0], "X-Own"), "kept");
  EXPECT_EQ(field(seen[0], "X-Forwarded-For"), "10.0.0.9, 127.0.0.1");
  EXPECT_EQ(field(seen[0], "DISGUISED-HOST"), "app.example");
  EXPECT_EQ(field(seen[0], "WAS-DEFAULT-HOSTNAME"), "app.example");
}

TEST_F(GatewayBeforeAnApp, GivesTheClientUpWithAStatusWhileTheAppGoesOn) {
  options.cut = GatewayCut{GatewayCut::Way::answer, 504};
  start();
  const auto got = send_and_cut();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 504);
  EXPECT_EQ(finished, 0);
  EXPECT_THAT(state(), HasSubstr(R"("inFlight":0,"forwarded":1,"cut":1,"answeredTooLate":0)"));
  release();
  while (state().find(R"("answeredTooLate":1)") == std::string::npos) context.poll_one();
  EXPECT_EQ(finished, 1);
}

TEST_F(GatewayBeforeAnApp, GivesTheClientUpByItselfWhenTheTimeIsOver) {
  options.cut_after = 20ms;
  start();
  const auto got = send("GET", "/slow");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 502);
  EXPECT_EQ(seen.size(), 1u);
  release();
}

TEST_F(GatewayBeforeAnApp, ClosesOrResetsWhenToldTo) {
  start();
  ASSERT_EQ(send("POST", "/_gateway/set?with=close")->status, 200);
  auto got = send_and_cut();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, transport::FailureKind::closed);
  seen.clear();
  ASSERT_EQ(send("POST", "/_gateway/set?with=reset")->status, 200);
  got = send_and_cut();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, transport::FailureKind::reset);
  release();
}

TEST_F(GatewayBeforeAnApp, AnUnknownHostIsA404ThatTheAppNeverSees) {
  options.hosts = {"app.example", "custom.example:8443"};
  start();
  EXPECT_EQ(send("GET", "/", {}, "other.example")->status, 404);
  EXPECT_EQ(send("GET", "/", {}, "127.0.0.1")->status, 404);
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(send("GET", "/", {}, "APP.example")->status, 202);
  EXPECT_EQ(send("GET", "/", {}, "custom.example:8443")->status, 202);
}

TEST_F(GatewayBeforeAnApp, AStoppedAppIsAPageAndTheAppNeverSeesARequest) {
  options.mode = GatewayMode::stopped;
  start();
  const auto got = send("GET", "/");
  EXPECT_EQ(got->status, 403);
  EXPECT_THAT(got->body, HasSubstr("This web app is stopped"));
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(send("POST", "/_gateway/set?mode=forward")->status, 200);
  EXPECT_EQ(send("GET", "/")->status, 202);
}

TEST_F(GatewayBeforeAnApp, AnAppThatIsNotThereIsABadGateway) {
  start();
  app.reset();
  EXPECT_EQ(send("GET", "/")->status, 502);
}

TEST_F(GatewayBeforeAnApp, InstancesGetTheRequestsInTurn) {
  const auto second = another_instance("second");
  const auto third = another_instance("third");
  start();
  std::string answered;
  for (int i = 0; i < 6; ++i) answered += send("GET", "/")->body + ",";
  EXPECT_EQ(answered, "from the app,second,third,from the app,second,third,");
}

TEST_F(GatewayBeforeAnApp, ADeadInstanceIsPassedOverForEveryMethodBecauseItWasSentNothing) {
  auto second = another_instance("second");
  start();
  second.reset();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(send("POST", "/order", {}, "app.example")->status, 202);
  EXPECT_EQ(seen.size(), 4u);
  app.reset();
  EXPECT_EQ(send("GET", "/")->status, 502);
}

TEST_F(GatewayBeforeAnApp, AnInstanceThatBreaksOffIsNotPassedOverForItMayHaveRun) {
  int broken = 0;
  const transport::HttpServer second{
      context.get_executor(), config::Address{"127.0.0.1", 0},
      [&broken](ServerRequest) -> asio::awaitable<ServerResponse> { return reset(broken); }};
  options.apps.push_back(url_of(second));
  start();
  EXPECT_EQ(send("POST", "/order")->status, 202);
  EXPECT_EQ(send("POST", "/order")->status, 502);
  EXPECT_EQ(broken, 1);
  EXPECT_EQ(seen.size(), 1u);
}

TEST_F(GatewayBeforeAnApp, AFrozenInstanceMakesEverySecondRequestRunIntoTheCut) {
  // Its kernel accepts, nobody reads.
  asio::ip::tcp::acceptor frozen{context, {asio::ip::address_v4::loopback(), 0}};
  config::Url url;
  url.host = "127.0.0.1";
  url.port = frozen.local_endpoint().port();
  options.apps.push_back(url);
  options.cut_after = 300ms;
  start();
  for (const int expected : {202, 502, 202, 502}) EXPECT_EQ(send("GET", "/")->status, expected);
  EXPECT_THAT(state(), HasSubstr(R"("inFlight":0,"forwarded":4,"cut":2)"));
}

TEST_F(GatewayBeforeAnApp, NoAppAtAllIsRefused) {
  options.apps.clear();
  EXPECT_THROW(start(), std::runtime_error);
}

TEST_F(GatewayBeforeAnApp, BadSettingsChangeNothingAndProxiesHaveNoSwitches) {
  start();
  const std::string before = state();
  for (const char* query :
       {"mode=open", "with=499", "with=600", "with=drop", "after=soon", "mode=stopped&after=-1s"})
    EXPECT_EQ(send("POST", std::string{"/_gateway/set?"} + query)->status, 400) << query;
  EXPECT_EQ(send("GET", "/_gateway/set")->status, 400);
  EXPECT_EQ(send("POST", "/_gateway/set?mode=stopped", {{"Via", "1.1 proxy"}})->status, 404);
  EXPECT_EQ(state(), before);
  EXPECT_THAT(send("POST", "/_gateway/set?after=2s&with=503")->body,
              HasSubstr(R"("cutAfterMilliseconds":2000,"cutWith":"503")"));
}

}  // namespace rehearsal
