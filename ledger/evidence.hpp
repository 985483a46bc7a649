// What an ended attempt, a look-up or a created time proves about a start. Pure; any thread. The
// caller reports what it saw, these functions say what that means; settlement.hpp acts on it.
#pragma once

#include <optional>
#include <string_view>

#include "ledger/start_entry.hpp"

namespace ledger {

enum class Proof {
  never_ran,
  ran,
  refused,
  exists,  // refused because an instance of this id lives; which may be the one we started
  unknown,
};
std::string_view to_string(Proof);

enum class AttemptEnding {
  connect_failed,
  tls_failed,
  nothing_sent,  // the connection ended before our first byte
  answered,      // a complete response head
  peer_closed,   // without a complete response head
  peer_reset,
  timed_out,     // we stopped waiting and closed
  closed_by_us,  // a bound, a drain, a stop
};
std::string_view to_string(AttemptEnding);

struct AttemptReport {
  AttemptEnding ending = AttemptEnding::answered;
  int status = 0;               // if answered
  bool proves_not_run = false;  // the stopped page, `Function host is not running`, app_offline
  bool says_exists = false;     // says_already_exists()
  bool our_key = false;         // sent with the endpoint's key from the configuration
};

struct Judgement {
  Proof proof = Proof::unknown;
  ConnectionEnd end = ConnectionEnd::by_peer;
  bool key_refused = false;  // the endpoint does not take our key: an operator's business
  bool operator==(const Judgement&) const = default;
};
Judgement judge_attempt(const AttemptReport&);

// The hub's refusal of an id that is alive: a 409, or the extension's 500 with its sentence.
bool says_already_exists(int status, std::string_view body);

// GET instances/{id}.
enum class LookResult {
  found,
  absent,      // the hub's own 404, which has no body
  unanswered,  // no answer, or one that is not the hub's
};
std::string_view to_string(LookResult);
struct Look {
  LookResult result = LookResult::unanswered;
  std::optional<WallTime> created;
  bool operator==(const Look&) const = default;
};
Look judge_look(int status, std::string_view body);  // status 0: no answer

// Is an instance that the hub shows the one that this entry asked for? `unclear` proves neither.
enum class Identity { ours, older, unclear };
std::string_view to_string(Identity);
Identity identify(const StartEntry&, Place hub_seen_at, std::optional<WallTime> created,
                  config::Millis clock_skew);

// How long after the peer's end of a connection what it delivered may still begin to run.
config::Millis settle_after(const config::Ledger&, config::Peer);
// After an end of our own making nothing tells a direct peer from a gateway.
config::Millis settle_after_own_end(const config::Ledger&);

}  // namespace ledger
