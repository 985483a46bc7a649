// One accepted start as the ledger knows it: what was asked, each attempt to start it, and what
// became of it. Plain values. The rules that change them are in settlement.hpp; a store writes them
// down except for what is called `watch`: that is what this process saw with its own eyes, it is
// not evidence after a restart. An entry belongs to one driver, which applies one event at a time.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "durable/status_answer.hpp"
#include "ledger/instance.hpp"

namespace ledger {

using durable::WallTime;
using TimePoint = std::chrono::steady_clock::time_point;

// Spans within this process are steady time, which no operator can set. What must be compared with
// a hub's createdTime or survive a restart is wall time.
struct Now {
  TimePoint steady{};
  WallTime wall{};
};

// The numbers of all enums here are written to disk: add at the end, never renumber.

enum class IdOrigin : std::uint8_t {
  assigned = 0,  // by us, random: nothing else can ever have had it
  derived = 1,   // by us, from the client's Idempotency-Key
  client = 2,    // the client's own
  none = 3,      // as-is starter: no id that we could look up
};
std::string_view to_string(IdOrigin);

enum class AttemptState : std::uint8_t {
  in_flight = 0,  // committed; its bytes may be on the wire
  unknown = 1,    // in doubt: no answer in time, its connection ended, or an answer without proof
  never_ran = 2,  // proven by how it failed
  absent = 3,     // proven by the hub, which does not know it
  ran = 4,
  refused = 5,
};
std::string_view to_string(AttemptState);

enum class ConnectionEnd : std::uint8_t {
  open = 0,
  by_peer = 1,  // it closed, reset or answered
  by_us = 2,    // a bound, a timeout, a restart of the proxy: says nothing about the peer
};
std::string_view to_string(ConnectionEnd);

// What was seen of an attempt since this process runs.
struct AttemptWatch {
  TimePoint begun{};
  std::optional<TimePoint> ended;        // its connection
  std::optional<TimePoint> alive_since;  // a probe passed on a connection opened after that end
  bool gone = false;  // after it the peer refused a connection: the process that had it is no more
  std::optional<TimePoint> first_absent;  // when the look-up was asked that was answered 404 first
  Place absent_at = no_place;             // who answered it
  bool absent_elsewhere = false;          // some 404 came from another endpoint of the shared hub
  TimePoint next_look{};
  config::Millis look_interval{};
  bool operator==(const AttemptWatch&) const = default;
};

struct Attempt {
  Place place = no_place;
  WallTime begun{};
  AttemptState state = AttemptState::in_flight;
  ConnectionEnd end = ConnectionEnd::open;
  int status = 0;            // of its answer; 0: none
  bool said_exists = false;  // it answered that an instance of this id lives
  bool weak = false;         // absent, but a host that froze with it may still run it
  AttemptWatch watch;
  bool operator==(const Attempt&) const = default;
};

// What the client has been told so far. A repeat that joins gets the same.
enum class Told : std::uint8_t {
  nothing = 0,
  unconfirmed = 1,  // 202 of ours: accepted, not known to run yet
  queued = 2,       // 202 of ours: accepted, waits for an endpoint
  relayed = 3,      // the endpoint's own answer
  accepted = 4,     // 202 of ours for a start that a look-up found
  unknown = 5,      // 504 outcome: unknown
  not_run = 6,      // 503 or 502: it was not started
};
std::string_view to_string(Told);
bool is_acceptance(Told);  // the client relies on it being run

enum class Settlement : std::uint8_t {
  open = 0,
  ran = 1,
  refused = 2,     // an endpoint's answer says why; a client told 202 sees it as Failed
  not_run = 3,     // it did not run, and nobody was promised that it would
  terminated = 4,  // by the client, before it ran
  waited_out = 5,  // queued for longer than max_wait, never sent: Failed
  forgotten = 6,   // by the operator
};
std::string_view to_string(Settlement);

// Why an operator finds it in a list.
enum class Listed : std::uint8_t {
  no = 0,
  unknown = 1,         // after give_up_after nobody knows
  not_repeatable = 2,  // outcome unknown, and we could not start it again
  absent_late = 3,     // accepted, known not to run, but too old to be started unasked
  waited_out = 4,
  hub_retention = 5,  // older than what the hub keeps: a 404 proves nothing any more
  late_refusal = 6,   // accepted by us, then refused by the endpoint
  may_have_run = 7,   // refused or out of endpoints after an attempt that is absent, but weakly
  lost = 8,           // it ran, and the hub's last writes were lost with its storage account
};
std::string_view to_string(Listed);

enum class Terminate : std::uint8_t { no = 0, wanted = 1, done = 2 };

struct EntryWatch {
  TimePoint arrived{};
  bool live_request = false;    // the first client's request is at hand, credentials included
  bool live_resendable = true;  // and none of its body is gone
  int waiting = 0;              // clients that wait for the answer, joined ones included
  bool look_out = false;        // a look-up is under way
  bool terminate_out = false;
  std::size_t round = 0;  // attempts from here on count as tried already
  std::optional<TimePoint> retry_at;
  bool found_unclear = false;   // the latest look-up found one that may be an earlier run
  bool resubmit_asked = false;  // by the operator
  std::optional<TimePoint> looked_in_vain;  // when the latest look-up was asked that found nothing
  Place looked_at = no_place;
  bool operator==(const EntryWatch&) const = default;
};

using Sha256 = std::array<std::uint8_t, 32>;

// What an endpoint answered, for those who ask later: a client that repeats its Idempotency-Key,
// a poll of a start that was refused after all. Holds no key; at most `longest_answer` of body.
struct StoredAnswer {
  int status = 0;
  std::string content_type;
  std::string body;
  bool operator==(const StoredAnswer&) const = default;
};
inline constexpr std::size_t longest_answer = 16 * 1024;

struct StartEntry {
  // What was asked; fixed at arrival.
  std::uint64_t number = 0;
  std::string id;  // decoded; empty for IdOrigin::none
  IdOrigin origin = IdOrigin::assigned;
  config::StartVia via = config::StartVia::built_in;
  std::string function;
  std::string content_type;
  std::shared_ptr<const std::string> body;
  bool body_kept = true;  // false: above max_body, or store_body is off
  Sha256 body_hash{};
  std::string key_scope;  // hash of client, route and Idempotency-Key; empty: none given
  WallTime arrived{};
  config::Millis extra_wait{};   // the timeout= that the client asked for
  bool may_use_keys = false;     // the client showed a key of ours: starts may be sent with ours
  bool held = false;             // on_degraded: hold keeps its client at one endpoint
  std::uint64_t credential = 0;  // InstanceDirectory::credential_of its client's; 0: none
  // False only if neither ledger nor directory knew this id: then a run created within
  // hub_clock_skew of the entry can only be this one.
  bool id_seen_before = true;
  // createdTime of the latest run of this id known at arrival, and the hub that said so (no_place:
  // the one hub of all). The hub's own clock, so it beats every comparison with ours.
  std::optional<WallTime> earlier_created;
  Place earlier_place = no_place;

  // What is known.
  std::vector<Attempt> attempts;
  Settlement settlement = Settlement::open;
  Told told = Told::nothing;
  Listed listed = Listed::no;
  bool possible_duplicate = false;
  bool duplicate_found = false;
  bool resubmitted = false;
  bool clock_doubt = false;  // the wall clock stepped: createdTime cannot be compared
  Terminate terminate = Terminate::no;
  Place ran_at = no_place;
  std::optional<WallTime> ran_created;
  WallTime changed{};                          // when it was last written; set by the driver
  std::shared_ptr<const StoredAnswer> answer;  // of the attempt that settled it, if worth keeping

  EntryWatch watch;
  bool operator==(const StartEntry&) const = default;
};

bool is_open(const StartEntry&);
// An attempt that the ledger would not swear has not run and will not.
bool may_still_run(const Attempt&);
bool may_still_run(const StartEntry&);
// Work is left after settlement: an older copy may turn up, a terminate has not arrived.
bool is_watched(const StartEntry&);

}  // namespace ledger
