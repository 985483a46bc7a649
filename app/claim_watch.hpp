// When `durable.task_hub` is checked against the endpoints, and what came of it. Owned by the App,
// control thread only. Computes only: the desk asks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/picture.hpp"
#include "config/config.hpp"
#include "durable/hub_claim.hpp"
#include "health/status.hpp"

namespace app {

class ClaimWatch {
 public:
  using TimePoint = health::TimePoint;
  // Of a check that could not tell, or contradicted: somebody may have filled or renamed a hub.
  static constexpr std::chrono::minutes again{5};

  // At start and at each reload: other endpoints or another claim are checked afresh.
  void configure(const config::Config& config);

  bool due(std::size_t endpoints_online, TimePoint now) const;
  std::uint64_t asked();  // names the question, for `answered`
  // The news in a sentence; nothing when it says what the last check said, or when the
  // configuration has changed meanwhile.
  std::optional<std::string> answered(std::uint64_t question, const durable::HubClaim& claim,
                                      TimePoint now, WallTime wall);

  const std::optional<ClaimView>& view() const { return view_; }

 private:
  config::TaskHub hub_ = config::TaskHub::none;
  std::vector<config::Endpoint> endpoints_;
  std::uint64_t question_ = 0;
  bool asking_ = false;
  std::optional<TimePoint> next_ = TimePoint{};  // nothing: the claim holds
  std::optional<ClaimView> view_;
};

}  // namespace app
