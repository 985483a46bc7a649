// The answer to a start, shape by shape, and where its URLs point.
#include "rehearsal/check_status_payload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rehearsal {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

namespace {

ManagementContext context(PayloadShape shape) {
  ManagementContext out;
  out.origin = "https://a.example";
  out.hub = "Orders";
  out.key = "k+/=";
  out.shape = shape;
  return out;
}

constexpr const char* base = "https://a.example/runtime/webhooks/durabletask/instances/";

transport::ServerRequest request(transport::HeaderList headers) {
  transport::ServerRequest out;
  out.headers = std::move(headers);
  return out;
}

const transport::HeaderList all_hosts{{"Host", "asked.example:81"},
                                      {"X-Forwarded-Host", "public.example"},
                                      {"X-Forwarded-Proto", "https"},
                                      {"WAS-DEFAULT-HOSTNAME", "refreshed.example"}};

}  // namespace

TEST(CheckStatusPayload, OfTheExtensionHasTheDocumentedKeysAndNoRewind) {
  const auto answer = check_status_response(context(PayloadShape::built_in), "id 1");
  EXPECT_EQ(answer.status, 202);
  const std::string one = std::string{base} + "id%201";
  const std::string end = "taskHub=Orders&connection=Storage&code=k%2B%2F%3D\"";
  EXPECT_EQ(answer.body, R"({"id":"id 1","statusQueryGetUri":")" + one + "?" + end +
                             R"(,"sendEventPostUri":")" + one + "/raiseEvent/{eventName}?" + end +
                             R"(,"terminatePostUri":")" + one + "/terminate?reason={text}&" + end +
                             R"(,"purgeHistoryDeleteUri":")" + one + "?" + end +
                             R"(,"restartPostUri":")" + one + "/restart?" + end +
                             R"(,"suspendPostUri":")" + one + "/suspend?reason={text}&" + end +
                             R"(,"resumePostUri":")" + one + "/resume?reason={text}&" + end + "}");
  EXPECT_EQ(*transport::find_header(answer.headers, "Retry-After"), "10");
  EXPECT_EQ(*transport::find_header(answer.headers, "Location") + "\"", one + "?" + end);
}

TEST(CheckStatusPayload, OfDotnetIsolatedIsInPascalCaseWithNullsAndDoubledBraces) {
  const auto answer = check_status_response(context(PayloadShape::isolated), "id");
  EXPECT_EQ(answer.status, 202);
  EXPECT_THAT(answer.body, StartsWith(R"({"Id":"id","StatusQueryGetUri":")" + std::string{base} +
                                      R"(id?code=k%2B%2F%3D")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("RewindPostUri":null)"));
  EXPECT_THAT(answer.body, HasSubstr(R"("RestartPostUri":null)"));
  EXPECT_THAT(answer.body, HasSubstr("/terminate?reason={{text}}&code=k%2B%2F%3D"));
  EXPECT_EQ(transport::find_header(answer.headers, "Retry-After"), nullptr);
  EXPECT_THAT(*transport::find_header(answer.headers, "Location"), EndsWith("/id?code=k%2B%2F%3D"));
  const auto created = check_status_response(context(PayloadShape::isolated_created), "id");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.body, answer.body);
}

TEST(CheckStatusPayload, OfJavaScriptAlsoRewindsAndLeavesTheIdAsItIs) {
  const auto answer = check_status_response(context(PayloadShape::js), "a+b%41");
  EXPECT_EQ(answer.status, 202);
  EXPECT_THAT(answer.body, HasSubstr(R"("rewindPostUri":")" + std::string{base} +
                                     "a+b%41/rewind?reason={text}&taskHub=Orders"));
  EXPECT_EQ(*transport::find_header(answer.headers, "Retry-After"), "10");
}

TEST(CheckStatusPayload, WithoutAKeyAsksForNone) {
  for (const auto shape : {PayloadShape::built_in, PayloadShape::isolated, PayloadShape::js}) {
    ManagementContext open = context(shape);
    open.key.clear();
    EXPECT_THAT(check_status_payload(open, "id"), Not(HasSubstr("code=")));
    EXPECT_THAT(check_status_payload(open, "id"), Not(HasSubstr("?\"")));
    EXPECT_THAT(check_status_payload(open, "id"), Not(HasSubstr("&\"")));
  }
}

TEST(Origin, IsThatOfTheRequestUnlessToldOtherwise) {
  AppOptions options;
  EXPECT_EQ(origin_of(request(all_hosts), options), "http://asked.example:81");
  options.forwarded_host = true;
  EXPECT_EQ(origin_of(request(all_hosts), options), "https://public.example");
  EXPECT_EQ(origin_of(request({{"Host", "h"}}), options), "http://h");
}

TEST(Origin, OfAnAppWithANameOfItsOwnIsThatNameWhichThePlatformMayRefresh) {
  AppOptions options;
  options.own_host = "orders.example.net";
  EXPECT_EQ(origin_of(request({{"Host", "h"}}), options), "https://orders.example.net");
  EXPECT_EQ(origin_of(request(all_hosts), options), "https://refreshed.example");
  options.own_host = "localhost:7071";
  EXPECT_EQ(origin_of(request({{"Host", "h"}}), options), "http://localhost:7071");
}

TEST(ManagementContextOfARequest, IsTheExtensionsOwn) {
  AppOptions options;
  options.hub = "Orders";
  options.key = "k";
  options.payload_shape = PayloadShape::js;
  const FunctionKeys keys{options};
  const auto made = management_context(request({{"Host", "h"}}), options, keys);
  EXPECT_EQ(made.origin, "http://h");
  EXPECT_EQ(made.hub, "Orders");
  EXPECT_EQ(made.key, "k");
  EXPECT_EQ(made.shape, PayloadShape::built_in);
}

}  // namespace rehearsal
