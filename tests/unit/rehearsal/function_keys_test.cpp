// Which keys open what, and where a request's key is looked for.
#include "rehearsal/function_keys.hpp"

#include <gtest/gtest.h>

#include "rehearsal/app_options.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

namespace {

AppOptions closed() {
  AppOptions options;
  options.auth_function = true;
  options.functions = {"Hello"};
  options.keys.master = "m";
  options.keys.host["default"] = "h";
  options.keys.system[std::string{durable_key_name}] = "s";
  options.keys.functions["echo"]["default"] = "f";
  return options;
}

transport::ServerRequest request(std::string target, transport::HeaderList headers = {}) {
  transport::ServerRequest out;
  out.target = std::move(target);
  out.headers = std::move(headers);
  return out;
}

}  // namespace

struct KeyRow {
  const char* key;
  bool admin, extension, echo, health;
};

class FunctionKeysTable : public ::testing::TestWithParam<KeyRow> {};

TEST_P(FunctionKeysTable, AKeyOpensWhatItIsForAndTheMasterKeyEverything) {
  const FunctionKeys keys{closed()};
  const KeyRow& row = GetParam();
  EXPECT_EQ(keys.opens_admin(row.key), row.admin);
  EXPECT_EQ(keys.opens_extension(row.key), row.extension);
  EXPECT_EQ(keys.opens_function("echo", row.key), row.echo);
  EXPECT_EQ(keys.opens_function("health", row.key), row.health);
}

INSTANTIATE_TEST_SUITE_P(Keys, FunctionKeysTable,
                         ::testing::Values(KeyRow{"m", true, true, true, true},
                                           KeyRow{"s", false, true, false, false},
                                           KeyRow{"h", false, false, true, true},
                                           KeyRow{"f", false, false, true, false},
                                           KeyRow{"", false, false, false, false},
                                           KeyRow{"M", false, false, false, false}));

TEST(FunctionKeys, WithoutAnyKeyOptionEverythingIsOpenAndUrlsCarryNoKey) {
  const FunctionKeys keys{AppOptions{}};
  EXPECT_TRUE(keys.opens_admin(""));
  EXPECT_TRUE(keys.opens_extension(""));
  EXPECT_TRUE(keys.opens_function("echo", ""));
  EXPECT_EQ(keys.extension_key(), "");
}

TEST(FunctionKeys, TheKeyOfTheExtensionAloneClosesTheExtensionAndAdminButNoFunction) {
  AppOptions options;
  options.key = "s";
  const FunctionKeys keys{options};
  EXPECT_FALSE(keys.opens_extension(""));
  EXPECT_TRUE(keys.opens_extension("s"));
  EXPECT_FALSE(keys.opens_admin("s"));
  EXPECT_TRUE(keys.opens_function("echo", ""));
  EXPECT_EQ(keys.extension_key(), "s");
}

TEST(FunctionKeys, WhatIsNotGivenIsGeneratedAndDiffersBetweenApps) {
  AppOptions options;
  options.auth_function = true;
  FunctionKeys one{options};
  FunctionKeys two{options};
  EXPECT_GE(one.master().size(), 40u);
  EXPECT_NE(one.master(), two.master());
  EXPECT_NE(one.extension_key(), two.extension_key());
  EXPECT_NE(one.host().at("default"), two.host().at("default"));
  EXPECT_NE(one.function("echo")->at("default"), one.function("health")->at("default"));
}

TEST(FunctionKeys, AChangedKeyTakesEffectAtOnce) {
  FunctionKeys keys{closed()};
  keys.system()[std::string{durable_key_name}] = "s2";
  EXPECT_FALSE(keys.opens_extension("s"));
  EXPECT_TRUE(keys.opens_extension("s2"));
  EXPECT_EQ(keys.extension_key(), "s2");
  keys.system().clear();
  EXPECT_FALSE(keys.opens_extension(""));
}

TEST(FunctionKeys, FunctionsAreFoundInAnyLetterCase) {
  FunctionKeys keys{closed()};
  EXPECT_NE(keys.function("hello"), nullptr);
  EXPECT_NE(keys.function("HTTPSTART"), nullptr);
  EXPECT_EQ(keys.function("Absent"), nullptr);
  EXPECT_EQ(function_of("/API/Orchestrators/Hello"), starter_function);
  EXPECT_EQ(function_of("/api/BYTES/10"), "bytes");
  EXPECT_EQ(function_of("/api/absent"), std::nullopt);
  EXPECT_EQ(function_of("/"), std::nullopt);
}

TEST(PresentedKey, IsTheHeadersEvenWhenItIsEmpty) {
  EXPECT_EQ(presented_key(request("/?a=1&Code=q%3D")), "q=");
  EXPECT_EQ(presented_key(request("/?code=q", {{"X-Functions-Key", "h"}})), "h");
  EXPECT_EQ(presented_key(request("/?code=q", {{"x-functions-key", ""}})), "");
  EXPECT_EQ(presented_key(request("/")), "");
}

TEST(ParseKeys, ReadsAllKindsAndRefusesEverythingElse) {
  const auto keys = parse_keys(
      R"({"master":"m", // comments are allowed
          "host":{"default":"h"},"system":{"x":"s"},"functions":{"F":{"k":"v"}}})");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->master, "m");
  EXPECT_EQ(keys->host.at("default"), "h");
  EXPECT_EQ(keys->system.at("x"), "s");
  EXPECT_EQ(keys->functions.at("F").at("k"), "v");
  EXPECT_EQ(parse_keys("{}"), GivenKeys{});
  for (const char* bad :
       {"", "[]", "{", R"({"master":1})", R"({"hosts":{}})", R"({"host":["h"]})",
        R"({"host":{"default":""}})", R"({"functions":{"F":"k"}})", R"({"functions":1})"})
    EXPECT_FALSE(parse_keys(bad)) << bad;
}

}  // namespace rehearsal
