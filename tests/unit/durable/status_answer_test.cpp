#include "durable/status_answer.hpp"

#include <gtest/gtest.h>

#include "durable/away.hpp"
#include "durable/hub_claim.hpp"

namespace {

using durable::away_answer;
using durable::LastKnownStatus;
using durable::parse_first_listed;
using durable::parse_status_answer;
using durable::parse_wall_time;
using durable::StatusAnswer;
using durable::wall_time_text;
using durable::WallTime;
using namespace std::chrono_literals;

constexpr WallTime noon = std::chrono::sys_days{std::chrono::November / 23 / 2026} + 12h;

TEST(WallTimes, AreReadInAllSpellingsOfTheApps) {
  EXPECT_EQ(parse_wall_time("2026-11-23T12:00:00Z"), noon);
  EXPECT_EQ(parse_wall_time("2026-11-23T12:00:00"), noon);
  EXPECT_EQ(parse_wall_time("2026-11-23T12:00:00.1234567Z"), noon + 123ms);
  EXPECT_EQ(parse_wall_time("2026-11-23T12:00:00.5Z"), noon + 500ms);
  EXPECT_EQ(parse_wall_time("2026-11-23T13:30:00+01:30"), noon);
  EXPECT_EQ(parse_wall_time("2026-11-23T10:00:00-0200"), noon);
  EXPECT_EQ(parse_wall_time("1970-01-01T00:00:00Z"), WallTime{});
}

TEST(WallTimes, NothingElseIsOne) {
  for (const std::string_view text :
       {"", "now", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23",
        "2026-11-23T12:00Z", "2026-11-23T25:00:00Z", "2026-11-23T12:60:00Z",
        "2026-11-23T12:00:00.Z", "2026-11-23T12:00:00X", "2026-11-23T12:00:00+99:00",
        "2026-11-23T12:00:00Zz", "2026-11-23T12:00:00+01:0", "-026-11-23T12:00:00Z",
        "02026-11-23T12:00:00Z"})
    EXPECT_EQ(parse_wall_time(text), std::nullopt) << text;
}

TEST(WallTimes, AreWrittenWithoutFraction) {
  EXPECT_EQ(wall_time_text(noon + 999ms), "2026-11-23T12:00:00Z");
  EXPECT_EQ(wall_time_text(WallTime{} - 1ms), "1969-12-31T23:59:59Z");
  EXPECT_EQ(wall_time_text(std::chrono::sys_days{std::chrono::January / 2 / 7} + 3h),
            "0007-01-02T03:00:00Z");
}

TEST(StatusAnswers, GiveNameStatusAndTimes) {
  const StatusAnswer expected{"Order", "a/b", "Running", noon, noon + 1s};
  EXPECT_EQ(parse_status_answer(R"({"name":"Order","instanceId":"a\/b","runtimeStatus":"Running",
      "input":{"name":"not this","runtimeStatus":["x"]},"customStatus":null,
      "output":[{"createdTime":"1999-01-01T00:00:00Z"}],
      "createdTime":"2026-11-23T12:00:00Z","lastUpdatedTime":"2026-11-23T12:00:01Z"})"),
            expected);
  EXPECT_EQ(parse_status_answer(R"({"Name":"Order","InstanceId":"a/b","RuntimeStatus":"Running",
      "CreatedTime":"2026-11-23T12:00:00Z","LastUpdatedTime":"2026-11-23T12:00:01Z"})"),
            expected);
}

TEST(StatusAnswers, MembersOfTheWrongKindAreNotThere) {
  EXPECT_EQ(parse_status_answer(
                R"({"name":7,"runtimeStatus":"Failed","createdTime":"soon","lastUpdatedTime":{}})"),
            (StatusAnswer{"", "", "Failed", {}, {}}));
}

