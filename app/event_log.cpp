#include "app/event_log.hpp"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "proxy/problem.hpp"

namespace app {
namespace {

std::string quoted(std::string_view text) {  // as a JSON string: no byte of it can end the line
  std::string out = "\"";
  proxy::append_json_escaped(out, text);
  return out + '"';
}

void add_member(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  fmt::format_to(std::back_inserter(out), ",\"{}\":{}", key, quoted(text));
}

void add_member(std::string& out, std::string_view key, double number) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":{:.6g}", key, number);
}

spdlog::level::level_enum threshold(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::debug:
      return spdlog::level::debug;
    case config::LogLevel::info:
      return spdlog::level::info;
    case config::LogLevel::warning:
      return spdlog::level::warn;
    case config::LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// "alert" is above every threshold: it is the one level that must never be filtered.
spdlog::level::level_enum level_of(std::string_view word) {
  if (word == "debug") return spdlog::level::debug;
  if (word == "info") return spdlog::level::info;
  if (word == "warning") return spdlog::level::warn;
  if (word == "error") return spdlog::level::err;
  return spdlog::level::critical;
}

}  // namespace

std::string event_as_text(const Event& event) {
  std::string out = fmt::format("{} {:<7} {:<9} ", rfc3339(event.at), event.level, event.kind);
  for (const char c : event.text)
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out;
}

std::string event_as_json(const Event& event) {
  std::string out = fmt::format("{{\"at\":\"{}\"", rfc3339(event.at));
  add_member(out, "level", event.level);
  add_member(out, "kind", event.kind);
  add_member(out, "endpoint", event.endpoint);
  add_member(out, "from", event.from);
  add_member(out, "to", event.to);
  add_member(out, "reason", event.reason);
  add_member(out, "text", event.text);
  if (event.seconds) add_member(out, "seconds", *event.seconds);
  return out + '}';
}

// Two queues, so that a flood of access lines cannot push an alert out. An entry of the second is
// a batch of lines.
struct EventLog::Output {
  static constexpr std::size_t event_queue = 2048, access_queue = 256;

  explicit Output(const std::string& file) {
    if (file.empty())
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    // Every entry brings its line ends: put behind a batch of lines, one would copy it again.
    sink->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::local, ""));
    const auto oldest = spdlog::async_overflow_policy::overrun_oldest;
    events = std::make_shared<spdlog::async_logger>("events", sink, event_threads, oldest);
    accesses = std::make_shared<spdlog::async_logger>("access", sink, access_threads, oldest);
    events->flush_on(spdlog::level::trace);
  }

  // The threads end first: a line in their queue holds its logger, which must not die on them.
  spdlog::sink_ptr sink;
  std::shared_ptr<spdlog::async_logger> events, accesses;
  std::shared_ptr<spdlog::details::thread_pool> event_threads =
      std::make_shared<spdlog::details::thread_pool>(event_queue, 1);
  std::shared_ptr<spdlog::details::thread_pool> access_threads =
      std::make_shared<spdlog::details::thread_pool>(access_queue, 1);
};

EventLog::EventLog(const config::Config::Log& settings)
    : settings_{settings},
      lines_{settings.format},
      output_{std::make_unique<Output>(settings.file)} {
  output_->events->set_level(threshold(settings_.level));
}

EventLog::~EventLog() = default;

std::string EventLog::configure(const config::Config::Log& settings) {
  try {
    auto fresh = std::make_unique<Output>(settings.file);
    output_ = std::move(fresh);
  } catch (const spdlog::spdlog_ex& problem) {
    return problem.what();
  }
  settings_ = settings;
  lines_ = AccessLines{settings.format};
  output_->events->set_level(threshold(settings_.level));
  return "";
}

void EventLog::write(const Event& event) {
  const auto level = level_of(event.level);
  if (!output_->events->should_log(level)) return;
  const bool json = settings_.format == config::LogFormat::json;
  const std::string line = (json ? event_as_json(event) : event_as_text(event)) + '\n';
  output_->events->log(level, spdlog::string_view_t{line});
}

void EventLog::write(std::string_view level, std::string_view kind, std::string_view text) {
  Event event;
  event.at = std::chrono::system_clock::now();
  event.level = level;
  event.kind = kind;
  event.text = text;
  write(event);
}

void EventLog::add_access(const proxy::RequestRecord& record, const AccessLines::NameOf& name_of) {
  if (!settings_.access) return;
  if (lines_.full()) send_access();
  lines_.add(record, name_of);
}

void EventLog::send_access() {
  if (lines_.text().empty()) return;
  const std::string_view text = lines_.text();
  output_->accesses->log(spdlog::level::info, spdlog::string_view_t{text.data(), text.size()});
  lines_.clear();
  output_->accesses->flush();
}

void EventLog::flush() {
  output_->events->flush();
  output_->accesses->flush();
}

}  // namespace app
