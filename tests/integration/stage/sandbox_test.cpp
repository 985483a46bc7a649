// A sandbox is raised, ends, and leaves nothing behind, whatever goes wrong.
#include "sandbox_world.hpp"

namespace {

using namespace stage_test;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST_F(SandboxTest, is_raised_serves_and_ends_without_a_trace) {
  must_raise();
  const Answer answer = ask(scene->proxy_url() + "/api/echo");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(*transport::find_header(answer.headers, "X-Served-By"), "primary");
  EXPECT_EQ(start(1).status, 202);
  EXPECT_EQ(std::filesystem::status(evidence.file("understudy.json")).permissions(),
            std::filesystem::perms{0600});
  for (const char* log : {"storage-shared.log", "primary.log", "secondary.log", "proxy.log"})
    EXPECT_THAT(text_of(evidence.file(log)), Not(IsEmpty())) << log;
  ASSERT_THAT(scene->versions(), SizeIs(1));
  EXPECT_THAT(scene->versions().front().second, Not(IsEmpty()));

  std::vector<std::string> urls{scene->proxy_url(), scene->admin_url(), url_of("primary"),
                                url_of("secondary")};
  EXPECT_THAT(children(), SizeIs(8)) << "four parts with a guard each";
  play(context, scene->end());
  EXPECT_THAT(children(), IsEmpty());
  for (const std::string& url : urls) EXPECT_THAT(ask(url).problem, HasSubstr("refused")) << url;
  play(context, scene->end());  // a second time does no harm
}

TEST_F(SandboxTest, each_region_has_its_own_account_with_a_hub_of_its_own) {
  scenario.topology.task_hub = config::TaskHub::per_region;
  scenario.topology.storage.clear();
  must_raise();
  ASSERT_EQ(start(7).status, 202);
  ASSERT_TRUE(soon([&] {
    const auto record = collect();
    return record.executions.size() == 1 && record.executions[0].finished;
  }));
  const auto record = collect();
  EXPECT_TRUE(record.executions_known);
  EXPECT_EQ(record.executions[0].number, 7);
  EXPECT_EQ(record.executions[0].storage, "primary");
  EXPECT_EQ(record.executions[0].app, "primary");
  EXPECT_EQ(record.executions[0].status, "Completed");
  EXPECT_GT(record.executions[0].started, record.executions[0].created - verdict::At{1});
  const verdict::Account account = play(context, scene->account());
  ASSERT_THAT(account.shares, SizeIs(1));
  EXPECT_EQ(account.shares[0].orchestrations, 1U);
  EXPECT_GT(account.shares[0].activities, 0U);
  for (const verdict::AppTraffic& traffic : account.traffic)
    EXPECT_FALSE(traffic.crosses_regions) << traffic.app;
}

TEST_F(SandboxTest, the_standby_of_a_shared_hub_crosses_regions) {
  must_raise();
  ASSERT_TRUE(soon([&] { return play(context, scene->account()).traffic.size() == 2; }));
  for (const verdict::AppTraffic& traffic : play(context, scene->account()).traffic) {
    EXPECT_EQ(traffic.storage, "shared");
    EXPECT_EQ(traffic.region, traffic.app + "-region");
    EXPECT_EQ(traffic.crosses_regions, traffic.app == "secondary");
  }
}

TEST_F(SandboxTest, the_owner_of_the_app_lease_is_known) {
  stand_in(0).app_lease = stand_in(1).app_lease = true;
  scenario.topology.lease_scale = 100;
  must_raise();
  std::string owner;
  EXPECT_TRUE(soon([&] { return !(owner = play(context, scene->lease_owner())).empty(); }));
  EXPECT_TRUE(owner == "primary" || owner == "secondary") << owner;
}

TEST_F(SandboxTest, an_accepted_start_that_nobody_has_begun_is_told_too) {
  stand_in(0).app_lease = stand_in(1).app_lease = true;  // and the standby gets it after 300 s
  must_raise();
  ASSERT_TRUE(soon([&] { return !play(context, scene->lease_owner()).empty(); }));
  ASSERT_EQ(begin(fault_of(FaultKind::kill, play(context, scene->lease_owner()))), "");
  ASSERT_TRUE(soon([&] { return start(3).status == 202; }));
  const auto record = collect();
  ASSERT_THAT(record.executions, SizeIs(1));
  EXPECT_EQ(record.executions[0].number, 3);
  EXPECT_EQ(record.executions[0].status, "Pending");
  EXPECT_FALSE(record.executions[0].started);
}

TEST_F(SandboxTest, a_command_of_the_readers_is_an_endpoint_like_any_other) {
  scenario::Command command;
  command.words = {"sh", "-c",
                   "echo {unknown} $WHERE {folder}; exec {bin}/understudy-app --name mine"
                   " --listen 127.0.0.1:{port}"};
  command.environment = {{"WHERE", "{port:secondary}"}};
  command.ready.path = "/api/health";
  endpoint(0).is = command;
  must_raise();
  const Answer answer = ask(scene->proxy_url() + "/api/echo");
  EXPECT_EQ(*transport::find_header(answer.headers, "X-Served-By"), "mine");
  const std::string secondary = url_of("secondary");
  EXPECT_THAT(text_of(evidence.file("primary.log")),
              HasSubstr("{unknown} " + secondary.substr(secondary.rfind(':') + 1) + " " +
                        scratch.file("primary")));
  EXPECT_FALSE(collect().executions_known) << "of a command nobody can tell what it has executed";
}

TEST_F(SandboxTest, a_process_is_there_before_the_endpoints) {
  scenario::Process process;
  process.name = "emulator";
  process.command.words = {"{bin}/understudy-app", "--listen", "127.0.0.1:{port}"};
  scenario.topology.processes = {process};
  scenario::Command command;
  command.words = {"{bin}/understudy-gateway", "--listen", "127.0.0.1:{port}", "--app",
                   "http://127.0.0.1:{port:emulator}"};
  endpoint(0).is = command;
  must_raise();
  EXPECT_EQ(ask_endpoint("primary").status, 200);
  ASSERT_EQ(begin(fault_of(FaultKind::kill, "emulator")), "");
  EXPECT_GE(ask_endpoint("primary").status, 500);
  ASSERT_EQ(heal(fault_of(FaultKind::kill, "emulator")), "");
  EXPECT_EQ(ask_endpoint("primary").status, 200);
}

TEST_F(SandboxTest, an_endpoint_that_is_never_online_does_not_hold_it_up) {
  scenario.proxy = R"({"probe": {"preset": "responsive", "path": "/api/nothing-there",
    "interval": "100ms", "timeout": "100ms", "tolerated_failures": 1, "status": ["201-204"]}})";
  must_raise();
  EXPECT_NE(ask(scene->admin_url() + "/api/status").status, 0);
}

