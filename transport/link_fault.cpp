#include "transport/link_fault.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "config/units.hpp"

namespace transport {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds longest_delay{10 * 60'000};
constexpr std::uint64_t largest_number = 1ULL << 40;

constexpr std::array<std::pair<std::string_view, LinkMode>, 5> modes{
    {{"forward", LinkMode::forward},
     {"refuse", LinkMode::refuse},
     {"reset", LinkMode::reset},
     {"blackhole", LinkMode::blackhole},
     {"answer", LinkMode::answer}}};

std::string wrong(std::string_view name, std::string_view text, const std::string& why) {
  return std::string{name} + " \"" + std::string{text.substr(0, 60)} + "\": " + why;
}

std::string set_time(milliseconds& value, std::string_view name, std::string_view text) {
  milliseconds parsed{0};
  if (const auto problem = config::parse_duration(text, parsed))
    return wrong(name, text, problem->rule + "; " + problem->hint);
  if (parsed > longest_delay) return wrong(name, text, "is too long; at most 10m");
  value = parsed;
  return {};
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > largest_number)
    return std::nullopt;
  return value;
}

// A number of bytes, with or without a unit.
std::string set_bytes(std::uint64_t& value, std::string_view name, std::string_view text) {
  std::string_view size = text;
  if (name == "rate" && size.ends_with("/s")) size.remove_suffix(2);
  auto parsed = whole_number(size);
  if (std::uint64_t with_unit = 0; !parsed && !config::parse_size(size, with_unit))
    if (with_unit <= largest_number) parsed = with_unit;
  if (!parsed)
    return wrong(
        name, text,
        std::string{"is not a "} + (name == "rate" ? "rate; write 64KiB/s or bytes a second"
                                                   : "size; write 64KiB or bytes"));
  value = *parsed;
  return {};
}

std::string set_mode(LinkMode& mode, std::string_view text) {
  for (const auto& [word, value] : modes) {
    if (word != text) continue;
    mode = value;
    return {};
  }
  return wrong("mode", text, "is no mode; write forward, refuse, reset, blackhole or answer");
}

std::string set_path(std::string& path, std::string_view text) {
  if (!text.empty() && text.front() != '/')
    return wrong("path", text, "does not begin with a slash");
  for (const char c : text)
    if (c <= ' ' || c == 0x7f) return wrong("path", text, "has a character that no target has");
  path = text;
  return {};
}

}  // namespace

std::string_view to_string(LinkMode mode) {
  for (const auto& [word, value] : modes)
    if (value == mode) return word;
  return "?";
}

std::string set_link_value(LinkFault& fault, std::string_view name, std::string_view text) {
  if (name == "mode") return set_mode(fault.mode, text);
  if (name == "delay") return set_time(fault.delay, name, text);
  if (name == "jitter") return set_time(fault.jitter, name, text);
  if (name == "first_byte_delay") return set_time(fault.first_byte_delay, name, text);
  if (name == "rate") return set_bytes(fault.rate, name, text);
  if (name == "cut_after") return set_bytes(fault.cut_after, name, text);
  if (name == "path") return set_path(fault.path, text);
  if (name == "status") {
    const auto status = whole_number(text);
    if (!status || *status < 200 || *status > 599)
      return wrong(name, text, "is no status of an answer; write 200 to 599");
    fault.status = static_cast<int>(*status);
    return {};
  }
  if (name == "times") {
    const auto times = whole_number(text);
    if (!times) return wrong(name, text, "is not a whole number");
    fault.times = static_cast<std::int64_t>(*times);
    return {};
  }
  return wrong("value", name,
               "is unknown; there are mode, delay, jitter, rate, cut_after, first_byte_delay, "
               "status, path and times");
}

std::string check_link_fault(const LinkFault& fault) {
  if (!fault.path.empty() && fault.mode != LinkMode::answer)
    return "path is for mode answer; leave it out";
  if (fault.times > 0 && fault.mode != LinkMode::answer && fault.mode != LinkMode::reset &&
      fault.cut_after == 0)
    return "times counts answers, resets and cuts; write mode answer or reset, or cut_after";
  return {};
}

std::string describe(const LinkFault& fault) {
  std::string out;
  const auto say = [&out](std::string_view name, const std::string& value) {
    if (!out.empty()) out += ' ';
    out.append(name).append("=").append(value);
  };
  if (fault.mode != LinkMode::forward) say("mode", std::string{to_string(fault.mode)});
  if (fault.mode == LinkMode::answer) say("status", std::to_string(fault.status));
  if (!fault.path.empty()) say("path", fault.path);
  if (fault.delay.count() > 0) say("delay", config::duration_text(fault.delay));
  if (fault.jitter.count() > 0) say("jitter", config::duration_text(fault.jitter));
  if (fault.rate > 0) say("rate", std::to_string(fault.rate) + "B/s");
  if (fault.cut_after > 0) say("cut_after", std::to_string(fault.cut_after) + "B");
  if (fault.first_byte_delay.count() > 0)
    say("first_byte_delay", config::duration_text(fault.first_byte_delay));
  if (fault.times > 0) say("times", std::to_string(fault.times));
  return out;
}

}  // namespace transport
