#include "ledger/start_driver.hpp"

#include <algorithm>
#include <utility>

#include "ledger/start_failover.hpp"

namespace ledger {
namespace {

using namespace std::chrono_literals;

constexpr config::Millis catch_up_every{1000};
// A turn this late means that the process was frozen, and the workers have answers to read.
constexpr config::Millis frozen_for{1000}, reading_takes{250};
constexpr int most_trims = 20;

bool same_standing(const EndpointView& a, const EndpointView& b) {
  return a.place == b.place && a.peer == b.peer && a.enabled == b.enabled && a.usable == b.usable &&
         a.degraded_since == b.degraded_since && a.has_key == b.has_key && a.open == b.open;
}

bool same_probes(const EndpointView& a, const EndpointView& b) {
  return a.pass_opened == b.pass_opened && a.passed == b.passed && a.refused == b.refused;
}

template <class Same>
bool all_same(const LedgerPicture& a, const LedgerPicture& b, Same same) {
  return std::equal(a.endpoints.begin(), a.endpoints.end(), b.endpoints.begin(), b.endpoints.end(),
                    same);
}

}  // namespace

StartDriver::StartDriver(InstanceDirectory& directory, HubAccess& hub, StartLedger::Options options,
                         std::shared_ptr<StartMailbox> mailbox, KeptConnections& kept)
    : directory_{directory},
      hub_{hub},
      options_{std::move(options)},
      mailbox_{std::move(mailbox)},
      kept_{kept},
      now_{options_.now()} {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device(),
                     device(), device(), device(), device()};
  random_.seed(seed);
  tag_ = random_() & 1023;
  counts_.mode = options_.mode;
  counts_.commit_buckets.resize(commit_bounds_s.size() + 1);
  counts_.group_buckets.resize(group_bounds.size() + 1);
  for (const char* evidence : {"answered", "found", "refused", "never_ran", "absent", "terminated",
                               "waited_out", "forgotten"})
    counts_.settled.emplace_back(evidence, 0);
  status_ = counts_;
}

StartDriver::~StartDriver() = default;

// --- The writer's thread comes ---

void StartDriver::opened(Store& store) {
  last_us_ = std::max(last_us_, store.highest_start() >> 10);
  catch_up_at_ = TimePoint::min();
  if (!dirty_.empty() || !removals_.empty() || !actions_.empty()) write_by_ = TimePoint::min();
}

void StartDriver::turn(Store* store, GuestWrites& writes) {
  store_ = store;
  store_error_.reset();
  disk_refuses_ = store == nullptr;
  now_ = options_.now();
  take_messages();
  run_due();
  if (picture_ != nullptr && !stopping_ && now_.steady >= catch_up_at_) catch_up();
  pump();
  failover_next();
  make_room();
  collect(writes);
  note_status();
  store_ = nullptr;
  if (store_error_) throw StoreError{*store_error_};
}

void StartDriver::take_messages() {
  mailbox_->take(messages_);
  for (StartMailbox::Message& message : messages_) message(*this);
  messages_.clear();
}

void StartDriver::run_due() {
  const auto next = agenda_.next();
  if (!thawing_until_ && next && now_.steady - *next > frozen_for)
    thawing_until_ = now_.steady + reading_takes;
  if (thawing_until_ && now_.steady < *thawing_until_) return;
  thawing_until_.reset();
  if (std::exchange(endpoints_changed_, false))
    everyone(EndpointsChanged{});
  else if (probes_passed_)
    probes_passed();
  probes_passed_ = false;
  agenda_.run(now_.steady);
}

std::optional<std::chrono::steady_clock::time_point> StartDriver::next_turn() {
  if (commits_wait_) return TimePoint::min();
  std::optional<TimePoint> next = agenda_.next();
  if (thawing_until_) next = std::max(next.value_or(*thawing_until_), *thawing_until_);
  const auto not_after = [&next](TimePoint at) {
    if (!next || at < *next) next = at;
  };
  if (write_by_) not_after(*write_by_);
  if (picture_ != nullptr && !stopping_) not_after(catch_up_at_);
  if (!next || *next == TimePoint::min()) return next;
  return std::chrono::steady_clock::now() + (*next - options_.now().steady);
}

void StartDriver::with_store(const std::function<void(Store&)>& work) {
  if (store_ == nullptr) return;
  try {
    work(*store_);
  } catch (const StoreError& error) {
    if (!store_error_) store_error_ = error;
    store_ = nullptr;
    disk_refuses_ = true;
    disk_why_ = error.what();
  }
}

// --- Beside the starts themselves ---

void StartDriver::catch_up() {
  catch_up_at_ = now_.steady + catch_up_every;
  take_over();
  std::vector<OperatorAction> wishes;
  with_store([&wishes](Store& store) { wishes = store.take_requests(); });
  for (const OperatorAction& wish : wishes) obey(wish);
  trim_to_size();
}

