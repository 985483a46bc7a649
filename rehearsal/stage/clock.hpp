// The time of a run: since it began, and as UTC. Set once.
#pragma once

#include <chrono>

#include "rehearsal/verdict/record.hpp"

namespace stage {

struct Clock {
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::chrono::system_clock::time_point began_wall = std::chrono::system_clock::now();

  verdict::At now() const {
    return std::chrono::duration_cast<verdict::At>(std::chrono::steady_clock::now() - began);
  }
  verdict::At at(std::chrono::system_clock::time_point time) const {
    return std::chrono::duration_cast<verdict::At>(time - began_wall);
  }
};

}  // namespace stage
