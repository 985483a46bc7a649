// An app whose host the platform has unloaded.
#include <gmock/gmock.h>

#include "tests/integration/rehearsal/two_apps.hpp"

namespace rehearsal {

namespace {

class ColdApp : public TwoApps {
 protected:
  void start(std::chrono::milliseconds takes, std::chrono::milliseconds idle_after) {
    AppOptions cold = options("primary");
    cold.cold_start = takes;
    cold.idle_after = idle_after;
    primary = std::make_unique<FunctionApp>(context.get_executor(), cold);
  }
  void unload() {
    send(*primary, "POST", "/_control/state/offline");
    send(*primary, "POST", "/_control/state/running");
  }
  std::chrono::steady_clock::duration time_of(const std::string& method,
                                              const std::string& target) {
    const auto before = transport_test::in(0ms);
    send(*primary, method, target);
    return transport_test::in(0ms) - before;
  }
};

}  // namespace

TEST_F(ColdApp, TheFirstRequestOfAnyKindThatReachesTheHostWaitsForIt) {
  start(300ms, 1h);
  for (const char* first :
       {"/api/health", "/", "/admin/host/ping", "/runtime/webhooks/durabletask/instances/x"}) {
    EXPECT_LT(time_of("GET", "/_control/state"), 300ms);
    EXPECT_GE(time_of("GET", first), 300ms) << first;
    EXPECT_LT(time_of("GET", "/"), 300ms) << first;
    unload();
  }
}

TEST_F(ColdApp, IsColdAgainAfterIdling) {
  start(300ms, 10ms);
  time_of("GET", "/");
  asio::steady_timer idle{context, 50ms};
  bool idled = false;
  idle.async_wait([&idled](boost::system::error_code) { idled = true; });
  while (!idled) context.run_one();
  EXPECT_GE(time_of("GET", "/"), 300ms);
}

TEST_F(ColdApp, WhatTheFrontEndAnswersNeitherWaitsNorWarmsAndAStoppedHostIsColdAgain) {
  start(300ms, 1h);
  send(*primary, "POST", "/_control/state/stopped");
  EXPECT_LT(time_of("GET", "/"), 300ms);
  send(*primary, "POST", "/_control/state/running");
  EXPECT_GE(time_of("GET", "/"), 300ms);
  EXPECT_LT(time_of("GET", "/"), 300ms);
  unload();
  EXPECT_GE(time_of("GET", "/"), 300ms);
}

}  // namespace rehearsal
