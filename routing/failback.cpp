#include "routing/failback.hpp"

#include <algorithm>

namespace routing {
namespace {

// Steps that unbroken health has taken the penalty back by.
int decayed(int level, config::Millis decay, health::TimePoint::duration healthy) {
  if (level == 0 || healthy.count() <= 0) return level;
  if (decay.count() <= 0) return 0;
  const auto steps = healthy / health::TimePoint::duration{decay};
  return steps >= level ? 0 : level - static_cast<int>(steps);
}

}  // namespace

config::Millis flap_wait(const config::Failback& settings, int level) {
  const config::Millis base = settings.effective_healthy_for;
  if (base.count() <= 0) return config::Millis{0};
  const config::Millis most = std::max(base, settings.flap_max);
  double wait = static_cast<double>(base.count());
  for (int i = 0; i < level && wait < static_cast<double>(most.count()); ++i)
    wait *= std::max(1.0, settings.flap_factor);
  if (wait >= static_cast<double>(most.count())) return most;
  return config::Millis{static_cast<config::Millis::rep>(wait)};
}

void Comeback::degraded(const config::Failback& settings, health::TimePoint now) {
  if (sick_) return;
  sick_ = true;
  recovering_ = false;
  if (!recovered_at_) return;
  const auto healthy = now - *recovered_at_;
  level_ = decayed(level_, settings.flap_decay, healthy);
  // The cap keeps the number small in an endless loop; flap_max has long been reached by then.
  if (healthy < settings.flap_decay) level_ = std::min(level_ + 1, 64);
}

void Comeback::recovered(health::TimePoint now) {
  if (!sick_) return;
  sick_ = false;
  recovering_ = true;
  recovered_at_ = now;
}

int Comeback::level(const config::Failback& settings, health::TimePoint now) const {
  if (sick_ || !recovered_at_) return level_;
  return decayed(level_, settings.flap_decay, now - *recovered_at_);
}

config::Millis Comeback::wait(const config::Failback& settings) const {
  return flap_wait(settings, level_);
}

health::TimePoint Comeback::wait_ends(const config::Failback& settings) const {
  return recovered_at_.value_or(health::TimePoint{}) + wait(settings);
}

}  // namespace routing
