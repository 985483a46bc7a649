// Every key of the file, once: its name, the member it fills, its range. The reader, `explain` and
// the list of keys that tests compare with the schema are visitors of these functions, so that a
// key exists for all of them or for none. Included by the sources of this box only.
//
// A visitor has one member function per kind of value; `later()` before one marks a key of a part
// that is not in this version.
#pragma once

#include <limits>

#include "config/config.hpp"
#include "config/syntax.hpp"
#include "config/url.hpp"

namespace config::keys {

inline constexpr Millis no_wait{0};
inline constexpr Millis a_minute = 1min, an_hour = 1h, a_day = 24h, ten_years = 24h * 3650;
inline constexpr Millis longest_ttl = std::chrono::seconds{2147483647};  // Traffic Manager's
inline constexpr std::uint64_t kib = 1 << 10, mib = 1 << 20, gib = 1ULL << 30;

template <class V>
void listener(V& v, Listener& listener) {
  v.parsed("address", listener.address, parse_listen_address,
           [](const Address& address) { return address.text(); });
  v.optional_group("tls", listener.tls, [](V& w, ListenerTls& tls) {
    w.file("certificate", tls.certificate);
    w.file("key", tls.key);
    w.file("client_ca", tls.client_ca);
  });
}

template <class V>
void probe(V& v, ProbeSettings& probe) {
  v.word("preset", probe.preset);
  v.word("protocol", probe.protocol);
  v.text("method", probe.method, check_method);
  v.text("path", probe.path, check_path);
  v.number("port", probe.port, 1, 65535);
  v.headers("headers", probe.headers);
  v.statuses("status", probe.status);
  v.text("body_match", probe.body_match, check_not_empty);
  v.parsed("json_match", probe.json_match, parse_json_match, json_match_text);
  v.secret("key", probe.key);
  v.time("interval", probe.interval, 100ms, a_day);
  v.time("timeout", probe.timeout, 10ms, an_hour);
  v.number("tolerated_failures", probe.tolerated_failures, 0, 100);
  v.number("required_passes", probe.required_passes, 1, 100);
  v.share("jitter", probe.jitter, 0, 0.5);
  v.time("standby_interval", probe.standby_interval, 100ms, a_day);
  v.time("doubt_interval", probe.doubt_interval, 50ms, a_day);
  v.time("cold_grace", probe.cold_grace, no_wait, an_hour);
  v.time("idle_after", probe.idle_after, 1s, a_day);
  v.flag("verify_tls", probe.verify_tls);
}

template <class V>
void endpoint(V& v, Endpoint& endpoint) {
  v.text("name", endpoint.name, check_profile_name);
  v.parsed("url", endpoint.url, parse_url,
           [](const Url& url) { return url.origin() + url.base_path; });
  v.number("priority", endpoint.priority, 1, 1000);
  v.text("region", endpoint.region, check_label);
  v.flag("enabled", endpoint.enabled);
  v.flag("always_serve", endpoint.always_serve);
  v.word("peer", endpoint.peer);
  v.word("auth", endpoint.auth);
  v.group("keys", [&](V& w) {
    w.secret("function", endpoint.keys.function);
    w.secret("durable", endpoint.keys.durable);
    w.secret("admin", endpoint.keys.admin);
  });
  v.word("host", endpoint.host);
  v.text("host_value", endpoint.host_value, check_host_value);
  v.group("tls", [&](V& w) {
    w.file("ca", endpoint.tls.ca);
    w.text("server_name", endpoint.tls.server_name, check_host_name);
    w.file("certificate", endpoint.tls.certificate);
    w.file("key", endpoint.tls.key);
  });
  v.text("task_hub_name", endpoint.task_hub_name, check_label);
  v.text("connection", endpoint.connection, check_label);
  v.secret_header("secret_header", endpoint.secret_header);
  v.group("probe", [&](V& w) { probe(w, endpoint.probe_overrides); });
}

template <class V>
void limits(V& v, Limits& limits) {
  v.size("head", limits.head, 1 * kib, 1 * mib);
  v.number("headers", limits.headers, 1, 10000);
  v.size_or_none("body", limits.body, 1, 1024 * gib);
  v.number("connections", limits.connections, 1, 10'000'000);
  v.number("in_flight", limits.in_flight, 1, 10'000'000);
  v.number("per_endpoint", limits.per_endpoint, 1, 10'000'000);
  v.number("per_client", limits.per_client, 0, 10'000'000);
  v.number("pending_connects", limits.pending_connects, 1, 10'000'000);
  v.rate("min_rate", limits.min_rate);
}

template <class V>
void ledger(V& v, Ledger& ledger) {
  v.word("mode", ledger.mode);
  v.file("path", ledger.path);
  v.size("max_body", ledger.max_body, 0, 64 * mib);
  v.time("answer_after", ledger.answer_after, 100ms, an_hour);
  v.time("settle_after", ledger.settle_after, 100ms, an_hour);
  v.time("give_up_after", ledger.give_up_after, 1s, ten_years);
  v.word("give_up", ledger.give_up);
  v.number("max_waiting", ledger.max_waiting, 1, 10'000'000);
  v.time("max_wait", ledger.max_wait, 1s, ten_years);
  v.number("max_doubtful", ledger.max_doubtful, 1, 1'000'000);
  v.time("retention", ledger.retention, a_minute, ten_years);
  v.size("max_size", ledger.max_size, 1 * mib, 1024 * gib);
  v.flag("store_body", ledger.store_body);
  v.flag("queue_starts", ledger.queue_starts);
  v.word("same_id_elsewhere", ledger.same_id_elsewhere);
  v.time("loss_window", ledger.loss_window, no_wait, ten_years);
  v.time("hub_clock_skew", ledger.hub_clock_skew, no_wait, an_hour);
}

template <class V>
void durable(V& v, Durable& durable) {
  v.word("task_hub", durable.task_hub);
  v.list("start_routes", durable.start_routes, [](V& w, StartRoute& route) {
    w.parsed("route", route, parse_route,
             [](const StartRoute& shown) { return shown.method + " " + shown.path; });
    w.word("via", route.via);
    w.flag("store_body", route.store_body);
  });
  v.word("away_polls", durable.away_polls);
  v.word("duplicate_status", durable.duplicate_status);
  v.flag("merged_purge", durable.merged_purge);
  v.size("rewrite_limit", durable.rewrite_limit, 1 * kib, 64 * mib);
  v.texts("open_webhooks", durable.open_webhooks, check_webhook);
  v.time("hub_retention", durable.hub_retention, a_minute, ten_years);
  v.flag("status_tokens", durable.status_tokens);
  v.group("lease", [&](V& w) { w.word("follow", durable.lease_follow); });
  v.group("directory", [&](V& w) {
    w.number("max_entries", durable.directory_max_entries, 1, 1'000'000'000);
    w.time("retention", durable.directory_retention, a_minute, ten_years);
  });
  v.group("ledger", [&](V& w) { ledger(w, durable.ledger); });
}

template <class V>
void timeouts(V& v, Timeouts& timeouts) {
  v.time("connect", timeouts.connect, 10ms, an_hour);
  v.time("tls", timeouts.tls, 10ms, an_hour);
  v.time("head", timeouts.head, 10ms, an_hour);
  v.time("body", timeouts.body, 10ms, an_hour);
  v.time("first_byte", timeouts.first_byte, 10ms, a_day);
  v.time("write", timeouts.write, 10ms, an_hour);
  v.time("idle", timeouts.idle, 10ms, a_day);
  v.time("upstream_idle", timeouts.upstream_idle, 10ms, a_day);
  v.time("tunnel_idle", timeouts.tunnel_idle, 10ms, a_day);
  v.time("drain", timeouts.drain, no_wait, an_hour);
}

template <class V>
void top(V& v, Config& config) {
  v.text("profile", config.profile, check_profile_name);
  v.list("listen", config.listen, [](V& w, Listener& item) { listener(w, item); });
  v.parsed("public_origin", config.public_origin, parse_origin,
           [](const std::string& origin) { return origin; });
  v.texts("trusted_proxies", config.trusted_proxies, parse_block);
  v.group("clients", [&](V& w) {
    w.secrets("keys", config.clients.keys);
    w.flag("anonymous", config.clients.anonymous);
  });
  v.group("admin", [&](V& w) {
    w.parsed("address", config.admin.address, parse_listen_address,
             [](const Address& address) { return address.text(); });
    w.later().list("tokens", config.admin.tokens, [](V& x, AdminToken& token) {
      x.text("name", token.name, check_profile_name);
      x.text("role", token.role, [](std::string_view role) -> std::optional<Problem> {
        if (role == "viewer" || role == "operator" || role == "admin") return std::nullopt;
        return Problem{"is not a role", "roles are viewer, operator, admin"};
      });
      x.secret("token", token.token);
    });
  });
  v.group("faults", [&](V& w) { w.flag("allow", config.faults_allow); });
  v.later().group("dns", [&](V& w) { w.texts("servers", config.dns_servers, parse_server); });
  v.group("log", [&](V& w) {
    w.word("format", config.log.format);
    w.word("level", config.log.level);
    w.flag("access", config.log.access);
    w.file("file", config.log.file);
  });
  v.group("probe", [&](V& w) { probe(w, config.probe); });
  v.group("evidence", [&](V& w) {
    w.number("connect_failures", config.evidence.connect_failures, 1, 1'000'000);
    w.time("connect_window", config.evidence.connect_window, 10ms, an_hour);
    w.share("http_share", config.evidence.http_share, 0.01, 1);
    w.number("http_min", config.evidence.http_min, 1, 1'000'000);
    w.time("http_window", config.evidence.http_window, 10ms, an_hour);
  });
  v.group("routing", [&](V& w) {
    w.word("all_degraded", config.routing.all_degraded);
    w.word("disagreement", config.routing.disagreement);
  });
  v.group("stickiness", [&](V& w) {
    w.time("ttl", config.stickiness.ttl, no_wait, longest_ttl);
    w.word("client", config.stickiness.client);
    w.text("header", config.stickiness.header, check_field_name);
    w.text("cookie", config.stickiness.cookie, check_cookie_name);
    w.secrets("cookie_keys", config.stickiness.cookie_keys);
    w.word("on_degraded", config.stickiness.on_degraded);
    w.number("max_clients", config.stickiness.max_clients, 1, 100'000'000);
  });
  v.group("failback", [&](V& w) {
    w.word("mode", config.failback.mode);
    w.time("healthy_for", config.failback.healthy_for, no_wait, a_day);
    w.share("flap_factor", config.failback.flap_factor, 1, 100);
    w.time("flap_max", config.failback.flap_max, no_wait, 7 * a_day);
    w.time("flap_decay", config.failback.flap_decay, 1s, 7 * a_day);
    w.later().canary("canary", config.failback.canary);
  });
  v.group("timeouts", [&](V& w) { timeouts(w, config.timeouts); });
  v.group("limits", [&](V& w) { limits(w, config.limits); });
  v.group("retry", [&](V& w) {
    w.number("attempts", config.retry.attempts, 1, 16);
    w.size("kept_body", config.retry.kept_body, 0, 16 * mib);
    w.share("budget_share", config.retry.budget_share, 0, 1);
    w.number("budget_min", config.retry.budget_min, 0, 1'000'000);
    w.flag("header", config.retry.header);
  });
  v.group("durable", [&](V& w) { durable(w, config.durable); });
  v.list("endpoints", config.endpoints, [](V& w, Endpoint& item) { endpoint(w, item); });
}

}  // namespace config::keys