TEST(StatusAnswers, WhatIsNoStatusIsNone) {
  for (const std::string_view body :
       {"", "null", "7", "\"Running\"", "[]", "{}", "{\"runtimeStatus\":1}",
        "{\"runtimeStatus\":\"\"}", "{\"a\":{\"runtimeStatus\":\"Running\"}}",
        "{\"runtimeStatus\":\"Running\"", "{\"runtimeStatus\":\"Running\"}x",
        "[{\"runtimeStatus\":\"Running\"}]", "<html>runtimeStatus</html>",
        "{\"runtimeStatus\":\"\xff\"}", "{\"Message\":\"no\",\"StackTrace\":\"at x\"}"})
    EXPECT_EQ(parse_status_answer(body), std::nullopt) << body;
}

TEST(StatusAnswers, DeepNestingIsNoDanger) {
  const std::string deep(100'000, '[');
  EXPECT_EQ(parse_status_answer("{\"input\":" + deep), std::nullopt);
  const std::string closed = deep + std::string(100'000, ']');
  EXPECT_TRUE(parse_status_answer("{\"runtimeStatus\":\"Running\",\"input\":" + closed + "}"));
}

TEST(FirstListed, IsTheFirstElementAndEmptyIsWellFormed) {
  const auto two = parse_first_listed(
      R"([{"instanceId":"x","runtimeStatus":"Running","input":[{"instanceId":"no"}]},
          {"instanceId":"y","runtimeStatus":"Failed"}])");
  ASSERT_TRUE(two.well_formed && two.first);
  EXPECT_EQ(two.first->instance_id, "x");
  EXPECT_EQ(two.first->runtime_status, "Running");
  EXPECT_TRUE(parse_first_listed("[]").well_formed);
  EXPECT_FALSE(parse_first_listed("[]").first);
  for (const std::string_view body :
       {"", "{}", "[1]", "[[]]", "[{}]", "[null]", "<html>", "[", "[]x"})
    EXPECT_FALSE(parse_first_listed(body).well_formed) << body;
}

TEST(AwayAnswers, SayTheLastKnownStatusInTheAppsOwnOrder) {
  const LastKnownStatus last{"Order \"1\"", "id\x01\xc3\xa4", "Running", R"({"step": 3})", noon,
                             noon};
  const auto answer = away_answer(last, std::nullopt);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 202);
  EXPECT_EQ(answer->retry_after, 5);
  EXPECT_EQ(answer->body,
            "{\"name\":\"Order \\\"1\\\"\",\"instanceId\":\"id\\u0001\xc3\xa4\","
            "\"runtimeStatus\":\"Running\",\"input\":null,\"customStatus\":{\"step\": 3},"
            "\"output\":null,\"createdTime\":\"2026-11-23T12:00:00Z\","
            "\"lastUpdatedTime\":\"2026-11-23T12:00:00Z\"}");
  EXPECT_TRUE(parse_status_answer(answer->body));
}

TEST(AwayAnswers, ShowAnOutputThatTheProxyKnows) {
  const LastKnownStatus last{"Order", "id", "Failed", "", noon, noon, R"("refused with 400")"};
  EXPECT_NE(durable::status_json(last).find(R"("output":"refused with 400")"), std::string::npos);
}

TEST(AwayAnswers, AreJsonWhateverWasKept) {
  const LastKnownStatus last{"\xff", "\xfe", "Pending", "{broken", noon, noon};
  const auto answer = away_answer(last, std::nullopt);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(parse_status_answer(answer->body)) << answer->body;
  EXPECT_NE(answer->body.find("\"customStatus\":null"), std::string::npos);
}

TEST(AwayAnswers, AFinalStatusIsToldOnlyWithTheBodyThatWasKept) {
  for (const char* status : {"Completed", "Failed", "Terminated", "Canceled"}) {
    LastKnownStatus last;
    last.runtime_status = status;
    EXPECT_FALSE(away_answer(last, std::nullopt)) << status;
    const auto answer = away_answer(last, "{\"output\":42}");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->retry_after, 0);
    EXPECT_EQ(answer->body, "{\"output\":42}");
  }
  for (const char* status : {"Pending", "Running", "Suspended", "ContinuedAsNew"}) {
    LastKnownStatus last;
    last.runtime_status = status;
    const auto answer = away_answer(last, "{\"output\":42}");
    ASSERT_TRUE(answer) << status;
    EXPECT_EQ(answer->status, 202) << "started again since";
  }
}

