// A rehearsal as plain values: what stands behind the proxy, what is promised, which load is sent,
// and which faults are played. Read from a file by parse.hpp, changed by adopt.hpp (a reader's own
// configuration) and time_scale.hpp, played by the stage, judged by the verdict box. Plain values;
// any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace scenario {

using config::Millis;
using namespace std::chrono_literals;

// When a process may be used: an HTTP answer 200-399 at `path`, or with "" an accepted connection.
struct Ready {
  std::string path;
  Millis within{60'000};
  bool operator==(const Ready&) const = default;
};

// A process of the reader's: `func start`, Azurite. Words and values may hold {port} (a free port
// that was chosen for it), {port:NAME} (of another part), {folder} (its own scratch folder) and
// {bin} (where understudy's executables are).
struct Command {
  std::vector<std::string> words;
  std::vector<config::NameValue> environment;
  std::string folder;  // where it runs; "" is its scratch folder
  Ready ready;
  bool operator==(const Command&) const = default;
};

// An `understudy-app`.
struct StandIn {
  std::string storage;  // account; "" is what the task hub says: "shared", or the endpoint's name
  std::string hub = "TestHub";
  int instances = 1;     // more than one stand behind a gateway
  bool gateway = false;  // a platform's front end, which gives its client up after `cut_after`
  Millis cut_after{4'000};
  bool tls = false;           // served with a certificate of the rehearsal's own authority
  bool app_lease = false;     // only the owner of the app lease runs orchestrators
  Millis cold_start{0};       // the first request after a start, or after `idle_after`, takes this
  Millis idle_after{20'000};  // much longer
  Millis storage_latency{0};  // of this app's calls to its storage: another region
  std::vector<std::string> functions;  // known orchestrators; empty: any
  std::string durable_key;             // asked for by the Durable API; "" none
  std::string lease_store;  // a process (Azurite) where the app holds a blob lease to be healthy
  bool operator==(const StandIn&) const = default;
};

struct Endpoint {
  std::string name;
  std::string region;
  int priority = 1;
  std::variant<StandIn, Command, config::Url> is = StandIn{};
  bool link = false;  // a TCP link in the path; also where a step plays a fault of the link
  bool operator==(const Endpoint&) const = default;
};

struct Storage {
  std::string name;
  Millis replicate_every{0};  // 0: no replica
  Millis skew{0};             // queues are cut this much after the tables, or before
  bool operator==(const Storage&) const = default;
};

struct Process {
  std::string name;
  Command command;
  bool operator==(const Process&) const = default;
};

struct Topology {
  config::TaskHub task_hub = config::TaskHub::shared;
  bool claim = true;                // the proxy is told of the task hub
  std::vector<Endpoint> endpoints;  // by priority
  std::vector<Storage> storage;     // those of endpoints are added by the parser
  std::vector<Process> processes;   // started before the endpoints
  int lease_scale = 1;              // divides the documented times of the app lease
  bool operator==(const Topology&) const = default;
};

// Targets; what is not set is not judged. Times are measured by clients, from the first fault on.
struct Objectives {
  std::optional<Millis> http_rto;    // first good answer to a request sent after the fault, when
                                     // others had failed or none could be served by the primary
  std::optional<Millis> work_rto;    // first orchestration accepted after the fault completes
  std::optional<Millis> detect;      // the proxy reports the endpoint as degraded
  std::optional<Millis> failback;    // first answer of the best endpoint after the last heal
  std::optional<Millis> p95_during;  // latency of requests during the outage
  std::optional<Millis> instance_recovery;  // what ran at the fault completes, after the fault
  std::optional<Millis> alert_within;
  std::string alert;                            // kind of alert that is meant; "" any
  std::optional<std::int64_t> failed_requests;  // other than starts
  std::optional<double> failed_share;           // of all requests, 0..1
  std::optional<std::int64_t> refused_starts, failed_starts, unknown_starts, ghost_starts,
      duplicate_starts, lost_starts, stranded_starts;
  std::optional<std::int64_t> lost_instances;   // by an account failover
  std::optional<std::int64_t> not_found_polls;  // false 404s
  bool operator==(const Objectives&) const = default;
};

struct Steady {
  Millis lasts{2'000};
  Millis within{20'000};  // it must be reached by then, before the faults and after them
  std::optional<Millis> p95_below = Millis{500};
  double errors_below = 0.001;  // share of requests
  bool operator==(const Steady&) const = default;
};

enum class Work { activities, timer };

// Open loop: a request is sent when it is due, whatever became of the others.
struct Load {
  double rate = 40;            // a second, of all kinds; polls come in addition
  int gets = 70, starts = 30;  // shares of the mix
  std::uint64_t seed = 7;
  std::string path = "/api/echo";  // of the GETs
  std::string function = "Order";
  double custom_share = 0.25;    // of starts: by a starter function of the app
  double chosen_id_share = 0.5;  // of starts: the client chooses the instance id
  Millis work{1'000};            // an orchestration takes this long,
  int work_steps = 5;            // in so many activities;
  Work kind = Work::activities;  // or is a durable timer between two activities
  Millis poll_every{1'000};
  Millis patience{10'000};  // of a client with one request
  int clients = 8;          // identities for stickiness, sent in X-Client
  std::string key;          // sent as x-functions-key; "" none
  bool operator==(const Load&) const = default;
};

enum class FaultKind {
  kill,         // SIGKILL; healed by a start
  freeze,       // SIGSTOP; healed by SIGCONT
  stopped,      // 403 with the page of a stopped app
  host_down,    // 503 "Function host is not running."
  app_offline,  // 503 with a page
  answer,       // `status` for `path`, `times` times
  slow,         // each answer's first byte comes `by` later
  cut_body,     // answers are reset after `bytes`
  refuse,       // link: connections are refused
  reset,        // link: connections are reset
  blackhole,    // link: bytes vanish, in both directions
  delay,        // link: each direction takes `by` (+- `jitter`) longer
  limit,        // link: `rate` bytes a second in each direction
  flap,         // killed for `down` and up for `up`, `times` times; then up
  certificate_expired,
  certificate_wrong_name,
  storage_errors,   // the account answers 503
  storage_hangs,    // the account answers nothing until it is healed
  storage_latency,  // the account takes `by` longer
  storage_locked,   // another process holds its database
  storage_read_only,
  unreachable,  // the proxy alone cannot reach the endpoint; everybody else can
};

// What is broken: an endpoint, "ENDPOINT#2" (the second instance behind its gateway), a storage
// account, a process, or "proxy".
struct Fault {
  FaultKind kind = FaultKind::kill;
  std::string target;
  Millis lasts{0};  // then it heals by itself; 0: until a heal step
  int status = 503;
  std::string path;
  std::int64_t times = 0;  // 0: no limit
  Millis by{0}, jitter{0};
  std::uint64_t rate = 0, bytes = 0;
  Millis up{1'000}, down{1'000};
  bool operator==(const Fault&) const = default;
};

struct Heal {
  std::string target;  // "" all
  bool operator==(const Heal&) const = default;
};

enum class Operation {
  enable,
  disable,
  drain,
  undrain,
  hold,
  release,
  failback,
  makeprimary,
  reload,
  account_failover_planned,
  account_failover_unplanned,
};
struct Operate {
  Operation operation = Operation::disable;
  std::string target;  // endpoint, or account of a failover
  Millis takes{500};   // an account failover
  bool operator==(const Operate&) const = default;
};

enum class Until {
  active,  // `name` is the proxy's active endpoint
  online,  // the proxy has it as Online
  degraded,
  answered_by,   // a request sent since this step began was answered well by it
  failing,       // a request sent since this step began failed
  work_done,     // an orchestration accepted since the last fault or heal completed
  work_done_by,  // the same, and it was completed by app `name`
  starts_final,  // every accepted start is known to be final
  alert,         // the proxy raises the alert `name`
  lease_at,      // the app lease is held by `name`
  healed,        // no fault is left
  since_fault,   // so much time has passed since the last fault began
  since_heal,    // or ended
  requests,      // `count` more requests were answered, well or not
};
struct WaitUntil {
  Until until = Until::healed;
  std::string name;
  Millis time{0};
  std::int64_t count = 0;
  Millis within{10'000};
  bool operator==(const WaitUntil&) const = default;
};

using Step = std::variant<Fault, Heal, Operate, WaitUntil>;

enum class Expected { pass, missed };

struct Scenario {
  std::string name;   // a-z 0-9 -
  std::string title;  // one line
  std::string about;  // what it shows and why
  Topology topology;
  std::string proxy = "{}";  // JSON: any key of the proxy's configuration but what the stage sets
  Objectives objectives;
  Steady steady;
  bool steady_after = true;  // it must hold again at the end
  Load load;
  std::vector<Step> steps;
  Expected expect = Expected::pass;  // of a built-in: said by `list`, held against it by the tests
  Millis limit{120'000};             // of the whole run
  int time_scale = 1;                // what time_scale.hpp has divided by
  std::vector<std::string> changed;  // what was taken over differently, for page one
  bool operator==(const Scenario&) const = default;
};

std::string_view to_string(FaultKind);
std::string_view to_string(Operation);
std::string_view to_string(Until);
std::string describe(const Fault&);  // "primary: frozen (SIGSTOP) for 6s"
std::string describe(const Step&);
std::string describe(const Endpoint&);  // "stand-in app", "func start …", "https://…"

bool is_link_fault(FaultKind);  // needs a link in the path
bool needs_link(const Scenario&, const Endpoint&);
const Endpoint* find_endpoint(const Scenario&, std::string_view name);  // also of "NAME#2"

}  // namespace scenario
