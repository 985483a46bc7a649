// The start ledger at work: keeps every open start, applies the rule of settlement.hpp to what
// happens to it, and carries out what the rule says, in its order: commits (in groups, one sync for
// all), live attempts through the workers, replays and look-ups through the hub, answers.
//
// One thread does it, the writer's: it owns the entries, so they need no locks, and while a group
// is being synced the next one gathers. Every public function may be called from any thread and
// returns at once; what comes back comes through callbacks on the ledger's thread, which must only
// post. Owned by the app; `stop` before whoever is called back is destroyed.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "ledger/instance_directory.hpp"
#include "ledger/repeats.hpp"
#include "ledger/settlement.hpp"

namespace ledger {

// --- What a worker hands over ---

struct StartRequest {
  std::string id;  // the client's own, decoded; empty: the ledger makes one up
  config::StartVia via = config::StartVia::built_in;
  std::string function;
  std::string content_type;
  std::shared_ptr<const std::string> body;  // null: too long to be kept, or store_body is off
  Sha256 body_hash{};
  bool body_hashed = true;  // false: too long to be read first
  std::string key_scope;    // hash of client, route and Idempotency-Key; empty: no key given
  config::Millis extra_wait{};
  bool may_use_keys = false;
  bool held = false;
  std::uint64_t credential = 0;
  Place first = no_place;  // routing's choice for this client
};

struct LiveSend {
  std::uint64_t number = 0;
  std::size_t attempt = 0;
  Place place = no_place;
  std::string id;  // of the instance; empty: as-is
};

// The last word to a client that waits.
struct StartAnswer {
  enum class What {
    relay,        // the answer of this client's own live attempt, which its worker holds
    stored,       // `stored`: of somebody else's attempt or of an earlier start
    accepted,     // 202: it runs, here is its status URL
    unconfirmed,  // 202: it is accepted and not known to run yet
    queued,       // 202: it is accepted and waits for an endpoint
    unknown,      // 504
    not_run,      // 503, 502: `why`
    other_body,   // 422: the Idempotency-Key was used for something else
    id_in_use,    // 409: the id is being started with another body
    id_elsewhere  // 409: the id lives in the hub of `place`
  } what = What::not_run;
  std::uint64_t number = 0;  // 0: no entry was made
  std::string id;
  NotRunWhy why = NotRunWhy::unreachable;
  Place place = no_place;
  std::shared_ptr<const StoredAnswer> stored;
  bool repeat = false;  // it is the answer of an earlier request
};

// Whoever brought a start. Shared by its worker and the ledger; called on the ledger's thread.
class StartClient {
 public:
  virtual ~StartClient() = default;
  virtual void send(const LiveSend&) = 0;  // commit is done: send the client's request there
  virtual void answer(const StartAnswer&) = 0;
  // The connection of a live attempt is of no more use; its end needs no report.
  virtual void close(std::size_t attempt) = 0;
};

// --- Instances that wait in the ledger, as clients ask for them ---

enum class WaitingAction { poll, terminate, purge, other };

struct WaitingReply {
  enum class What {
    not_ours,  // nothing is known here (any more): ask an endpoint
    runs,      // it was found or settled: the endpoint at `place` has it
    pending,   // accepted, not known to run
    failed,    // refused by an endpoint after it was accepted, or waited out
    terminated,
    taken,    // the terminate was written down; the purge done
    refused,  // the action cannot be done to what is not known to run
    disk      // it could not be written down
  } what = What::not_ours;
  Place place = no_place;
  std::string id, function;
  Told told = Told::nothing;
  WallTime created{}, changed{};
  std::shared_ptr<const StoredAnswer> stored;  // of a refusal
  std::uint64_t credential = 0;                // who may see it in a list without a key of ours
};

// --- What the ledger needs of the world; implemented by the app. Any function may be called back
// at once or later, on any thread, exactly once. ---

struct SendJob {
  Place place = no_place;
  std::string id, function, content_type;
  std::shared_ptr<const std::string> body;
};
struct SendResult {
  AttemptReport report;
  std::shared_ptr<const StoredAnswer> answer;
};

class HubAccess {
 public:
  virtual ~HubAccess() = default;
  virtual void look_up(Place, const std::string& id, std::function<void(Look)> done) = 0;
  // The built-in start route, with our key if there is one.
  virtual void send(SendJob, std::function<void(SendResult)> done) = 0;
  virtual void terminate(Place, const std::string& id, std::function<void(bool)> done) = 0;
  // For same_id_elsewhere: how the instance stands in that hub.
  virtual void ask_hub(Place, const std::string& id, std::function<void(HubSays)> done) = 0;
};

// --- What operators see and do ---

struct StartNews {  // for the event log; never a body, never a query
  AlertKind kind = AlertKind::unknown;
  std::string id, function, text;
  Place place = no_place;
};

// One line of `understudy instances`.
struct StartLine {
  std::uint64_t number = 0;
  std::string id, function;
  std::vector<Place> places;  // where it was tried, in order
  Place ran_at = no_place;
  WallTime arrived{};
  std::string_view state;  // queued, in_flight, unknown, ran, refused, ...
  Told told = Told::nothing;
  Listed listed = Listed::no;
  bool possible_duplicate = false, duplicate_found = false, resubmitted = false;
  bool can_resubmit = false;
};
enum class StartList { unknown, queued, possible_duplicates, listed, all };
// For lists that are made of the file while no proxy runs.
StartLine line_of(const StartEntry&);
bool belongs(const StartEntry&, StartList);

struct OperatorResult {
  bool done = false;
  std::string message;  // a sentence
};

// Counters since the start, and what is now. One consistent picture.
struct StartLedgerStatus {
  config::LedgerMode mode = config::LedgerMode::off;
  std::size_t queued = 0, in_flight = 0, unknown = 0, listed = 0;  // open entries by state
  std::size_t waiting = 0, doubtful = 0;  // open entries in all; connections kept
  std::optional<double> oldest_open_s;
  std::uint64_t arrived = 0, joined = 0, stored_answers = 0, turned_away = 0;
  std::uint64_t commits = 0, committed_starts = 0, commit_failures = 0;
  double commit_seconds = 0;                                 // sum; the last groups' below
  std::vector<std::uint64_t> commit_buckets, group_buckets;  // by the bounds below, last: above
  // settled, by evidence: answered, found, refused, never_ran, absent, terminated, waited_out, ...
  std::vector<std::pair<std::string, std::uint64_t>> settled;
  std::uint64_t unconfirmed = 0, possible_duplicates = 0, duplicates = 0, lost = 0, resubmitted = 0,
                replays = 0, look_ups = 0, taken_over = 0;
  std::uint64_t bytes = 0, max_bytes = 0;
  bool disk_ok = true;
  std::string disk_message;
};
inline constexpr std::array<double, 9> commit_bounds_s{0.0005, 0.001, 0.002, 0.005, 0.01,
                                                       0.05,   0.1,   0.5,   1};
inline constexpr std::array<std::size_t, 7> group_bounds{1, 2, 5, 10, 50, 100, 500};

// --- The ledger ---

// The endpoints as routing sees them, published by the control thread.
struct LedgerPicture {
  std::shared_ptr<const config::Config> config;
  std::vector<EndpointView> endpoints;  // in routing order
};

class StartLedger {
 public:
  struct Options {
    config::LedgerMode mode = config::LedgerMode::durable;  // not off: then there is no ledger
    std::function<Now()> now;                               // tests move it
    std::function<void(const StartNews&)> on_news;          // on the ledger's thread
  };
  // The directory brings the writer, with the store that both use.
  StartLedger(InstanceDirectory&, HubAccess&, Options);
  ~StartLedger();  // stops
  StartLedger(const StartLedger&) = delete;
  StartLedger& operator=(const StartLedger&) = delete;

