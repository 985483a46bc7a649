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
