// The board over real sockets: probes, evidence, commands, reloads and a frozen process, told by
// the events it reports.
#include "health/health_board.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "scripted_peer.hpp"

namespace health {
namespace {

using namespace std::chrono_literals;
using test::http_answer;
using test::Then;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using S = MonitorStatus;

constexpr EndpointId primary = 7, secondary = 8;

struct BoardTest : ::testing::Test {
  BoardTest() {
    BoardCallbacks callbacks;
    callbacks.on_transition = [this](const HealthTransition& t) { transitions.push_back(t); };
    callbacks.on_probe = [this](EndpointId id, const ProbeOutcome& outcome) {
      probes[id].push_back(outcome);
    };
    callbacks.on_addresses = [this](EndpointId id,
                                    const std::vector<config::SocketAddress>& found) {
      addresses[id] = found;
    };
    BoardOptions options;
    options.now = [this] { return Clock::now() + frozen_for; };
    options.tick = 20s;  // no accidental freeze on a busy machine; the test of it sets its own
    board.emplace(io, callbacks, options);
  }

  static config::Endpoint endpoint(std::string name, std::uint16_t port, int priority = 1) {
    config::Endpoint made;
    made.name = std::move(name);
    made.url.host = "127.0.0.1";
    made.url.port = port;
    made.priority = priority;
    made.probe.port = port;
    made.probe.interval = 10ms;
    made.probe.standby_interval = 1h;
    made.probe.doubt_interval = 2ms;
    made.probe.timeout = 5s;
    made.probe.tolerated_failures = 2;
    made.probe.required_passes = 3;
    return made;
  }
  void configure(std::vector<config::Endpoint> endpoints,
                 const std::vector<EndpointId>& ids = {primary, secondary}) {
    auto config = std::make_shared<config::Config>();
    config->endpoints = std::move(endpoints);
    board->configure(
        config, {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(config->endpoints.size())});
  }
  template <class Done>
  void wait(const char* what, Done done) {
    ASSERT_TRUE(test::run_until(io, done)) << what;
  }
  void wait_for_transitions(std::size_t number) {
    wait("transition", [&] { return transitions.size() >= number; });
  }
  void wait_for_probes(EndpointId id, std::size_t number) {
    wait("probe", [&] { return probes[id].size() >= number; });
  }
  EndpointHealth health(std::size_t index = 0) { return board->snapshot().at(index); }
  void report(EvidenceKind kind, int times = 1) {
    for (int i = 0; i < times; ++i)
      board->report(Evidence{primary, kind, Clock::now() + frozen_for});
  }

