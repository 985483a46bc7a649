// The rest of the documented routes: entities, restart, rewind, history, hubs, and where it ran.
#include <gmock/gmock.h>

#include "tests/integration/rehearsal/two_apps.hpp"

namespace rehearsal {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

namespace {

const std::string endless = R"({"steps":1,"stepMilliseconds":1,"waitForEvent":"Never"})";
const std::string quick = R"({"steps":1,"stepMilliseconds":1})";

}  // namespace

TEST_F(TwoApps, AWrongVerbOnAKnownRouteIsAnEmpty404) {
  start_apps();
  for (const auto& [method, path] : {std::pair{"GET", "/orchestrators/Hello"},
                                     {"PUT", "/instances/i"},
                                     {"POST", "/instances"},
                                     {"GET", "/instances/i/terminate"},
                                     {"PUT", "/entities/a/b"},
                                     {"HEAD", "/makeprimary"}}) {
    const auto answer = durable(*primary, method, path);
    EXPECT_EQ(answer.status, 404) << method << path;
    EXPECT_EQ(answer.body, "") << method << path;
  }
}

TEST_F(TwoApps, TheBasePathOfVersionOneAnswersToo) {
  start_apps();
  const std::string base = "/admin/extensions/DurableTaskExtension";
  EXPECT_EQ(send(*primary, "POST", base + "/orchestrators/Hello/v1", quick).status, 202);
  EXPECT_NE(send(*primary, "GET", base + "/instances/v1").status, 404);
}

TEST_F(TwoApps, AnEntityIsSignalledReadListedAndDeleted) {
  start_apps();
  EXPECT_EQ(durable(*primary, "GET", "/entities/Counter/a").status, 404);
  EXPECT_EQ(durable(*primary, "POST", "/entities/Counter/a?op=add", "40").status, 202);
  EXPECT_EQ(durable(*secondary, "POST", "/entities/counter/a?op=add", "2").status, 202);
  const std::string path = std::string{webhooks} + "/entities/Counter/a";
  const auto state = get_until(*primary, path, "42");
  EXPECT_EQ(state.status, 200);
  EXPECT_EQ(state.body, "42") << "the raw state";

  send(*primary, "POST", std::string{webhooks} + "/entities/note/b?op=set", "plain text",
       {{"Content-Type", "text/plain"}});
  get_until(*primary, std::string{webhooks} + "/entities/note/b", "\"plain text\"");
  durable(*primary, "POST", "/entities/note/$", "1");
  get_until(*primary, std::string{webhooks} + "/entities/note/$", "1");
  EXPECT_EQ(durable(*primary, "POST", "/entities/note/b", "{bad").status, 400);
  EXPECT_EQ(durable(*primary, "POST", "/entities/note", "1").status, 400);
  EXPECT_EQ(durable(*primary, "POST", "/entities/no@te/b", "1").status, 400);

  auto list = durable(*primary, "GET", "/entities?top=2&fetchState=true");
  EXPECT_EQ(list.status, 200);
  EXPECT_THAT(list.body, StartsWith(R"([{"entityId":{"name":"counter","key":"a"},)"
                                    R"("lastOperationTime":")"));
  EXPECT_THAT(list.body, HasSubstr(R"("state":42})"));
  const std::string token = header(list, "x-ms-continuation-token");
  ASSERT_NE(token, "");
  list = send(*primary, "GET", std::string{webhooks} + "/entities", "",
              {{"x-ms-continuation-token", token}});
  EXPECT_THAT(list.body, StartsWith(R"([{"entityId":{"name":"note","key":""},)"));
  EXPECT_THAT(list.body, Not(HasSubstr("state")));
  EXPECT_EQ(header(list, "x-ms-continuation-token"), "");
  EXPECT_EQ(durable(*primary, "GET", "/entities/counter?lastOperationTimeTo=2020-01-01").body,
            "[]");
  EXPECT_EQ(durable(*primary, "GET", "/entities?lastOperationTimeFrom=never").status, 400);

  EXPECT_EQ(durable(*primary, "DELETE", "/entities/counter/a").status, 202);
  while (durable(*primary, "GET", "/entities/counter/a").status != 404) {
  }
}

TEST_F(TwoApps, AFailedRunSaysSoAsAskedAndCanBeRewound) {
  start_apps();
  const std::string input = R"({"steps":2,"stepMilliseconds":1,"failAtStep":2})";
  durable(*primary, "POST", "/orchestrators/Hello/f", input);
  durable(*primary, "POST", "/orchestrators/Hello/w", endless);
  EXPECT_EQ(poll_until(*primary, "f", "Failed").status, 200);
  EXPECT_EQ(durable(*primary, "GET", "/instances/f?returnInternalServerErrorOnFailure=true").status,
            500);
  EXPECT_EQ(durable(*primary, "POST", "/instances/w/rewind").status, 500) << "it is running";
  EXPECT_EQ(durable(*primary, "POST", "/instances/absent/rewind").status, 404);
  EXPECT_EQ(durable(*primary, "POST", "/instances/f/rewind?reason=again").status, 202);
  poll_until(*primary, "f", "Completed");
  EXPECT_EQ(durable(*primary, "POST", "/instances/f/rewind").status, 410);
}

TEST_F(TwoApps, ARestartTakesTheInputAlongUnderANewIdOrTheOldOne) {
  start_apps();
  durable(*primary, "POST", "/orchestrators/Hello/r", R"({"steps":1,"stepMilliseconds":1,"x":7})");
  poll_until(*primary, "r", "Completed");
  const auto fresh = durable(*primary, "POST", "/instances/r/restart");
  EXPECT_EQ(fresh.status, 202);
  const std::string id = fresh.body.substr(7, 32);
  EXPECT_THAT(poll_until(*primary, id, "Completed").body, HasSubstr(R"("x":7)"));
  EXPECT_EQ(durable(*primary, "POST", "/instances/r/restart?restartWithNewInstanceId=false").status,
            202);
  poll_until(*primary, "r", "Completed");
  EXPECT_EQ(store()->journal().executions("Orders", "r", 0, 10).executions.size(), 2u);

  durable(*primary, "POST", "/orchestrators/Hello/live", endless);
  EXPECT_EQ(
      durable(*primary, "POST", "/instances/live/restart?restartWithNewInstanceId=false").status,
      500);
  const auto absent = durable(*primary, "POST", "/instances/absent/restart");
  EXPECT_EQ(absent.status, 400);
  EXPECT_THAT(absent.body, HasSubstr("InstanceId does not match a valid orchestration instance."));
}

TEST_F(TwoApps, AnEventForAnInstanceThatIsGoneSaysSoBeforeItsBodyIsLookedAt) {
  start_apps();
  const std::string raise = std::string{webhooks} + "/instances/i/raiseEvent/Go";
  EXPECT_EQ(send(*primary, "POST", raise, "x").status, 404);
  durable(*primary, "POST", "/orchestrators/Hello/i", endless);
  EXPECT_EQ(send(*primary, "POST", raise, "1").status, 400) << "no content type";
  durable(*primary, "POST", "/instances/i/terminate?reason=enough");
  EXPECT_EQ(send(*primary, "POST", raise, "x").status, 410);
  EXPECT_THAT(durable(*primary, "GET", "/instances/i").body,
              HasSubstr(R"("runtimeStatus":"Terminated")"));
  EXPECT_THAT(durable(*primary, "GET", "/instances/i").body, HasSubstr(R"("output":"enough")"));
}

TEST_F(TwoApps, TheHistoryIsShownAsAskedFor) {
  start_apps();
  durable(*primary, "POST", "/orchestrators/Hello/h", quick);
  poll_until(*primary, "h", "Completed");
  EXPECT_THAT(durable(*primary, "GET", "/instances/h?showInput=false").body,
              HasSubstr(R"("input":null)"));
  EXPECT_THAT(durable(*primary, "GET", "/instances/h").body, Not(HasSubstr("historyEvents")));
  const auto bare = durable(*primary, "GET", "/instances/h?showHistory=true");
  EXPECT_THAT(bare.body, HasSubstr(R"("historyEvents":[{"EventType":"ExecutionStarted",)"
                                   R"("FunctionName":"Hello","Timestamp":")"));
  EXPECT_THAT(bare.body, Not(HasSubstr("\"Result\"")));
  const auto full =
      durable(*primary, "GET", "/instances/h?showHistory=true&showHistoryOutput=true");
  EXPECT_THAT(full.body, HasSubstr("\"Result\":\"step 1 of 1 on "));
  EXPECT_THAT(full.body, HasSubstr(R"("OrchestrationStatus":"Completed")"));
}

TEST_F(TwoApps, AListIsCutIntoPagesAndFiltered) {
  start_apps();
  for (const char* id : {"a1", "a2", "b1"})
    durable(*primary, "POST", std::string{"/orchestrators/Hello/"} + id, endless);
  durable(*primary, "POST", "/instances/a2/terminate");
  const std::string target = std::string{webhooks} + "/instances?instanceIdPrefix=a&top=1";
  auto page = send(*primary, "GET", target);
  EXPECT_THAT(page.body, HasSubstr("\"a1\""));
  const std::string token = header(page, "x-ms-continuation-token");
  page = send(*primary, "GET", target, "", {{"X-MS-Continuation-Token", token}});
  EXPECT_THAT(page.body, HasSubstr("\"a2\""));
  EXPECT_EQ(send(*primary, "GET", target, "", {{"x-ms-continuation-token", "mine"}}).status, 400);
  const auto repeated =
      durable(*primary, "GET", "/instances?runtimeStatus=Failed&runtimeStatus=terminated");
  EXPECT_THAT(repeated.body, StartsWith(R"([{"name":"Hello","instanceId":"a2")"));
  EXPECT_EQ(durable(*primary, "GET", "/instances?createdTimeTo=2020-01-01").body, "[]");
  const auto purged =
      durable(*primary, "DELETE", "/instances?createdTimeFrom=2020-01-01&runtimeStatus=Terminated");
  EXPECT_EQ(purged.body, R"({"instancesDeleted":1})");
}

TEST_F(TwoApps, AStartInAHubThatNobodyWorksOnStaysPending) {
  start_apps();
  const auto started = durable(*primary, "POST", "/orchestrators/Hello/lost?taskHub=Orphan", quick);
  EXPECT_EQ(started.status, 202);
  EXPECT_THAT(started.body, HasSubstr("taskHub=Orphan"));
  durable(*primary, "POST", "/orchestrators/Hello/found", quick);
  poll_until(*primary, "found", "Completed");
  EXPECT_THAT(durable(*primary, "GET", "/instances/lost?taskHub=Orphan").body,
              HasSubstr(R"("runtimeStatus":"Pending")"));
  EXPECT_EQ(durable(*primary, "GET", "/instances/lost").status, 404);
  EXPECT_FALSE(store()->hubs().at(1).worked) << "Orders, then Orphan";
  EXPECT_EQ(durable(*primary, "GET", "/instances?connection=Other").status, 500);
  EXPECT_EQ(durable(*primary, "GET", "/instances?connection=storage").status, 200);
}

TEST_F(TwoApps, ANewerExtensionRefusesALiveIdWith409) {
  AppOptions newer = options("primary");
  newer.already_exists_status = 409;
  primary = std::make_unique<FunctionApp>(context.get_executor(), newer);
  durable(*primary, "POST", "/orchestrators/Hello/id", endless);
  const auto again = durable(*primary, "POST", "/orchestrators/Hello/id", endless);
  EXPECT_EQ(again.status, 409);
  EXPECT_THAT(again.body, HasSubstr("already exists."));
}

TEST_F(TwoApps, AStartThatWaitsGivesUpInTimeAndShowsAFailure) {
  start_apps();
  const std::string wait = "/orchestrators/Hello?timeout=0.2&pollingInterval=0.05";
  EXPECT_EQ(durable(*primary, "POST", wait, endless).status, 202);
  const std::string failing = R"({"steps":1,"stepMilliseconds":1,"fail":true})";
  const std::string longer = "/orchestrators/Hello?timeout=10&pollingInterval=0.05";
  const auto failed = durable(*primary, "POST", longer, failing);
  EXPECT_EQ(failed.status, 200);
  EXPECT_THAT(failed.body, HasSubstr(R"("runtimeStatus":"Failed")"));
  EXPECT_EQ(durable(*primary, "POST", longer + "&returnInternalServerErrorOnFailure=true", failing)
                .status,
            500);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello?timeout=1&pollingInterval=2").status,
            400);
}

TEST_F(TwoApps, AParentWaitsForItsChildAndATimer) {
  start_apps();
  durable(*primary, "POST", "/orchestrators/Parent/p",
          R"({"steps":[{"timer":30},{"subOrchestration":"Child","instanceId":"c",)"
          R"("input":{"stepMilliseconds":1}},{"activity":"Pay","milliseconds":1}]})");
  const auto done = poll_until(*secondary, "p", "Completed");
  EXPECT_THAT(done.body, HasSubstr(R"("output":[["step 1 of 1 on )"));
  EXPECT_THAT(durable(*primary, "GET", "/instances/c").body, HasSubstr(R"("name":"Child")"));
}

TEST_F(TwoApps, TheSwitchesTellWhatRanWhere) {
  start_apps();
  durable(*primary, "POST", "/orchestrators/Hello/id", quick);
  poll_until(*primary, "id", "Completed");
  durable(*primary, "POST", "/orchestrators/Hello/id", quick);
  poll_until(*primary, "id", "Completed");
  const auto executions = send(*secondary, "GET", "/_control/executions?id=id");
  EXPECT_THAT(executions.body, HasSubstr(R"("id":"id","execution":1,"function":"Hello")"));
  EXPECT_THAT(executions.body, HasSubstr(R"("id":"id","execution":2)")) << "it ran twice";
  EXPECT_THAT(executions.body, HasSubstr(R"("activitiesStarted":1,"activities":1)"));
  EXPECT_EQ(send(*primary, "GET", "/_control/executions", "", {{"Via", "1.1 proxy"}}).status, 404);
  stop_storage();
  EXPECT_EQ(send(*primary, "GET", "/_control/executions").status, 503);
}

}  // namespace rehearsal
