#include "health/status.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "health/evidence.hpp"
#include "health/probe_outcome.hpp"

namespace health {
namespace {

using S = MonitorStatus;
using P = ProfileStatus;

struct ProfileRow {
  const char* name;
  bool enabled;
  std::vector<S> endpoints;
  P expected;
};

class ProfileTable : public ::testing::TestWithParam<ProfileRow> {};

TEST_P(ProfileTable, ShowsTheProfileStatus) {
  const ProfileRow& row = GetParam();
  EXPECT_EQ(profile_status(row.enabled, row.endpoints), row.expected) << row.name;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, ProfileTable,
    ::testing::Values(
        ProfileRow{"a disabled profile is Disabled whatever its endpoints are",
                   false,
                   {S::inactive, S::disabled},
                   P::disabled},
        ProfileRow{"one Degraded endpoint makes the profile Degraded",
                   true,
                   {S::online, S::degraded},
                   P::degraded},
        ProfileRow{"Online wins over checking", true, {S::checking_endpoint, S::online}, P::online},
        ProfileRow{"an always-serve endpoint counts as Online",
                   true,
                   {S::unmonitored, S::checking_endpoint},
                   P::online},
        ProfileRow{"checking when nothing is known yet",
                   true,
                   {S::checking_endpoint, S::disabled},
                   P::checking_endpoints},
        ProfileRow{
            "Inactive when every endpoint is out", true, {S::disabled, S::stopped}, P::inactive},
        ProfileRow{"Inactive without endpoints", true, {}, P::inactive}));

constexpr std::array all{S::checking_endpoint, S::online,  S::degraded,   S::disabled,
                         S::inactive,          S::stopped, S::unmonitored};

TEST(ProfileStatusExhaustively, EveryTripleFollowsTheOrderOfTheRule) {
  for (const S a : all)
    for (const S b : all)
      for (const S c : all) {
        const std::array endpoints{a, b, c};
        const auto has = [&](S wanted) {
          return std::count(endpoints.begin(), endpoints.end(), wanted) > 0;
        };
        P expected = P::inactive;
        if (has(S::checking_endpoint)) expected = P::checking_endpoints;
        if (has(S::online) || has(S::unmonitored)) expected = P::online;
        if (has(S::degraded)) expected = P::degraded;
        EXPECT_EQ(profile_status(true, endpoints), expected);
        EXPECT_EQ(profile_status(false, endpoints), P::disabled);
      }
}

TEST(StatusWords, AreTrafficManagers) {
  EXPECT_EQ(to_string(S::checking_endpoint), "CheckingEndpoint");
  EXPECT_EQ(to_string(P::checking_endpoints), "CheckingEndpoints");
  EXPECT_EQ(status_text(S::degraded, Cause::live_traffic), "Degraded (passive)");
  EXPECT_EQ(status_text(S::degraded, Cause::probe), "Degraded");
  EXPECT_EQ(status_text(S::online, Cause::live_traffic), "Online");
}

TEST(StatusWords, EveryValueHasItsOwnWord) {
  std::vector<std::string_view> words;
  for (const S status : all) words.push_back(to_string(status));
  for (int i = 0; i <= static_cast<int>(ProbeResult::bad_body); ++i)
    words.push_back(to_string(static_cast<ProbeResult>(i)));
  // connect_failed and tls_failed are words of probes and of evidence alike, on purpose.
  for (int i = static_cast<int>(EvidenceKind::reset);
       i <= static_cast<int>(EvidenceKind::hub_trouble); ++i)
    words.push_back(to_string(static_cast<EvidenceKind>(i)));
  for (int i = 0; i <= static_cast<int>(Cause::config); ++i)
    words.push_back(to_string(static_cast<Cause>(i)));
  std::sort(words.begin(), words.end());
  EXPECT_EQ(std::adjacent_find(words.begin(), words.end()), words.end());
  EXPECT_EQ(std::count(words.begin(), words.end(), "unknown"), 0);
}

}  // namespace
}  // namespace health