// What a process that is no more has left; at the start that is our own past.
void StartDriver::take_over() {
  std::vector<StartEntry> entries;
  with_store([&](Store& store) {
    store.take_over_starts(directory_.places(),
                           [&entries](StartEntry&& entry) { entries.push_back(std::move(entry)); });
  });
  if (store_ == nullptr) return;
  for (StartEntry& entry : entries) {
    if (book_.find(entry.number) != nullptr) continue;
    ++counts_.taken_over;
    const bool alive = is_open(entry) || is_watched(entry);
    if (!alive) watch_from_now(entry);
    if (is_open(entry) && entry.body == nullptr) entry.body_kept = false;
    StartRecord& record = book_.add(std::move(entry));
    record.on_disk = true;
    if (!alive) {
      tidy(record);
      continue;
    }
    // Queued ones go out in order, as there is room.
    const std::uint64_t number = record.entry.number;
    nowhere_ = record.counted == StartState::queued && is_acceptance(record.entry.told);
    event(record, Restarted{});
    if (!std::exchange(nowhere_, false)) continue;
    if (const StartRecord* queued = book_.find(number)) hold(*queued);
  }
  knows_the_past_.store(true, std::memory_order_relaxed);
}

void StartDriver::watch_from_now(StartEntry& entry) const {
  entry.watch = EntryWatch{};
  entry.watch.live_resendable = false;
  entry.watch.arrived = now_.steady - std::max(now_.wall - entry.arrived, config::Millis{0});
}

void StartDriver::trim_to_size() {
  const config::Ledger& ledger = picture_->config->durable.ledger;
  counts_.max_bytes = ledger.max_size;
  with_store([&](Store& store) {
    counts_.bytes = store.bytes_used();
    for (int i = 0; i < most_trims && counts_.bytes > ledger.max_size; ++i) {
      const bool more = trim(store);
      counts_.bytes = store.bytes_used();
      if (!more) break;
    }
  });
  full_ = counts_.bytes > ledger.max_size;
}

bool StartDriver::trim(Store& store) {
  if (picture_ == nullptr) return false;
  const config::Durable& durable = picture_->config->durable;
  const WallTime now = options_.now().wall;
  const auto before = [now](config::Millis span) {
    return (now - span).time_since_epoch().count();
  };
  return store.trim_starts(before(durable.ledger.retention), before(durable.ledger.loss_window),
                           durable.ledger.max_size);
}

// What is settled and shown to somebody goes with its retention; so do open ones that no hub can
// tell anything about any more.
void StartDriver::make_room() {
  if (picture_ == nullptr) return;
  const config::Durable& durable = picture_->config->durable;
  const WallTime oldest = now_.wall - durable.ledger.retention;
  for (std::size_t i = 0; i < 100 && !book_.settled().empty(); ++i) {
    StartRecord* record = book_.find(book_.settled().front());
    const bool old = record->entry.changed < oldest;
    if (!old && book_.settled().size() <= StartBook::most_settled) break;
    if (record->committing || record->dirty) break;
    forget_record(*record, old);
  }
  for (std::size_t i = 0; i < 100 && !book_.open().empty(); ++i) {
    StartRecord& record = *book_.open().begin()->second;
    const bool old = record.entry.arrived < oldest - durable.hub_retention;
    if (!old || record.committing || !record.waiters.empty()) break;
    event(record, ForgetAsked{});
  }
  for (int i = 0; i < 100 && book_.beyond_help().size() > StartBook::most_beyond_help; ++i) {
    StartRecord& record = *book_.find(*book_.beyond_help().begin());
    if (record.committing || !record.waiters.empty()) break;
    event(record, ForgetAsked{});
  }
}

// --- Events ---

Policy StartDriver::policy() const {
  static const config::Config nothing_known;
  const config::Durable& durable =
      picture_ != nullptr ? picture_->config->durable : nothing_known.durable;
  Policy policy{durable.ledger, durable.task_hub, durable.hub_retention, {}};
  if (picture_ != nullptr && !nowhere_) policy.endpoints = picture_->endpoints;
  return policy;
}

void StartDriver::event(StartRecord& record, Event what) {
  if (record.committing || record.busy)
    record.deferred.push_back(std::move(what));
  else if (has_to_wait(record, what))
    hold(record);
  else
    event_now(record, what);
}

void StartDriver::event_now(StartRecord& record, const Event& what) {
  record.busy = true;
  step(record, what);
  record.busy = false;
  drain(record);
}

void StartDriver::step(StartRecord& record, const Event& what) {
  perform(record, apply(record.entry, what, policy(), now_), &what);
}

void StartDriver::drain(StartRecord& record) {
  while (!record.committing && !record.deferred.empty()) {
    const Event next = std::move(record.deferred.front());
    record.deferred.erase(record.deferred.begin());
    record.busy = true;
    step(record, next);
    record.busy = false;
  }
  if (!record.committing) tidy(record);
}

