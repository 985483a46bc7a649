#include "app/claim_watch.hpp"

#include <string_view>
#include <utility>

namespace app {

using Verdict = durable::HubClaim::Verdict;

namespace {

std::string text_of(const durable::HubClaim& claim) {
  switch (claim.verdict) {
    case Verdict::contradiction:
      return claim.message;
    case Verdict::cannot_tell:
      return "task hub: cannot tell: " + claim.message;
    case Verdict::ok:
      break;
  }
  return "task hub: " + claim.message;
}

}  // namespace

void ClaimWatch::configure(const config::Config& config) {
  const bool same = config.durable.task_hub == hub_ && config.endpoints == endpoints_;
  if (!same) {
    hub_ = config.durable.task_hub;
    endpoints_ = config.endpoints;
    ++question_;
    asking_ = false;
    // A contradiction stays on show until it is known to be gone.
    if (hub_ == config::TaskHub::none || (view_ && !view_->contradiction)) view_.reset();
  }
  if (!same || next_) next_ = TimePoint{};
}

bool ClaimWatch::due(std::size_t endpoints_online, TimePoint now) const {
  return hub_ != config::TaskHub::none && endpoints_online >= 2 && !asking_ && next_ &&
         now >= *next_;
}

std::uint64_t ClaimWatch::asked() {
  asking_ = true;
  return ++question_;
}

std::optional<std::string> ClaimWatch::answered(std::uint64_t question,
                                                const durable::HubClaim& claim, TimePoint now,
                                                WallTime wall) {
  if (question != question_) return std::nullopt;
  asking_ = false;
  next_.reset();
  if (claim.verdict != Verdict::ok) next_ = now + again;
  ClaimView next{std::string{to_string(claim.verdict)},
                 std::string{to_string(claim.hubs)},
                 claim.message,
                 text_of(claim),
                 claim.verdict == Verdict::contradiction,
                 wall};
  if (view_ && view_->contradiction && claim.verdict == Verdict::cannot_tell) {
    view_->checked_at = wall;  // not seen again, and not refuted either
    return std::nullopt;
  }
  const bool news = !view_ || view_->verdict != next.verdict || view_->message != next.message;
  view_ = std::move(next);
  if (!news) return std::nullopt;
  return view_->text;
}

}  // namespace app
