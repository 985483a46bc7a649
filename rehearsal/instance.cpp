#include "rehearsal/instance.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace {

constexpr std::array<std::pair<RuntimeStatus, std::string_view>, 8> status_words{{
    {RuntimeStatus::pending, "Pending"},
    {RuntimeStatus::running, "Running"},
    {RuntimeStatus::suspended, "Suspended"},
    {RuntimeStatus::continued_as_new, "ContinuedAsNew"},
    {RuntimeStatus::completed, "Completed"},
    {RuntimeStatus::failed, "Failed"},
    {RuntimeStatus::canceled, "Canceled"},
    {RuntimeStatus::terminated, "Terminated"},
}};

// Takes `digits` digits, or nothing when they are not there.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// "T15:24:05.123Z", as far as it is there; nullopt when something else follows.
std::optional<std::chrono::milliseconds> take_time_of_day(std::string_view text) {
  if (text.empty()) return std::chrono::milliseconds{0};
  if (!take(text, 'T')) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  int second = 0;
  if (take(text, ':')) {
    const auto taken = take_number(text, 2);
    if (!taken || *taken > 60) return std::nullopt;
    second = *taken;
  }
  std::chrono::milliseconds fraction{0};
  if (take(text, '.')) {
    int unit = 100;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
      fraction += std::chrono::milliseconds{unit * (text.front() - '0')};
      unit /= 10;
    }
  }
  take(text, 'Z');
  if (!text.empty()) return std::nullopt;
  return std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{second} +
         fraction;
}

}  // namespace

WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string_view to_string(RuntimeStatus status) {
  for (const auto& [value, word] : status_words)
    if (value == status) return word;
  return "Unknown";
}

std::optional<RuntimeStatus> parse_runtime_status(std::string_view text) {
  for (const auto& [value, word] : status_words)
    if (same_ignoring_case(word, text)) return value;
  return std::nullopt;
}

bool is_finished(RuntimeStatus status) {
  return status == RuntimeStatus::completed || status == RuntimeStatus::failed ||
         status == RuntimeStatus::canceled || status == RuntimeStatus::terminated;
}

std::string time_text(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - day)};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::string exact_time_text(WallTime time) {
  const auto milliseconds = time - std::chrono::floor<std::chrono::seconds>(time);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(milliseconds.count()));
  std::string text = time_text(time);
  text.pop_back();
  return text + fraction.data();
}

std::optional<WallTime> parse_time(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  const auto time_of_day = take_time_of_day(text);
  if (!time_of_day) return std::nullopt;
  return WallTime{std::chrono::sys_days{date}} + *time_of_day;
}

}  // namespace rehearsal
