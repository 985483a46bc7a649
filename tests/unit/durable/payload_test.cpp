// What happens to keys, prefixes and instances in the URLs of a payload and of a Location field.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "durable/management_urls.hpp"
#include "durable/status_tokens.hpp"

namespace durable {
namespace {

using nlohmann::json;

const std::string base = "/runtime/webhooks/durabletask/instances/";
const std::string app = "https://weu.azurewebsites.net";
const std::string pub = "https://orders.example.com";
const std::vector<Origin> known{{true, "weu.azurewebsites.net", 443},
                                {false, "weu.azurewebsites.net", 80},
                                {false, "127.0.0.1", 7071}};

UrlRewrite with_code(std::string_view code) {
  return {.origins = known, .public_origin = pub, .replace_code = true, .code = code};
}

// The value of one URL in a payload, after the rewrite.
std::string url_in_payload(const std::string& raw, const UrlRewrite& rewrite) {
  const std::string before = R"({"statusQueryGetUri":null,"u":[{"v":")" + raw + R"("}]})";
  const auto payload = read_payload(before, rewrite);
  if (!payload) return "(no payload)";
  if (payload->body.empty()) return "(unchanged)";
  const json after = json::parse(payload->body, nullptr, false);
  return after.is_discarded() ? "(no JSON)" : after["u"][0]["v"].get<std::string>();
}

std::string location(const std::string& value, const UrlRewrite& rewrite) {
  return rewrite_location(value, rewrite).value_or("(unchanged)");
}

struct CodeRow {
  const char* name;
  std::string url;
  const char* mine = "";  // expected with the code "mine", "" as for `none`
  const char* none = "";  // expected without a code
};

TEST(PayloadCode, is_replaced_or_removed_with_its_separator) {
  const std::string x = app + base + "i";
  for (const CodeRow& row : std::vector<CodeRow>{
           {"alone", x + "?code=k", "?code=mine", ""},
           {"last", x + "?taskHub=H&connection=S&code=k==", "?taskHub=H&connection=S&code=mine",
            "?taskHub=H&connection=S"},
           {"first", x + "?code=k&taskHub=H", "?code=mine&taskHub=H", "?taskHub=H"},
           {"between", x + "?a=1&code=k&b={{text}}", "?a=1&code=mine&b={{text}}",
            "?a=1&b={{text}}"},
           {"in any case", x + "?CODE=k", "?code=mine", ""},
           {"spelt with escapes", x + "?%63o%64E=k", "?code=mine", ""},
           {"without a value", x + "?code&a=1", "?code=mine&a=1", "?a=1"},
           {"twice", x + "?code=k&a=1&code=k2", "?code=mine&a=1", "?a=1"},
           {"three times and nothing else", x + "?code=k&code=&code", "?code=mine", ""},
           {"in front of a fragment", x + "?code=k#code=f", "?code=mine#code=f", "#code=f"},
           {"beside an empty parameter", x + "?&code=k", "?&code=mine", "?"},
           {"not there", x, "?code=mine", ""},
           {"not there, but a query", x + "?taskHub=H", "?taskHub=H&code=mine", "?taskHub=H"},
           {"not there, but a fragment", x + "?a=1#f", "?a=1&code=mine#f", "?a=1#f"},
           {"not there, the query is empty", x + "?", "?code=mine", "?"},
           {"not there, the query ends open", x + "?a=1&", "?a=1&code=mine", "?a=1&"},
           {"only a name like it", x + "?mycode=1&code2=2&cod=3",
            "?mycode=1&code2=2&cod=3&code=mine", "?mycode=1&code2=2&cod=3"},
           {"as an escaped separator",
            x + R"(?taskHub=H\u0026connection=S\u0026code=k\u002B\u003D)",
            "?taskHub=H&connection=S&code=mine", "?taskHub=H&connection=S"},
           {"escaped letter by letter", x + R"(\u003f\u0063ode\u003dk\u0026a=1)", "?code=mine&a=1",
            "?a=1"},
       }) {
    EXPECT_EQ(url_in_payload(row.url, with_code("mine")), pub + base + "i" + row.mine) << row.name;
    EXPECT_EQ(url_in_payload(row.url, with_code("")), pub + base + "i" + row.none) << row.name;
  }
}

TEST(PayloadCode, is_replaced_in_every_url_of_ours_and_added_only_below_a_durable_base_path) {
  const UrlRewrite mine = with_code("mine");
  EXPECT_EQ(url_in_payload(app + "/api/approve?code=k", mine), pub + "/api/approve?code=mine");
  EXPECT_EQ(url_in_payload(app + "/api/approve", mine), pub + "/api/approve");
  EXPECT_EQ(url_in_payload(app + "/Admin/Extensions/DurableTaskExtension/instances/i", mine),
            pub + "/Admin/Extensions/DurableTaskExtension/instances/i?code=mine");
  EXPECT_EQ(url_in_payload(app + "/runtime/webhooks/durabletaskx/instances/i", mine),
            pub + "/runtime/webhooks/durabletaskx/instances/i");
  // An app that trusts forwarded fields writes the public origin itself.
  EXPECT_EQ(url_in_payload(pub + base + "i?code=k", mine), pub + base + "i?code=mine");
  EXPECT_EQ(url_in_payload("http://orders.example.com" + base + "i?code=k", mine),
            pub + base + "i?code=mine");
  EXPECT_EQ(url_in_payload(base + "i?code=k", mine), base + "i?code=mine");
  EXPECT_EQ(url_in_payload("/just/text?code=k", mine), "(unchanged)");
  EXPECT_EQ(url_in_payload("https://other.example/app" + base + "i?code=k", mine), "(unchanged)");
  EXPECT_EQ(url_in_payload(pub + base + "i?code=mine", mine), "(unchanged)");
}

// WEBSITE_HOSTNAME behind a custom domain, say.
TEST(PayloadOrigin, is_moved_from_any_name_that_the_app_knows_itself_by) {
  const UrlRewrite mine = with_code("mine");
  const std::string own = "https://weu-1.azurewebsites.net";
  EXPECT_EQ(url_in_payload(own + base + "i?code=k", mine), pub + base + "i?code=mine");
  EXPECT_EQ(url_in_payload(own + "/Runtime/WebHooks/DurableTask/instances/i", mine),
            pub + "/Runtime/WebHooks/DurableTask/instances/i?code=mine");
  for (const std::string& other :
       {own + "/api/approve?code=k", own + "/runtime/webhooks/durabletaskx/instances/i",
        own + "/runtime/webhooks/eventgrid?code=k", own + "/prefix" + base + "i?code=k",
        "//weu-1.azurewebsites.net" + base + "i?code=k"})
    EXPECT_EQ(url_in_payload(other, mine), "(unchanged)") << other;
  // A redirect may well go to another app's API; the answer of a start goes to its own.
  UrlRewrite start = mine;
  start.own_durable_urls = true;
  EXPECT_EQ(location(own + base + "i?code=k", start), pub + base + "i?code=mine");
  EXPECT_EQ(location(own + base + "i?code=k", mine), "(unchanged)");
}

TEST(PayloadCode, with_the_value_of_a_secret_goes_from_any_url) {
  const std::vector<std::string_view> secrets{"", "s3cr+t="};
  UrlRewrite rewrite = with_code("mine");
  rewrite.secrets = secrets;
  const std::string custom = "https://custom.example/app" + base + "i";
  // Our own code is not shown to another host.
  EXPECT_EQ(url_in_payload(custom + "?a=1&code=s3cr%2bt%3D", rewrite), custom + "?a=1");
  EXPECT_EQ(url_in_payload(custom + "?code=s3cr+t=", rewrite), custom);
  EXPECT_EQ(url_in_payload(custom + "?code=another", rewrite), "(unchanged)");
  EXPECT_EQ(url_in_payload(custom + "?code=", rewrite), "(unchanged)");
  EXPECT_EQ(url_in_payload("http://u:p@custom.example/?code=s3cr+t=", rewrite),
            "http://u:p@custom.example/");
  // Outside of the Durable paths a Location keeps its code, which may be OAuth's, unless it is one
  // of the keys.
  EXPECT_EQ(location(app + "/.auth/callback?code=oauth", rewrite),
            pub + "/.auth/callback?code=oauth");
  EXPECT_EQ(location(app + "/api/s?code=s3cr%2Bt%3D", rewrite), pub + "/api/s?code=mine");
  EXPECT_EQ(location("/api/s?code=s3cr%2Bt%3D", rewrite), "/api/s?code=mine");
  EXPECT_EQ(location("s?code=s3cr%2Bt%3D&a=1", rewrite), "s?a=1");
  EXPECT_EQ(location("https://login.example/?code=s3cr%2Bt%3D", rewrite), "https://login.example/");
}

TEST(PayloadCode, cannot_break_out_of_its_place) {
  const std::string_view hostile = "a\"b\\c&d=e#f\r\n{\xc3\xa9}";
  const std::string encoded = "a%22b%5Cc%26d%3De%23f%0D%0A%7B%C3%A9%7D";
  EXPECT_EQ(url_in_payload(app + base + "i?code=k", with_code(hostile)),
            pub + base + "i?code=" + encoded);
  EXPECT_EQ(location(app + base + "i?code=k", with_code(hostile)),
            pub + base + "i?code=" + encoded);
}

TEST(PayloadCode, stays_when_nobody_asked_for_another) {
  UrlRewrite rewrite = with_code("mine");
  rewrite.replace_code = false;
  EXPECT_EQ(url_in_payload(app + base + "i?code=k", rewrite), pub + base + "i?code=k");
  rewrite.public_origin = {};
  EXPECT_EQ(url_in_payload(app + base + "i?code=k", rewrite), "(unchanged)");
  rewrite.replace_code = true;  // without a public origin only the key goes
  EXPECT_EQ(url_in_payload(app + base + "i?code=k", rewrite), app + base + "i?code=mine");
}

TEST(LocationCode, is_replaced_below_the_durable_base_paths) {
  const UrlRewrite mine = with_code("mine");
  EXPECT_EQ(location(app + base + "i?code=k", mine), pub + base + "i?code=mine");
  EXPECT_EQ(location(app + base + "i", mine), pub + base + "i?code=mine");
  EXPECT_EQ(location("//weu.azurewebsites.net" + base + "i?a=1", mine),
            pub + base + "i?a=1&code=mine");
  EXPECT_EQ(location(base + "i?code=k", mine), base + "i?code=mine");
  EXPECT_EQ(location(base + "i?code=k", with_code("")), base + "i");
  EXPECT_EQ(location("https://other.example" + base + "i?code=k", mine), "(unchanged)");
}

TEST(PathPrefix, of_the_public_origin_comes_in_front) {
  const std::vector<Origin> local{{false, "127.0.0.1", 7071}};
  for (const char* prefixed :
       {"https://api.example.com/orders", "https://api.example.com/orders/"}) {
    const UrlRewrite rewrite{.origins = local, .public_origin = prefixed};
    const std::string expected = "https://api.example.com/orders" + base + "i?a=1";
    EXPECT_EQ(url_in_payload("http://127.0.0.1:7071" + base + "i?a=1", rewrite), expected);
    // Forwarded fields know no prefix, so an app that trusts them leaves it out.
    EXPECT_EQ(url_in_payload("https://api.example.com" + base + "i?a=1", rewrite), expected);
    EXPECT_EQ(url_in_payload("http://API.example.com" + base + "i?a=1", rewrite), expected);
    EXPECT_EQ(url_in_payload(expected, rewrite), "(unchanged)");
    EXPECT_EQ(url_in_payload(base + "i", rewrite), "/orders" + base + "i");
    EXPECT_EQ(url_in_payload("/plain/text", rewrite), "(unchanged)");
    EXPECT_EQ(location("http://127.0.0.1:7071", rewrite), "https://api.example.com/orders");
    EXPECT_EQ(location("http://127.0.0.1:7071?x", rewrite), "https://api.example.com/orders?x");
    EXPECT_EQ(location("/login", rewrite), "/orders/login");
    EXPECT_EQ(location("/orders/5", rewrite), "/orders/orders/5");
    EXPECT_EQ(location("login", rewrite), "(unchanged)");
    EXPECT_EQ(location("https://api.example.com/other-app", rewrite), "(unchanged)");
  }
}

TEST(PathPrefix, of_the_endpoint_is_taken_off_where_it_is) {
  const std::vector<Origin> local{{false, "127.0.0.1", 7071}};
  for (const char* prefix : {"/apps/weu", "/apps/weu/"}) {
    UrlRewrite rewrite{.origins = local, .public_origin = pub, .endpoint_prefix = prefix};
    EXPECT_EQ(location("http://127.0.0.1:7071/apps/weu/x?y", rewrite), pub + "/x?y");
    EXPECT_EQ(location("http://127.0.0.1:7071/apps/weu", rewrite), pub);
    EXPECT_EQ(location("http://127.0.0.1:7071/apps/weu2/x", rewrite), pub + "/apps/weu2/x");
    EXPECT_EQ(location("http://127.0.0.1:7071/x", rewrite), pub + "/x");
    EXPECT_EQ(location("/apps/weu/x", rewrite), "/x");
    EXPECT_EQ(location(pub + "/apps/weu" + base + "i", rewrite), pub + base + "i");
    EXPECT_EQ(url_in_payload(R"(http:\/\/127.0.0.1:7071\/apps\/weu\/x)", rewrite), pub + "/x");
    rewrite.public_origin = "https://api.example.com/orders";
    EXPECT_EQ(location("http://127.0.0.1:7071/apps/weu/x", rewrite),
              "https://api.example.com/orders/x");
    EXPECT_EQ(location("/apps/weu/x", rewrite), "/orders/x");
    rewrite.public_origin = {};
    EXPECT_EQ(location("http://127.0.0.1:7071/apps/weu/x", rewrite), "(unchanged)");
  }
}

TEST(PayloadTokens, are_shown_in_urls_of_the_payloads_own_instance_only) {
  const std::vector<std::string_view> keys{"client-key"};
  const StatusTokens tokens{keys};
  UrlRewrite rewrite = with_code("");
  rewrite.tokens = &tokens;
  const std::string body = R"({"echo":")" + app + base + R"(victim?code=k","sendEventPostUri":")" +
                           app + base +
                           R"(a%2Bb/raiseEvent/{eventName}?code=k","statusQueryGetUri":")" + app +
                           base + R"(a%2Bb?code=k"})";
  const auto payload = read_payload(body, rewrite);
  ASSERT_TRUE(payload.has_value());
  const json after = json::parse(payload->body);
  const std::string token = tokens.sign("a+b");
  EXPECT_EQ(after["statusQueryGetUri"], pub + base + "a%2Bb?code=" + token);
  EXPECT_EQ(after["sendEventPostUri"], pub + base + "a%2Bb/raiseEvent/{eventName}?code=" + token);
  EXPECT_EQ(after["echo"], pub + base + "victim");
  // A Location is signed only for an instance that is known otherwise: it may be an open redirect.
  EXPECT_EQ(location(app + base + "a%2bb?code=k", rewrite), pub + base + "a%2bb");
  rewrite.instance_id = "a+b";
  EXPECT_EQ(location(app + base + "a%2bb?code=k", rewrite), pub + base + "a%2bb?code=" + token);
  EXPECT_EQ(location(app + base + "a%2bb", rewrite), pub + base + "a%2bb?code=" + token);
  EXPECT_EQ(location(app + base + "victim", rewrite), pub + base + "victim");
  rewrite.code = "mine";
  EXPECT_EQ(location(app + base + "victim", rewrite), pub + base + "victim?code=mine");
  const StatusTokens none{{}};
  rewrite.tokens = &none;
  EXPECT_EQ(location(app + base + "a+b", rewrite), pub + base + "a+b?code=mine");
}

