// Secrets come from the text, the environment or files, and leave by no message.
#include "config/explain.hpp"
#include "support.hpp"

namespace config {
namespace {

using testing::good;
using testing::lines;
using testing::Outside;
using testing::parse;
using testing::with_endpoints;

constexpr const char* all_secrets = R"(
  {"name": "a", "url": "https://a.example.com",
   "keys": {"function": "hunter2-literal", "durable": "${DURABLE}", "admin": {"file": "admin.key"}},
   "secret_header": {"name": "X-Lock", "value": {"file": "lock"}},
   "probe": {"key": "x${DURABLE}y", "path": "/health?code=hunter2-query",
             "headers": [{"name": "Authorization", "value": "Bearer ${DURABLE}"}]}},
  {"name": "b", "url": "https://b.example.com"})";
constexpr const char* client_keys = R"("clients": {"keys": ["hunter2-client", "${DURABLE}"]},
  "stickiness": {"client": "cookie", "cookie": "__Host-us",
                 "cookie_keys": ["hunter2-of-the-cookies", {"file": "older"}]},
  "admin": {"tokens": [{"name": "ops", "role": "admin", "token": "hunter2-token"}]})";

Outside outside() {
  return {{{"DURABLE", "hunter2-env"}},
          {{"admin.key", "hunter2-file\r\n"},
           {"lock", "hunter2-lock"},
           {"older", "hunter2-of-last-year\n"}}};
}

TEST(Secrets, ComeFromTextEnvironmentAndFiles) {
  const Config config = good(with_endpoints(all_secrets, client_keys), outside());
  const Endpoint& endpoint = config.endpoints.at(0);
  EXPECT_EQ(endpoint.keys.function.reveal(), "hunter2-literal");
  EXPECT_EQ(endpoint.keys.durable.reveal(), "hunter2-env");
  EXPECT_EQ(endpoint.keys.admin.reveal(), "hunter2-file") << "the line end is not part of it";
  EXPECT_EQ(endpoint.secret_header->value, "hunter2-lock");
  EXPECT_EQ(endpoint.probe.key.reveal(), "xhunter2-envy");
  EXPECT_EQ(endpoint.probe.headers.at(0).value, "Bearer hunter2-env");
  EXPECT_EQ(config.clients.keys.at(0).reveal(), "hunter2-client");
  EXPECT_EQ(config.stickiness.cookie_keys.at(0).reveal(), "hunter2-of-the-cookies");
  EXPECT_EQ(config.stickiness.cookie_keys.at(1).reveal(), "hunter2-of-last-year");
  EXPECT_EQ(config.admin.tokens.at(0).token.reveal(), "hunter2-token");
}

TEST(Secrets, AppearInNothingThatIsPrinted) {
  const ParseResult result = parse(with_endpoints(all_secrets, client_keys), outside());
  ASSERT_TRUE(result.config) << lines(result);
  const std::string printed = lines(result) + to_json(result.issues) +
                              explain_text(*result.config, result.source) +
                              explain_json(*result.config, result.source);
  EXPECT_EQ(printed.find("hunter2"), std::string::npos) << printed;
  EXPECT_NE(printed.find("(set)"), std::string::npos);
}

TEST(Secrets, AreNotRepeatedWhenTheyAreWrong) {
  const ParseResult result = parse(
      with_endpoints(R"({"name": "a", "url": "https://hunter2:hunter2@a",
   "keys": {"function": 42, "durable": "hunter2\nhunter2", "admin": ["hunter2"], "fnction": "hunter2"},
   "secret_header": {"name": "X-Lock", "value": " hunter2"},
   "probe": {"path": "health?code=hunter2", "key": {"file": "wide"}}},
  {"name": "b", "url": "https://b?code=hunter2"})",
                     R"("clients": {"keys": [true, {"file": "wide", "x": "hunter2"}, "hunter2 "]},
   "public_origin": "https://x/?code=hunter2")"),
      Outside{{}, {{"wide", "hunter2\nhunter2\n"}}});
  EXPECT_GE(result.issues.size(), 11u) << lines(result);
  EXPECT_EQ(lines(result).find("hunter2"), std::string::npos) << lines(result);
  EXPECT_EQ(to_json(result.issues).find("hunter2"), std::string::npos);
}

struct BadSecret {
  const char* value;
  const char* issue;  // after the position
};

TEST(Secrets, SayWhatIsMissing) {
  for (
      const BadSecret& row : {
          BadSecret{
              R"("${NOPE}")",
              R"(error: clients.keys[0]: refers to the environment variable NOPE, which is not set; set it before the start, or use {"file": "..."} for a secret)"},
          {R"("")", "error: clients.keys[0]: is empty; a secret is one line of text"},
          {R"("${EMPTY}")", "error: clients.keys[0]: is empty; a secret is one line of text"},
          {R"({"file": "nope"})",
           R"(error: clients.keys[0].file: "nope" cannot be read; a secret file holds one line)"},
          {R"({"file": 7})",
           R"(error: clients.keys[0].file: 7 is not a string; write it in quotes)"},
          {R"({})", R"(error: clients.keys[0]: names no file; write {"file": "path"})"},
          {R"(17)",
           R"(error: clients.keys[0]: a secret is a string or {"file": "path"}; write "${NAME}" to take it from the environment)"},
          {R"("a\u0000b")",
           "error: clients.keys[0]: has a line break or an outer space; a secret is one line of "
           "text"},
      }) {
    const ParseResult result =
        parse(testing::with(R"("clients": {"keys": [)" + std::string(row.value) + "]}"),
              Outside{{{"EMPTY", ""}}, {}});
    EXPECT_NE(lines(result).find(std::string(row.issue) + "\n"), std::string::npos)
        << lines(result);
  }
}

TEST(Variables, AreReplacedAnywhereInTextAndCanBeEscaped) {
  const Outside outside{{{"HOST", "a.example.com"}, {"LEVEL", "debug"}, {"TTL", "5s"}}, {}};
  const Config config = good(R"({"log": {"level": "${LEVEL}"}, "stickiness": {"ttl": "${TTL}"},
    "probe": {"path": "/", "body_match": "$${HOST}"}, "durable": {"task_hub": "none"},
    "endpoints": [{"name": "a", "url": "https://${HOST}:8443"}, {"name": "b", "url": "https://b"}]})",
                             outside);
  EXPECT_EQ(config.log.level, LogLevel::debug);
  EXPECT_EQ(config.stickiness.ttl, 5s);
  EXPECT_EQ(config.endpoints.at(0).url.origin(), "https://a.example.com:8443");
  EXPECT_EQ(config.endpoints.at(0).probe.body_match, "${HOST}");
}

}  // namespace
}  // namespace config
