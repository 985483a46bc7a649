// Lists, purges, makeprimary and the check of task_hub over hubs on real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "desk/hub_desk.hpp"
#include "tests/integration/desk/hub_stand_in.hpp"

namespace {

using namespace std::chrono_literals;
using desk::Answer;
using desk::HubDesk;
using desk::ListJob;
using test::answer;
using test::HubStandIn;
using test::Inbox;
using test::picture_of;
using test::Scripted;
using test::status_body;
using test::Then;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

std::string header(const Answer& answer, std::string_view name) {
  const std::string* value = transport::find_header(answer.headers, name);
  return value == nullptr ? "" : *value;
}

std::string request_header(const std::string& request, const std::string& name) {
  const std::size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return request.substr(begin, request.find("\r\n", begin) - begin);
}

// A hub with `size` instances that gives at most `page` of them (and at most `top`) per answer.
HubStandIn::Script hub_of(std::string prefix, int size, int page = 1000, bool obeys_top = true) {
  return [=](const std::string& request) {
    const std::string token = request_header(request, "x-ms-continuation-token");
    const int first = token.empty() ? 0 : std::stoi(token.substr(1));
    int count = page;
    const std::size_t top = request.find("top=");
    if (obeys_top && top != std::string::npos)
      count = std::min(count, std::stoi(request.substr(top + 4)));
    const int last = std::min(size, first + count);
    std::string body;
    for (int i = first; i < last; ++i)
      body +=
          (body.empty() ? "" : ",") + ("{\"instanceId\": \"" + prefix + std::to_string(i)) + "\"}";
    const std::string fields =
        last < size ? "x-ms-continuation-token: t" + std::to_string(last) + "\r\n" : "";
    return answer("200 OK", "[" + body + "]", fields);
  };
}

Answer list(HubDesk& desk, desk::SharedPicture picture, std::string query = "",
            std::string token = "", std::chrono::milliseconds limit = 10s) {
  Inbox<Answer> inbox;
  ListJob job;
  job.picture = std::move(picture);
  job.query = std::move(query);
  job.continuation_token = std::move(token);
  job.deadline = test::in(limit);
  desk.list(std::move(job), inbox.put());
  return inbox.one();
}

std::vector<std::string> ids(const Answer& answer) {
  std::vector<std::string> out;
  const Json json = Json::parse(answer.body, nullptr, false);
  if (json.is_array())
    for (const Json& each : json) out.push_back(each.value("instanceId", ""));
  return out;
}

TEST(Lists, WithoutTopAreOneAnswerOfAllRegions) {
  HubStandIn weu{hub_of("w", 2)}, neu{hub_of("n", 3)};
  HubDesk desk;
  const Answer all = list(desk, picture_of({weu.endpoint("weu"), neu.endpoint("neu")}),
                          "runtimeStatus=Running&code=geheim");
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.outcome, Answer::Outcome::served);
  EXPECT_THAT(ids(all), ElementsAre("w0", "w1", "n0", "n1", "n2"));
  EXPECT_EQ(header(all, "x-ms-continuation-token"), "");
  EXPECT_EQ(header(all, "Content-Type"), "application/json; charset=utf-8");
  EXPECT_THAT(weu.requests(), ElementsAre(StartsWith("GET /runtime/webhooks/durabletask/instances"
                                                     "?runtimeStatus=Running HTTP/1.1\r\n")));
}

struct WalkRow {
  const char* name;
  int weu, neu, top, page;
  bool obeys_top;
};

