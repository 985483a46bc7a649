#include "rehearsal/cold_start.hpp"

#include <algorithm>

namespace rehearsal {

ColdStart::TimePoint ColdStart::admit(TimePoint now) {
  if (takes_.count() == 0) return now;
  if (!loaded_ || now - last_ >= idle_after_) warm_at_ = now + takes_;
  loaded_ = true;
  last_ = std::max(now, warm_at_);  // while it starts it does not idle
  return last_;
}

}  // namespace rehearsal
