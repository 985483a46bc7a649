// The configuration as plain values. The struct initialisers are the defaults; the comment beside
// a field is its reference, and the schema, README table and `explain` are tested against them.
// Built once (parse.hpp), then const: any thread may read it. Durations are milliseconds, sizes
// are bytes. Values that come from the preset are std::optional until `resolve` filled them in.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace config {

using Millis = std::chrono::milliseconds;
using namespace std::chrono_literals;

// A value that must never reach a log, a metric, a URL we print or a report. `reveal` is the only
// way to the text, so that a search for it finds every use.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_{std::move(value)} {}
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  std::size_t size() const { return value_.size(); }
  bool operator==(const Secret&) const = default;

 private:
  std::string value_;
};

struct NameValue {
  std::string name;
  std::string value;
  bool operator==(const NameValue&) const = default;
};

enum class Preset { traffic_manager, azure, responsive };
enum class Protocol { http, https, tcp };
enum class Peer { direct, gateway };
enum class HostPolicy { endpoint, preserve, explicit_value };
enum class AuthMode { keys, none };
enum class AllDegraded { fail_open, unavailable };
enum class Disagreement { traffic, probe };
enum class StickyClient { address, header, cookie };
enum class OnDegraded { release, hold };
enum class FailbackMode { automatic, manual };
enum class TaskHub { none, shared, per_region, geo_replicated };
enum class AwayPolls { last_known, unavailable };
enum class DuplicateStatus { pass, conflict };
enum class LedgerMode { durable, memory, off };
enum class GiveUp { list, resubmit };
enum class SameIdElsewhere { refuse, start };
enum class LeaseFollow { ask, automatic, never };
enum class StartVia { built_in, as_is };
enum class LogFormat { text, json };
enum class LogLevel { debug, info, warning, error };

// A parsed absolute URL of an endpoint: http or https, no userinfo, query or fragment.
struct Url {
  bool tls = false;
  std::string host;               // as written, without brackets; lower case
  std::uint16_t port = 0;         // explicit or the scheme's default
  std::string base_path;          // "" or "/prefix" without a trailing slash
  std::string authority() const;  // host[:port] for a Host field; brackets for IPv6
  std::string origin() const;     // scheme://authority
  bool operator==(const Url&) const = default;
};

struct Address {  // an address to listen on
  std::string host;
  std::uint16_t port = 0;
  std::string text() const;
  bool operator==(const Address&) const = default;
};

struct ListenerTls {
  std::string certificate;  // PEM file, chain included
  std::string key;          // PEM file
  std::string client_ca;    // PEM file; asks clients for a certificate when set
  bool operator==(const ListenerTls&) const = default;
};

struct Listener {
  Address address;
  std::optional<ListenerTls> tls;
  bool operator==(const Listener&) const = default;
};

struct StatusRange {
  int min = 200;
  int max = 200;
  bool operator==(const StatusRange&) const = default;
};

struct JsonMatch {  // /state == "Running"
  std::string pointer;
  std::string expected;  // JSON text of the expected value
  bool operator==(const JsonMatch&) const = default;
};

// Fields as written at profile or endpoint level; unset means inherited or by preset.
struct ProbeSettings {
  std::optional<Preset> preset;       // by endpoint URL: azure for https, responsive for http
  std::optional<Protocol> protocol;   // by endpoint URL
  std::optional<std::string> method;  // GET
  std::optional<std::string> path;    // durable probe when a durable key or auth none, else /
  std::optional<std::uint16_t> port;  // the URL's
  std::vector<NameValue> headers;     // an endpoint's header overrides the profile's
  std::vector<StatusRange> status;    // [200]
  std::optional<std::string> body_match;
  std::optional<JsonMatch> json_match;
  std::optional<Secret> key;  // sent as x-functions-key
  std::optional<Millis> interval, timeout;
  std::optional<int> tolerated_failures, required_passes;
  std::optional<double> jitter;  // 0.1 = +-10 % of the interval
  std::optional<Millis> standby_interval, doubt_interval, cold_grace, idle_after;
  std::optional<bool> verify_tls;
  bool operator==(const ProbeSettings&) const = default;
};

