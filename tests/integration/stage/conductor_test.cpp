// The conductor with a scene that only notes what it is told, before a scripted proxy.
#include "rehearsal/stage/conductor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>

#include "transport/http_server.hpp"
#include "transport/spawn.hpp"

namespace stage {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using scenario::FaultKind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

config::Address any_port() {
  config::Address address;
  address.host = "127.0.0.1";
  address.port = 0;
  return address;
}

// Answers requests and the admin API in one.
struct ScriptedProxy {
  explicit ScriptedProxy(asio::io_context& context)
      : server{context.get_executor(), any_port(),
               [this](transport::ServerRequest request) { return handle(std::move(request)); }} {}

  asio::awaitable<transport::ServerResponse> handle(transport::ServerRequest request) {
    const std::string path{request.path()};
    transport::ServerResponse response{200, "application/json", "{}"};
    if (path == "/api/status")
      response.body = R"({"now":"2026-01-01T00:00:00Z","active":{"endpoint":")" + active +
                      R"("},"endpoints":[{"name":"primary","monitorStatus":"Online"}],"alerts":[],)"
                      R"("durable":{"starts":{"possibleDuplicates":3}}})";
    else if (path == "/api/events")
      response.body = R"({"events":[]})";
    else if (bad)
      response.status = 503;
    response.headers.emplace_back("X-Served-By", active);
    co_return response;
  }

  std::string active = "primary";
  bool bad = false;
  transport::HttpServer server;
};

struct NotingScene : Scene {
  NotingScene(asio::io_context& context_in) : context{context_in}, proxy{context_in} {}

  Task<Problem> raise() override {
    told.push_back("raise");
    co_return raise_problem;
  }
  Task<void> end() override {
    told.push_back("end");
    co_return;
  }
  Task<Problem> begin(const scenario::Fault& fault) override {
    told.push_back("begin " + fault.target);
    if (fault.kind == FaultKind::answer) proxy.bad = true;
    if (fault.kind == FaultKind::kill) proxy.active = "secondary";
    if (on_begin) on_begin();
    co_return begin_problem;
  }
  Task<Problem> heal(const scenario::Fault& fault) override {
    told.push_back("heal " + fault.target);
    proxy.bad = false;
    proxy.active = "primary";
    co_return heal_problem;
  }
  Task<Problem> operate(const scenario::Operate& operate) override {
    told.push_back("operate " + operate.target);
    co_return Problem{};
  }
  std::string proxy_url() const override { return "http://" + proxy.server.address(); }
  std::string admin_url() const override { return proxy_url(); }
  Task<Problem> collect_executions(verdict::RunRecord&) override { co_return Problem{}; }
  Task<verdict::Account> account() override { co_return verdict::Account{}; }
  Task<std::string> lease_owner() override { co_return std::string{}; }
  const std::vector<verdict::AccountFailover>& failovers() const override { return none; }
  std::vector<std::pair<std::string, std::string>> versions() const override { return {}; }

  asio::io_context& context;
  ScriptedProxy proxy;
  std::vector<std::string> told;
  Problem raise_problem, begin_problem, heal_problem;
  std::function<void()> on_begin;
  std::vector<verdict::AccountFailover> none;
};

scenario::Fault fault(FaultKind kind, scenario::Millis lasts = 0ms) {
  scenario::Fault made;
  made.kind = kind;
  made.target = "primary";
  made.lasts = lasts;
  return made;
}

scenario::WaitUntil wait(scenario::Until until, std::string name, scenario::Millis within = 5s) {
  scenario::WaitUntil made;
  made.until = until;
  made.name = std::move(name);
  made.within = within;
  return made;
}

struct ConductorTest : testing::Test {
  ConductorTest() {
    play.name = "test";
    play.topology.endpoints.resize(2);
    play.topology.endpoints[0].name = "primary";
    play.topology.endpoints[1].name = "secondary";
    play.topology.endpoints[1].priority = 2;
    play.load.starts = 0;
    play.load.gets = 1;
    play.load.rate = 100;
    play.load.patience = 1s;
    play.load.work = 0ms;
    play.steady.lasts = 100ms;
    play.steady.within = 5s;
    play.steady.p95_below.reset();  // whoever else uses this machine
    play.limit = 30s;
  }

  void perform() {
    Conductor conductor{context.get_executor(), play, scene, clock, record, progress, stop};
    current = &conductor;
    const auto whole = [&]() -> asio::awaitable<void> {
      co_await conductor.play();
      context.stop();
    };
    transport::spawn(context.get_executor(), "test", whole());
    context.run();
    ASSERT_FALSE(scene.told.empty());
    EXPECT_EQ(scene.told.back(), "end") << "whatever happens, the scene is ended";
  }

  asio::io_context context{1};
  NotingScene scene{context};
  scenario::Scenario play;
  Clock clock;
  verdict::RunRecord record;
  ProgressOptions quiet{true, false, 80};
  Progress progress{stderr, quiet, clock};
  StopCondition stop;
  Conductor* current = nullptr;
};

