#include "ledger/start_entry.hpp"

#include <algorithm>
#include <array>

namespace ledger {
namespace {

template <class Enum, std::size_t n>
std::string_view word(Enum value, const std::array<std::string_view, n>& words) {
  const auto index = static_cast<std::size_t>(value);
  return index < n ? words[index] : std::string_view{"?"};
}

}  // namespace

std::string_view to_string(IdOrigin value) {
  static constexpr std::array<std::string_view, 4> words{"assigned", "derived", "client", "none"};
  return word(value, words);
}

std::string_view to_string(AttemptState value) {
  static constexpr std::array<std::string_view, 6> words{"in_flight", "unknown", "never_ran",
                                                         "absent",    "ran",     "refused"};
  return word(value, words);
}

std::string_view to_string(ConnectionEnd value) {
  static constexpr std::array<std::string_view, 3> words{"open", "by_peer", "by_us"};
  return word(value, words);
}

std::string_view to_string(Told value) {
  static constexpr std::array<std::string_view, 7> words{
      "nothing", "unconfirmed", "queued", "relayed", "accepted", "unknown", "not_run"};
  return word(value, words);
}

std::string_view to_string(Settlement value) {
  static constexpr std::array<std::string_view, 7> words{
      "open", "ran", "refused", "not_run", "terminated", "waited_out", "forgotten"};
  return word(value, words);
}

std::string_view to_string(Listed value) {
  static constexpr std::array<std::string_view, 9> words{
      "no",           "unknown",      "not_repeatable",
      "absent_late",  "waited_out",   "hub_retention",
      "late_refusal", "may_have_run", "lost"};
  return word(value, words);
}

bool is_acceptance(Told told) {
  return told == Told::unconfirmed || told == Told::queued || told == Told::accepted;
}

bool is_open(const StartEntry& entry) {
  return entry.settlement == Settlement::open;
}

bool may_still_run(const Attempt& attempt) {
  return attempt.state == AttemptState::in_flight || attempt.state == AttemptState::unknown ||
         (attempt.state == AttemptState::absent && attempt.weak);
}

bool may_still_run(const StartEntry& entry) {
  return std::any_of(entry.attempts.begin(), entry.attempts.end(),
                     [](const Attempt& attempt) { return may_still_run(attempt); });
}

bool is_watched(const StartEntry& entry) {
  if (entry.settlement != Settlement::ran) return false;
  if (entry.terminate == Terminate::wanted) return true;
  return entry.possible_duplicate && !entry.duplicate_found && may_still_run(entry);
}

}  // namespace ledger