struct IdRow {
  const char* name;
  const char* body;
  const char* id;
  const char* url_id;
};

TEST(Payload, names_its_instance) {
  for (
      const IdRow& row : std::vector<IdRow>{
          {"built in",
           R"({"id":"abc","statusQueryGetUri":"http://h/runtime/webhooks/durabletask/instances/abc?x"})",
           "abc", "abc"},
          {"Pascal case, after the URL",
           R"({"StatusQueryGetUri":"http://h/a/instances/a%2Bb","Id":"a\u002Bb"})", "a+b", "a%2Bb"},
          {"escaped",
           R"({"ID":"\u00e9\ud83d\ude00\"\n\/","statusQueryGetUri":"http:\/\/h\/instances\/a\u002bb\/?q"})",
           "\xc3\xa9\xf0\x9f\x98\x80\"\n/", "a+b"},
          {"half a surrogate pair", R"({"id":"a\ud83dz","statusQueryGetUri":null})",
           "a\xef\xbf\xbdz", ""},
          {"null", R"({"id":null,"statusQueryGetUri":null})", "", ""},
          {"a number", R"({"id":5,"statusQueryGetUri":"http://h/x"})", "", ""},
          {"nested only",
           R"({"a":{"id":"n","statusQueryGetUri":"http://h/instances/n"},"statusQueryGetUri":[]})",
           "", ""},
          {"twice",
           R"({"id":"a","id":"b","statusQueryGetUri":"http://h/instances/a","STATUSQUERYGETURI":"http://h/instances/b"})",
           "b", "b"},
          {"the last one is null",
           R"({"id":"a","id":null,"statusQueryGetUri":"http://h/instances/a","statusQueryGetUri":null})",
           "", ""},
          {"v1",
           R"({"statusQueryGetUri":"http://h/ADMIN/Extensions/DurableTaskExtension/Instances/v1"})",
           "", "v1"},
          {"an id called instances",
           R"({"statusQueryGetUri":"http://h/instances/instances?x=/instances/y"})", "",
           "instances"},
          {"a prefix with instances",
           R"({"statusQueryGetUri":"http://h/instances/p/runtime/webhooks/durabletask/instances/i"})",
           "", "i"},
          {"no id in it",
           R"({"statusQueryGetUri":"http://h/runtime/webhooks/durabletask/instances/"})", "", ""},
          {"relative", R"({"statusQueryGetUri":"/runtime/webhooks/durabletask/instances/r#f"})", "",
           "r"},
      }) {
    const auto payload = read_payload(row.body, {});
    ASSERT_TRUE(payload.has_value()) << row.name;
    EXPECT_EQ(payload->instance_id, row.id) << row.name;
    EXPECT_EQ(payload->url_id, row.url_id) << row.name;
    EXPECT_TRUE(payload->body.empty()) << row.name;
  }
}

TEST(Payload, of_every_sdk_keeps_its_structure) {
  const std::string q = "?taskHub=H&connection=Storage&code=k%2F==";
  const std::string built_in = R"({"id":"i","statusQueryGetUri":")" + app + base + "i" + q +
                               R"(","sendEventPostUri":")" + app + base +
                               "i/raiseEvent/{eventName}" + q + R"(","terminatePostUri":")" + app +
                               base + "i/terminate?reason={text}&taskHub=H&code=k" + R"("})";
  const std::string isolated = R"({ "Id":"i","PurgeHistoryDeleteUri":")" + app + base +
                               R"(i?code=k","StatusQueryGetUri":")" + app + base +
                               R"(i?code=k\u0026x=1","RestartPostUri":null,"TerminatePostUri":")" +
                               app + base + R"(i/terminate?reason={{text}}\u0026code=k"})";
  const std::string python = "\xef\xbb\xbf{\r\n  \"id\": \"i\",\r\n  \"statusQueryGetUri\": \"" +
                             app + base + "i" + q + "\"}\r\n";
  const UrlRewrite mine = with_code("mine");
  for (const std::string& body : {built_in, isolated, python}) {
    const auto payload = read_payload(body, mine);
    ASSERT_TRUE(payload.has_value());
    const json before = json::parse(body), after = json::parse(payload->body);
    ASSERT_EQ(before.size(), after.size());
    for (const auto& [key, value] : before.items()) {
      ASSERT_TRUE(after.contains(key));
      if (!value.is_string() || value == "i") {
        EXPECT_EQ(after[key], value);
        continue;
      }
      const auto url = after[key].get<std::string>();
      EXPECT_EQ(url.substr(0, pub.size()), pub);
      EXPECT_NE(url.find("code=mine"), std::string::npos);
      EXPECT_EQ(url.find("code=k"), std::string::npos);
      for (const char* placeholder : {"{eventName}", "{{text}}", "{text}"})
        EXPECT_EQ(url.find(placeholder) == std::string::npos,
                  value.get<std::string>().find(placeholder) == std::string::npos);
    }
    EXPECT_TRUE(read_payload(payload->body, mine)->body.empty()) << "a second pass changed it";
  }
}

TEST(Payload, of_a_mebibyte_takes_time_in_proportion_to_its_length) {
  // Many URLs with many parameters, and one URL of nothing but separators: both would show a
  // rewrite that starts over for each parameter. A quadratic one would take minutes.
  std::string many = R"({"statusQueryGetUri":null,"a":[)",
              one = R"({"statusQueryGetUri":")" + app + base + "i?";
  while (many.size() < 1024 * 1024)
    many += "\"" + app + base + R"(i?x=1\u0026code=k&code=k2#&&&","\\\\",)";
  many += "0]}";
  while (one.size() < 1024 * 1024) one += "code=k&a&&%63ode&";
  one += "\"}";
  for (const std::string& body : {many, one}) {
    const auto payload = read_payload(body, with_code("mine"));
    ASSERT_TRUE(payload.has_value());
    EXPECT_EQ(payload->body.find("code=k"), std::string::npos);
    EXPECT_EQ(payload->body.find("weu"), std::string::npos);
  }
}

}  // namespace
}  // namespace durable
