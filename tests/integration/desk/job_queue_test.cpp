// The desk under load: joining, bounds, deadlines, and the end of it all while everything is open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "desk/hub_desk.hpp"
#include "tests/integration/desk/hub_stand_in.hpp"

namespace {

using namespace std::chrono_literals;
using desk::Found;
using desk::HubDesk;
using desk::LookUp;
using test::answer;
using test::HubStandIn;
using test::Inbox;
using test::picture_of;
using test::Scripted;
using test::status_body;
using test::Then;
using Outcome = desk::Found::Outcome;

LookUp look_up(desk::SharedPicture picture, std::string id, std::chrono::milliseconds limit = 30s) {
  LookUp job;
  job.picture = std::move(picture);
  job.instance_id = std::move(id);
  job.deadline = test::in(limit);
  return job;
}

std::map<std::string_view, std::size_t> outcomes(const std::vector<Found>& all) {
  std::map<std::string_view, std::size_t> counts;
  for (const Found& found : all) ++counts[to_string(found.outcome)];
  return counts;
}

using Counts = std::map<std::string_view, std::size_t>;

// Answers once the gate is open, so that a test decides what is open at the same time.
class Gate {
 public:
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, 10s, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

TEST(Joining, AThousandPollersOfOneIdAreOneRequest) {
  Gate gate;
  HubStandIn hub{[&](const std::string&) {
    gate.wait();
    return answer("202 Accepted", status_body("x", "Running"));
  }};
  Inbox<Found> inbox;
  HubDesk desk;
  const auto picture = picture_of({hub.endpoint("weu")});
  for (int i = 0; i < 1000; ++i) desk.look_up(look_up(picture, "x"), inbox.put());
  gate.open();
  ASSERT_TRUE(inbox.wait_for(1000));
  EXPECT_EQ(outcomes(inbox.all()), (Counts{{"at", 1000}}));
  EXPECT_EQ(hub.count(), 1U);
  EXPECT_EQ(desk.counts().joined, 999U);
  EXPECT_EQ(desk.counts().asked, 1U);
}

// A client that has just been told 202 by a hub must not get the 404 that somebody else's look-up
// was given before that start.
TEST(Joining, AnAbsenceFoundOutBeforeSomebodyAskedIsNotToldToThem) {
  Gate gate;
  std::atomic<int> requests{0};
  HubStandIn hub{[&](const std::string&) {
    if (requests++ > 0) return answer("202 Accepted", status_body("x", "Pending"));
    gate.wait();
    return answer("404 Not Found");
  }};
  Inbox<Found> early, late;
  HubDesk desk;
  const auto picture = picture_of({hub.endpoint("weu")});
  desk.look_up(look_up(picture, "x"), early.put());
  while (desk.counts().in_flight == 0) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) desk.look_up(look_up(picture, "x"), late.put());
  gate.open();
  EXPECT_EQ(early.one().outcome, Outcome::absent_everywhere);
  ASSERT_TRUE(late.wait_for(100));
  EXPECT_EQ(outcomes(late.all()), (Counts{{"at", 100}}));
  EXPECT_EQ(hub.count(), 2U);
}

TEST(Joining, IsOnlyForTheSameQuestionWithTheSameRight) {
  Gate gate;
  HubStandIn hub{[&](const std::string&) {
    gate.wait();
    return answer("404 Not Found");
  }};
  Inbox<Found> inbox;
  HubDesk desk;
  const auto picture = picture_of({hub.endpoint("weu")});
  std::vector<LookUp> different(7, look_up(picture, "x"));
  different[1].credential.header_key = "k";
  different[2].credential.code = "k";
  different[3].credential.may_use_keys = true;
  different[4].instance_id = "y";
  different[5].picture = picture_of({hub.endpoint("weu")});
  different[6].deadline = different[0].deadline - 10s;  // must not wait for a longer one
  for (const LookUp& job : different) desk.look_up(job, inbox.put());
  gate.open();
  ASSERT_TRUE(inbox.wait_for(7));
  EXPECT_EQ(desk.counts().joined, 0U);
  EXPECT_EQ(hub.count(), 7U);
}

TEST(Bounds, BeyondPlacesAndQueueAJobIsTurnedAwayAtOnce) {
  HubStandIn hub{[](const std::string&) { return Scripted{"", Then::hang}; }};
  Inbox<Found> inbox;
  desk::DeskLimits limits;
  limits.in_flight = 4;
  limits.queue = 8;
  HubDesk desk{limits};
  const auto picture = picture_of({hub.endpoint("weu")});
  for (int i = 0; i < 12; ++i) desk.look_up(look_up(picture, std::to_string(i)), inbox.put());
  bool turned_away = false;
  desk.look_up(look_up(picture, "one more"),
               [&](Found found) { turned_away = found.outcome == Outcome::overloaded; });
  EXPECT_TRUE(turned_away) << "inside the call";
  desk.look_up(look_up(picture, "3"), inbox.put());  // joining needs no place
  ASSERT_TRUE(hub.wait_for_requests(4));
  EXPECT_EQ(desk.counts().overloaded, 1U);
  desk.stop();
  EXPECT_EQ(outcomes(inbox.all()), (Counts{{"stopped", 13}}));
  EXPECT_EQ(hub.count(), 4U) << "never more than the places";
}

TEST(Bounds, CallbacksAreBoundedToo) {
  HubStandIn hub{[](const std::string&) { return Scripted{"", Then::hang}; }};
  Inbox<Found> inbox;
  desk::DeskLimits limits;
  limits.waiters = 10;
  HubDesk desk{limits};
  const auto picture = picture_of({hub.endpoint("weu")});
  for (int i = 0; i < 25; ++i) desk.look_up(look_up(picture, "x"), inbox.put());
  EXPECT_EQ(outcomes(inbox.all()), (Counts{{"overloaded", 15}}));
}

TEST(Deadlines, HoldForWhoIsAskedAndForWhoWaitsForAPlace) {
  HubStandIn hub{[](const std::string&) { return Scripted{"", Then::hang}; }};
  Inbox<Found> inbox;
  desk::DeskLimits limits;
  limits.in_flight = 2;
  HubDesk desk{limits};
  const auto picture = picture_of({hub.endpoint("weu")});
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i)
    desk.look_up(look_up(picture, std::to_string(i), 300ms), inbox.put());
  ASSERT_TRUE(inbox.wait_for(50));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s) << "not one after another";
  EXPECT_EQ(outcomes(inbox.all()), (Counts{{"cannot_tell", 50}}));
  EXPECT_GE(desk.counts().expired, 40U);
}

