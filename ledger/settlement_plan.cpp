// What to do next, given what is known. Asked again after every event; each answer leaves a trace
// in the entry (an attempt, what was told, a look-up under way), so asking twice does nothing
// twice.
#include <algorithm>

#include "ledger/settlement_machine.hpp"

namespace ledger {
namespace {

using config::Millis;

constexpr Millis shortest_look{50};
constexpr int looks_begin_at = 8;  // the first interval is this part of the settling time
constexpr int waits_at = 4;        // a start that nobody takes is tried again after age / 4

}  // namespace

void Machine::decide() {
  take_stock();
  if (!is_open(entry_)) return after_settlement();
  if (unresolved()) {
    answer_doubtful();
    if (mind_the_age()) look();
    return;
  }
  if (in_flight()) {
    for (const Attempt& attempt : entry_.attempts)
      if (attempt.state == AttemptState::in_flight) wake(doubt_at(attempt));
    return;
  }
  start_next();
}

void Machine::take_stock() {
  for (std::size_t i = 0; i < entry_.attempts.size(); ++i) {
    Attempt& attempt = entry_.attempts[i];
    AttemptWatch& watch = attempt.watch;
    const EndpointView* endpoint = view(attempt.place);
    if (attempt.state == AttemptState::in_flight && is_open(entry_)) {
      const bool turned_bad =
          endpoint == nullptr || !endpoint->enabled ||
          (endpoint->degraded_since && *endpoint->degraded_since >= watch.begun);
      if (turned_bad || now_.steady >= doubt_at(attempt)) doubt(i);
    }
    if (attempt.state != AttemptState::unknown) continue;
    if (attempt.end == ConnectionEnd::by_us && !watch.alive_since && endpoint != nullptr &&
        endpoint->pass_opened && endpoint->passed && watch.ended &&
        *endpoint->pass_opened > *watch.ended) {
      watch.alive_since = *endpoint->passed;
      watch.next_look = now_.steady;
    }
    watch.gone =
        watch.gone || (endpoint != nullptr && endpoint->peer == config::Peer::direct &&
                       endpoint->refused && watch.ended && *endpoint->refused > *watch.ended);
    // A hub's host that was away between two answers may have been frozen: count from the start.
    const EndpointView* witness = view(watch.absent_at);
    if (watch.first_absent &&
        (witness == nullptr || !witness->enabled || degraded(watch.absent_at)))
      watch.first_absent.reset();
  }
}

void Machine::doubt(std::size_t index) {
  Attempt& attempt = entry_.attempts[index];
  attempt.state = AttemptState::unknown;
  attempt.watch.first_absent.reset();
  attempt.watch.next_look = now_.steady;
  attempt.watch.look_interval = Millis{0};
  if (attempt.end == ConnectionEnd::open) do_now(KeepConnection{index});
}

void Machine::answer_doubtful() {
  const bool all_ended =
      std::none_of(entry_.attempts.begin(), entry_.attempts.end(), [](const Attempt& attempt) {
        return attempt.state == AttemptState::unknown && attempt.end == ConnectionEnd::open;
      });
  if (!acceptable()) {
    if (!all_ended || is_acceptance(entry_.told)) return;
    answer(Told::unknown, 0, NotRunWhy::unreachable, false);
    return list(Listed::not_repeatable, AlertKind::not_repeatable);
  }
  if (entry_.told != Told::nothing || entry_.watch.waiting == 0) return;
  const TimePoint due = entry_.watch.arrived + policy_.ledger.answer_after + entry_.extra_wait;
  const bool bad =
      std::any_of(entry_.attempts.begin(), entry_.attempts.end(), [this](const Attempt& attempt) {
        return attempt.state == AttemptState::unknown && degraded(attempt.place);
      });
  if (bad || now_.steady >= due)
    answer(Told::unconfirmed, 0, NotRunWhy::unreachable, true);
  else
    wake(due);
}

// False: it is so old that a 404 of the hub means nothing.
bool Machine::mind_the_age() {
  if (age() >= policy_.hub_retention) {
    list(Listed::hub_retention, AlertKind::late);
    return false;
  }
  const TimePoint give_up = entry_.watch.arrived + policy_.ledger.give_up_after;
  if (entry_.watch.resubmit_asked) {
    resubmit();
  } else if (now_.steady < give_up) {
    wake(give_up);
  } else if (policy_.ledger.give_up != config::GiveUp::resubmit || entry_.resubmitted ||
             !wants_to_run() || !resubmit()) {
    list(Listed::unknown, AlertKind::unknown);
  }
  wake(entry_.watch.arrived + policy_.hub_retention);
  return true;
}

// Starts it once more although it may have run. False: not possible now.
bool Machine::resubmit() {
  if (in_flight()) return true;
  const auto place = pick(false);
  if (!place) {
    if (entry_.watch.retry_at) wake(*entry_.watch.retry_at);
    return false;
  }
  const bool same_hub =
      std::any_of(entry_.attempts.begin(), entry_.attempts.end(),
                  [&](const Attempt& attempt) { return serves(*place, attempt); });
  const bool looked = entry_.watch.looked_in_vain && entry_.watch.looked_at == *place &&
                      *entry_.watch.looked_in_vain + policy_.ledger.answer_after > now_.steady;
  if (same_hub && !looked) {
    if (entry_.watch.found_unclear) return false;  // its run or an earlier one: nothing to repeat
    if (!entry_.watch.retry_at) {
      ask(*place);
      entry_.watch.retry_at = now_.steady + retry_gap();
    }
    wake(*entry_.watch.retry_at);
    return entry_.watch.look_out;
  }
  entry_.resubmitted = true;
  entry_.watch.resubmit_asked = false;
  begin(*place, false);
  return true;
}

void Machine::look() {
  for (Attempt& attempt : entry_.attempts)
    if (attempt.state == AttemptState::unknown) look_if_due(attempt);
}

void Machine::look_if_due(Attempt& attempt) {
  const auto place = place_to_look(attempt);
  if (!place) return;
  AttemptWatch& watch = attempt.watch;
  TimePoint due = watch.next_look;
  if (watch.first_absent) due = std::min(due, *watch.first_absent + gap(attempt));
  if (now_.steady < due) return wake(due);
  if (entry_.watch.look_out) return;
  ask(*place);
  const Millis longest = age() < policy_.ledger.give_up_after
                             ? gap(attempt)
                             : std::max(gap(attempt), policy_.ledger.give_up_after);
  watch.look_interval = std::clamp(watch.look_interval,
                                   std::max(gap(attempt) / looks_begin_at, shortest_look), longest);
  watch.next_look = now_.steady + watch.look_interval;
  watch.look_interval *= 2;
}

// Nothing is in doubt and nothing runs: start it, or be done with it.
void Machine::start_next() {
  if (entry_.terminate == Terminate::wanted) {
    entry_.terminate = Terminate::done;
    return settle(Settlement::terminated);
  }
  if (std::any_of(entry_.attempts.begin(), entry_.attempts.end(),
                  [](const Attempt& one) { return one.state == AttemptState::refused; }))
    return settle_refusal();
  if (entry_.told == Told::unknown || repeats_itself()) return settle(Settlement::not_run);
  if (age() >= policy_.hub_retention) return list(Listed::hub_retention, AlertKind::late);
  if (entry_.watch.resubmit_asked) {
    if (!resubmit()) wait_for_endpoint();
    return;
  }
  const bool late = was_sent() && age() >= policy_.ledger.give_up_after &&
                    policy_.ledger.give_up == config::GiveUp::list;
  if (late && entry_.told != Told::nothing) return list(Listed::absent_late, AlertKind::late);
  if (entry_.watch.retry_at && now_.steady < *entry_.watch.retry_at) return wait_for_endpoint();
  const bool live =
      entry_.told == Told::nothing && entry_.watch.live_request && entry_.watch.live_resendable;
  const auto place = pick(live);
  if (!place) return entry_.told == Told::nothing ? no_endpoint() : wait_for_endpoint();
  begin(*place, live);
}

// Nobody was told anything yet, and there is nowhere to send it.
void Machine::no_endpoint() {
  if (entry_.watch.waiting == 0) return settle(Settlement::not_run);
  if (policy_.ledger.queue_starts && entry_.may_use_keys && acceptable() && !entry_.held) {
    answer(Told::queued, 0, NotRunWhy::unreachable, true);
    return wait_for_endpoint();
  }
  if (weak_absence()) {
    answer(Told::unknown, 0, NotRunWhy::unreachable, false);
    return settle(Settlement::not_run);
  }
  const bool durably = !entry_.attempts.empty() && entry_.origin != IdOrigin::assigned;
  const bool has_answer = !entry_.attempts.empty() && entry_.attempts.back().status != 0 &&
                          entry_.attempts.back().state == AttemptState::never_ran;
  if (has_answer && why_not() != NotRunWhy::key_refused)
    answer(Told::relayed, entry_.attempts.size() - 1, NotRunWhy::unreachable, durably);
  else
    answer(Told::not_run, 0, why_not(), durably);
  settle(Settlement::not_run);
}

void Machine::wait_for_endpoint() {
  const bool sent = was_sent();
  const TimePoint deadline =
      entry_.watch.arrived + (sent ? policy_.ledger.give_up_after : policy_.ledger.max_wait);
  if (!sent && now_.steady >= deadline) {
    list(Listed::waited_out, AlertKind::late);
    return settle(Settlement::waited_out);
  }
  if (now_.steady < deadline) wake(deadline);
  // Others may wait behind a queued one.
  const Millis patience = entry_.told == Told::queued ? Millis{0} : age() / waits_at;
  if (!entry_.watch.retry_at) entry_.watch.retry_at = now_.steady + std::max(retry_gap(), patience);
  wake(*entry_.watch.retry_at);
}

// An endpoint has refused it. After an attempt that is only weakly absent this is not the whole
// truth.
void Machine::settle_refusal() {
  std::size_t which = 0;
  for (std::size_t i = 0; i < entry_.attempts.size(); ++i)
    if (entry_.attempts[i].state == AttemptState::refused) which = i;
  if (weak_absence()) {
    if (entry_.told == Told::nothing) answer(Told::unknown, which, NotRunWhy::unreachable, false);
  } else if (entry_.told == Told::nothing) {
    answer(Told::relayed, which, NotRunWhy::unreachable, entry_.origin != IdOrigin::assigned);
  } else if (is_acceptance(entry_.told)) {
    list(Listed::late_refusal, AlertKind::refused);
  }
  settle(Settlement::refused);
}

void Machine::after_settlement() {
  if (!is_watched(entry_) || age() >= policy_.hub_retention) return;
  if (entry_.terminate == Terminate::wanted && !entry_.watch.terminate_out) {
    const EndpointView* endpoint = view(entry_.ran_at);
    if (entry_.watch.retry_at && now_.steady < *entry_.watch.retry_at) {
      wake(*entry_.watch.retry_at);
    } else if (endpoint != nullptr && endpoint->enabled && endpoint->has_key) {
      entry_.watch.terminate_out = true;
      do_now(SendTerminate{entry_.ran_at});
    }
  }
  if (!entry_.possible_duplicate || entry_.duplicate_found) return;
  for (Attempt& attempt : entry_.attempts)
    if (may_still_run(attempt)) look_if_due(attempt);
}

void Machine::begin(Place place, bool live) {
  if (may_still_run(entry_)) mark_possible_duplicate();
  Attempt attempt;
  attempt.place = place;
  attempt.begun = now_.wall;
  attempt.watch.begun = now_.steady;
  entry_.attempts.push_back(attempt);
  do_committed(Send{entry_.attempts.size() - 1, place, live});
  wake(doubt_at(entry_.attempts.back()));
}

void Machine::ask(Place place) {
  if (entry_.watch.look_out) return;
  entry_.watch.look_out = true;
  do_now(LookUp{place});
}

void Machine::answer(Told what, std::size_t attempt, NotRunWhy why, bool durably) {
  if (entry_.watch.waiting == 0) return;
  entry_.watch.waiting = 0;
  entry_.told = what;
  if (durably)
    do_committed(Answer{what, attempt, why});
  else
    do_now(Answer{what, attempt, why});
}

void Machine::settle(Settlement how) {
  entry_.settlement = how;
  save_ = true;
  if (how != Settlement::ran && how != Settlement::forgotten && weak_absence())
    list(Listed::may_have_run, AlertKind::unknown);
  do_now(Settle{how});
  if (how == Settlement::ran && entry_.listed != Listed::no) {
    entry_.listed = Listed::no;
    do_now(List{Listed::no});
  }
  if (!is_watched(entry_))
    for (std::size_t i = 0; i < entry_.attempts.size(); ++i)
      if (entry_.attempts[i].end == ConnectionEnd::open) do_now(CloseConnection{i});
  const bool may_be_lost = how == Settlement::ran && policy_.hub == config::TaskHub::geo_replicated;
  do_now(DropBody{may_be_lost ? policy_.ledger.loss_window : Millis{0}});
}

void Machine::list(Listed why, AlertKind kind) {
  if (entry_.listed == why) return;
  entry_.listed = why;
  save_ = true;
  do_now(List{why});
  do_now(Alert{kind});
}

void Machine::mark_possible_duplicate() {
  if (entry_.possible_duplicate) return;
  entry_.possible_duplicate = true;
  save_ = true;
  do_now(MarkPossibleDuplicate{});
}

void Machine::wake(TimePoint at) {
  if (at == TimePoint::max()) return;
  if (!wake_ || at < *wake_) wake_ = at;
}

const EndpointView* Machine::view(Place place) const {
  for (const EndpointView& endpoint : policy_.endpoints)
    if (endpoint.place == place) return &endpoint;
  return nullptr;
}

bool Machine::degraded(Place place) const {
  const EndpointView* endpoint = view(place);
  return endpoint != nullptr && endpoint->degraded_since.has_value();
}

bool Machine::serves(Place hub_seen_at, const Attempt& attempt) const {
  return policy_.hub != config::TaskHub::per_region || hub_seen_at == attempt.place;
}

bool Machine::unresolved() const {
  return std::any_of(entry_.attempts.begin(), entry_.attempts.end(),
                     [](const Attempt& one) { return one.state == AttemptState::unknown; });
}

bool Machine::in_flight() const {
  return std::any_of(entry_.attempts.begin(), entry_.attempts.end(),
                     [](const Attempt& one) { return one.state == AttemptState::in_flight; });
}

bool Machine::weak_absence() const {
  return std::any_of(entry_.attempts.begin(), entry_.attempts.end(), [](const Attempt& one) {
    return one.state == AttemptState::absent && one.weak;
  });
}

bool Machine::was_sent() const {
  return std::any_of(entry_.attempts.begin(), entry_.attempts.end(),
                     [](const Attempt& one) { return one.state != AttemptState::never_ran; });
}

// A start whose client showed no key of ours is never given one: it may be one that its app would
// have turned away.
bool Machine::may_replay(const EndpointView& endpoint) const {
  return endpoint.open || (endpoint.has_key && entry_.may_use_keys);
}

bool Machine::acceptable() const {
  return entry_.via == config::StartVia::built_in && entry_.origin != IdOrigin::none &&
         entry_.body_kept &&
         std::any_of(policy_.endpoints.begin(), policy_.endpoints.end(),
                     [this](const EndpointView& one) { return one.enabled && may_replay(one); });
}

bool Machine::wants_to_run() const {
  if (entry_.terminate != Terminate::no) return false;
  return is_acceptance(entry_.told) ||
         (entry_.told == Told::nothing && entry_.origin != IdOrigin::assigned);
}

bool Machine::repeats_itself() const {
  return entry_.told == Told::nothing && entry_.watch.waiting == 0 &&
         (entry_.origin == IdOrigin::assigned || entry_.origin == IdOrigin::none);
}

bool Machine::tried_this_round(Place place) const {
  for (std::size_t i = entry_.watch.round; i < entry_.attempts.size(); ++i)
    if (entry_.attempts[i].place == place && (entry_.attempts[i].state == AttemptState::never_ran ||
                                              entry_.attempts[i].state == AttemptState::absent))
      return true;
  return false;
}

std::optional<Place> Machine::pick(bool live) const {
  if (!live && !acceptable()) return std::nullopt;
  for (const EndpointView& endpoint : policy_.endpoints) {
    if (!endpoint.enabled || !endpoint.usable || tried_this_round(endpoint.place)) continue;
    if (live && entry_.held && !entry_.attempts.empty() &&
        endpoint.place != entry_.attempts.front().place)
      continue;
    if (live || may_replay(endpoint)) return endpoint.place;
  }
  return std::nullopt;
}

// The endpoint that had the attempt, if it is well; else, with one hub for all, any that is.
std::optional<Place> Machine::place_to_look(const Attempt& attempt) const {
  if (entry_.id.empty() || entry_.via != config::StartVia::built_in) return std::nullopt;
  const auto can = [](const EndpointView& one) { return one.enabled && one.has_key; };
  const EndpointView* own = view(attempt.place);
  if (own != nullptr && can(*own) && !own->degraded_since) return own->place;
  if (policy_.hub != config::TaskHub::per_region)
    for (const EndpointView& one : policy_.endpoints)
      if (can(one) && !one.degraded_since) return one.place;
  if (own != nullptr && can(*own)) return own->place;
  return std::nullopt;
}

TimePoint Machine::doubt_at(const Attempt& attempt) const {
  if (!acceptable()) return TimePoint::max();  // nothing to offer before its end
  const Millis patience = policy_.ledger.answer_after + entry_.extra_wait;
  return entry_.told == Told::nothing
             ? std::max(entry_.watch.arrived + patience, attempt.watch.begun)
             : attempt.watch.begun + patience;
}

Millis Machine::gap(const Attempt& attempt) const {
  if (attempt.end == ConnectionEnd::by_us) return settle_after_own_end(policy_.ledger);
  const EndpointView* endpoint = view(attempt.place);
  return settle_after(policy_.ledger, endpoint == nullptr ? config::Peer::gateway : endpoint->peer);
}

Millis Machine::retry_gap() const {
  return settle_after(policy_.ledger, config::Peer::direct);
}

Millis Machine::age() const {
  return std::chrono::duration_cast<Millis>(now_.steady - entry_.watch.arrived);
}

NotRunWhy Machine::why_not() const {
  if (key_refused_) return NotRunWhy::key_refused;
  return entry_.held ? NotRunWhy::held : NotRunWhy::unreachable;
}

}  // namespace ledger
