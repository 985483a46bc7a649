#include "ledger/instance.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace ledger {
namespace {

constexpr std::array<std::string_view, 9> words = {
    "",          "Pending", "Running",  "Suspended",  "ContinuedAsNew",
    "Completed", "Failed",  "Canceled", "Terminated",
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

enum class Order { older, same, newer, unknown };

// Which run a fact is about: the hub's creation time tells runs of one id apart.
Order order_of_runs(const Instance& known, const Instance& fact) {
  if (fact.created_ms == 0) return Order::unknown;
  if (known.created_ms == 0)
    return fact.created_ms <= known.replaced_ms ? Order::older : Order::unknown;
  if (known.created_ms == fact.created_ms) return Order::same;
  return fact.created_ms < known.created_ms ? Order::older : Order::newer;
}

// Whether `fact` may replace the status known of the same run, or of what may be the same run.
bool is_newer_status(const Instance& known, const Instance& fact) {
  if (fact.status == LastStatus::unknown) return false;
  const bool both_timed = known.updated_ms != 0 && fact.updated_ms != 0;
  // What is over stays over, unless the hub says it went on later: that is a rewind.
  if (is_final(known.status) && !is_final(fact.status))
    return both_timed && fact.updated_ms > known.updated_ms;
  return !both_timed || fact.updated_ms >= known.updated_ms;
}

void replace(Instance& known, const Instance& fact) {
  const std::int64_t seen = known.seen_ms;
  known = fact;
  known.seen_ms = seen;
  known.provisional = false;
}

}  // namespace

bool is_final(LastStatus status) {
  return status >= LastStatus::completed;
}

std::string_view runtime_status(LastStatus status) {
  const auto index = static_cast<std::size_t>(status);
  return index < words.size() ? words[index] : std::string_view{};
}

LastStatus status_of_word(std::string_view word) {
  for (std::size_t i = 1; i < words.size(); ++i)
    if (same_word(word, words[i])) return static_cast<LastStatus>(i);
  return LastStatus::unknown;
}

bool take_fact(Instance& known, const Instance& fact) {
  const Order runs = known.provisional ? Order::newer : order_of_runs(known, fact);
  if (runs == Order::older) return false;
  if (runs == Order::newer) {
    replace(known, fact);
    return true;
  }
  if (known.place != fact.place) {
    // Two hubs know the id and no time orders the runs: the one that still runs is the one to find.
    const bool runs_on = known.status != LastStatus::unknown && !is_final(known.status);
    if (runs_on && is_final(fact.status)) return false;
    replace(known, fact);
    return true;
  }
  if (fact.created_ms != 0) {
    known.created_ms = fact.created_ms;
    known.replaced_ms = 0;
  }
  if (!fact.function.empty()) known.function = fact.function;
  if (fact.credential != 0) known.credential = fact.credential;
  if (fact.status == LastStatus::unknown) return true;  // only says that it is there
  if (!is_newer_status(known, fact)) return false;
  known.status = fact.status;
  known.updated_ms = std::max(known.updated_ms, fact.updated_ms);
  return true;
}

std::string directory_key_of_entity(std::string_view name, std::string_view key) {
  std::string result;
  result.reserve(name.size() + key.size() + 2);
  result += '@';
  for (const char c : name) result += lower(c);
  result += '@';
  result += key;
  return result;
}

std::string directory_key_of_instance(std::string_view id) {
  const std::size_t second = id.starts_with('@') ? id.find('@', 1) : std::string_view::npos;
  if (second == std::string_view::npos) return std::string{id};
  return directory_key_of_entity(id.substr(1, second - 1), id.substr(second + 1));
}

}  // namespace ledger
