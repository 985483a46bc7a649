// The HTTP front of a stand-in app over a real socket: keys and how answers look on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rehearsal/function_app.hpp"
#include "tests/integration/transport/loopback.hpp"

namespace rehearsal {

using ::testing::HasSubstr;
using transport::FetchRequest;
using transport::FetchResponse;
using namespace std::chrono_literals;

namespace {

constexpr const char* status_path = "/runtime/webhooks/durabletask/instances/absent";

class Front : public ::testing::Test {
 protected:
  void start() { app = std::make_unique<FunctionApp>(context.get_executor(), options); }

  FetchResponse send(const std::string& method, const std::string& target,
                     transport::HeaderList headers = {}, const std::string& body = "") {
    FetchRequest request;
    request.addresses = {transport_test::loopback(app->server().port())};
    request.host = "orders.example";
    request.method = method;
    request.target = target;
    request.headers = std::move(headers);
    request.body = body;
    request.deadline = transport_test::in(10s);
    auto answer = transport_test::run_until_done(context, transport::fetch(request));
    if (!answer) throw std::runtime_error(to_string(answer.error()));
    return std::move(*answer);
  }
  int status(const std::string& target, const std::string& key = "") {
    transport::HeaderList headers;
    if (!key.empty()) headers.emplace_back("x-functions-key", key);
    return send("GET", target, headers).status;
  }

  boost::asio::io_context context;
  AppOptions options;
  std::unique_ptr<FunctionApp> app;
};

std::string header(const FetchResponse& response, std::string_view name) {
  const std::string* value = transport::find_header(response.headers, name);
  return value == nullptr ? "(absent)" : *value;
}

}  // namespace

// This app has no storage: 500 from the Durable API means that the key was good.
TEST_F(Front, EveryRouteAsksForItsKindOfKey) {
  options.auth_function = true;
  options.keys.master = "m";
  options.keys.host["default"] = "h";
  options.key = "s";
  start();
  for (const char* open : {"/", "/admin/host/ping", "/runtime/health", "/_control/state"})
    EXPECT_EQ(status(open), 200) << open;
  EXPECT_EQ(status("/api/absent"), 404);
  EXPECT_EQ(status("/api/health"), 401);
  EXPECT_EQ(status("/api/health", "h"), 200);
  EXPECT_EQ(status("/api/health", "m"), 200);
  EXPECT_EQ(status("/api/health", "s"), 401);
  EXPECT_EQ(status("/api/health?code=h"), 200);
  EXPECT_EQ(status("/api/health?code=h", "wrong"), 401);
  EXPECT_EQ(status(status_path), 401);
  EXPECT_EQ(status(status_path, "h"), 401);
  EXPECT_EQ(status(status_path, "s"), 500);
  EXPECT_EQ(status(status_path, "m"), 500);
  EXPECT_EQ(status("/admin/host/status", "s"), 401);
  EXPECT_EQ(status("/admin/host/status", "m"), 200);
  EXPECT_EQ(send("POST", "/api/orchestrators/Hello").status, 401);
  EXPECT_EQ(send("POST", "/api/orchestrators/Hello?code=h").status, 500);
}

TEST_F(Front, AKeyThatIsPutTakesEffectWithTheNextRequest) {
  options.master_key = "m";
  start();
  EXPECT_EQ(status(status_path, "mine"), 401);
  const auto put = send("PUT", "/admin/host/systemkeys/durabletask_extension?code=m", {},
                        R"({"name":"durabletask_extension","value":"mine"})");
  EXPECT_EQ(put.status, 200);
  EXPECT_THAT(put.body, HasSubstr("http://orders.example/admin/host/systemkeys/"));
  EXPECT_EQ(status(status_path, "mine"), 500);
}

TEST_F(Front, AnswersAreCodedAndChunkedOnlyAsAskedAndTheSwitchesNever) {
  options.answer_coding = AnswerCoding::gzip;
  options.chunked_answers = true;
  options.affinity_cookie = true;
  start();
  const auto coded = send("GET", "/api/health", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(header(coded, "Content-Encoding"), "gzip");
  EXPECT_EQ(header(coded, "Transfer-Encoding"), "chunked");
  EXPECT_THAT(header(coded, "Set-Cookie"), HasSubstr("Domain=orders.example"));
  EXPECT_EQ(coded.body.substr(0, 2), "\x1f\x8b");
  EXPECT_THAT(send("GET", "/api/health").body, HasSubstr(R"("state":"running")"));
  const auto control = send("GET", "/_control/state", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(header(control, "Content-Encoding"), "(absent)");
  EXPECT_EQ(header(control, "Set-Cookie"), "(absent)");
}

}  // namespace rehearsal
