#include "health/probe_match.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace health {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using R = ProbeResult;

config::ProbePolicy plain() {
  return {};
}
config::ProbePolicy listed(std::vector<config::StatusRange> ranges) {
  config::ProbePolicy policy;
  policy.status = std::move(ranges);
  return policy;
}
config::ProbePolicy with_body(std::string wanted) {
  config::ProbePolicy policy;
  policy.body_match = std::move(wanted);
  return policy;
}
config::ProbePolicy with_json(std::string pointer, std::string expected) {
  config::ProbePolicy policy;
  policy.json_match = config::JsonMatch{std::move(pointer), std::move(expected)};
  return policy;
}
config::ProbePolicy durable() {
  config::ProbePolicy policy;
  policy.durable = true;
  return policy;
}
config::ProbePolicy host_only() {
  config::ProbePolicy policy;
  policy.host_only = true;
  return policy;
}

struct Row {
  const char* name;
  config::ProbePolicy policy;
  int status;
  const char* body;
  R expected;
  const char* detail;
  const char* content_type = "text/html";
};

class ProbeMatch : public ::testing::TestWithParam<Row> {};

TEST_P(ProbeMatch, JudgesTheAnswer) {
  const Row& row = GetParam();
  ProbeAnswer answer;
  answer.status = row.status;
  answer.content_type = row.content_type;
  answer.body = row.body;
  const ProbeOutcome outcome = match_answer(row.policy, answer);
  EXPECT_EQ(to_string(outcome.result), to_string(row.expected)) << row.name;
  EXPECT_EQ(outcome.status, row.status) << row.name;
  EXPECT_THAT(outcome.detail, HasSubstr(row.detail)) << row.name;
}

constexpr const char* stopped = "<h1>Error 403 - This web app is stopped.</h1>";
constexpr const char* host_state = R"({"state":"Running","errors":[],"count":2})";

INSTANTIATE_TEST_SUITE_P(
    Status, ProbeMatch,
    ::testing::Values(
        Row{"200 is what is expected", plain(), 200, "hello", R::passed, "answered 200"},
        Row{"another 2xx is a failure", plain(), 204, "", R::bad_status, "204 (expected 200)"},
        Row{"so is a redirect", plain(), 302, "", R::bad_status, "answered 302"},
        Row{"a redirect that is listed passes", listed({{200, 202}, {302, 302}}), 302, "",
            R::passed, "answered 302"},
        Row{"the ends of a range belong to it", listed({{200, 202}}), 202, "", R::passed, "202"},
        Row{"one beyond does not", listed({{200, 202}, {302, 302}}), 203, "", R::bad_status,
            "expected 200-202, 302"},
        Row{"the stopped page is named", plain(), 403, stopped, R::bad_status,
            "the web app is stopped"},
        Row{"a refused key is named", plain(), 401, "", R::bad_status, "key is wrong or missing"},
        Row{"an unwanted 500", plain(), 500, "", R::bad_status, "answered 500"}));

INSTANTIATE_TEST_SUITE_P(
    Body, ProbeMatch,
    ::testing::Values(
        Row{"the text is there", with_body("ok"), 200, "all ok here", R::passed, ""},
        Row{"the text is missing", with_body("ok"), 200, "all wrong", R::bad_body,
            "does not contain \"ok\""},
        Row{"a good body does not make up for a bad status", with_body("ok"), 500, "ok",
            R::bad_status, "500"},
        Row{"the value is there", with_json("/state", R"("Running")"), 200, host_state, R::passed,
            ""},
        Row{"numbers compare as numbers", with_json("/count", "2.0"), 200, host_state, R::passed,
            ""},
        Row{"arrays compare as a whole", with_json("/errors", "[]"), 200, host_state, R::passed,
            ""},
        Row{"another value", with_json("/state", R"("Running")"), 200, R"({"state":"Error"})",
            R::bad_body, R"("Error" at /state (expected "Running"))"},
        Row{"text is not a number", with_json("/count", R"("2")"), 200, host_state, R::bad_body,
            "has 2 at /count"},
        Row{"nothing there", with_json("/host/state", "1"), 200, host_state, R::bad_body,
            "nothing at /host/state"},
        Row{"an index that is none", with_json("/errors/01", "1"), 200, host_state, R::bad_body,
            "nothing at /errors/01"},
        Row{"no JSON at all", with_json("/state", "1"), 200, "<html>", R::bad_body, "not JSON"},
        Row{"an empty body", with_json("/state", "1"), 200, "", R::bad_body, "not JSON"}));

INSTANTIATE_TEST_SUITE_P(
    Durable, ProbeMatch,
    ::testing::Values(
        Row{"an empty 404 proves host and hub", durable(), 404, "", R::passed, "task hub"},
        Row{"a page does not", durable(), 404, "<html>Not Found</html>", R::bad_body,
            "extension was not reached"},
        Row{"a landing page does not", durable(), 200, "<html>up and running</html>", R::bad_body,
            "not an answer of the Durable Functions extension"},
        Row{"the status of an instance does: a client cannot degrade us by starting it", durable(),
            202, R"({"runtimeStatus":"Running"})", R::passed, "id in use"},
        Row{"storage trouble surfaces as 500", durable(), 500, "", R::bad_status, "storage"},
        Row{"a wrong key is our fault and says so", durable(), 401, "", R::bad_status,
            "key is wrong or missing"},
        Row{"the stopped page", durable(), 403, stopped, R::bad_status, "web app is stopped"},
        Row{"an access restriction", durable(), 403, "Forbidden", R::bad_status,
            "access is restricted"},
        Row{"a host that has not started", durable(), 503, "Function host is not running.",
            R::bad_status, "503", "text/plain"}));

INSTANTIATE_TEST_SUITE_P(
    HostOnly, ProbeMatch,
    ::testing::Values(Row{"a disabled landing page", host_only(), 204, "", R::passed,
                          "proves only the host"},
                      Row{"a page that is not there", host_only(), 404, "", R::passed, ""},
                      Row{"a door that is closed", host_only(), 401, "", R::passed, ""},
                      Row{"an access restriction", host_only(), 403, "Forbidden", R::passed, ""},
                      Row{"the stopped page", host_only(), 403, stopped, R::bad_status, "stopped"},
                      Row{"any 5xx", host_only(), 500, "", R::bad_status, "500"},
                      Row{"the last 5xx", host_only(), 599, "", R::bad_status, "599"}));

TEST(ProbeMatchDetail, NamesTheRedirectsTargetWithoutItsQuery) {
  ProbeAnswer answer;
  answer.status = 301;
  answer.location = "https://other.example/path?code=topsecret";
  const ProbeOutcome outcome = match_answer({}, answer);
  EXPECT_THAT(outcome.detail, HasSubstr("https://other.example/path, which is not followed"));
  EXPECT_THAT(outcome.detail, Not(HasSubstr("topsecret")));
}

TEST(ProbeMatchDetail, SurvivesTextThatIsNotUtf8) {
  ProbeAnswer answer;
  answer.status = 200;
  answer.body = "{\"state\":\"\xff\xfe\"}";
  EXPECT_EQ(match_answer(with_json("/state", "1"), answer).result, R::bad_body);
}

TEST(ProbeMatchDetail, StaysShort) {
  const std::string long_body = "{\"state\":\"" + std::string(100000, 'x') + "\"}";
  ProbeAnswer answer;
  answer.status = 200;
  answer.body = long_body;
  EXPECT_LT(match_answer(with_json("/state", "1"), answer).detail.size(), 200U);
}

}  // namespace
}  // namespace health
