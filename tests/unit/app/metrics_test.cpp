#include "app/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "sample_picture.hpp"

namespace app {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in{text};
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

TEST(Metrics, AnswerWhoIsActiveAndHowLongTheLastFailoverTook) {
  const std::string text = metrics_text(sample_picture());
  EXPECT_THAT(text, HasSubstr("understudy_active_endpoint{endpoint=\"primary\"} 0"));
  EXPECT_THAT(text, HasSubstr("understudy_active_endpoint{endpoint=\"second \\\"ary\\\"\"} 1"));
  EXPECT_THAT(text, HasSubstr("understudy_active_since_timestamp_seconds 1700000085"));
  EXPECT_THAT(text, HasSubstr("understudy_last_failover_seconds 0.032"));
  EXPECT_THAT(
      text, HasSubstr("understudy_transitions_total{kind=\"failover\",reason=\"live_traffic\"} 1"));
}

TEST(Metrics, WhatHasNotHappenedHasNoSample) {
  EXPECT_THAT(metrics_text(sample_picture()),
              ::testing::Not(HasSubstr("understudy_last_failback_seconds")));
}

TEST(Metrics, SayWhichAppOwnsTheLeaseAndHowSurely) {
  const std::string text = metrics_text(sample_picture());
  const std::string owner = "understudy_app_lease_owner{endpoint=";
  EXPECT_THAT(text, HasSubstr(owner + "\"primary\",sure=\"likely\"} 1"));
  EXPECT_THAT(text, HasSubstr(owner + "\"primary\",sure=\"certain\"} 0"));
  EXPECT_THAT(text, HasSubstr(owner + "\"second \\\"ary\\\"\",sure=\"likely\"} 0"));
  EXPECT_THAT(text, HasSubstr("understudy_app_lease_split 1"));
}

TEST(Metrics, CoverTheDirectoryTheDeskAndTheClaim) {
  const std::string text = metrics_text(sample_picture());
  for (const char* line :
       {"understudy_directory_entries 12", "understudy_directory_evicted_total 3",
        "understudy_directory_dropped_writes_total 2", "understudy_directory_disk_ok 1",
        "understudy_desk_jobs_total 100", "understudy_desk_joined_total 30",
        "understudy_desk_overloaded_total 4", "understudy_desk_expired_total 1",
        "understudy_desk_in_flight 5", "understudy_hub_claim_contradiction 0"})
    EXPECT_THAT(text, HasSubstr(line));
}

TEST(Metrics, CoverTheStartLedger) {
  const std::string text = metrics_text(sample_picture());
  for (const char* line : {"starts_protected 1",
                           "ledger_entries{state=\"queued\"} 1",
                           "ledger_entries{state=\"in_flight\"} 2",
                           "ledger_entries{state=\"unknown\"} 3",
                           "ledger_listed_entries 1",
                           "ledger_oldest_open_seconds 12.5",
                           "ledger_kept_connections 2",
                           "ledger_arrived_total 60",
                           "ledger_joined_total 4",
                           "ledger_stored_answers_total 5",
                           "ledger_turned_away_total 7",
                           "ledger_unconfirmed_total 8",
                           "ledger_settled_total{evidence=\"answered\"} 50",
                           "ledger_settled_total{evidence=\"found\"} 3",
                           "ledger_look_ups_total 30",
                           "ledger_replays_total 11",
                           "ledger_possible_duplicates_total 2",
                           "ledger_duplicates_total 1",
                           "ledger_lost_total 9",
                           "ledger_resubmitted_total 10",
                           "ledger_taken_over_total 13",
                           "ledger_commits_total 40",
                           "ledger_commit_failures_total 1",
                           "ledger_commit_duration_seconds_bucket{le=\"0.001\"} 0",
                           "ledger_commit_duration_seconds_bucket{le=\"0.002\"} 39",
                           "ledger_commit_duration_seconds_bucket{le=\"+Inf\"} 40",
                           "ledger_commit_duration_seconds_sum 0.25",
                           "ledger_commit_group_starts_bucket{le=\"2\"} 40",
                           "ledger_commit_group_starts_sum 100",
                           "ledger_disk_ok 1",
                           "ledger_size_bytes 4096",
                           "ledger_max_size_bytes 1073741824"})
    EXPECT_THAT(text, HasSubstr("\nunderstudy_" + std::string{line} + "\n"));
}

TEST(Metrics, OfALedgerInMemorySayNothingOfADisk) {
  Picture picture = sample_picture();
  picture.durable.starts->mode = config::LedgerMode::memory;
  picture.durable.starts->oldest_open_s.reset();
  const std::string text = metrics_text(picture);
  EXPECT_THAT(text, ::testing::Not(HasSubstr("ledger_disk_ok")));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("ledger_commit")));
  EXPECT_THAT(text, HasSubstr("understudy_ledger_oldest_open_seconds 0\n"));
}