  boost::asio::io_context io;
  Clock::duration frozen_for{};
  std::vector<HealthTransition> transitions;
  std::map<EndpointId, std::vector<ProbeOutcome>> probes;
  std::map<EndpointId, std::vector<config::SocketAddress>> addresses;
  test::ScriptedPeer peer{io};
  std::optional<HealthBoard> board;
};

TEST_F(BoardTest, AGoodEndpointIsCheckedThenOnline) {
  configure({endpoint("primary", peer.port())});
  EXPECT_EQ(health().status, S::checking_endpoint);
  wait_for_transitions(1);
  EXPECT_EQ(transitions[0].endpoint, primary);
  EXPECT_EQ(transitions[0].name, "primary");
  EXPECT_EQ(transitions[0].from, S::checking_endpoint);
  EXPECT_EQ(transitions[0].to, S::online);
  EXPECT_EQ(transitions[0].cause, Cause::probe);
  const EndpointHealth seen = health();
  EXPECT_TRUE(seen.ever_online);
  ASSERT_TRUE(seen.last_probe);
  EXPECT_EQ(seen.last_probe->detail, "answered 200");
  EXPECT_EQ(seen.disagreement, "");
}

TEST_F(BoardTest, TheAddressesToSendTrafficToAreReported) {
  config::Endpoint made = endpoint("primary", peer.port());
  made.url.port = 4711;  // probed elsewhere
  configure({made});
  wait("addresses", [&] { return addresses.contains(primary); });
  ASSERT_EQ(addresses[primary].size(), 1U);
  EXPECT_EQ(addresses[primary][0].port, 4711);
  EXPECT_EQ(addresses[primary][0].bytes[0], 127);
  wait_for_probes(primary, 3);
  EXPECT_TRUE(probes[primary].back().passed());
}

TEST_F(BoardTest, ADeadEndpointDegradesAndTheRequiredPassesBringItBack) {
  configure({endpoint("primary", peer.port())});
  wait_for_transitions(1);
  peer.refuse();
  const TimePoint died = Clock::now();
  wait_for_transitions(2);
  EXPECT_EQ(transitions[1].to, S::degraded);
  EXPECT_THAT(transitions[1].detail, HasSubstr("3 probes failed in a row"));
  EXPECT_GE(transitions[1].first_failure, died - 10ms);
  EXPECT_LE(transitions[1].first_failure, transitions[1].at);
  EXPECT_EQ(probes[primary].back().result, ProbeResult::connect_failed);

  probes.clear();
  peer.listen_again();
  wait_for_transitions(3);
  EXPECT_EQ(transitions[2].to, S::online);
  const auto passed = std::count_if(probes[primary].begin(), probes[primary].end(),
                                    [](const ProbeOutcome& outcome) { return outcome.passed(); });
  EXPECT_EQ(passed, 3);
}

TEST_F(BoardTest, AnEndpointThatWasNeverOnlineSaysSo) {
  peer.answer(http_answer("404 Not Found"));
  configure({endpoint("primary", peer.port())});
  wait_for_transitions(1);
  EXPECT_EQ(transitions[0].from, S::checking_endpoint);
  EXPECT_EQ(transitions[0].to, S::degraded);
  EXPECT_FALSE(health().ever_online);
}

TEST_F(BoardTest, EndpointsAreJudgedApart) {
  test::ScriptedPeer dead{io};
  dead.refuse();
  configure({endpoint("primary", peer.port()), endpoint("secondary", dead.port(), 2)});
  wait_for_transitions(2);
  EXPECT_EQ(health(0).status, S::online);
  EXPECT_EQ(health(1).status, S::degraded);
}

struct EvidenceOnBoard : BoardTest {
  EvidenceOnBoard() {
    config::Endpoint made = endpoint("primary", peer.port());
    made.probe.interval = 1h;  // whatever is probed now was started by evidence
    made.evidence.http_min = 20;
    first = made;
  }
  void start() {
    configure({first});
    wait_for_probes(primary, 1);
    ASSERT_EQ(health().status, S::online);
    transitions.clear();
  }
  config::Endpoint first;
};

TEST_F(EvidenceOnBoard, ThreeConnectFailuresDegradeBeforeAnyProbe) {
  start();
  report(EvidenceKind::connect_failed, 2);
  EXPECT_THAT(transitions, IsEmpty());
  report(EvidenceKind::connect_failed);
  ASSERT_EQ(transitions.size(), 1U) << "at once, within the report";
  EXPECT_EQ(transitions[0].to, S::degraded);
  EXPECT_EQ(transitions[0].cause, Cause::live_traffic);
  EXPECT_GT(transitions[0].at, transitions[0].first_failure);
  // The probes pass: the way back is the usual one, and the disagreement shows meanwhile.
  wait_for_probes(primary, 2);
  EXPECT_EQ(health().disagreement,
            "probe ok, traffic failing: 3 attempts failed within 2 s "
            "(connect_failed)");
  wait_for_transitions(2);
  EXPECT_EQ(transitions[1].to, S::online);
  EXPECT_EQ(probes[primary].size(), 4U);
  EXPECT_EQ(health().disagreement, "") << "what was before the return is forgotten";
}

TEST_F(EvidenceOnBoard, ManyReportsStartOneProbe) {
  first.probe.doubt_interval = 50ms;
  start();
  report(EvidenceKind::hub_trouble, 1000);
  wait_for_probes(primary, 2);
  EXPECT_EQ(peer.requests().size(), 2U);
  EXPECT_GE(probes[primary][1].started - probes[primary][0].started, 50ms);
  EXPECT_THAT(transitions, IsEmpty());
}

TEST_F(EvidenceOnBoard, ARouteThatAnswers503CannotForceAFailover) {
  start();
  report(EvidenceKind::unavailable, 40);
  wait_for_probes(primary, 2);
  EXPECT_THAT(transitions, IsEmpty());
  EXPECT_THAT(health().disagreement, HasSubstr("probe ok, traffic failing: 40 of 40 requests"));
  // Now the endpoint itself fails: one probe is enough, though two failures are tolerated.
  peer.answer(http_answer("503 Service Unavailable"));
  report(EvidenceKind::unavailable);
  wait_for_transitions(1);
  EXPECT_EQ(probes[primary].size(), 3U);
  EXPECT_EQ(transitions[0].cause, Cause::live_traffic);
  EXPECT_THAT(transitions[0].detail, HasSubstr("confirming probe failed: answered 503"));
}

TEST_F(EvidenceOnBoard, FineAnswersKeepTheShareSmall) {
  start();
  board->sample_traffic(primary, 0);
  board->sample_traffic(primary, 1000);
  peer.answer(http_answer("503 Service Unavailable"));
  report(EvidenceKind::unavailable, 40);
  wait_for_probes(primary, 2);
  EXPECT_THAT(transitions, IsEmpty()) << "40 of 1040: the failed probe is an ordinary one";
  EXPECT_EQ(health().failures, 1);
}

TEST_F(EvidenceOnBoard, WhereTheProbeHasTheLastWordAPassKeepsTheEndpoint) {
  first.disagreement = config::Disagreement::probe;
  start();
  report(EvidenceKind::connect_failed, 3);
  wait_for_probes(primary, 2);
  EXPECT_THAT(transitions, IsEmpty());
  EXPECT_NE(health().disagreement, "");
  peer.refuse();
  report(EvidenceKind::connect_failed);
  wait_for_transitions(1);
  EXPECT_EQ(transitions[0].to, S::degraded);
}

TEST_F(EvidenceOnBoard, ProbeOnlyEvidenceLeavesTheTolerance) {
  first.evidence.degrades = false;
  first.probe.doubt_interval = 1ms;
  start();
  peer.refuse();
  report(EvidenceKind::connect_failed, 10);
  EXPECT_THAT(transitions, IsEmpty());
  wait_for_transitions(1);
  EXPECT_EQ(transitions[0].cause, Cause::probe);
  EXPECT_EQ(probes[primary].size(), 4U) << "one pass and three failures";
}

TEST_F(EvidenceOnBoard, AzuresRulesKnowNoEvidence) {
  first.evidence.starts_probe = false;
  first.evidence.degrades = false;
  start();
  report(EvidenceKind::connect_failed, 100);
  EXPECT_THAT(transitions, IsEmpty());
  board->set_enabled(primary, false);  // the next event is this one, not a probe
  board->set_enabled(primary, true);
  wait_for_probes(primary, 2);
  EXPECT_EQ(peer.requests().size(), 2U);
}

TEST_F(BoardTest, ADisabledEndpointIsNotProbedAndAnEnabledOneIsCheckedAnew) {
  config::Endpoint made = endpoint("primary", peer.port());
  configure({made, endpoint("secondary", peer.port(), 2)});
  wait_for_transitions(2);
  board->set_enabled(primary, false);
  ASSERT_EQ(transitions.size(), 3U);
  EXPECT_EQ(transitions[2].to, S::disabled);
  EXPECT_EQ(transitions[2].cause, Cause::operator_command);
  const std::size_t before = probes[primary].size();
  wait_for_probes(secondary, probes[secondary].size() + 5);
  EXPECT_LE(probes[primary].size(), before + 1) << "at most the one that was under way";
  EXPECT_EQ(health().status, S::disabled);
  board->set_enabled(primary, true);
  ASSERT_EQ(transitions.size(), 4U);
  EXPECT_EQ(transitions[3].to, S::checking_endpoint);
  wait_for_transitions(5);
  EXPECT_EQ(transitions[4].to, S::online);
}

TEST_F(BoardTest, AnAlwaysServeEndpointIsNeverProbed) {
  config::Endpoint made = endpoint("primary", peer.port());
  made.always_serve = true;
  test::ScriptedPeer other{io};
  configure({made, endpoint("secondary", other.port(), 2)});
  EXPECT_EQ(health().status, S::unmonitored);
  wait_for_probes(secondary, 3);
  EXPECT_THAT(peer.requests(), IsEmpty());
}

TEST_F(BoardTest, AStandbyIsProbedSeldomUntilItServes) {
  configure({endpoint("primary", peer.port())});
  board->set_serving(primary, false);
  wait_for_probes(primary, 1);
  EXPECT_FALSE(health().serving);
  board->set_serving(primary, true);  // else the next one would be due in an hour
  wait_for_probes(primary, 3);
}

TEST_F(BoardTest, AReloadKeepsWhatIsKnown) {
  configure({endpoint("primary", peer.port())});
  wait_for_transitions(1);
  const TimePoint since = health().since;
  test::ScriptedPeer other{io};
  config::Endpoint changed = endpoint("primary", peer.port(), 2);
  changed.probe.path = "/other";
  configure({endpoint("newcomer", other.port(), 1), changed}, {9, primary});
  EXPECT_EQ(health(1).id, primary);
  EXPECT_EQ(health(1).status, S::online);
  EXPECT_EQ(health(1).since, since);
  EXPECT_EQ(health(0).status, S::checking_endpoint);
  wait_for_transitions(2);
  EXPECT_EQ(transitions[1].name, "newcomer");
  wait("new path", [&] { return peer.requests().back().starts_with("GET /other "); });
}

TEST_F(BoardTest, AReloadForgetsWhatItRemoves) {
  configure({endpoint("primary", peer.port()), endpoint("secondary", peer.port(), 2)});
  wait_for_probes(secondary, 1);
  configure({endpoint("primary", peer.port())});
  EXPECT_EQ(board->snapshot().size(), 1U);
  const std::size_t before = probes[secondary].size();
  wait_for_probes(primary, probes[primary].size() + 5);
  EXPECT_EQ(probes[secondary].size(), before);
  board->report(Evidence{secondary, EvidenceKind::connect_failed, Clock::now()});
}

TEST_F(BoardTest, TheOperatorsWordOutlivesAReloadUntilTheFileChangesItsMind) {
  configure({endpoint("primary", peer.port())});
  board->set_enabled(primary, false);
  configure({endpoint("primary", peer.port())});
  EXPECT_EQ(health().status, S::disabled);
  config::Endpoint off = endpoint("primary", peer.port());
  off.enabled = false;
  configure({off});
  configure({endpoint("primary", peer.port())});
  EXPECT_EQ(health().status, S::checking_endpoint);
  EXPECT_EQ(transitions.back().cause, Cause::config);
}

TEST_F(BoardTest, ANameThatCannotBeResolvedIsShown) {
  config::Endpoint made = endpoint("primary", peer.port());
  made.url.host = "no-such-host.invalid";
  made.probe.interval = 1h;
  configure({made});
  wait("resolve problem", [&] { return !health().resolve_problem.empty(); });
  EXPECT_THAT(addresses, IsEmpty());
}

// A frozen process wakes with its probe's timeout overdue: that says nothing about the endpoint.
TEST_F(BoardTest, AProbeThatSpansAFreezeIsDiscarded) {
  config::Endpoint made = endpoint("primary", peer.port());
  made.probe.timeout = 1s;  // it ends after the freeze is set, on a busy machine too
  made.probe.tolerated_failures = 0;
  peer.answer("", Then::hang);
  configure({made});
  wait("request", [&] { return !peer.requests().empty(); });
  frozen_for = 1min;  // later than two ticks of 20 s
  peer.answer(http_answer("200 OK"));
  wait_for_probes(primary, 1);
  EXPECT_TRUE(probes[primary][0].passed()) << "the discarded one is not reported";
  ASSERT_EQ(transitions.size(), 1U);
  EXPECT_EQ(transitions[0].to, S::online);
  EXPECT_EQ(peer.requests().size(), 2U) << "and is repeated at once";
}

TEST_F(EvidenceOnBoard, OverdueDeadlinesOfAFrozenProxyAreNoEvidence) {
  start();
  frozen_for = 1min;
  report(EvidenceKind::connect_failed, 10);
  EXPECT_THAT(transitions, IsEmpty());
  frozen_for += 21s;  // one tick of 20 s later
  report(EvidenceKind::connect_failed, 3);
  EXPECT_EQ(transitions.size(), 1U);
}

TEST_F(BoardTest, WithoutAFreezeTheSameProbeCounts) {
  config::Endpoint made = endpoint("primary", peer.port());
  made.probe.timeout = 100ms;
  made.probe.tolerated_failures = 0;
  peer.answer("", Then::hang);
  configure({made});
  wait_for_transitions(1);
  EXPECT_EQ(transitions[0].to, S::degraded);
}

TEST_F(BoardTest, AfterStopNothingIsReported) {
  test::ScriptedPeer other{io};
  peer.answer("", Then::hang);
  configure({endpoint("primary", peer.port()), endpoint("secondary", other.port(), 2)});
  wait("both asked", [&] { return !peer.requests().empty() && !other.requests().empty(); });
  const std::size_t before = transitions.size() + probes[primary].size() + probes[secondary].size();
  board.reset();
  peer.refuse();  // ends the probe under way
  other.refuse();
  io.restart();
  io.run_for(10s);
  EXPECT_TRUE(io.stopped()) << "something of the board still waits";
  EXPECT_EQ(transitions.size() + probes[primary].size() + probes[secondary].size(), before);
}

}  // namespace
}  // namespace health
