#include "rehearsal/storage_api.hpp"

#include <exception>

#include "rehearsal/hub_json.hpp"
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

ListFilter filter_of(const Query& query) {
  constexpr long long most = 1'000'000'000'000'000'000;
  const auto time = [&](std::string_view name) -> std::optional<WallTime> {
    const auto number = query.number(name, 0, most);
    if (!number) return std::nullopt;
    return WallTime{std::chrono::milliseconds{*number}};
  };
  ListFilter filter;
  filter.id_prefix = query.get("prefix");
  filter.created_from = time("from");
  filter.created_to = time("to");
  filter.top = static_cast<std::size_t>(query.number("top", 1, 10'000).value_or(100));
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
  co_return answer(request);
}

ServerResponse StorageApi::answer(const ServerRequest& request) {
  std::string_view path = request.path();
  if (path == "/healthz") return json(200, "{\"state\":\"ok\"}");
  const auto area = take_segment(path);
  const auto hub = take_segment(path);
  if (area != "hubs" || !hub) return not_found();
  const std::string name = percent_decode(*hub);
  try {
    return on_hub(request, name, path);
  } catch (const std::exception& error) {  // the database: full, gone, read-only
    return json(500, error_object(error.what()));
  }
}

ServerResponse StorageApi::on_hub(const ServerRequest& request, std::string_view hub,
                                  std::string_view rest) {
  const auto area = take_segment(rest);
  const auto id = take_segment(rest);
  if (area == "instances" && !id) return on_instances(request, hub);
  if (area == "activities" && !id) return json(200, write_counts(store_.activity_counts(hub)));
  if (area == "work" && !id && request.method == "POST") {
    const auto report = read_report(request.body);
    if (!report) return json(400, error_object("not a work report"));
    return json(200, write_answer(store_.exchange(hub, *report, wall_now())));
  }
  if (area != "instances") return not_found();
  const std::string instance = percent_decode(*id);
  const auto action = take_segment(rest);
  if (!action) return on_instance(request, hub, instance);
  if (request.method != "POST") return not_found();
  const auto event = take_segment(rest);
  if (action == "events" && event) {
    const auto outcome =
        store_.raise_event(hub, instance, percent_decode(*event), request.body, wall_now());
    return json(status_of(outcome), "{}");
  }
  return control(request, hub, instance, *action);
}

ServerResponse StorageApi::on_instances(const ServerRequest& request, std::string_view hub) {
  if (request.method == "GET")
    return json(200, write_page(store_.list(hub, filter_of(Query{request.query()}))));
  if (request.method == "DELETE")
    return deleted(store_.purge(hub, filter_of(Query{request.query()})));
  if (request.method != "POST") return not_found();
  const auto start = read_new_instance(request.body);
  if (!start) return json(400, error_object("not an instance"));
  const auto live = store_.create(hub, *start, wall_now());
  if (!live) return json(201, "{}");
  return json(409, string_object({{"status", std::string{to_string(*live)}}}));
}

ServerResponse StorageApi::on_instance(const ServerRequest& request, std::string_view hub,
                                       const std::string& id) {
  if (request.method == "DELETE") return deleted(store_.purge(hub, id) ? 1 : 0);
  if (request.method != "GET") return not_found();
  const auto instance = store_.get(hub, id);
  if (!instance) return not_found();
  return json(200, write_instance(*instance, store_.history(hub, id)));
}

ServerResponse StorageApi::control(const ServerRequest& request, std::string_view hub,
                                   const std::string& id, std::string_view action) {
  // The reason is shown as the output of what was terminated: it is kept as JSON, like any output.
  const std::string reason = json_string(Query{request.query()}.get("reason"));
  const WallTime now = wall_now();
  if (action == "terminate") return json(status_of(store_.terminate(hub, id, reason, now)), "{}");
  if (action == "suspend") return json(status_of(store_.suspend(hub, id, reason, now)), "{}");
  if (action == "resume") return json(status_of(store_.resume(hub, id, reason, now)), "{}");
  if (action == "rewind") return json(status_of(store_.rewind(hub, id, reason, now)), "{}");
  return not_found();
}

}  // namespace rehearsal
