// What an app and its storage answer together.
#include <gmock/gmock.h>

#include <set>

#include "tests/integration/rehearsal/two_apps.hpp"

namespace rehearsal {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(TwoApps, AStartIsAcceptedPolledAndCompleted) {
  start_apps();
  const auto started = durable(*primary, "POST", "/orchestrators/Hello/id-1", R"({"x":1})");
  EXPECT_EQ(started.status, 202);
  EXPECT_EQ(header(started, "Retry-After"), "10");
  EXPECT_EQ(header(started, "Location"),
            "http://orders.example/runtime/webhooks/durabletask/instances/id-1"
            "?taskHub=Orders&connection=Storage");
  EXPECT_THAT(started.body,
              StartsWith(R"({"id":"id-1","statusQueryGetUri":"http://orders.example/)"));

  const auto running = durable(*primary, "GET", "/instances/id-1?a=%2F");
  EXPECT_EQ(running.status, 202);
  EXPECT_EQ(header(running, "Retry-After"), "5");
  EXPECT_EQ(header(running, "Location"),
            "http://orders.example/runtime/webhooks/durabletask/instances/id-1?a=%2F");

  const auto done = poll_until(*secondary, "id-1", "Completed");
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(header(done, "Location"), "(absent)");
  EXPECT_EQ(header(done, "X-Served-By"), "secondary");
}

TEST_F(TwoApps, AnUnknownInstanceIsA404WithAnEmptyBody) {
  start_apps();
  const auto answer = durable(*primary, "GET", "/instances/understudy-probe");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "");
}

TEST_F(TwoApps, ALiveIdIsRefusedAsTheExtensionDoesIt) {
  start_apps();
  const std::string slow = R"({"steps":1,"stepMilliseconds":60000})";
  ASSERT_EQ(durable(*primary, "POST", "/orchestrators/Hello/id-1", slow).status, 202);
  poll_until(*primary, "id-1", "Running");
  const auto again = durable(*secondary, "POST", "/orchestrators/Hello/id-1", slow);
  EXPECT_EQ(again.status, 500);
  EXPECT_THAT(again.body, HasSubstr("\"ExceptionMessage\":\"An Orchestration instance with the "
                                    "status Running already exists.\""));
}

TEST_F(TwoApps, BadStartsAreRefusedWithTheirReason) {
  AppOptions strict = options("primary");
  strict.functions = {"Hello"};
  primary = std::make_unique<FunctionApp>(context.get_executor(), strict);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Unknown").status, 400);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello/@id").status, 400);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello/a%2Fb").status, 400);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello", "{not json").status, 400);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello?taskHub=1bad").status, 400);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello?connection=Unknown").status, 500);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello").status, 202);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/hello").status, 202);
}

TEST_F(TwoApps, AStarterOfOnesOwnThrowsForAnUnknownOrchestrator) {
  AppOptions strict = options("primary");
  strict.functions = {"Hello"};
  primary = std::make_unique<FunctionApp>(context.get_executor(), strict);
  const auto answer = send(*primary, "POST", "/api/orchestrators/Unknown");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(send(*primary, "POST", "/api/orchestrators/Hello").status, 202);
  EXPECT_TRUE(store()->list("Orders", ListFilter{}).instances.size() == 1);
}

TEST_F(TwoApps, AnInstanceOfASharedHubFailsAtTheAppThatDoesNotHaveItsOrchestrator) {
  AppOptions with = options("primary");
  with.functions = {"Order"};
  with.app_lease = true;  // a standby, for the other one comes first
  AppOptions without = options("secondary");
  without.functions = {"Invoice"};
  secondary = std::make_unique<FunctionApp>(context.get_executor(), without);
  send(*secondary, "GET", "/");
  primary = std::make_unique<FunctionApp>(context.get_executor(), with);
  ASSERT_TRUE(store()->app_leases().acquire("Orders", "nobody", 60s, wall_now()) ==
              LeaseOutcome::ok);
  ASSERT_EQ(durable(*primary, "POST", "/orchestrators/Order/o").status, 202);
  const auto failed = poll_until(*primary, "o", "Failed");
  EXPECT_THAT(failed.body, HasSubstr("no orchestrator function named 'Order'"));
}

TEST_F(TwoApps, AStarterOfOnesOwnAnswersLikeTheBuiltInOne) {
  start_apps();
  const auto started = send(*primary, "POST", "/api/orchestrators/Hello");
  EXPECT_EQ(started.status, 202);
  const std::string id = started.body.substr(7, 32);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << started.body;
  poll_until(*primary, id, "Completed");
}

