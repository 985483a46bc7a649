#include "rehearsal/host_routes.hpp"

#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "rehearsal/check_status_payload.hpp"
#include "rehearsal/key_api.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

using transport::ServerRequest;
using transport::ServerResponse;

namespace {

using Json = nlohmann::ordered_json;

ServerResponse empty(int status) {
  ServerResponse response;
  response.status = status;
  return response;
}

ServerResponse json(int status, const Json& content) {
  return {status, "application/json; charset=utf-8",
          content.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

bool starts_with(std::string_view path, std::string_view prefix) {
  return same_ignoring_case(path.substr(0, prefix.size()), prefix);
}

std::int64_t milliseconds_up() {
  static const auto start = std::chrono::steady_clock::now();
  const auto up = std::chrono::steady_clock::now() - start;
  return std::chrono::duration_cast<std::chrono::milliseconds>(up).count();
}

ServerResponse status(const AppOptions& options, AppState state) {
  Json content = Json::object();
  content["id"] = options.name;
  content["state"] = state == AppState::running ? "Running" : "Error";
  content["version"] = "4.0.0.0";
  content["versionDetails"] = "4.0.0 stand-in";
  content["platformVersion"] = "";
  content["instanceId"] = options.name + "-" + std::to_string(getpid());
  content["computerName"] = options.name;
  content["processUptime"] = milliseconds_up();
  content["functionAppContentEditingState"] = "NotAllowed";
  content["extensionBundle"] = nullptr;
  if (state != AppState::running) content["errors"] = Json::array({"The host is not in order."});
  return json(200, content);
}

ServerResponse health(AppState state, bool only_alive) {
  const bool good = only_alive || state == AppState::running;
  Json content = Json::object();
  content["status"] = good ? "Healthy" : "Unhealthy";
  return json(good ? 200 : 503, content);
}

}  // namespace

std::optional<ServerResponse> host_route(const ServerRequest& request, const AppOptions& options,
                                         AppState state, FunctionKeys& keys) {
  const std::string_view path = request.path();
  const bool reads = request.method == "GET";
  for (const std::string_view word : {"/runtime/health", "/runtime/health/ready"})
    if (same_ignoring_case(path, word)) return reads ? health(state, false) : empty(404);
  if (same_ignoring_case(path, "/runtime/health/live"))
    return reads ? health(state, true) : empty(404);
  if (!starts_with(path, "/admin/")) return std::nullopt;
  if (same_ignoring_case(path, "/admin/host/ping") && (reads || request.method == "POST"))
    return ServerResponse{200, "text/plain", ""};
  if (!keys.opens_admin(presented_key(request))) return empty(401);
  if (same_ignoring_case(path, "/admin/host/status") && reads) return status(options, state);
  if (auto answer = key_api(request, origin_of(request, options), keys)) return answer;
  return empty(404);
}

}  // namespace rehearsal
