// The clients of a rehearsal, against a scripted app.
#include "rehearsal/stage/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <set>

#include "play.hpp"
#include "rehearsal/stage/client_plan.hpp"
#include "transport/http_server.hpp"
#include "transport/spawn.hpp"

namespace stage {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using transport::ServerRequest;
using transport::ServerResponse;
using verdict::RequestKind;
using verdict::Said;

// The plan ---------------------------------------------------------------------------------------

std::vector<std::string> planned(const scenario::Load& load, int count) {
  ClientPlan plan{load};
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) {
    const PlannedRequest next = plan.next();
    out.push_back(next.path + "|" + next.body + "|" + std::to_string(next.client));
  }
  return out;
}

TEST(ClientPlan, IsTheSameForTheSameSeedAndAnotherForAnother) {
  scenario::Load load;
  const auto first = planned(load, 500);
  EXPECT_EQ(planned(load, 500), first);
  load.seed = 8;
  EXPECT_NE(planned(load, 500), first);
}

TEST(ClientPlan, KeepsTheSharesOfTheMix) {
  scenario::Load load;
  ClientPlan plan{load};
  int starts = 0, custom = 0, chosen = 0;
  std::set<int> clients, numbers;
  for (int i = 0; i < 10'000; ++i) {
    const PlannedRequest next = plan.next();
    clients.insert(next.client);
    if (next.kind != RequestKind::start) continue;
    ++starts;
    custom += next.custom;
    chosen += !next.given_id.empty();
    EXPECT_TRUE(numbers.insert(next.number).second) << "each start has a number of its own";
    EXPECT_FALSE(next.custom && !next.given_id.empty()) << "a custom starter takes no id";
  }
  EXPECT_NEAR(starts, 3000, 200);
  EXPECT_NEAR(custom, starts * 0.25, 120);
  EXPECT_NEAR(chosen, starts * 0.5, 150);
  EXPECT_THAT(clients, SizeIs(8));
}

TEST(ClientPlan, OnlyGetsOrOnlyStarts) {
  scenario::Load load;
  load.starts = 0;
  ClientPlan gets{load};
  for (int i = 0; i < 100; ++i) EXPECT_EQ(gets.next().kind, RequestKind::get);
  load.starts = 1;
  load.gets = 0;
  ClientPlan starts{load};
  for (int i = 0; i < 100; ++i) EXPECT_EQ(starts.next().kind, RequestKind::start);
}

struct AnswerCase {
  const char* name;
  int status;
  const char* outcome;
  const char* retry_after;
  const char* body;
  Said said;
};

class StartAnswer : public testing::TestWithParam<AnswerCase> {};

constexpr const char* payload = R"({"id":"a","statusQueryGetUri":"http://proxy:1/s"})";

TEST_P(StartAnswer, SaysWhatBecameOfIt) {
  const AnswerCase& given = GetParam();
  const std::string outcome = given.outcome, retry = given.retry_after;
  verdict::Start start;
  const std::string url = take_start_answer(given.status, outcome.empty() ? nullptr : &outcome,
                                            retry.empty() ? nullptr : &retry, nullptr, given.body,
                                            "http://proxy:1", start);
  EXPECT_EQ(start.said, given.said);
  EXPECT_EQ(url, given.said == Said::accepted ? "http://proxy:1/s" : "");
  EXPECT_EQ(start.unconfirmed, outcome == "unconfirmed" || outcome == "queued");
}

INSTANTIATE_TEST_SUITE_P(
    Every, StartAnswer,
    testing::Values(AnswerCase{"accepted", 202, "", "", payload, Said::accepted},
                    AnswerCase{"created", 201, "", "", payload, Said::accepted},
                    AnswerCase{"unconfirmed", 202, "unconfirmed", "1", payload, Said::accepted},
                    AnswerCase{"queued", 202, "queued", "1", payload, Said::accepted},
                    AnswerCase{"not_run", 500, "not_run", "", "", Said::refused},
                    AnswerCase{"away", 503, "", "1", "", Said::refused},
                    AnswerCase{"busy_without_retry", 503, "", "", "", Said::failed},
                    AnswerCase{"unknown", 504, "unknown", "", "", Said::unknown},
                    AnswerCase{"bad_key", 401, "", "", "", Said::failed},
                    AnswerCase{"no_payload", 202, "", "", "fine", Said::failed},
                    AnswerCase{"not_json", 202, "", "", "{", Said::failed},
                    AnswerCase{"list", 202, "", "", "[1]", Said::failed}),
    [](const auto& one) { return std::string{one.param.name}; });

TEST(StartAnswer, UrlsThatLeadElsewhereAreNotedWithoutTheirKeys) {
  verdict::Start start;
  const std::string location = "http://app:7071/s?code=secret";
  take_start_answer(
      202, nullptr, nullptr, &location,
      R"({"id":"a","statusQueryGetUri":"http://proxy:12/s","purgeUri":"http://proxy:1/p"})",
      "http://proxy:1", start);
  EXPECT_THAT(start.wrong_urls, ElementsAre("http://app:7071/s", "http://proxy:12/s"));
}

TEST(FinalStatus, IsOnlyTakenFromAWholeAnswer) {
  EXPECT_EQ(final_status(200, R"({"runtimeStatus":"Completed"})"), "Completed");
  EXPECT_EQ(final_status(200, R"({"runtimeStatus":"Running"})"), "");
  EXPECT_EQ(final_status(202, R"({"runtimeStatus":"Completed"})"), "");
  EXPECT_EQ(final_status(200, "[]"), "");
}

// At work ----------------------------------------------------------------------------------------

