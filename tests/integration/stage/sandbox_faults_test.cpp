// Each fault of a sandbox, begun and healed, as somebody outside of it sees it.
#include "sandbox_world.hpp"

namespace {

using namespace stage_test;
using scenario::Millis;
using scenario::Operate;
using scenario::Operation;
using testing::HasSubstr;
using testing::IsEmpty;

struct OnEndpoint {
  const char* name;
  Fault fault;
  bool link;
  std::function<bool(SandboxTest&)> seen;
};
struct EndpointFault : SandboxTest, testing::WithParamInterface<OnEndpoint> {};

TEST_P(EndpointFault, is_seen_and_is_over_when_it_is_healed) {
  endpoint(0).link = GetParam().link;
  must_raise();
  ASSERT_FALSE(GetParam().seen(*this));
  ASSERT_EQ(begin(GetParam().fault), "");
  EXPECT_TRUE(GetParam().seen(*this));
  ASSERT_EQ(heal(GetParam().fault), "");
  EXPECT_FALSE(GetParam().seen(*this));
  EXPECT_EQ(ask_endpoint("primary").status, 200);
  EXPECT_EQ(heal(GetParam().fault), "") << "a second time";
  play(context, scene->end());
  EXPECT_THAT(children(), IsEmpty());
}

Fault with(FaultKind kind, const std::function<void(Fault&)>& change = {}) {
  Fault fault = fault_of(kind, "primary");
  if (change) change(fault);
  return fault;
}

std::function<bool(SandboxTest&)> problem_is(std::string word, Millis limit = Millis{5'000}) {
  return [=](SandboxTest& test) {
    const Answer answer = test.ask_endpoint("primary", limit);
    return answer.status == 0 && answer.problem.find(word) != std::string::npos;
  };
}
std::function<bool(SandboxTest&)> status_is(int status, std::string word = {}) {
  return [=](SandboxTest& test) {
    const Answer answer = test.ask_endpoint("primary");
    return answer.status == status && answer.body.find(word) != std::string::npos;
  };
}
bool takes_300ms(SandboxTest& test) {
  const auto began = std::chrono::steady_clock::now();
  const Answer answer = test.ask_endpoint("primary");
  return answer.status == 200 && std::chrono::steady_clock::now() - began >= Millis{300};
}

std::string name_of(const testing::TestParamInfo<OnEndpoint>& each) {
  return each.param.name;
}

INSTANTIATE_TEST_SUITE_P(Process, EndpointFault,
                         testing::Values(OnEndpoint{"kill", with(FaultKind::kill), false,
                                                    problem_is("refused")},
                                         OnEndpoint{"freeze", with(FaultKind::freeze), false,
                                                    problem_is("timed_out", Millis{300})}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(
    App, EndpointFault,
    testing::Values(
        OnEndpoint{"stopped", with(FaultKind::stopped), false, status_is(403, "stopped")},
        OnEndpoint{"host_down", with(FaultKind::host_down), false,
                   status_is(503, "Function host is not running.")},
        OnEndpoint{"app_offline", with(FaultKind::app_offline), false, status_is(503, "<html")},
        OnEndpoint{"answer", with(FaultKind::answer, [](Fault& f) { f.status = 429; }), false,
                   status_is(429)},
        OnEndpoint{"slow", with(FaultKind::slow, [](Fault& f) { f.by = Millis{300}; }), false,
                   takes_300ms}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Link, EndpointFault,
    testing::Values(
        OnEndpoint{"refuse", with(FaultKind::refuse), true, problem_is("refused")},
        OnEndpoint{"reset", with(FaultKind::reset), true, problem_is("reset")},
        OnEndpoint{"blackhole", with(FaultKind::blackhole), true,
                   problem_is("timed_out", Millis{300})},
        OnEndpoint{"unreachable", with(FaultKind::unreachable), true,
                   problem_is("timed_out", Millis{300})},
        OnEndpoint{"delay", with(FaultKind::delay, [](Fault& f) { f.by = Millis{150}; }), true,
                   takes_300ms},
        OnEndpoint{"limit", with(FaultKind::limit, [](Fault& f) { f.rate = 400; }), true,
                   takes_300ms},
        OnEndpoint{"cut_body", with(FaultKind::cut_body, [](Fault& f) { f.bytes = 20; }), true,
                   [](SandboxTest& test) { return test.ask_endpoint("primary").status == 0; }}),
    name_of);

TEST_F(SandboxTest, certificates_can_be_wrong_and_right_again) {
  stand_in(0).tls = true;
  must_raise();
  ASSERT_THAT(url_of("primary"), HasSubstr("https://localhost:"));
  ASSERT_EQ(ask_endpoint("primary").problem, "");
  const Answer answer = ask(scene->proxy_url() + "/api/echo");
  EXPECT_EQ(*transport::find_header(answer.headers, "X-Served-By"), "primary");
  const Fault expired = with(FaultKind::certificate_expired);
  const Fault wrong = with(FaultKind::certificate_wrong_name);
  ASSERT_EQ(begin(expired), "");
  EXPECT_THAT(ask_endpoint("primary").problem, HasSubstr("expired"));
  ASSERT_EQ(begin(wrong), "");
  EXPECT_THAT(ask_endpoint("primary").problem, HasSubstr("mismatch"));
  ASSERT_EQ(heal(wrong), "");
  EXPECT_THAT(ask_endpoint("primary").problem, HasSubstr("expired"));
  ASSERT_EQ(heal(expired), "");
  EXPECT_EQ(ask_endpoint("primary").problem, "");
}

struct OnStorage {
  const char* name;
  FaultKind kind;
};
struct StorageFault : SandboxTest, testing::WithParamInterface<OnStorage> {};

TEST_P(StorageFault, keeps_starts_away_until_it_is_healed) {
  must_raise();
  ASSERT_EQ(start(1).status, 202);
  const Fault fault = fault_of(GetParam().kind, "shared");
  ASSERT_EQ(begin(fault), "");
  const std::string url = url_of("primary") + "/runtime/webhooks/durabletask/orchestrators/Order";
  EXPECT_NE(ask(url, "POST", 1s, "{}").status, 202);
  ASSERT_EQ(heal(fault), "");
  EXPECT_TRUE(soon([&] { return ask(url, "POST", 1s, "{}").status == 202; }));
}

INSTANTIATE_TEST_SUITE_P(Sandbox, StorageFault,
                         testing::Values(OnStorage{"errors", FaultKind::storage_errors},
                                         OnStorage{"hangs", FaultKind::storage_hangs},
                                         OnStorage{"locked", FaultKind::storage_locked},
                                         OnStorage{"read_only", FaultKind::storage_read_only},
                                         OnStorage{"killed", FaultKind::kill},
                                         OnStorage{"frozen", FaultKind::freeze}),
                         [](const auto& each) { return std::string{each.param.name}; });

TEST_F(SandboxTest, a_slow_account_is_slower_still_for_an_app_that_is_far_away) {
  stand_in(1).storage_latency = Millis{100};
  must_raise();
  Fault fault = fault_of(FaultKind::storage_latency, "shared");
  fault.by = Millis{200};
  const auto time_of = [&](const std::string& name) {
    const auto began = std::chrono::steady_clock::now();
    const std::string url = url_of(name) + "/runtime/webhooks/durabletask/instances?top=1";
    EXPECT_EQ(ask(url).status, 200);
    return std::chrono::steady_clock::now() - began;
  };
  EXPECT_GE(time_of("secondary"), 100ms);
  ASSERT_EQ(begin(fault), "");
  EXPECT_GE(time_of("primary"), 200ms);
  EXPECT_GE(time_of("secondary"), 300ms);
  ASSERT_EQ(heal(fault), "");
  EXPECT_LT(time_of("primary"), 200ms);
  EXPECT_GE(time_of("secondary"), 100ms) << "as before";
}

TEST_F(SandboxTest, faults_overlap_and_a_part_that_comes_back_is_told_what_still_holds) {
  must_raise();
  const Fault kill = with(FaultKind::kill), stopped = with(FaultKind::stopped);
  const Fault freeze = with(FaultKind::freeze);
  const Fault answer = with(FaultKind::answer, [](Fault& f) { f.status = 500; });
  ASSERT_EQ(begin(stopped), "");
  ASSERT_EQ(begin(kill), "");
  ASSERT_EQ(begin(answer), "") << "of one that is away";
  ASSERT_EQ(heal(kill), "");
  EXPECT_EQ(ask_endpoint("primary").status, 500);
  ASSERT_EQ(heal(answer), "");
  EXPECT_EQ(ask_endpoint("primary").status, 403);
  ASSERT_EQ(begin(freeze), "");
  ASSERT_EQ(heal(stopped), "");
  ASSERT_EQ(heal(freeze), "");
  EXPECT_EQ(ask_endpoint("primary").status, 200);
}

TEST_F(SandboxTest, one_of_two_instances_behind_a_front_end_freezes) {
  stand_in(0).instances = 2;
  stand_in(0).cut_after = Millis{300};
  must_raise();
  const auto bad = [&] {
    int count = 0;
    for (int i = 0; i < 8; ++i) count += ask_endpoint("primary").status != 200;
    return count;
  };
  ASSERT_EQ(bad(), 0);
  const Fault freeze = fault_of(FaultKind::freeze, "primary#2");
  ASSERT_EQ(begin(freeze), "");
  const int count = bad();
  EXPECT_GT(count, 0);
  EXPECT_LT(count, 8);
  ASSERT_EQ(heal(freeze), "");
  EXPECT_EQ(bad(), 0);
}

TEST_F(SandboxTest, a_proxy_that_is_killed_comes_back_where_it_was) {
  must_raise();
  ASSERT_EQ(start(1).status, 202);
  const Fault kill = fault_of(FaultKind::kill, "proxy");
  ASSERT_EQ(begin(kill), "");
  EXPECT_THAT(ask(scene->proxy_url()).problem, HasSubstr("refused"));
  ASSERT_EQ(heal(kill), "");
  EXPECT_EQ(ask(scene->proxy_url() + "/api/echo").status, 200);
  EXPECT_EQ(start(2).status, 202);
}

TEST_F(SandboxTest, a_flapping_endpoint_goes_and_comes_and_stays_up_when_it_is_healed) {
  must_raise();
  Fault flap = with(FaultKind::flap);
  flap.down = flap.up = Millis{100};
  ASSERT_EQ(begin(flap), "");
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(soon([&] { return ask_endpoint("primary").status == 0; }));
    EXPECT_TRUE(soon([&] { return ask_endpoint("primary").status == 200; }));
  }
  ASSERT_EQ(heal(flap), "");
  EXPECT_EQ(ask_endpoint("primary").status, 200);

  flap.times = 1;
  ASSERT_EQ(begin(flap), "");
  EXPECT_TRUE(soon([&] { return ask_endpoint("primary").status == 0; }));
  EXPECT_TRUE(soon([&] { return ask_endpoint("primary").status == 200; }));
  ASSERT_EQ(heal(flap), "");
  EXPECT_EQ(ask_endpoint("primary").status, 200);
}

TEST_F(SandboxTest, what_is_gone_in_the_middle_of_its_faults_leaves_nothing) {
  must_raise();
  Fault flap = with(FaultKind::flap);
  flap.down = Millis{20};
  flap.up = Millis{20};
  ASSERT_EQ(begin(flap), "");
  ASSERT_EQ(begin(fault_of(FaultKind::freeze, "secondary")), "");
  ASSERT_EQ(begin(fault_of(FaultKind::storage_locked, "shared")), "");
  ASSERT_EQ(begin(fault_of(FaultKind::freeze, "proxy")), "");
  scene.reset();  // without end(), as after an exception
  EXPECT_THAT(children(), IsEmpty());
}

TEST_F(SandboxTest, a_fault_that_cannot_be_played_is_refused_in_words) {
  must_raise();
  EXPECT_THAT(begin(fault_of(FaultKind::kill, "nobody")), HasSubstr("nobody"));
  EXPECT_THAT(begin(fault_of(FaultKind::kill, "primary#2")), HasSubstr("primary#2"));
  EXPECT_THAT(begin(fault_of(FaultKind::storage_errors, "primary")), HasSubstr("storage account"));
  EXPECT_THAT(begin(with(FaultKind::refuse)), HasSubstr("link"));
  EXPECT_EQ(heal(with(FaultKind::refuse)), "") << "it was never begun";
}

TEST_F(SandboxTest, the_proxy_is_operated_by_its_admin_listener) {
  must_raise();
  Operate operate;
  operate.operation = Operation::disable;
  operate.target = "primary";
  ASSERT_EQ(play(context, scene->operate(operate)), "");
  EXPECT_TRUE(soon([&] { return active() == "secondary"; }));
  operate.operation = Operation::enable;
  ASSERT_EQ(play(context, scene->operate(operate)), "");
  operate.operation = Operation::hold;
  ASSERT_EQ(play(context, scene->operate(operate)), "");
  operate.operation = Operation::release;
  ASSERT_EQ(play(context, scene->operate(operate)), "");
  operate.operation = Operation::reload;
  ASSERT_EQ(play(context, scene->operate(operate)), "");
  operate.operation = Operation::drain;
  operate.target = "nobody";
  EXPECT_THAT(play(context, scene->operate(operate)), HasSubstr("nobody"));
}

TEST_F(SandboxTest, an_unplanned_account_failover_tells_what_was_lost) {
  scenario.topology.task_hub = config::TaskHub::geo_replicated;
  scenario.topology.storage[0].replicate_every = Millis{600'000};  // only the first copy
  scenario.topology.storage[0].skew = Millis{-10};
  must_raise();
  ASSERT_EQ(start(41).status, 202);
  ASSERT_TRUE(soon([&] {
    const auto record = collect();
    return record.executions.size() == 1 && record.executions[0].finished;
  }));
  Operate operate;
  operate.operation = Operation::account_failover_unplanned;
  operate.target = "shared";
  operate.takes = Millis{50};
  ASSERT_EQ(play(context, scene->operate(operate)), "");
  ASSERT_EQ(scene->failovers().size(), 1U);
  const verdict::AccountFailover& failover = scene->failovers().front();
  EXPECT_EQ(failover.storage, "shared");
  EXPECT_FALSE(failover.planned);
  EXPECT_GE(failover.ended - failover.began, Millis{50});
  ASSERT_TRUE(failover.last_sync);
  EXPECT_LT(*failover.last_sync, failover.began);
  EXPECT_EQ(failover.lost.size(), 1U);
  ASSERT_TRUE(soon([&] { return start(42).status == 202; }));
  ASSERT_TRUE(soon([&] { return collect().executions.size() == 2; }));
  for (const verdict::Execution& one : collect().executions)
    EXPECT_EQ(one.lost, one.number == 41) << *one.number;
  EXPECT_THAT(play(context, scene->operate(operate)), HasSubstr("locally redundant"));
}

}  // namespace
