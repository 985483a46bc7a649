// What the rule decided becomes calls; and what is left of a start that is settled.
#include <algorithm>
#include <array>
#include <utility>

#include "ledger/start_driver.hpp"
#include "ledger/start_failover.hpp"

namespace ledger {
namespace {

constexpr std::size_t most_live = 64;         // bits of StartRecord::live
constexpr config::Millis hub_fraction{2000};  // hubs write whole seconds

std::string text_of(AlertKind kind) {
  switch (kind) {
    case AlertKind::unknown:
      return "nobody knows whether it ran; see `understudy instances unknown`";
    case AlertKind::not_repeatable:
      return "its outcome is unknown and it could not be started again";
    case AlertKind::late:
      return "it was accepted and did not run in time; it is listed for your decision";
    case AlertKind::duplicate:
      return "it ran twice";
    case AlertKind::key_refused:
      return "the endpoint does not take the key from the configuration";
    case AlertKind::disk:
      return "it could not be written to the disk";
    case AlertKind::refused:
      return "it was accepted, then the endpoint refused it";
    case AlertKind::lost:
      break;
  }
  return "it was accepted, and its hub does not know it since the storage failover";
}

std::size_t evidence_of(const StartEntry& entry, Settlement how, const Event* cause) {
  enum Index : std::size_t {
    answered,
    found,
    refused,
    never_ran,
    absent,
    terminated,
    waited_out,
    forgotten
  };
  switch (how) {
    case Settlement::ran:
      return cause != nullptr && std::holds_alternative<LookEnded>(*cause) ? found : answered;
    case Settlement::refused:
      return refused;
    case Settlement::terminated:
      return terminated;
    case Settlement::waited_out:
      return waited_out;
    case Settlement::forgotten:
      return forgotten;
    case Settlement::open:
    case Settlement::not_run:
      break;
  }
  const bool was_absent =
      std::any_of(entry.attempts.begin(), entry.attempts.end(),
                  [](const Attempt& one) { return one.state == AttemptState::absent; });
  return was_absent ? absent : never_ran;
}

// Somebody may ask for it for as long as the retention lasts.
bool stays_in_memory(const StartEntry& entry) {
  if (entry.settlement == Settlement::forgotten) return false;
  if (entry.listed != Listed::no || entry.possible_duplicate) return true;
  return is_acceptance(entry.told) && entry.settlement != Settlement::ran;
}

bool stays_on_disk(const StartEntry& entry, config::TaskHub hub) {
  if (entry.settlement == Settlement::ran)
    return !entry.key_scope.empty() ||
           (hub == config::TaskHub::geo_replicated && !entry.id.empty());
  return entry.settlement == Settlement::terminated && !entry.key_scope.empty();
}

}  // namespace

void StartDriver::perform(StartRecord& record, Effects&& effects, const Event* cause) {
  for (std::size_t i = 0; i < effects.size(); ++i) {
    if (std::holds_alternative<Commit>(effects[i])) {
      const auto behind = effects.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      park(record, {std::make_move_iterator(behind), std::make_move_iterator(effects.end())});
      break;
    }
    carry_out(record, effects[i], cause);
  }
  book_.update(record);
}

void StartDriver::park(StartRecord& record, Effects&& held) {
  for (const Effect& effect : held)
    if (const auto* replay = std::get_if<Send>(&effect); replay != nullptr && !replay->live)
      ++lanes_[replay->place].sends_promised;
  record.held = std::move(held);
  record.committing = true;
  commits_wait_ = true;
  mark_dirty(record);
}

void StartDriver::carry_out(StartRecord& record, const Effect& effect, const Event* cause) {
  if (std::holds_alternative<Save>(effect)) {
    mark_dirty(record);
  } else if (const auto* one = std::get_if<Send>(&effect)) {
    send(record, *one);
  } else if (const auto* look = std::get_if<LookUp>(&effect)) {
    look_up(record, look->place);
  } else if (const auto* close = std::get_if<CloseConnection>(&effect)) {
    const bool live = close->attempt < most_live && (record.live >> close->attempt & 1) != 0;
    if (live && record.first != nullptr) record.first->close(close->attempt);
  } else if (const auto* answer = std::get_if<Answer>(&effect)) {
    tell(record, *answer);
  } else if (const auto* noted = std::get_if<AnswerTerminate>(&effect)) {
    WaitingReply reply = reply_of(record);
    reply.what = noted->taken ? WaitingReply::What::taken : WaitingReply::What::disk;
    for (const auto& done : std::exchange(record.terminators, {})) done(reply);
  } else if (const auto* end = std::get_if<SendTerminate>(&effect)) {
    terminate(record, end->place);
  } else if (const auto* settled = std::get_if<Settle>(&effect)) {
    note_settled(record, settled->how, cause);
  } else if (std::holds_alternative<MarkPossibleDuplicate>(effect)) {
    ++counts_.possible_duplicates;
  } else if (const auto* alarm = std::get_if<Alert>(&effect)) {
    if (alarm->kind == AlertKind::duplicate) ++counts_.duplicates;
    alert(record.entry, alarm->kind);
  } else if (const auto* drop = std::get_if<DropBody>(&effect)) {
    drop_body(record, drop->after);
  } else if (const auto* wake = std::get_if<Wake>(&effect)) {
    wake_at(record, wake->at);
  }
  // A kept connection is its worker's business, a list is what the entry itself says.
}

void StartDriver::alert(const StartEntry& entry, AlertKind kind) {
  // One full disk is one piece of news, whatever comes while it is full.
  if (kind == AlertKind::disk && std::exchange(disk_alarm_, true)) return;
  if (!options_.on_news) return;
  StartNews news{kind, entry.id, entry.function, text_of(kind), entry.ran_at};
  if (news.place == no_place && !entry.attempts.empty()) news.place = entry.attempts.back().place;
  options_.on_news(news);
}

// --- Answers ---

void StartDriver::tell(StartRecord& record, const Answer& what) {
  const StartEntry& entry = record.entry;
  if (what.what == Told::unconfirmed) ++counts_.unconfirmed;
  for (const StartRecord::Waiter& waiter : std::exchange(record.waiters, {})) {
    StartAnswer answer;
    answer.number = entry.number;
    answer.id = entry.id;
    answer.why = what.why;
    answer.place = entry.ran_at;
    if (answer.place == no_place && what.attempt < entry.attempts.size())
      answer.place = entry.attempts[what.attempt].place;
    answer.repeat = !waiter.first;
    const auto kind = [&] {
      switch (what.what) {
        case Told::unconfirmed:
          return StartAnswer::What::unconfirmed;
        case Told::queued:
          return StartAnswer::What::queued;
        case Told::accepted:
          return StartAnswer::What::accepted;
        case Told::not_run:
          return StartAnswer::What::not_run;
        case Told::nothing:
        case Told::unknown:
          return StartAnswer::What::unknown;
        case Told::relayed:
          break;
      }
      const bool live = what.attempt < most_live && (record.live >> what.attempt & 1) != 0;
      if (waiter.first && live) return StartAnswer::What::relay;
      const bool ran = what.attempt < entry.attempts.size() &&
                       entry.attempts[what.attempt].state == AttemptState::ran;
      if (ran && entry.via == config::StartVia::built_in) return StartAnswer::What::accepted;
      if (record.last_answer != nullptr) return StartAnswer::What::stored;
      return ran ? StartAnswer::What::unknown : StartAnswer::What::not_run;
    };
    answer.what = kind();
    if (answer.what == StartAnswer::What::stored) answer.stored = record.last_answer;
    waiting_.erase(waiter.client.get());
    waiter.client->answer(answer);
  }
}

// Whoever came when the answer was on its way, and those that the rule has nothing to say to.
void StartDriver::answer_leftovers(StartRecord& record) {
  const StartEntry& entry = record.entry;
  if (!record.waiters.empty()) {
    if (entry.settlement == Settlement::ran)
      tell(record, Answer{Told::accepted, 0, NotRunWhy::unreachable});
    else if (entry.settlement == Settlement::refused && record.last_answer != nullptr)
      tell(record, Answer{Told::relayed, entry.attempts.size(), NotRunWhy::unreachable});
    else
      tell(record, Answer{entry.listed == Listed::may_have_run ? Told::unknown : Told::not_run, 0,
                          NotRunWhy::unreachable});
  }
  for (const auto& done : std::exchange(record.terminators, {})) done(reply_of(record));
}

// --- Settled ---

void StartDriver::note_settled(StartRecord& record, Settlement how, const Event* cause) {
  StartEntry& entry = record.entry;
  ++counts_.settled[evidence_of(entry, how, cause)].second;
  if (how == Settlement::refused) entry.answer = record.last_answer;
  if (how != Settlement::ran) return;
  const auto* ended = cause != nullptr ? std::get_if<AttemptEnded>(cause) : nullptr;
  if (ended != nullptr && !entry.key_scope.empty() && entry.via == config::StartVia::as_is)
    entry.answer = record.last_answer;
  // What a worker relayed it has learned from itself.
  const bool live =
      ended != nullptr && ended->attempt < most_live && (record.live >> ended->attempt & 1) != 0;
  if (!live || entry.told != Told::relayed) learn(entry);
}

void StartDriver::learn(const StartEntry& entry) {
  const config::TaskHub hub = policy().hub;
  if (hub != config::TaskHub::per_region && hub != config::TaskHub::none) return;
  if (entry.id.empty() || entry.ran_at == no_place) return;
  Instance fact;
  fact.place = entry.ran_at;
  fact.function = entry.function;
  fact.credential = entry.credential;
  if (entry.ran_created) fact.created_ms = entry.ran_created->time_since_epoch().count();
  WallTime sent = entry.arrived;
  for (const Attempt& attempt : entry.attempts)
    if (attempt.place == entry.ran_at) sent = attempt.begun;
  directory_.learn_start(directory_key_of_instance(entry.id), fact, sent.time_since_epoch().count(),
                         wall_ms());
}

// A body that is kept for the loss window goes when the store is trimmed.
void StartDriver::drop_body(StartRecord& record, config::Millis after) {
  if (after > config::Millis{0}) return;
  if (record.entry.body == nullptr) return;
  record.entry.body.reset();
  record.drop_body = true;
}

void StartDriver::tidy(StartRecord& record) {
  answer_askers(record);
  const StartEntry& entry = record.entry;
  const auto connected = [](const Attempt& one) { return one.end == ConnectionEnd::open; };
  if (record.waiters.empty() &&
      std::none_of(entry.attempts.begin(), entry.attempts.end(), connected))
    record.first.reset();
  if (is_open(entry)) return;
  answer_leftovers(record);
  if (is_watched(entry)) return;
  agenda_.cancel(record.wake);
  if (stays_in_memory(entry) || remember_run(record)) return;
  if (!stays_on_disk(entry, policy().hub)) return forget_record(record, true);
  if (!record.dirty && record.on_disk) forget_record(record, false);
}

// An id that its client may use again stays known for as long as a hub's createdTime could not tell
// the two runs apart, restarts of this process included. True: not over yet.
bool StartDriver::remember_run(StartRecord& record) {
  const StartEntry& entry = record.entry;
  const bool reusable = entry.origin == IdOrigin::client || entry.origin == IdOrigin::derived;
  if (!reusable || entry.settlement != Settlement::ran) return false;
  const config::Millis span = policy().ledger.hub_clock_skew + hub_fraction;
  const config::Millis left = std::min(entry.changed + span - now_.wall, span);
  if (left <= config::Millis{0}) return false;
  if (!record.forget_at)
    record.forget_at =
        agenda_.add(now_.steady + left + config::Millis{1}, [this, number = entry.number] {
          StartRecord* over = book_.find(number);
          if (over == nullptr) return;
          over->forget_at.reset();
          if (!over->committing && !over->busy) tidy(*over);
        });
  return true;
}

void StartDriver::forget_record(StartRecord& record, bool on_disk_too) {
  answer_askers_now(record);
  answer_leftovers(record);
  agenda_.cancel(record.wake);
  agenda_.cancel(record.forget_at);
  agenda_.cancel(record.look_until);
  agenda_.cancel(record.terminate_until);
  agenda_.cancel(record.askers_until);
  if (on_disk_too && (record.on_disk || record.maybe_on_disk)) {
    removals_.push_back(record.entry.number);
    if (!write_by_) write_by_ = now_.steady + config::Millis{50};
  }
  book_.remove(record);
}

}  // namespace ledger
