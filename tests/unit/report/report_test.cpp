// The page, the JSON, JUnit and Markdown of a run. The browser's view: tests/rehearsals.
#include "rehearsal/report/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "rehearsal/report/canvas.hpp"
#include "rehearsal/report/text.hpp"
#include "sample_run.hpp"

namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using report_test::hostile_run;
using report_test::sample_run;
using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Every element is closed in order, text has no raw "<" or bare "&": true of XML, and of this page
// but for its void elements.
std::string why_not_well_formed(const std::string& text, bool html) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '&') {
      const auto end = text.find(';', i);
      if (end == std::string::npos || end - i > 7) return "bare & at " + text.substr(i, 30);
    }
    if (text[i] != '<') continue;
    const auto end = text.find('>', i);
    if (end == std::string::npos) return "open tag at " + text.substr(i, 30);
    std::string tag = text.substr(i + 1, end - i - 1);
    if (count_of(tag, "\"") % 2 != 0 || tag.find('<') != std::string::npos) return "odd: " + tag;
    i = end;
    if (tag[0] == '!' || tag[0] == '?' || tag.ends_with('/')) continue;
    const std::string name = tag.substr(tag[0] == '/', tag.find(' ') - (tag[0] == '/'));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != name) return "closes out of order: " + tag;
      open.pop_back();
    } else if (html && (name == "meta" || name == "link")) {
      continue;
    } else {
      open.push_back(name);
      if (name == "style") i = text.find("</style>", i) - 1;
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

TEST(Report, a_sample_page_is_written_where_the_browser_test_asks_for_it) {
  const char* path = std::getenv("UNDERSTUDY_REPORT_SAMPLE");
  if (!path) GTEST_SKIP() << "UNDERSTUDY_REPORT_SAMPLE is not set";
  const std::string base{path};
  std::string long_text = "a_name_without_a_place_to_break_it_";
  for (int i = 0; i < 4; ++i) long_text += long_text;
  const report::Run runs[] = {sample_run(), hostile_run("<script>alert(1)</script>\"'&"),
                              hostile_run(long_text), report::Run{}};
  const char* names[] = {"/sample", "/hostile", "/long", "/empty"};
  for (int i = 0; i < 4; ++i) {
    std::ofstream{base + names[i] + ".html"} << report::to_html(runs[i]);
    std::ofstream{base + names[i] + ".json"} << report::to_json(runs[i]);
    std::ofstream{base + names[i] + ".xml"} << report::to_junit(runs[i]);
    std::ofstream{base + names[i] + ".md"} << report::to_markdown(runs[i]);
  }
  EXPECT_TRUE(std::ifstream{base + "/empty.md"}.good());
}

TEST(Report, the_page_is_complete_and_loads_and_runs_nothing) {
  const std::string html = report::to_html(sample_run());
  EXPECT_EQ(why_not_well_formed(html, true), "");
  for (const char* part : {"default-src 'none'",
                           "MISSED",
                           "HTTP RTO",
                           "not Azure",
                           "Predicted beside observed",
                           "Findings",
                           "Sequence of events",
                           "ghost",
                           "order-261",
                           "Test protocol",
                           "DR-2026-11",
                           "e3b0c44298fc1c14",
                           "probe.interval",
                           "02:17:35.123",
                           "Modelled",
                           "order-744",
                           "prefers-color-scheme",
                           "@media print",
                           "scope=\"row\"",
                           "<svg"})
    EXPECT_THAT(html, HasSubstr(part));
  for (const char* part :
       {"<script", "src=", "http://", "https://", "@import", "onload", "javascript:"})
    EXPECT_THAT(html, Not(HasSubstr(part)));
}

TEST(Report, nothing_that_a_server_said_leaves_its_place) {
  for (const std::string& text :
       {std::string{"</title><script>alert(1)</script>"}, std::string{"\"><img src=x onerror=a>"},
        std::string{"' onmouseover='a"}, std::string{"]]>--><!--"},
        std::string{"\x00\x01\x1b[2J", 6},
        std::string{"\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82"},
        std::string{"&#x3c;script&#x3e; &amp;amp; 100% {} {0}"},
        std::string{"\xe2\x80\xae"
                    "evil"},
        std::string(100'000, 'x'), std::string(5'000, '<'),
        std::string{"`|*_[a](javascript:b)\n# c"}}) {
    const report::Run run = hostile_run(text);
    EXPECT_EQ(why_not_well_formed(report::to_html(run), true), "");
    EXPECT_EQ(why_not_well_formed(report::to_junit(run), false), "");
    EXPECT_THAT(report::to_html(run), Not(HasSubstr("<script")));
    EXPECT_THAT(report::to_html(run), Not(HasSubstr("<img")));
    EXPECT_EQ(report::clean(report::to_html(run)).find("\xEF\xBF\xBE"), std::string::npos);
    EXPECT_FALSE(json::parse(report::to_json(run), nullptr, false).is_discarded());
    const std::string markdown = report::to_markdown(run);
    EXPECT_THAT(markdown, Not(HasSubstr("<script")));
    EXPECT_THAT(markdown, Not(HasSubstr("[a](")));
    EXPECT_THAT(markdown, Not(HasSubstr("\n# c")));
  }
}

TEST(Report, a_page_stays_small_whatever_the_names_are) {
  EXPECT_LT(report::to_html(hostile_run(std::string(1'000'000, '&'))).size(), 2'000'000u);
}

TEST(Report, an_empty_run_makes_every_file) {
  const report::Run run;
  EXPECT_EQ(why_not_well_formed(report::to_html(run), true), "");
  EXPECT_EQ(why_not_well_formed(report::to_junit(run), false), "");
  EXPECT_EQ(json::parse(report::to_json(run))["outcome"], "inconclusive");
  EXPECT_THAT(report::to_html(run), HasSubstr("INCONCLUSIVE"));
  EXPECT_THAT(report::to_html(run), HasSubstr("class=\"write\""));
  EXPECT_THAT(report::to_markdown(run), HasSubstr("INCONCLUSIVE"));
}

TEST(Report, secrets_of_the_scenario_are_not_told) {
  report::Run run = sample_run();
  run.scenario.load.key = "load-secret-1";
  scenario::StandIn app;
  app.durable_key = "durable-secret-2";
  run.scenario.topology.endpoints[0].is = app;
  scenario::Command command;
  command.words = {"func", "start"};
  command.environment.push_back({"KEY", "environment-secret-3"});
  run.scenario.topology.endpoints[1].is = command;
  run.scenario.topology.processes.push_back({"azurite", command});
  run.scenario.proxy = R"({"clients": {"keys": ["proxy-secret-4"]}})";
  for (const std::string& text : {report::to_html(run), report::to_json(run), report::to_junit(run),
                                  report::to_markdown(run)})
    EXPECT_EQ(text.find("-secret-"), std::string::npos);
}

TEST(Timeline, is_bounded_for_two_hours_and_draws_a_second) {
  report::Run run = sample_run();
  verdict::Request request;
  for (int i = 0; i < 200'000; ++i) {
    request.due = request.sent = i * 36ms;
    request.ended = request.due + 5ms;
    request.status = i % 7 ? 200 : 0;
    run.record.requests.push_back(request);
  }
  for (int i = 0; i < 36'000; ++i) {
    verdict::Glimpse glimpse;
    glimpse.at = i * 200ms;
    glimpse.active = i % 2 ? "primary" : "secondary";
    glimpse.status["primary"] = i % 3 ? "Online" : "Degraded";
    run.record.glimpses.push_back(glimpse);
    run.record.faults.push_back(
        {"primary: killed", scenario::FaultKind::kill, "primary", glimpse.at, glimpse.at + 100ms});
  }
  run.record.ended = 2h;
  const std::string svg = report::timeline_svg(run);
  EXPECT_EQ(why_not_well_formed(svg, false), "");
  EXPECT_LT(svg.size(), 1'500'000u);
  EXPECT_LE(count_of(svg, " answered, "), 400u);
  run.record = {};
  run.record.ended = 1s;
  EXPECT_EQ(why_not_well_formed(report::timeline_svg(run), false), "");
  EXPECT_THAT(report::timeline_svg(run), Not(HasSubstr("nan")));
}

TEST(Timeline, has_at_most_400_buckets_of_at_least_a_quarter_second) {
  for (const auto length : {report::At{0}, report::At{1s}, report::At{99s}, report::At{101s},
                            report::At{2h}, report::At{24h * 30}}) {
    const report::At width = report::bucket_width(length);
    EXPECT_GE(width, 250ms);
    EXPECT_LE(length / width + 1, 400);
  }
}

TEST(Timeline, shows_the_active_endpoint_the_health_and_the_fault) {
  const std::string svg = report::timeline_svg(sample_run());
  for (const char* part : {"<title>secondary, 7.400 s to 32.200 s</title>", "Degraded (passive)",
                           "h-degraded", "h-disabled",
                           "primary: frozen (SIGSTOP), 6.000 s to "
                           "18.000 s",
                           "Step 5: wait until primary is active", "aria-labelledby", "<desc"})
    EXPECT_THAT(svg, HasSubstr(part));
}

TEST(Json, has_a_format_and_every_part) {
  const json result = json::parse(report::to_json(sample_run()));
  EXPECT_EQ(result["format"], 1);
  EXPECT_EQ(result["outcome"], "missed");
  EXPECT_EQ(result["exit_code"], 1);
  EXPECT_EQ(result["started"], "2026-11-24T02:17:29.123Z");
  EXPECT_EQ(result["objectives"][2]["met"], "no");
  EXPECT_EQ(result["objectives"][4]["met"], "not_measured");
  EXPECT_EQ(result["measures"]["failback_ms"], 14'000);
  EXPECT_TRUE(result["measures"]["alert_within_ms"].is_null());
  EXPECT_EQ(result["starts"]["ghost"], 1);
  EXPECT_EQ(result["steps"][0]["done"], true);
  EXPECT_EQ(result["sequence"].size(), 5u + 2 + 4 + 2 + 2);
  EXPECT_EQ(report::to_json(sample_run()), report::to_json(sample_run()));
  EXPECT_LT(report::to_json(sample_run()).find("\"product\""), 10u);
}

TEST(Junit, has_a_case_for_each_objective_step_and_steady_state) {
  const std::string xml = report::to_junit(sample_run());
  EXPECT_EQ(why_not_well_formed(xml, false), "");
  EXPECT_THAT(xml, HasSubstr("<testsuite name=\"understudy.rehearsal.primary-freeze\" "
                             "tests=\"12\" failures=\"2\" errors=\"0\" skipped=\"0\" "
                             "time=\"40.000\" timestamp=\"2026-11-24T02:17:29\""));
  EXPECT_EQ(count_of(xml, "<testcase "), 12u);
  EXPECT_EQ(count_of(xml, "<failure "), 2u);
  EXPECT_THAT(xml, HasSubstr("target ≤ 12 s, measured 14.0 s"));
}

TEST(Junit, a_step_that_was_not_reached_is_skipped_and_a_run_that_says_nothing_is_an_error) {
  report::Run run = sample_run();
  run.record.steps.clear();
  run.judgement.objectives.clear();
  run.judgement.outcome = verdict::Outcome::interrupted;
  const std::string xml = report::to_junit(run);
  EXPECT_EQ(count_of(xml, "<skipped "), 2u);
  EXPECT_EQ(count_of(xml, "<error "), 1u);
  EXPECT_THAT(xml, HasSubstr("errors=\"1\" skipped=\"2\""));
}

TEST(Markdown, tells_the_verdict_the_objectives_and_the_findings) {
  const std::string text = report::to_markdown(sample_run());
  for (const char* part :
       {"## MISSED: primary-freeze", "| failback | ≤ 12 s | 14.0 s | ❌ missed |",
        "**high**: Failback took longer", "**not kept**", "Not Azure's RTO"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(Basis, says_what_was_modelled_with_which_settings) {
  report::Run run = sample_run();
  run.scenario.time_scale = 20;
  run.scenario.topology.lease_scale = 10;
  std::string all;
  for (const std::string& one : report::basis_of(run).modelled) all += one + "\n";
  for (const char* part :
       {"stand-ins, all on one machine", "cold start is a delay of 900 ms", "every 2.00 s",
        "300 ms apart", "divided by 10", "divided by 20", "not the RTO or RPO of Azure"})
    EXPECT_THAT(all, HasSubstr(part));
  EXPECT_THAT(report::to_html(run), HasSubstr("divided by 20"));
}

TEST(Basis, of_a_running_proxy_names_no_stand_in) {
  report::Run run = sample_run();
  run.attached = true;
  for (scenario::Endpoint& one : run.scenario.topology.endpoints) one.is = config::Url{};
  const std::string html = report::to_html(run);
  EXPECT_THAT(html, HasSubstr("played inside the proxy"));
  EXPECT_THAT(html, Not(HasSubstr("stand-in")));
}

}  // namespace
