// Sticky answers in a client's hands: what we signed is believed, whatever else is there is not,
// and no other cookie is touched.
#include "proxy/sticky_cookie.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/cookies.hpp"

namespace proxy {
namespace {

using std::string;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::int64_t now = 1'800'000'000'000;
constexpr std::string_view key = "0123456789abcdef", newer = "fedcba9876543210";

config::Config profile(std::vector<std::string_view> keys, std::int64_t ttl_ms = 30'000) {
  config::Config config;
  config.stickiness.client = config::StickyClient::cookie;
  config.stickiness.ttl = config::Millis{ttl_ms};
  for (const std::string_view each : keys) config.stickiness.cookie_keys.emplace_back(string{each});
  for (const char* name : {"primary", "secondary"}) {
    config.endpoints.emplace_back();
    config.endpoints.back().name = name;
  }
  return config;
}

StickyCookie cookie_of(const config::Config& config) {
  return StickyCookie{config, "of the process"};
}

// "understudy=VALUE" of a Set-Cookie line.
string pair_of(const string& line) {
  constexpr std::string_view front = "Set-Cookie: ";
  EXPECT_THAT(line, StartsWith(string{front}));
  return line.substr(front.size(), line.find(';') - front.size());
}

std::optional<std::size_t> read(const StickyCookie& cookie, const string& fields,
                                std::int64_t at = now) {
  const auto head = std::make_unique<RequestHead>();
  const string text = "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  EXPECT_EQ(parse_request_head(text, 100, *head), HeadState::complete) << text;
  return cookie.read(head->fields, at);
}

std::optional<std::size_t> read_one(const StickyCookie& cookie, const string& pair,
                                    std::int64_t at = now) {
  return read(cookie, "Cookie: " + pair + "\r\n", at);
}

TEST(StickyCookie, AnAnswerComesBackUntilItsTtlEndsAndNotAMomentLonger) {
  const StickyCookie cookie = cookie_of(profile({key}));
  for (const std::size_t endpoint : {0U, 1U}) {
    const string pair = pair_of(cookie.line(endpoint, now, false));
    EXPECT_EQ(read_one(cookie, pair), endpoint);
    EXPECT_EQ(read_one(cookie, "a=1; " + pair + "; b=2", now + 29'999), endpoint);
    EXPECT_EQ(read_one(cookie, pair, now + 30'000), std::nullopt);
  }
}

TEST(StickyCookie, ItsLineKeepsItFromScriptsAndOtherSitesAndItsLifeIsRoundedUp) {
  const StickyCookie cookie = cookie_of(profile({key}, 1500));
  const string line = cookie.line(0, now, false);
  EXPECT_THAT(line, EndsWith("; Path=/; Max-Age=2; HttpOnly; SameSite=Lax\r\n"));
  EXPECT_THAT(cookie.line(0, now, true), EndsWith("; SameSite=Lax; Secure\r\n"));
  EXPECT_THAT(line, Not(HasSubstr("primary")));
  EXPECT_THAT(line, Not(HasSubstr("Domain")));
}

TEST(StickyCookie, WithoutATtlNothingIsGiven) {
  EXPECT_EQ(cookie_of(profile({key}, 0)).line(0, now, false), "");
}

TEST(StickyCookie, WhateverWasChangedIsForged) {
  const StickyCookie cookie = cookie_of(profile({key}));
  const string pair = pair_of(cookie.line(0, now, false));
  const std::size_t value = pair.find('=') + 1;
  for (std::size_t i = value; i < pair.size(); ++i) {
    for (const char other : {'0', 'f', 'A', '~', '"', '\x80'}) {
      if (pair[i] == other) continue;
      string forged = pair;
      forged[i] = other;
      EXPECT_EQ(read_one(cookie, forged), std::nullopt) << i << other;
    }
    EXPECT_EQ(read_one(cookie, pair.substr(0, i)), std::nullopt) << i;
  }
  for (const string& forged : std::vector<string>{
           pair + "0", pair + pair, pair.substr(0, value), "understudy=" + string(60, '0'),
           "understudy=" + string(60, 'f'), "understudy=" + string(20'000, 'f'),
           "understudy=\"" + pair.substr(value) + "\"", "Understudy=" + pair.substr(value),
           "understudy" + pair.substr(value), "understudy"})
    EXPECT_EQ(read_one(cookie, forged), std::nullopt) << forged;
}

TEST(StickyCookie, TheEndpointAndTheTimeOfTwoAnswersDoNotMix) {
  const StickyCookie cookie = cookie_of(profile({key}));
  const string first = pair_of(cookie.line(0, now, false));
  const string second = pair_of(cookie.line(1, now + 5, false));
  const std::size_t value = first.find('=') + 1;
  for (const std::size_t cut : {value + 12, value + 28}) {
    EXPECT_EQ(read_one(cookie, first.substr(0, cut) + second.substr(cut)), std::nullopt);
    EXPECT_EQ(read_one(cookie, second.substr(0, cut) + first.substr(cut)), std::nullopt);
  }
}

TEST(StickyCookie, TwoOfThemAreNone) {
  const StickyCookie cookie = cookie_of(profile({key}));
  const string pair = pair_of(cookie.line(1, now, false));
  EXPECT_EQ(read_one(cookie, pair + "; " + pair), std::nullopt);
  EXPECT_EQ(read_one(cookie, pair + "; understudy=x"), std::nullopt);
  EXPECT_EQ(read(cookie, "Cookie: " + pair + "\r\ncookie: a=b; " + pair + "\r\n"), std::nullopt);
  EXPECT_EQ(read(cookie, "Cookie: a=b\r\ncookie: c=d;" + pair + "\r\n"), 1U);
  EXPECT_EQ(read(cookie, ""), std::nullopt);
}

TEST(StickyCookie, NoAnswerClaimsMoreTimeThanOneOfTodayGets) {
  const string hour = pair_of(cookie_of(profile({key}, 3'600'000)).line(0, now, false));
  EXPECT_EQ(read_one(cookie_of(profile({key}, 3'600'000)), hour), 0U);
  EXPECT_EQ(read_one(cookie_of(profile({key}, 30'000)), hour), std::nullopt);
  // The clock of the proxy that gave it may be a little ahead of ours.
  const StickyCookie cookie = cookie_of(profile({key}));
  EXPECT_EQ(read_one(cookie, pair_of(cookie.line(0, now + 60'000, false))), 0U);
  EXPECT_EQ(read_one(cookie, pair_of(cookie.line(0, now + 60'001, false))), std::nullopt);
}

TEST(StickyCookie, EveryProxyOfTheProfileWithTheKeyAgreesAndNoOther) {
  const string pair = pair_of(cookie_of(profile({key})).line(1, now, false));
  EXPECT_EQ(read_one(StickyCookie{profile({key}), "another process"}, pair), 1U);
  EXPECT_EQ(read_one(cookie_of(profile({newer})), pair), std::nullopt);
  EXPECT_EQ(read_one(cookie_of(profile({})), pair), std::nullopt);
  config::Config other = profile({key});
  other.profile = "other";
  EXPECT_EQ(read_one(cookie_of(other), pair), std::nullopt);
}

TEST(StickyCookie, WithoutAKeyOfItsOwnAProfileIsAsGoodAsItsProcess) {
  const string pair = pair_of(StickyCookie{profile({}), "one"}.line(1, now, false));
  EXPECT_EQ(read_one(StickyCookie{profile({}), "one"}, pair), 1U);
  EXPECT_EQ(read_one(StickyCookie{profile({}), "two"}, pair), std::nullopt);
  EXPECT_EQ((StickyCookie{profile({}), ""}.line(1, now, false)), "");
  EXPECT_EQ(read_one(StickyCookie{profile({}), ""}, pair), std::nullopt);
}

TEST(StickyCookie, ARotationMovesNobody) {
  const string before = pair_of(cookie_of(profile({key})).line(1, now, false));
  const StickyCookie both = cookie_of(profile({newer, key}));
  EXPECT_EQ(read_one(both, before), 1U);
  const string after = pair_of(both.line(1, now, false));
  EXPECT_EQ(read_one(cookie_of(profile({newer})), after), 1U);
  EXPECT_EQ(read_one(cookie_of(profile({key})), after), std::nullopt);
}

TEST(StickyCookie, AnAnswerMeansTheEndpointOfThatNameWhereverItStandsNow) {
  const string pair = pair_of(cookie_of(profile({key})).line(1, now, false));
  config::Config changed = profile({key});
  std::swap(changed.endpoints[0], changed.endpoints[1]);
  EXPECT_EQ(read_one(cookie_of(changed), pair), 0U);
  changed.endpoints[0].name = "third";
  EXPECT_EQ(read_one(cookie_of(changed), pair), std::nullopt);
}

struct Row {
  const char* value;
  const char* line;  // what goes to the endpoint
};
class OwnCookie : public ::testing::TestWithParam<Row> {};

TEST_P(OwnCookie, IsTakenOutAndNothingElse) {
  const Field field{"cOOkie", GetParam().value, FieldName::cookie};
  string memory(200, '\0');
  Writer out{memory.data(), memory.size()};
  write_cookies_without(out, field, "us");
  EXPECT_EQ(out.text(), GetParam().line);
}

INSTANTIATE_TEST_SUITE_P(
    Cookies, OwnCookie,
    ::testing::Values(Row{"us=1", ""}, Row{"us=1;", ""}, Row{" us =1 ; ", ""},
                      Row{"us=1; us=2", ""}, Row{"us=1; a=2", "cOOkie: a=2\r\n"},
                      Row{"a=2; us=1", "cOOkie: a=2\r\n"},
                      Row{"a=2; us=1; b=\"3\"", "cOOkie: a=2; b=\"3\"\r\n"},
                      Row{"a=2;us=1;b=3", "cOOkie: a=2;b=3\r\n"},
                      Row{"us=1; us=2; a;;  b=us=1 ;", "cOOkie: a;;  b=us=1 ;\r\n"},
                      Row{"us", "cOOkie: us\r\n"},
                      Row{"aus=1; uss=2; US=3; =us=1", "cOOkie: aus=1; uss=2; US=3; =us=1\r\n"}));

TEST(OwnCookie, IsKnownByItsNameAlone) {
  EXPECT_TRUE(holds_cookie("a=1;us=2", "us"));
  EXPECT_TRUE(holds_cookie("a=1; \tus\t=", "us"));
  EXPECT_FALSE(holds_cookie("aus=2; us; US=1; b=us=", "us"));
  EXPECT_TRUE(sets_cookie("us=1", "us"));
  EXPECT_TRUE(sets_cookie(" us = ; Path=/", "us"));
  EXPECT_FALSE(sets_cookie("a=1; us=2", "us"));
  EXPECT_FALSE(sets_cookie("us; us=2", "us"));
  EXPECT_FALSE(sets_cookie("", "us"));
}

}  // namespace
}  // namespace proxy