// What the prober and the monitor of one endpoint use: everything decided.
struct ProbePolicy {
  Preset preset = Preset::responsive;
  Protocol protocol = Protocol::http;
  std::string method = "GET";
  std::string path = "/";  // the endpoint URL's base path included; empty for TCP
  std::uint16_t port = 0;
  std::vector<NameValue> headers;
  std::vector<StatusRange> status{{200, 200}};
  std::string body_match;
  std::optional<JsonMatch> json_match;
  Secret key;
  Millis interval = 1s;
  Millis timeout = 1s;
  int tolerated_failures = 2;
  int required_passes = 3;
  double jitter = 0.1;
  Millis standby_interval = 1s;
  Millis doubt_interval = 200ms;
  Millis cold_grace = 35s;
  Millis idle_after = 5min;
  bool verify_tls = true;
  bool durable = false;      // the Durable probe: 404 with an empty body proves host and hub
  bool host_only = false;    // "/": any answer but the stopped page and 5xx; proves only the host
  Millis healthy_for = 10s;  // the preset's, before failback.healthy_for overrides it
  bool operator==(const ProbePolicy&) const = default;
};

struct Evidence {            // how live traffic counts, by preset
  bool starts_probe = true;  // evidence starts a probe at once
  bool degrades = true;      // and degrades by its own threshold
  int connect_failures = 3;
  Millis connect_window = 2s;
  double http_share = 0.5;
  int http_min = 20;
  Millis http_window = 10s;
  bool operator==(const Evidence&) const = default;
};

struct EndpointKeys {
  Secret function, durable, admin;
  bool operator==(const EndpointKeys&) const = default;
};

struct EndpointTls {
  std::string ca;           // PEM file; the system's roots when empty
  std::string server_name;  // SNI and verified name; the URL's host when empty
  std::string certificate, key;
  bool operator==(const EndpointTls&) const = default;
};

struct Endpoint {
  std::string name;
  Url url;
  int priority = 1;  // 1..1000, 1 is preferred; unique
  std::string region;
  bool enabled = true;
  bool always_serve = false;
  Peer peer = Peer::gateway;       // direct on loopback, else gateway
  AuthMode auth = AuthMode::keys;  // none on loopback, else keys
  EndpointKeys keys;
  HostPolicy host = HostPolicy::endpoint;
  std::string host_value;
  EndpointTls tls;
  std::string task_hub_name, connection;
  std::optional<NameValue> secret_header;  // its value is a secret
  ProbeSettings probe_overrides;
  ProbePolicy probe;                                  // resolved
  Evidence evidence;                                  // resolved
  Disagreement disagreement = Disagreement::traffic;  // resolved
  bool operator==(const Endpoint&) const = default;
};

struct Stickiness {
  Millis ttl = 30s;  // 0s asks every time
  StickyClient client = StickyClient::address;
  std::string header;
  std::string cookie = "understudy";
  std::vector<Secret> cookie_keys;  // the first signs, all verify; none: one per process
  OnDegraded on_degraded = OnDegraded::release;
  std::size_t max_clients = 100000;
  bool operator==(const Stickiness&) const = default;
};

struct Failback {
  FailbackMode mode = FailbackMode::automatic;
  std::optional<Millis> healthy_for;  // unset: the longest of the endpoints' presets
  double flap_factor = 2;
  Millis flap_max = 30min;
  Millis flap_decay = 10min;
  bool canary = false;                 // written, not in this version
  Millis effective_healthy_for = 10s;  // resolved
  bool operator==(const Failback&) const = default;
};

struct Timeouts {
  Millis connect = 2s, tls = 5s, head = 10s, body = 30s, first_byte = 240s, write = 30s, idle = 60s,
         upstream_idle = 30s, tunnel_idle = 10min, drain = 30s;
  bool operator==(const Timeouts&) const = default;
};

struct Limits {
  std::size_t head = 32 * 1024;       // bytes of a request or response head
  int headers = 100;                  // fields in a head
  std::optional<std::uint64_t> body;  // none
  std::size_t connections = 10000, in_flight = 10000, per_endpoint = 5000, per_client = 0,
              pending_connects = 256;
  std::uint64_t min_rate = 240;  // bytes per second
  bool operator==(const Limits&) const = default;
};

