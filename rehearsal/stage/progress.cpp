#include "rehearsal/stage/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

namespace stage {

using verdict::At;
using namespace std::chrono_literals;

namespace {

constexpr const char* plain = "\033[0m";

const char* colour_of(char mark) {
  if (mark == '+') return "\033[32m";
  return mark == '!' ? "\033[31m" : "";
}

// Whatever a peer wrote cannot move the cursor.
std::string printable(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

struct Second {
  std::map<std::string, int> by;
  int failed = 0, answered = 0;
};

}  // namespace

std::string time_text(At at) {
  const auto tenths = std::max<At::rep>(0, at.count()) / 100'000;
  const auto seconds = tenths / 10;
  const std::string rest =
      fmt::format("{:02}:{:02}.{}", seconds / 60 % 60, seconds % 60, tenths % 10);
  return seconds < 3600 ? rest : fmt::format("{}:{}", seconds / 3600, rest);
}

void Progress::line(std::string_view kind, std::string_view text, char mark) {
  if (options_.quiet) return;
  clear_strip();
  const std::string sign = mark == '+' ? " ✓" : mark == '!' ? " ✗" : "";
  const bool coloured = options_.terminal && mark != ' ';
  fmt::print(out_, "  {}  {:<9}{}{}{}{}\n", time_text(clock_.now()), kind,
             coloured ? colour_of(mark) : "", printable(text), sign, coloured ? plain : "");
  std::fflush(out_);
}

void Progress::look(const verdict::RunRecord& record) {
  if (options_.quiet) return;
  for (; events_shown_ < record.events.size(); ++events_shown_) {
    const verdict::ProxyEvent& event = record.events[events_shown_];
    if (event.level == "debug") continue;
    clear_strip();
    fmt::print(out_, "  {}  {:<9}{}\n", time_text(event.at), "proxy", printable(event.text));
  }
  std::fflush(out_);
  if (!options_.terminal || (drawn_ >= At{0} && clock_.now() - drawn_ < 200ms)) return;
  drawn_ = clock_.now();
  clear_strip();
  fmt::print(out_, "{}", strip(record));
  std::fflush(out_);
  strip_shown_ = true;
}

// One character a second: the first letter of who answered most, "x" when more than one request in
// a hundred failed, "." when nothing was answered.
std::string Progress::strip(const verdict::RunRecord& record) const {
  const auto now = static_cast<std::size_t>(clock_.now() / 1s);
  const std::size_t width = std::clamp<std::size_t>(options_.columns, 40, 200) - 32;
  const std::size_t first = now + 1 > width ? now + 1 - width : 0;
  std::vector<Second> seconds(now + 1 - first);
  for (auto request = record.requests.rbegin(); request != record.requests.rend(); ++request) {
    if (request->ended + 30s < At{std::chrono::seconds{first}}) break;  // they end out of order
    const auto at = static_cast<std::size_t>(std::max(request->ended, At{0}) / 1s);
    if (at < first || at > now) continue;
    Second& second = seconds[at - first];
    ++second.answered;
    second.failed += !request->trouble.empty();
    if (request->trouble.empty() && !request->served_by.empty()) ++second.by[request->served_by];
  }
  std::string out;
  for (const Second& second : seconds) {
    const auto most =
        std::max_element(second.by.begin(), second.by.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (second.failed * 100 > second.answered)
      out += std::string{colour_of('!')} + 'x' + plain;
    else
      out += second.answered == 0                             ? "."
             : most == second.by.end() || most->first.empty() ? "-"
                                                              : printable(most->first.substr(0, 1));
  }
  const std::string active = record.glimpses.empty() ? "" : record.glimpses.back().active;
  return fmt::format("  {}  {}  → {}", time_text(clock_.now()), out,
                     active.empty() ? "nobody" : printable(active.substr(0, 16)));
}

void Progress::clear_strip() {
  if (strip_shown_) fmt::print(out_, "\r\033[2K");
  strip_shown_ = false;
}

void Progress::finish() {
  if (strip_shown_) fmt::print(out_, "\n");
  strip_shown_ = false;
  std::fflush(out_);
}

}  // namespace stage
