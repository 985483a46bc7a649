#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "app/status_json.hpp"
#include "app/status_text.hpp"
#include "sample_picture.hpp"

namespace app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

TEST(StatusJson, SaysWhoIsActiveSinceWhenAndWhy) {
  const Json status = status_json(sample_picture());
  EXPECT_EQ(status["active"]["endpoint"], "secondary");
  EXPECT_EQ(status["active"]["since"], "2023-11-14T22:14:45.000Z");
  EXPECT_EQ(status["active"]["why"], "failover");
  EXPECT_EQ(status["profileMonitorStatus"], "Degraded");
  EXPECT_EQ(status["uptimeSeconds"], 90.0);
}

TEST(StatusJson, ShowsPredictedNextToMeasuredTimes) {
  const Json status = status_json(sample_picture());
  EXPECT_EQ(status["last"]["failoverSeconds"], 0.032);
  EXPECT_EQ(status["bounds"]["failoverSeconds"], 3.5);
  EXPECT_TRUE(status["last"]["failbackSeconds"].is_null()) << "none happened yet";
}

TEST(StatusJson, AManualFailbackHasNoBound) {
  Picture picture = sample_picture();
  picture.bounds->failback_s.reset();
  EXPECT_TRUE(status_json(picture)["bounds"]["failbackSeconds"].is_null());
}

TEST(StatusJson, TellsWhatEachEndpointIsAndDoes) {
  const Json primary = status_json(sample_picture())["endpoints"][0];
  EXPECT_EQ(primary["monitorStatus"], "Degraded");
  EXPECT_EQ(primary["statusText"], "Degraded (passive)");
  EXPECT_EQ(primary["rotation"], "degraded");
  EXPECT_EQ(primary["serving"], false);
  EXPECT_EQ(primary["disagreement"], "probe ok, traffic failing");
  EXPECT_EQ(primary["lastProbe"]["outcome"], "connect_failed");
  EXPECT_EQ(primary["lastProbe"]["passed"], false);
  EXPECT_EQ(primary["traffic"]["requests"], 43);
  EXPECT_EQ(primary["addresses"][0], "127.0.0.1:7071");
}

TEST(StatusJson, NobodyActiveIsNullNotAnEmptyName) {
  Picture picture = sample_picture();
  picture.active.reset();
  EXPECT_TRUE(status_json(picture)["active"]["endpoint"].is_null());
}

TEST(StatusJson, AHoldWithoutExpiryHasNoUntil) {
  Picture picture = sample_picture();
  EXPECT_TRUE(status_json(picture)["hold"].is_null());
  picture.hold = HoldPicture{"secondary", std::nullopt};
  EXPECT_TRUE(status_json(picture)["hold"]["until"].is_null());
  EXPECT_EQ(status_json(picture)["hold"]["endpoint"], "secondary");
}

TEST(StatusJson, ShowsTheDirectoryTheDeskTheClaimAndTheLease) {
  const Json durable = status_json(sample_picture())["durable"];
  EXPECT_EQ(durable["taskHub"], "shared");
  EXPECT_EQ(durable["timeScale"], 60);
  EXPECT_EQ(durable["directory"], Json::parse(R"({"entries": 12, "onDisk": true,
      "path": "/var/lib/understudy/orders.db", "diskOk": true, "message": null, "evicted": 3,
      "written": 40, "droppedWrites": 2})"));
  EXPECT_EQ(durable["desk"], Json::parse(R"({"jobs": 100, "joined": 30, "overloaded": 4,
      "expired": 1, "inFlight": 5, "queued": 6})"));
  EXPECT_EQ(durable["hubClaim"]["verdict"], "ok");
  EXPECT_EQ(durable["hubClaim"]["checkedAt"], "2023-11-14T22:14:20.000Z");
  const Json& lease = durable["lease"];
  EXPECT_EQ(lease["owner"], "primary");
  EXPECT_EQ(lease["sure"], "likely");
  EXPECT_EQ(lease["since"], "2023-11-14T22:14:46.000Z");
  EXPECT_EQ(lease["http"], "second \"ary\"");
  EXPECT_EQ(lease["split"], true);
  EXPECT_EQ(lease["makeprimarySafe"], false);
  EXPECT_EQ(lease["makeprimaryWhy"], "primary does not answer");
}

TEST(StatusJson, ShowsTheStartLedger) {
  EXPECT_EQ(status_json(sample_picture())["durable"]["starts"], Json::parse(R"({"mode": "durable",
      "path": "/var/lib/understudy/orders.db", "open": 6, "queued": 1, "inFlight": 2, "unknown": 3,
      "listed": 1, "oldestOpenSeconds": 12.5, "keptConnections": 2, "arrived": 60, "joined": 4,
      "storedAnswers": 5, "turnedAway": 7, "unconfirmed": 8, "settled": {"answered": 50, "found": 3},
      "lookUps": 30, "replays": 11, "possibleDuplicates": 2, "duplicates": 1, "lost": 9,
      "resubmitted": 10, "takenOver": 13, "commits": 40, "commitFailures": 1, "committedStarts": 100,
      "bytes": 4096, "maxBytes": 1073741824, "diskOk": true, "message": null})"));
}

