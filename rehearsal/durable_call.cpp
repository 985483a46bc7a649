#include "rehearsal/durable_call.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "rehearsal/hub_json.hpp"

namespace rehearsal {

using transport::ServerRequest;
using transport::ServerResponse;

namespace {

constexpr std::string_view token_field = "x-ms-continuation-token";

}  // namespace

DurableApi::Call::Call(ServerRequest request_in, DurableRoute route_in, const AppOptions& options,
                       const FunctionKeys& keys)
    : request{std::move(request_in)},
      route{std::move(route_in)},
      query{request.query()},
      management{management_context(request, options, keys)} {
  const std::string hub = query.get("taskHub");
  management.hub = hub.empty() ? options.hub : hub;
}

ServerResponse json_answer(int status, std::string text) {
  return ServerResponse{status, "application/json; charset=utf-8", std::move(text)};
}

ServerResponse empty_answer(int status) {
  ServerResponse response;
  response.status = status;
  return response;
}

ServerResponse bad_request(std::string_view why) {
  return json_answer(400, error_object(why));
}

ServerResponse went_wrong(std::string_view exception_message) {
  return json_answer(500, exception_object("Something went wrong while processing your request.",
                                           exception_message));
}

ServerResponse storage_trouble(const StorageAnswer& answer) {
  if (!answer) return went_wrong("The task hub's storage is away: " + to_string(answer.error()));
  return went_wrong("The task hub's storage answered " + std::to_string(answer->status) + ": " +
                    answer->body);
}

bool is_answer(const StorageAnswer& answer, std::initializer_list<int> expected) {
  return answer && std::find(expected.begin(), expected.end(), answer->status) != expected.end();
}

std::string instance_path(const std::string& id) {
  return "/instances/" + percent_encode(id);
}

std::optional<std::string> continuation(const ServerRequest& request) {
  const std::string* token = transport::find_header(request.headers, token_field);
  if (token == nullptr || token->empty()) return std::string{};
  if (!parse_whole_number(*token, 0, 1'000'000'000'000'000'000)) return std::nullopt;
  return "&after=" + *token;
}

void set_continuation(ServerResponse& response, std::int64_t next) {
  response.headers.emplace_back(std::string{token_field},
                                next == 0 ? std::string{} : std::to_string(next));
}

std::optional<std::string> time_range(const Query& query, std::string_view from,
                                      std::string_view to) {
  std::string out;
  for (const auto& [theirs, ours] : {std::pair{from, "&from="}, std::pair{to, "&to="}}) {
    const std::string text = query.get(theirs);
    if (text.empty()) continue;
    const auto time = parse_time(text);
    if (!time) return std::nullopt;
    out += ours + std::to_string(time->time_since_epoch().count());
  }
  return out;
}

bool is_json_request(const ServerRequest& request) {
  const std::string* type = transport::find_header(request.headers, "Content-Type");
  if (type == nullptr) return false;
  std::string_view media{*type};
  media = media.substr(0, media.find(';'));
  while (!media.empty() && (media.back() == ' ' || media.back() == '\t')) media.remove_suffix(1);
  return same_ignoring_case(media, "application/json");
}

}  // namespace rehearsal
