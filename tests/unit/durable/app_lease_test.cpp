// The lease model told as stories: seconds, what the proxy sees, and what it may conclude. "A!" is
// certain, "A?" likely, "-" unknown; the numbers are those of the real lease: 60 s, renewed every
// 25 s, tried for every 300 s.
#include "durable/app_lease.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace {

using durable::AppLease;
using durable::LeaseOwner;
using durable::LeasePicture;
using durable::LeaseStep;
using durable::LeaseTiming;
using durable::TimePoint;
using Action = durable::LeaseStep::Action;
using config::LeaseFollow;
using std::chrono::milliseconds;

constexpr std::size_t a = 0, b = 1;

TimePoint at(double seconds) {
  return TimePoint{std::chrono::hours{1}} + milliseconds{static_cast<std::int64_t>(seconds * 1000)};
}

enum class What { up, down, makeprimary, look };

struct Step {
  double second;
  What what;
  std::size_t app;
  std::string_view expected;  // after it
};

struct Story {
  std::string_view name;
  std::vector<Step> steps;
};
void PrintTo(const Story& story, std::ostream* out) {
  *out << story.name;
}

std::string owner_text(const LeaseOwner& owner) {
  if (owner.sure == LeaseOwner::Sure::unknown) return "-";
  return std::string{owner.endpoint == a   ? "A"
                     : owner.endpoint == b ? "B"
                                           : "C"} +
         (owner.sure == LeaseOwner::Sure::certain ? "!" : "?");
}

void play(AppLease& lease, const Step& step, double scale) {
  const TimePoint now = at(step.second * scale);
  if (step.what == What::up) lease.up(step.app, now);
  if (step.what == What::down) lease.down(step.app, now);
  if (step.what == What::makeprimary) lease.makeprimary_accepted(step.app, now);
}

class LeaseStory : public ::testing::TestWithParam<Story> {};

TEST_P(LeaseStory, EndsAsTold) {
  for (const double scale : {1.0, 0.01}) {
    AppLease lease{{"A", "B"}, LeaseTiming{}.scaled(scale), at(0)};
    for (const Step& step : GetParam().steps) {
      play(lease, step, scale);
      const LeasePicture picture = lease.picture(at(step.second * scale));
      EXPECT_EQ(owner_text(picture.owner), step.expected)
          << "at " << step.second << " s, scale " << scale << ": " << picture.owner.why;
      EXPECT_FALSE(picture.owner.why.empty());
      EXPECT_FALSE(picture.makeprimary_why.empty());
    }
  }
}

const Step a_up{0, What::up, a, "-"}, b_up{0, What::up, b, "-"};

// A is known to own the lease from second 30 on.
std::vector<Step> owned_by_a(std::vector<Step> then) {
  std::vector<Step> steps{a_up, b_up, {1, What::makeprimary, a, "A?"}, {30, What::look, a, "A!"}};
  for (const Step& step : then) steps.push_back(step);
  return steps;
}

