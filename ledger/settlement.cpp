#include "ledger/settlement.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "ledger/settlement_machine.hpp"

namespace ledger {

void Machine::on(const Arrived& event) {
  entry_.watch = EntryWatch{};
  entry_.watch.arrived = now_.steady;
  entry_.watch.waiting = 1;
  entry_.watch.live_request = true;
  if (event.first != no_place) begin(event.first, true);
}

void Machine::on(const AttemptEnded& event) {
  if (event.attempt >= entry_.attempts.size()) return;
  Attempt& attempt = entry_.attempts[event.attempt];
  if (attempt.state != AttemptState::in_flight && attempt.state != AttemptState::unknown) return;
  const bool first_word = attempt.end == ConnectionEnd::open;
  if (!first_word) return;
  attempt.status = event.status;
  attempt.end = event.judgement.end;
  attempt.watch.ended = now_.steady;
  entry_.watch.live_resendable = entry_.watch.live_resendable && event.live_resendable;
  save_ = true;
  if (event.judgement.key_refused) {
    key_refused_ = true;
    do_now(Alert{AlertKind::key_refused});
  }
  const auto reached_same_hub = [&](const Attempt& earlier) {
    return serves(attempt.place, earlier) &&
           (earlier.state == AttemptState::unknown || earlier.state == AttemptState::absent);
  };
  switch (event.judgement.proof) {
    case Proof::ran:
      return ran(event.attempt);
    case Proof::never_ran:
      attempt.state = AttemptState::never_ran;
      return;
    case Proof::exists:
      // Without an earlier attempt that may have run, the living instance is somebody else's.
      if (std::any_of(entry_.attempts.begin(),
                      entry_.attempts.begin() + static_cast<std::ptrdiff_t>(event.attempt),
                      reached_same_hub)) {
        attempt.said_exists = true;
        return doubt(event.attempt);
      }
      return refused(event.attempt);
    case Proof::refused:
      return refused(event.attempt);
    case Proof::unknown:
      return doubt(event.attempt);
  }
}

void Machine::refused(std::size_t attempt) {
  entry_.attempts[attempt].state = AttemptState::refused;
}

// The endpoint itself says so. When the entry is settled already, this may be the second run.
void Machine::ran(std::size_t attempt) {
  entry_.attempts[attempt].state = AttemptState::ran;
  const Place place = entry_.attempts[attempt].place;
  if (!is_open(entry_)) {
    const auto runs =
        std::count_if(entry_.attempts.begin(), entry_.attempts.end(),
                      [](const Attempt& one) { return one.state == AttemptState::ran; });
    if (runs > 1) duplicate(place);
    return;
  }
  entry_.ran_at = place;
  answer(Told::relayed, attempt, NotRunWhy::unreachable, false);
  settle(Settlement::ran);
}

void Machine::on(const LookEnded& event) {
  entry_.watch.look_out = false;
  switch (event.look.result) {
    case LookResult::found:
      return found(event.place, event.asked, event.look.created);
    case LookResult::absent:
      return not_found(event.place, event.asked);
    case LookResult::unanswered:
      return forget_absence(event.place);
  }
}

void Machine::found(Place place, TimePoint asked, std::optional<WallTime> created) {
  const Identity identity = identify(entry_, place, created, policy_.ledger.hub_clock_skew);
  entry_.watch.looked_in_vain.reset();
  if (!is_open(entry_)) {
    if (identity == Identity::ours) seen_after_settlement(place, created);
    return;
  }
  entry_.watch.found_unclear = identity == Identity::unclear;
  if (identity == Identity::unclear) {
    entry_.watch.resubmit_asked = false;
    return forget_absence(place);
  }
  if (identity == Identity::older) {
    // The refusal "already exists" was about that one.
    for (Attempt& attempt : entry_.attempts)
      if (attempt.state == AttemptState::unknown && attempt.said_exists && serves(place, attempt)) {
        attempt.state = AttemptState::refused;
        save_ = true;
      }
    return not_found(place, asked);
  }
  entry_.ran_at = place;
  entry_.ran_created = created;
  Attempt* only = nullptr;
  int candidates = 0;
  for (Attempt& attempt : entry_.attempts)
    if (may_still_run(attempt) && serves(place, attempt)) {
      only = &attempt;
      ++candidates;
    }
  if (candidates == 1) only->state = AttemptState::ran;
  answer(Told::accepted, 0, NotRunWhy::unreachable, true);
  settle(Settlement::ran);
}

void Machine::not_found(Place place, TimePoint asked) {
  entry_.watch.found_unclear = false;
  entry_.watch.looked_in_vain = asked;
  entry_.watch.looked_at = place;
  for (Attempt& attempt : entry_.attempts)
    if (attempt.state == AttemptState::unknown && serves(place, attempt))
      count_absence(attempt, place, asked);
}

// One 404 (or an older instance) after another. What is required of them is the heart of it all.
void Machine::count_absence(Attempt& attempt, Place place, TimePoint asked) {
  AttemptWatch& watch = attempt.watch;
  if (attempt.end == ConnectionEnd::open || !watch.ended || asked < *watch.ended) return;
  if (attempt.end == ConnectionEnd::by_us &&
      (place != attempt.place || !watch.alive_since || asked < *watch.alive_since))
    return;
  if (!watch.first_absent) {
    watch.first_absent = asked;
    watch.absent_at = place;
    watch.absent_elsewhere = place != attempt.place;
    return;
  }
  watch.absent_elsewhere = watch.absent_elsewhere || place != attempt.place;
  if (asked - *watch.first_absent < gap(attempt)) return;
  attempt.state = AttemptState::absent;
  // A host may be frozen for longer than anyone waits, with the start in its socket or half done.
  // Only its own answers exclude that, and behind a gateway only after an end that was not ours.
  const EndpointView* endpoint = view(attempt.place);
  const bool gateway = endpoint == nullptr || endpoint->peer == config::Peer::gateway;
  attempt.weak =
      (watch.absent_elsewhere && !watch.gone) || (gateway && attempt.end == ConnectionEnd::by_us);
  save_ = true;
}

void Machine::forget_absence(Place place) {
  for (Attempt& attempt : entry_.attempts)
    if (attempt.watch.first_absent && serves(place, attempt)) attempt.watch.first_absent.reset();
}

void Machine::seen_after_settlement(Place place, std::optional<WallTime> created) {
  const bool same_hub = policy_.hub != config::TaskHub::per_region || place == entry_.ran_at;
  if (!same_hub) return duplicate(place);
  if (!entry_.ran_created) {
    entry_.ran_created = created;
    save_ = true;
  } else if (created && *created != *entry_.ran_created) {
    duplicate(place);
  }
}

void Machine::duplicate(Place place) {
  if (entry_.duplicate_found) return;
  mark_possible_duplicate();
  entry_.duplicate_found = true;
  save_ = true;
  do_now(Alert{AlertKind::duplicate});
  // The copy that counts is the one whose status URL the client polls. In one shared hub both have
  // the same id: ending one would end the other.
  if (policy_.hub == config::TaskHub::per_region && place != entry_.ran_at)
    do_now(SendTerminate{place});
}

void Machine::on(const EndpointsChanged&) {
  entry_.watch.round = entry_.attempts.size();
  entry_.watch.retry_at.reset();
}

void Machine::on(const TimeCame&) {
  if (!entry_.watch.retry_at || now_.steady < *entry_.watch.retry_at) return;
  entry_.watch.retry_at.reset();
  entry_.watch.round = entry_.attempts.size();
}

void Machine::on(const ClientLeft& event) {
  entry_.watch.waiting = std::max(entry_.watch.waiting - 1, 0);
  if (!event.first) return;
  entry_.watch.live_request = false;
  for (std::size_t i = 0; i < entry_.attempts.size(); ++i)
    if (entry_.attempts[i].state == AttemptState::in_flight) do_now(KeepConnection{i});
}

void Machine::on(const ClientJoined&) {
  ++entry_.watch.waiting;
  // What was told is on disk already.
  if (is_acceptance(entry_.told) || entry_.told == Told::unknown)
    answer(entry_.told, 0, NotRunWhy::unreachable, false);
}

void Machine::on(const TerminateAsked&) {
  if (!is_open(entry_)) return;
  if (may_still_run(entry_)) {
    entry_.terminate = Terminate::wanted;
  } else {
    entry_.terminate = Terminate::done;
    settle(Settlement::terminated);
  }
  do_committed(AnswerTerminate{});
}

void Machine::on(const TerminateEnded& event) {
  entry_.watch.terminate_out = false;
  if (event.delivered) {
    entry_.terminate = Terminate::done;
    save_ = true;
  } else {
    entry_.watch.retry_at = now_.steady + retry_gap();
  }
}

void Machine::on(const CommitFailed& event) {
  do_now(Alert{AlertKind::disk});
  for (const Effect& effect : event.held_back) {
    if (const auto* send = std::get_if<Send>(&effect))
      send_failed(send->attempt);
    else if (const auto* told = std::get_if<Answer>(&effect))
      answer_failed(*told);
    else if (std::holds_alternative<AnswerTerminate>(effect))
      do_now(AnswerTerminate{false});
    else
      now_effects_.push_back(effect);
  }
}

void Machine::send_failed(std::size_t attempt) {
  if (attempt + 1 != entry_.attempts.size()) return;
  entry_.attempts.pop_back();  // not a byte of it was sent
  entry_.watch.round = std::min(entry_.watch.round, entry_.attempts.size());
  if (entry_.told == Told::nothing && !may_still_run(entry_)) {
    // An earlier attempt is on disk as open, and that it came to nothing cannot be written either:
    // a restart would start it again, so "failed" would be too much.
    const bool remembered = !entry_.attempts.empty() && entry_.origin != IdOrigin::assigned;
    answer(remembered ? Told::unknown : Told::not_run, 0, NotRunWhy::disk, false);
    return settle(Settlement::not_run);
  }
  entry_.resubmitted = false;
  entry_.watch.retry_at = now_.steady + retry_gap();
}

void Machine::answer_failed(const Answer& held) {
  entry_.watch.waiting = std::max(entry_.watch.waiting, 1);
  switch (held.what) {
    case Told::unconfirmed:  // a promise that a restart would not know of
      answer(Told::unknown, 0, NotRunWhy::disk, false);
      return list(Listed::not_repeatable, AlertKind::not_repeatable);
    case Told::queued:
      entry_.told = Told::nothing;
      answer(Told::not_run, 0, NotRunWhy::disk, false);
      return settle(Settlement::not_run);
    default:
      answer(held.what, held.attempt, held.why, false);
  }
}

void Machine::on(const Restarted&) {
  const auto gone_by = std::max(now_.wall - entry_.arrived, config::Millis{0});
  entry_.watch = EntryWatch{};
  entry_.watch.arrived = now_.steady - gone_by;
  entry_.watch.live_resendable = false;
  WallTime latest = entry_.arrived;
  for (Attempt& attempt : entry_.attempts) {
    latest = std::max(latest, attempt.begun);
    attempt.watch = AttemptWatch{};
    attempt.watch.begun = attempt.watch.next_look = now_.steady;
    attempt.watch.ended = now_.steady;
    if (attempt.end == ConnectionEnd::open) attempt.end = ConnectionEnd::by_us;
    if (attempt.state == AttemptState::in_flight) attempt.state = AttemptState::unknown;
  }
  entry_.watch.round = entry_.attempts.size();
  if (now_.wall < latest - policy_.ledger.hub_clock_skew) entry_.clock_doubt = true;
  save_ = true;
}

void Machine::on(const ClockStepped& event) {
  if (std::abs(event.by.count()) <= policy_.ledger.hub_clock_skew.count()) return;
  entry_.clock_doubt = true;
  save_ = true;
}

void Machine::on(const Polled&) {
  if (!is_open(entry_)) return;
  for (Attempt& attempt : entry_.attempts)
    if (attempt.state == AttemptState::in_flight || attempt.state == AttemptState::unknown)
      if (const auto place = place_to_look(attempt)) return ask(*place);
}

void Machine::on(const ResubmitAsked&) {
  if (!entry_.body_kept || entry_.terminate != Terminate::no) return;
  if (entry_.settlement == Settlement::ran) {
    // The hub lost it with its last writes; what is settled is forgotten, the mark is not.
    mark_possible_duplicate();
    entry_.settlement = Settlement::open;
    entry_.ran_created.reset();
  }
  if (!is_open(entry_)) return;
  if (!is_acceptance(entry_.told)) entry_.told = Told::unconfirmed;  // by the operator, now
  entry_.resubmitted = false;
  entry_.watch.resubmit_asked = true;
  entry_.watch.looked_in_vain.reset();
  save_ = true;
}

void Machine::on(const ForgetAsked&) {
  settle(Settlement::forgotten);
}

Effects Machine::finish() {
  Effects effects = std::move(now_effects_);
  if (wake_) effects.emplace_back(Wake{*wake_});
  if (commit_) {
    effects.emplace_back(Commit{});
    effects.insert(effects.end(), held_effects_.begin(), held_effects_.end());
  } else if (save_) {
    effects.emplace_back(Save{});
  }
  return effects;
}

Effects apply(StartEntry& entry, const Event& event, const Policy& policy, Now now) {
  Machine machine{entry, policy, now};
  std::visit([&](const auto& one) { machine.on(one); }, event);
  machine.decide();
  return machine.finish();
}

std::optional<NotRunWhy> admission(const Load& load, const config::Ledger& ledger) {
  if (!load.disk_ok && ledger.mode == config::LedgerMode::durable) return NotRunWhy::disk;
  if (load.waiting >= ledger.max_waiting || load.doubtful >= ledger.max_doubtful)
    return NotRunWhy::crowded;
  return std::nullopt;
}

std::string_view to_string(NotRunWhy why) {
  static constexpr std::array<std::string_view, 5> words{"unreachable", "key_refused", "disk",
                                                         "crowded", "held"};
  return words.at(static_cast<std::size_t>(why));
}

std::string_view to_string(AlertKind kind) {
  static constexpr std::array<std::string_view, 8> words{
      "unknown", "not_repeatable", "late", "duplicate", "key_refused", "disk", "refused", "lost"};
  return words.at(static_cast<std::size_t>(kind));
}

}  // namespace ledger
