// Each defect is planted among good starts, and exactly that is reported.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "plays.hpp"

namespace verdict::testing {
namespace {

using Words = std::map<std::string, std::int64_t>;

Words words_of(const Reconciliation& r) {
  const Words all{
      {"once", r.once},           {"completed", r.completed}, {"refused", r.refused},
      {"unknown", r.unknown},     {"failed", r.failed},       {"ghost", r.ghost},
      {"duplicate", r.duplicate}, {"lost", r.lost},           {"stranded", r.stranded},
      {"misnamed", r.misnamed},   {"nobodys", r.nobodys},     {"unanswered", r.unanswered}};
  Words out;
  for (const auto& [word, count] : all)
    if (count != 0) out.emplace(word, count);
  return out;
}

constexpr int odd_one = 7;

Start good() {
  return accepted(odd_one, 1s, 3s);
}
Start not_final() {
  Start out = good();
  out.final.clear();
  out.final_at.reset();
  return out;
}
Start shown_as_failed() {
  Start out = good();
  out.final = "Failed";
  return out;
}
Start chosen(const char* id) {
  Start out = good();
  out.given_id = id;
  return out;
}
Execution run() {
  return run_of(odd_one);
}
Execution running() {
  Execution out = run();
  out.status = "Running";
  out.finished.reset();
  return out;
}
Execution in_hub(const char* hub) {
  Execution out = run();
  out.hub = hub;
  return out;
}
Execution under(const char* id) {
  Execution out = run();
  out.id = id;
  return out;
}
Execution undone() {
  Execution out = run();
  out.lost = true;
  return out;
}
Execution without_payload() {
  Execution out = run();
  out.number.reset();
  return out;
}
Execution of_another() {
  return run_of(99);
}

struct Planted {
  const char* what;
  Start start;
  std::vector<Execution> runs;
  Words words;
};

class EachDefectHasItsName : public ::testing::TestWithParam<Planted> {};

TEST_P(EachDefectHasItsName, AndNothingElseIsReported) {
  std::vector<Start> starts{GetParam().start};
  std::vector<Execution> executions = GetParam().runs;
  for (const int other : {1, 2, 3}) {
    starts.push_back(accepted(other, 1s, 3s));
    executions.push_back(run_of(other));
  }
  Words found = words_of(reconcile(starts, executions, true));
  for (const char* word : {"once", "completed"})  // of the three others
    if ((found[word] -= 3) == 0) found.erase(word);
  EXPECT_EQ(found, GetParam().words) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Planted, EachDefectHasItsName,
    ::testing::Values(
        Planted{"accepted, ran, completed", good(), {run()}, {{"once", 1}, {"completed", 1}}},
        Planted{"refused and did not run", told(odd_one, Said::refused), {}, {{"refused", 1}}},
        Planted{"refused, but ran", told(odd_one, Said::refused), {run()}, {{"ghost", 1}}},
        Planted{"failed and did not run", told(odd_one, Said::failed), {}, {{"failed", 1}}},
        Planted{
            "failed, but ran", told(odd_one, Said::failed), {run()}, {{"failed", 1}, {"ghost", 1}}},
        Planted{"failed, but ran twice",
                told(odd_one, Said::failed),
                {run(), run()},
                {{"failed", 1}, {"ghost", 1}, {"duplicate", 1}}},
        Planted{
            "nobody knows, and it ran", told(odd_one, Said::unknown), {run()}, {{"unknown", 1}}},
        Planted{
            "nobody knows, and it did not run", told(odd_one, Said::unknown), {}, {{"unknown", 1}}},
        Planted{"nobody knows, and it ran twice",
                told(odd_one, Said::unknown),
                {run(), run()},
                {{"unknown", 1}, {"duplicate", 1}}},
        Planted{
            "ran twice in one hub", good(), {run(), run()}, {{"completed", 1}, {"duplicate", 1}}},
        Planted{"ran once in each hub",
                good(),
                {in_hub("a"), in_hub("b")},
                {{"completed", 1}, {"duplicate", 1}}},
        Planted{"accepted and never ran", good(), {}, {{"lost", 1}}},
        Planted{"accepted, never ran, never final: lost says more", not_final(), {}, {{"lost", 1}}},
        Planted{"accepted and not final", not_final(), {running()}, {{"once", 1}, {"stranded", 1}}},
        Planted{"shown as completed, but is not", good(), {running()}, {{"once", 1}}},
        Planted{"accepted, then shown as failed", shown_as_failed(), {}, {{"failed", 1}}},
        Planted{"accepted, then shown as failed, but ran",
                shown_as_failed(),
                {run()},
                {{"failed", 1}, {"ghost", 1}, {"once", 1}}},
        Planted{"the proxy died and it ran",
                told(odd_one, Said::unanswered),
                {run()},
                {{"unanswered", 1}}},
        Planted{"the proxy died and it ran twice",
                told(odd_one, Said::unanswered),
                {run(), run()},
                {{"unanswered", 1}, {"duplicate", 1}}},
        Planted{"ran under another id",
                good(),
                {under("x")},
                {{"once", 1}, {"completed", 1}, {"misnamed", 1}}},
        Planted{"answered with another id than was chosen",
                chosen("mine"),
                {run()},
                {{"once", 1}, {"completed", 1}, {"misnamed", 1}}},
        Planted{"ran, and an account failover undid it", good(), {undone()}, {{"lost", 1}}},
        Planted{"undone, and started again",
                good(),
                {undone(), run()},
                {{"once", 1}, {"completed", 1}}},
        Planted{"its payload is gone, its id tells",
                good(),
                {without_payload()},
                {{"once", 1}, {"completed", 1}}},
        Planted{"something that nobody started ran",
                good(),
                {run(), of_another()},
                {{"once", 1}, {"completed", 1}, {"nobodys", 1}}}));

TEST(Reconcile, NothingIsSaidOfNothing) {
  const Reconciliation none = reconcile({}, {}, true);
  EXPECT_TRUE(words_of(none).empty());
  EXPECT_EQ(none.sent, 0);
  EXPECT_TRUE(none.examples.empty());
}

TEST(Reconcile, WithoutExecutionsTheWordsAreWhatClientsSaw) {
  EXPECT_EQ(words_of(reconcile({good()}, {}, false)), (Words{{"completed", 1}}));
  EXPECT_EQ(words_of(reconcile({not_final()}, {}, false)), (Words{{"stranded", 1}}));
  EXPECT_EQ(words_of(reconcile({shown_as_failed()}, {}, false)), (Words{{"failed", 1}}));
  EXPECT_EQ(words_of(reconcile({told(1, Said::refused)}, {}, false)), (Words{{"refused", 1}}));
}

TEST(Reconcile, APartOfTheExecutionsProvesNothing) {
  EXPECT_EQ(words_of(reconcile({told(odd_one, Said::refused)}, {run(), of_another()}, false)),
            (Words{{"refused", 1}}));
}

TEST(Reconcile, PollsAreCountedByWhatTheyTold) {
  Start one = good();
  one.polls = {{200, 1}, {202, 2}, {503, 4}, {404, 8}, {500, 16}, {0, 32}};
  const Reconciliation found = reconcile({one}, {run()}, true);
  EXPECT_EQ(found.polls, 63);
  EXPECT_EQ(found.polls_not_found, 8);
  EXPECT_EQ(found.polls_failed, 48);
}

TEST(Reconcile, A404OfWhatAnAccountFailoverUndidIsTheTruth) {
  Start one = good();
  one.polls = {{404, 8}};
  EXPECT_EQ(reconcile({one}, {undone()}, true).polls_not_found, 0);
  EXPECT_EQ(reconcile({one}, {run()}, true).polls_not_found, 8);
}

TEST(Reconcile, WrongUrlsAndUnconfirmedStartsAreCounted) {
  Start one = good();
  one.unconfirmed = true;
  one.wrong_urls = {"http://app/a", "http://app/b"};
  const Reconciliation found = reconcile({one}, {run()}, true);
  EXPECT_EQ(found.unconfirmed, 1);
  EXPECT_EQ(found.wrong_urls, 2);
}

TEST(Reconcile, ExamplesNameTheStartAndAreFew) {
  std::vector<Start> starts;
  std::vector<Execution> executions;
  for (int number = 0; number < 40; ++number) {
    starts.push_back(told(number, Said::refused));
    executions.push_back(run_of(number));
  }
  starts.push_back(not_final());
  starts.back().number = 40;
  starts.back().id = "id-40";
  executions.push_back(run_of(40));
  const Reconciliation found = reconcile(starts, executions, true);
  EXPECT_EQ(found.ghost, 40);
  std::map<std::string, int> words;
  for (const auto& example : found.examples) ++words[example.word];
  EXPECT_EQ(words, (std::map<std::string, int>{{"ghost", 5}, {"stranded", 1}}));
  EXPECT_EQ(found.examples.front().number, 0);
  EXPECT_NE(found.examples.front().detail.find("ran 1x at primary"), std::string::npos);
}

}  // namespace
}  // namespace verdict::testing
