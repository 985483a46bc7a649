#include "rehearsal/check_status_payload.hpp"

#include <nlohmann/json.hpp>

#include "rehearsal/uri.hpp"

namespace rehearsal {

using transport::ServerRequest;
using transport::ServerResponse;

namespace {

using Json = nlohmann::ordered_json;

bool is_isolated(PayloadShape shape) {
  return shape == PayloadShape::isolated || shape == PayloadShape::isolated_created;
}

// The JavaScript SDK puts the id where its binding's placeholder was, as it is.
std::string instance_uri(const ManagementContext& context, std::string_view id) {
  return context.origin + "/runtime/webhooks/durabletask/instances/" +
         (context.shape == PayloadShape::js ? std::string{id} : percent_encode(id));
}

// "?a&b", without the empty ones.
std::string query(std::string_view first, std::string_view second) {
  std::string text;
  for (const std::string_view part : {first, second})
    if (!part.empty()) text += (text.empty() ? "?" : "&") + std::string{part};
  return text;
}

// .NET isolated knows only the key.
std::string parameters(const ManagementContext& context) {
  std::string text;
  if (!is_isolated(context.shape)) text = "taskHub=" + context.hub + "&connection=Storage";
  if (context.key.empty()) return text;
  return text + (text.empty() ? "code=" : "&code=") + percent_encode(context.key);
}

Json payload(const ManagementContext& context, std::string_view id) {
  const std::string instance = instance_uri(context, id);
  const std::string common = parameters(context);
  const bool isolated = is_isolated(context.shape);
  const auto action = [&](const char* name) { return instance + name + query(common, ""); };
  const auto with_reason = [&](const char* name) {
    return instance + name + query(isolated ? "reason={{text}}" : "reason={text}", common);
  };
  if (isolated)
    return {{"Id", id},
            {"StatusQueryGetUri", action("")},
            {"SendEventPostUri", action("/raiseEvent/{eventName}")},
            {"TerminatePostUri", with_reason("/terminate")},
            {"RewindPostUri", nullptr},
            {"PurgeHistoryDeleteUri", action("")},
            {"RestartPostUri", nullptr},
            {"SuspendPostUri", with_reason("/suspend")},
            {"ResumePostUri", with_reason("/resume")}};
  Json json{{"id", id},
            {"statusQueryGetUri", action("")},
            {"sendEventPostUri", action("/raiseEvent/{eventName}")},
            {"terminatePostUri", with_reason("/terminate")}};
  if (context.shape == PayloadShape::js) json["rewindPostUri"] = with_reason("/rewind");
  json["purgeHistoryDeleteUri"] = action("");
  json["restartPostUri"] = action("/restart");
  json["suspendPostUri"] = with_reason("/suspend");
  json["resumePostUri"] = with_reason("/resume");
  return json;
}

}  // namespace

// The app's own name may be refreshed by the platform's header, which is why a proxy must not let a
// client send it.
std::string origin_of(const ServerRequest& request, const AppOptions& options) {
  const auto field = [&request](std::string_view name, const std::string& otherwise) {
    const std::string* value = transport::find_header(request.headers, name);
    return value == nullptr || value->empty() ? otherwise : *value;
  };
  if (!options.own_host.empty()) {
    const std::string host = field("WAS-DEFAULT-HOSTNAME", options.own_host);
    return (host.starts_with("localhost:") ? "http://" : "https://") + host;
  }
  const std::string host = field("Host", "");
  if (!options.forwarded_host) return "http://" + host;
  return field("X-Forwarded-Proto", "http") + "://" + field("X-Forwarded-Host", host);
}

ManagementContext management_context(const ServerRequest& request, const AppOptions& options,
                                     const FunctionKeys& keys) {
  ManagementContext context;
  context.origin = origin_of(request, options);
  context.hub = options.hub;
  context.key = keys.extension_key();
  return context;
}

std::string status_query_uri(const ManagementContext& context, std::string_view id) {
  return instance_uri(context, id) + query(parameters(context), "");
}

std::string check_status_payload(const ManagementContext& context, std::string_view id) {
  return payload(context, id).dump(-1, ' ', false, Json::error_handler_t::replace);
}

ServerResponse check_status_response(const ManagementContext& context, std::string_view id) {
  const bool created = context.shape == PayloadShape::isolated_created;
  ServerResponse response{created ? 201 : 202, "application/json; charset=utf-8",
                          check_status_payload(context, id)};
  response.headers.emplace_back("Location", status_query_uri(context, id));
  if (!is_isolated(context.shape)) response.headers.emplace_back("Retry-After", "10");
  return response;
}

}  // namespace rehearsal