struct Retry {
  int attempts = 3;
  std::size_t kept_body = 64 * 1024;
  double budget_share = 0.2;
  int budget_min = 64;
  bool header = false;  // answers tell the attempts of their request
  bool operator==(const Retry&) const = default;
};

struct StartRoute {
  std::string method = "POST";
  std::string path;  // with {function} and {instanceId} placeholders
  StartVia via = StartVia::as_is;
  std::optional<bool> store_body;
  bool operator==(const StartRoute&) const = default;
};

struct Ledger {
  LedgerMode mode = LedgerMode::durable;
  std::string path;  // XDG state folder
  std::size_t max_body = 1 << 20;
  Millis answer_after = 10s;
  std::optional<Millis> settle_after;  // 5s direct, 240s gateway
  Millis give_up_after = 15min;
  GiveUp give_up = GiveUp::list;
  std::size_t max_waiting = 10000;
  Millis max_wait = 15min;
  std::size_t max_doubtful = 1024;
  Millis retention = std::chrono::hours{7 * 24};
  std::uint64_t max_size = 1ULL << 30;
  bool store_body = true;
  bool queue_starts = false;
  SameIdElsewhere same_id_elsewhere = SameIdElsewhere::refuse;
  Millis loss_window = 30min;
  Millis hub_clock_skew = 5s;
  bool operator==(const Ledger&) const = default;
};

struct Durable {
  TaskHub task_hub = TaskHub::none;
  std::vector<StartRoute> start_routes;
  AwayPolls away_polls = AwayPolls::last_known;
  DuplicateStatus duplicate_status = DuplicateStatus::pass;
  bool merged_purge = false;
  std::size_t rewrite_limit = 1 << 20;
  std::vector<std::string> open_webhooks;
  Millis hub_retention = std::chrono::hours{7 * 24};
  bool status_tokens = false;
  LeaseFollow lease_follow = LeaseFollow::ask;
  std::size_t directory_max_entries = 1000000;
  Millis directory_retention = std::chrono::hours{30 * 24};
  Ledger ledger;
  bool operator==(const Durable&) const = default;
};

struct AdminToken {
  std::string name;
  std::string role;  // viewer, operator, admin
  Secret token;
  bool operator==(const AdminToken&) const = default;
};

struct Config {
  std::string source;  // file name, for messages
  std::string profile = "default";
  std::vector<Listener> listen;
  std::string public_origin;
  std::vector<std::string> trusted_proxies;  // addresses or CIDR blocks
  struct Clients {
    std::vector<Secret> keys;
    bool anonymous = false;
    bool operator==(const Clients&) const = default;
  } clients;
  struct Admin {
    Address address{"127.0.0.1", 8081};
    std::vector<AdminToken> tokens;
    bool operator==(const Admin&) const = default;
  } admin;
  bool faults_allow = false;
  std::vector<std::string> dns_servers;
  struct Log {
    LogFormat format = LogFormat::text;
    LogLevel level = LogLevel::info;
    bool access = true;
    std::string file;
    bool operator==(const Log&) const = default;
  } log;
  ProbeSettings probe;
  struct EvidenceSettings {  // as written; unset means by preset
    std::optional<int> connect_failures, http_min;
    std::optional<Millis> connect_window, http_window;
    std::optional<double> http_share;
    bool operator==(const EvidenceSettings&) const = default;
  } evidence;
  struct Routing {
    AllDegraded all_degraded = AllDegraded::fail_open;
    std::optional<Disagreement> disagreement;
    bool operator==(const Routing&) const = default;
  } routing;
  Stickiness stickiness;
  Failback failback;
  Timeouts timeouts;
  Limits limits;
  Retry retry;
  Durable durable;
  std::vector<Endpoint> endpoints;  // ascending priority after resolve
  bool operator==(const Config&) const = default;
};

bool is_loopback(const std::string& host);  // 127.0.0.0/8, ::1, localhost

}  // namespace config
