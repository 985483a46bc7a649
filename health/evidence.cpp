#include "health/evidence.hpp"

#include <algorithm>
#include <cctype>

namespace health {
namespace {

std::string text_of(config::Millis span) {
  const auto ms = span.count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

std::int64_t slot_index(const config::Evidence& policy, TimePoint at, std::size_t slots) {
  const auto window = std::chrono::nanoseconds{policy.http_window}.count();
  const auto width = std::max<std::int64_t>(window / static_cast<std::int64_t>(slots), 1);
  return std::chrono::nanoseconds{at.time_since_epoch()}.count() / width;
}

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

bool contains_any_case(std::string_view text, std::string_view wanted) {
  const auto same = [](char a, char b) { return lower(a) == lower(b); };
  return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(), same) != text.end();
}

bool equal_any_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && contains_any_case(a, b);
}

std::string_view without_frame(std::string_view text) {  // of white space, quotes, the full stop
  constexpr std::string_view frame = " \t\r\n\".";
  const auto first = text.find_first_not_of(frame);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(frame) - first + 1);
}

bool is_page(std::string_view content_type) {  // JSON that quotes a page is not the page
  return content_type.empty() || contains_any_case(content_type.substr(0, 5), "text/");
}

}  // namespace

bool is_connect_class(EvidenceKind kind) {
  return kind == EvidenceKind::connect_failed || kind == EvidenceKind::tls_failed;
}

EvidenceWindow::Slot& EvidenceWindow::slot_at(const config::Evidence& policy, TimePoint at) {
  const std::int64_t index = slot_index(policy, at, slots);
  Slot& slot = http_[static_cast<std::size_t>(index) % slots];
  if (slot.index != index) slot = Slot{index, 0, 0, {}};
  return slot;
}

void EvidenceWindow::add(const config::Evidence& policy, const Evidence& evidence) {
  if (evidence.kind == EvidenceKind::hub_trouble) return;
  Slot& slot = slot_at(policy, evidence.at);
  if (slot.failed++ == 0) slot.first_failure = evidence.at;
  if (!is_connect_class(evidence.kind)) return;
  last_connect_kind_ = evidence.kind;
  connect_failures_.push_back(evidence.at);
  const auto kept = static_cast<std::size_t>(std::max(policy.connect_failures, 1));
  while (connect_failures_.size() > kept) connect_failures_.pop_front();
}

void EvidenceWindow::sample(const config::Evidence& policy, std::uint64_t answered_total,
                            TimePoint now) {
  // The first sample, and one below the last (other workers after a restart), only set the mark.
  const bool comparable = answered_total_ && answered_total >= *answered_total_;
  const std::uint64_t fine = comparable ? answered_total - *answered_total_ : 0;
  answering_ = fine > 0;
  if (answering_) {
    slot_at(policy, now).fine += fine;
    // These answers came after the sample before this one; whatever failed earlier is outlived.
    while (!connect_failures_.empty() && connect_failures_.front() <= sampled_at_)
      connect_failures_.pop_front();
  }
  answered_total_ = answered_total;
  sampled_at_ = now;
}

void EvidenceWindow::clear() {
  http_ = {};
  connect_failures_.clear();
}

std::optional<Suspicion> EvidenceWindow::connect_suspicion(const config::Evidence& policy,
                                                           TimePoint now) const {
  const auto wanted = static_cast<std::size_t>(std::max(policy.connect_failures, 1));
  if (connect_failures_.size() < wanted) return std::nullopt;
  const TimePoint first = connect_failures_[connect_failures_.size() - wanted];
  if (first < now - policy.connect_window) return std::nullopt;
  return Suspicion{std::to_string(wanted) + " attempts failed within " +
                       text_of(policy.connect_window) + " (" +
                       std::string{to_string(last_connect_kind_)} + ")",
                   first};
}

std::optional<Suspicion> EvidenceWindow::http_suspicion(const config::Evidence& policy,
                                                        TimePoint now) const {
  const std::int64_t newest = slot_index(policy, now, slots);
  std::uint64_t fine = 0, failed = 0;
  TimePoint first = TimePoint::max();
  for (const Slot& slot : http_) {
    if (slot.index < 0 || slot.index <= newest - static_cast<std::int64_t>(slots)) continue;
    fine += slot.fine;
    failed += slot.failed;
    if (slot.failed > 0) first = std::min(first, slot.first_failure);
  }
  const std::uint64_t total = fine + failed;
  const auto enough = static_cast<std::uint64_t>(std::max(policy.http_min, 1));
  const bool share_reached =
      static_cast<double>(failed) >= policy.http_share * static_cast<double>(total);
  if (failed == 0 || total < enough || !share_reached) return std::nullopt;
  return Suspicion{std::to_string(failed) + " of " + std::to_string(total) +
                       " requests failed within " + text_of(policy.http_window),
                   first};
}

TrafficVerdict judge_traffic(const EvidenceWindow& window, const config::Evidence& policy,
                             config::Disagreement winner, TimePoint now) {
  const auto connect = window.connect_suspicion(policy, now);
  const auto http = window.http_suspicion(policy, now);
  TrafficVerdict verdict;
  verdict.suspicious = connect ? connect : http;
  if (!policy.degrades) return verdict;
  // A client cannot make connecting fail, so this needs no second opinion, unless the operator
  // wants the probe to have the last word. A status can be provoked through one bad route.
  if (connect && winner == config::Disagreement::traffic) verdict.degrade = connect;
  verdict.confirm = verdict.suspicious;
  return verdict;
}

bool is_stopped_page(int status, std::string_view content_type, std::string_view body) {
  return status == 403 && is_page(content_type) &&
         contains_any_case(body, "This web app is stopped");
}

bool proves_not_run(int status, std::string_view content_type, std::string_view body) {
  if (is_stopped_page(status, content_type, body)) return true;
  if (status != 503 || !is_page(content_type)) return false;
  // The sentence alone, not a function's own text that quotes it: that function did run.
  if (equal_any_case(without_frame(body), "Function host is not running")) return true;
  return contains_any_case(body, "<title>Host Offline</title>") ||
         contains_any_case(body, "This Azure Functions app is down for maintenance");
}

}  // namespace health
