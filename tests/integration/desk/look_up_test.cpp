// Which hub knows an instance: the desk against apps on real sockets that behave, lie, hang or die.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "desk/hub_desk.hpp"
#include "tests/integration/desk/hub_stand_in.hpp"

namespace {

using namespace std::chrono_literals;
using desk::Found;
using desk::HubDesk;
using desk::LookUp;
using desk::Verdict;
using test::answer;
using test::HubStandIn;
using test::Inbox;
using test::picture_of;
using test::Scripted;
using test::status_body;
using test::Then;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Outcome = desk::Found::Outcome;

HubStandIn::Script always(Scripted scripted) {
  return [scripted](const std::string&) { return scripted; };
}

const Scripted absent = answer("404 Not Found");

Found look_up(HubDesk& desk, desk::SharedPicture picture, std::chrono::milliseconds limit = 10s) {
  Inbox<Found> inbox;
  LookUp job;
  job.picture = std::move(picture);
  job.instance_id = "a+b%20c";
  job.deadline = test::in(limit);
  desk.look_up(std::move(job), inbox.put());
  return inbox.one();
}

Found look_up_at(HubStandIn& first, HubStandIn& second, std::chrono::milliseconds limit = 10s) {
  HubDesk desk;
  return look_up(desk, picture_of({first.endpoint("weu"), second.endpoint("neu")}), limit);
}

TEST(LookUps, FindTheHubAndSayWhatItSaid) {
  HubStandIn weu{always(absent)};
  HubStandIn neu{always(answer("202 Accepted", status_body("a b c", "Running")))};
  const Found found = look_up_at(weu, neu);
  EXPECT_EQ(found.outcome, Outcome::at);
  EXPECT_EQ(found.endpoint, 1U);
  EXPECT_EQ(found.status, 202);
  EXPECT_EQ(found.answer.runtime_status, "Running");
  EXPECT_TRUE(found.answer.created_time);
  ASSERT_EQ(found.verdicts.size(), 2U);
  EXPECT_EQ(found.verdicts[0].verdict, Verdict::absent);
  EXPECT_EQ(found.verdicts[1].verdict, Verdict::found);
  EXPECT_THAT(weu.requests(),
              ElementsAre(StartsWith("GET /runtime/webhooks/durabletask/instances/a+b%20c"
                                     "?showInput=false HTTP/1.1\r\nHost: app.example\r\n")));
}

TEST(LookUps, TwoEmpty404sProveAbsence) {
  HubStandIn weu{always(absent)}, neu{always(absent)};
  const Found found = look_up_at(weu, neu);
  EXPECT_EQ(found.outcome, Outcome::absent_everywhere);
  EXPECT_TRUE(found.away.empty());
}

struct NoProof {
  const char* name;
  Scripted scripted;
};

TEST(LookUps, NothingButAnEmpty404ProvesAbsence) {
  for (const NoProof& row : {
           NoProof{"a page of an unknown host",
                   answer("404 Not Found", "<html>no such site</html>")},
           NoProof{"an error", answer("500 Internal Server Error", "{\"Message\":\"storage\"}")},
           NoProof{"an error without a body", answer("500 Internal Server Error")},
           NoProof{"a stopped app", answer("403 Forbidden", "This web app is stopped")},
           NoProof{"a starting host", answer("503 Service Unavailable")},
           NoProof{"a redirect", answer("302 Found", "", "Location: /login\r\n")},
           NoProof{"a page with 200", answer("200 OK", "<html>welcome</html>")},
           NoProof{"an empty 200", answer("200 OK")},
           NoProof{"a 404 that says a status",
                   answer("404 Not Found", status_body("x", "Running"))},
           NoProof{"a reset", {"", Then::reset}},
           NoProof{"silence", {"", Then::hang}},
           NoProof{"half a head", {"HTTP/1.1 404 Not Fou", Then::close}},
           NoProof{"a body that does not end",
                   {"HTTP/1.1 202 Accepted\r\nContent-Length: 500\r\n\r\n{", Then::dribble}},
           NoProof{"no HTTP", {"220 mail.example ESMTP\r\n\r\n", Then::close}},
       }) {
    HubStandIn weu{always(absent)}, neu{always(row.scripted)};
    const Found found = look_up_at(weu, neu, 400ms);
    EXPECT_EQ(found.outcome, Outcome::cannot_tell) << row.name;
    EXPECT_THAT(found.away, ElementsAre("neu")) << row.name;
    ASSERT_EQ(found.verdicts.size(), 2U);
    EXPECT_EQ(found.verdicts[1].verdict, Verdict::unclear) << row.name;
    EXPECT_FALSE(found.verdicts[1].detail.empty()) << row.name;
  }
}

TEST(LookUps, ARefusedKeyIsNamedAsSuch) {
  HubStandIn weu{always(absent)}, neu{always(answer("401 Unauthorized"))};
  const Found found = look_up_at(weu, neu);
  EXPECT_EQ(found.outcome, Outcome::cannot_tell);
  EXPECT_EQ(found.verdicts.at(1).verdict, Verdict::refused);
}

TEST(LookUps, NobodyThereIsNoProofEither) {
  HubStandIn weu{always(absent)};
  HubDesk desk;
  const Found found = look_up(desk, picture_of({weu.endpoint("weu"), test::nobody("neu")}));
  EXPECT_EQ(found.outcome, Outcome::cannot_tell);
  EXPECT_THAT(found.verdicts.at(1).detail, HasSubstr("connect"));
}

TEST(LookUps, AnEndpointThatIsAwayIsNotAskedAndNamed) {
  HubStandIn weu{always(absent)}, neu{always(absent)};
  desk::DeskEndpoint away = neu.endpoint("neu");
  away.away = true;
  HubDesk desk;
  const Found found = look_up(desk, picture_of({weu.endpoint("weu"), away}));
  EXPECT_EQ(found.outcome, Outcome::absent_but_away);
  EXPECT_THAT(found.away, ElementsAre("neu"));
  EXPECT_EQ(found.verdicts.at(1).verdict, Verdict::not_asked);
  EXPECT_EQ(neu.count(), 0U);
}

TEST(LookUps, FoundInOneHubCountsAlthoughTheOtherIsAwayOrHangs) {
  HubStandIn weu{always({"", Then::hang})};
  HubStandIn neu{always(answer("200 OK", status_body("x", "Completed")))};
  const auto before = std::chrono::steady_clock::now();
  const Found found = look_up_at(weu, neu, 30s);
  EXPECT_EQ(found.outcome, Outcome::at);
  EXPECT_EQ(found.endpoint, 1U);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s) << "it did not wait for the other";
}

