// The comparison of two results, and the file with the fields of a test protocol.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "rehearsal/report/report.hpp"
#include "sample_run.hpp"

namespace {

using report_test::sample_run;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

report::Compared compared(const report::Run& a, const report::Run& b) {
  std::string problem;
  const auto out = report::compare(report::to_json(a), report::to_json(b), problem);
  EXPECT_TRUE(out) << problem;
  return out.value_or(report::Compared{});
}

TEST(Compare, two_equal_results_show_no_difference) {
  const auto out = compared(sample_run(), sample_run());
  EXPECT_FALSE(out.regressed);
  EXPECT_THAT(out.text, Not(HasSubstr("measures.")));
  EXPECT_THAT(out.text, HasSubstr("no regression"));
}

TEST(Compare, an_objective_that_is_missed_now_is_a_regression_and_the_other_way_round_is_not) {
  report::Run worse = sample_run();
  worse.judgement.objectives[0].met = verdict::Met::no;
  EXPECT_TRUE(compared(sample_run(), worse).regressed);
  EXPECT_FALSE(compared(worse, sample_run()).regressed);
  EXPECT_THAT(compared(sample_run(), worse).text, HasSubstr("WORSE"));
  EXPECT_THAT(compared(worse, sample_run()).text, HasSubstr("better"));
}

TEST(Compare, an_objective_that_is_no_longer_measured_is_a_regression) {
  report::Run worse = sample_run();
  worse.judgement.objectives[0].met = verdict::Met::not_measured;
  EXPECT_TRUE(compared(sample_run(), worse).regressed);
}

TEST(Compare, a_worse_outcome_is_a_regression) {
  report::Run good = sample_run(), unclear = sample_run();
  good.judgement.outcome = verdict::Outcome::passed;
  unclear.judgement.outcome = verdict::Outcome::inconclusive;
  EXPECT_TRUE(compared(good, sample_run()).regressed);
  EXPECT_TRUE(compared(good, unclear).regressed);
  EXPECT_FALSE(compared(sample_run(), good).regressed);
}

TEST(Compare, shows_measures_with_their_difference_and_findings_that_came_or_went) {
  report::Run other = sample_run();
  other.judgement.measures.detect = 1'890ms;
  other.judgement.findings[0].text = "Something else.";
  const auto out = compared(sample_run(), other);
  EXPECT_THAT(out.text, HasSubstr("measures.detect_ms"));
  EXPECT_THAT(out.text, HasSubstr("+500"));
  EXPECT_THAT(out.text, HasSubstr("high: Something else."));
  EXPECT_THAT(out.text, HasSubstr("gone"));
  EXPECT_EQ(nlohmann::json::parse(out.json)["regressed"], false);
}

TEST(Compare, control_characters_of_a_result_do_not_reach_the_terminal) {
  const auto out = compared(report_test::hostile_run("\x1b[2J"), sample_run());
  EXPECT_EQ(out.text.find('\x1b'), std::string::npos);
}

TEST(Compare, refuses_what_is_no_result_of_this_product_or_of_another_format) {
  const std::string good = report::to_json(sample_run());
  std::string newer = good;
  newer.replace(newer.find("\"format\": 1"), 11, "\"format\": 2");
  const std::pair<std::string, const char*> rows[] = {
      {"", "no result"},       {"[]", "no result"},
      {"{}", "no result"},     {"{\"format\": 1}", "no result"},
      {newer, "has format 2"}, {std::string(200'000, '['), "no result"}};
  for (const auto& [text, expected] : rows) {
    std::string problem;
    EXPECT_FALSE(report::compare(text, good, problem));
    EXPECT_THAT(problem, HasSubstr(expected));
    EXPECT_THAT(problem, HasSubstr("first"));
    EXPECT_FALSE(report::compare(good, text, problem));
    EXPECT_THAT(problem, HasSubstr("second"));
  }
}

TEST(Compare, odd_but_valid_results_are_compared_without_harm) {
  const std::string odd =
      R"({"product":"understudy rehearsal","format":1,"outcome":7,"objectives":[1,{"name":2}],)"
      R"("measures":[],"starts":"x","findings":{},"scenario":null})";
  std::string problem;
  EXPECT_TRUE(report::compare(odd, report::to_json(sample_run()), problem));
  EXPECT_TRUE(report::compare(report::to_json(sample_run()), odd, problem));
}

TEST(MetaFile, every_field_is_read) {
  std::vector<config::Issue> issues;
  const auto meta = report::parse_meta(
      R"({"test_id": "T1", "ticket": "2", "environment": "3", "purpose": "4", // why
         "business_rto": "5", "business_rpo": "6", "approver": "7", "sign_off": "8",
         "retest_date": "9", "people": ["a", "b"], "deviations": ["c"],
         "actions": [{"what": "d", "owner": "e", "due": "f"}]})",
      "meta.json", issues);
  ASSERT_TRUE(meta) << config::to_text(issues);
  EXPECT_EQ(meta->test_id + meta->ticket + meta->environment + meta->purpose + meta->business_rto +
                meta->business_rpo + meta->approver + meta->sign_off + meta->retest_date,
            "T123456789");
  EXPECT_THAT(meta->people, ::testing::ElementsAre("a", "b"));
  EXPECT_EQ(meta->actions.at(0).owner, "e");
}

TEST(MetaFile, all_problems_are_told_with_their_places) {
  std::vector<config::Issue> issues;
  EXPECT_FALSE(
      report::parse_meta("{\"aprover\": \"x\",\n \"people\": \"one\",\n \"ticket\": 4,\n"
                         " \"actions\": [{\"what\": \"w\", \"oner\": \"\"}, 3]}",
                         "meta.json", issues));
  const std::string text = config::to_text(issues);
  for (const char* part :
       {"meta.json:1:2: error: aprover: unknown key; did you mean \"approver\"?", "2:12",
        "people: a string is not a list of strings", "ticket", "is not a string",
        "actions[0].oner: unknown key; did you mean \"owner\"?", "actions[1]"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_EQ(issues.size(), 5u);
}

TEST(MetaFile, a_text_that_is_no_object_is_refused) {
  for (const char* text : {"", "[]", "3", "{", "{\"people\": [3]}", "{\"a\": 1, \"a\": 2}"}) {
    std::vector<config::Issue> issues;
    EXPECT_FALSE(report::parse_meta(text, "m", issues)) << text;
    EXPECT_FALSE(issues.empty());
  }
}

}  // namespace