void StartDriver::everyone(const Event& what) {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(book_.open().size());
  for (const auto& [number, record] : book_.open()) numbers.push_back(number);
  for (const std::uint64_t number : book_.settled())
    if (is_watched(book_.find(number)->entry)) numbers.push_back(number);
  for (const std::uint64_t number : numbers)
    if (StartRecord* record = book_.find(number)) event(*record, what);
}

void StartDriver::probes_passed() {
  std::vector<std::uint64_t> doubtful;
  if (book_.count(StartState::unknown) == 0) return;
  for (const auto& [number, record] : book_.open())
    if (record->counted == StartState::unknown) doubtful.push_back(number);
  for (const std::uint64_t number : doubtful)
    if (StartRecord* record = book_.find(number)) event(*record, TimeCame{});
}

void StartDriver::publish(std::shared_ptr<const LedgerPicture> picture) {
  if (picture == nullptr || picture->config == nullptr) return;
  kept_.most.store(picture->config->durable.ledger.max_doubtful);
  const bool same = picture_ != nullptr && picture_->config == picture->config &&
                    all_same(*picture_, *picture, same_standing);
  if (!same)
    endpoints_changed_ = true;
  else if (!all_same(*picture_, *picture, same_probes))
    probes_passed_ = true;
  picture_ = std::move(picture);
}

void StartDriver::clock_stepped(config::Millis by) {
  everyone(ClockStepped{by});
}

void StartDriver::wake_at(StartRecord& record, TimePoint at) {
  agenda_.cancel(record.wake);
  const std::uint64_t number = record.entry.number;
  record.wake = agenda_.add(std::max(at, now_.steady + config::Millis{1}), [this, number] {
    StartRecord* due = book_.find(number);
    if (due == nullptr) return;
    due->wake.reset();
    event(*due, TimeCame{});
  });
}

// A start that would go out from its entry while its endpoint has enough to do. What is committed
// as an attempt should be about to be sent: a kill makes it one that may have run.
bool StartDriver::has_to_wait(const StartRecord& record, const Event& what) {
  if (!std::holds_alternative<EndpointsChanged>(what) && !std::holds_alternative<TimeCame>(what))
    return false;
  if (record.counted != StartState::queued || record.entry.told == Told::nothing) return false;
  const auto place = next_place();
  if (!place) return false;
  if (!waits_in_line(record.entry)) return !has_room(*place);
  const std::set<std::uint64_t>& queue = book_.queue();
  const bool first = queue.empty() || *queue.begin() == record.entry.number;
  return !first || lanes_[*place].sends_promised != 0;
}

std::optional<Place> StartDriver::next_place() const {
  if (picture_ == nullptr) return std::nullopt;
  for (const EndpointView& endpoint : picture_->endpoints)
    if (endpoint.enabled && endpoint.usable && endpoint.has_key) return endpoint.place;
  return std::nullopt;
}

// Lets go those that wait for room. The queue goes out strictly in order, one after the other, so
// of it only the first counts.
void StartDriver::pump() {
  while (const auto number = take_held()) {
    StartRecord* record = book_.find(*number);
    if (record == nullptr) continue;
    if (record->committing)
      record->deferred.push_back(EndpointsChanged{});
    else if (next_place())
      event_now(*record, EndpointsChanged{});
    else
      event_now(*record, TimeCame{});
  }
}

void StartDriver::hold(const StartRecord& record) {
  (waits_in_line(record.entry) ? held_queue_ : held_).insert(record.entry.number);
}

std::optional<std::uint64_t> StartDriver::take_held() {
  const auto first_of = [](std::set<std::uint64_t>& held) -> std::optional<std::uint64_t> {
    if (held.empty()) return std::nullopt;
    return held.extract(held.begin()).value();
  };
  const auto place = next_place();
  if (!place) return held_.empty() ? first_of(held_queue_) : first_of(held_);
  const std::set<std::uint64_t>& queue = book_.queue();
  if (!queue.empty() && lanes_[*place].sends_promised == 0 &&
      held_queue_.erase(*queue.begin()) != 0)
    return *queue.begin();
  return has_room(*place) ? first_of(held_) : std::nullopt;
}

void StartDriver::stop() {
  stopping_ = true;
  asking_.clear();
  arrivals_asking_ = 0;
  failover_.reset();
  held_.clear();
  held_queue_.clear();
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, record] : book_.open()) numbers.push_back(number);
  for (const std::uint64_t number : numbers) {
    StartRecord* record = book_.find(number);
    if (record == nullptr) continue;
    record->askers.clear();
    record->terminators.clear();
    for (const StartRecord::Waiter& waiter : std::exchange(record->waiters, {}))
      record->deferred.push_back(ClientLeft{waiter.first});
    drain(*record);
  }
  waiting_.clear();
}

}  // namespace ledger
