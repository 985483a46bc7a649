// Clients ask about instances whose truth is in the ledger.
#include <algorithm>
#include <utility>

#include "ledger/start_driver.hpp"
#include "ledger/start_failover.hpp"

namespace ledger {
namespace {

constexpr config::Millis poll_waits{2000};  // for a look-up

// That it will not run is not said before it is on disk: a restart might start it after all.
bool is_to_be_written(const StartRecord& record) {
  return !is_open(record.entry) && record.entry.settlement != Settlement::ran &&
         (record.dirty || record.committing || !record.on_disk);
}

bool more_to_come(const StartRecord& record) {
  if (!is_open(record.entry)) return is_to_be_written(record);
  return record.committing || !record.deferred.empty() || record.entry.watch.look_out;
}

}  // namespace

WaitingReply StartDriver::reply_of(const StartRecord& record) const {
  const StartEntry& entry = record.entry;
  WaitingReply reply;
  reply.place = entry.ran_at;
  reply.id = entry.id;
  reply.function = entry.function;
  reply.told = entry.told;
  reply.created = entry.arrived;
  reply.changed = entry.changed;
  reply.stored = entry.answer;
  reply.credential = entry.credential;
  switch (is_to_be_written(record) && entry.settlement != Settlement::ran ? Settlement::open
                                                                          : entry.settlement) {
    case Settlement::open:
      reply.what = WaitingReply::What::pending;
      break;
    case Settlement::ran:
      reply.what = WaitingReply::What::runs;
      break;
    case Settlement::refused:
    case Settlement::waited_out:
      reply.what = WaitingReply::What::failed;
      break;
    case Settlement::terminated:
      reply.what = WaitingReply::What::terminated;
      break;
    case Settlement::not_run:
    case Settlement::forgotten:
      break;
  }
  return reply;
}

void StartDriver::ask(WaitingAction action, const std::string& id,
                      std::optional<std::uint64_t> only_for,
                      std::function<void(WaitingReply)> done) {
  StartRecord* record = book_.by_id(id);
  const bool foreign =
      record != nullptr && only_for && (*only_for == 0 || *only_for != record->entry.credential);
  if (record == nullptr || foreign || !record->indexed) {
    WaitingReply reply;
    reply.id = id;
    if (record != nullptr && !foreign && record->entry.settlement == Settlement::ran)
      reply = reply_of(*record);
    return done(std::move(reply));
  }
  WaitingReply reply = reply_of(*record);
  const bool open = is_open(record->entry);
  if (action == WaitingAction::purge) {
    reply.what = open ? WaitingReply::What::refused : WaitingReply::What::taken;
    if (!open && !record->committing) forget_record(*record, true);
    return done(std::move(reply));
  }
  if (!open && !is_to_be_written(*record)) return done(std::move(reply));
  if (open && action == WaitingAction::terminate) {
    record->terminators.push_back(std::move(done));
    return event(*record, TerminateAsked{});
  }
  record->askers.push_back({action, std::move(done)});
  if (!record->askers_until)
    record->askers_until =
        agenda_.add(now_.steady + poll_waits, [this, number = record->entry.number] {
          StartRecord* late = book_.find(number);
          if (late == nullptr) return;
          late->askers_until.reset();
          for (const auto& [what, tell] : std::exchange(late->askers, {})) {
            WaitingReply now = reply_of(*late);
            if (what == WaitingAction::other && now.what == WaitingReply::What::pending)
              now.what = WaitingReply::What::refused;
            tell(std::move(now));
          }
        });
  if (open) event(*record, Polled{});
}

// As soon as nothing more can be learned.
void StartDriver::answer_askers(StartRecord& record) {
  if (!more_to_come(record)) answer_askers_now(record);
}

void StartDriver::answer_askers_now(StartRecord& record) {
  if (record.askers.empty()) return;
  agenda_.cancel(record.askers_until);
  for (const auto& [action, done] : std::exchange(record.askers, {})) {
    WaitingReply reply = reply_of(record);
    if (action == WaitingAction::other && reply.what == WaitingReply::What::pending)
      reply.what = WaitingReply::What::refused;
    done(std::move(reply));
  }
}

void StartDriver::list_waiting(std::size_t most,
                               const std::function<void(std::vector<WaitingReply>)>& done) {
  std::vector<WaitingReply> replies;
  for (const auto& [number, record] : book_.shown()) {
    if (replies.size() >= most) break;
    replies.push_back(reply_of(*record));
  }
  done(std::move(replies));
}

}  // namespace ledger
