// The parser of request and response heads: every prefix of a good head is incomplete, and
// thousands of mutated heads are read as Beast's parser reads them, but for the differences that
// tests/support/head_comparison.hpp lists.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "proxy/head.hpp"
#include "tests/support/head_comparison.hpp"

namespace proxy {
namespace {

using std::string;
using namespace std::string_literals;

const std::vector<string> request_seeds{
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ("GET /a/b%20c?x=1&y=%zz HTTP/1.1\r\nHost: app.example:8080\r\nAccept: */*\r\n"
     "User-Agent: curl/7.88.1\r\nConnection: keep-alive\r\n\r\n"),
    ("POST /runtime/webhooks/durabletask/orchestrators/hello HTTP/1.1\r\nHost: a\r\n"
     "Content-Type: application/json\r\nContent-Length: 17\r\nExpect: 100-continue\r\n\r\n"),
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost:a\r\nX:\r\nY: \t \r\nZ:\tz \t\r\n\r\n",
    "GET http://h:1/p HTTP/1.0\r\n\r\n",
    ("\r\n\r\nPATCH /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\nX: caf\xe9\ta  b\r\nCookie: a=b; "
     "c=\"d\"\r\n\r\n"),
    ("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
    ("DELETE /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4, ::1\r\nVia: 1.1 b\r\n"
     "traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n\r\n")};

const std::vector<string> response_seeds{
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    ("HTTP/1.1 404 Not Found\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n"
     "Connection: close\r\n\r\n"),
    "HTTP/1.0 200 \r\n\r\n",
    ("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\nLocation: http://a/b?c=d\r\n"
     "Retry-After: 10\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"),
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.1 503 na\xc3\xafve\treason\r\nX: \r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n"};

// Pieces that have confused parsers before, and the boundaries between things.
const std::vector<string> dictionary{"\r\n",
                                     "\n",
                                     "\r",
                                     "\r\n\r\n",
                                     " ",
                                     "\t",
                                     ":",
                                     ": ",
                                     "\0"s,
                                     "\x7f",
                                     "\xff",
                                     "\x80",
                                     "\x0b",
                                     "\x0c",
                                     "\x1f",
                                     " HTTP/1.1",
                                     "HTTP/1.1 ",
                                     "HTTP/1.0",
                                     "HTTP/2.0",
                                     "HTTP/0.9",
                                     "HTTP/1.2",
                                     "http/1.1",
                                     "\r\n folded",
                                     "\r\n\tfolded",
                                     "\r\n \r\n",
                                     "Host: b\r\n",
                                     "Content-Length: 5\r\n",
                                     "Transfer-Encoding: chunked\r\n",
                                     "Transfer-Encoding : x\r\n",
                                     ",",
                                     ";",
                                     "\"",
                                     "(",
                                     "@",
                                     "#",
                                     "200",
                                     "99",
                                     "1000",
                                     "0",
                                     "A",
                                     "z",
                                     "%00",
                                     "Connection: close\r\n",
                                     "X\r\n",
                                     ":\r\n"};

class Mutator {
 public:
  string mutate(const std::vector<string>& seeds) {
    string text = seeds[pick(seeds.size())];
    for (std::size_t i = pick(4) + 1; i > 0; --i) change(text, seeds);
    return text;
  }

 private:
  std::size_t pick(std::size_t below) {
    return below == 0 ? 0 : std::uniform_int_distribution<std::size_t>{0, below - 1}(random_);
  }
  void change(string& text, const std::vector<string>& seeds) {
    const std::size_t at = pick(text.size() + 1);
    switch (pick(7)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(pick(256));
        break;
      case 1:
        text.insert(at, dictionary[pick(dictionary.size())]);
        break;
      case 2:
        text.erase(at, pick(6) + 1);
        break;
      case 3:
        text.insert(at, text.substr(pick(text.size() + 1), pick(40)));
        break;
      case 4: {
        const string& other = seeds[pick(seeds.size())];
        text = text.substr(0, at) + other.substr(pick(other.size() + 1));
        break;
      }
      case 5:
        text.insert(at, 1, static_cast<char>(pick(256)));
        break;
      default:  // one bit, which keeps a byte close to what it was
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << pick(8)));
    }
  }
  std::mt19937 random_{20240229};  // fixed: a failure is the same tomorrow
};

string printable(const string& text) {
  string out;
  for (const char c : text) {
    if (c >= ' ' && c < 0x7f) {
      out += c;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
      out += escaped;
    }
  }
  return out;
}

template <class Head, class Parse>
void compare_mutations(const std::vector<string>& seeds, Parse parse) {
  constexpr int rounds = 30'000;
  Mutator mutator;
  const auto head = std::make_unique<Head>();
  int accepted = 0, failures = 0;
  for (int i = 0; i < rounds && failures < 10; ++i) {
    // An exact copy, so that AddressSanitizer sees any step over the end.
    const string mutated = mutator.mutate(seeds);
    const std::vector<char> exact(mutated.begin(), mutated.end());
    const std::string_view input{exact.data(), exact.size()};
    accepted += parse(input, most_fields, *head) == HeadState::complete ? 1 : 0;
    const string wrong = test_support::compare_heads<Head>(input);
    if (!wrong.empty()) ++failures;
    EXPECT_EQ(wrong, "") << printable(mutated);
  }
  // Both outcomes are worth comparing only if both happen often.
  EXPECT_GT(accepted, rounds / 10);
  EXPECT_LT(accepted, rounds * 9 / 10);
}

TEST(HeadParser, ReadsMutatedRequestsAsBeastDoes) {
  compare_mutations<RequestHead>(request_seeds, parse_request_head);
}

TEST(HeadParser, ReadsMutatedAnswersAsBeastDoes) {
  compare_mutations<ResponseHead>(response_seeds, parse_response_head);
}

TEST(HeadParser, EveryByteAtEveryPlaceIsReadAsBeastDoes) {
  for (const string& seed : {request_seeds[0], request_seeds[4]}) {
    for (std::size_t at = 0; at < seed.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        string text = seed;
        text[at] = static_cast<char>(byte);
        ASSERT_EQ(test_support::compare_heads<RequestHead>(text), "") << printable(text);
      }
    }
  }
  for (std::size_t at = 0; at < response_seeds[0].size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      string text = response_seeds[0];
      text[at] = static_cast<char>(byte);
      ASSERT_EQ(test_support::compare_heads<ResponseHead>(text), "") << printable(text);
    }
  }
}

