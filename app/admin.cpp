#include "app/admin.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include "app/metrics.hpp"
#include "app/status_json.hpp"
#include "config/units.hpp"
#include "transport/link_text.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;
using transport::ServerRequest;
using transport::ServerResponse;

constexpr std::array action_names{"enable", "disable", "drain",    "undrain", "makeprimary",
                                  "hold",   "release", "failback", "reload"};

std::string dumped(const Json& json) {  // invalid UTF-8, which a peer may have sent, is replaced
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

ServerResponse json_response(int status, const Json& body) {
  return {status, "application/json", dumped(body)};
}

ServerResponse problem(int status, const char* title, const std::string& detail) {
  return {status, "application/problem+json",
          dumped({{"title", title}, {"status", status}, {"detail", detail}})};
}

ServerResponse text_response(int status, const std::string& text) {
  return {status, "text/plain; charset=utf-8", text + "\n"};
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// The host of "host:port", "[v6]:port" or "host".
std::string host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    return lower(
        authority.substr(1, end == std::string_view::npos ? std::string_view::npos : end - 1));
  }
  return lower(authority.substr(0, authority.find(':')));
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() &&
        std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      out += static_cast<char>(std::stoi(std::string{text.substr(i + 1, 2)}, nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string_view query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    if (pair.starts_with(key) && pair.size() > key.size() && pair[key.size()] == '=')
      return pair.substr(key.size() + 1);
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

// Asked by machines that know the address only (orchestrators, scrapers) and giving little away.
bool is_open_path(std::string_view path) {
  return path == "/healthz" || path == "/readyz" || path == "/metrics";
}

ServerResponse readiness(const Picture& picture) {
  const std::string reason = not_ready_reason(picture);
  if (reason.empty()) return text_response(200, "ready: " + *picture.active);
  ServerResponse response = text_response(503, "not ready: " + reason);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

ServerResponse page() {
  ServerResponse response{200, "text/html; charset=utf-8", std::string{status_page()}};
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
      "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'");
  return response;
}

ServerResponse not_found() {
  return problem(
      404, "Not Found",
      "this listener has /, /healthz, /readyz, /metrics, /api/status, /api/events, /api/config, "
      "/api/instances?list=, and POST "
      "/api/endpoints/NAME/{enable,disable,drain,undrain,makeprimary}, /api/hold, "
      "/api/release, /api/failback, /api/reload, /api/instances/{resubmit,forget}?id=, "
      "/api/storage/failed-over?last_sync_time=, /api/faults?endpoint=&for=&mode=, "
      "/api/faults/heal?endpoint=");
}

std::optional<Action> action_named(std::string_view name) {
  const auto found = std::find(action_names.begin(), action_names.end(), name);
  if (found == action_names.end()) return std::nullopt;
  return static_cast<Action>(found - action_names.begin());
}

ServerResponse bad_request(const std::string& detail) {
  return problem(400, "Bad Request", detail);
}

ServerResponse response_of(std::string_view action, const ActionResult& result) {
  switch (result.kind) {
    case ActionResult::Kind::done:
      return json_response(200, {{"action", action}, {"message", result.message}});
    case ActionResult::Kind::refused:
      return problem(409, "Conflict", result.message);
    case ActionResult::Kind::failed:
      return problem(502, "Endpoint Refused", result.message);
    case ActionResult::Kind::no_answer:
      return problem(504, "No Answer", result.message);
    case ActionResult::Kind::unknown_endpoint:
      break;
  }
  return problem(404, "Unknown Endpoint", result.message);
}

bool concerns_an_endpoint(Action action) {
  return action <= Action::makeprimary;
}

}  // namespace

std::string_view to_string(Action action) {
  return action_names[static_cast<std::size_t>(action)];
}

std::string_view to_string(InstanceCommand::Kind kind) {
  switch (kind) {
    case InstanceCommand::Kind::resubmit:
      return "instances resubmit";
    case InstanceCommand::Kind::forget:
      return "instances forget";
    case InstanceCommand::Kind::failed_over:
      break;
  }
  return "storage failed-over";
}

std::string admin_refusal(const ServerRequest& request, const std::string& admin_host) {
  if (is_open_path(request.path())) return "";
  const auto trusted = [&](const std::string& host) {
    return config::is_loopback(host) || host == lower(admin_host);
  };
  const std::string* host = transport::find_header(request.headers, "Host");
  if (host == nullptr || !trusted(host_of(*host)))
    return "the Host of the request is neither a loopback name nor the admin address";
  if (request.method == "GET" || request.method == "HEAD") return "";
  if (const std::string* origin = transport::find_header(request.headers, "Origin")) {
    const std::size_t scheme_end = origin->find("://");
    if (scheme_end == std::string::npos || lower(origin->substr(scheme_end + 3)) != lower(*host))
      return "the request comes from a page of another origin";
  }
  if (const std::string* site = transport::find_header(request.headers, "Sec-Fetch-Site"))
    if (*site != "same-origin" && *site != "none")
      return "the request comes from a page of another site";
  if (!request.peer_is_loopback)
    return "commands are taken from loopback only: run `understudy` on the proxy's own machine";
  return "";
}

void AdminApi::handle(const ServerRequest& request, Reply reply) const {
  const Reply finish = [reply = std::move(reply)](ServerResponse response) {
    response.headers.emplace_back("Cache-Control", "no-store");
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    reply(std::move(response));
  };
  const std::string refusal = admin_refusal(request, host_);
  if (!refusal.empty()) return finish(problem(403, "Forbidden", refusal));
  if (request.method == "GET" || request.method == "HEAD")
    return answer_get(request.path(), request.query(), finish);
  if (request.method == "POST") return answer_post(request.path(), request.query(), finish);
  ServerResponse response =
      problem(405, "Method Not Allowed", "use GET to look and POST to command");
  response.headers.emplace_back("Allow", "GET, HEAD, POST");
  finish(std::move(response));
}

void AdminApi::answer_get(std::string_view path, std::string_view query, const Reply& reply) const {
  if (path == "/healthz") return reply(text_response(200, "alive"));
  if (path == "/readyz") return reply(readiness(actions_.picture()));
  if (path == "/metrics")
    return reply({200, std::string{metrics_content_type}, metrics_text(actions_.picture())});
  if (path == "/api/status") return reply(json_response(200, status_json(actions_.picture())));
  if (path == "/api/events")
    return reply(json_response(200, {{"events", events_json(actions_.events())}}));
  if (path == "/api/config") return reply({200, "application/json", actions_.effective_config()});
  if (path == "/api/instances") return list_instances(query, reply);
  if (path == "/") return reply(page());
  reply(not_found());
}

void AdminApi::list_instances(std::string_view query, const Reply& reply) const {
  const auto list = instance_list_named(query_value(query, "list"));
  if (!list)
    return reply(
        bad_request("list: must be unknown, queued, possible-duplicates, listed or stranded"));
  std::size_t most = default_instances;
  if (const std::string_view text = query_value(query, "limit"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), most);
    if (error != std::errc{} || end != text.data() + text.size() || most < 1 ||
        most > most_instances)
      return reply(bad_request("limit: must be between 1 and " + std::to_string(most_instances)));
  }
  actions_.instances(*list, most, [reply](const InstancesReport& report) {
    reply(json_response(200, instances_json(report)));
  });
}

void AdminApi::act_on_instances(InstanceCommand::Kind kind, std::string_view query,
                                const Reply& reply) const {
  InstanceCommand command;
  command.kind = kind;
  if (kind == InstanceCommand::Kind::failed_over) {
    const std::string text = percent_decoded(query_value(query, "last_sync_time"));
    const auto time = parse_sync_time(text);
    if (!time) return reply(bad_request("last_sync_time: " + std::string{sync_time_rule}));
    command.last_sync = *time;
  } else {
    command.id = percent_decoded(query_value(query, "id"));
    if (command.id.empty() || command.id.size() > longest_instance_id)
      return reply(bad_request("id: must be the id of a start that `understudy instances` lists"));
  }
  actions_.act_on_instances(command, [kind, reply](const ActionResult& result) {
    reply(response_of(to_string(kind), result));
  });
}

void AdminApi::answer_post(std::string_view path, std::string_view query,
                           const Reply& reply) const {
  constexpr std::string_view endpoints = "/api/endpoints/", api = "/api/";
  if (path.starts_with(endpoints)) {
    path.remove_prefix(endpoints.size());
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return reply(not_found());
    const auto action = action_named(path.substr(slash + 1));
    if (!action || !concerns_an_endpoint(*action)) return reply(not_found());
    return act(*action, percent_decoded(path.substr(0, slash)), std::nullopt, reply);
  }
  if (path == "/api/faults" || path == "/api/faults/heal")
    return inject_fault(path.ends_with("/heal"), query, reply);
  if (path == "/api/instances/resubmit")
    return act_on_instances(InstanceCommand::Kind::resubmit, query, reply);
  if (path == "/api/instances/forget")
    return act_on_instances(InstanceCommand::Kind::forget, query, reply);
  if (path == "/api/storage/failed-over")
    return act_on_instances(InstanceCommand::Kind::failed_over, query, reply);
  if (!path.starts_with(api)) return reply(not_found());
  const auto action = action_named(path.substr(api.size()));
  if (!action || concerns_an_endpoint(*action)) return reply(not_found());
  std::optional<config::Millis> hold_for;
  if (const std::string_view text = query_value(query, "for");
      *action == Action::hold && !text.empty()) {
    config::Millis value{};
    if (const auto wrong = config::parse_duration(text, value))
      return reply(bad_request("for: " + wrong->rule + "; " + wrong->hint));
    hold_for = value;
  }
  act(*action, "", hold_for, reply);
}

void AdminApi::inject_fault(bool heal, std::string_view query, const Reply& reply) const {
  FaultCommand command;
  command.endpoint = percent_decoded(query_value(query, "endpoint"));
  command.heal = heal;
  if (command.endpoint.empty()) return reply(bad_request("endpoint: name one"));
  if (!heal) {
    if (const auto wrong = config::parse_duration(query_value(query, "for"), command.lasts))
      return reply(bad_request("for: " + wrong->rule + "; " + wrong->hint));
    if (const std::string wrong = transport::parse_link_fault(query, command.fault); !wrong.empty())
      return reply(bad_request(wrong));
  }
  reply(response_of("fault", actions_.inject_fault(command)));
}

void AdminApi::act(Action action, const std::string& endpoint,
                   std::optional<config::Millis> hold_for, Reply reply) const {
  actions_.act(action, endpoint, hold_for,
               [action, reply = std::move(reply)](const ActionResult& result) {
                 reply(response_of(to_string(action), result));
               });
}

}  // namespace app
