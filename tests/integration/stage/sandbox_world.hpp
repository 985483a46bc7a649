// A sandbox in a test: a scenario made by hand, real processes, and looks at them from outside.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "play.hpp"
#include "rehearsal/stage/call.hpp"
#include "rehearsal/stage/sandbox.hpp"

namespace stage_test {

using namespace std::chrono_literals;
using scenario::Fault;
using scenario::FaultKind;
using stage::Answer;

inline Fault fault_of(FaultKind kind, std::string target) {
  Fault fault;
  fault.kind = kind;
  fault.target = std::move(target);
  return fault;
}

struct SandboxTest : testing::Test {
  SandboxTest() {
    scenario.name = "test";
    for (const char* name : {"primary", "secondary"}) {
      scenario::Endpoint endpoint;
      endpoint.name = name;
      endpoint.region = name + std::string{"-region"};
      endpoint.priority = endpoint.name == "primary" ? 1 : 2;
      scenario.topology.endpoints.push_back(endpoint);
    }
    scenario.topology.storage.emplace_back();
    scenario.topology.storage.back().name = "shared";
    scenario.proxy = R"({"probe": {"preset": "responsive", "path": "/api/health"},
      "stickiness": {"ttl": "0s"}, "log": {"access": false}})";
    options.bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    options.scratch = scratch.path();
    options.evidence = evidence.path();
  }
  ~SandboxTest() override {
    scene.reset();
    EXPECT_THAT(children(), testing::IsEmpty()) << "processes that outlive the scene";
  }

  scenario::Endpoint& endpoint(std::size_t i) { return scenario.topology.endpoints[i]; }
  scenario::StandIn& stand_in(std::size_t i) { return std::get<scenario::StandIn>(endpoint(i).is); }

  std::string raise() {
    scene = stage::make_sandbox(context.get_executor(), scenario, clock, options);
    return play(context, scene->raise());
  }
  void must_raise() {
    const std::string problem = raise();
    if (!problem.empty()) throw std::runtime_error(problem);
  }
  std::string begin(const Fault& fault) { return play(context, scene->begin(fault)); }
  std::string heal(const Fault& fault) { return play(context, scene->heal(fault)); }

  Answer ask(const std::string& url, const std::string& method = "GET",
             std::chrono::milliseconds limit = 5s, const std::string& body = {}) {
    stage::Call call;
    call.method = method;
    call.url = url;
    call.body = body;
    call.limit = limit;
    if (url.starts_with("https")) call.ca_file = scratch.file("certificates/authority.pem");
    return play(context, stage::call(call));
  }
  // What the proxy was told of the endpoint.
  std::string url_of(const std::string& name);
  Answer ask_endpoint(const std::string& name, std::chrono::milliseconds limit = 5s) {
    return ask(url_of(name) + "/api/echo", "GET", limit);
  }
  Answer start(int number, std::chrono::milliseconds limit = 15s) {
    const std::string body =
        R"({"start": )" + std::to_string(number) + R"(, "steps": 1, "milliseconds": 1})";
    return ask(scene->proxy_url() + "/runtime/webhooks/durabletask/orchestrators/Order", "POST",
               limit, body);
  }
  bool soon(std::function<bool()> met, std::chrono::milliseconds limit = 20s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!met()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      play(context, stage::pause(10ms));
    }
    return true;
  }
  std::string active();  // endpoint of the proxy
  verdict::RunRecord collect() {
    verdict::RunRecord record;
    EXPECT_EQ(play(context, scene->collect_executions(record)), "");
    return record;
  }

  // Processes whose parent is this test: parts of a sandbox, their guards, what they have left.
  static std::vector<pid_t> children();

  boost::asio::io_context context;
  Folder scratch, evidence;
  scenario::Scenario scenario;
  stage::Clock clock;
  stage::SandboxOptions options;
  std::unique_ptr<stage::Scene> scene;
};

}  // namespace stage_test