TEST(StatusText, SaysHowTheStartsStandInOneLine) {
  Picture picture = sample_picture();
  const auto text = [&] { return status_text(status_json(picture), false); };
  EXPECT_THAT(text(),
              HasSubstr("\nstarts: 6 open, 3 unknown, 1 queued, 1 for an operator to decide "
                        "about, 2 possibly run twice, 1 run twice, 9 lost, oldest 12.5 s\n"));
  picture.durable.starts.emplace();
  EXPECT_THAT(text(), HasSubstr("\nstarts: 0 open\n"));
  picture.durable.starts->disk_ok = false;
  EXPECT_THAT(text(), HasSubstr("\nstarts: 0 open; the disk refuses the ledger\n"));
  picture.durable.starts.reset();
  EXPECT_THAT(text(), HasSubstr("\nstarts are not protected: durable.ledger.mode is off\n"));
  picture.durable.task_hub = "none";
  EXPECT_THAT(text(), Not(HasSubstr("\nstarts")));
}

TEST(StatusJson, WhatIsNotKnownIsNull) {
  Picture picture = sample_picture();
  picture.durable.lease->owner.reset();
  EXPECT_TRUE(status_json(picture)["durable"]["lease"]["owner"].is_null());
  picture.durable = {};
  const Json durable = status_json(picture)["durable"];
  EXPECT_TRUE(durable["lease"].is_null());
  EXPECT_TRUE(durable["hubClaim"].is_null());
  EXPECT_TRUE(durable["starts"].is_null());
  EXPECT_TRUE(durable["directory"]["path"].is_null());
  EXPECT_EQ(durable["directory"]["onDisk"], false);
}

TEST(StatusText, SaysWhereOrchestrationsRunAndWhatTheHubsAre) {
  Picture picture = sample_picture();
  const std::string text = status_text(status_json(picture), false);
  EXPECT_THAT(text, HasSubstr("orchestrations run at primary (likely), HTTP at second \"ary\" "
                              "(primary does not answer, but its lease has not run out)\n"));
  EXPECT_THAT(text, HasSubstr("\ntask hub: one hub, shared\n"));
  picture.durable = {};
  EXPECT_THAT(status_text(status_json(picture), false), Not(HasSubstr("orchestrations")));
  EXPECT_THAT(status_text(status_json(picture), false), Not(HasSubstr("task hub")));
}

TEST(StatusText, ShowsTheActiveEndpointTheTableAndTheAlerts) {
  const std::string text = status_text(status_json(sample_picture()), false);
  EXPECT_THAT(text, HasSubstr("active: secondary for 5 s"));
  EXPECT_THAT(text, HasSubstr("Degraded (passive)"));
  EXPECT_THAT(text, HasSubstr("alert never_online: primary was never online"));
  EXPECT_THAT(text, HasSubstr("failover 32 ms (at most 3.5 s)"));
  EXPECT_THAT(text, HasSubstr("failback none yet (at most 16.2 s)"));
  EXPECT_THAT(text, HasSubstr("failover: primary -> secondary"));
}

TEST(StatusText, HasColoursOnlyWhenAsked) {
  const Json status = status_json(sample_picture());
  EXPECT_THAT(status_text(status, false), Not(HasSubstr("\033[")));
  EXPECT_THAT(status_text(status, true), HasSubstr("\033[31m"));
}

TEST(StatusText, SaysWhatAFailbackWaitsFor) {
  Picture picture = sample_picture();
  picture.failback.waiting_for = "primary";
  EXPECT_THAT(status_text(status_json(picture), false),
              HasSubstr("waits for `understudy failback`"));
  picture.failback.until = picture.now + std::chrono::seconds{10};
  EXPECT_THAT(status_text(status_json(picture), false),
              HasSubstr("failback: to primary at 22:15:00.000 UTC"));
}

TEST(StatusSummary, IsOneLineThatChangesWithTheStatuses) {
  EXPECT_EQ(status_summary(status_json(sample_picture())),
            "active secondary; primary Degraded (passive) degraded, second \"ary\" Online serving");
}

TEST(SecondsText, ReadsNaturallyAtEverySize) {
  EXPECT_EQ(seconds_text(0.0004), "0.4 ms");
  EXPECT_EQ(seconds_text(0.085), "85 ms");
  EXPECT_EQ(seconds_text(2), "2 s");
  EXPECT_EQ(seconds_text(2.44), "2.4 s");
  EXPECT_EQ(seconds_text(200), "3m 20s");
  EXPECT_EQ(seconds_text(7500), "2h 05m");
  EXPECT_EQ(seconds_text(90000), "1d 1h");
}

TEST(NotReady, NamesTheReason) {
  Picture picture = sample_picture();
  EXPECT_EQ(not_ready_reason(picture), "");
  picture.all_degraded = true;
  EXPECT_THAT(not_ready_reason(picture), HasSubstr("degraded"));
  picture.active.reset();
  EXPECT_THAT(not_ready_reason(picture), HasSubstr("no endpoint"));
  picture.draining = true;
  EXPECT_THAT(not_ready_reason(picture), HasSubstr("draining"));
}

}  // namespace
}  // namespace app
