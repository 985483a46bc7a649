// The jobs of the desk and their results: plain values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "desk/endpoint.hpp"
#include "durable/hub_claim.hpp"
#include "durable/status_answer.hpp"
#include "transport/headers.hpp"

namespace desk {

using TimePoint = transport::TimePoint;

// "Which hub knows this instance (or entity)?" Asked of every endpoint that is not away, at once.
struct LookUp {
  SharedPicture picture;
  std::string instance_id;              // path segment byte for byte as the client wrote it
  std::string entity_name, entity_key;  // instead of instance_id; segments as written
  std::vector<std::size_t> order;       // indexes into picture, preferred first; empty: all of it
  // The client's request carried taskHub= or connection=: replaced by the endpoint's, or dropped.
  bool names_task_hub = false, names_connection = false;
  ClientCredential credential;
  TimePoint deadline = TimePoint::max();
};

enum class Verdict {
  not_asked,  // away, or not in `order`
  absent,     // 404 with an empty body: this hub does not know it
  found,
  refused,  // 401: the key was not taken
  unclear,  // anything else, no answer included
};
std::string_view to_string(Verdict);

struct EndpointVerdict {
  Verdict verdict = Verdict::not_asked;
  int status = 0;      // 0: no answer
  std::string detail;  // of unclear: for the log
};

struct Found {
  enum class Outcome {
    at,                 // `endpoint` has it
    absent_everywhere,  // everybody in `order` was asked and proved its absence
    absent_but_away,    // proved absent wherever it could be asked; `away` were not asked
    cannot_tell,        // an endpoint gave no proof either way
    overloaded,         // the desk has no room: nothing was asked
    stopped,            // the proxy is ending
  };
  Outcome outcome = Outcome::cannot_tell;
  std::size_t endpoint = 0;  // index into the picture
  int status = 0;
  bool too_large = false;  // it has it, but the answer was too long to be read: `answer` empty
  durable::StatusAnswer answer;           // of an instance
  std::vector<std::string> away;          // names of those that are away or gave no proof
  std::vector<EndpointVerdict> verdicts;  // one for each of the picture
};
std::string_view to_string(Found::Outcome);

// An answer made by the desk, ready to be relayed. `headers` without Content-Length.
struct Answer {
  enum class Outcome {
    served,      // by the endpoints, possibly in part (X-Understudy-Partial)
    relayed,     // one endpoint's own refusal (400, 401)
    bad_token,   // 400: the continuation token is not one of ours
    missing,     // 503: a region that belongs to it cannot be asked
    in_part,     // 502, 503: a purge that reached some regions only
    overloaded,  // 503
    stopped,     // 503
  };
  Outcome outcome = Outcome::served;
  int status = 200;
  transport::HeaderList headers;
  std::string body;
  std::vector<std::string> missing;  // endpoint names
};
std::string_view to_string(Answer::Outcome);

// GET instances or entities over all endpoints as one list.
struct ListJob {
  SharedPicture picture;
  bool entities = false;
  std::string entity_name;         // GET entities/{name}; segment as written
  std::string query;               // the client's, without '?'
  std::string continuation_token;  // of x-ms-continuation-token; empty: from the start
  ClientCredential credential;
  // Instances that wait in the start ledger, JSON objects as GET instances lists them, for every
  // page: they come first, as far as the query's filters let them pass, and stand for the rows of
  // the same ids that endpoints list. Not for entities.
  std::vector<std::string> waiting;
  // Indexes into picture; empty: all of it. Who is not in it is not missed. One alone (of a shared
  // hub) keeps its own continuation tokens; a token that durable::decode_list_token takes is still
  // the desk's.
  std::vector<std::size_t> order;
  TimePoint deadline = TimePoint::max();
};

// DELETE instances at every endpoint. Only when merged purges are enabled.
struct PurgeJob {
  SharedPicture picture;
  std::string query;
  ClientCredential credential;
  TimePoint deadline = TimePoint::max();
};

struct MakePrimaryJob {
  SharedPicture picture;
  std::size_t endpoint = 0;
  TimePoint deadline = TimePoint::max();
};

struct MakePrimaryResult {
  enum class Outcome {
    accepted,  // 2xx
    refused,   // any other answer: `status`
    not_sent,  // nobody accepted the connection, or the desk had no room
    unknown,   // it may have been taken
  };
  Outcome outcome = Outcome::not_sent;
  int status = 0;
  std::string detail;
};
std::string_view to_string(MakePrimaryResult::Outcome);

// POST orchestrators/{function}/{id} at one endpoint with our key: a start that the ledger replays.
struct StartJob {
  SharedPicture picture;
  std::size_t endpoint = 0;
  std::string function, id;  // decoded
  std::string content_type;
  std::shared_ptr<const std::string> body;  // null: none
  TimePoint deadline = TimePoint::max();
};

struct StartResult {
  enum class Ending {
    connect_failed,  // also TLS: nothing of it was sent
    answered,        // a complete head: `status`, the first 16 KiB of the body
    ended_by_peer,   // closed or reset before that
    timed_out,       // or ended by us for another reason: bytes that are no HTTP, the desk's end
    not_sent,        // the desk had no room in time, or is stopping
  } ending = Ending::not_sent;
  int status = 0;
  std::string content_type, body;
  bool whole = false;    // `body` is all of it
  bool own_key = false;  // a key of ours was sent
};
std::string_view to_string(StartResult::Ending);

// POST instances/{id}/terminate at one endpoint with our key.
struct TerminateJob {
  SharedPicture picture;
  std::size_t endpoint = 0;
  std::string id;  // decoded
  TimePoint deadline = TimePoint::max();
};
struct TerminateResult {
  bool delivered = false;  // 202; or the hub's 404, 410: there is nothing to end (any more)
  int status = 0;          // 0: no answer
};

struct HubClaimJob {
  SharedPicture picture;
  config::TaskHub claimed = config::TaskHub::none;
  TimePoint deadline = TimePoint::max();
};

}  // namespace desk
