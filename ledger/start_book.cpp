#include "ledger/start_book.hpp"

#include <algorithm>
#include <charconv>

namespace ledger {
namespace {

std::size_t at(StartState state) {
  return static_cast<std::size_t>(state);
}

bool ends_in_vain(const StartEntry& entry) {
  return entry.settlement == Settlement::refused || entry.settlement == Settlement::waited_out ||
         entry.settlement == Settlement::terminated;
}

}  // namespace

StartState state_of(const StartEntry& entry) {
  if (!is_open(entry)) return StartState::settled;
  StartState state = StartState::queued;
  for (const Attempt& attempt : entry.attempts) {
    if (attempt.state == AttemptState::unknown) return StartState::unknown;
    if (attempt.state == AttemptState::in_flight) state = StartState::in_flight;
  }
  return state;
}

std::string_view state_word(const StartEntry& entry) {
  switch (state_of(entry)) {
    case StartState::queued:
      return "queued";
    case StartState::in_flight:
      return "in_flight";
    case StartState::unknown:
      return "unknown";
    case StartState::settled:
      break;
  }
  return to_string(entry.settlement);
}

StartRecord& StartBook::add(StartEntry&& entry) {
  const std::uint64_t number = entry.number;
  auto& slot = records_[number];
  slot = std::make_unique<StartRecord>();
  StartRecord& record = *slot;
  record.entry = std::move(entry);
  if (!record.entry.id.empty()) {
    StartRecord*& latest = by_id_[record.entry.id];
    StartRecord* const earlier = latest;
    if (earlier == nullptr || earlier->entry.number < number) latest = &record;
    if (earlier != nullptr) update(*earlier);
  }
  if (!record.entry.key_scope.empty()) {
    StartRecord*& latest = by_key_[record.entry.key_scope];
    if (latest == nullptr || latest->entry.number < number) latest = &record;
  }
  update(record);
  return record;
}

void StartBook::remove(StartRecord& record) {
  const std::uint64_t number = record.entry.number;
  index(record, false);
  if (record.shown) shown_.erase(number);
  shown_count_.store(shown_.size(), std::memory_order_relaxed);
  open_.erase(number);
  queue_.erase(number);
  beyond_help_.erase(number);
  if (record.counted) --counts_[at(*record.counted)];
  if (record.counted_listed) --listed_;
  if (record.place_among_settled) settled_.erase(*record.place_among_settled);
  if (const auto found = by_id_.find(record.entry.id);
      found != by_id_.end() && found->second == &record)
    by_id_.erase(found);
  if (const auto found = by_key_.find(record.entry.key_scope);
      found != by_key_.end() && found->second == &record)
    by_key_.erase(found);
  records_.erase(number);
}

void StartBook::update(StartRecord& record) {
  const StartEntry& entry = record.entry;
  const StartState state = state_of(entry);
  if (record.counted != state) {
    if (record.counted) --counts_[at(*record.counted)];
    ++counts_[at(state)];
    record.counted = state;
  }
  const auto keep_in = [&entry](std::set<std::uint64_t>& set, bool wanted) {
    if (wanted)
      set.insert(entry.number);
    else
      set.erase(entry.number);
  };
  const bool sendable = state == StartState::queued || state == StartState::in_flight;
  keep_in(queue_, waits_in_line(entry) && sendable);
  keep_in(beyond_help_, state == StartState::unknown && entry.listed == Listed::not_repeatable);
  const bool listed = entry.listed != Listed::no;
  if (listed && !record.counted_listed) ++listed_;
  if (!listed && record.counted_listed) --listed_;
  record.counted_listed = listed;

  if (state != StartState::settled) {
    open_.emplace_hint(open_.end(), entry.number, &record);
    if (record.place_among_settled) settled_.erase(*record.place_among_settled);
    record.place_among_settled.reset();
  } else if (!record.place_among_settled) {
    open_.erase(entry.number);
    record.place_among_settled = settled_.insert(settled_.end(), entry.number);
  }
  const bool told = is_acceptance(entry.told);
  const bool waits = state != StartState::settled || (told && ends_in_vain(entry));
  index(record, waits);
  const bool shown = told && waits && record.indexed;
  if (shown == record.shown) return;
  record.shown = shown;
  if (shown)
    shown_.emplace(entry.number, &record);
  else
    shown_.erase(entry.number);
  shown_count_.store(shown_.size(), std::memory_order_relaxed);
}

// Only the latest start of an id speaks for it.
void StartBook::index(StartRecord& record, bool present) {
  const auto latest = by_id_.find(record.entry.id);
  const bool speaks = latest != by_id_.end() && latest->second == &record;
  const bool wanted = present && speaks;
  if (wanted == record.indexed) return;
  record.indexed = wanted;
  if (wanted)
    ids_.insert(record.entry.id);
  else
    ids_.erase(record.entry.id);
}

StartRecord* StartBook::find(std::uint64_t number) {
  const auto found = records_.find(number);
  return found == records_.end() ? nullptr : found->second.get();
}

StartRecord* StartBook::by_id(const std::string& id) {
  const auto found = id.empty() ? by_id_.end() : by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

StartRecord* StartBook::by_key(const std::string& scope) {
  const auto found = scope.empty() ? by_key_.end() : by_key_.find(scope);
  return found == by_key_.end() ? nullptr : found->second;
}

std::vector<StartRecord*> StartBook::named(const std::string& text) {
  std::vector<StartRecord*> found;
  if (text.empty()) return found;
  for (const auto& [number, record] : records_)
    if (record->entry.id == text) found.push_back(record.get());
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (found.empty() && read.ec == std::errc{} && read.ptr == text.data() + text.size())
    if (StartRecord* record = find(number)) found.push_back(record);
  return found;
}

std::vector<StartRecord*> StartBook::all() const {
  std::vector<StartRecord*> records;
  records.reserve(records_.size());
  for (const auto& [number, record] : records_) records.push_back(record.get());
  std::sort(records.begin(), records.end(), [](const StartRecord* a, const StartRecord* b) {
    return a->entry.number < b->entry.number;
  });
  return records;
}

}  // namespace ledger
