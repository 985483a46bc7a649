// The rule of the ledger, told as stories: what happened, and what the machine did, in its order.
// Wake, Save, Drop and Close are left out where they are not the point.
#include "ledger/settlement.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace ledger {
namespace {

using namespace std::chrono_literals;
using config::Millis;

constexpr Place A = 0, B = 1;

struct Words {
  static std::string at(Place place) { return place == A ? "A" : "B"; }
  std::string operator()(const Commit&) const { return "commit"; }
  std::string operator()(const Save&) const { return {}; }
  std::string operator()(const Send& e) const {
    return (e.live ? "send " : "replay ") + at(e.place);
  }
  std::string operator()(const LookUp& e) const { return "look " + at(e.place); }
  std::string operator()(const KeepConnection&) const { return "keep"; }
  std::string operator()(const CloseConnection&) const { return {}; }
  std::string operator()(const Answer& e) const {
    return "answer:" + std::string{to_string(e.what)} +
           (e.what == Told::not_run ? ":" + std::string{to_string(e.why)} : "");
  }
  std::string operator()(const AnswerTerminate& e) const {
    return e.taken ? "terminate noted" : "terminate not noted";
  }
  std::string operator()(const SendTerminate& e) const { return "terminate " + at(e.place); }
  std::string operator()(const Settle& e) const {
    return "settle:" + std::string{to_string(e.how)};
  }
  std::string operator()(const MarkPossibleDuplicate&) const { return "mark"; }
  std::string operator()(const List& e) const { return "list:" + std::string{to_string(e.why)}; }
  std::string operator()(const Alert& e) const { return "alert:" + std::string{to_string(e.kind)}; }
  std::string operator()(const DropBody&) const { return {}; }
  std::string operator()(const Wake&) const { return {}; }
};

class Start : public ::testing::Test {
 protected:
  Start() {
    for (Place place : {A, B}) {
      views[place].place = place;
      views[place].peer = config::Peer::direct;
      views[place].has_key = true;
    }
    entry.number = 1;
    entry.id = "order-1";
    entry.origin = IdOrigin::client;
    entry.function = "Ship";
    entry.arrived = wall();
    entry.may_use_keys = true;
  }

