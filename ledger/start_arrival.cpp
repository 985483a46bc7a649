// A start comes in: is it a repeat, is there room, does its id live elsewhere; then it gets an
// entry.
#include <algorithm>
#include <array>
#include <utility>

#include "config/sip_hash.hpp"
#include "ledger/start_driver.hpp"
#include "ledger/start_failover.hpp"

namespace ledger {
namespace {

constexpr config::Millis patience_with_hub{5000};

std::string hex(std::uint64_t high, std::uint64_t low) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text(32, '0');
  for (std::size_t i = 0; i < 16; ++i) {
    text[15 - i] = digits[high >> (4 * i) & 15];
    text[31 - i] = digits[low >> (4 * i) & 15];
  }
  return text;
}

// The scope is a hash already, so that a plain one does; proxies that share the file find the same.
std::string derived_id(const std::string& key_scope) {
  return hex(config::hash_text(1, 2, key_scope), config::hash_text(3, 4, key_scope));
}

std::string id_of(const StartRequest& request) {
  if (!request.id.empty()) return request.id;
  if (request.via == config::StartVia::as_is || request.key_scope.empty()) return {};
  return derived_id(request.key_scope);
}

void refuse(StartClient& client, NotRunWhy why) {
  StartAnswer answer;
  answer.what = StartAnswer::What::not_run;
  answer.why = why;
  client.answer(answer);
}

}  // namespace

void StartDriver::arrive(StartRequest request, std::shared_ptr<StartClient> client) {
  ++counts_.arrived;
  if (stopping_) return;
  if (picture_ == nullptr) return refuse(*client, NotRunWhy::unreachable);
  const std::string id = id_of(request);
  const auto asked = id.empty() ? asking_.end() : asking_.find(id);
  if (asked == asking_.end())
    return admit(std::move(request), std::move(client), HubSays::not_asked);
  ++arrivals_asking_;
  waiting_[client.get()] = 0;
  asked->second.arrivals.push_back({std::move(request), std::move(client)});
}

void StartDriver::admit(StartRequest request, std::shared_ptr<StartClient> client, HubSays says) {
  if (repeats(request, client)) return;
  const Load load{book_.open().size() - book_.beyond_help().size() + arrivals_asking_,
                  kept_.count.load(std::memory_order_relaxed), store_ != nullptr && !full_};
  if (const auto why = admission(load, policy().ledger)) {
    ++counts_.turned_away;
    return refuse(*client, *why);
  }
  if (!is_elsewhere(request, client, says)) begin(std::move(request), std::move(client));
}

// --- Repeats ---

bool StartDriver::repeats(const StartRequest& request, const std::shared_ptr<StartClient>& client) {
  const StartRecord* known = book_.by_key(request.key_scope);
  std::optional<StartEntry> stored;
  if (known == nullptr && !request.key_scope.empty())
    with_store([&](Store& store) {
      stored = store.find_start_by_key(request.key_scope, directory_.places());
    });
  const StartEntry* by_key = known != nullptr ? &known->entry : nullptr;
  if (by_key == nullptr && stored) by_key = &*stored;
  const StartRecord* same = book_.by_id(request.id);
  const StartEntry* by_id = same != nullptr ? &same->entry : nullptr;
  const NewStart start{request.id, request.function, request.body_hash, request.body_hashed};
  StartAnswer answer;
  answer.repeat = true;
  switch (judge_repeat(start, by_key, by_id)) {
    case Repeat::fresh:
      return false;
    case Repeat::join:
      // Nobody shares the start of a stranger's id: the app has not let it in.
      if ((by_key == nullptr || !is_open(*by_key)) && !request.may_use_keys &&
          request.credential != by_id->credential) {
        answer.what = StartAnswer::What::id_in_use;
        answer.id = request.id;
        break;
      }
      join(by_key != nullptr && is_open(*by_key) ? *by_key : *by_id, client);
      return true;
    case Repeat::stored_answer:
      answer_again(*by_key, *client);
      return true;
    case Repeat::other_body:
      answer.what = StartAnswer::What::other_body;
      break;
    case Repeat::id_in_use:
      answer.what = StartAnswer::What::id_in_use;
      answer.id = request.id;
      break;
  }
  client->answer(answer);
  return true;
}

void StartDriver::join(const StartEntry& entry, const std::shared_ptr<StartClient>& client) {
  StartRecord* record = book_.find(entry.number);
  // It belongs to another process that is about to end: its client may come again.
  if (record == nullptr) return refuse(*client, NotRunWhy::crowded);
  ++counts_.joined;
  record->waiters.push_back({client, false});
  waiting_[client.get()] = entry.number;
  event(*record, ClientJoined{});
}

void StartDriver::answer_again(const StartEntry& entry, StartClient& client) {
  ++counts_.stored_answers;
  StartAnswer answer;
  answer.number = entry.number;
  answer.id = entry.id;
  answer.place = entry.ran_at;
  answer.repeat = true;
  answer.what = StartAnswer::What::unknown;
  const bool settled =
      entry.settlement == Settlement::ran || entry.settlement == Settlement::terminated;
  if (settled && entry.via == config::StartVia::built_in) {
    answer.what = StartAnswer::What::accepted;
  } else if (settled && entry.answer != nullptr) {
    answer.what = StartAnswer::What::stored;
    answer.stored = entry.answer;
  }
  client.answer(answer);
}

// --- The same id in another region ---