TEST(Metrics, WhatIsNotWatchedHasNoSample) {
  Picture picture = sample_picture();
  picture.durable = {};
  const std::string text = metrics_text(picture);
  for (const char* name : {"app_lease", "hub_claim", "directory_disk_ok", "understudy_ledger"})
    EXPECT_THAT(text, ::testing::Not(HasSubstr(name)));
  EXPECT_THAT(text, HasSubstr("understudy_starts_protected 0"));
}

TEST(Metrics, EveryEndpointHasExactlyOneStatus) {
  double ones = 0;
  for (const auto& family : metric_families(sample_picture()))
    if (family.name == "understudy_endpoint_status")
      for (const auto& metric : family.metric) ones += metric.gauge.value;
  EXPECT_EQ(ones, 2);
}

TEST(Metrics, HistogramsAreCumulativeAndInSeconds) {
  const std::string text = metrics_text(sample_picture());
  const std::string head = "understudy_request_duration_seconds";
  EXPECT_THAT(text, HasSubstr(head + "_bucket{endpoint=\"primary\",le=\"0.0005\"} 30"));
  EXPECT_THAT(text, HasSubstr(head + "_bucket{endpoint=\"primary\",le=\"0.0025\"} 40"));
  EXPECT_THAT(text, HasSubstr(head + "_bucket{endpoint=\"primary\",le=\"+Inf\"} 40"));
  EXPECT_THAT(text, HasSubstr(head + "_sum{endpoint=\"primary\"} 0.025"));
  EXPECT_THAT(text, HasSubstr(head + "_count{endpoint=\"primary\"} 40"));
}

TEST(Metrics, NamesAreUniqueAndHelpTextsAreSingleLines) {
  std::set<std::string> names;
  for (const auto& family : metric_families(sample_picture())) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_EQ(family.help.find('\n'), std::string::npos) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
    EXPECT_TRUE(family.name.starts_with("understudy_")) << family.name;
    const bool counter = family.type == prometheus::MetricType::Counter;
    EXPECT_EQ(family.name.ends_with("_total"), counter) << family.name;
  }
}

TEST(Metrics, EveryRefusalAndStartOutcomeHasItsOwnName) {
  std::set<std::string_view> refusals, outcomes;
  for (std::size_t i = 0; i < static_cast<std::size_t>(proxy::Refusal::count_); ++i)
    refusals.insert(refusal_name(i));
  for (std::size_t i = 0; i < 5; ++i) outcomes.insert(start_outcome_name(i));
  EXPECT_EQ(refusals.size(), static_cast<std::size_t>(proxy::Refusal::count_));
  EXPECT_EQ(outcomes.size(), 5U);
}

TEST(Metrics, PromtoolHasNothingToSay) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "no promtool here";
  const std::string path = ::testing::TempDir() + "understudy-metrics.txt";
  std::ofstream{path} << metrics_text(sample_picture());
  const std::string out = path + ".out";
  const int code =
      std::system(("promtool check metrics < " + path + " > " + out + " 2>&1").c_str());
  std::ifstream said{out};
  std::stringstream text;
  text << said.rdbuf();
  EXPECT_EQ(code, 0) << text.str();
  EXPECT_EQ(text.str(), "");
}

TEST(Metrics, EveryLineIsASampleOrAComment) {
  for (const std::string& line : lines_of(metrics_text(sample_picture())))
    EXPECT_TRUE(line.starts_with("# HELP ") || line.starts_with("# TYPE ") ||
                line.starts_with("understudy_"))
        << line;
}

}  // namespace
}  // namespace app
