#include "config/units.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

namespace config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 7> size_units{{{"B", 1},
                                          {"KiB", 1ULL << 10},
                                          {"MiB", 1ULL << 20},
                                          {"GiB", 1ULL << 30},
                                          {"KB", 1'000},
                                          {"MB", 1'000'000},
                                          {"GB", 1'000'000'000}}};

bool same_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if ((a[i] | 0x20) != (b[i] | 0x20)) return false;
  return true;
}

struct Kind {
  std::string_view noun;     // what the value is
  std::string_view example;  // how to write one
  std::string_view bare;     // the unit to suggest for a number without one
};

// A number without sign or fraction, then one of `units`; the hint rebuilds what was meant.
template <std::size_t N>
std::optional<Problem> parse_with_unit(std::string_view text, const std::array<Unit, N>& units,
                                       const Kind& kind, std::uint64_t& value) {
  const auto say = [&](std::string_view rule, std::string hint) {
    return Problem{std::string(rule), std::move(hint)};
  };
  const std::string usual = "write it like \"" + std::string(kind.example) + "\"";
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range) return say("is too large", usual);
  if (error != std::errc{}) return say("is not a " + std::string(kind.noun), usual);
  const std::string digits(text.data(), after);
  std::string_view unit(after, static_cast<std::size_t>(end - after));
  if (unit.empty()) return say("has no unit", "write \"" + digits + std::string(kind.bare) + "\"");
  if (unit.front() == '.')
    return say("has a fraction", "use a smaller unit, as in \"" + std::string(kind.example) + "\"");
  std::string_view trimmed = unit;
  while (!trimmed.empty() && trimmed.front() == ' ') trimmed.remove_prefix(1);
  for (const Unit& known : units) {
    if (known.name == unit) {
      if (number >
          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / known.factor)
        return say("is too large", usual);
      value = number * known.factor;
      return std::nullopt;
    }
    if (known.name == trimmed)
      return say("has a space before the unit",
                 "write \"" + digits + std::string(known.name) + "\"");
  }
  for (const Unit& known : units)
    if (same_ignoring_case(known.name, trimmed))
      return say("has an unknown unit", "write \"" + digits + std::string(known.name) + "\"");
  std::string list;
  for (const Unit& known : units) {
    if (!list.empty()) list += ", ";
    list += known.name;
  }
  return say("has an unknown unit", "units are " + list);
}

template <std::size_t N>
std::string shortest(std::uint64_t value, const std::array<Unit, N>& units, std::size_t usable) {
  const Unit* best = &units[0];
  for (std::size_t i = 1; i < usable; ++i)
    if (value != 0 && value % units[i].factor == 0) best = &units[i];
  return std::to_string(value / best->factor) + std::string(best->name);
}

}  // namespace

std::optional<Problem> parse_duration(std::string_view text, Millis& value) {
  std::uint64_t count = 0;
  auto problem = parse_with_unit(text, duration_units, {"duration", "10s", "s"}, count);
  if (!problem) value = Millis{static_cast<Millis::rep>(count)};
  return problem;
}

std::optional<Problem> parse_size(std::string_view text, std::uint64_t& value) {
  return parse_with_unit(text, size_units, {"size", "64KiB", "B"}, value);
}

std::optional<Problem> parse_rate(std::string_view text, std::uint64_t& value) {
  constexpr std::string_view suffix = "/s";
  Problem usual{"is not a rate", "write it like \"240B/s\""};
  if (!text.ends_with(suffix)) return usual;
  text.remove_suffix(suffix.size());
  if (parse_size(text, value)) return usual;
  return std::nullopt;
}

std::string duration_text(Millis value) {
  if (value.count() == 0) return "0s";
  const bool negative = value.count() < 0;
  const auto magnitude = static_cast<std::uint64_t>(negative ? -value.count() : value.count());
  const std::size_t usable = magnitude < 300'000 ? 2 : duration_units.size();
  return (negative ? "-" : "") + shortest(magnitude, duration_units, usable);
}

std::string size_text(std::uint64_t value) {
  return shortest(value, size_units, 4);
}

std::string number_text(double value) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.6g", value);
  return buffer.data();
}

}  // namespace config
