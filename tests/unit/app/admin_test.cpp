#include "app/admin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sample_picture.hpp"

namespace app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using transport::ServerRequest;
using transport::ServerResponse;

ServerRequest request(std::string method, std::string target, transport::HeaderList headers = {}) {
  ServerRequest out;
  out.method = std::move(method);
  out.target = std::move(target);
  out.headers = std::move(headers);
  if (transport::find_header(out.headers, "Host") == nullptr)
    out.headers.emplace_back("Host", "127.0.0.1:8081");
  out.peer_is_loopback = true;
  return out;
}

// Records what it was asked to do.
class Admin : public ::testing::Test {
 protected:
  struct Call {
    Action action;
    std::string endpoint;
    std::optional<config::Millis> time;
    bool operator==(const Call&) const = default;
  };

  Admin() : api_{"127.0.0.1", actions()} {}

  AdminActions actions() {
    AdminActions out;
    out.picture = [this] { return picture_; };
    out.events = [this] { return picture_.recent; };
    out.effective_config = [] { return std::string{R"({"profile":"orders"})"}; };
    out.inject_fault = [this](const FaultCommand& command) {
      faults_.push_back(command);
      return result_;
    };
    out.act = [this](Action action, const std::string& name, std::optional<config::Millis> time,
                     std::function<void(ActionResult)> done) {
      calls_.push_back({action, name, time});
      if (slow_)
        waiting_ = std::move(done);
      else
        done(result_);
    };
    return out;
  }

  ServerResponse ask(const ServerRequest& request) {
    std::optional<ServerResponse> answer;
    api_.handle(request, [&](ServerResponse response) { answer = std::move(response); });
    EXPECT_TRUE(answer.has_value()) << "nothing but a slow command may wait";
    return answer.value_or(ServerResponse{});
  }

  Picture picture_ = sample_picture();
  ActionResult result_{ActionResult::Kind::done, "fine"};
  std::vector<Call> calls_;
  std::vector<FaultCommand> faults_;
  bool slow_ = false;
  std::function<void(ActionResult)> waiting_;
  AdminApi api_;
};

TEST_F(Admin, IsAliveWhateverTheEndpointsDo) {
  picture_.active.reset();
  EXPECT_EQ(ask(request("GET", "/healthz")).status, 200);
}

TEST_F(Admin, IsReadyOnlyWhileAnEndpointIsInRotation) {
  EXPECT_EQ(ask(request("GET", "/readyz")).status, 200);
  picture_.all_degraded = true;
  const ServerResponse response = ask(request("GET", "/readyz"));
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("every endpoint is degraded"));
}

TEST_F(Admin, ServesStatusEventsMetricsAndThePage) {
  const auto status = nlohmann::json::parse(ask(request("GET", "/api/status")).body);
  EXPECT_EQ(status["profile"], "orders");
  const auto events = nlohmann::json::parse(ask(request("GET", "/api/events")).body);
  EXPECT_EQ(events["events"].size(), 1U);
  EXPECT_THAT(ask(request("GET", "/metrics")).body, HasSubstr("understudy_build_info"));
  const ServerResponse page = ask(request("GET", "/"));
  EXPECT_THAT(page.body, HasSubstr("<!doctype html>"));
  EXPECT_NE(transport::find_header(page.headers, "Content-Security-Policy"), nullptr);
}

TEST_F(Admin, ThePageAsksForNothingFromOutside) {
  EXPECT_THAT(std::string{status_page()}, Not(HasSubstr("http://")));
  EXPECT_THAT(std::string{status_page()}, Not(HasSubstr("https://")));
  EXPECT_THAT(std::string{status_page()}, Not(HasSubstr("innerHTML")));
}

TEST_F(Admin, CommandsReachTheEndpointTheyName) {
  const ServerResponse response = ask(request("POST", "/api/endpoints/my%20app/drain"));
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("fine"));
  EXPECT_EQ(calls_, (std::vector<Call>{{Action::drain, "my app", {}}}));
}

