// What operators see of the starts, and what they decide about them.
#include <algorithm>
#include <utility>

#include "ledger/start_driver.hpp"
#include "ledger/start_failover.hpp"

namespace ledger {
namespace {

// Empty: it can be started again.
std::string why_not_again(const StartEntry& entry) {
  if (entry.terminate != Terminate::no) return "its client has terminated it";
  if (entry.via != config::StartVia::built_in || entry.id.empty())
    return "its starter is forwarded as it is, so it has no id to be started under";
  if (!entry.body_kept) return "its body is not kept";
  if (is_open(entry)) return {};
  if (entry.settlement != Settlement::ran)
    return "it is settled as " + std::string{to_string(entry.settlement)};
  return entry.listed == Listed::lost ? std::string{} : "it ran";
}

}  // namespace

bool belongs(const StartEntry& entry, StartList list) {
  switch (list) {
    case StartList::unknown:
      return state_of(entry) == StartState::unknown;
    case StartList::queued:
      return state_of(entry) == StartState::queued;
    case StartList::possible_duplicates:
      return entry.possible_duplicate;
    case StartList::listed:
      return entry.listed != Listed::no;
    case StartList::all:
      break;
  }
  return true;
}

StartLine line_of(const StartEntry& entry) {
  StartLine line;
  line.number = entry.number;
  line.id = entry.id;
  line.function = entry.function;
  for (const Attempt& attempt : entry.attempts) line.places.push_back(attempt.place);
  line.ran_at = entry.ran_at;
  line.arrived = entry.arrived;
  line.state = state_word(entry);
  line.told = entry.told;
  line.listed = entry.listed;
  line.possible_duplicate = entry.possible_duplicate;
  line.duplicate_found = entry.duplicate_found;
  line.resubmitted = entry.resubmitted;
  line.can_resubmit = why_not_again(entry).empty();
  return line;
}

void StartDriver::list(StartList which, std::size_t most,
                       const std::function<void(std::vector<StartLine>)>& done) {
  std::vector<StartLine> lines;
  const auto add = [&](const StartRecord& record) {
    if (belongs(record.entry, which)) lines.push_back(line_of(record.entry));
    return lines.size() < most;
  };
  if (which == StartList::unknown || which == StartList::queued) {
    for (const auto& [number, record] : book_.open())
      if (most == 0 || !add(*record)) break;
  } else {
    for (const StartRecord* record : book_.all())
      if (most == 0 || !add(*record)) break;
  }
  done(std::move(lines));
}

void StartDriver::record_action(const std::string& who, const std::string& action,
                                const std::string& text, std::uint64_t number) {
  actions_.push_back(OperatorAction{wall_ms(), who, action, text, number});
  if (!write_by_) write_by_ = now_.steady;
}

StartRecord* StartDriver::only_one(const std::string& name, OperatorResult& why_not) {
  const std::vector<StartRecord*> found = book_.named(name);
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    why_not.message = "no start of this id is kept; `understudy instances` shows those that are.";
    return nullptr;
  }
  why_not.message = "several starts have this id; name one by its number:";
  for (const StartRecord* record : found)
    why_not.message += " " + std::to_string(record->entry.number);
  return nullptr;
}

OperatorResult StartDriver::resubmit(const std::string& id, const std::string& who) {
  OperatorResult result;
  StartRecord* record = only_one(id, result);
  if (record == nullptr) return result;
  StartEntry& entry = record->entry;
  if (entry.body == nullptr && entry.body_kept)
    with_store([&](Store& store) { entry.body = store.body_of(entry.number); });
  if (entry.body == nullptr && entry.body_kept && store_ == nullptr) {
    result.message = "its input cannot be read now: the ledger's disk refuses. Try again.";
    return result;
  }
  if (entry.body == nullptr) entry.body_kept = false;
  if (const std::string why = why_not_again(entry); !why.empty()) {
    result.message = "it cannot be started again: " + why + ".";
    return result;
  }
  record_action(who, "instances resubmit", entry.id, entry.number);
  ++counts_.resubmitted;
  const std::size_t before = entry.attempts.size();
  const std::uint64_t number = entry.number;
  event(*record, ResubmitAsked{});
  result.done = true;
  record = book_.find(number);
  if (record != nullptr && record->entry.attempts.size() > before)
    result.message =
        "it is being started at " + directory_.name_of(record->entry.attempts.back().place) + ".";
  else
    result.message = "it will be started as soon as an endpoint can take it and does not know it.";
  return result;
}

OperatorResult StartDriver::forget(const std::string& id, const std::string& who) {
  OperatorResult result;
  StartRecord* record = only_one(id, result);
  if (record == nullptr) return result;
  if (!record->waiters.empty()) {
    result.message = "its client still waits for the answer; ask again when it has one.";
    return result;
  }
  record_action(who, "instances forget", record->entry.id, record->entry.number);
  if (is_open(record->entry))
    event(*record, ForgetAsked{});
  else if (record->committing)
    record->entry.settlement = Settlement::forgotten;
  else
    forget_record(*record, true);
  result.done = true;
  result.message = "it is forgotten.";
  return result;
}

// Asked for while no proxy ran.
void StartDriver::obey(const OperatorAction& wish) {
  const std::string name = wish.number != 0 ? std::to_string(wish.number) : wish.text;
  if (wish.action == "resubmit") {
    resubmit(name, wish.who);
  } else if (wish.action == "forget") {
    forget(name, wish.who);
  } else if (wish.action == "failed_over") {
    if (const auto since = durable::parse_wall_time(wish.text))
      storage_failed_over(*since, wish.who, [](const OperatorResult&) {});
  }
}

}  // namespace ledger
