// From what was observed to what it means: the start reconciliation, the measures, each objective,
// what was predicted beside it, findings, and the outcome. Pure; any thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/verdict/record.hpp"

namespace verdict {

enum class Outcome { passed, missed, inconclusive, interrupted };
int exit_code(Outcome);  // 0, 1, 3, 130
std::string_view to_string(Outcome);

// What clients were told about their starts, beside what ran. A start may earn several words:
//   once        accepted, and it ran once          refused     told that it did not run; it did not
//   completed   accepted, and seen as completed    unknown     told that nobody knows
//   ghost       told that it failed or did not     failed      told something that is neither, or
//               run, but it ran                                accepted and later shown as failed
//   duplicate   ran more than once                 unanswered  told nothing; it may run, once
//   lost        accepted, and nothing ran, or an   stranded    accepted, and not final when the
//               account failover undid it                      clients went home
//   misnamed    ran, or was answered, under another id than its own
// A run that an account failover undid is none. Without `executions_known` the words rest on what
// clients saw: no start is once, ghost, duplicate or lost.
// Polls are those of clients that follow an accepted start; 202, 200 and (its region is away) 503
// are good answers, and 404 is false unless an account failover undid the instance.
struct Reconciliation {
  std::int64_t sent = 0, accepted = 0, once = 0, completed = 0, refused = 0, unknown = 0,
               failed = 0, unanswered = 0, ghost = 0, duplicate = 0, lost = 0, stranded = 0,
               misnamed = 0, unconfirmed = 0, wrong_urls = 0, nobodys = 0;
  std::int64_t polls = 0, polls_not_found = 0, polls_stale = 0, polls_failed = 0;
  struct Word {
    int number = 0;
    std::string word, detail;
  };
  std::vector<Word> examples;  // of what should not be, at most 5 of each word
};
// Leaves `polls_stale` to `judge`: a start does not tell it.
Reconciliation reconcile(const std::vector<Start>&, const std::vector<Execution>&,
                         bool executions_known);

// Of requests of every kind, from when each was due until its answer had ended or it was given up.
struct Latency {
  std::int64_t requests = 0, failed = 0;  // starts that were not accepted are among the failed
  Millis p50{0}, p95{0}, p99{0}, max{0};
};

// "The trouble" is the first fault; without one, or when it comes earlier, the first operation (a
// planned swap). "Broken" is the endpoint of the first fault that hit one; when only something else
// broke (storage, a process, the proxy) the best endpoint, whose loss is felt; without a fault the
// one that an operation took out. "The heal" is the last end of a fault of the best endpoint, else
// of any fault, or the operation that gave the endpoint back, whichever came last. A good answer is
// one without `Request::trouble`.
// A time that is not set was not seen: it never happened, or makes no sense in this run.
struct Measures {
  // From the fault of the broken endpoint until the proxy no longer had it as Online: the time of
  // its health event, else of the first look that shows it as degraded.
  std::optional<Millis> detect;
  // From the same until the end of the first good answer to a GET that was sent after it and came
  // from another endpoint. Not for an endpoint that had served nothing before.
  std::optional<Millis> failover;
  // From the heal until the end of the first good answer of the best endpoint to a GET that was
  // sent after it.
  std::optional<Millis> failback;
  // The longest that any client waited for a good answer, from the trouble on: since the first of
  // its requests (GETs and starts) that had none yet was due, or since the trouble if that came
  // later, until one of its requests was answered well. So a failed request ends no wait, nor does
  // a lucky answer to somebody else. The wait of a client that failed while the best endpoint was
  // away and asked no more ends with the first good answer to a request that was due after the last
  // one that failed, whoever sent them. Not set when a client was left waiting otherwise, or nobody
  // was answered well any more: the run ended without a recovery.
  std::optional<Millis> http_rto;
  // From the trouble until the first orchestration completed whose start was sent after the trouble
  // and accepted: by the storage accounts' journals, else when its client saw it.
  std::optional<Millis> work_rto;
  // From the trouble until a look at the proxy showed the objective's alert, or with none named any
  // alert; one that stood before does not count unless it ended and was raised again.
  std::optional<Millis> alert_within;
  // Of the starts accepted before the trouble that had not completed then: from the trouble until
  // the last of them completed. Not set unless all of them did.
  std::optional<Millis> instance_recovery;
  std::int64_t running_at_fault = 0, recovered = 0;
  // GETs and polls without a good answer, each counted once, in this order. Starts have words of
  // their own, and polls answered 404 a count of their own (Reconciliation).
  std::int64_t failed_in_flight =
      0;                          // sent before a fault (or the trouble) began, ended after that
  std::int64_t failed_after = 0;  // sent after the trouble and before all was back
  std::int64_t failed_otherwise = 0;
  // By when a request was due: before the trouble; from then until the best endpoint answered again
  // (see failback; without that until the heal, else to the end); later.
  Latency before, during, after;
  std::int64_t lost_instances = 0;        // undone by account failovers
  std::optional<Millis> replication_lag;  // of the last account failover: began - Last Sync Time
  std::int64_t switches = 0;              // of the active endpoint, as looks at the proxy show it
};

enum class Met { yes, no, not_measured };
struct ObjectiveResult {
  std::string name, target, measured;
  Met met = Met::not_measured;
  std::string why;       // what it means, or why it was not measured
  bool is_time = false;  // which a busy machine makes longer
};

// `kept`: observed, and not later than predicted plus a tenth and half a second, which a busy
// machine is allowed. Comparable when the prediction speaks of what was played: a fault of a whole
// endpoint that lasted long enough to be seen, with another one to go to, in a run that went on
// long enough for what was predicted to happen.
struct Comparison {
  std::string what, predicted, observed;
  bool comparable = false, kept = false;
};

enum class Severity { high, medium, low, note };
struct Finding {
  Severity severity = Severity::note;
  std::string text, change;  // what was seen; what to change
};

struct Judgement {
  Outcome outcome = Outcome::inconclusive;
  std::string summary;  // one sentence
  Reconciliation starts;
  Measures measures;
  std::vector<ObjectiveResult> objectives;
  std::vector<Comparison> predictions;
  std::vector<Finding> findings;  // worst first
};

// An objective that was set and could not be measured is missed; a step that was not reached is a
// finding and a miss; a steady state that never held is inconclusive.
Judgement judge(const scenario::Scenario&, const RunRecord&);

}  // namespace verdict