INSTANTIATE_TEST_SUITE_P(
    Owner, LeaseStory,
    ::testing::Values(
        Story{"two live apps say nothing about who owns the lease",
              {a_up, b_up, {100000, What::look, a, "-"}}},
        Story{"the only app alive gets it, surely after lease and retry period",
              {a_up,
               {34, What::look, a, "-"},
               {36, What::look, a, "A?"},
               {359, What::look, a, "A?"},
               {361, What::look, a, "A!"}}},
        Story{"an app that comes up alone long after the other's end takes it at once",
              {{500, What::up, b, "B?"}, {859, What::look, b, "B?"}, {861, What::look, b, "B!"}}},
        Story{"an accepted makeprimary is certain once the loser has renewed in vain",
              {a_up,
               b_up,
               {10, What::makeprimary, b, "B?"},
               {34, What::look, b, "B?"},
               {36, What::look, b, "B!"}}},
        Story{"the dead owner keeps the lease for a while, then the standby takes it",
              owned_by_a({{1000, What::down, a, "A?"},
                          {1034, What::look, a, "A?"},
                          {1036, What::look, b, "B?"},
                          {1359, What::look, b, "B?"},
                          {1361, What::look, b, "B!"}})},
        Story{"an owner that is back in time has kept its lease",
              owned_by_a({{1000, What::down, a, "A?"}, {1020, What::up, a, "A!"}})},
        Story{"an owner back before the standby's try was due probably has it again",
              owned_by_a({{1000, What::down, a, "A?"},
                          {1090, What::up, a, "A?"},
                          {5000, What::look, a, "A?"}})},
        Story{"an owner back late probably lost it",
              owned_by_a({{1000, What::down, a, "A?"}, {1300, What::up, a, "B?"}})},
        Story{"HTTP fails back, the lease does not: the standby keeps it while it lives",
              owned_by_a({{1000, What::down, a, "A?"},
                          {1400, What::look, b, "B!"},
                          {1500, What::up, a, "B!"},
                          {90000, What::look, b, "B!"}})},
        Story{"after failback makeprimary brings the work home",
              owned_by_a({{1000, What::down, a, "A?"},
                          {1400, What::up, a, "B!"},
                          {1500, What::makeprimary, a, "A?"},
                          {1530, What::look, a, "A!"}})},
        Story{"then the former standby can die without harm",
              owned_by_a({{1000, What::down, b, "A!"}, {2000, What::up, b, "A!"}})},
        Story{"both dead: nobody works, and nobody is said to",
              owned_by_a({{1000, What::down, a, "A?"},
                          {1010, What::down, b, "A?"},
                          {1061, What::look, a, "-"},
                          {2000, What::up, b, "B?"}})},
        Story{"one of two unknown ones dies and is back soon: still unknown",
              {a_up,
               b_up,
               {1000, What::down, a, "-"},
               {1036, What::look, b, "B?"},
               {1060, What::up, a, "-"}}},
        Story{"makeprimary on a lease that still lives is taken, though its owner is dead",
              owned_by_a({{1000, What::down, a, "A?"},
                          {1020, What::makeprimary, b, "B?"},
                          {1050, What::look, b, "B!"}})},
        Story{"makeprimary on a lease that has run out may lock everybody out until A is back",
              owned_by_a({{1000, What::down, a, "A?"},
                          {1090, What::makeprimary, b, "-"},
                          {9000, What::look, b, "-"},
                          {9100, What::up, a, "-"}})},
        Story{"and it does no harm to who surely has the lease already",
              owned_by_a({{1000, What::down, a, "A?"}, {1400, What::makeprimary, b, "B!"}})},
        Story{"a makeprimary of an unknown owner's standby after a death is doubted as well",
              {a_up,
               b_up,
               {1000, What::down, a, "-"},
               {1080, What::makeprimary, b, "-"},
               {1081, What::up, a, "-"},
               {1110, What::makeprimary, a, "A?"}}},
        Story{"reports of what is known already change nothing",
              owned_by_a({{40, What::up, a, "A!"},
                          {50, What::down, a, "A?"},
                          {70, What::down, a, "A?"},
                          {84, What::look, a, "A?"},
                          {86, What::look, b, "B?"}})}),
    [](const auto& story) { return "Story" + std::to_string(story.index); });

TEST(AppLease, WithThreeAppsTheHeirOfADeadOwnerIsUnknown) {
  AppLease lease{{"A", "B", "C"}, {}, at(0)};
  for (std::size_t i = 0; i < 3; ++i) lease.up(i, at(0));
  lease.makeprimary_accepted(a, at(1));
  EXPECT_EQ(owner_text(lease.picture(at(40)).owner), "A!");
  lease.down(a, at(100));
  EXPECT_EQ(owner_text(lease.picture(at(150)).owner), "A?");
  EXPECT_EQ(owner_text(lease.picture(at(161)).owner), "-");
  lease.down(2, at(200));
  EXPECT_EQ(owner_text(lease.picture(at(236)).owner), "B?");
}

