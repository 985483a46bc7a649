#include "rehearsal/stage/call.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "play.hpp"
#include "rehearsal/stage/certificates.hpp"
#include "rehearsal/stage/child.hpp"
#include "transport/http_server.hpp"

namespace stage {
namespace {

using namespace std::chrono_literals;
using stage_test::play;
using testing::HasSubstr;

boost::asio::awaitable<transport::ServerResponse> echo(transport::ServerRequest request) {
  transport::ServerResponse response{201, "text/plain", request.method + " " + request.target};
  response.body += " " + request.body;
  const std::string* name = transport::find_header(request.headers, "X-Name");
  if (name) response.headers.emplace_back("X-Name", *name);
  co_return response;
}

TEST(Call, sends_method_target_headers_and_body_and_brings_the_answer) {
  boost::asio::io_context context;
  const config::Address address{"127.0.0.1", 0};
  transport::HttpServer server{context.get_executor(), address, echo, transport::ServerOptions{}};
  Call one;
  one.method = "POST";
  one.url = "http://" + server.address() + "/a/b?c=d%20e";
  one.headers.emplace_back("X-Name", "value");
  one.body = "content";
  const Answer answer = play(context, call(one));
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.problem, "");
  EXPECT_EQ(answer.body, "POST /a/b?c=d%20e content");
  ASSERT_NE(transport::find_header(answer.headers, "x-name"), nullptr);

  Call bare;
  bare.url = "http://" + server.address();
  EXPECT_EQ(play(context, call(bare)).body, "GET / ");
  bare.url += "?only=query";
  EXPECT_EQ(play(context, call(bare)).body, "GET /?only=query ");
}

TEST(Call, says_why_there_is_no_answer) {
  boost::asio::io_context context;
  Call one;
  one.url = "http://127.0.0.1:" + std::to_string(free_port()) + "/";
  Answer answer = play(context, call(one));
  EXPECT_EQ(answer.status, 0);
  EXPECT_THAT(answer.problem, HasSubstr("connect"));
  for (const char* url :
       {"", "nonsense", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/"}) {
    one.url = url;
    answer = play(context, call(one));
    EXPECT_EQ(answer.status, 0) << url;
    EXPECT_NE(answer.problem, "") << url;
  }
}

boost::asio::awaitable<transport::ServerResponse> never(transport::ServerRequest) {
  co_await pause(1h);
  co_return transport::ServerResponse{200, "text/plain", ""};
}

TEST(Call, takes_no_longer_than_its_limit) {
  boost::asio::io_context context;
  const config::Address address{"127.0.0.1", 0};
  transport::HttpServer server{context.get_executor(), address, never, transport::ServerOptions{}};
  Call one;
  one.url = "http://" + server.address() + "/";
  one.limit = 50ms;
  const Answer answer = play(context, call(one));
  EXPECT_EQ(answer.status, 0);
  EXPECT_THAT(answer.problem, HasSubstr("timed_out"));
}

struct CertificatesTest : testing::Test {
  // What a client that trusts the authority of this run says of a server with this pair.
  Answer call_with(const Certificates::Pair& pair, const std::string& host) {
    boost::asio::io_context context;
    const config::Address address{"127.0.0.1", 0};
    transport::ServerOptions options;
    transport::ServerTls tls;
    tls.certificate_file = pair.certificate;
    tls.key_file = pair.key;
    options.tls = tls;
    transport::HttpServer server{context.get_executor(), address, echo, options};
    const std::string listening = server.address();
    Call one;
    one.url = "https://" + host + listening.substr(listening.rfind(':')) + "/";
    one.ca_file = made.ca_file;
    return play(context, call(one));
  }
  void SetUp() override { ASSERT_EQ(make_certificates(folder.path(), made), ""); }

  stage_test::Folder folder;
  Certificates made;
};

TEST_F(CertificatesTest, the_good_one_is_accepted_by_name_and_by_address) {
  EXPECT_EQ(call_with(made.good, "127.0.0.1").problem, "");
  EXPECT_EQ(call_with(made.good, "localhost").problem, "");
}

TEST_F(CertificatesTest, the_others_are_refused_for_what_is_wrong_with_them) {
  EXPECT_THAT(call_with(made.expired, "127.0.0.1").problem, HasSubstr("expired"));
  EXPECT_THAT(call_with(made.wrong_name, "127.0.0.1").problem, HasSubstr("mismatch"));
}

TEST_F(CertificatesTest, nobody_else_trusts_the_authority) {
  Certificates other;
  stage_test::Folder another;
  ASSERT_EQ(make_certificates(another.path(), other), "");
  made.ca_file = other.ca_file;
  EXPECT_NE(call_with(made.good, "127.0.0.1").problem, "");
}

TEST_F(CertificatesTest, keys_are_for_their_owner_alone) {
  for (const Certificates::Pair& pair : {made.good, made.expired, made.wrong_name})
    EXPECT_EQ(std::filesystem::status(pair.key).permissions(), std::filesystem::perms{0600});
}

TEST_F(CertificatesTest, a_folder_that_cannot_be_written_is_a_problem_in_words) {
  Certificates out;
  EXPECT_THAT(make_certificates(folder.file("nowhere"), out), HasSubstr("cannot write"));
  EXPECT_THAT(make_certificates(folder.path(), out), HasSubstr("cannot write")) << "a second time";
}

}  // namespace
}  // namespace stage