TEST(Lists, PagesRunThroughTheRegionsInOrderWithoutLossOrRepetition) {
  for (const WalkRow& row : {
           WalkRow{"a page ends inside a region", 5, 4, 2, 1000, true},
           WalkRow{"a page ends with a region", 4, 4, 2, 1000, true},
           WalkRow{"pages of one", 3, 2, 1, 1000, true},
           WalkRow{"one page for all", 5, 4, 100, 1000, true},
           WalkRow{"the apps give less than was asked for", 7, 5, 4, 3, true},
           WalkRow{"the apps give more than was asked for", 7, 5, 2, 3, false},
           WalkRow{"far more", 9, 9, 2, 1000, false},
           WalkRow{"an empty region first", 0, 3, 2, 1000, true},
           WalkRow{"an empty region last", 3, 0, 3, 1000, true},
           WalkRow{"nothing anywhere", 0, 0, 3, 1000, true},
       }) {
    HubStandIn weu{hub_of("w", row.weu, row.page, row.obeys_top)};
    HubStandIn neu{hub_of("n", row.neu, row.page, row.obeys_top)};
    HubDesk desk;
    const auto picture = picture_of({weu.endpoint("weu"), neu.endpoint("neu")});
    std::vector<std::string> seen, wanted;
    for (int i = 0; i < row.weu; ++i) wanted.push_back("w" + std::to_string(i));
    for (int i = 0; i < row.neu; ++i) wanted.push_back("n" + std::to_string(i));
    std::string token;
    int pages = 0;
    do {
      const Answer page = list(desk, picture, "top=" + std::to_string(row.top), token);
      ASSERT_EQ(page.status, 200) << row.name << ": " << page.body;
      const auto items = ids(page);
      EXPECT_LE(items.size(), static_cast<std::size_t>(row.top)) << row.name;
      seen.insert(seen.end(), items.begin(), items.end());
      token = header(page, "x-ms-continuation-token");
    } while (!token.empty() && ++pages < 50);
    EXPECT_EQ(seen, wanted) << row.name;
  }
}

TEST(Lists, AnIdOfBothRegionsIsListedTwiceUnlessTheRowsAreTheSame) {
  const std::string same = status_body("x", "Running");
  HubStandIn weu{[&](const std::string&) { return answer("200 OK", "[" + same + "]"); }};
  HubStandIn neu{[&](const std::string&) {
    return answer("200 OK", "[" + same + "," + status_body("x", "Completed") + "]");
  }};
  HubDesk desk;
  const Answer all = list(desk, picture_of({weu.endpoint("weu"), neu.endpoint("neu")}));
  EXPECT_EQ(all.body, "[" + same + "," + status_body("x", "Completed") + "]");
}

TEST(Lists, OfEntitiesAreMergedLikewise) {
  HubStandIn weu{hub_of("w", 1)}, neu{hub_of("n", 1)};
  Inbox<Answer> inbox;
  HubDesk desk;
  ListJob job;
  job.picture = picture_of({weu.endpoint("weu"), neu.endpoint("neu")});
  job.entities = true;
  job.entity_name = "Counter";
  job.query = "fetchState=true";
  desk.list(job, inbox.put());
  EXPECT_EQ(ids(inbox.one()).size(), 2U);
  EXPECT_THAT(neu.requests(),
              ElementsAre(StartsWith("GET /runtime/webhooks/durabletask/entities/Counter"
                                     "?fetchState=true HTTP/1.1\r\n")));
}

TEST(Lists, AForeignOrOutdatedTokenIsABadRequest) {
  HubStandIn weu{hub_of("w", 9)}, neu{hub_of("n", 9)};
  HubDesk desk;
  const auto picture = picture_of({weu.endpoint("weu"), neu.endpoint("neu")});
  const std::string ours = header(list(desk, picture, "top=2"), "x-ms-continuation-token");
  ASSERT_FALSE(ours.empty());
  const auto moved = picture_of({neu.endpoint("neu")});  // weu was taken out of the configuration
  const std::size_t asked = weu.count() + neu.count();
  for (const Answer& refused :
       {list(desk, picture, "top=2", "t2"), list(desk, picture, "top=2", ours + "x"),
        list(desk, moved, "top=2", ours)}) {
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.outcome, Answer::Outcome::bad_token);
    EXPECT_EQ(Json::parse(refused.body)["kind"], "bad_continuation_token");
  }
  EXPECT_EQ(weu.count() + neu.count(), asked) << "nobody was asked";
}

struct BadRegion {
  const char* name;
  Scripted scripted;
};