TEST(AppLease, AloneInAProfileNothingIsConcludedAndNothingIsSafe) {
  AppLease lease{{"A"}, {}, at(0)};
  lease.up(a, at(0));
  const LeasePicture picture = lease.picture(at(1000));
  EXPECT_EQ(owner_text(picture.owner), "-");
  EXPECT_FALSE(picture.makeprimary_safe);
}

TEST(AppLease, MakeprimaryIsSafeOnlyWithAllAppsAliveForARenewalPeriod) {
  AppLease lease{{"A", "B"}, {}, at(0)};
  EXPECT_FALSE(lease.picture(at(0)).makeprimary_safe);
  lease.up(a, at(0));
  EXPECT_FALSE(lease.picture(at(100)).makeprimary_safe);
  lease.up(b, at(100));
  EXPECT_FALSE(lease.picture(at(124)).makeprimary_safe);
  EXPECT_TRUE(lease.picture(at(125)).makeprimary_safe);
  lease.down(a, at(200));
  EXPECT_FALSE(lease.picture(at(200)).makeprimary_safe);
  lease.up(a, at(201));
  EXPECT_FALSE(lease.picture(at(202)).makeprimary_safe);
  EXPECT_TRUE(lease.picture(at(226)).makeprimary_safe);
}

// B owns the lease, HTTP has come home to A at second 2000.
AppLease after_failback() {
  AppLease lease{{"A", "B"}, {}, at(0)};
  lease.up(a, at(0));
  lease.up(b, at(0));
  lease.http_at(a, at(0));
  lease.makeprimary_accepted(a, at(1));
  lease.down(a, at(1000));
  lease.http_at(b, at(1010));
  lease.up(a, at(1700));
  lease.http_at(a, at(2000));
  return lease;
}

TEST(LeasePolicy, HttpHereAndWorkThereIsSeenInBothPhases) {
  AppLease lease{{"A", "B"}, {}, at(0)};
  lease.up(a, at(0));
  lease.up(b, at(0));
  lease.http_at(a, at(0));
  EXPECT_FALSE(lease.picture(at(10)).split) << "the owner is unknown";
  lease.makeprimary_accepted(a, at(10));
  EXPECT_FALSE(lease.picture(at(11)).split);
  lease.down(a, at(1000));
  lease.http_at(b, at(1001));
  EXPECT_TRUE(lease.picture(at(1002)).split) << "the dead app still holds it";
  EXPECT_FALSE(lease.picture(at(1400)).split);
  EXPECT_TRUE(after_failback().picture(at(2001)).split);
}

TEST(LeasePolicy, AskSuggestsAndNeverSends) {
  const AppLease lease = after_failback();
  const LeaseStep step = lease.decide(LeaseFollow::ask, at(2001));
  EXPECT_EQ(step.action, Action::suggest);
  EXPECT_EQ(step.endpoint, a);
  EXPECT_EQ(step.why, "HTTP goes to A, orchestrations run at B");
  EXPECT_EQ(lease.decide(LeaseFollow::ask, at(99999)).action, Action::suggest);
}

TEST(LeasePolicy, NeverIsSilent) {
  EXPECT_EQ(after_failback().decide(LeaseFollow::never, at(9000)).action, Action::nothing);
}

TEST(LeasePolicy, AutoSendsOnceHttpIsStableAndThenOnlyAFewTimesMore) {
  AppLease lease = after_failback();
  EXPECT_EQ(lease.decide(LeaseFollow::automatic, at(2029)).action, Action::nothing);
  double now = 2030 - 60;
  for (int i = 0; i < durable::most_makeprimary_tries; ++i) {
    now += 60;
    const LeaseStep step = lease.decide(LeaseFollow::automatic, at(now));
    ASSERT_EQ(step.action, Action::send_makeprimary) << "try " << i << ": " << step.why;
    EXPECT_EQ(step.endpoint, a);
    lease.makeprimary_sent(a, at(now));
    EXPECT_EQ(lease.decide(LeaseFollow::automatic, at(now + 59)).action,
              i + 1 == durable::most_makeprimary_tries ? Action::suggest : Action::nothing);
  }
  EXPECT_EQ(lease.decide(LeaseFollow::automatic, at(now + 9999)).action, Action::suggest);
}