struct TwoHubs {
  const char* name;
  std::string weu, neu;
  std::size_t chosen;
};

TEST(LookUps, AnIdInBothHubsIsTheNewestRunningElseTheNewest) {
  const std::string monday = "2026-11-23T12:00:00Z", tuesday = "2026-11-24T12:00:00Z";
  for (const TwoHubs& row : {
           TwoHubs{"running beats newer", status_body("x", "Running", monday),
                   status_body("x", "Completed", tuesday), 0},
           TwoHubs{"the newer of two running", status_body("x", "Running", monday),
                   status_body("x", "Pending", tuesday), 1},
           TwoHubs{"the newer of two finished", status_body("x", "Failed", monday),
                   status_body("x", "Completed", tuesday), 1},
           TwoHubs{"the preferred of two alike", status_body("x", "Failed", monday),
                   status_body("x", "Failed", monday), 0},
           TwoHubs{"a time beats none", status_body("x", "Failed", "?"),
                   status_body("x", "Failed", monday), 1},
       }) {
    HubStandIn weu{always(answer("200 OK", row.weu))}, neu{always(answer("200 OK", row.neu))};
    const Found found = look_up_at(weu, neu);
    EXPECT_EQ(found.outcome, Outcome::at) << row.name;
    EXPECT_EQ(found.endpoint, row.chosen) << row.name;
  }
}

TEST(LookUps, OrderSaysWhoIsAskedAndWhoIsPreferred) {
  const Scripted there = answer("200 OK", status_body("x", "Completed"));
  HubStandIn weu{always(there)}, neu{always(there)}, sea{always(there)};
  Inbox<Found> inbox;
  HubDesk desk;
  LookUp job;
  job.picture = picture_of({weu.endpoint("weu"), neu.endpoint("neu"), sea.endpoint("sea")});
  job.instance_id = "x";
  job.order = {2, 1, 99, 2};
  desk.look_up(std::move(job), inbox.put());
  const Found found = inbox.one();
  EXPECT_EQ(found.endpoint, 2U);
  EXPECT_EQ(found.verdicts.at(0).verdict, Verdict::not_asked);
  EXPECT_EQ(weu.count(), 0U);
  EXPECT_EQ(sea.count(), 1U) << "named twice, asked once";
}

