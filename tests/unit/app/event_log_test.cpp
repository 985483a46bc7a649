#include "app/event_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <std::size_t N>
void set(std::array<char, N>& field, std::string_view text) {
  std::memcpy(field.data(), text.data(), std::min(text.size(), N));
}

proxy::RequestRecord record() {
  proxy::RequestRecord r;
  r.wall_us = 1'700'000'000'250'000;
  r.total_us = 12'345;
  r.connect_us = 200;
  r.first_byte_us = 11'000;
  r.bytes_out = 1024;
  r.status = 200;
  r.attempts = 2;
  r.reason = routing::Reason::retry;
  set(r.method, "GET");
  set(r.kind, "plain");
  set(r.client, "127.0.0.1");
  set(r.path, "/a b\"\n");
  set(r.note, "connect_failed");
  return r;
}

Event event() {
  Event e;
  e.at = WallTime{std::chrono::seconds{1'700'000'000}};
  e.kind = "health";
  e.level = "warning";
  e.endpoint = "primary";
  e.text = "primary: Online -> Degraded\ninjected";
  e.seconds = 0.25;
  return e;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(EventLines, TextIsOneLineWhateverTheEventSays) {
  const std::string line = event_as_text(event());
  EXPECT_THAT(line, HasSubstr("2023-11-14T22:13:20.000Z warning health"));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
}

TEST(EventLines, JsonParsesBack) {
  const auto json = nlohmann::json::parse(event_as_json(event()));
  EXPECT_EQ(json["text"], "primary: Online -> Degraded\ninjected");
  EXPECT_EQ(json["seconds"], 0.25);
  EXPECT_FALSE(json.contains("from")) << "empty members are left out";
}

TEST(AccessLines, TextShowsEndpointReasonAttemptsAndTimings) {
  const std::string line = access_as_text(record(), "secondary");
  EXPECT_THAT(line, HasSubstr("127.0.0.1 plain GET \"/a b\\\"\\n\" -> 200 secondary (retry)"));
  EXPECT_THAT(line, HasSubstr("12.3 ms [connect 0.2, first byte 11.0]"));
  EXPECT_THAT(line, HasSubstr("attempts 2"));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
}

TEST(AccessLines, JsonParsesBack) {
  const auto json = nlohmann::json::parse(access_as_json(record(), "secondary"));
  EXPECT_EQ(json["path"], "/a b\"\n");
  EXPECT_EQ(json["endpoint"], "secondary");
  EXPECT_EQ(json["status"], 200);
  EXPECT_EQ(json["at"], "2023-11-14T22:13:20.250Z");
  EXPECT_EQ(json["totalMs"], 12.345);
}

TEST(EventLog, WritesToAFileAboveItsLevelAndAlwaysWritesAlerts) {
  const std::filesystem::path path = ::testing::TempDir() + "understudy-events.log";
  std::filesystem::remove(path);
  config::Config::Log settings;
  settings.file = path;
  settings.level = config::LogLevel::error;
  {
    EventLog log{settings};
    log.write("info", "test", "too quiet");
    log.write("alert", "test", "loud enough");
    log.write_access({record()}, [](health::EndpointId) { return "primary"; });
  }
  const std::string text = read(path);
  EXPECT_THAT(text, Not(HasSubstr("too quiet")));
  EXPECT_THAT(text, HasSubstr("loud enough"));
  EXPECT_THAT(text, HasSubstr("-> 200 primary"));
}

TEST(EventLog, AReloadOpensTheFileAfreshAndAnImpossibleFileChangesNothing) {
  const std::filesystem::path path = ::testing::TempDir() + "understudy-rotate.log";
  const std::filesystem::path moved = ::testing::TempDir() + "understudy-rotate.log.1";
  std::filesystem::remove(path);
  config::Config::Log settings;
  settings.file = path;
  {
    EventLog log{settings};
    log.write("info", "test", "before");
    std::filesystem::rename(path, moved);
    EXPECT_EQ(log.configure(settings), "");
    log.write("info", "test", "after");
    config::Config::Log impossible = settings;
    impossible.file = path.string() + "/a-file-is-no-folder.log";
    EXPECT_NE(log.configure(impossible), "");
    log.write("info", "test", "still here");
  }
  EXPECT_THAT(read(moved), HasSubstr("before"));
  EXPECT_THAT(read(path), HasSubstr("after"));
  EXPECT_THAT(read(path), HasSubstr("still here"));
}

TEST(EventLog, AccessLinesCanBeTurnedOff) {
  const std::filesystem::path path = ::testing::TempDir() + "understudy-noaccess.log";
  std::filesystem::remove(path);
  config::Config::Log settings;
  settings.file = path;
  settings.access = false;
  {
    EventLog log{settings};
    log.write_access({record()}, [](health::EndpointId) { return "primary"; });
  }
  EXPECT_EQ(read(path), "");
}

}  // namespace
}  // namespace app
