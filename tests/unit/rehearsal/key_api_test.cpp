// The key API's answers, status by status.
#include "rehearsal/key_api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rehearsal/app_options.hpp"

namespace rehearsal {

using ::testing::HasSubstr;
using ::testing::Not;

namespace {

class KeyApi : public ::testing::Test {
 protected:
  transport::ServerResponse send(const std::string& method, const std::string& path,
                                 const std::string& body = "") {
    transport::ServerRequest request;
    request.method = method;
    request.target = path;
    request.body = body;
    auto answer = key_api(request, "https://app.example", keys);
    EXPECT_TRUE(answer) << path;
    return answer.value_or(transport::ServerResponse{});
  }

  static AppOptions options() {
    AppOptions out;
    out.keys.master = "m";
    out.keys.host["default"] = "h";
    out.keys.system[std::string{durable_key_name}] = "s";
    out.keys.functions["Hello"]["default"] = "f";
    return out;
  }

  FunctionKeys keys{options()};
};

}  // namespace

TEST_F(KeyApi, ListsTheKeysOfAScopeWithoutTheMasterKey) {
  const auto host = send("GET", "/admin/host/functionkeys?code=m");
  EXPECT_EQ(host.status, 200);
  EXPECT_EQ(host.body,
            R"({"keys":[{"name":"default","value":"h"}],)"
            R"("links":[{"rel":"self","href":"https://app.example/admin/host/functionkeys"}]})");
  EXPECT_THAT(send("GET", "/ADMIN/Host/Keys").body, HasSubstr(R"("value":"h")"));
  const auto system = send("GET", "/admin/host/systemkeys");
  EXPECT_THAT(system.body, HasSubstr(R"({"name":"durabletask_extension","value":"s"})"));
  EXPECT_THAT(system.body, Not(HasSubstr("_master")));
  EXPECT_THAT(send("GET", "/admin/functions/hello/keys").body, HasSubstr(R"("value":"f")"));
  EXPECT_EQ(send("GET", "/admin/functions/Absent/keys").status, 404);
}

TEST_F(KeyApi, ReadsOneKey) {
  const auto answer = send("GET", "/admin/host/systemkeys/durabletask_extension");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"({"name":"durabletask_extension","value":"s","links":[)"));
  EXPECT_THAT(send("GET", "/admin/host/systemkeys/_master").body, HasSubstr(R"("value":"m")"));
  EXPECT_EQ(send("GET", "/admin/host/functionkeys/_master").status, 404);
  EXPECT_EQ(send("GET", "/admin/host/keys/absent").status, 404);
  EXPECT_EQ(send("GET", "/admin/functions/Absent/keys/default").status, 404);
}

TEST_F(KeyApi, PutSetsAKeyAndSaysWhetherItIsNew) {
  const auto created =
      send("PUT", "/admin/host/functionkeys/client%201", R"({"name":"x","value":"v"})");
  EXPECT_EQ(created.status, 201);
  EXPECT_THAT(created.body, HasSubstr(R"({"name":"client 1","value":"v","links":[)"));
  EXPECT_NE(transport::find_header(created.headers, "Location"), nullptr);
  EXPECT_EQ(keys.host().at("client 1"), "v");
  const auto updated = send("PUT", "/admin/host/systemkeys/durabletask_extension",
                            R"({"name":"durabletask_extension","value":"s2"})");
  EXPECT_EQ(updated.status, 200);
  EXPECT_EQ(keys.system().at("durabletask_extension"), "s2");
  EXPECT_EQ(send("PUT", "/admin/functions/HELLO/keys/default", R"({"value":"f2"})").status, 200);
  EXPECT_EQ(keys.function("Hello")->at("default"), "f2");
  EXPECT_EQ(send("PUT", "/admin/functions/Absent/keys/k", R"({"value":"v"})").status, 404);
}

TEST_F(KeyApi, PutWithoutAUsableValueChangesNothing) {
  for (const char* body : {"", "{", "[]", R"({"name":"x"})", R"({"value":null})", R"({"value":7})",
                           R"({"value":""})"}) {
    const auto answer = send("PUT", "/admin/host/keys/default", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(answer.body, "Invalid key value");
  }
  EXPECT_EQ(keys.host().at("default"), "h");
}

TEST_F(KeyApi, PostGeneratesAValueAndShowsIt) {
  EXPECT_EQ(send("POST", "/admin/host/keys/new").status, 201);
  const auto again = send("POST", "/admin/host/keys/default");
  EXPECT_EQ(again.status, 200);
  EXPECT_NE(keys.host().at("default"), "h");
  EXPECT_THAT(again.body, HasSubstr(keys.host().at("default")));
  EXPECT_EQ(send("POST", "/admin/functions/Absent/keys/k").status, 404);
}

TEST_F(KeyApi, DeleteForgetsAKeyButNeverTheMasterKey) {
  EXPECT_EQ(send("DELETE", "/admin/host/keys/default").status, 204);
  EXPECT_EQ(send("DELETE", "/admin/host/keys/default").status, 404);
  EXPECT_EQ(send("DELETE", "/admin/host/systemkeys/_master").status, 400);
  EXPECT_EQ(send("DELETE", "/admin/functions/Absent/keys/default").status, 404);
  EXPECT_EQ(keys.master(), "m");
}

TEST_F(KeyApi, TheMasterKeyCanBeSet) {
  EXPECT_EQ(send("PUT", "/admin/host/systemkeys/_master", R"({"value":"m2"})").status, 200);
  EXPECT_EQ(keys.master(), "m2");
  EXPECT_TRUE(keys.opens_admin("m2"));
  EXPECT_FALSE(keys.opens_admin("m"));
}

TEST_F(KeyApi, OtherVerbsAndPathsAreNotThere) {
  EXPECT_EQ(send("POST", "/admin/host/keys").status, 404);
  EXPECT_EQ(send("DELETE", "/admin/host/keys").status, 404);
  EXPECT_EQ(send("PATCH", "/admin/host/keys/default", R"({"value":"v"})").status, 404);
  for (const char* path : {"/admin/host/keysx", "/admin/host/keys/a/b", "/admin/functions",
                           "/admin/functions/Hello", "/admin/host/status"}) {
    transport::ServerRequest request;
    request.method = "GET";
    request.target = path;
    EXPECT_FALSE(key_api(request, "", keys)) << path;
  }
}

}  // namespace rehearsal
