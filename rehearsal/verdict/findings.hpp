// What a reader of the report should know beyond the objectives, and what to change. Each finding
// rests on what was observed; none knows which scenario was played. Inner part of the box; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/verdict/judgement_parts.hpp"

namespace verdict {

class Findings {
 public:
  Findings(const Story& story, const Judgement& judgement)
      : story_{story}, record_{story.record}, judgement_{judgement} {}

  std::vector<Finding> all();  // worst first

 private:
  void add(Severity severity, std::string text, std::string change = {});

  void about_starts();
  void about_predictions();
  void about_steps();
  void about_failover();
  void about_clients_that_stayed();
  void about_clients_not_back();
  void about_latency();
  void about_answers();
  void about_refused_starts();
  void about_tls();
  void about_endpoints();
  void about_storage();
  void about_shares();
  void about_work();
  void about_both_at_work();
  void about_a_burst();
  void about_the_run();

  // Requests with that status, since the trouble began.
  std::int64_t answered(int status) const;
  bool alerted(std::string_view kind) const;
  // The longest time that looks at the proxy showed an alert without a break.
  Millis stood(std::string_view alert) const;

  // The fault of the broken endpoint from when the proxy knew of it; nothing when it never did.
  std::optional<At> known_since() const;

  const Story& story_;
  const RunRecord& record_;
  const Judgement& judgement_;
  std::vector<Finding> found_;
};

std::string many(std::int64_t count, const std::string& one, const std::string& more);
bool none_online(const Glimpse& glimpse);

}  // namespace verdict