TEST(Lists, ARegionThatFailsIsMissingAndNamed) {
  for (const BadRegion& row : {
           BadRegion{"an error", answer("500 Internal Server Error")},
           BadRegion{"a page", answer("200 OK", "<html></html>")},
           BadRegion{"an object", answer("200 OK", "{}")},
           BadRegion{"half a list", answer("200 OK", "[{\"a\":1}")},
           BadRegion{"a page that says 404", answer("404 Not Found", "<html>")},
           BadRegion{"a reset", {"", Then::reset}},
           BadRegion{"silence", {"", Then::hang}},
           BadRegion{"drops", {"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n[", Then::dribble}},
           BadRegion{"a list too long", answer("200 OK", "[" + std::string(70'000, ' ') + "]")},
       }) {
    HubStandIn weu{hub_of("w", 2)};
    HubStandIn neu{[&](const std::string&) { return row.scripted; }};
    desk::DeskLimits limits;
    limits.list_body = 60'000;
    HubDesk desk{limits};
    const auto picture = picture_of({weu.endpoint("weu"), neu.endpoint("neu")});
    const Answer missing = list(desk, picture, "", "", 400ms);
    EXPECT_EQ(missing.status, 503) << row.name;
    EXPECT_EQ(missing.outcome, Answer::Outcome::missing) << row.name;
    EXPECT_THAT(missing.missing, ElementsAre("neu")) << row.name;
    EXPECT_EQ(Json::parse(missing.body)["missing"], Json::array({"neu"})) << row.name;
    EXPECT_EQ(header(missing, "Retry-After"), "5");

    const Answer part = list(desk, picture, "partial=allow", "", 400ms);
    EXPECT_EQ(part.status, 200) << row.name;
    EXPECT_THAT(ids(part), ElementsAre("w0", "w1")) << row.name;
    EXPECT_EQ(header(part, "X-Understudy-Partial"), "neu") << row.name;
  }
}

TEST(Lists, ARegionThatIsAwayIsKnownBeforeAnybodyIsAsked) {
  HubStandIn weu{hub_of("w", 2)};
  desk::DeskEndpoint away = test::nobody("neu");
  away.away = true;
  HubDesk desk;
  const auto picture = picture_of({weu.endpoint("weu"), away});
  EXPECT_EQ(list(desk, picture).status, 503);
  EXPECT_EQ(weu.count(), 0U);
  EXPECT_EQ(header(list(desk, picture, "partial=allow"), "X-Understudy-Partial"), "neu");
  const auto nowhere = picture_of({away});
  EXPECT_EQ(list(desk, nowhere, "partial=allow").status, 503) << "of nothing there is no part";
}

TEST(Lists, TheClientsOwnMistakesAreToldInTheAppsWords) {
  HubStandIn weu{[](const std::string& request) {
    return request.find("bad") != std::string::npos
               ? answer("400 Bad Request", "{\"Message\":\"no\"}",
                        "Content-Type: application/json\r\n")
               : answer("401 Unauthorized");
  }};
  HubDesk desk;
  desk::DeskEndpoint endpoint = weu.endpoint("weu");
  const Answer bad = list(desk, picture_of({endpoint}), "createdTimeFrom=bad");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.outcome, Answer::Outcome::relayed);
  EXPECT_EQ(bad.body, "{\"Message\":\"no\"}");
  EXPECT_EQ(list(desk, picture_of({endpoint})).status, 401) << "its own key was refused";
  endpoint.durable_key = config::Secret{"ours"};
  Inbox<Answer> inbox;
  ListJob job;
  job.picture = picture_of({endpoint});
  job.credential.may_use_keys = true;
  desk.list(job, inbox.put());
  EXPECT_EQ(inbox.one().status, 503) << "our key was refused: not the client's fault";
}

Answer purge(desk::SharedPicture picture, std::string query) {
  Inbox<Answer> inbox;
  HubDesk desk;
  desk::PurgeJob job;
  job.picture = std::move(picture);
  job.query = std::move(query);
  job.deadline = test::in(400ms);
  desk.purge(std::move(job), inbox.put());
  return inbox.one();
}

HubStandIn::Script deletes(int count) {
  return [count](const std::string&) {
    return count == 0 ? answer("404 Not Found")
                      : answer("200 OK", "{\"instancesDeleted\":" + std::to_string(count) + "}");
  };
}

TEST(Purges, AddUpWhatTheRegionsDeleted) {
  HubStandIn weu{deletes(3)}, neu{deletes(4)}, none{deletes(0)};
  const std::string from = "createdTimeFrom=2026-01-01T00:00:00Z";
  const Answer both = purge(picture_of({weu.endpoint("weu"), neu.endpoint("neu")}), from);
  EXPECT_EQ(both.status, 200);
  EXPECT_EQ(both.body, "{\"instancesDeleted\":7}");
  EXPECT_THAT(weu.requests(),
              ElementsAre(StartsWith("DELETE /runtime/webhooks/durabletask/instances?" + from)));
  EXPECT_EQ(purge(picture_of({none.endpoint("weu"), neu.endpoint("neu")}), from).body,
            "{\"instancesDeleted\":4}");
  const Answer nothing = purge(picture_of({none.endpoint("weu"), none.endpoint("neu")}), from);
  EXPECT_EQ(nothing.status, 404);
  EXPECT_EQ(nothing.body, "");
}

TEST(Purges, SayWhatWasDeletedBeforeARegionFailed) {
  HubStandIn weu{deletes(3)}, empty{deletes(0)};
  HubStandIn hangs{[](const std::string&) { return Scripted{"", Then::hang}; }};
  const Answer lost = purge(picture_of({weu.endpoint("weu"), hangs.endpoint("neu")}), "");
  EXPECT_EQ(lost.status, 502);
  EXPECT_EQ(lost.outcome, Answer::Outcome::in_part);
  EXPECT_THAT(lost.body, HasSubstr("weu deleted 3; neu did not confirm and may have deleted some"));
  EXPECT_THAT(lost.missing, ElementsAre("neu"));
  const Answer refused = purge(picture_of({weu.endpoint("weu"), test::nobody("neu")}), "");
  EXPECT_EQ(refused.status, 502);
  EXPECT_THAT(refused.body, HasSubstr("neu was not reached and deleted nothing"));
  const Answer clean = purge(picture_of({empty.endpoint("weu"), test::nobody("neu")}), "");
  EXPECT_EQ(clean.status, 503) << "nothing has happened: try again later";
}

TEST(Purges, DoNotBeginWhileARegionIsAway) {
  HubStandIn weu{deletes(3)};
  desk::DeskEndpoint away = test::nobody("neu");
  away.away = true;
  const auto picture = picture_of({weu.endpoint("weu"), away});
  EXPECT_EQ(purge(picture, "").status, 503);
  EXPECT_EQ(weu.count(), 0U);
  const Answer part = purge(picture, "partial=allow");
  EXPECT_EQ(part.body, "{\"instancesDeleted\":3}");
  EXPECT_EQ(header(part, "X-Understudy-Partial"), "neu");
}

TEST(Purges, AMissingTimeIsToldInTheAppsWords) {
  HubStandIn weu{[](const std::string&) { return answer("400 Bad Request", "{}"); }};
  HubStandIn neu{deletes(9)};
  const Answer refused = purge(picture_of({weu.endpoint("weu"), neu.endpoint("neu")}), "");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(neu.count(), 0U);
}

desk::MakePrimaryResult make_primary(desk::DeskEndpoint endpoint) {
  Inbox<desk::MakePrimaryResult> inbox;
  HubDesk desk;
  desk::MakePrimaryJob job;
  endpoint.durable_key = config::Secret{"lease-key"};
  job.picture = picture_of({test::nobody("other"), std::move(endpoint)});
  job.endpoint = 1;
  job.deadline = test::in(400ms);
  desk.make_primary(std::move(job), inbox.put());
  return inbox.one();
}

TEST(MakePrimary, TellsAcceptedFromRefusedFromUnknown) {
  using Outcome = desk::MakePrimaryResult::Outcome;
  HubStandIn good{[](const std::string&) { return answer("200 OK"); }};
  EXPECT_EQ(make_primary(good.endpoint("weu")).outcome, Outcome::accepted);
  EXPECT_THAT(
      good.requests(),
      ElementsAre(::testing::AllOf(
          StartsWith("POST /runtime/webhooks/durabletask/makeprimary HTTP/1.1\r\n"),
          HasSubstr("x-functions-key: lease-key\r\n"), HasSubstr("Content-Length: 0\r\n"))));
  HubStandIn off{[](const std::string&) { return answer("400 Bad Request"); }};
  const auto refused = make_primary(off.endpoint("weu"));
  EXPECT_EQ(refused.outcome, Outcome::refused);
  EXPECT_EQ(refused.status, 400);
  HubStandIn gateway{[](const std::string&) { return answer("504 Gateway Timeout"); }};
  EXPECT_EQ(make_primary(gateway.endpoint("weu")).outcome, Outcome::unknown);
  HubStandIn hangs{[](const std::string&) { return Scripted{"", Then::hang}; }};
  EXPECT_EQ(make_primary(hangs.endpoint("weu")).outcome, Outcome::unknown);
  const auto unsent = make_primary(test::nobody("weu"));
  EXPECT_EQ(unsent.outcome, Outcome::not_sent);
  EXPECT_THAT(unsent.detail, Not(HasSubstr("lease-key")));
}

// A hub that holds these instances, by id and creation time.
HubStandIn::Script holds(std::map<std::string, std::string> instances) {
  return [instances](const std::string& request) {
    const std::size_t at = request.find("instances");
    if (request[at + 9] == '?')
      return answer(
          "200 OK",
          instances.empty()
              ? "[]"
              : "[" + status_body(instances.begin()->first, "Running", instances.begin()->second) +
                    "]");
    const std::string id = request.substr(at + 10, request.find('?', at) - at - 10);
    const auto found = instances.find(id == "a%20b" ? "a b" : id);
    return found == instances.end()
               ? answer("404 Not Found")
               : answer("202 Accepted", status_body(found->first, "Running", found->second));
  };
}

durable::HubClaim claim(config::TaskHub claimed, desk::SharedPicture picture) {
  desk::HubClaimJob job;
  job.picture = std::move(picture);
  job.claimed = claimed;
  job.deadline = test::in(2s);
  return desk::check_hub_claim_blocking(std::move(job));
}

TEST(HubClaim, IsCheckedInBothDirections) {
  using Verdict = durable::HubClaim::Verdict;
  using config::TaskHub;
  const std::string monday = "2026-11-23T12:00:00Z", tuesday = "2026-11-24T12:00:00Z";
  HubStandIn one{holds({{"a b", monday}})}, same{holds({{"a b", monday}})};
  HubStandIn other{holds({{"c", monday}})}, singleton{holds({{"a b", tuesday}})}, empty{holds({})};
  HubStandIn broken{[](const std::string&) { return answer("500 Internal Server Error"); }};
  HubStandIn locked{[](const std::string&) { return answer("401 Unauthorized"); }};
  const auto with = [&](HubStandIn& second) {
    return picture_of({one.endpoint("weu"), second.endpoint("neu")});
  };
  EXPECT_EQ(claim(TaskHub::shared, with(same)).verdict, Verdict::ok);
  EXPECT_EQ(claim(TaskHub::per_region, with(same)).verdict, Verdict::contradiction);
  EXPECT_EQ(claim(TaskHub::per_region, with(other)).verdict, Verdict::ok);
  EXPECT_EQ(claim(TaskHub::shared, with(other)).verdict, Verdict::contradiction);
  EXPECT_EQ(claim(TaskHub::per_region, with(singleton)).verdict, Verdict::ok);
  EXPECT_EQ(claim(TaskHub::per_region, with(empty)).verdict, Verdict::ok);
  EXPECT_EQ(claim(TaskHub::shared, with(empty)).verdict, Verdict::contradiction);
  EXPECT_EQ(
      claim(TaskHub::shared, picture_of({empty.endpoint("weu"), empty.endpoint("neu")})).verdict,
      Verdict::cannot_tell);
  const auto trouble = claim(TaskHub::shared, with(broken));
  EXPECT_EQ(trouble.verdict, Verdict::cannot_tell);
  EXPECT_THAT(trouble.message, HasSubstr("neu did not answer as a hub does: HTTP 500"));
  const auto keyless = claim(TaskHub::shared, with(locked));
  EXPECT_EQ(keyless.verdict, Verdict::cannot_tell);
  EXPECT_THAT(keyless.message, HasSubstr("neu wants a key"));
  EXPECT_EQ(claim(TaskHub::shared, picture_of({one.endpoint("weu"), test::nobody("neu")})).verdict,
            Verdict::cannot_tell);
  EXPECT_EQ(claim(TaskHub::shared, picture_of({one.endpoint("weu")})).verdict,
            Verdict::cannot_tell);
}

}  // namespace