TEST(LookUps, AnAnswerTooLongToReadStillSaysWhereTheInstanceIs) {
  HubStandIn weu{always(absent)};
  HubStandIn neu{always(answer("200 OK", std::string(100'000, ' ') + status_body("x", "Running")))};
  desk::DeskLimits limits;
  limits.look_up_body = 50'000;
  HubDesk desk{limits};
  const Found found = look_up(desk, picture_of({weu.endpoint("weu"), neu.endpoint("neu")}));
  EXPECT_EQ(found.outcome, Outcome::at);
  EXPECT_EQ(found.endpoint, 1U);
  EXPECT_TRUE(found.too_large);
  EXPECT_TRUE(found.answer.runtime_status.empty());
}

TEST(LookUps, AnEntityIsFoundByItsState) {
  HubStandIn weu{always(answer("200 OK", "42"))}, neu{always(absent)};
  Inbox<Found> inbox;
  HubDesk desk;
  LookUp job;
  job.picture = picture_of({weu.endpoint("weu"), neu.endpoint("neu")});
  job.entity_name = "Counter";
  job.entity_key = "k%2F1";
  desk.look_up(std::move(job), inbox.put());
  EXPECT_EQ(inbox.one().outcome, Outcome::at);
  EXPECT_THAT(weu.requests(),
              ElementsAre(StartsWith(
                  "GET /runtime/webhooks/durabletask/entities/Counter/k%2F1 HTTP/1.1\r\n")));
}

TEST(LookUps, APageIsNoEntity) {
  HubStandIn weu{always(answer("200 OK", "<html>", "Content-Type: text/html\r\n"))};
  Inbox<Found> inbox;
  HubDesk desk;
  LookUp job;
  job.picture = picture_of({weu.endpoint("weu")});
  job.entity_name = "Counter";
  job.entity_key = "k";
  desk.look_up(std::move(job), inbox.put());
  EXPECT_EQ(inbox.one().outcome, Outcome::cannot_tell);
}

std::string field_of(const std::string& request, const std::string& name) {
  const std::size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return request.substr(begin, request.find("\r\n", begin) - begin);
}

struct KeyRow {
  const char* name;
  std::string own_key;
  desk::ClientCredential credential;
  std::string wanted_header, wanted_code;
};

TEST(LookUps, UseOurKeyOnlyForClientsThatMayAndElseTheirOwn) {
  for (const KeyRow& row : {
           KeyRow{"ours beats theirs", "own-1", {"theirs", "their-code", true}, "own-1", ""},
           KeyRow{"theirs when they may not", "own-1", {"theirs", "c%2F", false}, "theirs", "c%2F"},
           KeyRow{"theirs when we have none", "", {"theirs", "", true}, "theirs", ""},
           KeyRow{"their code alone", "own-1", {"", "abc", false}, "", "abc"},
           KeyRow{"nothing at all", "", {}, "", ""},
       }) {
    HubStandIn weu{always(absent)};
    desk::DeskEndpoint endpoint = weu.endpoint("weu");
    endpoint.durable_key = config::Secret{row.own_key};
    endpoint.base_path = "/prefix";
    endpoint.task_hub_name = "Hub 1";
    endpoint.secret_header = config::NameValue{"X-Lock", "lock-value"};
    HubDesk desk;
    Inbox<Found> inbox;
    LookUp job;
    job.picture = picture_of({endpoint});
    job.instance_id = "x";
    job.credential = row.credential;
    job.names_task_hub = job.names_connection = true;
    desk.look_up(std::move(job), inbox.put());
    inbox.one();
    const std::string request = weu.requests().at(0);
    const std::string code = row.wanted_code.empty() ? "" : "&code=" + row.wanted_code;
    EXPECT_THAT(request, StartsWith("GET /prefix/runtime/webhooks/durabletask/instances/x"
                                    "?showInput=false&taskHub=Hub%201" +
                                    code + " HTTP/1.1\r\n"))
        << row.name;
    EXPECT_THAT(request, HasSubstr("X-Lock: lock-value\r\n"));
    EXPECT_EQ(field_of(request, "x-functions-key"), row.wanted_header) << row.name;
    EXPECT_TRUE(row.wanted_header != "own-1" || request.find("their") == std::string::npos)
        << row.name;
  }
}

}  // namespace
