// What live traffic says about an endpoint's health. Pure. The proxy reports each failed attempt as
// one Evidence value (workers post them to the control thread) and counts the answers that were
// fine; `EvidenceWindow` turns both into a judgement. Application answers never count.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "health/status.hpp"

namespace health {

enum class EvidenceKind {
  connect_failed,      // refused, unreachable or timed out     } connect class
  tls_failed,          //                                        }
  reset,               // reset or closed before the response head was complete   } HTTP class:
  bad_gateway,         // 502                                                     } share of the
  unavailable,         // 503                                                     } requests in the
  gateway_timeout,     // 504                                                     } window, and only
  stopped_page,        // the exact 403 page of a stopped web app                 } with a failed
  first_byte_timeout,  //                                                      } confirming probe
  hub_trouble,         // 500 on a Durable route: starts a hub probe, degrades nothing by itself
};

std::string_view to_string(EvidenceKind);
bool is_connect_class(EvidenceKind);

struct Evidence {
  EndpointId endpoint = no_endpoint;
  EvidenceKind kind = EvidenceKind::connect_failed;
  TimePoint at{};
};

// Live traffic looks bad enough to matter.
struct Suspicion {
  std::string detail;         // "3 connections failed within 2 s (refused)"
  TimePoint first_failure{};  // of the attempts that are counted
};

// The recent attempts at one endpoint, in bounded memory whatever the rate. Owned by the
// HealthBoard, used on the control thread.
class EvidenceWindow {
 public:
  // One failed attempt; hub trouble is not one and is ignored here.
  void add(const config::Evidence&, const Evidence&);
  // The workers' cumulative count of fine answers, as read now. Answers that are known to have come
  // after a connect-class failure end that series: a full backlog is not a dead endpoint.
  void sample(const config::Evidence&, std::uint64_t answered_total, TimePoint now);
  // Did the latest sample bring new answers?
  bool answering() const { return answering_; }
  void clear();  // the endpoint came back: what was before does not count against it

  std::optional<Suspicion> connect_suspicion(const config::Evidence&, TimePoint now) const;
  std::optional<Suspicion> http_suspicion(const config::Evidence&, TimePoint now) const;

 private:
  static constexpr std::size_t slots = 20;  // http_window is counted in twentieths
  struct Slot {
    std::int64_t index = -1;
    std::uint64_t fine = 0, failed = 0;
    TimePoint first_failure{};
  };
  Slot& slot_at(const config::Evidence&, TimePoint);

  std::array<Slot, slots> http_{};
  std::deque<TimePoint> connect_failures_;  // the latest `connect_failures` of them
  EvidenceKind last_connect_kind_ = EvidenceKind::connect_failed;
  std::optional<std::uint64_t> answered_total_;
  TimePoint sampled_at_{};
  bool answering_ = false;
};

// What the window means for the endpoint, by its policy and by who wins a disagreement.
struct TrafficVerdict {
  std::optional<Suspicion> degrade;     // degrade now
  std::optional<Suspicion> confirm;     // degrade if the next probe fails
  std::optional<Suspicion> suspicious;  // to be shown when probes pass all the same
};
TrafficVerdict judge_traffic(const EvidenceWindow&, const config::Evidence&, config::Disagreement,
                             TimePoint now);

// Answers that prove the function never ran, whoever sees them: probe or live request.
// The page of a stopped web app: a 403 like that of an access restriction, told apart by its text.
bool is_stopped_page(int status, std::string_view content_type, std::string_view body);
// The stopped page, 503 `Function host is not running`, or the app_offline page.
bool proves_not_run(int status, std::string_view content_type, std::string_view body);

}  // namespace health