TEST(LeasePolicy, AutoIsContentWhenItWasAccepted) {
  AppLease lease = after_failback();
  lease.makeprimary_sent(a, at(2040));
  lease.makeprimary_accepted(a, at(2041));
  EXPECT_EQ(lease.decide(LeaseFollow::automatic, at(2042)).action, Action::nothing);
  EXPECT_EQ(lease.decide(LeaseFollow::automatic, at(9000)).action, Action::nothing);
}

TEST(LeasePolicy, ANewMoveOfHttpCountsItsTriesAfresh) {
  AppLease lease = after_failback();
  for (int i = 0; i < durable::most_makeprimary_tries; ++i) lease.makeprimary_sent(a, at(2040));
  lease.http_at(b, at(3000));
  lease.http_at(a, at(3100));
  EXPECT_EQ(lease.decide(LeaseFollow::automatic, at(3131)).action, Action::send_makeprimary);
}

TEST(LeasePolicy, NothingIsSentOrSuggestedWhileAnAppIsDead) {
  AppLease lease = after_failback();
  lease.down(b, at(2035));  // the owner itself
  for (const LeaseFollow follow : {LeaseFollow::ask, LeaseFollow::automatic}) {
    const LeaseStep step = lease.decide(follow, at(2036));
    EXPECT_EQ(step.action, Action::nothing);
    EXPECT_THAT(step.why, ::testing::HasSubstr("B does not answer"));
  }
}

TEST(LeasePolicy, ThePictureSaysWhenToLookAgain) {
  AppLease lease{{"A", "B"}, {}, at(0)};
  lease.up(a, at(0));
  lease.up(b, at(0));
  EXPECT_EQ(lease.picture(at(1)).next_change, at(25)) << "makeprimary gets safe";
  EXPECT_EQ(lease.picture(at(30)).next_change, std::nullopt) << "nothing happens by itself";
  lease.down(a, at(100));
  EXPECT_EQ(lease.picture(at(101)).next_change, at(135));
  EXPECT_EQ(lease.picture(at(135)).next_change, at(460));
  EXPECT_EQ(after_failback().picture(at(2001)).next_change, at(2030));
}

// Whatever happens in whatever order: no crash, no certainty about a dead app, no safe makeprimary
// with one, and never anything to send when it is not safe.
TEST(LeasePolicy, RandomHistoriesKeepTheInvariants) {
  std::uint64_t seed = 42;
  const auto roll = [&seed](std::uint64_t sides) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33) % sides;
  };
  for (int history = 0; history < 300; ++history) {
    AppLease lease{{"A", "B"}, {}, at(0)};
    bool alive[2] = {false, false};
    double now = 0;
    for (int i = 0; i < 40; ++i) {
      now += static_cast<double>(roll(200));
      const std::size_t app = roll(2);
      switch (roll(5)) {
        case 0:
        case 1:
          lease.up(app, at(now));
          alive[app] = true;
          break;
        case 2:
          lease.down(app, at(now));
          alive[app] = false;
          break;
        case 3:
          lease.http_at(app, at(now));
          break;
        default:
          if (alive[app]) lease.makeprimary_accepted(app, at(now));
      }
      const LeasePicture picture = lease.picture(at(now));
      ASSERT_TRUE(picture.owner.sure != LeaseOwner::Sure::certain || alive[picture.owner.endpoint]);
      ASSERT_TRUE(!picture.makeprimary_safe || (alive[a] && alive[b]));
      const LeaseStep step = lease.decide(LeaseFollow::automatic, at(now));
      if (step.action != Action::nothing) {
        ASSERT_TRUE(picture.makeprimary_safe && picture.split);
        ASSERT_EQ(step.endpoint, *picture.http);
      }
      ASSERT_GT(picture.next_change.value_or(TimePoint::max()), at(now));
    }
  }
}

}  // namespace
