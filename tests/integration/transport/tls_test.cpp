// fetch() over TLS: what is accepted, and that everything else is a `tls` failure that says why.
#include <gmock/gmock.h>

#include "certificates.hpp"
#include "loopback.hpp"
#include "transport/http_server.hpp"

namespace transport_test {

using ::testing::HasSubstr;
using transport::FailureKind;
using transport::FetchRequest;
using transport::HttpServer;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

class TlsFetch : public ::testing::Test {
 protected:
  static asio::awaitable<ServerResponse> hello(ServerRequest) {
    co_return ServerResponse{200, "text/plain", "hello over TLS"};
  }

  std::unique_ptr<HttpServer> serve(const Certificates::Wanted& wanted) {
    const auto pair = certificates.issue("server", wanted);
    transport::ServerOptions options;
    options.tls.emplace();
    options.tls->certificate_file = pair.certificate;
    options.tls->key_file = pair.key;
    return std::make_unique<HttpServer>(context.get_executor(), config::Address{"127.0.0.1", 0},
                                        hello, options);
  }

  FetchRequest request(std::uint16_t port, std::string server_name) {
    FetchRequest out;
    out.addresses = {loopback(port)};
    out.host = server_name;
    out.tls = true;
    out.tls_settings.server_name = std::move(server_name);
    out.tls_settings.ca_file = certificates.ca_file();
    out.deadline = in(5s);
    return out;
  }

  auto fetch(FetchRequest what) {
    return run_until_done(context, transport::fetch(std::move(what)));
  }

  void expect_tls_failure(FetchRequest what, const std::string& why) {
    const auto answer = fetch(std::move(what));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, FailureKind::tls);
    EXPECT_THAT(to_string(answer.error()), HasSubstr(why));
  }

  Certificates certificates;
  asio::io_context context;
};

}  // namespace

TEST_F(TlsFetch, AcceptsACertificateOfTheNameFromTheGivenAuthority) {
  const auto server = serve({.names = "DNS:orders.example"});
  const auto answer = fetch(request(server->port(), "orders.example"));
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->body, "hello over TLS");
}

TEST_F(TlsFetch, VerifiesAnAddressAsAnAddress) {
  const auto server = serve({.names = "IP:127.0.0.1"});
  EXPECT_TRUE(fetch(request(server->port(), "127.0.0.1")));
  expect_tls_failure(request(server->port(), "127.0.0.2"), "IP address mismatch");
}

TEST_F(TlsFetch, RefusesAnExpiredCertificate) {
  const auto server =
      serve({.names = "DNS:orders.example", .valid_from_days = -20, .valid_to_days = -10});
  expect_tls_failure(request(server->port(), "orders.example"), "certificate has expired");
}

TEST_F(TlsFetch, RefusesACertificateThatIsNotYetValid) {
  const auto server =
      serve({.names = "DNS:orders.example", .valid_from_days = 5, .valid_to_days = 10});
  expect_tls_failure(request(server->port(), "orders.example"), "not yet valid");
}

TEST_F(TlsFetch, RefusesACertificateOfAnotherName) {
  const auto server = serve({.names = "DNS:other.example"});
  expect_tls_failure(request(server->port(), "orders.example"), "hostname mismatch");
}

TEST_F(TlsFetch, RefusesAnAuthorityThatTheSystemDoesNotKnow) {
  const auto server = serve({.names = "DNS:orders.example"});
  FetchRequest what = request(server->port(), "orders.example");
  what.tls_settings.ca_file.clear();
  expect_tls_failure(what, "unable to get local issuer certificate");
}

TEST_F(TlsFetch, AcceptsAnythingWhenToldNotToVerify) {
  const auto server =
      serve({.names = "DNS:other.example", .valid_from_days = -20, .valid_to_days = -10});
  FetchRequest what = request(server->port(), "orders.example");
  what.tls_settings.verify = false;
  what.tls_settings.ca_file.clear();
  EXPECT_TRUE(fetch(what));
}

TEST_F(TlsFetch, RefusesToVerifyWithoutAName) {
  const auto server = serve({.names = "DNS:orders.example"});
  expect_tls_failure(request(server->port(), ""), "server name");
}

TEST_F(TlsFetch, AnUnreadableCaFileIsNamed) {
  const auto server = serve({.names = "DNS:orders.example"});
  FetchRequest what = request(server->port(), "orders.example");
  what.tls_settings.ca_file = certificates.path("absent.pem");
  expect_tls_failure(what, "absent.pem");
}

TEST_F(TlsFetch, APlainServerIsATlsFailure) {
  ScriptedServer server{context, answers("HTTP/1.1 400 Bad Request\r\n\r\n")};
  expect_tls_failure(request(server.port(), "orders.example"), "");
}

TEST_F(TlsFetch, TheDeadlineCoversAHandshakeThatHangs) {
  ScriptedServer server{
      context, [](tcp::socket& socket) -> asio::awaitable<void> { co_await receive_all(socket); }};
  FetchRequest what = request(server.port(), "orders.example");
  what.deadline = in(50ms);
  const auto answer = fetch(what);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, FailureKind::timed_out) << to_string(answer.error());
}

TEST_F(TlsFetch, AServerWithoutItsKeyFileDoesNotStartAndNamesIt) {
  const auto pair = certificates.issue("server", {.names = "DNS:orders.example"});
  transport::ServerOptions options;
  options.tls.emplace();
  options.tls->certificate_file = pair.certificate;
  options.tls->key_file = certificates.path("absent.key");
  try {
    HttpServer server{context.get_executor(), {"127.0.0.1", 0}, hello, options};
    FAIL() << "started without a key";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("absent.key"));
  }
}

}  // namespace transport_test
