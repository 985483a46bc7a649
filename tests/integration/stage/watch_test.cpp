// The watch on a proxy that is scripted, restarted and away.
#include "rehearsal/stage/watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>

#include "play.hpp"
#include "transport/http_server.hpp"

namespace stage {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::ElementsAre;
using transport::ServerRequest;
using transport::ServerResponse;

struct WatchTest : testing::Test {
  void listen(std::uint16_t port = 0) {
    server = std::make_unique<transport::HttpServer>(
        context.get_executor(), config::Address{"127.0.0.1", port},
        [this](ServerRequest request) { return handle(std::move(request)); });
  }

  asio::awaitable<ServerResponse> handle(ServerRequest request) {
    std::string body = R"({"active":{"endpoint":")" + active +
                       R"("},"endpoints":[{"name":"primary","monitorStatus":"Online"}],)"
                       R"("alerts":[{"kind":"work_elsewhere"}]})";
    if (request.path() == "/api/events") body = R"({"events":[)" + events + "]}";
    ServerResponse response{200, "application/json", garbage ? "{" : body};
    co_return response;
  }

  static std::string event(int sequence, const std::string& text, const char* at = "2099") {
    return R"({"sequence":)" + std::to_string(sequence) + R"(,"at":")" + at + R"(-01-01T00:00:0)" +
           std::to_string(sequence) + R"(.000Z","kind":"health","text":")" + text + R"("})";
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const verdict::ProxyEvent& event : record.events) out.push_back(event.text);
    return out;
  }

  bool until(std::function<bool()> met) {
    return stage_test::play(context, stage_test::until(std::move(met), 5s));
  }

  asio::io_context context{1};
  std::unique_ptr<transport::HttpServer> server;
  std::string active = "primary", events;
  bool garbage = false;
  Clock clock;
  verdict::RunRecord record;
};

TEST_F(WatchTest, NotesEachEventOnceInOrderAndWhatIsShown) {
  events = event(2, "b") + "," + event(1, "a");
  listen();
  Watch watch{context.get_executor(), "http://" + server->address(), "", clock, record};
  watch.begin();
  ASSERT_TRUE(until([&] { return record.glimpses.size() >= 1; }));
  events = event(3, "c") + "," + events;
  ASSERT_TRUE(until([&] { return record.events.size() >= 3; }));
  stage_test::play(context, watch.finish());
  EXPECT_THAT(texts(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(record.glimpses.front().active, "primary");
  EXPECT_EQ(record.glimpses.front().status.at("primary"), "Online");
  EXPECT_THAT(record.glimpses.front().alerts, ElementsAre("work_elsewhere"));
}

TEST_F(WatchTest, EventsFromBeforeTheRunAreNoPartOfIt) {
  events = event(1, "old", "2001") + "," + event(2, "new");
  listen();
  Watch watch{context.get_executor(), "http://" + server->address(), "", clock, record};
  watch.begin();
  ASSERT_TRUE(until([&] { return !record.events.empty(); }));
  stage_test::play(context, watch.finish());
  EXPECT_THAT(texts(), ElementsAre("new"));
}

TEST_F(WatchTest, AProxyThatIsAwayAndComesBackCountsItsEventsAnew) {
  events = event(1, "a") + "," + event(2, "b") + "," + event(3, "c");
  listen();
  const std::uint16_t port = server->port();
  Watch watch{context.get_executor(), "http://" + server->address(), "", clock, record};
  watch.begin();
  ASSERT_TRUE(until([&] { return record.events.size() == 3; }));
  server.reset();
  ASSERT_TRUE(until([&] { return !record.glimpses.back().reachable; }));
  events = event(1, "again");
  active = "secondary";
  listen(port);
  ASSERT_TRUE(until([&] { return record.glimpses.back().active == "secondary"; }));
  ASSERT_TRUE(until([&] { return record.events.size() == 4; }));
  stage_test::play(context, watch.finish());
  EXPECT_THAT(texts(), ElementsAre("a", "b", "c", "again"));
}

TEST_F(WatchTest, GarbageIsAProxyThatCannotBeReached) {
  garbage = true;
  listen();
  Watch watch{context.get_executor(), "http://" + server->address(), "", clock, record};
  watch.begin();
  ASSERT_TRUE(until([&] { return !record.glimpses.empty(); }));
  EXPECT_FALSE(record.glimpses.front().reachable);
  stage_test::play(context, watch.finish());
}

TEST_F(WatchTest, MayGoAwayWhileItLooks) {
  listen();
  {
    Watch watch{context.get_executor(), "http://" + server->address(), "", clock, record};
    watch.begin();
    context.run_for(20ms);
  }
  const std::size_t noted = record.glimpses.size();
  context.restart();
  context.run_for(300ms);
  EXPECT_EQ(record.glimpses.size(), noted);
}

}  // namespace
}  // namespace stage
