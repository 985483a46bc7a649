// Queries, times and the JSON that clients see.
#include <gtest/gtest.h>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace {

WallTime at(long long seconds) {
  return WallTime{std::chrono::seconds{seconds}};
}

constexpr long long some_day = 1'795'446'245;  // 2026-11-23T15:04:05Z

Instance sample() {
  Instance out;
  out.id = "i-1";
  out.function = "Hello";
  out.status = RuntimeStatus::running;
  out.input = R"({"b":1,"a":[2]})";
  out.custom_status = R"({"step":1,"of":2})";
  out.created = at(some_day);
  out.updated = at(some_day + 1);
  return out;
}

}  // namespace

TEST(Uri, EncodesWhatIsNotUnreservedAndDecodesItBack) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a b/%~"), "a%20b%2F%25~");
  EXPECT_EQ(percent_decode("50%, %4, %zz, %41"), "50%, %4, %zz, A");
}

TEST(Uri, AQueryIsLookedUpWithoutRegardToCase) {
  const Query query{"taskHub=A%2BB&showInput=FALSE&empty=&flag&top=10&reason=two+words"};
  EXPECT_EQ(query.get("TASKHUB"), "A+B");
  EXPECT_FALSE(query.flag("showinput", true));
  EXPECT_EQ(query.find("empty"), "");
  EXPECT_EQ(query.find("flag"), "");
  EXPECT_EQ(query.find("absent"), std::nullopt);
  EXPECT_EQ(query.number("top", 1, 100), 10);
  EXPECT_EQ(query.number("top", 1, 9), std::nullopt);
  EXPECT_EQ(query.number("reason", 0, 9), std::nullopt);
  EXPECT_EQ(query.get("reason"), "two words");
}

TEST(Time, IsWrittenWithoutAFractionAndReadWithOrWithout) {
  EXPECT_EQ(time_text(at(some_day) + std::chrono::milliseconds{999}), "2026-11-23T15:04:05Z");
  EXPECT_EQ(parse_time("2026-11-23T15:04:05Z"), at(some_day));
  EXPECT_EQ(parse_time("2026-11-23T15:04:05"), at(some_day));
  EXPECT_EQ(parse_time("2026-11-23T15:04:05.25Z"), at(some_day) + std::chrono::milliseconds{250});
  EXPECT_EQ(parse_time("2026-11-23"), at(some_day - 15 * 3600 - 4 * 60 - 5));
  for (const char* bad : {"", "yesterday", "2026-13-01", "2026-02-30", "2026-11-23T25:00:00Z",
                          "2026-11-23T15:04:05+01:00", "2026-11-23 15:04"})
    EXPECT_EQ(parse_time(bad), std::nullopt) << bad;
}

TEST(RuntimeStatus, EveryWordIsReadBackInAnyCase) {
  for (const auto status :
       {RuntimeStatus::pending, RuntimeStatus::running, RuntimeStatus::suspended,
        RuntimeStatus::continued_as_new, RuntimeStatus::completed, RuntimeStatus::failed,
        RuntimeStatus::canceled, RuntimeStatus::terminated}) {
    EXPECT_EQ(parse_runtime_status(to_string(status)), status);
    std::string upper{to_string(status)};
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(parse_runtime_status(upper), status);
  }
  EXPECT_EQ(parse_runtime_status("Unknown"), std::nullopt);
}

TEST(StatusObject, HasTheDocumentedKeysInTheirOrder) {
  EXPECT_EQ(status_object(sample(), {}, StatusView{}),
            R"({"name":"Hello","instanceId":"i-1","runtimeStatus":"Running",)"
            R"("input":{"b":1,"a":[2]},"customStatus":{"step":1,"of":2},"output":null,)"
            R"("createdTime":"2026-11-23T15:04:05Z","lastUpdatedTime":"2026-11-23T15:04:06Z"})");
}

TEST(StatusObject, ShowsInputAndHistoryAsAsked) {
  StatusView view;
  view.input = false;
  view.history = true;
  HistoryEvent event;
  event.type = "TaskCompleted";
  event.at = at(some_day);
  event.name = "Pay";
  event.result = "\"done\"";
  EXPECT_NE(status_object(sample(), {event}, view).find(R"("input":null)"), std::string::npos);
  EXPECT_NE(status_object(sample(), {event}, view)
                .find(R"("historyEvents":[{"EventType":"TaskCompleted","FunctionName":"Pay",)"
                      R"("Timestamp":"2026-11-23T15:04:05Z"}])"),
            std::string::npos);
  view.history_output = true;
  EXPECT_NE(status_object(sample(), {event}, view).find(R"("Result":"done")"), std::string::npos);
}

TEST(Json, IsRefusedWhenItIsNestedDeeperThanAnyWriterShouldFollow) {
  EXPECT_TRUE(is_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(is_json(std::string(65, '[') + std::string(65, ']')));
  EXPECT_TRUE(is_json("\"" + std::string(100, '[') + "\\\"\""));
  EXPECT_FALSE(is_json("[1"));
}

TEST(JsonString, SurvivesBytesThatAreNotUtf8) {
  EXPECT_EQ(json_string("a\"b"), R"("a\"b")");
  EXPECT_TRUE(is_json(json_string("\xff\xfe")));
}

}  // namespace rehearsal
