// Lists with instances that wait in the start ledger, and lists of some endpoints only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "desk/hub_desk.hpp"
#include "desk/waiting_rows.hpp"
#include "durable/merged_list.hpp"
#include "tests/integration/desk/hub_stand_in.hpp"

namespace {

using namespace std::chrono_literals;
using desk::Answer;
using desk::HubDesk;
using desk::ListJob;
using desk::WaitingRows;
using test::answer;
using test::HubStandIn;
using test::Inbox;
using test::picture_of;
using test::status_body;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Json = nlohmann::json;

constexpr const char* ten = "2026-11-23T10:00:00Z";
constexpr const char* noon = "2026-11-23T12:00:00Z";

std::vector<std::string> rows() {
  return {status_body("ten-1", "Pending", ten), status_body("noon-1", "Pending", noon),
          status_body("noon-2", "Terminated", noon)};
}

struct FilterRow {
  const char* query;
  std::vector<std::string> ids;
};

TEST(WaitingRows, PassTheFiltersThatTheAppsKnow) {
  const std::vector<std::string> all{"ten-1", "noon-1", "noon-2"}, none;
  for (const FilterRow& row : {
           FilterRow{"", all},
           FilterRow{"top=1&showInput=false", all},
           FilterRow{"runtimeStatus=Pending", {"ten-1", "noon-1"}},
           FilterRow{"RUNTIMESTATUS=pending%2Cterminated", all},
           FilterRow{"runtimeStatus=Running,%20Terminated", {"noon-2"}},
           FilterRow{"runtimeStatus=Running&runtimeStatus=Terminated", {"noon-2"}},
           FilterRow{"runtimeStatus=Running", none},
           FilterRow{"runtimeStatus=", all},
           FilterRow{"runtimeStatus=Nonsense", all},
           FilterRow{"createdTimeFrom=2026-11-23T12:00:00Z", {"noon-1", "noon-2"}},
           FilterRow{"createdTimeFrom=2026-11-23T12%3A00%3A00.001Z", none},
           FilterRow{"createdTimeTo=2026-11-23T10:00:00Z", {"ten-1"}},
           FilterRow{"createdTimeTo=2026-11-23T09:59:59Z", none},
           FilterRow{"createdTimeFrom=2026-11-23T09:00:00Z&createdTimeTo=2026-11-23T11:00:00Z",
                     {"ten-1"}},
           FilterRow{"createdTimeFrom=", all},
           FilterRow{"createdTimeFrom=yesterday", none},
           FilterRow{"instanceIdPrefix=noon", {"noon-1", "noon-2"}},
           FilterRow{"instanceIdPrefix=noon%2D2&runtimeStatus=Terminated", {"noon-2"}},
           FilterRow{"instanceIdPrefix=Noon", none},
       }) {
    const WaitingRows waiting{rows(), row.query};
    std::vector<std::string> ids;
    for (const std::string& each : waiting.passed()) ids.push_back(Json::parse(each)["instanceId"]);
    EXPECT_EQ(ids, row.ids) << row.query;
  }
}

TEST(WaitingRows, StandForTheirIdsOnlyWhenShown) {
  const WaitingRows pending{rows(), "runtimeStatus=Pending"};
  EXPECT_TRUE(pending.shows(status_body("ten-1", "Running")));
  EXPECT_FALSE(pending.shows(status_body("noon-2", "Terminated")));
  EXPECT_FALSE(pending.shows(status_body("other", "Running")));
  EXPECT_FALSE(pending.shows("7"));
}

TEST(WaitingRows, TheSameIdIsShownOnceAndWhatIsNoRowNever) {
  std::vector<std::string> odd{
      status_body("x", "Pending"), status_body("x", "Failed"), "{}", "[", "", "\"text\""};
  EXPECT_THAT(WaitingRows(odd, "").passed(), ElementsAre(status_body("x", "Pending")));
}

std::string header(const Answer& answer, std::string_view name) {
  const std::string* value = transport::find_header(answer.headers, name);
  return value == nullptr ? "" : *value;
}

std::vector<std::string> ids(const Answer& answer) {
  std::vector<std::string> out;
  for (const Json& each : Json::parse(answer.body)) out.push_back(each["instanceId"]);
  return out;
}

std::string field_of(const std::string& request, const std::string& name) {
  const std::size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return request.substr(begin, request.find("\r\n", begin) - begin);
}

// Gives at most `top` of these, with tokens of its own.
HubStandIn::Script hub_of(std::vector<std::string> its_ids) {
  return [its_ids](const std::string& request) {
    const std::string token = field_of(request, "x-ms-continuation-token");
    const std::size_t first = token.empty() ? 0 : std::stoul(token.substr(1));
    std::size_t last = its_ids.size();
    const std::size_t top = request.find("top=");
    if (top != std::string::npos)
      last = std::min(last, first + std::stoul(request.substr(top + 4)));
    std::string body;
    for (std::size_t i = first; i < last; ++i)
      body += (body.empty() ? "" : ",") + status_body(its_ids[i], "Running");
    const std::string more = "x-ms-continuation-token: t" + std::to_string(last) + "\r\n";
    return answer("200 OK", "[" + body + "]", last < its_ids.size() ? more : "");
  };
}

ListJob job_of(desk::SharedPicture picture, std::string query,
               const std::vector<std::string>& waiting, std::vector<std::size_t> order = {}) {
  ListJob job;
  job.picture = std::move(picture);
  job.query = std::move(query);
  for (const std::string& id : waiting) job.waiting.push_back(status_body(id, "Pending"));
  job.order = std::move(order);
  job.deadline = test::in(5s);
  return job;
}

Answer list(ListJob job) {
  Inbox<Answer> inbox;
  HubDesk desk;
  desk.list(std::move(job), inbox.put());
  return inbox.one();
}

struct WalkRow {
  const char* name;
  int top;
  std::vector<std::string> waiting, weu, neu, wanted;
};

TEST(WaitingLists, WaitingOnesComeFirstAndNobodyIsGivenTwice) {
  using Ids = std::vector<std::string>;
  for (const WalkRow& row : {
           WalkRow{"one page", 100, {"q1", "q2"}, {"a"}, {"b"}, Ids{"q1", "q2", "a", "b"}},
           WalkRow{"they fill part of the page",
                   3,
                   {"q1", "q2"},
                   {"a", "b"},
                   {"c"},
                   Ids{"q1", "q2", "a", "b", "c"}},
           WalkRow{"they fill the page", 2, {"q1", "q2"}, {"a"}, {"b"}, Ids{"q1", "q2", "a", "b"}},
           WalkRow{"they fill several",
                   2,
                   {"q1", "q2", "q3", "q4", "q5"},
                   {"a"},
                   {"b"},
                   Ids{"q1", "q2", "q3", "q4", "q5", "a", "b"}},
           WalkRow{"pages of one", 1, {"q1", "q2"}, {"a"}, {"b"}, Ids{"q1", "q2", "a", "b"}},
           WalkRow{"a hub has it already",
                   10,
                   {"q1", "x"},
                   {"a", "x", "b"},
                   {"c"},
                   Ids{"q1", "x", "a", "b", "c"}},
           WalkRow{"a hub has it already, on a later page",
                   2,
                   {"x", "q1"},
                   {"a", "b"},
                   {"c", "x", "d"},
                   Ids{"x", "q1", "a", "b", "c", "d"}},
           WalkRow{"nothing anywhere else", 5, {"q1"}, {}, {}, Ids{"q1"}},
           WalkRow{"nothing waits", 2, {}, {"a", "b"}, {"c"}, Ids{"a", "b", "c"}},
       }) {
    HubStandIn weu{hub_of(row.weu)}, neu{hub_of(row.neu)};
    const auto picture = picture_of({weu.endpoint("weu"), neu.endpoint("neu")});
    std::vector<std::string> seen;
    std::string token;
    int pages = 0;
    do {
      ListJob job = job_of(picture, "top=" + std::to_string(row.top), row.waiting);
      job.continuation_token = token;
      const Answer page = list(std::move(job));
      ASSERT_EQ(page.status, 200) << row.name << ": " << page.body;
      EXPECT_THAT(ids(page), SizeIs(::testing::Le(static_cast<std::size_t>(row.top)))) << row.name;
      for (std::string& id : ids(page)) seen.push_back(std::move(id));
      token = header(page, "x-ms-continuation-token");
    } while (!token.empty() && ++pages < 50);
    EXPECT_EQ(seen, row.wanted) << row.name;
  }
}

TEST(WaitingLists, AFullPageAsksNobody) {
  HubStandIn weu{hub_of({"a"})};
  const Answer page = list(job_of(picture_of({weu.endpoint("weu")}), "top=1", {"q1", "q2"}));
  EXPECT_THAT(ids(page), ElementsAre("q1"));
  EXPECT_EQ(weu.count(), 0U);
}

// The instance began to run between two pages: the token that counted it stays good.
TEST(WaitingLists, ATokenOutlivesWhatWaited) {
  HubStandIn weu{hub_of({"a", "b"})};
  const auto picture = picture_of({weu.endpoint("weu")});
  ListJob rest = job_of(picture, "top=2", {});
  rest.continuation_token =
      header(list(job_of(picture, "top=2", {"q1", "q2", "q3"})), "x-ms-continuation-token");
  EXPECT_FALSE(rest.continuation_token.empty());
  EXPECT_THAT(ids(list(std::move(rest))), ElementsAre("a", "b"));
}

TEST(WaitingLists, AreAPartWhenEveryRegionIsAway) {
  desk::DeskEndpoint away = test::nobody("weu");
  away.away = true;
  const auto picture = picture_of({away});
  EXPECT_EQ(list(job_of(picture, "", {"q1"})).status, 503) << "not without saying so";
  const Answer part = list(job_of(picture, "partial=allow", {"q1"}));
  EXPECT_EQ(part.status, 200);
  EXPECT_THAT(ids(part), ElementsAre("q1"));
  EXPECT_EQ(header(part, "X-Understudy-Partial"), "weu");
}

TEST(WaitingLists, HaveNoEntities) {
  HubStandIn weu{[](const std::string&) { return answer("200 OK", "[]"); }};
  ListJob job = job_of(picture_of({weu.endpoint("weu")}), "", {"q1"});
  job.entities = true;
  EXPECT_EQ(list(std::move(job)).body, "[]");
}

TEST(OrderedLists, AskOnlyThoseNamedAndMissNobodyElse) {
  HubStandIn weu{hub_of({"a"})}, neu{hub_of({"b"})};
  desk::DeskEndpoint away = weu.endpoint("weu");
  away.away = true;
  const auto picture = picture_of({away, neu.endpoint("neu")});
  const Answer one = list(job_of(picture, "", {"q1"}, {1}));
  EXPECT_EQ(one.status, 200);
  EXPECT_THAT(ids(one), ElementsAre("q1", "b"));
  EXPECT_THAT(one.missing, IsEmpty());
  EXPECT_EQ(header(one, "X-Understudy-Partial"), "");
  const auto both = picture_of({weu.endpoint("weu"), neu.endpoint("neu")});
  EXPECT_THAT(ids(list(job_of(both, "", {}, {1, 0, 7}))), ElementsAre("b", "a"));
}

// A shared hub: the next page may be asked of another app, and without the desk.
TEST(OrderedLists, OneAloneKeepsItsOwnTokens) {
  HubStandIn weu{hub_of({"a", "b", "c", "d"})}, neu{hub_of({"a", "b", "c", "d"})};
  const auto picture = picture_of({weu.endpoint("weu"), neu.endpoint("neu")});
  const Answer first = list(job_of(picture, "top=3", {"q1"}, {0}));
  EXPECT_THAT(ids(first), ElementsAre("q1", "a", "b"));
  EXPECT_EQ(header(first, "x-ms-continuation-token"), "t2");
  ListJob elsewhere = job_of(picture, "top=3", {"q1"}, {1});
  elsewhere.continuation_token = "t2";
  const Answer second = list(std::move(elsewhere));
  EXPECT_THAT(ids(second), ElementsAre("c", "d")) << "what waits was on the first page";
  EXPECT_EQ(header(second, "x-ms-continuation-token"), "");

  // Where only the desk knows the place, the token is the desk's, and good at the other one too.
  const Answer full = list(job_of(picture, "top=1", {"q1"}, {0}));
  const std::string ours = header(full, "x-ms-continuation-token");
  EXPECT_TRUE(durable::decode_list_token(ours));
  ListJob moved = job_of(picture, "top=9", {"q1"}, {1});
  moved.continuation_token = ours;
  EXPECT_THAT(ids(list(std::move(moved))), ElementsAre("a", "b", "c", "d"));
}

}  // namespace
