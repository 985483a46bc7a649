// What this proxy refuses before a byte of it reaches an upstream, and what it accepts: one row per
// case, each with the rule or the attack it stands for. The rows go through the same two steps as a
// request on the wire: parse_request_head, then check_request.
#include "proxy/framing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>

namespace proxy {
namespace {

using std::string;
using namespace std::string_literals;

// How a row ends: accepted with this body, refused with this status, or still waiting for more.
struct Expected {
  int status = 0;  // 0: accepted
  BodyKind body = BodyKind::none;
  std::uint64_t length = 0;
  bool incomplete = false;
};
constexpr Expected accepted{};
constexpr Expected with_length(std::uint64_t length) {
  return {0, BodyKind::length, length, false};
}
constexpr Expected in_chunks{0, BodyKind::chunked, 0, false};
constexpr Expected refused(int status) {
  return {status, BodyKind::none, 0, false};
}
constexpr Expected waiting{0, BodyKind::none, 0, true};

struct Row {
  string name;
  string source;
  string head;
  Expected expected;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name << " (" << row.source << ")";
}

string get(const string& fields) {
  return "GET /a HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
string post(const string& fields) {
  return "POST /a HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
string line(const string& request_line) {
  return request_line + "\r\nHost: a\r\n\r\n";
}

int status_of_row(const string& head, RequestFraming& framing, bool& incomplete) {
  auto parsed = std::make_unique<RequestHead>();
  switch (parse_request_head(head, 100, *parsed)) {
    case HeadState::incomplete:
      incomplete = true;
      return 0;
    case HeadState::malformed:
      return 400;
    case HeadState::too_many_fields:
      return 431;
    case HeadState::bad_version:
      return 505;
    case HeadState::complete:
      break;
  }
  const FramingVerdict verdict = check_request(*parsed, framing);
  if (verdict.ok) return 0;
  EXPECT_FALSE(verdict.rule.empty()) << "a refusal names its rule";
  return status_of(verdict.problem);
}

class RequestFramingTable : public ::testing::TestWithParam<Row> {};

TEST_P(RequestFramingTable, EndsAsTheRowSays) {
  const Row& row = GetParam();
  RequestFraming framing;
  bool incomplete = false;
  const int status = status_of_row(row.head, framing, incomplete);
  EXPECT_EQ(incomplete, row.expected.incomplete);
  EXPECT_EQ(status, row.expected.status);
  if (status == 0 && !incomplete) {
    EXPECT_EQ(framing.body, row.expected.body);
    if (framing.body == BodyKind::length) {
      EXPECT_EQ(framing.length, row.expected.length);
    }
  }
}

const Row rows[] = {
    // Content-Length
    {"a length", "RFC 9112 6.2", post("Content-Length: 5\r\n"), with_length(5)},
    {"a length of zero is no body", "RFC 9112 6.3", post("Content-Length: 0\r\n"), accepted},
    {"leading zeros are digits", "RFC 9110 8.6", post("Content-Length: 007\r\n"), with_length(7)},
    {"the largest length", "RFC 9110 8.6", post("Content-Length: 9223372036854775807\r\n"),
     with_length(9223372036854775807ULL)},
    {"a length above 2^63", "overflow", post("Content-Length: 9223372036854775808\r\n"),
     refused(400)},
    {"a length above 2^64", "overflow", post("Content-Length: 18446744073709551621\r\n"),
     refused(400)},
    {"twenty-one digits", "overflow", post("Content-Length: 000000000000000000005\r\n"),
     refused(400)},
    {"a signed length", "CL.+ smuggling", post("Content-Length: +5\r\n"), refused(400)},
    {"a negative length", "RFC 9110 8.6", post("Content-Length: -5\r\n"), refused(400)},
    {"a hexadecimal length", "RFC 9110 8.6", post("Content-Length: 0x5\r\n"), refused(400)},
    {"a fraction", "RFC 9110 8.6", post("Content-Length: 5.0\r\n"), refused(400)},
    {"an exponent", "RFC 9110 8.6", post("Content-Length: 5e1\r\n"), refused(400)},
    {"an empty length", "RFC 9110 8.6", post("Content-Length: \r\n"), refused(400)},
    {"a space inside", "RFC 9110 8.6", post("Content-Length: 5 5\r\n"), refused(400)},
    {"a list of equal lengths", "RFC 9112 6.3", post("Content-Length: 5, 5\r\n"), refused(400)},
    {"a list of different lengths", "CL.CL", post("Content-Length: 5, 6\r\n"), refused(400)},
    {"two equal lengths", "RFC 9112 6.3", post("Content-Length: 5\r\nContent-Length: 5\r\n"),
     refused(400)},
    {"two different lengths", "CL.CL", post("Content-Length: 5\r\nContent-Length: 6\r\n"),
     refused(400)},
    {"two lengths in different case", "CL.CL", post("Content-Length: 5\r\ncontent-length: 5\r\n"),
     refused(400)},
    {"a length on GET", "RFC 9110 9.3.1", get("Content-Length: 3\r\n"), with_length(3)},
    // Transfer-Encoding
    {"chunked", "RFC 9112 7.1", post("Transfer-Encoding: chunked\r\n"), in_chunks},
    {"chunked in capitals", "RFC 9112 7", post("Transfer-Encoding: CHUNKED\r\n"), in_chunks},
    {"chunked behind a tab", "RFC 9110 5.5", post("Transfer-Encoding:\tchunked\r\n"), in_chunks},
    {"chunked and a length", "CL.TE", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
     refused(400)},
    {"a length and chunked", "TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"),
     refused(400)},
    {"an unknown coding", "TE obfuscation", post("Transfer-Encoding: xchunked\r\n"), refused(400)},
    {"an unknown coding and a length", "TE obfuscation",
     post("Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n"), refused(400)},
    {"chunked, identity", "TE.TE", post("Transfer-Encoding: chunked, identity\r\n"), refused(400)},
    {"identity, chunked", "RFC 9112 7", post("Transfer-Encoding: identity, chunked\r\n"),
     refused(400)},
    {"identity", "RFC 2616 leftover", post("Transfer-Encoding: identity\r\n"), refused(400)},
    {"gzip, chunked", "RFC 9112 6.1", post("Transfer-Encoding: gzip, chunked\r\n"), refused(400)},
    {"gzip and a length", "RFC 9112 6.1", post("Transfer-Encoding: gzip\r\nContent-Length: 4\r\n"),
     refused(400)},
    {"chunked twice in a list", "RFC 9112 7.1", post("Transfer-Encoding: chunked, chunked\r\n"),
     refused(400)},
    {"two fields", "TE.TE", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
     refused(400)},
    {"two fields, one unknown", "TE.TE",
     post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), refused(400)},
    {"a quoted coding", "TE obfuscation", post("Transfer-Encoding: \"chunked\"\r\n"), refused(400)},
    {"a coding with a parameter", "TE obfuscation", post("Transfer-Encoding: chunked;q=1\r\n"),
     refused(400)},
    {"a vertical tab before chunked", "TE obfuscation",
     post("Transfer-Encoding: \x0b"
          "chunked\r\n"),
     refused(400)},
    {"a NUL behind chunked", "TE obfuscation", post("Transfer-Encoding: chunked\0\r\n"s),
     refused(400)},
    {"an empty coding", "RFC 9112 6.1", post("Transfer-Encoding: \r\n"), refused(400)},
    {"a space before the colon", "RFC 9112 5.1", post("Transfer-Encoding : chunked\r\n"),
     refused(400)},
    {"a folded coding", "obs-fold, TE obfuscation", post("Transfer-Encoding:\r\n chunked\r\n"),
     refused(400)},
    {"chunked in HTTP/1.0", "RFC 9112 6.1",
     "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", refused(400)},
    // Line endings and field syntax
    {"bare LF throughout", "RFC 9112 2.2", "GET / HTTP/1.1\nHost: a\n\n", refused(400)},
    {"bare LF in one line", "RFC 9112 2.2", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
     refused(400)},
    {"bare CR in a value", "RFC 9112 2.2", get("X: a\rb\r\n"), refused(400)},
    {"a NUL in a value", "RFC 9110 5.5", get("X: a\0b\r\n"s), refused(400)},
    {"a control in a value", "RFC 9110 5.5",
     get("X: a\x01"
         "b\r\n"),
     refused(400)},
    {"DEL in a value", "RFC 9110 5.5", get("X: a\x7f\r\n"), refused(400)},
    {"obs-text in a value is let through", "RFC 9110 5.5", get("X: caf\xe9\r\n"), accepted},
    {"an empty field name", "RFC 9110 5.1", get(": a\r\n"), refused(400)},
    {"a space in a field name", "RFC 9110 5.1", get("X Y: a\r\n"), refused(400)},
    {"a space before a colon", "RFC 9112 5.1", get("X : a\r\n"), refused(400)},
    {"a line without a colon", "RFC 9112 5", get("nonsense\r\n"), refused(400)},
    {"a folded value", "RFC 9112 5.2", get("X: a\r\n b\r\n"), refused(400)},
    {"a value folded by a tab", "RFC 9112 5.2", get("X: a\r\n\tb\r\n"), refused(400)},
    {"white space before the first field", "RFC 9112 2.2", "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
     refused(400)},
    {"a hundred and one fields", "limits.headers", get([] {
       string many;
       for (int i = 0; i < 101; ++i) many += "X: y\r\n";
       return many;
     }()),
     refused(431)},
    // Host
    {"no Host", "RFC 9112 3.2", "GET / HTTP/1.1\r\n\r\n", refused(400)},
    {"no Host in HTTP/1.0", "RFC 9112 3.2", "GET / HTTP/1.0\r\n\r\n", accepted},
    {"two Hosts", "RFC 9112 3.2", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", refused(400)},
    {"two equal Hosts", "RFC 9112 3.2", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
     refused(400)},
    {"an empty Host", "RFC 9110 7.2", "GET / HTTP/1.1\r\nHost:\r\n\r\n", refused(400)},
    {"userinfo in Host", "RFC 9110 4.2.4", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", refused(400)},
    {"a path in Host", "RFC 9110 7.2", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", refused(400)},
    {"a list in Host", "host confusion", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", refused(400)},
    {"a port that is no number", "RFC 3986 3.2.3", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
     refused(400)},
    {"a port above 65535", "RFC 3986 3.2.3", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
     refused(400)},
    {"a host and a port", "RFC 9110 7.2", "GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n", accepted},
    {"an IPv6 literal", "RFC 3986 3.2.2", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", accepted},
    {"an unclosed IPv6 literal", "RFC 3986 3.2.2", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
     refused(400)},
    // Request line
    {"HTTP/0.9", "RFC 1945", "GET /\r\n", refused(400)},
    {"HTTP/1.2", "RFC 9110 2.5", line("GET / HTTP/1.2"), refused(505)},
    {"HTTP/2.0 as text", "RFC 9113 3.1", line("GET / HTTP/2.0"), refused(505)},
    {"the HTTP/2 preface", "RFC 9113 3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refused(505)},
    {"a lower-case version", "RFC 9112 2.3", line("GET / http/1.1"), refused(400)},
    {"no target", "RFC 9112 3", line("GET  HTTP/1.1"), refused(400)},
    {"two spaces before the target", "RFC 9112 3", line("GET  / HTTP/1.1"), refused(400)},
    {"a space in the target", "RFC 9112 3.2", line("GET /a b HTTP/1.1"), refused(400)},
    {"a fragment", "RFC 9112 3.2", line("GET /a#b HTTP/1.1"), refused(400)},
    {"a control in the target", "RFC 9112 3.2", line("GET /a\x01 HTTP/1.1"), refused(400)},
    {"a separator in the method", "RFC 9110 9.1", line("G(T / HTTP/1.1"), refused(400)},
    {"a method of its own", "RFC 9110 9.1", line("PURGE /a HTTP/1.1"), accepted},
    {"CONNECT", "RFC 9110 9.3.6", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", refused(405)},
    {"TRACE", "RFC 9110 9.3.8, cross-site tracing", line("TRACE / HTTP/1.1"), refused(405)},
    {"OPTIONS *", "RFC 9112 3.2.4", line("OPTIONS * HTTP/1.1"), accepted},
    {"GET *", "RFC 9112 3.2.4", line("GET * HTTP/1.1"), refused(400)},
    {"a relative target", "RFC 9112 3.2", line("GET a HTTP/1.1"), refused(400)},
    {"an absolute target", "RFC 9112 3.2.2", line("GET http://b/x HTTP/1.1"), accepted},
    {"an absolute target with userinfo", "RFC 9110 4.2.4", line("GET http://u@b/x HTTP/1.1"),
     refused(400)},
    {"an absolute target without a host", "RFC 9110 4.2.1", line("GET http:///x HTTP/1.1"),
     refused(400)},
    {"an ftp target", "RFC 9112 3.2.2", line("GET ftp://b/x HTTP/1.1"), refused(400)},
    {"an empty line first", "RFC 9112 2.2", "\r\n" + get(""), accepted},
    // Expect, Upgrade
    {"Expect: 100-continue", "RFC 9110 10.1.1",
     post("Expect: 100-continue\r\nContent-Length: 1\r\n"), with_length(1)},
    {"another expectation", "RFC 9110 10.1.1", get("Expect: tea\r\n"), refused(417)},
    // Not finished yet
    {"half a request line", "-", "GET /a HT", waiting},
    {"a head without its end", "-", "GET /a HTTP/1.1\r\nHost: a\r\n", waiting},
    {"a TLS hello on a cleartext port", "-", "\x16\x03\x01\x02", refused(400)},
    {"bare LF before the end of the head", "RFC 9112 2.2", "GET / HTTP/1.1\nHost: a\n",
     refused(400)},
};

INSTANTIATE_TEST_SUITE_P(Requests, RequestFramingTable, ::testing::ValuesIn(rows));

RequestFraming framed(const string& head) {
  RequestFraming framing;
  bool incomplete = false;
  static string kept;  // the views in the result point into it
  kept = head;
  EXPECT_EQ(status_of_row(kept, framing, incomplete), 0);
  return framing;
}

TEST(RequestFramingRules, AnAbsoluteTargetReplacesTheHostField) {
  const RequestFraming framing = framed("GET http://b:81/x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(framing.host, "b:81");
  EXPECT_EQ(framing.path, "/x?y=1");
}

TEST(RequestFramingRules, AnAbsoluteTargetWithoutAPathMeansTheRoot) {
  EXPECT_EQ(framed("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n").path, "/");
}

TEST(RequestFramingRules, PersistenceFollowsVersionAndConnection) {
  EXPECT_TRUE(framed(get("")).keep_alive);
  EXPECT_FALSE(framed(get("Connection: close\r\n")).keep_alive);
  EXPECT_FALSE(framed(get("Connection: foo, CLOSE\r\n")).keep_alive);
  EXPECT_FALSE(framed("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(framed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(RequestFramingRules, OnlyAWebSocketUpgradeOfAnHttp11GetIsTunnelled) {
  EXPECT_TRUE(framed(get("Connection: Upgrade\r\nUpgrade: websocket\r\n")).upgrade);
  EXPECT_FALSE(framed(get("Upgrade: websocket\r\n")).upgrade);
  EXPECT_FALSE(framed(get("Connection: Upgrade\r\nUpgrade: h2c\r\n")).upgrade);
  EXPECT_FALSE(framed(get("Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n")).upgrade);
  EXPECT_FALSE(
      framed("GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").upgrade);
  EXPECT_FALSE(
      framed(post("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n")).upgrade);
}

struct AnswerRow {
  string name;
  string head;
  bool ok;
  BodyKind body;
  bool keep_alive;
  bool head_request = false;
};
void PrintTo(const AnswerRow& row, std::ostream* out) {
  *out << row.name;
}

class ResponseFramingTable : public ::testing::TestWithParam<AnswerRow> {};

TEST_P(ResponseFramingTable, EndsAsTheRowSays) {
  const AnswerRow& row = GetParam();
  auto parsed = std::make_unique<ResponseHead>();
  ResponseFraming framing;
  const bool complete = parse_response_head(row.head, 100, *parsed) == HeadState::complete;
  const bool ok = complete && check_response(*parsed, row.head_request, framing).ok;
  ASSERT_EQ(ok, row.ok);
  if (!ok) return;
  EXPECT_EQ(framing.body, row.body);
  EXPECT_EQ(framing.keep_alive, row.keep_alive);
}

string answer(const string& status, const string& fields) {
  return "HTTP/1.1 " + status + "\r\n" + fields + "\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Answers, ResponseFramingTable,
    ::testing::Values(
        AnswerRow{"a length", answer("200 OK", "Content-Length: 3\r\n"), true, BodyKind::length,
                  true},
        AnswerRow{"chunked", answer("200 OK", "Transfer-Encoding: chunked\r\n"), true,
                  BodyKind::chunked, true},
        AnswerRow{"neither: until it closes", answer("200 OK", ""), true, BodyKind::until_close,
                  false},
        AnswerRow{"204 has no body", answer("204 No Content", "Content-Length: 3\r\n"), true,
                  BodyKind::none, true},
        AnswerRow{"304 has no body", answer("304 Not Modified", "Content-Length: 3\r\n"), true,
                  BodyKind::none, true},
        AnswerRow{"HEAD has no body", answer("200 OK", "Content-Length: 3\r\n"), true,
                  BodyKind::none, true, true},
        AnswerRow{"Connection: close",
                  answer("200 OK", "Content-Length: 3\r\nConnection: close\r\n"), true,
                  BodyKind::length, false},
        AnswerRow{"two lengths", answer("200 OK", "Content-Length: 3\r\nContent-Length: 4\r\n"),
                  false, BodyKind::none, false},
        AnswerRow{"two equal lengths",
                  answer("200 OK", "Content-Length: 3\r\nContent-Length: 3\r\n"), false,
                  BodyKind::none, false},
        AnswerRow{"a length and chunked",
                  answer("200 OK", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), false,
                  BodyKind::none, false},
        AnswerRow{"an unknown coding", answer("200 OK", "Transfer-Encoding: zip\r\n"), false,
                  BodyKind::none, false},
        AnswerRow{"a signed length", answer("200 OK", "Content-Length: +3\r\n"), false,
                  BodyKind::none, false},
        AnswerRow{"a NUL in a value", answer("200 OK", "X: a\0b\r\n"s), false, BodyKind::none,
                  false},
        AnswerRow{"a status of two digits", answer("20 OK", ""), false, BodyKind::none, false},
        AnswerRow{"a status above 599", answer("700 X", ""), false, BodyKind::none, false},
        AnswerRow{"another protocol", "SSH-2.0-x\r\n\r\n", false, BodyKind::none, false},
        AnswerRow{"a folded value", answer("200 OK", "X: a\r\n b\r\n"), false, BodyKind::none,
                  false}));

}  // namespace
}  // namespace proxy