TEST(HeadParser, EveryPrefixOfAGoodHeadIsIncomplete) {
  const auto request = std::make_unique<RequestHead>();
  for (const string& seed : request_seeds) {
    for (std::size_t size = 0; size < seed.size(); ++size) {
      const std::vector<char> exact(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(parse_request_head({exact.data(), size}, 100, *request), HeadState::incomplete)
          << printable(seed.substr(0, size));
    }
    EXPECT_EQ(parse_request_head(seed, 100, *request), HeadState::complete);
    EXPECT_EQ(request->size, seed.size());
  }
  const auto response = std::make_unique<ResponseHead>();
  for (const string& seed : response_seeds) {
    for (std::size_t size = 0; size < seed.size(); ++size) {
      const std::vector<char> exact(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(parse_response_head({exact.data(), size}, 100, *response), HeadState::incomplete)
          << printable(seed.substr(0, size));
    }
    EXPECT_EQ(parse_response_head(seed, 100, *response), HeadState::complete);
  }
}

TEST(HeadParser, WhatFollowsAHeadIsNotLookedAt) {
  const auto request = std::make_unique<RequestHead>();
  for (const string& seed : request_seeds) {
    EXPECT_EQ(parse_request_head(seed + "\0\n: anything"s, 100, *request), HeadState::complete);
    EXPECT_EQ(request->size, seed.size());
  }
}

TEST(HeadParser, AReasonPhraseAndTheSpaceBeforeItMayBeMissing) {
  const auto head = std::make_unique<ResponseHead>();
  EXPECT_EQ(parse_response_head("HTTP/1.1 204\r\n\r\n", 100, *head), HeadState::complete);
  EXPECT_EQ(head->status, 204);
  EXPECT_EQ(head->reason, "");
}

TEST(HeadParser, FieldsAreCountedUpToTheLimit) {
  const auto head = std::make_unique<RequestHead>();
  const auto with = [](int count) {
    string text = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < count; ++i) text += "X: y\r\n";
    return text + "\r\n";
  };
  EXPECT_EQ(parse_request_head(with(5), 5, *head), HeadState::complete);
  EXPECT_EQ(parse_request_head(with(6), 5, *head), HeadState::too_many_fields);
  EXPECT_EQ(parse_request_head(with(256), 1000, *head), HeadState::complete);
  EXPECT_EQ(parse_request_head(with(257), 1000, *head), HeadState::too_many_fields);
}

TEST(HeadParser, NonsenseIsKnownBeforeTheEndOfAHead) {
  const auto head = std::make_unique<RequestHead>();
  for (const string& text :
       {"\x16\x03\x01"s, "GET /\r\n"s, "GET / HTTQ"s, " GET"s, "GET\t/"s, "GET / HTTP/1.1\n"s,
        "GET / HTTP/1.1\r\nX y"s, "GET / HTTP/1.1\r\nX: a\x01"s})
    EXPECT_EQ(parse_request_head(text, 100, *head), HeadState::malformed) << printable(text);
}

TEST(FieldNames, AreFoundInAnyLetterCaseAndNowhereElse) {
  EXPECT_EQ(field_name("Transfer-Encoding"), FieldName::transfer_encoding);
  EXPECT_EQ(field_name("TRANSFER-ENCODING"), FieldName::transfer_encoding);
  EXPECT_EQ(field_name("transfer_encoding"), FieldName::other);
  EXPECT_EQ(field_name("Transfer-Encodin\x07"), FieldName::other);
  EXPECT_EQ(field_name("X-MS-CLIENT-PRINCIPAL-NAME"), FieldName::client_only);
  EXPECT_EQ(field_name("x-arr-"), FieldName::client_only);
  EXPECT_EQ(field_name("Client-Cert"), FieldName::client_only);
  EXPECT_EQ(field_name("x-ms-request-id"), FieldName::other);
  EXPECT_EQ(field_name(""), FieldName::other);
}

// Every known name, with each of its characters changed by the bit that | 0x20 hides.
TEST(FieldNames, AControlThatLooksLikeALetterIsNone) {
  for (const string name : {"connection", "content-length", "host", "transfer-encoding", "te",
                            "via", "upgrade", "cookie", "expect"}) {
    ASSERT_NE(field_name(name), FieldName::other) << name;
    for (std::size_t at = 0; at < name.size(); ++at) {
      string other = name;
      other[at] = static_cast<char>(other[at] ^ 0x20);
      if (name[at] ==
          '-') {  // 0x0d, which is no character of a token: the parser lets none through
        continue;
      }
      EXPECT_EQ(field_name(other), field_name(name)) << other;
      other[at] = static_cast<char>(name[at] ^ 0x01);
      EXPECT_EQ(field_name(other), FieldName::other) << other;
    }
  }
}

}  // namespace
}  // namespace proxy
