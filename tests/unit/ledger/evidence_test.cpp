#include "ledger/evidence.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ledger {
namespace {

using namespace std::chrono_literals;

struct Ended {
  const char* name;
  AttemptReport report;
  Proof proof;
  ConnectionEnd end;
};

class AttemptEnds : public ::testing::TestWithParam<Ended> {};

TEST_P(AttemptEnds, proves_no_more_than_it_does) {
  const Judgement judgement = judge_attempt(GetParam().report);
  EXPECT_EQ(judgement.proof, GetParam().proof) << to_string(judgement.proof);
  EXPECT_EQ(judgement.end, GetParam().end) << to_string(judgement.end);
}

AttemptReport answered(int status) {
  return {AttemptEnding::answered, status};
}
AttemptReport with_our_key(int status) {
  AttemptReport report = answered(status);
  report.our_key = true;
  return report;
}
AttemptReport not_run(int status) {
  AttemptReport report = answered(status);
  report.proves_not_run = true;
  return report;
}
AttemptReport exists(int status) {
  AttemptReport report = answered(status);
  report.says_exists = true;
  return report;
}

constexpr auto by_peer = ConnectionEnd::by_peer;
constexpr auto by_us = ConnectionEnd::by_us;

INSTANTIATE_TEST_SUITE_P(
    Row, AttemptEnds,
    ::testing::Values(
        Ended{"no_connection", {AttemptEnding::connect_failed}, Proof::never_ran, by_peer},
        Ended{"no_tls", {AttemptEnding::tls_failed}, Proof::never_ran, by_peer},
        Ended{"nothing_sent", {AttemptEnding::nothing_sent}, Proof::never_ran, by_us},
        Ended{"reset", {AttemptEnding::peer_reset}, Proof::unknown, by_peer},
        Ended{"closed", {AttemptEnding::peer_closed}, Proof::unknown, by_peer},
        Ended{"we_lost_patience", {AttemptEnding::timed_out}, Proof::unknown, by_us},
        Ended{"we_closed", {AttemptEnding::closed_by_us}, Proof::unknown, by_us},
        Ended{"s200", answered(200), Proof::ran, by_peer},
        Ended{"s202", answered(202), Proof::ran, by_peer},
        Ended{"s302", answered(302), Proof::unknown, by_peer},
        Ended{"s400", answered(400), Proof::refused, by_peer},
        Ended{"s401", answered(401), Proof::refused, by_peer},
        Ended{"s401_to_our_key", with_our_key(401), Proof::never_ran, by_peer},
        Ended{"s400_to_our_key", with_our_key(400), Proof::refused, by_peer},
        Ended{"s403", answered(403), Proof::refused, by_peer},
        Ended{"stopped_page", not_run(403), Proof::never_ran, by_peer},
        Ended{"s404", answered(404), Proof::refused, by_peer},
        Ended{"s405", answered(405), Proof::refused, by_peer},
        Ended{"s408", answered(408), Proof::unknown, by_peer},
        Ended{"s409", exists(409), Proof::exists, by_peer},
        Ended{"s413", answered(413), Proof::refused, by_peer},
        Ended{"s415", answered(415), Proof::refused, by_peer},
        Ended{"s429", answered(429), Proof::refused, by_peer},
        Ended{"s500", answered(500), Proof::unknown, by_peer},
        Ended{"s500_exists", exists(500), Proof::exists, by_peer},
        Ended{"s502", answered(502), Proof::unknown, by_peer},
        Ended{"s503", answered(503), Proof::unknown, by_peer},
        Ended{"host_not_running", not_run(503), Proof::never_ran, by_peer},
        Ended{"s504", answered(504), Proof::unknown, by_peer}),
    [](const auto& row) { return row.param.name; });

TEST(AttemptEvidence, only_a_401_to_our_key_blames_the_key) {
  EXPECT_TRUE(judge_attempt(with_our_key(401)).key_refused);
  EXPECT_FALSE(judge_attempt(with_our_key(403)).key_refused);
  EXPECT_FALSE(judge_attempt(answered(401)).key_refused);
}

TEST(AlreadyExists, is_a_409_or_the_sentence_of_the_extension) {
  const std::string sentence =
      R"({"ExceptionMessage":"An Orchestration instance with the status Running already exists."})";
  EXPECT_TRUE(says_already_exists(409, ""));
  EXPECT_TRUE(says_already_exists(500, sentence));
  EXPECT_FALSE(says_already_exists(500, R"({"Message":"table already exists"})"));
  EXPECT_FALSE(says_already_exists(500, ""));
  EXPECT_FALSE(says_already_exists(503, sentence));
}

TEST(LookUp, only_the_hubs_own_404_is_absence) {
  EXPECT_EQ(judge_look(404, "").result, LookResult::absent);
  EXPECT_EQ(judge_look(404, "<html>").result, LookResult::unanswered);
  EXPECT_EQ(judge_look(0, "").result, LookResult::unanswered);
  EXPECT_EQ(judge_look(500, "").result, LookResult::unanswered);
  EXPECT_EQ(judge_look(401, "").result, LookResult::unanswered);
  EXPECT_EQ(judge_look(200, "").result, LookResult::unanswered);
  EXPECT_EQ(judge_look(200, "<html>").result, LookResult::unanswered);
}

TEST(LookUp, finds_with_or_without_a_created_time) {
  const Look look =
      judge_look(202, R"({"runtimeStatus":"Running","createdTime":"2026-11-23T10:00:00Z"})");
  EXPECT_EQ(look.result, LookResult::found);
  EXPECT_EQ(look.created, durable::parse_wall_time("2026-11-23T10:00:00Z"));
  const Look bare = judge_look(200, R"({"runtimeStatus":"Completed"})");
  EXPECT_EQ(bare.result, LookResult::found);
  EXPECT_FALSE(bare.created);
}

class Identification : public ::testing::Test {
 protected:
  Identification() {
    entry.origin = IdOrigin::client;
    entry.arrived = noon + 700ms;
  }
  Identity created(WallTime when, Place at = 0) { return identify(entry, at, when, 5s); }

