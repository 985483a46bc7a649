#include "app/start_watch.hpp"

#include <fmt/format.h>

namespace app {
namespace {

using ledger::AlertKind;
using namespace std::chrono_literals;

// The status is a little behind the news: what was just told is not yet counted as listed.
constexpr auto settling = 2s;

struct ListedKind {
  AlertKind kind;
  const char* alert;
  const char* list;
  const char* text;
};
constexpr ListedKind listed_kinds[] = {
    {AlertKind::unknown, "starts_unknown", "unknown",
     "nobody could find out in time whether a start ran"},
    {AlertKind::not_repeatable, "starts_not_repeatable", "unknown",
     "a start whose outcome is unknown is one that this proxy cannot repeat"},
    {AlertKind::late, "starts_late", "listed",
     "an accepted start did not run and is too old to be started unasked"},
    {AlertKind::refused, "starts_refused", "listed",
     "an endpoint refused a start that its client was told is accepted"},
    {AlertKind::lost, "starts_lost", "listed",
     "an accepted start went with the storage account's last writes"},
};

std::string what_to_do(std::string_view list) {
  return fmt::format(
      ": `understudy instances {}` lists them, `instances resubmit ID` starts one again, "
      "`instances forget ID` closes it",
      list);
}

}  // namespace

void StartWatch::note(const ledger::StartNews& news, TimePoint now) {
  const auto index = static_cast<std::size_t>(news.kind);
  if (index >= seen_.size()) return;
  Seen& seen = seen_[index];
  ++seen.count;
  seen.last = news.id.empty() ? news.function : news.id;
  seen.at = now;
}

void StartWatch::sample(const ledger::StartLedgerStatus& status, TimePoint now) {
  duplicates_.sample(status.duplicates, now);
  if (status.listed > 0) return;
  for (const ListedKind& listed : listed_kinds) {
    Seen& seen = seen_[static_cast<std::size_t>(listed.kind)];
    if (now - seen.at > settling) seen.count = 0;
  }
}

std::vector<Alert> StartWatch::alerts(const ledger::StartLedgerStatus& status,
                                      TimePoint now) const {
  std::vector<Alert> out;
  const auto raise = [&](const char* kind, std::string text) {
    out.push_back({kind, "", std::move(text), {}});
  };
  if (!status.disk_ok)
    raise("ledger_disk",
          fmt::format("the start ledger cannot be written, so new starts are answered 503: {}",
                      status.disk_message));
  bool told = false;
  for (const ListedKind& listed : listed_kinds) {
    const Seen& seen = of(listed.kind);
    if (status.listed == 0 || seen.count == 0) continue;
    raise(listed.alert,
          fmt::format("{} (the latest: {})", listed.text, seen.last) + what_to_do(listed.list));
    told = true;
  }
  if (status.listed > 0 && !told)  // by the process before
    raise("starts_listed", fmt::format("{} start{} for an operator to decide about", status.listed,
                                       status.listed == 1 ? " is" : "s are") +
                               what_to_do("listed"));
  if (duplicates_.shown(now))
    raise("starts_duplicate",
          fmt::format("a start ran twice (the latest: {}): `understudy instances "
                      "possible-duplicates` lists them",
                      of(AlertKind::duplicate).last.empty() ? std::string{"see the log"}
                                                            : of(AlertKind::duplicate).last));
  return out;
}

std::string news_text(const ledger::StartNews& news, std::string_view endpoint) {
  std::string out = "start";
  if (!news.id.empty() && news.text.find(news.id) == std::string::npos) out += " " + news.id;
  if (!news.function.empty() && news.text.find(news.function) == std::string::npos)
    out += fmt::format(" ({})", news.function);
  if (!endpoint.empty() && news.text.find(endpoint) == std::string::npos)
    out += fmt::format(" at {}", endpoint);
  return out + ": " + (news.text.empty() ? std::string{to_string(news.kind)} : news.text);
}

}  // namespace app
