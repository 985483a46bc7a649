// A storage that is slow, silent or broken, and what each app moved through it.
#include <gmock/gmock.h>

#include "tests/integration/rehearsal/two_apps.hpp"

namespace rehearsal {

using ::testing::HasSubstr;

namespace {

class Storage : public TwoApps {
 protected:
  FetchResponse control(const std::string& method, const std::string& target) {
    FetchRequest request;
    request.addresses = {transport_test::loopback(storage_port)};
    request.host = "storage";
    request.method = method;
    request.target = target;
    request.deadline = transport_test::in(10s);
    auto answer = transport_test::run_until_done(context, transport::fetch(request));
    if (!answer) throw std::runtime_error(to_string(answer.error()));
    return std::move(*answer);
  }
};

}  // namespace

TEST_F(Storage, IsSlowForOneAppAndNotForTheOther) {
  start_apps();
  EXPECT_EQ(control("POST", "/_control/latency?ms=400&app=secondary").status, 200);
  const auto time_of = [this](FunctionApp& app) {
    const auto before = transport_test::in(0ms);
    durable(app, "GET", "/instances/absent");
    return transport_test::in(0ms) - before;
  };
  EXPECT_GE(time_of(*secondary), 400ms);
  EXPECT_LT(time_of(*primary), 400ms);
  EXPECT_THAT(control("GET", "/_control/state").body, HasSubstr(R"({"secondary":400})"));
  control("POST", "/_control/heal");
  EXPECT_LT(time_of(*secondary), 400ms);
}

TEST_F(Storage, ThatIsOutOfOrderIsA500ToClientsUntilHealed) {
  start_apps();
  for (const char* mode : {"errors", "resets"}) {
    control("POST", std::string{"/_control/outage?mode="} + mode);
    EXPECT_EQ(durable(*primary, "GET", "/instances/absent").status, 500) << mode;
    EXPECT_EQ(send(*primary, "GET", "/api/health").status, 200) << mode;
    control("POST", "/_control/heal");
    EXPECT_EQ(durable(*primary, "GET", "/instances/absent").status, 404) << mode;
  }
}

TEST_F(Storage, ThatHangsRunsWhatWaitedWhenItThaws) {
  AppOptions patience = options("primary");
  patience.storage_timeout = 100ms;
  primary = std::make_unique<FunctionApp>(context.get_executor(), patience);
  control("POST", "/_control/outage?mode=hangs");
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello/ghost").status, 500);
  EXPECT_FALSE(store()->get("Orders", "ghost"));
  control("POST", "/_control/outage?mode=none");
  while (!store()->get("Orders", "ghost")) send(*primary, "GET", "/");
  poll_until(*primary, "ghost", "Completed");
}

TEST_F(Storage, ThatIsReadOnlyAnswersQuestionsAndRefusesTheRestUntilHealed) {
  start_apps();
  ASSERT_EQ(durable(*primary, "POST", "/orchestrators/Hello/before").status, 202);
  poll_until(*primary, "before", "Completed");
  EXPECT_THAT(control("POST", "/_control/read-only?on=true").body, HasSubstr("\"readOnly\":true"));
  const auto refused = durable(*primary, "POST", "/orchestrators/Hello/during");
  EXPECT_EQ(refused.status, 500);
  EXPECT_THAT(refused.body, HasSubstr("readonly"));
  EXPECT_EQ(durable(*primary, "GET", "/instances/before").status, 200);
  EXPECT_EQ(durable(*secondary, "GET", "/instances/during").status, 404);
  EXPECT_THAT(control("GET", "/_control/executions").body, HasSubstr("\"instance\":\"before\""));
  for (const char* bad : {"/_control/read-only", "/_control/read-only?on=yes"})
    EXPECT_EQ(control("POST", bad).status, 400) << bad;
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello/during").status, 500);
  control("POST", "/_control/heal");
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello/after").status, 202);
  poll_until(*secondary, "after", "Completed");
}

TEST_F(Storage, WhoseFileAnotherProcessHoldsRefusesWritesAndGoesOnAfterwards) {
  start_apps();
  const std::string input = R"({"steps":3,"stepMilliseconds":20})";
  ASSERT_EQ(durable(*primary, "POST", "/orchestrators/Hello/before", input).status, 202);
  {
    ledger::Database other{(folder / "hub.db").string(), ledger::Database::Access::change};
    while (!other.try_execute("BEGIN EXCLUSIVE")) {
    }
    const auto begin = transport_test::in(0ms);
    EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello/during").status, 500);
    EXPECT_EQ(durable(*primary, "GET", "/instances/during").status, 404);
    EXPECT_EQ(durable(*primary, "GET", "/instances/before").status, 202);
    EXPECT_EQ(durable(*primary, "POST", "/instances/before/terminate").status, 500);
    EXPECT_LT(transport_test::in(0ms) - begin, 5s);  // no call waits for the lock's end
  }
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Hello/during").status, 202);
  poll_until(*primary, "before", "Completed");
  poll_until(*primary, "during", "Completed");
  for (const std::string id : {"before", "during"}) {
    const auto runs = store()->journal().runs("", id, 0, 10).runs;
    ASSERT_EQ(runs.size(), 1u) << id;
    EXPECT_EQ(runs[0].ends, 1) << id;
  }
}

TEST_F(Storage, TellsWhatEachAppDidOverAllHubs) {
  start_apps();
  for (const char* hub : {"Orders", "Bills"})
    durable(*primary, "POST", std::string{"/orchestrators/Hello/a?taskHub="} + hub);
  poll_until(*primary, "a", "Completed");
  EXPECT_THAT(control("GET", "/_control/activities").body, HasSubstr("\"apps\":["));
  EXPECT_EQ(control("GET", "/_control/activities").body,
            control("GET", "/hubs/Orders/activities").body);
  EXPECT_EQ(control("GET", "/_control/activities?hub=Bills").body, R"({"apps":[]})");
  EXPECT_THAT(control("GET", "/_control/executions").body, HasSubstr("\"input\":\"null\""));
}

TEST_F(Storage, CountsCallsAndBytesOfEachApp) {
  start_apps();
  constexpr long long size = 300'000;  // far above what polling adds
  const std::string input = "\"" + std::string(size, 'x') + "\"";
  durable(*primary, "POST", "/orchestrators/Hello/big", input);
  poll_until(*secondary, "big", "Completed");
  const std::string traffic = control("GET", "/_control/traffic").body;
  const auto number = [&traffic](const std::string& app, const std::string& name) {
    const auto from = traffic.find("\"app\":\"" + app + "\"");
    const auto at = traffic.find("\"" + name + "\":", from) + name.size() + 3;
    return std::stoll(traffic.substr(at));
  };
  EXPECT_GT(number("primary", "bytesIn"), size);
  EXPECT_GT(number("secondary", "bytesOut"), size);
  EXPECT_LT(number("secondary", "bytesIn"), size);
  EXPECT_GT(number("secondary", "requests"), 0);
}

TEST_F(Storage, RefusesSwitchesThatMakeNoSense) {
  for (const char* target : {"/_control/latency", "/_control/latency?ms=-1",
                             "/_control/outage?mode=sometimes", "/_control/outage"})
    EXPECT_EQ(control("POST", target).status, 400) << target;
  EXPECT_EQ(control("POST", "/_control/other").status, 404);
  EXPECT_EQ(control("GET", "/_control/heal").status, 404);
  EXPECT_EQ(control("GET", "/hubs").body, R"({"hubs":[]})");
  EXPECT_EQ(control("POST", "/hubs/Orders/lease/steal").status, 404);
  EXPECT_EQ(control("POST", "/hubs/Orders/work").status, 400);
}

}  // namespace rehearsal