  const WallTime noon{std::chrono::hours{500'000}};
  StartEntry entry;
};

TEST_F(Identification, compares_the_created_time_with_the_entry_and_its_allowance) {
  EXPECT_EQ(created(noon + 1s), Identity::ours);
  EXPECT_EQ(created(noon + 700ms), Identity::ours);
  EXPECT_EQ(created(noon), Identity::unclear);  // may have been cut off from 12:00:00.9
  EXPECT_EQ(created(noon - 4s), Identity::unclear);
  EXPECT_EQ(created(noon - 5s), Identity::unclear);  // 11:59:55.999 is within 5 s of 12:00:00.7
  EXPECT_EQ(created(noon - 6s), Identity::older);
  EXPECT_EQ(created(noon - 4301ms), Identity::older);  // with a fraction nothing was cut off
  EXPECT_EQ(created(noon - 4300ms), Identity::unclear);
  EXPECT_EQ(identify(entry, 0, std::nullopt, 5s), Identity::unclear);
}

TEST_F(Identification, of_an_id_of_ours_needs_no_clock) {
  entry.origin = IdOrigin::assigned;
  entry.clock_doubt = true;
  EXPECT_EQ(created(noon - 1h), Identity::ours);
  EXPECT_EQ(identify(entry, 0, std::nullopt, 5s), Identity::ours);
}

TEST_F(Identification, of_an_id_never_seen_before_is_clear_within_the_allowance) {
  entry.id_seen_before = false;
  EXPECT_EQ(created(noon - 2s), Identity::ours);
  EXPECT_EQ(created(noon - 6s), Identity::older);
}

TEST_F(Identification, is_unclear_when_our_clock_stepped) {
  entry.clock_doubt = true;
  EXPECT_EQ(created(noon + 1s), Identity::unclear);
  EXPECT_EQ(created(noon - 1h), Identity::unclear);
}

TEST_F(Identification, prefers_the_hubs_own_time_of_the_run_before) {
  entry.earlier_created = noon - 60s;
  entry.clock_doubt = true;
  EXPECT_EQ(created(noon - 60s), Identity::older);
  EXPECT_EQ(created(noon - 59s), Identity::ours);
  EXPECT_EQ(created(noon - 61s), Identity::older);
  entry.earlier_created = noon;  // both may be of the same second
  EXPECT_EQ(created(noon), Identity::unclear);
}

TEST_F(Identification, of_another_hubs_run_before_says_nothing) {
  entry.earlier_created = noon - 60s;
  entry.earlier_place = 1;
  EXPECT_EQ(created(noon - 3s, 1), Identity::ours);
  EXPECT_EQ(created(noon - 3s, 0), Identity::unclear);
}

TEST(SettlingTime, is_the_peers_unless_configured) {
  config::Ledger ledger;
  EXPECT_EQ(settle_after(ledger, config::Peer::direct), 5s);
  EXPECT_EQ(settle_after(ledger, config::Peer::gateway), 240s);
  EXPECT_EQ(settle_after_own_end(ledger), 240s);
  ledger.settle_after = 200ms;
  EXPECT_EQ(settle_after(ledger, config::Peer::gateway), 200ms);
  EXPECT_EQ(settle_after_own_end(ledger), 200ms);
}

}  // namespace
}  // namespace ledger
