// The rule of the start ledger: what an event means for a start and what to do next. Pure: no
// clock, no I/O, no thread; the proxy's driver and the simulation run the same code.
//
// apply() changes the entry and returns effects *in order*. `Commit` is a barrier: the entry as it
// is now goes to disk, and what follows is done only once it is there; if it cannot be written the
// driver applies CommitFailed with the effects that it held back. While a Commit is under way the
// entry's further events wait. `Save` writes at leisure. Effects are given once; nothing relies on
// being repeated.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"
#include "ledger/evidence.hpp"
#include "ledger/start_entry.hpp"

namespace ledger {

// One endpoint as it is now. The driver lists them in the order in which routing would try them.
struct EndpointView {
  Place place = no_place;
  config::Peer peer = config::Peer::gateway;
  bool enabled = true;
  bool usable = true;                       // routing offers it now, be it as a best effort
  std::optional<TimePoint> degraded_since;  // while Degraded
  bool has_key = false;                     // a durable key of ours, or auth: none
  bool open = false;                        // auth: none: needs no key
  // The latest passed probe: when its connection was opened, and when it passed.
  std::optional<TimePoint> pass_opened, passed;
  // The latest time it refused a connection. A frozen process does not do that: its kernel goes on
  // accepting; so of a direct peer this says that whatever had a start in its socket is gone.
  std::optional<TimePoint> refused;
};

struct Policy {
  const config::Ledger& ledger;
  config::TaskHub hub = config::TaskHub::shared;
  config::Millis hub_retention{};
  std::span<const EndpointView> endpoints;
};

// --- Events ---

// A new start. `first` is routing's choice; no_place: nothing can be tried.
struct Arrived {
  Place first = no_place;
};
struct AttemptEnded {
  std::size_t attempt = 0;
  Judgement judgement;
  int status = 0;
  bool live_resendable = true;  // the client's body can still be sent again from memory
};
struct LookEnded {
  Place place = no_place;
  TimePoint asked{};
  Look look;
};
struct EndpointsChanged {};  // a monitor, a drain, a passed probe after a bad time
struct TimeCame {};          // a Wake is due
struct ClientLeft {
  bool first = true;  // the client whose request it was, not one that joined
};
struct ClientJoined {};
struct TerminateAsked {};
struct TerminateEnded {
  bool delivered = false;
};
struct CommitFailed;  // below
struct Restarted {};  // loaded from the store by a new process
struct ClockStepped {
  config::Millis by{};
};
struct Polled {};  // a client asks for the status of an open entry: look now
struct ResubmitAsked {};
struct ForgetAsked {};

// --- Effects ---

struct Commit {};
struct Save {};
struct Send {
  std::size_t attempt = 0;
  Place place = no_place;
  bool live = false;  // the client's own request; else from the entry, built-in route, our key
};
struct LookUp {
  Place place = no_place;
};
struct KeepConnection {
  std::size_t attempt = 0;
};
struct CloseConnection {
  std::size_t attempt = 0;
};
enum class NotRunWhy { unreachable, key_refused, disk, crowded, held };
std::string_view to_string(NotRunWhy);
struct Answer {  // to every client that waits
  Told what = Told::nothing;
  std::size_t attempt = 0;  // relayed: whose answer
  NotRunWhy why = NotRunWhy::unreachable;
};
struct AnswerTerminate {
  bool taken = true;  // false: it could not be written down
};
struct SendTerminate {
  Place place = no_place;
};
struct Settle {
  Settlement how = Settlement::open;
};
struct MarkPossibleDuplicate {};
struct List {
  Listed why = Listed::no;
};
enum class AlertKind {
  unknown,
  not_repeatable,
  late,
  duplicate,
  key_refused,
  disk,
  refused,
  lost  // the driver's: found missing after a storage failover
};
std::string_view to_string(AlertKind);
struct Alert {
  AlertKind kind = AlertKind::unknown;
};
struct DropBody {
  config::Millis after{};
};
struct Wake {  // the only one: it replaces an earlier one
  TimePoint at{};
};

using Effect = std::variant<Commit, Save, Send, LookUp, KeepConnection, CloseConnection, Answer,
                            AnswerTerminate, SendTerminate, Settle, MarkPossibleDuplicate, List,
                            Alert, DropBody, Wake>;
using Effects = std::vector<Effect>;

struct CommitFailed {
  Effects held_back;  // what stood after the Commit
};

using Event = std::variant<Arrived, AttemptEnded, LookEnded, EndpointsChanged, TimeCame, ClientLeft,
                           ClientJoined, TerminateAsked, TerminateEnded, CommitFailed, Restarted,
                           ClockStepped, Polled, ResubmitAsked, ForgetAsked>;

Effects apply(StartEntry&, const Event&, const Policy&, Now);

// Caps are checked before a start becomes an entry, so that one that was accepted is never put off.
struct Load {
  std::size_t waiting = 0;   // open entries
  std::size_t doubtful = 0;  // connections kept for an answer
  bool disk_ok = true;
};
// nullopt: come in.
std::optional<NotRunWhy> admission(const Load&, const config::Ledger&);

}  // namespace ledger
