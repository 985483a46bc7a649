// Who may run orchestrators in a hub that two apps share. The lease's times are divided by 100:
// it lasts 600 ms, is renewed every 250 ms, and a standby tries every 3 s.
#include <gmock/gmock.h>

#include "tests/integration/rehearsal/two_apps.hpp"

namespace rehearsal {

using ::testing::HasSubstr;

namespace {

constexpr const char* lease_path = "/_control/lease";
const std::string quick = R"({"steps":1,"stepMilliseconds":1})";

class SharedHub : public TwoApps {
 protected:
  AppOptions leased(const std::string& name, int time_scale = 100) {
    AppOptions out = options(name);
    out.app_lease = true;
    out.time_scale = time_scale;
    return out;
  }
  void start_primary() {
    primary = std::make_unique<FunctionApp>(context.get_executor(), leased("primary"));
    get_until(*primary, lease_path, R"("state":"owner")");
  }
  void start_secondary() {
    secondary = std::make_unique<FunctionApp>(context.get_executor(), leased("secondary"));
    get_until(*secondary, lease_path, R"("lastError":"LeaseAlreadyPresent")");
  }
  // Its lease runs out, as after a crash.
  void stop_primary() { send(*primary, "POST", "/_control/state/stopped"); }
};

}  // namespace

TEST(AppLeaseTimes, AreDividedAndNamed) {
  AppOptions options;
  EXPECT_EQ(app_lease_times(options).lease, 60s);
  EXPECT_EQ(app_lease_times(options).renew, 25s);
  EXPECT_EQ(app_lease_times(options).acquire, 300s);
  options.time_scale = 50;
  EXPECT_EQ(to_text(app_lease_times(options)),
            "app lease: lasts 1200 ms, renewed every 500 ms, a standby tries every 6000 ms (time "
            "scale 50)");
}

TEST_F(SharedHub, WithoutALeaseEveryAppWorks) {
  start_apps();
  EXPECT_THAT(send(*primary, "GET", lease_path).body,
              HasSubstr(R"("enabled":false,"id":"primary","state":"off","owner":null)"));
}

TEST_F(SharedHub, OneAppOwnsTheLeaseAndTheOtherStandsBy) {
  start_primary();
  start_secondary();
  const auto seen = send(*secondary, "GET", lease_path);
  EXPECT_THAT(seen.body, HasSubstr(R"("id":"secondary","state":"standby","owner":"primary",)"
                                   R"("holder":"primary","desired":"")"));
  EXPECT_THAT(seen.body, HasSubstr(R"("timeScale":100)"));
}

TEST_F(SharedHub, StartsOnTheStandbyAreAcceptedAndRunByTheOwner) {
  start_primary();
  start_secondary();
  EXPECT_EQ(durable(*secondary, "POST", "/orchestrators/Hello/id", quick).status, 202);
  poll_until(*secondary, "id", "Completed");
  EXPECT_EQ(store()->journal().executions("Orders", "id", 0, 1).executions.at(0).started_by,
            "primary");
}

TEST_F(SharedHub, AfterTheOwnersDeathStartsStayPendingUntilTheStandbysNextTry) {
  start_primary();
  start_secondary();
  stop_primary();
  durable(*secondary, "POST", "/orchestrators/Hello/id", quick);
  poll_until(*secondary, "id", "Pending");
  poll_until(*secondary, "id", "Completed");
  EXPECT_EQ(store()->journal().executions("Orders", "id", 0, 1).executions.at(0).started_by,
            "secondary");
  send(*primary, "POST", "/_control/state/running");
  get_until(*primary, lease_path, R"("lastError":"LeaseAlreadyPresent")");
  EXPECT_THAT(send(*secondary, "GET", lease_path).body, HasSubstr(R"("state":"owner")"))
      << "the lease does not fail back";
}

TEST_F(SharedHub, MakePrimaryTakesALiveLeaseAndTheLoserNoticesWithItsNextRenewal) {
  start_primary();
  start_secondary();
  const auto answer = durable(*secondary, "POST", "/makeprimary");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  get_until(*secondary, lease_path, R"("state":"owner","owner":"secondary")");
  const auto lost = get_until(*primary, lease_path, R"("state":"standby")");
  EXPECT_THAT(lost.body, HasSubstr(R"("holder":"secondary","desired":"")"))
      << "the wish is gone with its fulfilment";
  EXPECT_EQ(durable(*secondary, "GET", "/makeprimary").status, 200) << "the owner: nothing to do";
}

TEST_F(SharedHub, MakePrimaryAskedTooLateBlocksItself) {
  start_primary();
  start_secondary();
  stop_primary();
  while (store()->app_leases().get("Orders", wall_now()).active) send(*secondary, "GET", "/");
  EXPECT_EQ(durable(*secondary, "POST", "/makeprimary").status, 200);
  const auto stuck =
      get_until(*secondary, lease_path, R"("lastError":"LeaseNotPresentWithLeaseOperation")");
  EXPECT_THAT(stuck.body, HasSubstr(R"("state":"standby")"));
  EXPECT_THAT(stuck.body, HasSubstr(R"("desired":"secondary")"));
  // Each later try meets the same, until the old owner is back and holds it again.
  send(*primary, "POST", "/_control/state/running");
  get_until(*primary, lease_path, R"("state":"owner")");
  get_until(*secondary, lease_path, R"("state":"owner")");
}

TEST_F(SharedHub, TwoAppsOfOneSiteNameDoNotExcludeEachOther) {
  for (auto* app : {&primary, &secondary}) {
    AppOptions same = leased(app == &primary ? "primary" : "secondary");
    same.site_name = "orders";
    *app = std::make_unique<FunctionApp>(context.get_executor(), same);
  }
  get_until(*primary, lease_path, R"("state":"owner")");
  get_until(*secondary, lease_path, R"("state":"owner")");
}

TEST_F(SharedHub, ActivitiesAreTakenByTheStandbyToo) {
  start_primary();
  start_secondary();
  for (int i = 0; i < 60; ++i)  // more than one app takes at once
    durable(*secondary, "POST", "/orchestrators/Hello/" + std::to_string(i),
            R"({"steps":4,"stepMilliseconds":60})");
  for (int i = 0; i < 60; ++i) poll_until(*secondary, std::to_string(i), "Completed");
  const auto shares = store()->journal().shares("Orders");
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_GT(shares[0].activities, 0);
  EXPECT_GT(shares[1].activities, 0);
  EXPECT_EQ(shares[0].activities + shares[1].activities, 240);
  EXPECT_EQ(shares[1].turns, 0) << "orchestrators are the owner's alone";
}

TEST_F(SharedHub, UnlessTheNewerRuleKeepsThemWithTheOwner) {
  start_primary();
  AppOptions strict = leased("secondary");
  strict.activities_need_lease = true;
  secondary = std::make_unique<FunctionApp>(context.get_executor(), strict);
  get_until(*secondary, lease_path, "LeaseAlreadyPresent");
  for (int i = 0; i < 20; ++i)
    durable(*secondary, "POST", "/orchestrators/Hello/" + std::to_string(i),
            R"({"steps":3,"stepMilliseconds":30})");
  for (int i = 0; i < 20; ++i) poll_until(*secondary, std::to_string(i), "Completed");
  EXPECT_EQ(store()->journal().shares("Orders").size(), 1u);
}

TEST_F(SharedHub, AStorageThatIsAwayTakesNobodysOwnership) {
  start_primary();
  faults->set_outage(Outage::errors);
  get_until(*primary, lease_path, "the storage answered 503");
  EXPECT_THAT(send(*primary, "GET", lease_path).body, HasSubstr(R"("state":"owner","owner":null)"));
  EXPECT_EQ(durable(*primary, "POST", "/makeprimary").status, 200);
  faults->set_outage(Outage::none);
  get_until(*primary, lease_path, R"("lastError":"")");
}

}  // namespace rehearsal