bool StartDriver::is_elsewhere(StartRequest& request, const std::shared_ptr<StartClient>& client,
                               HubSays says) {
  const std::string id = id_of(request);
  if (id.empty()) return false;
  const Policy rules = policy();
  const auto known = directory_.find(directory_key_of_instance(id), wall_ms());
  switch (judge_elsewhere(rules.ledger.same_id_elsewhere, rules.hub, request.first, known, says)) {
    case Elsewhere::start:
      return false;
    case Elsewhere::ask:
      break;
    case Elsewhere::refuse:
      StartAnswer answer;
      answer.what = StartAnswer::What::id_elsewhere;
      answer.id = id;
      answer.place = known->place;
      client->answer(answer);
      return true;
  }
  Asking& asking = asking_[id];
  ++arrivals_asking_;
  waiting_[client.get()] = 0;
  asking.arrivals.push_back({std::move(request), client});
  const std::uint64_t token = asking.token = ++sequence_;
  asking.until = agenda_.add(now_.steady + patience_with_hub, [this, id, token] {
    elsewhere_said(id, token, HubSays::cannot_be_asked);
  });
  hub_.ask_hub(known->place, id, [box = mailbox_, id, token](HubSays hub_says) {
    box->post(
        [id, token, hub_says](StartDriver& driver) { driver.elsewhere_said(id, token, hub_says); });
  });
  return true;
}

void StartDriver::elsewhere_said(const std::string& id, std::uint64_t token, HubSays says) {
  const auto found = asking_.find(id);
  if (found == asking_.end() || found->second.token != token) return;
  Asking asking = std::move(found->second);
  asking_.erase(found);
  agenda_.cancel(asking.until);
  arrivals_asking_ -= asking.arrivals.size();
  for (Asking::Arrival& arrival : asking.arrivals) {
    waiting_.erase(arrival.client.get());
    admit(std::move(arrival.request), std::move(arrival.client), says);
  }
}

// --- A new entry ---

void StartDriver::begin(StartRequest&& request, std::shared_ptr<StartClient> client) {
  StartEntry entry;
  entry.number = new_number();
  entry.via = request.via;
  if (!request.id.empty()) {
    entry.origin = IdOrigin::client;
    entry.id = std::move(request.id);
  } else if (request.via == config::StartVia::as_is) {
    entry.origin = IdOrigin::none;
  } else if (!request.key_scope.empty()) {
    entry.origin = IdOrigin::derived;
    entry.id = derived_id(request.key_scope);
  } else {
    entry.origin = IdOrigin::assigned;
    entry.id = new_id();
  }
  entry.function = std::move(request.function);
  entry.content_type = std::move(request.content_type);
  entry.body_kept = request.body != nullptr;
  entry.body = std::move(request.body);
  entry.body_hash = request.body_hash;
  entry.key_scope = std::move(request.key_scope);
  entry.arrived = now_.wall;
  entry.extra_wait = request.extra_wait;
  entry.may_use_keys = request.may_use_keys;
  entry.held = request.held;
  entry.credential = request.credential;
  take_history(entry);
  StartRecord& record = book_.add(std::move(entry));
  record.first = client;
  waiting_[client.get()] = record.entry.number;
  record.waiters.push_back({std::move(client), true});
  event(record, Arrived{request.first});
}

void StartDriver::take_history(StartEntry& entry) {
  if (entry.origin == IdOrigin::assigned || entry.origin == IdOrigin::none) {
    entry.id_seen_before = false;
    return;
  }
  const Policy rules = policy();
  const bool hub_each = rules.hub == config::TaskHub::per_region;
  const auto known = directory_.find(directory_key_of_instance(entry.id), wall_ms());
  const StartRecord* earlier = book_.by_id(entry.id);
  entry.id_seen_before = known.has_value() || earlier != nullptr;
  if (known && !known->provisional && known->created_ms != 0) {
    entry.earlier_created = WallTime{config::Millis{known->created_ms}};
    entry.earlier_place = hub_each ? known->place : no_place;
  }
  if (earlier != nullptr && earlier->entry.ran_created &&
      (!entry.earlier_created || *earlier->entry.ran_created > *entry.earlier_created)) {
    entry.earlier_created = earlier->entry.ran_created;
    entry.earlier_place = hub_each ? earlier->entry.ran_at : no_place;
  }
}

// Grows with time, and two processes that share a file do not meet.
std::uint64_t StartDriver::new_number() {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(wall_ms(), 0)) * 1000;
  last_us_ = std::max(us, last_us_ + 1);
  return last_us_ << 10 | tag_;
}

std::string StartDriver::new_id() {
  const std::uint64_t high = random_();
  return hex(high, random_());
}

// --- Clients that leave ---

void StartDriver::client_left(const StartClient* client) {
  const auto found = waiting_.find(client);
  if (found == waiting_.end()) return;  // it has its answer
  const std::uint64_t number = found->second;
  waiting_.erase(found);
  if (StartRecord* record = book_.find(number)) return leave(*record, client);
  for (auto& [id, asking] : asking_) {
    const auto gone =
        std::remove_if(asking.arrivals.begin(), asking.arrivals.end(),
                       [client](const Asking::Arrival& one) { return one.client.get() == client; });
    arrivals_asking_ -= static_cast<std::size_t>(asking.arrivals.end() - gone);
    asking.arrivals.erase(gone, asking.arrivals.end());
  }
}

void StartDriver::leave(StartRecord& record, const StartClient* client) {
  const auto waiter =
      std::find_if(record.waiters.begin(), record.waiters.end(),
                   [client](const StartRecord::Waiter& one) { return one.client.get() == client; });
  if (waiter == record.waiters.end()) return;
  const bool first = waiter->first;
  record.waiters.erase(waiter);
  event(record, ClientLeft{first});
}

}  // namespace ledger