struct Broken {
  const char* name;
  std::function<void(SandboxTest&)> how;
  std::vector<std::string> words;  // of the problem
};
struct StartProblem : SandboxTest, testing::WithParamInterface<Broken> {};

TEST_P(StartProblem, names_the_part_and_its_log_and_leaves_nothing) {
  GetParam().how(*this);
  const std::string problem = raise();
  for (const std::string& word : GetParam().words) EXPECT_THAT(problem, HasSubstr(word));
  play(context, scene->end());
  EXPECT_THAT(children(), IsEmpty());
}

scenario::Command command_of(std::vector<std::string> words, std::string path = {}) {
  scenario::Command command;
  command.words = std::move(words);
  command.ready.path = std::move(path);
  command.ready.within = scenario::Millis{150};
  return command;
}

INSTANTIATE_TEST_SUITE_P(
    Sandbox, StartProblem,
    testing::Values(
        Broken{"no_executables",
               [](SandboxTest& test) { test.options.bin = "/nonexistent"; },
               {"storage-shared", "cannot start /nonexistent/understudy-storage", "No such file"}},
        Broken{"command_ends",
               [](SandboxTest& test) {
                 test.endpoint(1).is = command_of({"sh", "-c", "echo no licence; exit 4"});
               },
               {"secondary ended before it was ready", "no licence", "secondary.log"}},
        Broken{"command_listens_nowhere",
               [](SandboxTest& test) { test.endpoint(0).is = command_of({"sleep", "300"}); },
               {"primary was not ready after 150ms", "nothing accepts connections", "primary.log"}},
        Broken{"command_answers_badly",
               [](SandboxTest& test) {
                 test.endpoint(0).is = command_of(
                     {"{bin}/understudy-app", "--state", "stopped", "--listen", "127.0.0.1:{port}"},
                     "/api/health");
               },
               {"primary was not ready", "no good answer from /api/health", "primary.log"}},
        Broken{"unknown_part",
               [](SandboxTest& test) { test.endpoint(0).is = command_of({"sh", "{port:nobody}"}); },
               {"{port:nobody}", "no such part"}},
        Broken{"app_refuses_its_options",
               [](SandboxTest& test) { test.stand_in(1).hub = "no hub name"; },
               {"secondary ended at its start with exit code 2", "secondary.log", "task hub"}},
        Broken{
            "proxy_refuses_its_configuration",
            [](SandboxTest& test) { test.scenario.proxy = R"({"failback": {"healthy_for": 3}})"; },
            {"proxy ended at its start", "proxy.log", "healthy_for"}},
        Broken{"evidence_cannot_be_written",
               [](SandboxTest& test) { test.options.evidence = "/nonexistent"; },
               {"cannot write /nonexistent/understudy.json"}}),
    [](const auto& each) { return std::string{each.param.name}; });

}  // namespace
