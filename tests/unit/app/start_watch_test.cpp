// Which alerts hold because of starts, and how their news read.
#include "app/start_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace app {
namespace {

using namespace std::chrono_literals;
using ledger::AlertKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const StartWatch::TimePoint now = StartWatch::TimePoint{} + 1h;

struct Watched {
  StartWatch watch;
  ledger::StartLedgerStatus status;

  void news(AlertKind kind, const std::string& id = "abc", StartWatch::TimePoint at = now) {
    ledger::StartNews told;
    told.kind = kind;
    told.id = id;
    watch.note(told, at);
  }
  std::vector<std::string> kinds(StartWatch::TimePoint at = now) {
    watch.sample(status, at);
    std::vector<std::string> out;
    for (const Alert& alert : watch.alerts(status, at)) out.push_back(alert.kind);
    return out;
  }
  std::string text(StartWatch::TimePoint at = now) {
    watch.sample(status, at);
    const auto alerts = watch.alerts(status, at);
    return alerts.empty() ? "" : alerts.front().text;
  }
};

TEST(StartWatch, IsSilentWhileEverythingIsSettled) {
  Watched w;
  w.status.unknown = 12;
  w.status.queued = 3;
  w.status.unconfirmed = 15;
  EXPECT_THAT(w.kinds(), IsEmpty()) << "what resolves itself is no operator's business yet";
}

TEST(StartWatch, AnUnknownStartIsRaisedWhileItIsListed) {
  Watched w;
  w.news(AlertKind::unknown);
  w.status.listed = 1;
  EXPECT_THAT(w.kinds(), ElementsAre("starts_unknown"));
  EXPECT_THAT(w.text(), HasSubstr("abc"));
  EXPECT_THAT(w.text(), HasSubstr("understudy instances unknown"));
  EXPECT_THAT(w.kinds(now + 24h), ElementsAre("starts_unknown"));
  w.status.listed = 0;
  EXPECT_THAT(w.kinds(now + 25h), IsEmpty());
  w.status.listed = 1;  // another one
  EXPECT_THAT(w.kinds(now + 26h), ElementsAre("starts_listed")) << "not the old one again";
}

TEST(StartWatch, NewsThatComesBeforeTheStatusIsNotForgotten) {
  Watched w;
  w.news(AlertKind::late);
  EXPECT_THAT(w.kinds(now + 200ms), IsEmpty()) << "the status does not count it yet";
  w.status.listed = 1;
  EXPECT_THAT(w.kinds(now + 400ms), ElementsAre("starts_late"));
}

TEST(StartWatch, EachReasonForBeingListedHasItsOwnAlert) {
  Watched w;
  w.status.listed = 4;
  for (const AlertKind kind : {AlertKind::lost, AlertKind::refused, AlertKind::late,
                               AlertKind::not_repeatable, AlertKind::unknown})
    w.news(kind);
  EXPECT_THAT(w.kinds(), ElementsAre("starts_unknown", "starts_not_repeatable", "starts_late",
                                     "starts_refused", "starts_lost"));
}

TEST(StartWatch, WhatAnEarlierProcessListedIsRaisedToo) {
  Watched w;
  w.status.listed = 2;
  EXPECT_THAT(w.kinds(), ElementsAre("starts_listed"));
  EXPECT_THAT(w.text(), HasSubstr("2 starts are"));
}

TEST(StartWatch, ADiskThatRefusesIsRaisedUntilItTakesWritesAgain) {
  Watched w;
  w.status.disk_ok = false;
  w.status.disk_message = "/x/orders.db: No space left on device";
  EXPECT_THAT(w.kinds(), ElementsAre("ledger_disk"));
  EXPECT_THAT(w.text(), HasSubstr("No space left"));
  EXPECT_THAT(w.text(), HasSubstr("503"));
  w.status.disk_ok = true;
  EXPECT_THAT(w.kinds(), IsEmpty());
}

TEST(StartWatch, WhatCannotBeUndoneIsShownForAnHour) {
  Watched w;
  EXPECT_THAT(w.kinds(), IsEmpty());
  w.news(AlertKind::duplicate, "twice");
  w.status.duplicates = 1;
  EXPECT_THAT(w.kinds(), ElementsAre("starts_duplicate"));
  EXPECT_THAT(w.text(), HasSubstr("twice"));
  EXPECT_THAT(w.text(), HasSubstr("possible-duplicates"));
  EXPECT_THAT(w.kinds(now + 59min), ElementsAre("starts_duplicate"));
  EXPECT_THAT(w.kinds(now + 61min), IsEmpty());
}

TEST(NewsText, NamesTheStartTheFunctionAndTheEndpointOnce) {
  ledger::StartNews news;
  news.kind = AlertKind::unknown;
  news.id = "abc";
  news.function = "Order";
  news.text = "nobody knows whether it ran";
  EXPECT_EQ(news_text(news, "weu"), "start abc (Order) at weu: nobody knows whether it ran");
  EXPECT_EQ(news_text(news, ""), "start abc (Order): nobody knows whether it ran");
  news.text = "abc of Order is unknown at weu";
  EXPECT_EQ(news_text(news, "weu"), "start: abc of Order is unknown at weu");
  news.text.clear();
  news.id.clear();
  EXPECT_EQ(news_text(news, ""), "start (Order): unknown");
}

}  // namespace
}  // namespace app
