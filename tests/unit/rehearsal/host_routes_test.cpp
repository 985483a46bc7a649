// What the Functions host says about itself.
#include "rehearsal/host_routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rehearsal {

using ::testing::HasSubstr;

namespace {

int status_of(const std::string& method, const std::string& target, AppState state,
              FunctionKeys& keys, std::string* body = nullptr) {
  transport::ServerRequest request;
  request.method = method;
  request.target = target;
  const auto answer = host_route(request, AppOptions{}, state, keys);
  if (answer && body != nullptr) *body = answer->body;
  return answer ? answer->status : 0;
}

}  // namespace

TEST(HostRoutes, PingAndHealthAreAnonymousAndTheRestAsksForTheMasterKey) {
  AppOptions options;
  options.master_key = "m";
  options.key = "s";
  FunctionKeys keys{options};
  const auto running = AppState::running;
  EXPECT_EQ(status_of("GET", "/Admin/Host/Ping", running, keys), 200);
  EXPECT_EQ(status_of("POST", "/admin/host/ping", running, keys), 200);
  EXPECT_EQ(status_of("GET", "/runtime/health", running, keys), 200);
  for (const char* path : {"/admin/host/status", "/admin/host/keys", "/admin/anything"}) {
    EXPECT_EQ(status_of("GET", path, running, keys), 401) << path;
    EXPECT_EQ(status_of("GET", std::string{path} + "?code=s", running, keys), 401) << path;
  }
  EXPECT_EQ(status_of("GET", "/admin/host/status?code=m", running, keys), 200);
  EXPECT_EQ(status_of("GET", "/admin/host/keys?code=m", running, keys), 200);
  EXPECT_EQ(status_of("GET", "/admin/anything?code=m", running, keys), 404);
  EXPECT_EQ(status_of("DELETE", "/runtime/health", running, keys), 404);
  EXPECT_EQ(status_of("GET", "/api/echo", running, keys), 0);
}

TEST(HostRoutes, AHostInErrorAnswersForItselfAndSaysSoInTheBodyOnly) {
  FunctionKeys keys{AppOptions{}};
  std::string body;
  EXPECT_EQ(status_of("GET", "/admin/host/ping", AppState::error, keys), 200);
  EXPECT_EQ(status_of("GET", "/admin/host/status", AppState::error, keys, &body), 200);
  EXPECT_THAT(body, HasSubstr(R"("state":"Error")"));
  EXPECT_THAT(body, HasSubstr(R"("errors":[)"));
  EXPECT_EQ(status_of("GET", "/runtime/health/live", AppState::error, keys), 200);
  EXPECT_EQ(status_of("GET", "/runtime/health/ready", AppState::error, keys, &body), 503);
  EXPECT_EQ(body, R"({"status":"Unhealthy"})");
  EXPECT_EQ(status_of("GET", "/admin/host/status", AppState::running, keys, &body), 200);
  EXPECT_THAT(body, HasSubstr(R"("state":"Running")"));
}

}  // namespace rehearsal