TEST(Load, TenThousandJobsAllGetTheirOwnAnswer) {
  HubStandIn weu{[](const std::string& request) {
    const std::string id = request.substr(request.find("instances/") + 10, 5);
    const bool here = (id.back() - '0') % 2 == 0;
    return here ? answer("200 OK", status_body(id, "Completed")) : answer("404 Not Found");
  }};
  HubStandIn neu{[](const std::string& request) {
    const std::string id = request.substr(request.find("instances/") + 10, 5);
    const bool here = (id.back() - '0') % 2 == 1;
    return here ? answer("200 OK", status_body(id, "Completed")) : answer("404 Not Found");
  }};
  Inbox<std::pair<int, Found>> inbox;
  const desk::DeskLimits limits;
  HubDesk desk;
  const auto put = inbox.put();
  const auto picture = picture_of({weu.endpoint("weu"), neu.endpoint("neu")});
  constexpr int ids = 2'500;  // four jobs for each
  const auto id_of = [](int i) { return 10'000 + i % ids; };
  for (int i = 0; i < 10'000; ++i)
    desk.look_up(look_up(picture, std::to_string(id_of(i)), 100s),
                 [put, i](Found found) { put({i, std::move(found)}); });
  ASSERT_TRUE(inbox.wait_for(10'000, 100s));
  std::set<int> seen;
  for (const auto& [i, found] : inbox.all()) {
    ASSERT_TRUE(seen.insert(i).second) << "called twice: " << i;
    ASSERT_EQ(found.outcome, Outcome::at) << i;
    ASSERT_EQ(found.endpoint, static_cast<std::size_t>(id_of(i) % 2));
    ASSERT_EQ(found.answer.instance_id, std::to_string(id_of(i)));
  }
  EXPECT_LE(weu.most_open(), 2 * limits.in_flight);
  EXPECT_EQ(desk.counts().queued, 0U);
}

TEST(TheEnd, EveryCallbackIsCalledExactlyOnceAndNoneAfterStop) {
  HubStandIn weu{[](const std::string& request) {
    const char last = request[request.find('?') - 1];
    if (last < '4') return answer("404 Not Found");
    if (last < '7') return Scripted{"", Then::hang};
    return Scripted{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Then::dribble};
  }};
  for (int round = 0; round < 5; ++round) {
    desk::DeskLimits limits;
    limits.in_flight = 32;
    HubDesk desk{limits};
    std::vector<std::atomic<int>> calls(3000);
    std::atomic<bool> stopped{false}, after{false};
    const auto picture = picture_of({weu.endpoint("weu"), weu.endpoint("neu")});
    std::thread other{[&] {
      const auto me = std::this_thread::get_id();
      for (std::size_t i = 0; i < calls.size(); ++i) {
        desk.look_up(look_up(picture, std::to_string(i % 2000)), [&, i, me](Found) {
          // Inside the call of a desk that has stopped is where the answer belongs.
          if (stopped && std::this_thread::get_id() != me) after = true;
          ++calls[i];
        });
      }
    }};
    while (desk.counts().asked < 40) std::this_thread::yield();
    desk.stop();
    stopped = true;
    other.join();
    for (std::size_t i = 0; i < calls.size(); ++i) ASSERT_EQ(calls[i], 1) << i;
    EXPECT_FALSE(after);
    desk.stop();
  }
}

TEST(TheEnd, JobsOfEveryKindAreToldThatItIsOver) {
  HubStandIn hub{[](const std::string&) { return Scripted{"", Then::hang}; }};
  Inbox<desk::Answer> answers;
  Inbox<desk::MakePrimaryResult> primaries;
  Inbox<desk::StartResult> starts;
  Inbox<desk::TerminateResult> terminates;
  Inbox<durable::HubClaim> claims;
  HubDesk desk;
  const auto picture = picture_of({hub.endpoint("weu"), hub.endpoint("neu")});
  for (int i = 0; i < 2; ++i) {  // before the end and after it
    desk::ListJob list;
    list.picture = picture;
    desk.list(list, answers.put());
    desk::PurgeJob purge;
    purge.picture = picture;
    desk.purge(purge, answers.put());
    desk::MakePrimaryJob primary;
    primary.picture = picture;
    desk.make_primary(primary, primaries.put());
    desk::StartJob start;
    start.picture = picture;
    desk.start(start, starts.put());
    desk::TerminateJob terminate;
    terminate.picture = picture;
    desk.terminate(terminate, terminates.put());
    desk::HubClaimJob claim;
    claim.picture = picture;
    desk.check_hub_claim(claim, claims.put());
    ASSERT_TRUE(hub.wait_for_requests(6));
    desk.stop();
  }
  ASSERT_EQ(answers.all().size(), 4U);
  for (const desk::Answer& each : answers.all()) {
    EXPECT_EQ(each.status, 503);
    EXPECT_EQ(each.outcome, desk::Answer::Outcome::stopped);
  }
  // What was under way may have been taken.
  ASSERT_EQ(primaries.all().size(), 2U);
  EXPECT_EQ(primaries.all()[0].outcome, desk::MakePrimaryResult::Outcome::unknown);
  EXPECT_EQ(primaries.all()[1].outcome, desk::MakePrimaryResult::Outcome::not_sent);
  ASSERT_EQ(starts.all().size(), 2U);
  EXPECT_EQ(to_string(starts.all()[0].ending), "timed_out");
  EXPECT_EQ(to_string(starts.all()[1].ending), "not_sent");
  ASSERT_EQ(terminates.all().size(), 2U);
  EXPECT_FALSE(terminates.all()[0].delivered);
  EXPECT_FALSE(terminates.all()[1].delivered);
  ASSERT_EQ(claims.all().size(), 2U);
  for (const durable::HubClaim& each : claims.all())
    EXPECT_EQ(each.verdict, durable::HubClaim::Verdict::cannot_tell);
}

TEST(TheEnd, ACallbackMayAskTheNextQuestion) {
  HubStandIn hub{[](const std::string&) { return answer("404 Not Found"); }};
  Inbox<Found> inbox;
  HubDesk desk;
  const auto picture = picture_of({hub.endpoint("weu")});
  desk.look_up(look_up(picture, "first"),
               [&](Found) { desk.look_up(look_up(picture, "second"), inbox.put()); });
  EXPECT_EQ(inbox.one().outcome, Outcome::absent_everywhere);
}

}  // namespace
