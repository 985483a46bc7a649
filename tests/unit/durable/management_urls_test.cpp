#include "durable/management_urls.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace durable {
namespace {

const std::string pub = "https://orders.example.com";

std::vector<Origin> origins() {
  return {{true, "orders-weu.azurewebsites.net", 443},
          {false, "orders-weu.azurewebsites.net", 80},
          {false, "127.0.0.1", 7071},
          {false, "::1", 7071}};
}

std::string rewritten(const std::string& body) {
  const auto known = origins();
  const auto payload = read_payload(body, {.origins = known, .public_origin = pub});
  return !payload || payload->body.empty() ? "(unchanged)" : payload->body;
}

TEST(ManagementUrls, the_built_in_answer_moves_to_the_public_origin_and_nothing_else_changes) {
  EXPECT_EQ(
      rewritten(
          R"({"id":"a+b","statusQueryGetUri":"https://orders-weu.azurewebsites.net/runtime/webhooks/durabletask/instances/a%2Bb?taskHub=H&connection=Storage&code=k%3D%3D",)"
          R"("sendEventPostUri":"https://orders-weu.azurewebsites.net/runtime/webhooks/durabletask/instances/a%2Bb/raiseEvent/{eventName}?code=k",)"
          R"("terminatePostUri":"https://orders-weu.azurewebsites.net/x/terminate?reason={{text}}","n":null})"),
      R"({"id":"a+b","statusQueryGetUri":"https://orders.example.com/runtime/webhooks/durabletask/instances/a%2Bb?taskHub=H&connection=Storage&code=k%3D%3D",)"
      R"("sendEventPostUri":"https://orders.example.com/runtime/webhooks/durabletask/instances/a%2Bb/raiseEvent/{eventName}?code=k",)"
      R"("terminatePostUri":"https://orders.example.com/x/terminate?reason={{text}}","n":null})");
}

TEST(ManagementUrls, white_space_and_escapes_outside_the_origins_stay_as_they_are) {
  EXPECT_EQ(
      rewritten("\xef\xbb\xbf \r\n{ \"StatusQueryGetUri\" :\t\"http://127.0.0.1:7071/a\\u0026b"
                "\\\"\" , \"x\":[ 1.50e+3 ,true,{} ,[ ] ] }\n "),
      "\xef\xbb\xbf \r\n{ \"StatusQueryGetUri\" :\t\"https://orders.example.com/a\\u0026b"
      "\\\"\" , \"x\":[ 1.50e+3 ,true,{} ,[ ] ] }\n ");
}

struct Row {
  const char* name;
  const char* value;     // JSON text of the value, without the quotes
  const char* expected;  // "" for unchanged
};

class ManagementUrlValue : public ::testing::TestWithParam<Row> {};

TEST_P(ManagementUrlValue, is_recognised_by_its_origin_alone) {
  const Row& row = GetParam();
  const std::string before = R"({"statusquerygeturi":")" + std::string{row.value} + R"("})";
  const std::string after = *row.expected == '\0'
                                ? "(unchanged)"
                                : R"({"statusquerygeturi":")" + std::string{row.expected} + R"("})";
  EXPECT_EQ(rewritten(before), after) << row.name;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, ManagementUrlValue,
    ::testing::Values(
        Row{"letter case", "HTTPS://Orders-WEU.AzureWebsites.Net/X",
            "https://orders.example.com/X"},
        Row{"an explicit default port", "https://orders-weu.azurewebsites.net:443/x",
            "https://orders.example.com/x"},
        Row{"an empty port", "http://orders-weu.azurewebsites.net:/x",
            "https://orders.example.com/x"},
        Row{"the default port of the other scheme", "http://orders-weu.azurewebsites.net:80/x",
            "https://orders.example.com/x"},
        Row{"another port", "https://orders-weu.azurewebsites.net:444/x", ""},
        Row{"port 80 is not https", "https://orders-weu.azurewebsites.net:80/x", ""},
        Row{"a port out of range", "http://127.0.0.1:72607/x", ""},
        Row{"a huge port", "http://127.0.0.1:99999999999999999999/x", ""},
        Row{"no path", "http://127.0.0.1:7071", "https://orders.example.com"},
        Row{"a query at once", "http://127.0.0.1:7071?x", "https://orders.example.com?x"},
        Row{"a fragment at once", "http://127.0.0.1:7071#x", "https://orders.example.com#x"},
        Row{"IPv6", "http://[::1]:7071/x", "https://orders.example.com/x"},
        Row{"IPv6 without brackets", "http://::1:7071/x", ""},
        Row{"IPv6 never closed", "http://[::1:7071/x", ""},
        Row{"escaped slashes", R"(http:\/\/127.0.0.1:7071\/x)", R"(https://orders.example.com\/x)"},
        Row{"escaped characters", R"(\u0068ttp\u003A//127.0.0.1:7071/x)",
            "https://orders.example.com/x"},
        Row{"a longer host", "https://orders-weu.azurewebsites.net.evil.example/x", ""},
        Row{"a shorter host", "https://orders-weu.azurewebsites.ne/x", ""},
        Row{"user information", "https://orders-weu.azurewebsites.net@evil.example/x", ""},
        Row{"our host as user information", "https://u:p@orders-weu.azurewebsites.net/x", ""},
        Row{"another host", "https://other.example/https://orders-weu.azurewebsites.net/", ""},
        Row{"not at the beginning", " https://orders-weu.azurewebsites.net/x", ""},
        Row{"another scheme", "ftp://127.0.0.1:7071/x", ""},
        Row{"no authority", "https:/orders-weu.azurewebsites.net/x", ""},
        Row{"a backslash", R"(http://127.0.0.1:7071\\x)", ""},
        Row{"something after the port", "http://127.0.0.1:7071x/", ""},
        Row{"a control character by escape", R"(http://127.0.0.1:7071\u0000/)", ""},
        Row{"a half escape at the end", R"(http://127.0.0.1:7071\u00)", ""},
        Row{"an empty string", "", ""}, Row{"relative", "/runtime/webhooks/durabletask", ""}));

TEST(ManagementUrls, only_objects_with_the_marker_key_are_touched) {
  const std::string url = R"("http://127.0.0.1:7071/x")";
  for (const std::string& body : {
           "{\"location\":" + url + "}",
           "[{\"statusQueryGetUri\":" + url + "}]",
           "{\"payload\":{\"statusQueryGetUri\":" + url + "}}",
           "{\"x\":\"statusQueryGetUri\",\"y\":" + url + "}",
           "{\"statusQueryGetUri2\":" + url + "}",
           "{\"statusQueryGetUr\":" + url + "}",
           std::string{"\"statusQueryGetUri\""},
           std::string{"null"},
           std::string{""},
           std::string{"   "},
           std::string{"{}"},
           std::string{"<html>statusQueryGetUri</html>"},
       })
    EXPECT_EQ(rewritten(body), "(unchanged)") << body;
}

TEST(ManagementUrls, every_string_value_moves_wherever_it_is_but_no_key) {
  EXPECT_EQ(
      rewritten(
          R"({"http://127.0.0.1:7071/k":1,"a":["http://127.0.0.1:7071/1",{"b":"http://127.0.0.1:7071/2"}],"STATUSQUERYGETURI":null})"),
      R"({"http://127.0.0.1:7071/k":1,"a":["https://orders.example.com/1",{"b":"https://orders.example.com/2"}],"STATUSQUERYGETURI":null})");
}

TEST(ManagementUrls, the_marker_key_may_be_escaped_or_come_last) {
  EXPECT_EQ(rewritten(R"({"x":"http://127.0.0.1:7071/","status\u0051ueryGetUri":null})"),
            R"({"x":"https://orders.example.com/","status\u0051ueryGetUri":null})");
}

TEST(ManagementUrls, what_is_not_json_passes_unchanged) {
  const std::string good = R"({"statusQueryGetUri":"http://127.0.0.1:7071/x","n":[1,{"a":null}]})";
  ASSERT_NE(rewritten(good), "(unchanged)");
  for (std::size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_EQ(rewritten(good.substr(0, cut)), "(unchanged)") << "cut at " << cut;
  for (const char* tail : {"}", "]", ",", "{}", "x", "\"\""})
    EXPECT_EQ(rewritten(good + tail), "(unchanged)") << tail;
  const std::string key = R"({"statusQueryGetUri":"http://127.0.0.1:7071/x")";
  for (const char* rest :
       {",}", ",,\"a\":1}", " \"a\":1}", ":1}", ",\"a\"}", ",\"a\":}", ",1:2}", ",\"a\":[1,]}",
        ",\"a\":[,1]}", ",\"a\":[1}", ",\"a\":{]}", "]", ",\"a\":\"\n\"}", ",\"a\":\"\\x\"}",
        ",\"a\":\"\\u12g4\"}", ",\"a\":'x'}", ",\"a\":\"\\"})
    EXPECT_EQ(rewritten(key + rest), "(unchanged)") << rest;
  std::string deep = key + ",\"a\":";
  deep.append(1000, '[').append(1000, ']').append("}");
  EXPECT_EQ(rewritten(deep), "(unchanged)");
}

TEST(ManagementUrls, a_public_origin_cannot_break_the_body) {
  const auto known = origins();
  const auto out = read_payload(R"({"statusQueryGetUri":"http://127.0.0.1:7071/x"})",
                                {.origins = known, .public_origin = "http://h\"\\\n"});
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->body, R"({"statusQueryGetUri":"http://h\"\\/x"})");
}

TEST(RewriteLocation, moves_absolute_urls_and_authority_references_only) {
  struct LocationRow {
    const char* value;
    const char* expected;  // "" for unchanged
  };
  for (const LocationRow& row : std::vector<LocationRow>{
           {"https://orders-weu.azurewebsites.net/a?b=c#d", "https://orders.example.com/a?b=c#d"},
           {"http://ORDERS-WEU.azurewebsites.net", "https://orders.example.com"},
           {"//orders-weu.azurewebsites.net/a", "https://orders.example.com/a"},
           {"//127.0.0.1:7071/a", "https://orders.example.com/a"},
           {"http://[::1]:7071/", "https://orders.example.com/"},
           {"/relative", ""},
           {"relative", ""},
           {"", ""},
           {"//other.example/a", ""},
           {"///127.0.0.1:7071/a", ""},
           {"https://login.example/?to=https://orders-weu.azurewebsites.net/", ""},
           {R"(http:\/\/127.0.0.1:7071\/)", ""},  // escapes mean nothing in a field
       }) {
    const auto known = origins();
    const auto out = rewrite_location(row.value, {.origins = known, .public_origin = pub});
    EXPECT_EQ(out.value_or(""), row.expected) << row.value;
  }
}

TEST(Origins, are_parsed_with_their_default_ports) {
  EXPECT_EQ(parse_origin("https://Host.Example/x"), (Origin{true, "host.example", 443}));
  EXPECT_EQ(parse_origin("HTTP://h:8080"), (Origin{false, "h", 8080}));
  EXPECT_EQ(parse_origin("http://[::1]:7071"), (Origin{false, "::1", 7071}));
  EXPECT_EQ(parse_origin("http://[::1]"), (Origin{false, "::1", 80}));
  for (const char* bad : {"", "h", "ftp://h", "http:/h", "http://", "http://:80", "http://[::1",
                          "http://[::1]x", "http://h:x", "http://h:70000", "http://u@h"})
    EXPECT_FALSE(parse_origin(bad).has_value()) << bad;
}

TEST(Origins, of_the_endpoints_include_the_other_scheme_and_the_explicit_host) {
  config::Config config;
  config::Endpoint a;
  a.url = {true, "A.azurewebsites.net", 443, ""};
  a.host = config::HostPolicy::explicit_value;
  a.host_value = "orders.internal:8443";
  config::Endpoint b;
  b.url = {false, "127.0.0.1", 7071, ""};
  config.endpoints = {a, b, b};
  const std::vector<Origin> expected{
      {true, "a.azurewebsites.net", 443}, {false, "a.azurewebsites.net", 80},
      {true, "orders.internal", 8443},    {false, "orders.internal", 8443},
      {false, "127.0.0.1", 7071},         {true, "127.0.0.1", 7071}};
  EXPECT_EQ(endpoint_origins(config), expected);
}

}  // namespace
}  // namespace durable
