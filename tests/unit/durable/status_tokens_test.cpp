#include "durable/status_tokens.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace durable {
namespace {

using Keys = std::vector<std::string_view>;

TEST(StatusTokens, are_good_for_one_instance) {
  const Keys keys{"first"};
  const StatusTokens tokens{keys};
  const std::string token = tokens.sign("a+b");
  EXPECT_TRUE(tokens.verify(token, "a+b"));
  EXPECT_TRUE(StatusTokens{keys}.verify(token, "a+b")) << "another proxy with the same key";
  for (const char* other : {"a+c", "a b", "a%2Bb", "A+B", "a+b ", "", "a+bb"})
    EXPECT_FALSE(tokens.verify(token, other)) << other;
}

TEST(StatusTokens, that_differ_in_one_character_are_refused) {
  const Keys keys{"first"};
  const StatusTokens tokens{keys};
  const std::string token = tokens.sign("i");
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens.verify(changed, "i")) << "character " << i;
    EXPECT_FALSE(tokens.verify(token.substr(0, i), "i")) << "cut at " << i;
  }
  EXPECT_FALSE(tokens.verify(token + "A", "i"));
  EXPECT_FALSE(tokens.verify("", "i"));
}

TEST(StatusTokens, need_no_escaping) {
  const Keys keys{"k"};
  const StatusTokens tokens{keys};
  for (int i = 0; i < 200; ++i) {
    const std::string token = tokens.sign(std::to_string(i));
    ASSERT_EQ(token.size(), 48U);
    EXPECT_TRUE(StatusTokens::looks_like_token(token));
    EXPECT_EQ(
        token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-_."),
        std::string::npos);
  }
}

TEST(StatusTokens, survive_a_rotation_and_end_with_their_key) {
  const Keys old{"old"}, both{"new", "old"}, fresh{"new"};
  const std::string token = StatusTokens{old}.sign("i");
  EXPECT_TRUE(StatusTokens{both}.verify(token, "i"));
  EXPECT_EQ(StatusTokens{both}.sign("i"), StatusTokens{fresh}.sign("i"));
  EXPECT_TRUE(StatusTokens{both}.verify(StatusTokens{fresh}.sign("i"), "i"));
  EXPECT_FALSE(StatusTokens{fresh}.verify(token, "i"));
}

TEST(StatusTokens, are_not_made_from_nothing) {
  const Keys empty{"", ""}, mixed{"", "k"}, one{"k"};
  for (const StatusTokens& tokens : {StatusTokens{{}}, StatusTokens{empty}}) {
    EXPECT_TRUE(tokens.empty());
    EXPECT_EQ(tokens.sign("i"), "");
    EXPECT_FALSE(tokens.verify("", "i"));
    EXPECT_FALSE(tokens.verify("ust1.", "i"));
  }
  EXPECT_EQ(StatusTokens{mixed}.sign("i"), StatusTokens{one}.sign("i"));
}

TEST(StatusTokens, do_not_change_between_versions) {
  // HMAC-SHA256 under a key that is itself HMAC-SHA256("k", "understudy status token 1"), computed
  // with another implementation: a change here would end every status URL in use.
  const Keys keys{"k"};
  EXPECT_EQ(StatusTokens{keys}.sign("i"), "ust1.GJ-6aDhGrNtuv0pbKXpWBLEjMwHkZ7lRiKaE3s6MNf4");
}

TEST(CanonicalId, undoes_escapes_once_and_leaves_plus_alone) {
  EXPECT_EQ(canonical_id("a%2Bb%2bc"), "a+b+c");
  EXPECT_EQ(canonical_id("a+b"), "a+b");
  EXPECT_EQ(canonical_id("100%25"), "100%");
  EXPECT_EQ(canonical_id("%252B"), "%2B");
  EXPECT_EQ(canonical_id("%zz%4%"), "%zz%4%");
  EXPECT_EQ(canonical_id("%C3%A9"), "\xc3\xa9");
}

}  // namespace
}  // namespace durable
