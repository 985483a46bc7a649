#include "rehearsal/app_control.hpp"

#include <array>
#include <utility>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

using transport::ServerResponse;

namespace {

constexpr std::array<std::pair<AppState, std::string_view>, 5> state_words{{
    {AppState::running, "running"},
    {AppState::stopped, "stopped"},
    {AppState::offline, "offline"},
    {AppState::app_offline, "app_offline"},
    {AppState::error, "error"},
}};

constexpr const char* offline_page =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>App Offline</title></head>\n"
    "<body><h1>This app is offline while it is being updated.</h1></body></html>\n";

// What the web host answers although no function runs.
bool is_of_web_host(std::string_view path) {
  for (const std::string_view prefix : {"/admin/host", "/runtime/health"})
    if (same_ignoring_case(path.substr(0, prefix.size()), prefix)) return true;
  return false;
}

ServerResponse no_such_command() {
  return {404, "application/json", error_object("no such control command")};
}

ServerResponse bad_command(std::string_view why) {
  return {400, "application/json", error_object(why)};
}

}  // namespace

std::optional<AppState> parse_app_state(std::string_view text) {
  for (const auto& [state, word] : state_words)
    if (same_ignoring_case(word, text)) return state;
  return std::nullopt;
}

std::string_view to_string(AppState state) {
  for (const auto& [value, word] : state_words)
    if (value == state) return word;
  return "unknown";
}

ServerResponse stopped_answer() {
  return {403, "text/html",
          "<!DOCTYPE html>\n"
          "<html lang=\"en\">\n"
          "<head><meta charset=\"utf-8\"><title>Web App - Unavailable</title></head>\n"
          "<body>\n"
          "<h1>Error 403 - This web app is stopped.</h1>\n"
          "<p>Its owner has stopped it, or it has used up its quota. Start it to reach it.</p>\n"
          "</body>\n"
          "</html>\n"};
}

ServerResponse host_not_running_answer() {
  return {503, "text/plain; charset=utf-8", "Function host is not running."};
}

bool is_from_operator(const transport::ServerRequest& request) {
  for (const std::string_view name : {"Forwarded", "Via", "X-Forwarded-For"})
    if (transport::find_header(request.headers, name) != nullptr) return false;
  return request.peer_is_loopback;
}

std::optional<ServerResponse> AppControl::intercept(std::string_view path) {
  if (fault_ && path.starts_with(fault_->path_prefix)) {
    ServerResponse response{fault_->status, "text/plain; charset=utf-8", fault_->body};
    response.reset_connection = fault_->reset;
    if (fault_->left && --*fault_->left == 0) fault_.reset();
    return response;
  }
  if (state_ == AppState::stopped) return stopped_answer();
  if (state_ == AppState::app_offline) return ServerResponse{503, "text/html", offline_page};
  if (state_ == AppState::offline || (state_ == AppState::error && !is_of_web_host(path)))
    return host_not_running_answer();
  return std::nullopt;
}

ServerResponse AppControl::command(std::string_view method, std::string_view path,
                                   std::string_view query) {
  constexpr std::string_view state_prefix = "/_control/state/";
  if (method == "GET" && path == "/_control/state") return {200, "application/json", describe()};
  if (method != "POST") return no_such_command();
  if (path.starts_with(state_prefix)) return set_state(path.substr(state_prefix.size()));
  if (path == "/_control/fail") return set_fault(query, false);
  if (path == "/_control/reset") return set_fault(query, true);
  if (path == "/_control/slow") {
    const auto milliseconds = Query{query}.number("ms", 0, 3'600'000);
    if (!milliseconds) return bad_command("slow needs ms=0..3600000");
    slowness_ = std::chrono::milliseconds{*milliseconds};
    return {200, "application/json", describe()};
  }
  if (path == "/_control/heal") {
    fault_.reset();
    slowness_ = std::chrono::milliseconds{0};
    return {200, "application/json", describe()};
  }
  return no_such_command();
}

ServerResponse AppControl::set_state(std::string_view word) {
  const auto state = parse_app_state(word);
  if (!state) return bad_command("the states are running, stopped, offline, app_offline and error");
  state_ = *state;
  return {200, "application/json", describe()};
}

ServerResponse AppControl::set_fault(std::string_view query_text, bool reset) {
  const Query query{query_text};
  const auto status = query.number("status", 100, 599);
  const auto times = query.number("times", 1, 1'000'000'000);
  if (query.find("status") && !status) return bad_command("status must be 100 to 599");
  if (query.find("times") && !times) return bad_command("times must be 1 or more");
  Fault fault;
  fault.reset = reset;
  fault.status = static_cast<int>(status.value_or(503));
  fault.left = times;
  fault.path_prefix = query.get("path");
  fault.body = query.get("body", "told to fail\n");
  fault_ = std::move(fault);
  return {200, "application/json", describe()};
}

std::string AppControl::describe() const {
  std::string fault = "none";
  if (fault_) fault = fault_->reset ? "reset" : "fail " + std::to_string(fault_->status);
  return string_object({{"state", std::string{to_string(state_)}},
                        {"fault", fault},
                        {"slowMilliseconds", std::to_string(slowness_.count())}});
}

}  // namespace rehearsal