  TimePoint steady() const { return TimePoint{std::chrono::hours{1000}} + elapsed; }
  WallTime wall() const { return WallTime{std::chrono::hours{500'000}} + elapsed; }

  std::string feed(const Event& event) {
    last = apply(entry, event, Policy{settings, hub, 168h, views}, Now{steady(), wall()});
    std::string text;
    for (const Effect& effect : last) {
      const std::string word = std::visit(Words{}, effect);
      if (!word.empty()) text += (text.empty() ? "" : ", ") + word;
    }
    return text;
  }
  Effects held_back() const {
    for (std::size_t i = 0; i < last.size(); ++i)
      if (std::holds_alternative<Commit>(last[i]))
        return {last.begin() + static_cast<std::ptrdiff_t>(i) + 1, last.end()};
    return {};
  }

  std::string arrives(Place first = A) { return feed(Arrived{first}); }
  std::string ends(std::size_t attempt, AttemptEnding ending, int status = 0) {
    AttemptReport report{ending, status};
    return feed(AttemptEnded{attempt, judge_attempt(report), status});
  }
  std::string answers(std::size_t attempt, int status) {
    return ends(attempt, AttemptEnding::answered, status);
  }
  std::string is_reset(std::size_t attempt) { return ends(attempt, AttemptEnding::peer_reset); }
  std::string says(std::size_t attempt, Proof proof) {
    return feed(AttemptEnded{attempt, {proof, ConnectionEnd::by_peer, false}, 500});
  }
  std::string not_there(Place place = A) {
    return feed(LookEnded{place, steady(), {LookResult::absent, std::nullopt}});
  }
  std::string there(Place place, Millis after_arrival) {
    return feed(LookEnded{place, steady(), {LookResult::found, entry.arrived + after_arrival}});
  }
  std::string silent(Place place = A) { return feed(LookEnded{place, steady(), {}}); }
  std::string after(Millis span) {
    elapsed += span;
    return feed(TimeCame{});
  }
  std::string degrades(Place place) {
    views[place].degraded_since = steady();
    views[place].usable = false;
    return feed(EndpointsChanged{});
  }
  std::string recovers(Place place) {
    views[place].degraded_since.reset();
    views[place].usable = true;
    return feed(EndpointsChanged{});
  }
  void passes_a_probe(Place place) { views[place].pass_opened = views[place].passed = steady(); }

  config::Ledger settings;
  config::TaskHub hub = config::TaskHub::shared;
  std::array<EndpointView, 2> views;
  StartEntry entry;
  Millis elapsed{0};
  Effects last;
};

TEST_F(Start, is_written_before_its_first_byte_and_settled_by_its_answer) {
  EXPECT_EQ(arrives(), "commit, send A");
  EXPECT_EQ(answers(0, 202), "answer:relayed, settle:ran");
  EXPECT_EQ(after(1h), "");
}

TEST_F(Start, that_never_ran_goes_to_the_next_endpoint_at_once) {
  arrives();
  EXPECT_EQ(ends(0, AttemptEnding::connect_failed), "commit, send B");
  EXPECT_EQ(ends(1, AttemptEnding::connect_failed),
            "settle:not_run, commit, answer:not_run:unreachable");
}

TEST_F(Start, that_nobody_takes_gets_the_last_answer) {
  arrives();
  ends(0, AttemptEnding::connect_failed);
  EXPECT_EQ(feed(AttemptEnded{1, {Proof::never_ran, ConnectionEnd::by_peer, false}, 503}),
            "settle:not_run, commit, answer:relayed");
}

TEST_F(Start, refused_is_relayed_once_that_is_written) {
  arrives();
  EXPECT_EQ(answers(0, 400), "settle:refused, commit, answer:relayed");
}

TEST_F(Start, refused_under_an_id_of_ours_needs_no_writing_first) {
  entry.origin = IdOrigin::assigned;
  arrives();
  EXPECT_EQ(answers(0, 400), "answer:relayed, settle:refused");
}

TEST_F(Start, of_a_held_client_does_not_move_on) {
  entry.held = true;
  arrives();
  EXPECT_EQ(ends(0, AttemptEnding::connect_failed), "settle:not_run, commit, answer:not_run:held");
}

TEST_F(Start, with_a_key_of_ours_refused_moves_on_and_says_so) {
  arrives();
  const Judgement refused{Proof::never_ran, ConnectionEnd::by_peer, true};
  EXPECT_EQ(feed(AttemptEnded{0, refused, 401}), "alert:key_refused, commit, send B");
  EXPECT_EQ(feed(AttemptEnded{1, refused, 401}),
            "alert:key_refused, settle:not_run, commit, answer:not_run:key_refused");
}

TEST_F(Start, in_doubt_is_looked_up_and_accepted_when_found) {
  arrives();
  EXPECT_EQ(is_reset(0), "look A");
  EXPECT_EQ(there(A, 100ms), "settle:ran, commit, answer:accepted");
}

TEST_F(Start, absent_twice_after_the_peers_end_is_sent_to_the_next_endpoint) {
  arrives();
  is_reset(0);
  EXPECT_EQ(not_there(), "");
  after(4900ms);
  EXPECT_EQ(not_there(), "");
  after(100ms);
  EXPECT_EQ(not_there(), "commit, send B");
  EXPECT_FALSE(entry.possible_duplicate);
}

TEST_F(Start, behind_a_gateway_takes_the_gateways_time_to_be_absent) {
  for (auto& view : views) view.peer = config::Peer::gateway;
  arrives();
  answers(0, 502);
  not_there();
  after(239s);
  not_there();
  EXPECT_EQ(entry.attempts[0].state, AttemptState::unknown);
  after(1s);
  EXPECT_EQ(not_there(), "commit, replay B");
  EXPECT_FALSE(entry.possible_duplicate);
}

TEST_F(Start, is_not_absent_while_its_connection_is_open) {
  arrives();
  EXPECT_EQ(degrades(A), "keep, look B, commit, answer:unconfirmed");
  not_there(B);
  after(5min);
  not_there(B);
  EXPECT_EQ(entry.attempts[0].state, AttemptState::unknown);
  EXPECT_EQ(answers(0, 202), "settle:ran");
}

TEST_F(Start, is_not_absent_by_a_look_up_asked_before_the_end) {
  arrives();
  degrades(A);
  recovers(A);
  const TimePoint asked = steady();
  elapsed += 10ms;
  is_reset(0);
  feed(LookEnded{A, asked, {LookResult::absent, std::nullopt}});
  EXPECT_FALSE(entry.attempts[0].watch.first_absent);
}

TEST_F(Start, whose_hub_fell_silent_in_between_is_counted_anew) {
  arrives();
  is_reset(0);
  not_there();
  after(3s);
  silent();
  after(3s);
  not_there();
  EXPECT_EQ(entry.attempts[0].state, AttemptState::unknown);
  after(5s);
  EXPECT_EQ(not_there(), "commit, replay B");
}

TEST_F(Start, whose_witness_had_a_bad_time_is_counted_anew) {
  hub = config::TaskHub::per_region;
  arrives();
  is_reset(0);
  not_there();
  after(1s);
  degrades(A);
  after(1s);
  recovers(A);
  after(3s);
  not_there();
  EXPECT_EQ(entry.attempts[0].state, AttemptState::unknown);
}

TEST_F(Start, absent_by_anothers_word_alone_is_marked) {  // A may have frozen half way
  arrives();
  is_reset(0);
  degrades(A);
  not_there(B);
  after(5s);
  EXPECT_EQ(not_there(B), "mark, commit, replay B");
}

TEST_F(Start, absent_by_anothers_word_is_not_marked_once_its_process_is_gone) {
  arrives();
  is_reset(0);
  elapsed += 1s;
  views[A].refused = steady();
  degrades(A);
  not_there(B);
  after(5s);
  EXPECT_EQ(not_there(B), "commit, replay B");
}

TEST_F(Start, after_an_end_of_our_own_is_absent_only_after_a_later_probe_and_four_minutes) {
  arrives();
  ends(0, AttemptEnding::timed_out);
  not_there();
  after(240s);
  not_there();
  EXPECT_EQ(entry.attempts[0].state, AttemptState::unknown) << "no probe";
  passes_a_probe(A);
  after(1s);
  not_there(B);
  after(240s);
  not_there(B);
  EXPECT_EQ(entry.attempts[0].state, AttemptState::unknown) << "another endpoint's word";
  not_there();
  after(239s);
  not_there();
  EXPECT_EQ(entry.attempts[0].state, AttemptState::unknown) << "too soon";
  after(1s);
  EXPECT_EQ(not_there(), "commit, replay B");
  EXPECT_FALSE(entry.possible_duplicate);
}

TEST_F(Start, after_an_end_of_our_own_behind_a_gateway_is_marked) {
  for (auto& view : views) view.peer = config::Peer::gateway;
  arrives();
  ends(0, AttemptEnding::timed_out);
  elapsed += 1s;
  passes_a_probe(A);
  after(1s);
  not_there();
  after(240s);
  EXPECT_EQ(not_there(), "mark, commit, replay B");
}

TEST_F(Start, with_a_hub_per_region_is_looked_up_where_it_was_sent) {
  hub = config::TaskHub::per_region;
  arrives();
  is_reset(0);
  degrades(A);
  not_there(B);
  after(5s);
  not_there(B);
  EXPECT_EQ(entry.attempts[0].state, AttemptState::unknown);
}

TEST_F(Start, unknown_is_answered_after_a_while_or_when_its_endpoint_degrades) {
  entry.extra_wait = 3s;
  arrives();
  EXPECT_EQ(is_reset(0), "look A");
  silent();
  EXPECT_EQ(after(12'900ms), "look A");
  EXPECT_EQ(after(100ms), "commit, answer:unconfirmed");
}

TEST_F(Start, that_cannot_be_repeated_gets_a_504_when_its_connection_ends) {
  entry.body_kept = false;
  arrives();
  EXPECT_EQ(after(1min), "");
  EXPECT_EQ(is_reset(0), "answer:unknown, list:not_repeatable, alert:not_repeatable, look A");
  not_there();
  after(5s);
  EXPECT_EQ(not_there(), "settle:not_run");
}

TEST_F(Start, by_an_as_is_route_is_never_looked_up_or_repeated) {
  entry.via = config::StartVia::as_is;
  entry.origin = IdOrigin::none;
  entry.id.clear();
  arrives();
  EXPECT_EQ(degrades(A), "keep");
  EXPECT_EQ(is_reset(0), "answer:unknown, list:not_repeatable, alert:not_repeatable");
  EXPECT_EQ(after(1h), "list:unknown, alert:unknown");
}

TEST_F(Start, of_a_client_without_a_key_of_ours_is_not_sent_with_one) {
  entry.may_use_keys = false;
  arrives();
  EXPECT_EQ(is_reset(0), "answer:unknown, list:not_repeatable, alert:not_repeatable, look A");
}

TEST_F(Start, whose_client_left_without_id_or_key_is_not_run) {
  entry.origin = IdOrigin::assigned;
  arrives();
  feed(ClientLeft{});
  is_reset(0);
  not_there();
  after(5s);
  EXPECT_EQ(not_there(), "settle:not_run");
}

TEST_F(Start, whose_client_left_with_its_own_id_is_run) {
  arrives();
  EXPECT_EQ(feed(ClientLeft{}), "keep");
  is_reset(0);
  not_there();
  after(5s);
  EXPECT_EQ(not_there(), "commit, replay B");
}

TEST_F(Start, joined_by_a_repeat_gives_it_the_same_answer) {
  arrives();
  feed(ClientLeft{});
  degrades(A);
  EXPECT_EQ(feed(ClientJoined{}), "commit, answer:unconfirmed");
  EXPECT_EQ(feed(ClientJoined{}), "answer:unconfirmed");
}

TEST_F(Start, given_up_is_listed_and_still_looked_for) {
  hub = config::TaskHub::per_region;
  arrives();
  degrades(A);
  EXPECT_EQ(after(15min), "list:unknown, alert:unknown");
  silent();
  recovers(A);
  after(15min);
  EXPECT_EQ(there(A, 1s), "settle:ran, list:no");
}

TEST_F(Start, given_up_is_started_elsewhere_if_the_policy_says_so_and_the_older_copy_ended) {
  hub = config::TaskHub::per_region;
  settings.give_up = config::GiveUp::resubmit;
  arrives();
  degrades(A);
  EXPECT_EQ(after(15min), "mark, commit, replay B");
  EXPECT_EQ(answers(1, 202), "settle:ran");
  recovers(A);
  feed(TimeCame{});
  EXPECT_EQ(there(A, 1s), "alert:duplicate, terminate A");
}

TEST_F(Start, given_up_in_a_shared_hub_is_looked_for_first_and_never_ended) {
  settings.give_up = config::GiveUp::resubmit;
  arrives();
  degrades(A);
  silent(B);
  EXPECT_EQ(after(15min), "look B");
  EXPECT_EQ(not_there(B), "mark, look B, commit, replay B");
  answers(1, 202);
  there(B, 16min);
  EXPECT_EQ(there(B, 20min), "alert:duplicate");
}

TEST_F(Start, accepted_but_absent_too_late_is_left_to_the_operator) {
  hub = config::TaskHub::per_region;
  arrives();
  degrades(A);
  is_reset(0);
  after(16min);
  recovers(A);
  not_there();
  after(5s);
  EXPECT_EQ(not_there(), "list:absent_late, alert:late");
  EXPECT_EQ(after(1h), "");
  EXPECT_EQ(feed(ResubmitAsked{}), "look A");
  EXPECT_EQ(not_there(), "commit, replay A");
  EXPECT_FALSE(entry.possible_duplicate);
}

TEST_F(Start, older_than_the_hub_remembers_is_never_repeated) {
  settings.give_up_after = 8760h;
  arrives();
  is_reset(0);
  after(10s);
  EXPECT_EQ(after(168h), "list:hub_retention, alert:late");
  not_there();
  after(5s);
  EXPECT_EQ(not_there(), "");
}

TEST_F(Start, that_exists_already_is_passed_on_if_nothing_of_ours_may_have_run) {
  arrives();
  EXPECT_EQ(says(0, Proof::exists), "settle:refused, commit, answer:relayed");
}

TEST_F(Start, that_exists_after_an_attempt_that_may_have_run_is_looked_at) {
  arrives();
  is_reset(0);
  not_there();
  after(5s);
  not_there();
  ASSERT_EQ(entry.attempts.size(), 2u);
  EXPECT_EQ(says(1, Proof::exists), "look B");
  StartEntry other = entry;
  EXPECT_EQ(there(A, 1s), "settle:ran, commit, answer:accepted");
  entry = other;
  EXPECT_EQ(there(A, -1h), "settle:refused, commit, answer:relayed");
}

TEST_F(Start, refused_after_we_accepted_it_is_listed) {
  arrives();
  degrades(A);
  EXPECT_EQ(answers(0, 400), "list:late_refusal, alert:refused, settle:refused");
}

TEST_F(Start, refused_after_a_weak_absence_is_not_called_failed) {
  arrives();
  is_reset(0);
  views[A].degraded_since = steady();
  views[A].usable = false;
  entry.watch.arrived += 10min;  // its client has all the time
  settings.answer_after = 1h;
  entry.told = Told::nothing;
  entry.watch.waiting = 1;
  entry.attempts[0].state = AttemptState::absent;
  entry.attempts[0].weak = true;
  EXPECT_EQ(feed(TimeCame{}), "mark, commit, send B");
  EXPECT_EQ(answers(1, 400), "answer:unknown, list:may_have_run, alert:unknown, settle:refused");
}

TEST_F(Start, with_nowhere_to_go_after_a_weak_absence_is_not_called_failed) {
  arrives();
  entry.attempts[0].state = AttemptState::absent;
  entry.attempts[0].weak = true;
  views[A].usable = views[B].usable = false;
  EXPECT_EQ(feed(TimeCame{}), "answer:unknown, list:may_have_run, alert:unknown, settle:not_run");
}

TEST_F(Start, terminated_while_queued_never_runs) {
  settings.queue_starts = true;
  views[A].usable = views[B].usable = false;
  EXPECT_EQ(arrives(no_place), "commit, answer:queued");
  EXPECT_EQ(feed(TerminateAsked{}), "settle:terminated, commit, terminate noted");
  EXPECT_EQ(recovers(A), "");
}

TEST_F(Start, terminated_while_unknown_is_ended_when_it_appears) {
  arrives();
  degrades(A);
  EXPECT_EQ(feed(TerminateAsked{}), "commit, terminate noted");
  StartEntry other = entry;
  recovers(A);
  EXPECT_EQ(there(A, 1s), "settle:ran, terminate A");
  feed(TerminateEnded{false});
  EXPECT_EQ(after(5s), "terminate A");
  feed(TerminateEnded{true});
  EXPECT_FALSE(is_watched(entry));
  entry = other;
  is_reset(0);
  not_there();
  after(5s);
  EXPECT_EQ(not_there(), "settle:terminated");
}

TEST_F(Start, queued_is_sent_when_an_endpoint_is_back_or_waited_out) {
  settings.queue_starts = true;
  views[A].usable = views[B].usable = false;
  arrives(no_place);
  StartEntry other = entry;
  EXPECT_EQ(recovers(B), "commit, replay B");
  entry = other;
  views[B].usable = false;
  EXPECT_EQ(after(15min), "list:waited_out, alert:late, settle:waited_out");
}

TEST_F(Start, is_not_queued_for_a_client_without_a_key) {
  settings.queue_starts = true;
  entry.may_use_keys = false;
  views[A].usable = views[B].usable = false;
  EXPECT_EQ(arrives(no_place), "answer:not_run:unreachable, settle:not_run");
}

TEST_F(Start, that_cannot_be_written_is_not_sent) {
  arrives();
  EXPECT_EQ(feed(CommitFailed{held_back()}), "alert:disk, answer:not_run:disk, settle:not_run");
  EXPECT_TRUE(entry.attempts.empty());
}

TEST_F(Start, accepted_whose_next_attempt_cannot_be_written_waits_for_the_disk) {
  arrives();
  is_reset(0);
  degrades(A);
  not_there(B);
  after(5s);
  not_there(B);
  EXPECT_EQ(feed(CommitFailed{held_back()}), "alert:disk");
  EXPECT_EQ(after(4s), "");
  EXPECT_EQ(after(1s), "commit, replay B");
}

TEST_F(Start, promises_nothing_that_cannot_be_written) {
  arrives();
  degrades(A);
  EXPECT_EQ(feed(CommitFailed{held_back()}),
            "alert:disk, answer:unknown, list:not_repeatable, alert:not_repeatable");
}

TEST_F(Start, relays_a_refusal_even_if_it_cannot_be_written) {
  arrives();
  answers(0, 400);
  EXPECT_EQ(feed(CommitFailed{held_back()}), "alert:disk, answer:relayed");
}

TEST_F(Start, after_a_restart_counts_every_open_connection_as_ended_by_us) {
  arrives();
  elapsed += 20s;
  entry.watch = {};
  EXPECT_EQ(feed(Restarted{}), "look A");
  EXPECT_EQ(entry.attempts[0].end, ConnectionEnd::by_us);
  EXPECT_FALSE(entry.clock_doubt);
  passes_a_probe(A);
  not_there();
  after(5s);
  not_there();
  EXPECT_EQ(entry.attempts[0].state, AttemptState::unknown);
}

TEST_F(Start, after_a_restart_with_the_clock_set_back_is_not_told_by_time) {
  arrives();
  elapsed -= 1h;
  feed(Restarted{});
  EXPECT_TRUE(entry.clock_doubt);
  EXPECT_EQ(there(A, 1s), "");
  EXPECT_TRUE(is_open(entry));
}

TEST_F(Start, small_steps_of_the_clock_do_not_matter) {
  arrives();
  feed(ClockStepped{5s});
  EXPECT_FALSE(entry.clock_doubt);
  feed(ClockStepped{-6s});
  EXPECT_TRUE(entry.clock_doubt);
}

TEST_F(Start, keeps_its_body_for_a_hub_that_may_lose_its_last_writes) {
  hub = config::TaskHub::geo_replicated;
  arrives();
  answers(0, 202);
  Millis kept{0};
  for (const Effect& effect : last)
    if (const auto* drop = std::get_if<DropBody>(&effect)) kept = drop->after;
  EXPECT_EQ(kept, settings.loss_window);
  EXPECT_EQ(feed(ResubmitAsked{}), "mark, look A");
  EXPECT_EQ(not_there(), "commit, replay A");
}

TEST_F(Start, polled_while_unknown_asks_the_hub) {
  arrives();
  is_reset(0);
  silent();
  EXPECT_EQ(feed(Polled{}), "look A");
  EXPECT_EQ(feed(Polled{}), "") << "one look-up at a time";
}

TEST(Admission, caps_are_for_starts_that_are_not_yet_in) {
  config::Ledger settings;
  settings.max_waiting = 10;
  settings.max_doubtful = 3;
  EXPECT_EQ(admission({9, 2, true}, settings), std::nullopt);
  EXPECT_EQ(admission({10, 0, true}, settings), NotRunWhy::crowded);
  EXPECT_EQ(admission({0, 3, true}, settings), NotRunWhy::crowded);
  EXPECT_EQ(admission({0, 0, false}, settings), NotRunWhy::disk);
  settings.mode = config::LedgerMode::memory;
  EXPECT_EQ(admission({0, 0, false}, settings), std::nullopt);
}

}  // namespace
}  // namespace ledger
