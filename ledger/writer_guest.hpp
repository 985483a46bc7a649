// What lives on the writer's thread beside the writing itself: the start ledger. All of it is
// called on that thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ledger/store.hpp"

namespace ledger {

struct GuestWrites {
  std::vector<StartWrite> starts;
  std::vector<OperatorAction> actions;
  bool sync = false;  // somebody waits for it: the group is written at once, and synced
  bool empty() const { return starts.empty() && actions.empty(); }
};

class WriterGuest {
 public:
  virtual ~WriterGuest() = default;
  // The store is open, for the first time or again.
  virtual void opened(Store&) = 0;
  // A turn: takes what has come and says what is to be written now. `store` is null while the disk
  // refuses. What is added then is answered with written(false) at once.
  virtual void turn(Store* store, GuestWrites&) = 0;
  // What the last turn added is on disk, or none of it is. Called once per turn that added
  // something, before the next turn.
  virtual void written(bool ok, const std::string& why, std::chrono::nanoseconds took) = 0;
  // When the next turn is due although nobody called wake(); nothing: never.
  virtual std::optional<std::chrono::steady_clock::time_point> next_turn() = 0;
  // Every trim period; true: there is more to remove.
  virtual bool trim(Store&) = 0;
};

}  // namespace ledger
