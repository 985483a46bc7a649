// What the parts of HubStore share: an instance as its orchestrator sees it. Private to them.
#pragma once

#include <cstdint>
#include <string>

#include "rehearsal/hub_store.hpp"

namespace rehearsal {

struct HubStore::Run {
  Instance instance;
  Plan plan;
  std::int64_t execution = 0;
  int steps_done = 0;
  bool started = false;
  bool repaired = false;     // rewound: what was told to fail does so no more
  std::int64_t wake_at = 0;  // of the timer it waits for; 0: none
  std::string failure;       // JSON: an activity or a child has failed with this
  std::string parent;
  std::int64_t parent_execution = 0;  // 0: it has no parent
  int parent_step = 0;

  void step_done() {
    ++steps_done;
    wake_at = 0;
    const int of = steps_before_wait(plan);
    if (steps_done <= of && !shows_own_status(plan))
      instance.custom_status =
          "{\"step\":" + std::to_string(steps_done) + ",\"of\":" + std::to_string(of) + "}";
  }
};

}  // namespace rehearsal