using Kind = durable::HubSample::Kind;
using Verdict = durable::HubClaim::Verdict;
using Hubs = durable::HubClaim::Hubs;

struct ClaimRow {
  std::string_view name;
  config::TaskHub claimed;
  Kind ab, ba;
  Verdict verdict;
  Hubs hubs;
};

TEST(HubClaims, AreJudgedFromBothDirections) {
  using enum config::TaskHub;
  for (const ClaimRow& row : {
           ClaimRow{"one hub", shared, Kind::same, Kind::same, Verdict::ok, Hubs::shared},
           ClaimRow{"one says enough", shared, Kind::same, Kind::trouble, Verdict::ok,
                    Hubs::shared},
           ClaimRow{"one hub, geo-replicated", geo_replicated, Kind::same, Kind::same, Verdict::ok,
                    Hubs::shared},
           ClaimRow{"two hubs", per_region, Kind::absent, Kind::absent, Verdict::ok,
                    Hubs::separate},
           ClaimRow{"a singleton's id in two hubs", per_region, Kind::different, Kind::different,
                    Verdict::ok, Hubs::separate},
           ClaimRow{"one hub is empty", per_region, Kind::absent, Kind::empty, Verdict::ok,
                    Hubs::separate},
           ClaimRow{"said shared, are not", shared, Kind::absent, Kind::empty,
                    Verdict::contradiction, Hubs::separate},
           ClaimRow{"said separate, are not", per_region, Kind::same, Kind::same,
                    Verdict::contradiction, Hubs::shared},
           ClaimRow{"said replicated, are not", geo_replicated, Kind::absent, Kind::absent,
                    Verdict::contradiction, Hubs::separate},
           ClaimRow{"both empty", shared, Kind::empty, Kind::empty, Verdict::cannot_tell,
                    Hubs::unknown},
           ClaimRow{"purged meanwhile", per_region, Kind::gone, Kind::empty, Verdict::cannot_tell,
                    Hubs::unknown},
           ClaimRow{"one away", shared, Kind::trouble, Kind::trouble, Verdict::cannot_tell,
                    Hubs::unknown},
           ClaimRow{"at odds", shared, Kind::same, Kind::absent, Verdict::cannot_tell,
                    Hubs::unknown},
           ClaimRow{"nothing claimed", none, Kind::same, Kind::same, Verdict::cannot_tell,
                    Hubs::shared},
       }) {
    const auto claim =
        durable::judge_hub_claim(row.claimed, {{"weu", "neu", row.ab, "weu did not answer"},
                                               {"neu", "weu", row.ba, "neu did not answer"}});
    EXPECT_EQ(claim.verdict, row.verdict) << row.name << ": " << claim.message;
    EXPECT_EQ(claim.hubs, row.hubs) << row.name;
    EXPECT_FALSE(claim.message.empty()) << row.name;
    EXPECT_EQ(claim.message.find("weu and neu") != std::string::npos,
              row.verdict == Verdict::contradiction || row.name == "at odds")
        << claim.message;
  }
  EXPECT_EQ(durable::judge_hub_claim(shared, {}).verdict, Verdict::cannot_tell);
}

TEST(HubClaims, OnePairOfThreeIsEnoughForAContradiction) {
  const auto claim =
      durable::judge_hub_claim(config::TaskHub::per_region, {{"a", "b", Kind::absent, ""},
                                                             {"a", "c", Kind::trouble, "c is away"},
                                                             {"b", "c", Kind::same, ""}});
  EXPECT_EQ(claim.verdict, Verdict::contradiction);
  EXPECT_NE(claim.message.find("b and c"), std::string::npos) << claim.message;
}

TEST(HubClaims, TheSameInstanceHasNameAndTimeInCommon) {
  const StatusAnswer listed{"Order", "x", "Running", noon, noon};
  StatusAnswer other = listed;
  other.runtime_status = "Completed";
  EXPECT_EQ(durable::compare_instances(listed, other), Kind::same);
  other.created_time = noon + 1s;
  EXPECT_EQ(durable::compare_instances(listed, other), Kind::different);
  other.created_time.reset();
  EXPECT_EQ(durable::compare_instances(listed, other), Kind::trouble);
}

}  // namespace
