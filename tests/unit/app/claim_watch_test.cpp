#include "app/claim_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace app {
namespace {

using durable::HubClaim;
using ::testing::HasSubstr;
using Verdict = HubClaim::Verdict;
using namespace std::chrono_literals;

const health::TimePoint t0 = health::TimePoint{} + 1000s;
const WallTime wall{1'700'000'000s};

config::Config claiming(config::TaskHub hub, std::string second = "neu") {
  config::Config out;
  out.endpoints.resize(2);
  out.endpoints[0].name = "weu";
  out.endpoints[1].name = std::move(second);
  out.durable.task_hub = hub;
  return out;
}

HubClaim verdict(Verdict verdict, std::string message = "because") {
  return {verdict, HubClaim::Hubs::unknown, std::move(message)};
}

class Claim : public ::testing::Test {
 protected:
  Claim() { watch_.configure(claiming(config::TaskHub::shared)); }
  std::optional<std::string> check(const HubClaim& result, health::TimePoint now) {
    EXPECT_TRUE(watch_.due(2, now));
    return watch_.answered(watch_.asked(), result, now, wall);
  }
  ClaimWatch watch_;
};

TEST_F(Claim, IsCheckedOnceWhenTwoEndpointsAreOnline) {
  EXPECT_FALSE(watch_.due(0, t0));
  EXPECT_FALSE(watch_.due(1, t0));
  EXPECT_TRUE(watch_.due(2, t0));
  EXPECT_TRUE(watch_.due(3, t0));
  const std::uint64_t question = watch_.asked();
  EXPECT_FALSE(watch_.due(2, t0 + 1h)) << "it is under way";
  EXPECT_EQ(watch_.answered(question, verdict(Verdict::ok, "one hub, shared"), t0, wall),
            "task hub: one hub, shared");
  EXPECT_FALSE(watch_.due(2, t0 + 24h)) << "the claim holds";
  ASSERT_TRUE(watch_.view().has_value());
  EXPECT_EQ(watch_.view()->verdict, "ok");
  EXPECT_EQ(watch_.view()->checked_at, wall);
  EXPECT_FALSE(watch_.view()->contradiction);
}

TEST_F(Claim, OfNothingIsNeverChecked) {
  watch_.configure(claiming(config::TaskHub::none));
  EXPECT_FALSE(watch_.due(2, t0));
}

TEST_F(Claim, ThatCannotBeToldIsAskedAgainAfterFiveMinutesAndToldOnce) {
  EXPECT_EQ(check(verdict(Verdict::cannot_tell, "both are empty"), t0),
            "task hub: cannot tell: both are empty");
  EXPECT_FALSE(watch_.due(2, t0 + 299s));
  EXPECT_EQ(check(verdict(Verdict::cannot_tell, "both are empty"), t0 + 300s), std::nullopt);
  EXPECT_THAT(check(verdict(Verdict::cannot_tell, "neu is slow"), t0 + 600s).value(),
              HasSubstr("neu is slow"));
}

TEST_F(Claim, AContradictionStaysUntilACheckSaysOtherwise) {
  EXPECT_EQ(check(verdict(Verdict::contradiction, "they are separate"), t0), "they are separate");
  EXPECT_TRUE(watch_.view()->contradiction);
  EXPECT_EQ(check(verdict(Verdict::cannot_tell, "neu is slow"), t0 + 300s), std::nullopt);
  EXPECT_TRUE(watch_.view()->contradiction) << "nobody has refuted it";
  EXPECT_EQ(watch_.view()->text, "they are separate");
  EXPECT_TRUE(check(verdict(Verdict::ok), t0 + 600s).has_value());
  EXPECT_FALSE(watch_.view()->contradiction);
}

TEST_F(Claim, IsCheckedAfreshWhenTheEndpointsOrTheClaimChange) {
  check(verdict(Verdict::ok), t0);
  watch_.configure(claiming(config::TaskHub::shared));
  EXPECT_FALSE(watch_.due(2, t0)) << "nothing has changed";
  watch_.configure(claiming(config::TaskHub::per_region));
  EXPECT_FALSE(watch_.view().has_value());
  check(verdict(Verdict::contradiction), t0);
  watch_.configure(claiming(config::TaskHub::per_region, "other"));
  EXPECT_TRUE(watch_.view()->contradiction) << "on show until the next check";
  check(verdict(Verdict::ok), t0);
  EXPECT_FALSE(watch_.view()->contradiction);
}

TEST_F(Claim, AReloadAsksAgainAtOnceWhatIsStillOpen) {
  check(verdict(Verdict::contradiction), t0);
  EXPECT_FALSE(watch_.due(2, t0 + 1s));
  watch_.configure(claiming(config::TaskHub::shared));
  EXPECT_TRUE(watch_.due(2, t0 + 1s)) << "the operator may have put it right";
}

TEST_F(Claim, AnAnswerAboutAnEarlierConfigurationIsNoNews) {
  const std::uint64_t question = watch_.asked();
  watch_.configure(claiming(config::TaskHub::per_region));
  EXPECT_EQ(watch_.answered(question, verdict(Verdict::contradiction), t0, wall), std::nullopt);
  EXPECT_FALSE(watch_.view().has_value());
  EXPECT_TRUE(watch_.due(2, t0));
}

}  // namespace
}  // namespace app