TEST_F(Admin, AHoldMayEndByItself) {
  ask(request("POST", "/api/hold?for=10m"));
  ask(request("POST", "/api/hold"));
  EXPECT_EQ(calls_, (std::vector<Call>{{Action::hold, "", config::Millis{600'000}},
                                       {Action::hold, "", {}}}));
}

TEST_F(Admin, AMalformedDurationIsABadRequestAndDoesNothing) {
  const ServerResponse response = ask(request("POST", "/api/hold?for=10"));
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("has no unit"));
  EXPECT_TRUE(calls_.empty());
}

TEST_F(Admin, ServesTheEffectiveConfiguration) {
  EXPECT_EQ(ask(request("GET", "/api/config")).body, R"({"profile":"orders"})");
}

TEST_F(Admin, AFaultIsForAnEndpointAndATimeAndIsHealed) {
  ask(request("POST", "/api/faults?endpoint=my%20app&for=10s&mode=reset&delay=30ms"));
  ask(request("POST", "/api/faults/heal?endpoint=my%20app"));
  ASSERT_EQ(faults_.size(), 2U);
  EXPECT_EQ(faults_[0].endpoint, "my app");
  EXPECT_EQ(faults_[0].lasts, config::Millis{10'000});
  EXPECT_EQ(transport::describe(faults_[0].fault), "mode=reset delay=30ms");
  EXPECT_FALSE(faults_[0].heal);
  EXPECT_TRUE(faults_[1].heal);
}

TEST_F(Admin, AMalformedFaultIsABadRequestAndDoesNothing) {
  for (const char* query :
       {"", "for=10s&mode=reset", "endpoint=a&mode=reset", "endpoint=a&for=10&mode=reset",
        "endpoint=a&for=10s&mode=explode", "endpoint=a&for=10s&path=%2F",
        "endpoint=a&for=10s&colour=red", "endpoint=a&for=10s&times"})
    EXPECT_EQ(ask(request("POST", std::string{"/api/faults?"} + query)).status, 400) << query;
  EXPECT_TRUE(faults_.empty());
}

TEST_F(Admin, ARefusedCommandIsAConflictAndAnUnknownNameIsNotFound) {
  result_ = {ActionResult::Kind::refused, "primary is not online"};
  EXPECT_EQ(ask(request("POST", "/api/failback")).status, 409);
  result_ = {ActionResult::Kind::unknown_endpoint, "the endpoints are: a, b"};
  const ServerResponse response = ask(request("POST", "/api/endpoints/x/enable"));
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(response.body, HasSubstr("the endpoints are: a, b"));
}

TEST_F(Admin, ACommandThatAsksAnEndpointIsAnsweredLater) {
  slow_ = true;
  std::optional<ServerResponse> answer;
  api_.handle(request("POST", "/api/endpoints/primary/makeprimary"),
              [&](ServerResponse response) { answer = std::move(response); });
  EXPECT_EQ(calls_, (std::vector<Call>{{Action::makeprimary, "primary", {}}}));
  EXPECT_FALSE(answer.has_value());
  ASSERT_TRUE(waiting_);
  waiting_({ActionResult::Kind::done, "primary accepted makeprimary"});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_NE(transport::find_header(answer->headers, "Cache-Control"), nullptr);
}

TEST_F(Admin, WhatAnEndpointRefusedAndWhatItDidNotAnswerAreTold) {
  result_ = {ActionResult::Kind::failed, "primary refused makeprimary"};
  EXPECT_EQ(ask(request("POST", "/api/endpoints/primary/makeprimary")).status, 502);
  result_ = {ActionResult::Kind::no_answer, "it may have been taken"};
  EXPECT_EQ(ask(request("POST", "/api/endpoints/primary/makeprimary")).status, 504);
}

TEST_F(Admin, UnknownPathsAndMethodsSayWhatThereIs) {
  EXPECT_EQ(ask(request("GET", "/nothing")).status, 404);
  EXPECT_EQ(ask(request("POST", "/api/endpoints/a/explode")).status, 404);
  EXPECT_EQ(ask(request("POST", "/api/enable")).status, 404);
  EXPECT_EQ(ask(request("POST", "/api/makeprimary")).status, 404);
  EXPECT_EQ(ask(request("DELETE", "/api/hold")).status, 405);
  EXPECT_TRUE(calls_.empty());
}

struct Visitor {
  std::string name;
  std::string method, target;
  transport::HeaderList headers;
  bool loopback;
  bool allowed;
};

class AdminVisitor : public ::testing::TestWithParam<Visitor> {};

TEST_P(AdminVisitor, IsLetInOnlyWhenNoForeignPageSentIt) {
  const Visitor& visitor = GetParam();
  ServerRequest r = request(visitor.method, visitor.target, visitor.headers);
  r.peer_is_loopback = visitor.loopback;
  EXPECT_EQ(admin_refusal(r, "10.1.2.3").empty(), visitor.allowed) << admin_refusal(r, "10.1.2.3");
}

INSTANTIATE_TEST_SUITE_P(
    Admin, AdminVisitor,
    ::testing::Values(
        Visitor{"command_line", "POST", "/api/hold", {}, true, true},
        Visitor{"own_page",
                "POST",
                "/api/hold",
                {{"Host", "localhost:8081"},
                 {"Origin", "http://localhost:8081"},
                 {"Sec-Fetch-Site", "same-origin"}},
                true,
                true},
        Visitor{"rebound_name", "GET", "/api/status", {{"Host", "evil.example:8081"}}, true, false},
        Visitor{
            "foreign_page", "POST", "/api/hold", {{"Origin", "http://evil.example"}}, true, false},
        Visitor{"other_port", "POST", "/api/hold", {{"Origin", "http://127.0.0.1:9"}}, true, false},
        Visitor{"sandboxed_page", "POST", "/api/hold", {{"Origin", "null"}}, true, false},
        Visitor{"cross_site", "POST", "/api/hold", {{"Sec-Fetch-Site", "cross-site"}}, true, false},
        Visitor{"remote_reader", "GET", "/api/status", {{"Host", "10.1.2.3:8081"}}, false, true},
        Visitor{"remote_operator", "POST", "/api/hold", {{"Host", "10.1.2.3:8081"}}, false, false},
        Visitor{"ipv6_loopback", "GET", "/api/status", {{"Host", "[::1]:8081"}}, true, true},
        Visitor{"scraper_by_name", "GET", "/metrics", {{"Host", "proxy.example"}}, false, true}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace app
