// The inside of apply(): one event being applied to one entry. Only settlement*.cpp include it;
// settlement.cpp takes events in (what is known now), settlement_plan.cpp decides what to do next.
#pragma once

#include <cstddef>
#include <optional>

#include "ledger/settlement.hpp"

namespace ledger {

class Machine {
 public:
  Machine(StartEntry& entry, const Policy& policy, Now now)
      : entry_{entry}, policy_{policy}, now_{now} {}

  void on(const Arrived&);
  void on(const AttemptEnded&);
  void on(const LookEnded&);
  void on(const EndpointsChanged&);
  void on(const TimeCame&);
  void on(const ClientLeft&);
  void on(const ClientJoined&);
  void on(const TerminateAsked&);
  void on(const TerminateEnded&);
  void on(const CommitFailed&);
  void on(const Restarted&);
  void on(const ClockStepped&);
  void on(const Polled&);
  void on(const ResubmitAsked&);
  void on(const ForgetAsked&);

  void decide();
  Effects finish();

 private:
  // What an event proves (settlement.cpp).
  void refused(std::size_t attempt);
  void found(Place, TimePoint asked, std::optional<WallTime> created);
  void not_found(Place, TimePoint asked);
  void count_absence(Attempt&, Place, TimePoint asked);
  void forget_absence(Place);
  void ran(std::size_t attempt);
  void seen_after_settlement(Place, std::optional<WallTime> created);
  void duplicate(Place);
  void send_failed(std::size_t attempt);
  void answer_failed(const Answer&);

  // What to do next (settlement_plan.cpp).
  void take_stock();
  void doubt(std::size_t attempt);
  void answer_doubtful();
  bool mind_the_age();
  void look();
  void look_if_due(Attempt&);
  void start_next();
  void no_endpoint();
  void wait_for_endpoint();
  bool resubmit();
  void settle_refusal();
  void after_settlement();

  void begin(Place, bool live);
  void ask(Place);
  void answer(Told, std::size_t attempt, NotRunWhy, bool durably);
  void settle(Settlement);
  void list(Listed, AlertKind);
  void mark_possible_duplicate();
  void wake(TimePoint);

  template <class E>
  void do_now(E effect) {
    now_effects_.push_back(effect);
  }
  template <class E>
  void do_committed(E effect) {
    commit_ = true;
    held_effects_.push_back(effect);
  }

  const EndpointView* view(Place) const;
  bool degraded(Place) const;
  bool serves(Place hub_seen_at, const Attempt&) const;  // is it the hub that this attempt reached?
  bool unresolved() const;
  bool in_flight() const;
  bool weak_absence() const;
  bool was_sent() const;  // some attempt reached an app, as far as we know
  bool may_replay(const EndpointView&) const;
  bool acceptable() const;      // could be run without its client
  bool wants_to_run() const;    // somebody relies on it
  bool repeats_itself() const;  // its client will try again under another id
  bool tried_this_round(Place) const;
  std::optional<Place> pick(bool live) const;
  std::optional<Place> place_to_look(const Attempt&) const;
  TimePoint doubt_at(const Attempt&) const;
  config::Millis gap(const Attempt&) const;
  config::Millis retry_gap() const;
  config::Millis age() const;
  NotRunWhy why_not() const;

  StartEntry& entry_;
  const Policy& policy_;
  const Now now_;
  Effects now_effects_, held_effects_;
  bool commit_ = false, save_ = false;
  bool key_refused_ = false;
  std::optional<TimePoint> wake_;
};

}  // namespace ledger
