#include "rehearsal/storage_api.hpp"

#include <algorithm>
#include <exception>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/hub_wire.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

ServerResponse json(int status, std::string text) {
  return ServerResponse{status, "application/json", std::move(text)};
}

ServerResponse deleted(std::size_t count) {
  return json(200, "{\"deleted\":" + std::to_string(count) + "}");
}

ServerResponse not_found() {
  return json(404, "{}");
}

// Takes "/name" off the front; nullopt when nothing is left.
std::optional<std::string_view> take_segment(std::string_view& path) {
  if (path.size() < 2 || path.front() != '/') return std::nullopt;
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

constexpr std::string_view activities_path = "/_control/activities";

bool is_record(std::string_view path) {  // of what ran
  return path == activities_path || path == "/_control/executions";
}

constexpr long long most = 1'000'000'000'000'000'000;

std::optional<WallTime> time_in(const Query& query, std::string_view name) {
  const auto number = query.number(name, -most, most);
  if (!number) return std::nullopt;
  return WallTime{std::chrono::milliseconds{*number}};
}

std::size_t top_of(const Query& query) {
  return static_cast<std::size_t>(query.number("top", 1, 10'000).value_or(100));
}

ListFilter filter_of(const Query& query) {
  ListFilter filter;
  filter.id_prefix = query.get("prefix");
  filter.created_from = time_in(query, "from");
  filter.created_to = time_in(query, "to");
  filter.top = top_of(query);
  filter.after = query.number("after", 0, most).value_or(0);
  const std::string statuses = query.get("statuses");
  for (std::string_view rest = statuses; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (const auto status = parse_runtime_status(word)) filter.statuses.push_back(*status);
  }
  return filter;
}

int status_of(Control outcome) {
  switch (outcome) {
    case Control::accepted:
      return 202;
    case Control::not_found:
      return 404;
    case Control::finished:
      return 410;
    case Control::wrong_state:
      return 409;
  }
  return 500;
}

}  // namespace

asio::awaitable<ServerResponse> StorageApi::handle(ServerRequest request) {
  if (request.path().starts_with("/_control")) {
    if (!request.peer_is_loopback) co_return not_found();
    if (request.method == "GET" && is_record(request.path()))
      co_return records(request.path(), request.query());
    auto of_account = co_await account_.command(request);
    if (of_account) co_return std::move(*of_account);
    co_return faults_.command(request.method, request.path(), request.query());
  }
  const std::string* name = transport::find_header(request.headers, "X-App");
  const std::string app = name == nullptr ? std::string{} : percent_decode(*name);
  const int failovers = account_.failovers();
  auto instead = co_await faults_.before(app);
  if (instead) co_return std::move(*instead);
  if (const std::string why = account_.away(failovers); !why.empty())
    co_return json(503, error_object(why));
  ServerResponse response = answer(request);
  faults_.count(app, request.target.size() + request.body.size(), response.body.size());
  co_await faults_.after(app);
  co_return response;
}

ServerResponse StorageApi::answer(const ServerRequest& request) {
  std::string_view path = request.path();
  if (path == "/healthz") return json(200, "{\"state\":\"ok\"}");
  const auto area = take_segment(path);
  const auto hub = take_segment(path);
  if (area != "hubs") return not_found();
  try {
    store().set_read_only(faults_.read_only());  // a failover has brought another store
    if (!hub) return json(200, write_hubs(store().hubs()));
    const std::string name = percent_decode(*hub);
    store().ensure_hub(name, wall_now());
    return on_hub(request, name, path);
  } catch (const std::exception& error) {  // the database: full, gone, read-only
    return json(500, error_object(error.what()));
  }
}

ServerResponse StorageApi::on_hub(const ServerRequest& request, std::string_view hub,
                                  std::string_view rest) {
  const auto area = take_segment(rest);
  const auto id = take_segment(rest);
  if (area == "lease") return on_lease(request, hub, id.value_or(""));
  if (area == "instances" && !id) return on_instances(request, hub);
  if (area && !id && *area != "work") {
    if (area == "activities") return json(200, write_shares(store().journal().shares(hub)));
    if (area == "executions") return on_executions(request, hub);
    return on_entities(request, hub, *area);
  }
  if (area == "work" && !id && request.method == "POST") {
    const auto report = read_report(request.body);
    if (!report) return json(400, error_object("not a work report"));
    return json(200, write_answer(store().exchange(hub, *report, wall_now())));
  }
  if (area != "instances") return not_found();
  const std::string instance = percent_decode(*id);
  const auto action = take_segment(rest);
  if (!action) return on_instance(request, hub, instance);
  if (request.method != "POST") return not_found();
  const auto event = take_segment(rest);
  if (action == "events" && event) {
    const auto outcome =
        store().raise_event(hub, instance, percent_decode(*event), request.body, wall_now());
    return json(status_of(outcome), "{}");
  }
  return control(request, hub, instance, *action);
}

ServerResponse StorageApi::on_executions(const ServerRequest& request, std::string_view hub) {
  const Query query{request.query()};
  const auto after = query.number("after", 0, most).value_or(0);
  const std::string id = query.get("id");
  return json(200, write_executions(store().journal().executions(hub, id, after, top_of(query))));
}

// Also while calls are not served: the rehearsal's own knowledge has no outage.
ServerResponse StorageApi::records(std::string_view path, std::string_view query_text) {
  if (account_.is_lost()) return json(503, error_object(account_.away(account_.failovers())));
  const Query query{query_text};
  const auto after = query.number("after", 0, most).value_or(0);
  try {
    if (path == activities_path)
      return json(200, write_shares(store().journal().shares(query.get("hub"))));
    const RunPage page =
        store().journal().runs(query.get("hub"), query.get("id"), after, top_of(query));
    return json(200, write_runs(page));
  } catch (const std::exception& error) {
    return json(500, error_object(error.what()));
  }
}

ServerResponse StorageApi::on_entities(const ServerRequest& request, std::string_view hub,
                                       std::string_view area) {
  const Query query{request.query()};
  const std::string name = query.get("name");
  EntityStore& entities = store().entities();
  if (area == "entity" && request.method == "GET") {
    auto entity = entities.get(hub, name, query.get("key"));
    if (!entity) return not_found();
    EntityPage page;
    page.entities.push_back(std::move(*entity));
    return json(200, write_entity_page(page));
  }
  if (area == "entities" && request.method == "GET") {
    EntityFilter filter;
    filter.name = name;
    filter.from = time_in(query, "from");
    filter.to = time_in(query, "to");
    filter.top = top_of(query);
    filter.after = query.number("after", 0, most).value_or(0);
    return json(200, write_entity_page(entities.list(hub, filter)));
  }
  if (area == "signal" && request.method == "POST") {
    entities.signal(hub, name, query.get("key"), query.get("op"), request.body);
    return json(202, "{}");
  }
  return not_found();
}

ServerResponse StorageApi::on_lease(const ServerRequest& request, std::string_view hub,
                                    std::string_view action) {
  const Query query{request.query()};
  const WallTime now = wall_now();
  AppLeaseStore& leases = store().app_leases();
  if (action.empty() && request.method == "GET")
    return json(200, write_lease_state(leases.get(hub, now)));
  if (request.method != "POST") return not_found();
  LeaseOutcome outcome = LeaseOutcome::ok;
  if (action == "acquire")
    outcome = leases.acquire(
        hub, query.get("id"),
        std::chrono::milliseconds{query.number("ms", 1, 86'400'000).value_or(60'000)}, now);
  else if (action == "renew")
    outcome = leases.renew(hub, query.get("id"), now);
  else if (action == "change")
    outcome = leases.change(hub, query.get("from"), query.get("to"), now);
  else if (action == "note")
    leases.write_note(hub, query.get("owner"), query.get("desired"));
  else
    return not_found();
  if (outcome == LeaseOutcome::ok) return json(200, "{}");
  return json(409, string_object({{"error", std::string{to_string(outcome)}}}));
}

ServerResponse StorageApi::on_instances(const ServerRequest& request, std::string_view hub) {
  if (request.method == "GET")
    return json(200, write_page(store().list(hub, filter_of(Query{request.query()}))));
  if (request.method == "DELETE")
    return deleted(store().purge(hub, filter_of(Query{request.query()})));
  if (request.method != "POST") return not_found();
  const auto start = read_new_instance(request.body);
  if (!start) return json(400, error_object("not an instance"));
  const auto live = store().create(hub, *start, wall_now());
  if (!live) return json(201, "{}");
  return json(409, string_object({{"status", std::string{to_string(*live)}}}));
}

ServerResponse StorageApi::on_instance(const ServerRequest& request, std::string_view hub,
                                       const std::string& id) {
  if (request.method == "DELETE") return deleted(store().purge(hub, id) ? 1 : 0);
  if (request.method != "GET") return not_found();
  const auto instance = store().get(hub, id);
  if (!instance) return not_found();
  const bool with_history = Query{request.query()}.flag("history", false);
  return json(200, write_instance(*instance, with_history ? store().history(hub, id)
                                                          : std::vector<HistoryEvent>{}));
}

ServerResponse StorageApi::control(const ServerRequest& request, std::string_view hub,
                                   const std::string& id, std::string_view action) {
  // The reason is shown as the output of what was terminated: it is kept as JSON, like any output.
  const std::string reason = json_string(Query{request.query()}.get("reason"));
  const WallTime now = wall_now();
  if (action == "terminate") return json(status_of(store().terminate(hub, id, reason, now)), "{}");
  if (action == "suspend") return json(status_of(store().suspend(hub, id, reason, now)), "{}");
  if (action == "resume") return json(status_of(store().resume(hub, id, reason, now)), "{}");
  if (action == "rewind") return json(status_of(store().rewind(hub, id, reason, now)), "{}");
  return not_found();
}

}  // namespace rehearsal
