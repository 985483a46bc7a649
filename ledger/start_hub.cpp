// Look-ups, replays and terminates: what the ledger asks of the hubs. A bounded number is out at
// each endpoint; of the others the start with the lowest number goes first.
#include <algorithm>
#include <utility>

#include "ledger/start_driver.hpp"
#include "ledger/start_failover.hpp"

namespace ledger {
namespace {

constexpr std::size_t most_looks = 64, most_sends = 32;
constexpr config::Millis patience{10'000};  // with an answer to a look-up or a terminate

bool on_its_way(const StartRecord& record, std::size_t attempt) {
  return is_open(record.entry) && attempt < record.entry.attempts.size() &&
         record.entry.attempts[attempt].end == ConnectionEnd::open;
}

}  // namespace

const EndpointView* StartDriver::view(Place place) const {
  if (picture_ == nullptr) return nullptr;
  for (const EndpointView& endpoint : picture_->endpoints)
    if (endpoint.place == place) return &endpoint;
  return nullptr;
}

// --- Look-ups ---

void StartDriver::look_up(StartRecord& record, Place place) {
  const std::uint64_t number = record.entry.number, token = ++sequence_;
  record.look = token;
  record.asked = now_.steady;
  agenda_.cancel(record.look_until);
  record.look_until = agenda_.add(now_.steady + patience, [this, number, token, place] {
    look_timed_out(number, token, place);
  });
  lanes_[place].looks.push_back({number, token});
  next_looks(place);
}

void StartDriver::next_looks(Place place) {
  Lane& lane = lanes_[place];
  while (lane.looks_out < most_looks && !lane.looks.empty()) {
    const auto [number, token] = lane.looks.front();
    lane.looks.pop_front();
    StartRecord* record = book_.find(number);
    if (record == nullptr || record->look != token) continue;
    record->asked = now_.steady;  // an answer speaks of no earlier moment
    ++lane.looks_out;
    ++counts_.look_ups;
    hub_.look_up(
        place, record->entry.id, [box = mailbox_, n = number, t = token, place](const Look& look) {
          box->post(
              [n, t, place, look](StartDriver& driver) { driver.look_ended(n, t, place, look); });
        });
  }
}

void StartDriver::look_ended(std::uint64_t number, std::uint64_t token, Place place,
                             const Look& look) {
  --lanes_[place].looks_out;
  StartRecord* record = book_.find(number);
  if (record != nullptr && record->look == token) {
    record->look = 0;
    agenda_.cancel(record->look_until);
    event(*record, LookEnded{place, record->asked, look});
  }
  next_looks(place);
}

void StartDriver::look_timed_out(std::uint64_t number, std::uint64_t token, Place place) {
  StartRecord* record = book_.find(number);
  if (record == nullptr || record->look != token) return;
  record->look = 0;
  record->look_until.reset();
  event(*record, LookEnded{place, record->asked, Look{}});
}

// --- Replays ---

bool StartDriver::has_room(Place place) {
  return lanes_[place].sends_promised < most_sends;
}

void StartDriver::send(StartRecord& record, const Send& what) {
  const auto here = std::find_if(record.waiters.begin(), record.waiters.end(),
                                 [](const StartRecord::Waiter& one) { return one.first; });
  if (stopping_ || (what.live && here == record.waiters.end()))
    return not_sent(record, what.attempt, what.place, what.live);
  if (!what.live) {
    lanes_[what.place].sends.emplace(record.entry.number, what.attempt);
    return next_sends(what.place);
  }
  if (what.attempt < 64) record.live |= std::uint64_t{1} << what.attempt;
  here->client->send(LiveSend{record.entry.number, what.attempt, what.place, record.entry.id});
}

// Not a byte of it: its client has left, or its endpoint is no longer to be used.
void StartDriver::not_sent(StartRecord& record, std::size_t attempt, Place place, bool live) {
  if (!live) --lanes_[place].sends_promised;
  AttemptReport report;
  report.ending = AttemptEnding::nothing_sent;
  event(record, AttemptEnded{attempt, judge_attempt(report), 0, !live});
}

void StartDriver::promise_broken(const Effects& held) {
  for (const Effect& effect : held)
    if (const auto* replay = std::get_if<Send>(&effect); replay != nullptr && !replay->live)
      --lanes_[replay->place].sends_promised;
}

void StartDriver::next_sends(Place place) {
  Lane& lane = lanes_[place];
  while (lane.sends_out < most_sends && !lane.sends.empty()) {
    const auto [number, attempt] = *lane.sends.begin();
    lane.sends.erase(lane.sends.begin());
    StartRecord* record = book_.find(number);
    const EndpointView* endpoint = view(place);
    if (record == nullptr)
      --lane.sends_promised;
    else if (!on_its_way(*record, attempt) || endpoint == nullptr || !endpoint->enabled ||
             !endpoint->usable)
      not_sent(*record, attempt, place, false);
    else
      send_out(*record, attempt, place);
  }
}

void StartDriver::send_out(StartRecord& record, std::size_t attempt, Place place) {
  ++lanes_[place].sends_out;
  ++counts_.replays;
  const StartEntry& entry = record.entry;
  SendJob job{place, entry.id, entry.function, entry.content_type, entry.body};
  hub_.send(std::move(job),
            [box = mailbox_, number = entry.number, attempt, place](const SendResult& result) {
              box->post([number, attempt, place, result](StartDriver& driver) {
                driver.send_ended(number, attempt, place, result);
              });
            });
}

void StartDriver::send_ended(std::uint64_t number, std::size_t attempt, Place place,
                             const SendResult& result) {
  --lanes_[place].sends_out;
  --lanes_[place].sends_promised;
  attempt_ended(number, attempt, result.report, true, result.answer);
  next_sends(place);
}

void StartDriver::attempt_ended(std::uint64_t number, std::size_t attempt,
                                const AttemptReport& report, bool live_resendable,
                                const std::shared_ptr<const StoredAnswer>& answer) {
  StartRecord* record = book_.find(number);
  if (record == nullptr) return;
  if (answer != nullptr) record->last_answer = answer;
  event(*record, AttemptEnded{attempt, judge_attempt(report), report.status, live_resendable});
}

// --- Terminates ---

void StartDriver::terminate(StartRecord& record, Place place) {
  const std::uint64_t number = record.entry.number, token = ++sequence_;
  record.terminate = token;
  agenda_.cancel(record.terminate_until);
  record.terminate_until = agenda_.add(
      now_.steady + patience, [this, number, token] { terminate_ended(number, token, false); });
  hub_.terminate(place, record.entry.id, [box = mailbox_, number, token](bool delivered) {
    box->post([number, token, delivered](StartDriver& driver) {
      driver.terminate_ended(number, token, delivered);
    });
  });
}

void StartDriver::terminate_ended(std::uint64_t number, std::uint64_t token, bool delivered) {
  StartRecord* record = book_.find(number);
  if (record == nullptr || record->terminate != token) return;
  record->terminate = 0;
  agenda_.cancel(record->terminate_until);
  event(*record, TerminateEnded{delivered});
}

}  // namespace ledger
