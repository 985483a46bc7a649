// Whether somebody set the wall clock: what it and the steady clock have advanced by is compared.
// Slewing moves both and so is none; a machine that slept counts, because nobody can tell the two
// apart. Owned by the App, control thread. Pure: both clocks are read by the caller.
#pragma once

#include <chrono>
#include <optional>

#include "app/picture.hpp"
#include "config/config.hpp"
#include "health/status.hpp"

namespace app {

class ClockWatch {
 public:
  static constexpr std::chrono::milliseconds smallest_step{1000};

  // By how much the wall clock was set since the last step, or since the first call.
  std::optional<config::Millis> step(health::TimePoint steady, WallTime wall) {
    if (!steady_) {
      steady_ = steady;
      wall_ = wall;
    }
    const auto by =
        std::chrono::duration_cast<config::Millis>((wall - wall_) - (steady - *steady_));
    if (by <= smallest_step && -by <= smallest_step) return std::nullopt;
    steady_ = steady;
    wall_ = wall;
    return by;
  }

 private:
  std::optional<health::TimePoint> steady_;
  WallTime wall_{};
};

}  // namespace app
