// What operators are told about starts: the ledger's news as events, and the alerts that hold
// because of them. Owned by the App, control thread only. Computes only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/picture.hpp"
#include "health/status.hpp"
#include "ledger/start_ledger.hpp"

namespace app {

class StartWatch {
 public:
  using TimePoint = health::TimePoint;
  // What cannot be undone and that nobody can acknowledge is shown for so long.
  static constexpr std::chrono::hours shown_for{1};

  void note(const ledger::StartNews& news, TimePoint now);
  void sample(const ledger::StartLedgerStatus& status, TimePoint now);
  std::vector<Alert> alerts(const ledger::StartLedgerStatus& status, TimePoint now) const;

 private:
  static constexpr std::size_t kinds = 8;  // of ledger::AlertKind
  struct Seen {
    std::uint64_t count = 0;  // since nothing was listed
    std::string last;         // id
    TimePoint at{};
  };
  struct Rise {
    std::uint64_t total = 0;
    std::optional<TimePoint> at;
    void sample(std::uint64_t next, TimePoint now) {
      if (next > total) at = now;
      total = next;
    }
    bool shown(TimePoint now) const { return at && now - *at < shown_for; }
  };
  const Seen& of(ledger::AlertKind kind) const { return seen_[static_cast<std::size_t>(kind)]; }

  std::array<Seen, kinds> seen_{};
  Rise duplicates_;
};

std::string news_text(const ledger::StartNews& news, std::string_view endpoint);

}  // namespace app
