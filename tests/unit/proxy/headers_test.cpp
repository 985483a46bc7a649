// The heads that leave the proxy: received lines byte for byte, minus what belongs to one hop or to
// the platform, plus ours.
#include "proxy/headers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

namespace proxy {
namespace {

using std::string;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct RequestCase {
  config::Endpoint endpoint;
  RequestRewrite rewrite;
  std::size_t capacity = 64 * 1024;
  bool overflow = false;

  RequestCase() {
    rewrite.host_line_value = "app.internal";
    rewrite.client.address = "192.0.2.1";
    rewrite.via = "1.1 understudy-abcdef";
    rewrite.traceparent = "00-a-b-00";
  }

  string write(const string& text) {
    const auto head = std::make_unique<RequestHead>();
    EXPECT_EQ(parse_request_head(text, 100, *head), HeadState::complete) << text;
    RequestFraming framing;
    EXPECT_TRUE(check_request(*head, framing).ok) << text;
    rewrite.endpoint = &endpoint;
    RequestRewrite used = rewrite;
    if (used.path.empty()) used.path = framing.path;
    string memory(capacity, '\0');
    Writer out{memory.data(), memory.size()};
    write_request_head(out, *head, framing, used);
    overflow = out.overflow();
    return string{out.text()};
  }
};

TEST(RequestHeaders, TheStartLineIsTheBasePathAndTheTargetByteForByte) {
  RequestCase with;
  EXPECT_THAT(with.write("GET /a%2f/../b?x HTTP/1.0\r\n\r\n"),
              StartsWith("GET /a%2f/../b?x HTTP/1.1\r\nHost: app.internal\r\n"));
  with.endpoint.url.base_path = "/base";
  EXPECT_THAT(with.write("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"),
              StartsWith("GET /base/x HTTP/1.1\r\n"));
  EXPECT_THAT(with.write("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
              StartsWith("OPTIONS * HTTP/1.1\r\n"));
}

TEST(RequestHeaders, KeptLinesKeepTheirBytesAndOrder) {
  RequestCase with;
  EXPECT_THAT(
      with.write("GET / HTTP/1.1\r\nB:1\r\nHost: a\r\na:  2\t\r\nB: 3\r\nTE: x\r\nC:\r\n\r\n"),
      HasSubstr("Host: app.internal\r\nB:1\r\na:  2\t\r\nB: 3\r\nC:\r\nX-Forwarded-For: "));
}

TEST(RequestHeaders, WhatBelongsToOneHopOrThePlatformIsRemoved) {
  RequestCase with;
  for (const string line :
       {"Connection: close", "Keep-Alive: 5", "Proxy-Connection: x", "Proxy-Authorization: x",
        "TE: x", "Trailer: x", "Upgrade: h2c", "X-ARR-SSL: x", "X-MS-CLIENT-PRINCIPAL: x",
        "X-MS-TOKEN-X: x", "DISGUISED-HOST: x", "WAS-DEFAULT-HOSTNAME: x", "Client-Cert: x",
        "Client-Cert-Chain: x", "Forwarded: for=x", "X-Forwarded-For: x", "X-Forwarded-Host: x",
        "X-Forwarded-Proto: x"}) {
    const string out = with.write("GET / HTTP/1.1\r\nHost: a\r\n" + line + "\r\nKept: 1\r\n\r\n");
    EXPECT_THAT(out, Not(HasSubstr(line + "\r\n")));
    EXPECT_THAT(out, HasSubstr("Kept: 1\r\n"));
  }
}

TEST(RequestHeaders, FieldsNamedByConnectionAreRemovedButNotFramingOrOurs) {
  RequestCase with;
  const string out = with.write(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: a-b , Content-Length,,Host, via, c\r\nA-B: 1\r\n"
      "Content-Length: 3\r\nC: 2\r\nD: 3\r\n\r\n");
  EXPECT_THAT(out, Not(HasSubstr("A-B")));
  EXPECT_THAT(out, Not(HasSubstr("\r\nC: 2")));
  EXPECT_THAT(out, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(out, HasSubstr("\r\nD: 3\r\n"));
  EXPECT_THAT(out, HasSubstr("Via: 1.1 understudy-abcdef\r\n"));
}

TEST(RequestHeaders, ForwardedFieldsSayWhatWeSaw) {
  RequestCase with;
  EXPECT_THAT(with.write("GET / HTTP/1.1\r\nHost: shop:81\r\n\r\n"),
              HasSubstr("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: shop:81\r\n"
                        "X-Forwarded-Proto: http\r\n"
                        "Forwarded: for=192.0.2.1;host=\"shop:81\";proto=http\r\n"));
  with.rewrite.client.address = "2001:db8::1";
  with.rewrite.client.v6 = true;
  with.rewrite.client.tls = true;
  EXPECT_THAT(with.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
              HasSubstr("Forwarded: for=\"[2001:db8::1]\";host=\"a\";proto=https\r\n"));
}

TEST(RequestHeaders, ATrustedProxysFieldsAreContinued) {
  RequestCase with;
  with.rewrite.client.trusted = true;
  const string out = with.write(
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n"
      "X-Forwarded-Proto: https\r\nForwarded: for=1.1.1.1\r\n\r\n");
  EXPECT_THAT(out, HasSubstr("X-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.1\r\n"));
  EXPECT_THAT(out, HasSubstr("X-Forwarded-Proto: https\r\n"));
  EXPECT_THAT(out, Not(HasSubstr("X-Forwarded-Proto: http\r\n")));
  EXPECT_THAT(out, HasSubstr("X-Forwarded-Host: a\r\n"));  // it did not say: ours
  EXPECT_THAT(out, HasSubstr("Forwarded: for=1.1.1.1, for=192.0.2.1;"));
}

TEST(RequestHeaders, ChunkedIsOurOwnFramingAndATraceIsKept) {
  RequestCase with;
  EXPECT_THAT(with.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:  CHUNKED\r\n\r\n"),
              HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_THAT(with.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
              HasSubstr("traceparent: 00-a-b-00\r\n"));
  const string traced = with.write("GET / HTTP/1.1\r\nHost: a\r\nTraceparent: theirs\r\n\r\n");
  EXPECT_THAT(traced, HasSubstr("Traceparent: theirs\r\n"));
  EXPECT_THAT(traced, Not(HasSubstr("00-a-b-00")));
}

TEST(RequestHeaders, ExpectIsForHttp11Only) {
  RequestCase with;
  EXPECT_THAT(
      with.write("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"),
      HasSubstr("Expect: 100-Continue\r\n"));
  EXPECT_THAT(with.write("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
              Not(HasSubstr("Expect")));
}

TEST(RequestHeaders, TheSecretHeaderIsOursAlone) {
  RequestCase with;
  const std::array<std::string_view, 2> names{"X-Lock", "X-Other-Lock"};
  with.rewrite.lock_names = names;
  const string request =
      "GET / HTTP/1.1\r\nHost: a\r\nx-LOCK: guess\r\nX-Lock2: stays\r\n"
      "X-Other-Lock: guess\r\nX-Lock:guess\r\n\r\n";
  const string without = with.write(request);  // to the endpoint that has none
  EXPECT_THAT(without, Not(HasSubstr("guess")));
  EXPECT_THAT(without, HasSubstr("\r\nX-Lock2: stays\r\n"));
  with.endpoint.secret_header = config::NameValue{"X-Lock", "real"};
  const string out = with.write(request);
  EXPECT_THAT(out, Not(HasSubstr("guess")));
  EXPECT_THAT(out, HasSubstr("\r\nX-Lock2: stays\r\n"));
  EXPECT_THAT(out, EndsWith("\r\nX-Lock: real\r\n\r\n"));
}

TEST(RequestHeaders, OurOwnCookieGoesToNoEndpointAndTheOthersAsTheyCame) {
  RequestCase with;
  const string request =
      "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1;  us=x;b=2\r\nA: b\r\ncookie: us=y\r\n"
      "COOKIE:c=3 ;d\r\n\r\n";
  EXPECT_THAT(with.write(request), HasSubstr("\r\nCookie: a=1;  us=x;b=2\r\nA: b\r\n"));
  with.rewrite.own_cookie = "us";
  const string out = with.write(request);
  EXPECT_THAT(out, Not(HasSubstr("us=")));
  EXPECT_THAT(out, Not(HasSubstr("cookie: \r\n")));
  EXPECT_THAT(out, HasSubstr("\r\nA: b\r\nCOOKIE:c=3 ;d\r\nCookie: a=1;b=2\r\n"));
  const string hop =
      with.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Cookie\r\nCookie: a=1; us=x\r\n\r\n");
  EXPECT_THAT(hop, Not(HasSubstr("a=1")));
}

TEST(RequestHeaders, AnUpgradeThatWeTunnelIsAskedFor) {
  RequestCase with;
  EXPECT_THAT(
      with.write(
          "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, upgrade\r\nUpgrade: WebSocket\r\n\r\n"),
      HasSubstr("Connection: Upgrade\r\nUpgrade: WebSocket\r\n"));
}

TEST(RequestHeaders, WhatDoesNotFitIsNoticed) {
  RequestCase with;
  with.capacity = 100;
  with.write("GET / HTTP/1.1\r\nHost: a\r\nX: " + string(200, 'y') + "\r\n\r\n");
  EXPECT_TRUE(with.overflow);
}

string write_answer(const string& text, ResponseRewrite rewrite, bool head_request = false) {
  const auto head = std::make_unique<ResponseHead>();
  EXPECT_EQ(parse_response_head(text, 100, *head), HeadState::complete) << text;
  ResponseFraming framing;
  EXPECT_TRUE(check_response(*head, head_request, framing).ok) << text;
  rewrite.date = "today";
  std::array<char, 4096> memory;
  Writer out{memory.data(), memory.size()};
  write_response_head(out, *head, framing, rewrite);
  return string{out.text()};
}

TEST(ResponseHeaders, NoEndpointSetsTheCookieThatIsOurs) {
  ResponseRewrite rewrite;
  const string answer =
      "HTTP/1.1 200 OK\r\nSet-Cookie: us=evil; Path=/\r\nSet-Cookie: a=us=1\r\n"
      "Content-Length: 0\r\n\r\n";
  EXPECT_THAT(write_answer(answer, rewrite), HasSubstr("us=evil"));
  rewrite.own_cookie = "us";
  rewrite.extra = "Set-Cookie: us=ours\r\n";
  const string out = write_answer(answer, rewrite);
  EXPECT_THAT(out, Not(HasSubstr("us=evil")));
  EXPECT_THAT(out, HasSubstr("Set-Cookie: a=us=1\r\n"));
  EXPECT_THAT(out, HasSubstr("Set-Cookie: us=ours\r\n"));
}

TEST(RequestHeaders, LendsTheEndpointsKeyInPlaceOfTheClients) {
  RequestCase with;
  with.rewrite.drop_functions_key = true;
  with.rewrite.functions_key = "theirs";
  with.rewrite.path = "/api/x?other";
  const string out =
      with.write("GET /api/x HTTP/1.1\r\nHost: h\r\nX-Functions-Key: ours\r\nA: b\r\n\r\n");
  EXPECT_THAT(out, StartsWith("GET /api/x?other HTTP/1.1\r\n"));
  EXPECT_THAT(out, HasSubstr("\r\nx-functions-key: theirs\r\n"));
  EXPECT_THAT(out, Not(HasSubstr("ours")));
}

TEST(RequestHeaders, OffersOnlyCodingsThatCanBeUndoneWhereTheAnswerMustBeRead) {
  const std::vector<std::pair<const char*, const char*>> rows{
      {"gzip, deflate", "gzip, deflate"}, {"br", "identity"},
      {"br;q=1.0, GZIP;q=0.8", "gzip"},   {"gzip;q=0, br", "identity"},
      {"gzip;q=0.0,zstd", "identity"},    {"*", "identity"},
  };
  for (const auto& [sent, offered] : rows) {
    RequestCase with;
    const string head =
        string{"GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: "} + sent + "\r\nA: b\r\n\r\n";
    EXPECT_THAT(with.write(head), HasSubstr(string{"\r\nAccept-Encoding: "} + sent + "\r\n"));
    with.rewrite.readable_answer = true;
    const string out = with.write(head);
    EXPECT_THAT(out, HasSubstr(string{"\r\nAccept-Encoding: "} + offered + "\r\n")) << sent;
    EXPECT_EQ(out.find("Accept-Encoding"), out.rfind("Accept-Encoding")) << sent;
  }
}

TEST(ResponseHeaders, LinesAreKeptAndHopsRemoved) {
  EXPECT_EQ(write_answer(
                "HTTP/1.0 404 Nope\r\nB:1\r\nConnection: keep-alive, x\r\nX: 1\r\nKeep-Alive: 5\r\n"
                "a: 2 \r\nUpgrade: h2\r\nTrailer: t\r\nContent-Length: 3\r\n\r\n",
                {}),
            "HTTP/1.1 404 Nope\r\nB:1\r\na: 2 \r\nContent-Length: 3\r\nDate: today\r\n\r\n");
}

TEST(ResponseHeaders, FramingIsWhatWeDecided) {
  ResponseRewrite chunked;
  chunked.chunked = true;
  EXPECT_THAT(write_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunked),
              StartsWith("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"));
  ResponseRewrite sized;
  sized.drop_length = sized.has_length = true;
  sized.length = 12;
  EXPECT_THAT(write_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", sized),
              StartsWith("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n"));
  EXPECT_THAT(write_answer("HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", {}),
              Not(HasSubstr("Content-Length")));
  EXPECT_THAT(write_answer("HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", {}),
              HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(write_answer("HTTP/1.1 103 X\r\nContent-Length: 5\r\nLink: a\r\n\r\n", {}),
              ::testing::StrEq(
                  "HTTP/1.1 103 X\r\nLink: a\r\n\r\n"));  // an interim answer has no date either
}

TEST(ResponseHeaders, PersistenceLocationAndDateAreOurs) {
  ResponseRewrite rewrite;
  rewrite.close = true;
  rewrite.location = "http://us/x";
  rewrite.extra = "X-Understudy-Outcome: unknown\r\n";
  const string out = write_answer(
      "HTTP/1.1 302 Found\r\nLocation: http://them/x\r\nDate: then\r\nContent-Length: 0\r\n\r\n",
      rewrite);
  EXPECT_THAT(out, HasSubstr("Location: http://us/x\r\n"));
  EXPECT_THAT(out, Not(HasSubstr("them")));
  EXPECT_THAT(out, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(out, Not(HasSubstr("today")));
  EXPECT_THAT(out, EndsWith("X-Understudy-Outcome: unknown\r\n\r\n"));
  ResponseRewrite stay;
  stay.keep_alive_note = true;
  EXPECT_THAT(write_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", stay),
              HasSubstr("Connection: keep-alive\r\n"));
}

TEST(ResponseHeaders, ReplacesEveryCookieByTheMovedOnesAndDropsACodingThatWasUndone) {
  ResponseRewrite rewrite;
  rewrite.cookies = "Set-Cookie: a=1; Domain=us\r\nSet-Cookie: b=2\r\n";
  rewrite.drop_coding = true;
  const string out = write_answer(
      "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=them\r\nContent-Encoding: gzip\r\n"
      "set-cookie: b=2\r\nContent-Length: 0\r\n\r\n",
      rewrite);
  EXPECT_THAT(out, HasSubstr("Set-Cookie: a=1; Domain=us\r\nSet-Cookie: b=2\r\n"));
  EXPECT_THAT(out, Not(HasSubstr("them")));
  EXPECT_THAT(out, Not(HasSubstr("set-cookie")));
  EXPECT_THAT(out, Not(HasSubstr("gzip")));
}

TEST(ResponseHeaders, SwitchingKeepsUpgrade) {
  ResponseRewrite rewrite;
  rewrite.switching = true;
  EXPECT_EQ(
      write_answer("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", rewrite),
      "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}

}  // namespace
}  // namespace proxy