  // Control thread. A picture whose endpoints' standing changed is an event for every open start;
  // one that only tells of a passed probe is for those who wait for one.
  void publish(std::shared_ptr<const LedgerPicture>);
  void clock_stepped(config::Millis by);
  // Until it is known what earlier processes left open (or the disk refuses): before that a poll of
  // what waits would be answered 404. After the first `publish`.
  void wait_until_loaded(config::Millis most);
  // Writes what is queued, answers nobody any more, and returns when the thread does nothing of
  // ours.
  void stop();

  // Workers.
  void arrive(StartRequest, std::shared_ptr<StartClient>);
  void attempt_ended(std::uint64_t number, std::size_t attempt, const AttemptReport&,
                     bool live_resendable, std::shared_ptr<const StoredAnswer>);
  void client_left(std::uint64_t number, const StartClient*);
  // `number` is not known yet: by the client itself. Before `send` or `answer` was called.
  void client_left_early(std::shared_ptr<StartClient>);
  // Connections kept for the answers of attempts in doubt, over all workers: false when no more may
  // be kept. Each success is given back by kept_connection_ended.
  bool keep_connection();
  void kept_connection_ended();

  bool may_hold(std::string_view id) const;  // cheap; false: no need to ask
  // False while the disk has kept from us what earlier processes left open: until then a hub's 404
  // does not say that an instance was never accepted.
  bool knows_the_past() const;
  // `only_for`: nothing is shown or done unless it is the credential that brought the start.
  void ask(WaitingAction, std::string id, std::optional<std::uint64_t> only_for,
           std::function<void(WaitingReply)> done);
  // Starts that clients were told 202 for and that no hub is known to have, for merged lists.
  void list_waiting(std::size_t most, std::function<void(std::vector<WaitingReply>)> done);
  std::size_t waiting_shown() const;  // how many those are; cheap

  // Operators.
  void list(StartList, std::size_t most, std::function<void(std::vector<StartLine>)> done);
  void resubmit(std::string id, std::string who, std::function<void(OperatorResult)> done);
  void forget(std::string id, std::string who, std::function<void(OperatorResult)> done);
  // Everything that was accepted after the last sync and settled as ran is looked up again; what
  // the hub does not know is listed as lost.
  void storage_failed_over(WallTime last_sync, std::string who,
                           std::function<void(OperatorResult)> done);
  StartLedgerStatus status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger
