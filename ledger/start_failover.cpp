#include "ledger/start_failover.hpp"

#include <utility>

namespace ledger {
namespace {

constexpr std::size_t most_out = 32, page_size = 256;
constexpr config::Millis operator_waits{10'000}, patience{10'000};

std::string summary(std::size_t looked_up, std::size_t lost, std::size_t unanswered,
                    std::size_t without_id) {
  std::string text =
      std::to_string(looked_up) + " starts were looked up, " + std::to_string(lost) + " are lost";
  if (unanswered != 0)
    text += ", about " + std::to_string(unanswered) + " the hub said nothing: ask again later";
  if (without_id != 0) text += ", " + std::to_string(without_id) + " have no id to ask for";
  return text + (lost == 0 ? "." : "; see `understudy instances listed`, then resubmit them.");
}

}  // namespace

void StartDriver::storage_failed_over(WallTime last_sync, const std::string& who,
                                      std::function<void(OperatorResult)> done) {
  if (policy().hub != config::TaskHub::geo_replicated)
    return done({false, "this needs task_hub: geo_replicated; nothing was looked up."});
  if (failover_ != nullptr)
    return done({false, "a search is under way already; wait until it is over."});
  record_action(who, "storage failed-over", durable::wall_time_text(last_sync), 0);
  failover_ = std::make_unique<Failover>();
  failover_->sweep = ++sequence_;
  failover_->done = std::move(done);
  const WallTime since = last_sync - policy().ledger.hub_clock_skew;
  failover_->since_ms = since.time_since_epoch().count();
  for (const std::uint64_t number : book_.settled()) {
    const StartEntry& entry = book_.find(number)->entry;
    if (entry.settlement == Settlement::ran && entry.changed >= since)
      failover_->waiting.push_back(entry);
  }
  agenda_.add(now_.steady + operator_waits, [this, sweep = failover_->sweep] {
    if (failover_ == nullptr || failover_->sweep != sweep || !failover_->done) return;
    const auto tell = std::exchange(failover_->done, nullptr);
    tell({true,
          "the search goes on: so far " + summary(failover_->looked_up, failover_->lost,
                                                  failover_->unanswered, failover_->without_id)});
  });
}

void StartDriver::failover_next() {
  if (failover_ == nullptr) return;
  while (failover_->out.size() < most_out) {
    if (failover_->waiting.empty() && !failover_page()) break;
    if (failover_->waiting.empty()) break;
    StartEntry entry = std::move(failover_->waiting.front());
    failover_->waiting.pop_front();
    const EndpointView* asked = view(entry.ran_at);
    if (picture_ != nullptr)
      for (const EndpointView& one : picture_->endpoints)
        if (one.enabled && one.has_key && !one.degraded_since) {
          asked = &one;
          break;
        }
    if (entry.id.empty())
      ++failover_->without_id;
    else if (asked == nullptr)
      ++failover_->unanswered;
    else
      failover_look(std::move(entry), asked->place);
  }
  if (failover_->out.empty() && failover_->waiting.empty() && failover_->read_all) failover_over();
}

bool StartDriver::failover_page() {
  if (failover_->read_all || store_ == nullptr) return false;
  with_store([&](Store& store) {
    auto page = store.starts_ran_since(failover_->since_ms, failover_->after_number, page_size,
                                       directory_.places());
    failover_->read_all = page.size() < page_size;
    for (StartEntry& entry : page) {
      failover_->after_number = entry.number;
      if (book_.find(entry.number) == nullptr) failover_->waiting.push_back(std::move(entry));
    }
  });
  return !failover_->waiting.empty() || !failover_->read_all;
}

void StartDriver::failover_look(StartEntry&& entry, Place place) {
  const std::uint64_t sweep = failover_->sweep, number = entry.number;
  ++failover_->looked_up;
  ++counts_.look_ups;
  const std::string id = entry.id;
  failover_->out.emplace(number, std::move(entry));
  agenda_.add(now_.steady + patience,
              [this, sweep, number, place] { failover_looked(sweep, number, place, Look{}); });
  hub_.look_up(place, id, [box = mailbox_, sweep, number, place](const Look& look) {
    box->post([sweep, number, place, look](StartDriver& driver) {
      driver.failover_looked(sweep, number, place, look);
    });
  });
}

void StartDriver::failover_looked(std::uint64_t sweep, std::uint64_t number, Place place,
                                  const Look& look) {
  if (failover_ == nullptr || failover_->sweep != sweep) return;
  auto found = failover_->out.extract(number);
  if (found.empty()) return;  // it was given up
  StartEntry& entry = found.mapped();
  if (look.result == LookResult::unanswered) {
    ++failover_->unanswered;
  } else if (look.result == LookResult::absent ||
             identify(entry, place, look.created, policy().ledger.hub_clock_skew) ==
                 Identity::older) {
    ++failover_->lost;
    lost(std::move(entry));
  }
}

void StartDriver::lost(StartEntry&& entry) {
  StartRecord* record = book_.find(entry.number);
  if (record == nullptr) {
    watch_from_now(entry);
    record = &book_.add(std::move(entry));
    record->on_disk = true;
  }
  // Somebody has changed it meanwhile: then it is not what was looked up.
  if (record->entry.settlement != Settlement::ran || record->entry.listed == Listed::lost) return;
  if (record->entry.body == nullptr)
    with_store([&](Store& store) { record->entry.body = store.body_of(record->entry.number); });
  if (store_ != nullptr && record->entry.body == nullptr) record->entry.body_kept = false;
  record->entry.listed = Listed::lost;
  ++counts_.lost;
  alert(record->entry, AlertKind::lost);
  mark_dirty(*record);
  book_.update(*record);
}

void StartDriver::failover_over() {
  const auto over = std::move(failover_);
  if (over->done)
    over->done({true, summary(over->looked_up, over->lost, over->unanswered, over->without_id)});
}

}  // namespace ledger