TEST_F(TwoApps, AStartThatWaitsGetsTheOutput) {
  start_apps();
  const auto answer =
      durable(*primary, "POST", "/orchestrators/Hello?timeout=10&pollingInterval=1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, StartsWith(R"(["step 1 of 3 on )"));
}

TEST_F(TwoApps, TheOtherAppGoesOnWhenOneStops) {
  primary = std::make_unique<FunctionApp>(context.get_executor(), options("primary"));
  durable(*primary, "POST", "/orchestrators/Hello/id-1", R"({"steps":4,"stepMilliseconds":100})");
  poll_until(*primary, "id-1", R"("step":1)");
  send(*primary, "POST", "/_control/state/stopped");  // its lease runs out, as after a crash
  secondary = std::make_unique<FunctionApp>(context.get_executor(), options("secondary"));
  const auto done = poll_until(*secondary, "id-1", "Completed");
  EXPECT_THAT(done.body, HasSubstr(R"("step 1 of 4 on primary")"));
  EXPECT_THAT(done.body, HasSubstr(R"("step 4 of 4 on secondary")"));
  EXPECT_EQ(store()->journal().shares("Orders").at(1).taken_over, 1);
}

TEST_F(TwoApps, AnAppThatEndsHandsItsWorkOverAtOnce) {
  AppOptions long_lease = options("primary");
  long_lease.lease = 1h;
  primary = std::make_unique<FunctionApp>(context.get_executor(), long_lease);
  durable(*primary, "POST", "/orchestrators/Hello/id-1", R"({"steps":3,"stepMilliseconds":150})");
  poll_until(*primary, "id-1", R"("step":1)");
  bool ended = false;
  primary->stop([&ended] { ended = true; });
  context.restart();
  while (!ended) context.run_one();
  secondary = std::make_unique<FunctionApp>(context.get_executor(), options("secondary"));
  EXPECT_THAT(poll_until(*secondary, "id-1", "Completed").body, HasSubstr("3 of 3 on secondary"));
}

TEST_F(TwoApps, AHundredOrchestrationsRunEachStepOnce) {
  start_apps();
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    const std::string id = "id-" + std::to_string(i);
    ASSERT_EQ(
        durable(i % 2 == 0 ? *primary : *secondary, "POST", "/orchestrators/Hello/" + id).status,
        202);
    ids.insert(id);
  }
  for (const std::string& id : ids) poll_until(*primary, id, "Completed");
  std::int64_t activities = 0;
  for (const AppShare& share : store()->journal().shares("Orders")) activities += share.activities;
  EXPECT_EQ(activities, 300);
}

TEST_F(TwoApps, AStorageThatIsAwayIsA500AndEverythingGoesOnWhenItIsBack) {
  primary = std::make_unique<FunctionApp>(context.get_executor(), options("primary"));
  durable(*primary, "POST", "/orchestrators/Hello/id-1", R"({"steps":3,"stepMilliseconds":100})");
  poll_until(*primary, "id-1", R"("step":1)");
  stop_storage();
  EXPECT_EQ(durable(*primary, "GET", "/instances/id-1").status, 500);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello").status, 500);
  EXPECT_EQ(send(*primary, "GET", "/api/health").status, 200);
  start_storage(storage_port);
  EXPECT_EQ(poll_until(*primary, "id-1", "Completed").status, 200);
}

TEST_F(TwoApps, TheManagementRoutesAnswerAsDocumented) {
  start_apps();
  durable(*primary, "POST", "/orchestrators/Hello/id-1",
          R"({"steps":1,"stepMilliseconds":1,"waitForEvent":"Go"})");
  EXPECT_EQ(durable(*primary, "POST", "/instances/id-1/suspend?reason=wait").status, 202);
  EXPECT_EQ(durable(*primary, "GET", "/instances/id-1").status, 202);
  EXPECT_EQ(durable(*primary, "POST", "/instances/id-1/resume").status, 202);
  EXPECT_EQ(send(*primary, "POST", std::string{webhooks} + "/instances/id-1/raiseEvent/Go", "1",
                 {{"Content-Type", "text/plain"}})
                .status,
            400);
  EXPECT_EQ(durable(*primary, "POST", "/instances/id-1/raiseEvent/Go", "{bad").status, 400);
  EXPECT_EQ(durable(*primary, "POST", "/instances/id-1/raiseEvent/Go", "{}").status, 202);
  poll_until(*primary, "id-1", "Completed");
  EXPECT_EQ(durable(*primary, "POST", "/instances/id-1/raiseEvent/Go", "{}").status, 410);
  EXPECT_EQ(durable(*primary, "POST", "/instances/id-1/terminate").status, 410);
  EXPECT_EQ(durable(*primary, "POST", "/instances/absent/terminate").status, 404);
  EXPECT_EQ(durable(*primary, "POST", "/instances/absent/restart").status, 400);
  EXPECT_EQ(durable(*primary, "POST", "/makeprimary").status, 400) << "the app lease is off";

  const auto list = durable(*primary, "GET", "/instances?runtimeStatus=Completed,Failed&top=5");
  EXPECT_EQ(list.status, 200);
  EXPECT_THAT(list.body, StartsWith(R"([{"name":"Hello","instanceId":"id-1")"));
  EXPECT_EQ(header(list, "x-ms-continuation-token"), "");

  EXPECT_EQ(durable(*primary, "DELETE", "/instances").status, 400);
  const auto purged = durable(*primary, "DELETE", "/instances/id-1");
  EXPECT_EQ(purged.status, 200);
  EXPECT_EQ(purged.body, R"({"instancesDeleted":1})");
  EXPECT_EQ(durable(*primary, "DELETE", "/instances/id-1").status, 404);
  EXPECT_EQ(durable(*primary, "DELETE", "/instances?createdTimeFrom=2020-01-01").status, 404);
}

