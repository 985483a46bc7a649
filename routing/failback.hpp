// When a recovered endpoint may have its traffic back. Pure: time is an argument, the Router owns
// one Comeback per endpoint and uses it on the control thread.
//
// An endpoint that was Degraded waits `healthy_for` from the moment it turned Online again (its
// last required pass). Each relapse within `flap_decay` of a recovery multiplies the wait by
// `flap_factor`, up to `flap_max`; each `flap_decay` of unbroken health takes one step back. With
// healthy_for 10 s and factor 2:  down, up: 10 s;  down again 5 s later, up: 20 s;  again: 40 s.
// So a crash loop whose up-phases are shorter than the wait causes one failover and one failback.
#pragma once

#include <optional>

#include "config/config.hpp"
#include "health/status.hpp"

namespace routing {

// How one endpoint recovers.
class Comeback {
 public:
  void degraded(const config::Failback&, health::TimePoint now);
  void recovered(health::TimePoint now);
  // Taken out by an operator, always served, or put to work because nobody else was left: what
  // came before is no reason to wait any more. The flap level stays.
  void excuse() { sick_ = recovering_ = false; }

  bool recovering() const { return recovering_; }  // up again, and its wait not yet over
  bool sick() const { return sick_; }
  std::optional<health::TimePoint> recovered_at() const { return recovered_at_; }
  int level(const config::Failback&, health::TimePoint now) const;  // relapses that still count
  config::Millis wait(const config::Failback&) const;               // of the present recovery
  health::TimePoint wait_ends(const config::Failback&) const;       // while recovering

 private:
  bool sick_ = false;
  bool recovering_ = false;
  int level_ = 0;  // at the latest recovery
  std::optional<health::TimePoint> recovered_at_;
};

// healthy_for * factor^level, at most flap_max (or healthy_for, when that is longer).
config::Millis flap_wait(const config::Failback&, int level);

}  // namespace routing
