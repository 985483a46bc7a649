// What the desk's answers mean to the start ledger, one row per answer. The questions themselves
// need sockets: tests/integration/desk.
#include "app/ledger_hub.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace app {
namespace {

using desk::Found;
using desk::StartResult;
using desk::Verdict;
using ledger::AttemptEnding;
using ledger::HubSays;
using ledger::LookResult;
using Ending = desk::StartResult::Ending;

// The desk was asked about endpoint 1 of two.
Found found_at_second(Verdict verdict, const std::string& status = "Running") {
  Found found;
  found.verdicts.resize(2);
  found.verdicts[1].verdict = verdict;
  if (verdict != Verdict::found) return found;
  found.outcome = Found::Outcome::at;
  found.endpoint = 1;
  found.answer.runtime_status = status;
  found.answer.created_time = ledger::WallTime{std::chrono::seconds{1'700'000'000}};
  return found;
}

TEST(LookOf, AnInstanceThatWasFoundHasItsCreatedTime) {
  const Found found = found_at_second(Verdict::found);
  const ledger::Look look = look_of(found, 1);
  EXPECT_EQ(look.result, LookResult::found);
  EXPECT_EQ(look.created, found.answer.created_time);
}

TEST(LookOf, OnlyTheHubsOwn404IsAnAbsence) {
  EXPECT_EQ(look_of(found_at_second(Verdict::absent), 1).result, LookResult::absent);
  for (const Verdict verdict : {Verdict::not_asked, Verdict::refused, Verdict::unclear})
    EXPECT_EQ(look_of(found_at_second(verdict), 1), ledger::Look{}) << to_string(verdict);
}

TEST(LookOf, AQuestionThatWasTurnedAwayProvesNothing) {
  Found found;  // no verdicts at all
  for (const auto outcome :
       {Found::Outcome::overloaded, Found::Outcome::stopped, Found::Outcome::absent_everywhere}) {
    found.outcome = outcome;
    EXPECT_EQ(look_of(found, 1), ledger::Look{}) << to_string(outcome);
    EXPECT_EQ(hub_says(found, 1), HubSays::cannot_be_asked) << to_string(outcome);
  }
}

TEST(LookOf, AnAnswerTooLongToBeReadIsFoundWithoutATime) {
  Found found = found_at_second(Verdict::found);
  found.too_large = true;
  found.answer = {};
  EXPECT_EQ(look_of(found, 1), (ledger::Look{LookResult::found, std::nullopt}));
  EXPECT_EQ(hub_says(found, 1), HubSays::cannot_be_asked) << "nobody saw whether it is over";
}

TEST(HubSays, TellsAFinishedInstanceFromALivingOne) {
  for (const char* status : {"Completed", "Failed", "Terminated", "Canceled"})
    EXPECT_EQ(hub_says(found_at_second(Verdict::found, status), 1), HubSays::finished) << status;
  for (const char* status : {"Pending", "Running", "Suspended", "ContinuedAsNew", "New"})
    EXPECT_EQ(hub_says(found_at_second(Verdict::found, status), 1), HubSays::alive) << status;
  EXPECT_EQ(hub_says(found_at_second(Verdict::absent), 1), HubSays::absent);
  for (const Verdict verdict : {Verdict::not_asked, Verdict::refused, Verdict::unclear})
    EXPECT_EQ(hub_says(found_at_second(verdict), 1), HubSays::cannot_be_asked);
}

StartResult answered(int status, std::string body = {}, std::string type = "text/plain") {
  StartResult result;
  result.ending = Ending::answered;
  result.status = status;
  result.body = std::move(body);
  result.content_type = std::move(type);
  result.whole = true;
  return result;
}

StartResult ended(Ending ending) {
  StartResult result;
  result.ending = ending;
  return result;
}

TEST(ReportOf, EachEndingKeepsItsMeaning) {
  EXPECT_EQ(report_of(ended(Ending::connect_failed)).ending, AttemptEnding::connect_failed);
  EXPECT_EQ(report_of(ended(Ending::ended_by_peer)).ending, AttemptEnding::peer_closed);
  EXPECT_EQ(report_of(ended(Ending::timed_out)).ending, AttemptEnding::timed_out);
  EXPECT_EQ(report_of(ended(Ending::not_sent)).ending, AttemptEnding::nothing_sent);
  EXPECT_EQ(report_of(answered(202)).ending, AttemptEnding::answered);
  EXPECT_EQ(report_of(answered(202)).status, 202);
}

TEST(ReportOf, WhatTheyProve) {
  const auto proof = [](const StartResult& result) {
    return ledger::judge_attempt(report_of(result)).proof;
  };
  using ledger::Proof;
  EXPECT_EQ(proof(ended(Ending::connect_failed)), Proof::never_ran);
  EXPECT_EQ(proof(ended(Ending::not_sent)), Proof::never_ran);
  EXPECT_EQ(proof(ended(Ending::ended_by_peer)), Proof::unknown);
  EXPECT_EQ(proof(ended(Ending::timed_out)), Proof::unknown);
  EXPECT_EQ(proof(answered(202, "{}", "application/json")), Proof::ran);
  EXPECT_EQ(proof(answered(404)), Proof::refused);
  EXPECT_EQ(proof(answered(503, "Function host is not running.")), Proof::never_ran);
  EXPECT_EQ(proof(answered(503, "busy")), Proof::unknown);
  EXPECT_EQ(proof(answered(403, "<h1>Error 403 - This web app is stopped.</h1>", "text/html")),
            Proof::never_ran);
  EXPECT_EQ(proof(answered(403, "not from here", "text/html")), Proof::refused);
  EXPECT_EQ(proof(answered(409)), Proof::exists);
  EXPECT_EQ(proof(answered(500, "Orchestration instance with the status Running already exists.")),
            Proof::exists);
  EXPECT_EQ(proof(answered(500, "oops")), Proof::unknown);
}

TEST(ReportOf, HalfAPageProvesNothing) {
  StartResult cut = answered(503, "Function host is not running.");
  cut.whole = false;
  EXPECT_FALSE(report_of(cut).proves_not_run);
}

TEST(ReportOf, A401ToOurKeyIsNobodysRefusalButOurFault) {
  StartResult result = answered(401);
  EXPECT_FALSE(ledger::judge_attempt(report_of(result)).key_refused);
  result.own_key = true;
  EXPECT_TRUE(ledger::judge_attempt(report_of(result)).key_refused);
}

TEST(AnswerToKeep, IsTheRefusalAsItCame) {
  const auto kept = answer_to_keep(answered(400, "{\"error\": 1}", "application/json"), {});
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, (ledger::StoredAnswer{400, "application/json", "{\"error\": 1}"}));
}

TEST(AnswerToKeep, AnAcceptanceIsNotKeptForItsUrlsCarryOurKey) {
  EXPECT_FALSE(answer_to_keep(answered(202, "{\"statusQueryGetUri\": \"...code=secret\"}"), {}));
  EXPECT_FALSE(answer_to_keep(ended(Ending::timed_out), {}));
}

TEST(AnswerToKeep, HasNoBodyThatRepeatsOurKeyOrIsCut) {
  const config::Secret key{"s3cr3t"};
  const auto echo = answer_to_keep(answered(400, "bad header x-functions-key: s3cr3t"), key);
  ASSERT_TRUE(echo);
  EXPECT_EQ(*echo, (ledger::StoredAnswer{400, "", ""}));
  StartResult cut = answered(400, "{\"error\":");
  cut.whole = false;
  EXPECT_EQ(*answer_to_keep(cut, key), (ledger::StoredAnswer{400, "", ""}));
  EXPECT_EQ(answer_to_keep(answered(400, std::string(ledger::longest_answer + 1, 'x')), key)->body,
            "");
}

TEST(LedgerHub, APlaceThatNoEndpointHasIsAnsweredAtOnce) {
  desk::HubDesk desk;
  LedgerHub hub{desk};
  int answers = 0;
  for (const bool published : {false, true}) {
    if (published) {
      HubView view;
      view.picture = std::make_shared<desk::DeskPicture>(1);
      view.places = {7};
      hub.publish(view);
    }
    for (const ledger::Place place : {ledger::no_place, ledger::Place{3}}) {
      hub.look_up(place, "a", [&](ledger::Look look) { answers += look == ledger::Look{}; });
      hub.ask_hub(place, "a", [&](HubSays says) { answers += says == HubSays::cannot_be_asked; });
      hub.terminate(place, "a", [&](bool delivered) { answers += !delivered; });
      ledger::SendJob job;
      job.place = place;
      hub.send(job, [&](ledger::SendResult result) {
        answers += result.report.ending == AttemptEnding::nothing_sent;
      });
    }
  }
  EXPECT_EQ(answers, 16);
}

}  // namespace
}  // namespace app
