// Starts that the ledger sends and ends itself: what is sent, and what is said about its fate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "desk/hub_desk.hpp"
#include "tests/integration/desk/hub_stand_in.hpp"

namespace {

using namespace std::chrono_literals;
using desk::HubDesk;
using desk::StartJob;
using desk::StartResult;
using desk::TerminateResult;
using test::answer;
using test::HubStandIn;
using test::Inbox;
using test::picture_of;
using test::Scripted;
using test::Then;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Ending = desk::StartResult::Ending;

StartJob job_for(desk::DeskEndpoint endpoint) {
  StartJob job;
  job.picture = picture_of({test::nobody("other"), std::move(endpoint)});
  job.endpoint = 1;
  job.function = "Order";
  job.id = "x";
  job.content_type = "application/json";
  job.body = std::make_shared<const std::string>("{\"n\":1}");
  job.deadline = test::in(400ms);
  return job;
}

StartResult start(StartJob job) {
  Inbox<StartResult> inbox;
  HubDesk desk;
  desk.start(std::move(job), inbox.put());
  return inbox.one();
}

std::string ending(const StartResult& result) {
  return std::string{to_string(result.ending)};
}

TEST(Starts, CarryFunctionIdBodyAndWhatTheEndpointWants) {
  HubStandIn hub{[](const std::string&) {
    return answer("202 Accepted", "{\"id\":\"x\"}", "Content-Type: application/json\r\n");
  }};
  desk::DeskEndpoint endpoint = hub.endpoint("weu");
  endpoint.base_path = "/prefix";
  endpoint.durable_key = config::Secret{"start-key"};
  endpoint.task_hub_name = "hub a";
  endpoint.connection = "Store";
  endpoint.secret_header = config::NameValue{"X-From-Proxy", "sesame"};
  StartJob job = job_for(endpoint);
  job.function = "Order/now";
  job.id = "a b?c%";
  const StartResult result = start(std::move(job));
  EXPECT_EQ(ending(result), "answered");
  EXPECT_EQ(result.status, 202);
  EXPECT_EQ(result.body, "{\"id\":\"x\"}");
  EXPECT_EQ(result.content_type, "application/json");
  EXPECT_TRUE(result.whole);
  EXPECT_TRUE(result.own_key);
  EXPECT_THAT(
      hub.requests(),
      ElementsAre(AllOf(StartsWith("POST /prefix/runtime/webhooks/durabletask/orchestrators/"
                                   "Order%2Fnow/a%20b%3Fc%25?taskHub=hub%20a&connection=Store "
                                   "HTTP/1.1\r\n"),
                        HasSubstr("\r\nx-functions-key: start-key\r\n"),
                        HasSubstr("\r\nX-From-Proxy: sesame\r\n"),
                        HasSubstr("\r\nContent-Type: application/json\r\n"),
                        HasSubstr("\r\nContent-Length: 7\r\n"), EndsWith("\r\n\r\n{\"n\":1}"))));
}

TEST(Starts, WithoutBodyTypeIdOrKeySendNone) {
  HubStandIn hub{[](const std::string&) { return answer("202 Accepted"); }};
  StartJob job = job_for(hub.endpoint("weu"));
  job.body = nullptr;
  job.content_type.clear();
  job.id.clear();
  const StartResult result = start(std::move(job));
  EXPECT_EQ(ending(result), "answered");
  EXPECT_FALSE(result.own_key);
  EXPECT_THAT(hub.requests(),
              ElementsAre(AllOf(
                  StartsWith("POST /runtime/webhooks/durabletask/orchestrators/Order HTTP/1.1\r\n"),
                  Not(HasSubstr("x-functions-key")), Not(HasSubstr("Content-Type")),
                  HasSubstr("\r\nContent-Length: 0\r\n"), EndsWith("\r\n\r\n"))));
}

TEST(Starts, ABigBodyArrivesWhole) {
  HubStandIn hub{[](const std::string&) { return answer("202 Accepted"); }};
  StartJob job = job_for(hub.endpoint("weu"));
  job.body = std::make_shared<const std::string>(1 << 20, 'b');
  job.deadline = test::in(10s);
  EXPECT_EQ(ending(start(std::move(job))), "answered");
  ASSERT_EQ(hub.count(), 1U);
  EXPECT_THAT(hub.requests()[0], EndsWith("\r\n\r\n" + std::string(1 << 20, 'b')));
}

struct EndingRow {
  const char* name;
  Scripted scripted;
  Ending ending;
  int status;
  bool whole;
};

TEST(Starts, SayHowTheyEnded) {
  const std::string half = "HTTP/1.1 202 Accepted\r\nContent-Length: 99999\r\n\r\n{";
  for (const EndingRow& row : {
           EndingRow{"a refusal", answer("400 Bad Request", "no"), Ending::answered, 400, true},
           EndingRow{"trouble", answer("503 Service Unavailable"), Ending::answered, 503, true},
           EndingRow{"a close", {"", Then::close}, Ending::ended_by_peer, 0, false},
           EndingRow{"a reset", {"", Then::reset}, Ending::ended_by_peer, 0, false},
           EndingRow{
               "half a head", {"HTTP/1.1 202 Acc", Then::close}, Ending::ended_by_peer, 0, false},
           EndingRow{"silence", {"", Then::hang}, Ending::timed_out, 0, false},
           EndingRow{"half a head and silence",
                     {"HTTP/1.1 202 Acc", Then::hang},
                     Ending::timed_out,
                     0,
                     false},
           EndingRow{
               "no HTTP", {"SSH-2.0-OpenSSH\r\n\r\n", Then::hang}, Ending::timed_out, 0, false},
           // The head says it all: what breaks behind it takes nothing back.
           EndingRow{"half a body, closed", {half, Then::close}, Ending::answered, 202, false},
           EndingRow{"half a body and silence", {half, Then::hang}, Ending::answered, 202, false},
           EndingRow{"a body without end", {half, Then::dribble}, Ending::answered, 202, false},
       }) {
    HubStandIn hub{[&](const std::string&) { return row.scripted; }};
    const StartResult result = start(job_for(hub.endpoint("weu")));
    EXPECT_EQ(result.ending, row.ending) << row.name << ": " << ending(result);
    EXPECT_EQ(result.status, row.status) << row.name;
    EXPECT_EQ(result.whole, row.whole) << row.name;
  }
}

TEST(Starts, AnAnswerLongerThanIsKeptStillCounts) {
  const std::string page(100'000, 'p');
  HubStandIn hub{[&](const std::string&) { return answer("500 Internal Server Error", page); }};
  const StartResult result = start(job_for(hub.endpoint("weu")));
  EXPECT_EQ(ending(result), "answered");
  EXPECT_EQ(result.status, 500);
  EXPECT_EQ(result.body, page.substr(0, 16 * 1024));
  EXPECT_FALSE(result.whole);
}

TEST(Starts, ThatReachedNobodySayThatNothingWasSent) {
  EXPECT_EQ(ending(start(job_for(test::nobody("weu")))), "connect_failed");
  // A name that does not exist.
  desk::DeskEndpoint nameless;
  nameless.name = "weu";
  nameless.host = nameless.connect_host = "nowhere.invalid";
  nameless.connect_port = 80;
  EXPECT_EQ(ending(start(job_for(nameless))), "connect_failed");
  // No TLS over there: the handshake breaks, or hangs until the deadline.
  HubStandIn plain{[](const std::string&) { return answer("202 Accepted"); }};
  desk::DeskEndpoint tls = plain.endpoint("weu");
  tls.tls = true;
  tls.tls_settings.verify = false;
  EXPECT_EQ(ending(start(job_for(tls))), "connect_failed");
  EXPECT_EQ(plain.count(), 0U);
  StartJob late = job_for(plain.endpoint("weu"));
  late.deadline = test::in(-1s);
  EXPECT_EQ(ending(start(std::move(late))), "not_sent");
  StartJob astray = job_for(plain.endpoint("weu"));
  astray.endpoint = 2;
  EXPECT_EQ(ending(start(std::move(astray))), "not_sent");
}

TEST(Starts, ForWhichThereIsNoRoomAreNotSent) {
  HubStandIn hub{[](const std::string&) { return Scripted{"", Then::hang}; }};
  Inbox<StartResult> inbox;
  desk::DeskLimits limits;
  limits.in_flight = 2;
  limits.queue = 1;
  HubDesk desk{limits};
  for (int i = 0; i < 4; ++i) desk.start(job_for(hub.endpoint("weu")), inbox.put());
  EXPECT_EQ(ending(inbox.one()), "not_sent") << "the fourth, at once";
  ASSERT_TRUE(inbox.wait_for(4));
  std::size_t unsent = 0, late = 0;
  for (const StartResult& each : inbox.all()) {
    unsent += each.ending == Ending::not_sent;
    late += each.ending == Ending::timed_out;
  }
  // The third waited for a place until its time was over, or got one when theirs was.
  EXPECT_GE(late, 2U);
  EXPECT_EQ(late + unsent, 4U);
  EXPECT_EQ(hub.count(), 2U);
}

TEST(Starts, OfOneIdAreNeverJoined) {
  HubStandIn hub{[](const std::string&) { return answer("202 Accepted"); }};
  Inbox<StartResult> inbox;
  HubDesk desk;
  const StartJob job = job_for(hub.endpoint("weu"));
  for (int i = 0; i < 3; ++i) desk.start(job, inbox.put());
  ASSERT_TRUE(inbox.wait_for(3));
  EXPECT_EQ(hub.count(), 3U);
}

TerminateResult terminate(desk::DeskEndpoint endpoint) {
  Inbox<TerminateResult> inbox;
  HubDesk desk;
  desk::TerminateJob job;
  endpoint.durable_key = config::Secret{"end-key"};
  job.picture = picture_of({test::nobody("other"), std::move(endpoint)});
  job.endpoint = 1;
  job.id = "a/b";
  job.deadline = test::in(400ms);
  desk.terminate(std::move(job), inbox.put());
  return inbox.one();
}

struct TerminateRow {
  const char* name;
  Scripted scripted;
  bool delivered;
  int status;
};

TEST(Terminates, AreDeliveredWhenTheHubTookThemOrHasNothingToEnd) {
  for (const TerminateRow& row : {
           TerminateRow{"taken", answer("202 Accepted"), true, 202},
           TerminateRow{"unknown there", answer("404 Not Found"), true, 404},
           TerminateRow{"over", answer("410 Gone"), true, 410},
           TerminateRow{"a page that says 404", answer("404 Not Found", "<html>"), false, 404},
           TerminateRow{"a key that is not taken", answer("401 Unauthorized"), false, 401},
           TerminateRow{"trouble", answer("500 Internal Server Error"), false, 500},
           TerminateRow{"a reset", {"", Then::reset}, false, 0},
           TerminateRow{"silence", {"", Then::hang}, false, 0},
       }) {
    HubStandIn hub{[&](const std::string&) { return row.scripted; }};
    const TerminateResult result = terminate(hub.endpoint("weu"));
    EXPECT_EQ(result.delivered, row.delivered) << row.name;
    EXPECT_EQ(result.status, row.status) << row.name;
    EXPECT_THAT(hub.requests(),
                ElementsAre(AllOf(StartsWith("POST /runtime/webhooks/durabletask/instances/"
                                             "a%2Fb/terminate HTTP/1.1\r\n"),
                                  HasSubstr("\r\nx-functions-key: end-key\r\n"))))
        << row.name;
  }
  EXPECT_FALSE(terminate(test::nobody("weu")).delivered);
}

}  // namespace
