// One probe against real sockets, one row per way in which a peer can disappoint.
#include "health/prober.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <optional>

#include "scripted_peer.hpp"
#include "test_certificate.hpp"
#include "transport/http_server.hpp"
#include "transport/spawn.hpp"

namespace health {
namespace {

using namespace std::chrono_literals;
using test::http_answer;
using test::Then;
using ::testing::HasSubstr;

config::Endpoint endpoint_at(std::uint16_t port) {
  config::Endpoint endpoint;
  endpoint.name = "primary";
  endpoint.url.host = "127.0.0.1";
  endpoint.url.port = port;
  endpoint.probe.port = port;
  endpoint.probe.path = "/api/health";
  endpoint.probe.timeout = 5s;
  return endpoint;
}

struct ProberTest : ::testing::Test {
  boost::asio::io_context io;

  boost::asio::awaitable<void> into(std::optional<ProbeOutcome>& result,
                                    config::Endpoint endpoint) {
    std::vector<config::SocketAddress> none;
    auto probing = run_probe(std::move(endpoint), std::move(none));
    result = co_await std::move(probing);
  }
  ProbeOutcome probe(const config::Endpoint& endpoint) {
    std::optional<ProbeOutcome> result;
    transport::spawn(io.get_executor(), "test probe", into(result, endpoint));
    EXPECT_TRUE(test::run_until(io, [&] { return result.has_value(); }));
    return result.value_or(ProbeOutcome{});
  }
};

TEST_F(ProberTest, AGoodAnswerPassesAndIsTimed) {
  test::ScriptedPeer peer{io};
  const ProbeOutcome outcome = probe(endpoint_at(peer.port()));
  EXPECT_TRUE(outcome.passed()) << outcome.detail;
  EXPECT_EQ(outcome.status, 200);
  EXPECT_GT(outcome.latency, 0us);
  EXPECT_LE(outcome.started, Clock::now());
}

TEST_F(ProberTest, SendsWhatTheApplicationNeedsToSee) {
  test::ScriptedPeer peer{io};
  config::Endpoint endpoint = endpoint_at(peer.port());
  endpoint.url.base_path = "/prefix";
  endpoint.probe.path = "/prefix/api/health";  // as config::resolve leaves it
  endpoint.probe.method = "HEAD";
  endpoint.probe.headers = {{"X-Probe", "yes"}};
  endpoint.probe.key = config::Secret{"probe-key"};
  endpoint.secret_header = config::NameValue{"X-Front", "locked"};
  peer.answer("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n");
  EXPECT_TRUE(probe(endpoint).passed());
  ASSERT_EQ(peer.requests().size(), 1U);
  const std::string& request = peer.requests().front();
  EXPECT_THAT(request, HasSubstr("HEAD /prefix/api/health HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Host: 127.0.0.1:" + std::to_string(peer.port()) + "\r\n"));
  EXPECT_THAT(request, HasSubstr("X-Probe: yes\r\n"));
  EXPECT_THAT(request, HasSubstr("x-functions-key: probe-key\r\n"));
  EXPECT_THAT(request, HasSubstr("X-Front: locked\r\n"));
}

TEST_F(ProberTest, AnExplicitHostIsAskedForByProbesToo) {
  test::ScriptedPeer peer{io};
  config::Endpoint endpoint = endpoint_at(peer.port());
  endpoint.host = config::HostPolicy::explicit_value;
  endpoint.host_value = "orders.azurewebsites.net";
  EXPECT_TRUE(probe(endpoint).passed());
  EXPECT_THAT(peer.requests().at(0), HasSubstr("Host: orders.azurewebsites.net\r\n"));
}

TEST_F(ProberTest, ACustomHostReplacesTheUrls) {
  test::ScriptedPeer peer{io};
  config::Endpoint endpoint = endpoint_at(peer.port());
  endpoint.probe.headers = {{"host", "orders.example.com"}};
  EXPECT_TRUE(probe(endpoint).passed());
  EXPECT_THAT(peer.requests().at(0), HasSubstr("Host: orders.example.com\r\n"));
  EXPECT_THAT(peer.requests().at(0), ::testing::Not(HasSubstr("Host: 127.0.0.1")));
}

struct Row {
  const char* name;
  std::string bytes;
  Then then;
  ProbeResult expected;
  const char* detail;
};

class BadPeer : public ProberTest, public ::testing::WithParamInterface<Row> {};

TEST_P(BadPeer, IsFoundOut) {
  const Row& row = GetParam();
  test::ScriptedPeer peer{io};
  peer.answer(row.bytes, row.then);
  config::Endpoint endpoint = endpoint_at(peer.port());
  if (row.expected == ProbeResult::timed_out) endpoint.probe.timeout = 150ms;
  const ProbeOutcome outcome = probe(endpoint);
  EXPECT_EQ(to_string(outcome.result), to_string(row.expected)) << row.name << outcome.detail;
  EXPECT_THAT(outcome.detail, HasSubstr(row.detail)) << row.name;
  EXPECT_EQ(peer.requests().size(), 1U) << "one probe is one request, whatever the answer";
}

const std::string promise = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    Faults, BadPeer,
    ::testing::Values(
        Row{"hangs before the head", "", Then::hang, ProbeResult::timed_out, "after 150 ms"},
        Row{"hangs within the head", "HTTP/1.1 200 OK\r\nContent-", Then::hang,
            ProbeResult::timed_out, "after 150 ms"},
        Row{"hangs after the head", promise, Then::hang, ProbeResult::timed_out, "after 150 ms"},
        Row{"sends its body too slowly", promise, Then::dribble, ProbeResult::timed_out,
            "after 150 ms"},
        Row{"resets instead of answering", "", Then::reset, ProbeResult::broken, ""},
        Row{"closes instead of answering", "", Then::close, ProbeResult::broken, ""},
        Row{"closes within the body", promise + "some", Then::close, ProbeResult::broken, ""},
        Row{"speaks no HTTP", "220 smtp ready\r\n\r\n", Then::close, ProbeResult::broken, ""},
        Row{"sends more than a probe reads", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            Then::hang, ProbeResult::bad_body, "larger than"},
        Row{"answers 503", http_answer("503 Service Unavailable", "no"), Then::close,
            ProbeResult::bad_status, "answered 503 (expected 200)"},
        Row{"answers 204", "HTTP/1.1 204 No Content\r\n\r\n", Then::close, ProbeResult::bad_status,
            "answered 204"},
        Row{"redirects to itself", http_answer("302 Found", "", "Location: /api/health\r\n"),
            Then::close, ProbeResult::bad_status,
            "a redirect to /api/health, which is not followed"}));

TEST_F(ProberTest, AClosedPortIsAConnectFailure) {
  test::ScriptedPeer peer{io};
  peer.refuse();
  const ProbeOutcome outcome = probe(endpoint_at(peer.port()));
  EXPECT_EQ(outcome.result, ProbeResult::connect_failed);
  EXPECT_THAT(outcome.detail, HasSubstr("refused"));
}

TEST_F(ProberTest, OnlyAHostThatRefusesConnectionsIsSaidToRefuse) {
  test::ScriptedPeer peer{io};
  EXPECT_FALSE(probe(endpoint_at(peer.port())).refused) << "it answered";
  peer.refuse();
  EXPECT_TRUE(probe(endpoint_at(peer.port())).refused);
  config::Endpoint by_tcp = endpoint_at(peer.port());
  by_tcp.probe.protocol = config::Protocol::tcp;
  EXPECT_TRUE(probe(by_tcp).refused);
  config::Endpoint nowhere = endpoint_at(peer.port());
  nowhere.url.host = "255.255.255.255";  // the connection cannot even be tried
  const ProbeOutcome outcome = probe(nowhere);
  EXPECT_FALSE(outcome.passed());
  EXPECT_FALSE(outcome.refused) << outcome.detail;
}

TEST_F(ProberTest, AnUnknownNameIsAResolveFailure) {
  config::Endpoint endpoint = endpoint_at(80);
  endpoint.url.host = "no-such-host.invalid";
  endpoint.probe.timeout = 3s;  // where no name server answers, the timeout ends it
  const ProbeOutcome outcome = probe(endpoint);
  EXPECT_TRUE(outcome.result == ProbeResult::resolve_failed ||
              outcome.result == ProbeResult::timed_out)
      << outcome.detail;
}

TEST_F(ProberTest, ATcpProbeAsksForNothingButAConnection) {
  test::ScriptedPeer peer{io};
  config::Endpoint endpoint = endpoint_at(peer.port());
  endpoint.probe.protocol = config::Protocol::tcp;
  EXPECT_TRUE(probe(endpoint).passed());
  EXPECT_TRUE(peer.requests().empty());
  peer.refuse();
  EXPECT_EQ(probe(endpoint).result, ProbeResult::connect_failed);
}

TEST_F(ProberTest, TheProbesPortMayDifferFromTheUrls) {
  test::ScriptedPeer peer{io};
  config::Endpoint endpoint = endpoint_at(1);
  endpoint.probe.port = peer.port();
  EXPECT_TRUE(probe(endpoint).passed());
}

struct TlsProberTest : ProberTest {
  static boost::asio::awaitable<transport::ServerResponse> fine(transport::ServerRequest) {
    co_return transport::ServerResponse{200, "text/plain", "ok"};
  }
  transport::HttpServer serve(const test::TestCertificate& certificate) {
    transport::ServerOptions options;
    options.tls = transport::ServerTls{certificate.certificate_file(), certificate.key_file()};
    const config::Address any{"127.0.0.1", 0};
    return transport::HttpServer{io.get_executor(), any, fine, options};
  }
  static config::Endpoint https_at(std::uint16_t port) {
    config::Endpoint endpoint = endpoint_at(port);
    endpoint.url.tls = true;
    endpoint.url.host = "localhost";
    endpoint.probe.protocol = config::Protocol::https;
    return endpoint;
  }
};

TEST_F(TlsProberTest, ACertificateThatIsTrustedPasses) {
  const test::TestCertificate certificate{"DNS:localhost"};
  const transport::HttpServer server = serve(certificate);
  config::Endpoint endpoint = https_at(server.port());
  endpoint.tls.ca = certificate.certificate_file();
  const ProbeOutcome outcome = probe(endpoint);
  EXPECT_TRUE(outcome.passed()) << outcome.detail;
}

TEST_F(TlsProberTest, AnUntrustedCertificateFailsUnlessAzuresRulesApply) {
  const test::TestCertificate certificate{"DNS:localhost"};
  const transport::HttpServer server = serve(certificate);
  config::Endpoint endpoint = https_at(server.port());
  const ProbeOutcome outcome = probe(endpoint);
  EXPECT_EQ(outcome.result, ProbeResult::tls_failed) << outcome.detail;
  EXPECT_FALSE(outcome.detail.empty());
  endpoint.probe.verify_tls = false;
  EXPECT_TRUE(probe(endpoint).passed());
}

TEST_F(TlsProberTest, ACertificateForAnotherNameFails) {
  const test::TestCertificate certificate{"DNS:other.example"};
  const transport::HttpServer server = serve(certificate);
  config::Endpoint endpoint = https_at(server.port());
  endpoint.tls.ca = certificate.certificate_file();
  EXPECT_EQ(probe(endpoint).result, ProbeResult::tls_failed);
  endpoint.tls.server_name = "other.example";
  EXPECT_TRUE(probe(endpoint).passed());
}

TEST_F(TlsProberTest, AnExpiredCertificateFails) {
  const test::TestCertificate certificate{"DNS:localhost", -1};
  const transport::HttpServer server = serve(certificate);
  config::Endpoint endpoint = https_at(server.port());
  endpoint.tls.ca = certificate.certificate_file();
  EXPECT_EQ(probe(endpoint).result, ProbeResult::tls_failed);
}

TEST_F(TlsProberTest, APeerWithoutTlsIsATlsFailure) {
  test::ScriptedPeer peer{io};
  peer.answer("HTTP/1.1 400 Bad Request\r\n\r\n");
  config::Endpoint endpoint = https_at(peer.port());
  endpoint.probe.timeout = 500ms;
  const ProbeOutcome outcome = probe(endpoint);
  EXPECT_TRUE(outcome.result == ProbeResult::tls_failed || outcome.result == ProbeResult::timed_out)
      << to_string(outcome.result);
}

}  // namespace
}  // namespace health
