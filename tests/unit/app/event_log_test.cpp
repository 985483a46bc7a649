#include "app/event_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
  r.trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  r.method = "GET";
  r.kind = durable::RequestKind::plain;
  r.client = "127.0.0.1";
  r.path = "/a b\"\n";
  r.note = "connect_failed";
  return r;
}

std::string line_of(config::LogFormat format, const proxy::RequestRecord& r) {
  AccessLines lines{format};
  lines.add(r, [](routing::EndpointId id) -> std::string_view {
    return id == 1 ? "primary" : "secondary";
  });
  EXPECT_TRUE(lines.text().ends_with('\n'));
  return std::string(lines.text().substr(0, lines.text().size() - 1));
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
  const std::string line = line_of(config::LogFormat::text, record());
  EXPECT_THAT(line, HasSubstr("127.0.0.1 plain GET \"/a b\\\"\\n\" -> 200 secondary (retry)"));
  EXPECT_THAT(line, HasSubstr("12.3 ms [connect 0.2, first byte 11.0]"));
  EXPECT_THAT(line, HasSubstr("attempts 2 trace 4bf92f3577b34da6a3ce929d0e0e4736 note"));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
}

TEST(AccessLines, JsonParsesBack) {
  const auto json = nlohmann::json::parse(line_of(config::LogFormat::json, record()));
  EXPECT_EQ(json["path"], "/a b\"\n");
  EXPECT_EQ(json["endpoint"], "secondary");
  EXPECT_EQ(json["status"], 200);
  EXPECT_EQ(json["at"], "2023-11-14T22:13:20.250Z");
  EXPECT_EQ(json["totalMs"], 12.345);
  EXPECT_EQ(json["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST(AccessLines, EachFailedAttemptIsNamedWithItsReason) {
  proxy::RequestRecord r = record();
  r.failed.add({1, proxy::AttemptFailureKind::connect});
  r.failed.add({2, proxy::AttemptFailureKind::first_byte_timeout});
  EXPECT_THAT(line_of(config::LogFormat::text, r),
              HasSubstr(" failed primary connect, secondary first_byte_timeout"));
  const auto failed = nlohmann::json::parse(line_of(config::LogFormat::json, r))["failed"];
  EXPECT_EQ(failed, nlohmann::json::parse(R"([{"endpoint": "primary", "how": "connect"},
                                             {"endpoint": "secondary", "how": "first_byte_timeout"}])"));
}

TEST(AccessLines, JsonNumbersAreExactAndStayNumbers) {
  for (const std::uint32_t micros : {0u, 1u, 10u, 100u, 999u, 1000u, 1001u, 1230u, 4294967295u}) {
    proxy::RequestRecord r = record();
    r.total_us = micros;
    const auto json = nlohmann::json::parse(line_of(config::LogFormat::json, r));
    EXPECT_DOUBLE_EQ(json["totalMs"].get<double>(), micros / 1000.0) << micros;
  }
}

TEST(AccessLines, NoByteOfAPathEndsItsLineOrItsString) {
  for (int byte = 0; byte < 256; ++byte) {
    proxy::RequestRecord r = record();
    r.path = "/" + std::string(200, static_cast<char>(byte));
    const std::string json = line_of(config::LogFormat::json, r);
    EXPECT_TRUE(nlohmann::json::accept(json)) << byte;
    EXPECT_THAT(json + line_of(config::LogFormat::text, r), Not(HasSubstr("\n"))) << byte;
  }
}

TEST(AccessLines, ABatchIsFullBeforeItsBufferIs) {
  AccessLines lines{config::LogFormat::json};
  proxy::RequestRecord r = record();
  r.path = std::string(159, '\x01');
  r.note = std::string(47, '\x02');
  r.client = std::string(45, '\x03');
  r.method = std::string(11, '\x04');
  const std::string name(500, '\x05');
  const AccessLines::NameOf name_of = [&](routing::EndpointId) { return std::string_view{name}; };
  for (int i = 0; i < 9; ++i) r.failed.add({1, proxy::AttemptFailureKind::answer_proves_not_run});
  std::size_t count = 0;
  for (; !lines.full(); ++count) lines.add(r, name_of);
  const std::string text{lines.text()};
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), static_cast<std::ptrdiff_t>(count));
  lines.clear();
  EXPECT_TRUE(lines.text().empty());
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
    log.add_access(record(), [](routing::EndpointId) { return "primary"; });
    log.send_access();
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
    log.add_access(record(), [](routing::EndpointId) { return "primary"; });
    log.send_access();
  }
  EXPECT_EQ(read(path), "");
}

}  // namespace
}  // namespace app