struct App {
  explicit App(asio::io_context& context)
      : server{context.get_executor(), config::Address{"127.0.0.1", 0},
               [this](ServerRequest request) { return handle(std::move(request)); }} {}

  asio::awaitable<ServerResponse> handle(ServerRequest request) {
    seen.push_back(request.method + " " + request.target);
    ServerResponse response = answer(request);
    if (hangs) {
      asio::steady_timer never{server_executor(), std::chrono::steady_clock::time_point::max()};
      boost::system::error_code ignored;
      co_await never.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return response;
  }
  asio::any_io_executor server_executor() const { return executor; }
  std::string origin() const { return "http://" + server.address(); }

  ServerResponse ok(int status, std::string body) const {
    ServerResponse response{status, "application/json", std::move(body)};
    response.headers.emplace_back("X-Served-By", "app");
    return response;
  }
  ServerResponse accept(const std::string& id) const {
    return ok(202, R"({"id":")" + id + R"(","statusQueryGetUri":")" + origin() + "/status/" + id +
                       R"(?x=%20y"})");
  }

  std::function<ServerResponse(const ServerRequest&)> answer =
      [this](const ServerRequest& request) {
        if (request.method == "POST") return accept("i" + std::to_string(++starts));
        if (request.path().starts_with("/status/")) {
          const bool final = ++polls % 3 == 0;
          return ok(final ? 200 : 202, final ? R"({"runtimeStatus":"Completed"})" : "{}");
        }
        return ok(200, "fine");
      };
  asio::any_io_executor executor;
  bool hangs = false;
  int starts = 0, polls = 0;
  std::vector<std::string> seen;
  transport::HttpServer server;
};

struct LoadTest : testing::Test {
  LoadTest() {
    app.executor = context.get_executor();
    settings.rate = 200;
    settings.poll_every = 20ms;
    settings.patience = 300ms;
  }

  // Sends for so long, then finishes.
  void play(std::chrono::milliseconds time, std::chrono::milliseconds limit = 5s) {
    Load load{context.get_executor(), settings, app.origin(), clock, record};
    const auto whole = [&]() -> asio::awaitable<void> {
      load.begin();
      asio::steady_timer timer{context, time};
      boost::system::error_code ignored;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      load.stop_sending();
      co_await load.finish(limit);
      all_final = load.all_final();
      context.stop();
    };
    transport::spawn(context.get_executor(), "test", whole());
    context.run();
  }

  asio::io_context context{1};
  App app{context};
  scenario::Load settings;
  Clock clock;
  verdict::RunRecord record;
  bool all_final = false;
};

TEST_F(LoadTest, FollowsEachStartAtExactlyTheUrlOfItsAnswer) {
  settings.gets = 0;
  settings.starts = 1;
  play(200ms);
  EXPECT_TRUE(all_final);
  ASSERT_FALSE(record.starts.empty());
  for (const verdict::Start& start : record.starts) {
    EXPECT_EQ(start.said, Said::accepted) << start.detail;
    EXPECT_EQ(start.final, "Completed");
    EXPECT_TRUE(start.answered && start.final_at && *start.answered <= *start.final_at);
    EXPECT_THAT(start.wrong_urls, IsEmpty());
  }
  EXPECT_THAT(app.seen, testing::Contains(HasSubstr("GET /status/i1?x=%20y")));
}

TEST_F(LoadTest, NotesWhoAnsweredAndHowLongItTook) {
  settings.starts = 0;
  play(200ms);
  EXPECT_GE(record.requests.size(), 20U);
  for (const verdict::Request& request : record.requests) {
    EXPECT_EQ(request.served_by, "app");
    EXPECT_EQ(request.trouble, "");
    EXPECT_LE(request.due, request.ended);
  }
}

TEST_F(LoadTest, AServerThatHangsTimesOutAndDoesNotHoldTheRest) {
  app.hangs = true;
  play(300ms);
  ASSERT_GE(record.requests.size(), 30U);
  for (const verdict::Request& request : record.requests) EXPECT_EQ(request.trouble, "timed out");
  for (const verdict::Start& start : record.starts) EXPECT_EQ(start.said, Said::unanswered);
}

TEST_F(LoadTest, ResetsAndGarbageHaveWords) {
  settings.starts = 0;
  app.answer = [this](const ServerRequest&) {
    ServerResponse response = app.ok(200, "");
    response.reset_connection = true;
    return response;
  };
  play(100ms);
  for (const verdict::Request& request : record.requests) EXPECT_EQ(request.trouble, "reset");
  record.requests.clear();
  context.restart();
  app.answer = [this](const ServerRequest&) { return app.ok(503, "away"); };
  play(100ms);
  ASSERT_FALSE(record.requests.empty());
  for (const verdict::Request& request : record.requests) EXPECT_EQ(request.trouble, "status 503");
}

TEST_F(LoadTest, StartsThatNeverEndAreLeftAtTheLimit) {
  settings.gets = 0;
  settings.starts = 1;
  app.answer = [this](const ServerRequest& request) {
    if (request.method == "POST") return app.accept("i" + std::to_string(++app.starts));
    return app.ok(202, "{}");
  };
  play(100ms, 200ms);
  EXPECT_FALSE(all_final);
  for (const verdict::Start& start : record.starts) EXPECT_EQ(start.final, "");
}

TEST_F(LoadTest, MayGoAwayWithEverythingInFlight) {
  app.hangs = true;
  {
    Load load{context.get_executor(), settings, app.origin(), clock, record};
    load.begin();
    context.run_for(150ms);
  }
  const std::size_t noted = record.requests.size() + record.starts.size();
  context.run_for(600ms);
  EXPECT_EQ(record.requests.size() + record.starts.size(), noted) << "nothing is noted afterwards";
}

}  // namespace
}  // namespace stage
