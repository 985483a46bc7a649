// What the ledger does later, by steady time. Belongs to the ledger's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "ledger/start_entry.hpp"

namespace ledger {

class StartAgenda {
 public:
  using Id = std::pair<TimePoint, std::uint64_t>;

  Id add(TimePoint at, std::function<void()> what) {
    const Id id{at, ++sequence_};
    dates_.emplace(id, std::move(what));
    return id;
  }
  void cancel(std::optional<Id>& id) {
    if (id) dates_.erase(*id);
    id.reset();
  }
  std::optional<TimePoint> next() const {
    if (dates_.empty()) return std::nullopt;
    return dates_.begin()->first.first;
  }
  // What is due now; not what that adds, be it due as well.
  void run(TimePoint now) {
    std::vector<Id> due;
    for (const auto& [id, what] : dates_) {
      if (id.first > now) break;
      due.push_back(id);
    }
    for (const Id& id : due) {
      const auto found = dates_.find(id);
      if (found == dates_.end()) continue;  // cancelled by one before it
      const std::function<void()> what = std::move(found->second);
      dates_.erase(found);
      what();
    }
  }

 private:
  std::map<Id, std::function<void()>> dates_;
  std::uint64_t sequence_ = 0;
};

}  // namespace ledger
