// How a stand-in plays dead.
#include "rehearsal/app_control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rehearsal {

using ::testing::HasSubstr;

TEST(AppControl, ARunningAppAnswersForItself) {
  AppControl control{AppState::running};
  EXPECT_FALSE(control.intercept("/api/health"));
}

TEST(AppControl, AStoppedAppAnswersEverythingWithThePage) {
  AppControl control{AppState::running};
  EXPECT_EQ(control.command("POST", "/_control/state/stopped", "").status, 200);
  for (const char* path : {"/", "/api/health", "/runtime/webhooks/durabletask/instances/a"}) {
    const auto answer = control.intercept(path);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 403);
    EXPECT_THAT(answer->body, HasSubstr("<title>Web App - Unavailable</title>"));
    EXPECT_THAT(answer->body, HasSubstr("<h1>Error 403 - This web app is stopped.</h1>"));
  }
  control.command("POST", "/_control/state/running", "");
  EXPECT_FALSE(control.intercept("/"));
}

TEST(AppControl, AnOfflineAppSaysExactlyThatItsHostIsNotRunning) {
  AppControl control{AppState::offline};
  const auto answer = control.intercept("/admin/host/ping");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "Function host is not running.");
  EXPECT_THAT(*transport::find_header(answer->headers, "Content-Type"), HasSubstr("text/plain"));
}

TEST(AppControl, AnAppTakenOfflineAnswersWithItsPage) {
  AppControl control{AppState::running};
  EXPECT_EQ(control.command("POST", "/_control/state/app_offline", "").status, 200);
  const auto answer = control.intercept("/api/health");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_THAT(*transport::find_header(answer->headers, "Content-Type"), HasSubstr("text/html"));
}

TEST(AppControl, AHostInErrorRunsNoFunctionButAnswersForItself) {
  AppControl control{AppState::error};
  EXPECT_EQ(control.intercept("/api/health")->status, 503);
  EXPECT_EQ(control.intercept("/runtime/webhooks/durabletask/instances/a")->status, 503);
  for (const char* path : {"/Admin/host/ping", "/admin/host/status", "/runtime/health/live"})
    EXPECT_FALSE(control.intercept(path)) << path;
}

TEST(AppControl, AFailureLastsAsManyRequestsAsItWasTold) {
  AppControl control{AppState::running};
  EXPECT_EQ(control.command("POST", "/_control/fail", "status=502&times=2").status, 200);
  EXPECT_EQ(control.intercept("/")->status, 502);
  EXPECT_EQ(control.intercept("/")->status, 502);
  EXPECT_FALSE(control.intercept("/"));
}

TEST(AppControl, AFailureWithoutANumberLastsUntilHealed) {
  AppControl control{AppState::running};
  control.command("POST", "/_control/reset", "");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(control.intercept("/")->reset_connection);
  control.command("POST", "/_control/heal", "");
  EXPECT_FALSE(control.intercept("/"));
}

TEST(AppControl, AFailureMayBeThatOfOneRoute) {
  AppControl control{AppState::running};
  control.command("POST", "/_control/fail", "status=503&times=1&path=/api/broken&body=sorry");
  EXPECT_FALSE(control.intercept("/api/health"));
  const auto answer = control.intercept("/api/broken/deeper");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "sorry");
}

TEST(AppControl, WhatItDoesNotUnderstandChangesNothing) {
  AppControl control{AppState::running};
  EXPECT_EQ(control.command("POST", "/_control/state/asleep", "").status, 400);
  EXPECT_EQ(control.command("POST", "/_control/fail", "status=99").status, 400);
  EXPECT_EQ(control.command("POST", "/_control/fail", "times=0").status, 400);
  EXPECT_EQ(control.command("POST", "/_control/slow", "ms=soon").status, 400);
  EXPECT_EQ(control.command("POST", "/_control/explode", "").status, 404);
  EXPECT_EQ(control.command("GET", "/_control/fail", "status=503").status, 404);
  EXPECT_FALSE(control.intercept("/"));
  EXPECT_EQ(control.command("GET", "/_control/state", "").body,
            R"({"state":"running","fault":"none","slowMilliseconds":"0"})");
}

}  // namespace rehearsal