TEST_F(TwoApps, TheKeyOfTheExtensionIsAskedForAndTheHeaderWins) {
  AppOptions keyed = options("primary");
  keyed.key = "secret";
  primary = std::make_unique<FunctionApp>(context.get_executor(), keyed);
  const std::string path = std::string{webhooks} + "/instances/absent";
  EXPECT_EQ(send(*primary, "GET", path).status, 401);
  EXPECT_EQ(send(*primary, "GET", path + "?code=secret").status, 404);
  EXPECT_EQ(send(*primary, "GET", path, "", {{"x-functions-key", "secret"}}).status, 404);
  EXPECT_EQ(send(*primary, "GET", path + "?code=secret", "", {{"x-functions-key", "no"}}).status,
            401);
  EXPECT_THAT(header(send(*primary, "POST", "/api/orchestrators/Hello"), "Location"),
              EndsWith("&code=secret"));
}

TEST_F(TwoApps, ForwardedHostIsBelievedOnlyWhenAskedTo) {
  AppOptions believing = options("primary");
  believing.forwarded_host = true;
  primary = std::make_unique<FunctionApp>(context.get_executor(), believing);
  secondary = std::make_unique<FunctionApp>(context.get_executor(), options("secondary"));
  const transport::HeaderList forwarded{{"X-Forwarded-Host", "public.example"},
                                        {"X-Forwarded-Proto", "https"}};
  EXPECT_THAT(header(send(*primary, "POST", "/api/orchestrators/Hello", "", forwarded), "Location"),
              StartsWith("https://public.example/runtime"));
  EXPECT_THAT(
      header(send(*secondary, "POST", "/api/orchestrators/Hello", "", forwarded), "Location"),
      StartsWith("http://orders.example/runtime"));
}

TEST_F(TwoApps, ThePlainRoutesAnswer) {
  start_apps();
  EXPECT_EQ(send(*primary, "GET", "/").status, 200);
  EXPECT_EQ(send(*primary, "GET", "/admin/host/ping").status, 200);
  EXPECT_THAT(send(*primary, "GET", "/api/health").body,
              StartsWith(R"({"name":"primary","state":"running"})"));
  const auto echo = send(*primary, "PUT", "/api/echo?a=1", "hello", {{"X-Test", "yes"}});
  EXPECT_THAT(echo.body, HasSubstr(R"("app":"primary","method":"PUT","path":"/api/echo")"));
  EXPECT_THAT(echo.body, HasSubstr(R"("X-Test":"yes")"));
  EXPECT_THAT(echo.body, HasSubstr(R"(["X-Test","yes"])"));
  EXPECT_THAT(echo.body, HasSubstr(R"("body":"hello")"));
  EXPECT_EQ(send(*primary, "POST", "/api/echo?raw=1", "hello").body, "hello");
  EXPECT_EQ(send(*primary, "GET", "/api/bytes/200000").body.size(), 200'000u);
  EXPECT_EQ(send(*primary, "GET", "/api/bytes/200000?chunked=1").body.size(), 200'000u);
  EXPECT_EQ(send(*primary, "GET", "/api/delay/1").status, 200);
  EXPECT_EQ(send(*primary, "GET", "/api/status/418").status, 418);
  EXPECT_THAT(send(*primary, "POST", "/api/sink", std::string(300'000, 'x')).body,
              HasSubstr("300000"));
  EXPECT_EQ(send(*primary, "GET", "/api/absent").status, 404);
}

TEST_F(TwoApps, TheSwitchesAreOutOfReachThroughAProxy) {
  start_apps();
  const auto refused =
      send(*primary, "POST", "/_control/state/stopped", "", {{"Via", "1.1 understudy"}});
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(send(*primary, "GET", "/api/health").status, 200);
}

TEST_F(TwoApps, AnAppToldToResetDoesSoUntilHealed) {
  start_apps();
  send(*primary, "POST", "/_control/reset");
  EXPECT_THROW(send(*primary, "GET", "/api/health"), std::runtime_error);
  send(*primary, "POST", "/_control/heal");
  EXPECT_EQ(send(*primary, "GET", "/api/health").status, 200);
}

}  // namespace rehearsal
