#include "durable/merged_list.hpp"

#include <gtest/gtest.h>

namespace {

using durable::decode_list_token;
using durable::encode_list_token;
using durable::ListPosition;
using durable::ListQuery;
using durable::MergedPage;
using durable::parse_list_query;
using durable::split_json_array;
using Items = std::vector<std::string_view>;

TEST(ListToken, AnyPositionComesBackAsItWas) {
  for (const ListPosition& position :
       {ListPosition{"primary", "", 0}, ListPosition{"secondary", "eyJ0b2tlbiI6MX0=", 0},
        ListPosition{"p\"\\x", "{\"a\": \"b\"} \xff", 17},
        ListPosition{"long", std::string(4000, 'k'), 4294967295U}}) {
    const std::string token = encode_list_token(position);
    EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_"),
              std::string::npos)
        << "it goes into a header field";
    EXPECT_EQ(decode_list_token(token), position);
  }
}

TEST(ListToken, WhatWeDidNotWriteIsRefused) {
  for (const std::string_view token :
       {"", "x", "bm90IGpzb24", "e30", "W10", "MTIz", "bnVsbA", "eyJ2IjoxfQ",
        // a storage account's own token, as one region alone would give it
        "eyJQYXJ0aXRpb25LZXkiOiIxIn0=", "not base64!", "\r\nSet-Cookie: a=b",
        // {"c":0,"e":"cA","s":0,"t":"","v":1}: made up, with a wrong checksum
        "eyJjIjowLCJlIjoiY0EiLCJzIjowLCJ0IjoiIiwidiI6MX0"})
    EXPECT_EQ(decode_list_token(token), std::nullopt) << token;
  EXPECT_EQ(decode_list_token(std::string(100'000, 'A')), std::nullopt);
  EXPECT_EQ(decode_list_token(std::string(16'000, 'W')), std::nullopt);
}

// The checksum is no secret: whoever forges one must still not get a line into our request.
TEST(ListToken, ATokenThatCannotBeAFieldIsRefused) {
  for (const std::string inner : {"a\r\nX: y", "a\nb", "\x7f", "\x01"})
    EXPECT_EQ(decode_list_token(encode_list_token({"primary", inner, 0})), std::nullopt);
}

TEST(ListToken, NoSingleCharacterCanBeChangedOrCutOff) {
  const std::string token = encode_list_token({"primary", "inner-token", 3});
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(decode_list_token(other), std::nullopt) << i;
    EXPECT_EQ(decode_list_token(token.substr(0, i)), std::nullopt) << i;
  }
  EXPECT_EQ(decode_list_token(token + "A"), std::nullopt);
}

struct QueryRow {
  std::string_view query, rest;
  std::optional<std::uint32_t> top;
  bool partial = false, task_hub = false, connection = false;
};

TEST(ListQueryText, IsTakenApartByteForByte) {
  for (const QueryRow& row : {
           QueryRow{"", "", {}},
           QueryRow{"top=5", "", 5},
           QueryRow{"runtimeStatus=Running,Pending&top=5&showInput=false",
                    "runtimeStatus=Running,Pending&showInput=false", 5},
           QueryRow{"TOP=7&%74op2=1", "%74op2=1", 7},
           QueryRow{"%74op=7", "", 7},
           QueryRow{"instanceIdPrefix=a+b%20c%2F&&x", "instanceIdPrefix=a+b%20c%2F&x", {}},
           QueryRow{"top=0", "top=0", {}},
           QueryRow{"top=-1", "top=-1", {}},
           QueryRow{"top=abc&a=1", "top=abc&a=1", {}},
           QueryRow{"top=9999999999", "top=9999999999", {}},
           QueryRow{"top", "top", {}},
           QueryRow{"top=1&top=2", "top=1&top=2", {}},
           QueryRow{"partial=allow&a=1", "a=1", {}, true},
           QueryRow{"Partial=Allow", "", {}, true},
           QueryRow{"partial=no", "", {}, false},
           QueryRow{"code=geheim&a=1&CODE=x", "a=1", {}},
           QueryRow{"taskHub=H&connection=C&a=1", "a=1", {}, false, true, true},
           QueryRow{"taskhub=&a", "a", {}, false, true},
       }) {
    const ListQuery query = parse_list_query(row.query);
    EXPECT_EQ(query.rest, row.rest) << row.query;
    EXPECT_EQ(query.top, row.top) << row.query;
    EXPECT_EQ(query.partial, row.partial) << row.query;
    EXPECT_EQ(query.names_task_hub, row.task_hub) << row.query;
    EXPECT_EQ(query.names_connection, row.connection) << row.query;
  }
}

TEST(JsonArray, ElementsKeepTheirBytes) {
  EXPECT_EQ(split_json_array("[]"), Items{});
  EXPECT_EQ(split_json_array(" [ \n] "), Items{});
  EXPECT_EQ(split_json_array("[1]"), Items{"1"});
  EXPECT_EQ(split_json_array("[ {\"a\" : [1,2]} , \"x,]\\\"\" ,null\n]"),
            (Items{"{\"a\" : [1,2]}", "\"x,]\\\"\"", "null"}));
  EXPECT_EQ(split_json_array("\xef\xbb\xbf[1,2]"), (Items{"1", "2"}));
}

TEST(JsonArray, NothingElseIsOne) {
  for (const std::string_view text :
       {"", "{}", "null", "[", "]", "[1,]", "[1 2]", "[1]x", "<html>", "[\"\xff\"]", "[{]}"})
    EXPECT_EQ(split_json_array(text), std::nullopt) << text;
  EXPECT_EQ(split_json_array("[1,2,3]", 2), std::nullopt);
  EXPECT_EQ(split_json_array(std::string(1 << 20, '[')), std::nullopt);
}

TEST(Page, IsFilledUpToTopAndTellsHowFarItCame) {
  MergedPage page{4};
  EXPECT_EQ(page.room(), 4U);
  EXPECT_EQ(page.add({"1", "2", "3"}, 0), 3U);
  EXPECT_EQ(page.room(), 1U);
  EXPECT_FALSE(page.full());
  EXPECT_EQ(page.add({"4", "5", "6"}, 1), 2U) << "one skipped, one taken";
  EXPECT_TRUE(page.full());
  EXPECT_EQ(page.room(), 0U);
  EXPECT_EQ(page.body(), "[1,2,3,5]");
}

TEST(Page, WithoutTopTakesEverything) {
  MergedPage page{std::nullopt};
  EXPECT_EQ(page.room(), std::nullopt);
  EXPECT_EQ(page.body(), "[]");
  const Items items(5000, "{}");
  EXPECT_EQ(page.add(items, 0), 5000U);
  EXPECT_FALSE(page.full());
}

TEST(Page, AnIdInBothRegionsIsListedTwiceUnlessItIsTheSameRow) {
  MergedPage page{10};
  const std::string here = R"({"instanceId":"a","runtimeStatus":"Running"})";
  const std::string there = R"({"instanceId":"a","runtimeStatus":"Completed"})";
  page.add({here, "{}"}, 0);
  page.add({there, here}, 0);
  EXPECT_EQ(page.body(), "[" + here + ",{}," + there + "]");
}

}  // namespace