TEST_F(ConductorTest, PlaysStepsInOrderAndNotesWhatCameOfThem) {
  play.steps = {fault(FaultKind::kill), wait(scenario::Until::active, "secondary"),
                scenario::Heal{"primary"}, wait(scenario::Until::answered_by, "primary")};
  perform();
  EXPECT_THAT(scene.told, ElementsAre("raise", "begin primary", "heal primary", "end"));
  ASSERT_EQ(record.steps.size(), 4U);
  for (const verdict::StepResult& step : record.steps) EXPECT_TRUE(step.done) << step.text;
  ASSERT_EQ(record.faults.size(), 1U);
  EXPECT_TRUE(record.faults[0].ended.has_value());
  EXPECT_TRUE(record.steady_before && record.steady_before->held);
  EXPECT_TRUE(record.steady_after && record.steady_after->held);
  EXPECT_EQ(record.best_endpoint, "primary");
  EXPECT_EQ(record.possible_duplicates, 3);
  EXPECT_EQ(record.aborted, "");
}

TEST_F(ConductorTest, AFaultWithATimeHealsByItselfWhileLaterStepsGoOn) {
  play.steps = {fault(FaultKind::kill, 150ms), wait(scenario::Until::healed, "")};
  perform();
  EXPECT_THAT(scene.told, ElementsAre("raise", "begin primary", "heal primary", "end"));
  ASSERT_EQ(record.steps.size(), 2U);
  EXPECT_TRUE(record.steps[1].done);
  EXPECT_GE(*record.faults[0].ended - record.faults[0].began, 150ms);
}

TEST_F(ConductorTest, AWaitThatIsInVainEndsAtItsLimitAndTheRestIsPlayed) {
  play.steps = {wait(scenario::Until::active, "nobody", 60ms), fault(FaultKind::kill)};
  perform();
  ASSERT_EQ(record.steps.size(), 2U);
  EXPECT_FALSE(record.steps[0].done);
  EXPECT_THAT(record.steps[0].detail, HasSubstr("not within"));
  EXPECT_TRUE(record.steps[1].done);
  EXPECT_THAT(scene.told, Contains("heal primary")) << "what no step heals is healed at the end";
}

TEST_F(ConductorTest, WhatFailsToBreakIsHealedAllTheSame) {
  scene.begin_problem = "no such process";
  play.steps = {fault(FaultKind::kill)};
  perform();
  EXPECT_FALSE(record.steps[0].done);
  EXPECT_EQ(record.steps[0].detail, "no such process");
  EXPECT_THAT(scene.told, Contains("heal primary"));
}

TEST_F(ConductorTest, WhatCannotBeHealedIsSaid) {
  scene.heal_problem = "it does not start any more";
  play.steps = {fault(FaultKind::kill)};
  perform();
  EXPECT_THAT(record.aborted, HasSubstr("it does not start any more"));
}

TEST_F(ConductorTest, PartsThatDoNotStartEndTheRun) {
  scene.raise_problem = "the storage did not start";
  play.steps = {fault(FaultKind::kill)};
  perform();
  EXPECT_EQ(record.aborted, "the storage did not start");
  EXPECT_THAT(record.faults, IsEmpty());
}

TEST_F(ConductorTest, WithoutASteadyStateNothingIsBroken) {
  scene.proxy.bad = true;
  play.steady.within = 150ms;
  play.steps = {fault(FaultKind::kill)};
  perform();
  EXPECT_THAT(record.aborted, HasSubstr("steady state"));
  EXPECT_THAT(record.faults, IsEmpty());
}

TEST_F(ConductorTest, AnInterruptionHealsAndLeavesTheRestOut) {
  scene.on_begin = [this] { current->interrupt(); };
  play.steps = {fault(FaultKind::kill, 20s), fault(FaultKind::freeze)};
  perform();
  EXPECT_TRUE(record.interrupted);
  EXPECT_EQ(record.faults.size(), 1U);
  EXPECT_THAT(scene.told, ElementsAre("raise", "begin primary", "heal primary", "end"));
  EXPECT_TRUE(record.faults[0].ended.has_value());
}

TEST_F(ConductorTest, TheStopConditionEndsTheRunAndHeals) {
  stop.error_share = 0.2;
  play.steps = {fault(FaultKind::answer), wait(scenario::Until::active, "nobody", 20s)};
  perform();
  EXPECT_THAT(record.aborted, HasSubstr("stop condition"));
  EXPECT_THAT(scene.told, Contains("heal primary"));
  EXPECT_LT(record.ended, 15s);
}

TEST_F(ConductorTest, TheLimitOfTheRunEndsItAndHeals) {
  stop.time_limit = 600ms;
  play.steps = {fault(FaultKind::kill), wait(scenario::Until::active, "nobody", 20s)};
  perform();
  EXPECT_THAT(record.aborted, HasSubstr("limit"));
  EXPECT_THAT(scene.told, Contains("heal primary"));
}

}  // namespace
}  // namespace stage
