#include "desk/ask.hpp"

#include <nlohmann/json.hpp>

#include "durable/query.hpp"
#include "transport/endpoint_client.hpp"

namespace desk {
namespace {

constexpr std::string_view durable_base = "/runtime/webhooks/durabletask/";

void append_parameter(std::string& query, std::string_view name, std::string_view value) {
  if (!query.empty()) query += '&';
  query += name;
  query += '=';
  query += value;
}

std::string_view phrase(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 502:
      return "Bad Gateway";
    default:
      return "Service Unavailable";
  }
}

}  // namespace

DeskEndpoint desk_endpoint(const config::Endpoint& endpoint) {
  DeskEndpoint out;
  out.name = endpoint.name;
  out.connect_host = endpoint.url.host;
  out.connect_port = endpoint.url.port;
  out.tls = endpoint.url.tls;
  out.tls_settings = transport::client_tls(endpoint);
  out.host = transport::host_field(endpoint);
  out.base_path = endpoint.url.base_path;
  out.durable_key = endpoint.keys.durable;
  out.task_hub_name = endpoint.task_hub_name;
  out.connection = endpoint.connection;
  out.secret_header = endpoint.secret_header;
  return out;
}

bool uses_own_key(const DeskEndpoint& endpoint, const ClientCredential& credential) {
  return credential.may_use_keys && !endpoint.durable_key.empty();
}

Question own_question(std::string path, std::string query, TimePoint deadline) {
  Question question;
  question.path = std::move(path);
  question.query = std::move(query);
  question.credential.may_use_keys = true;
  question.deadline = deadline;
  return question;
}

transport::FetchRequest request_for(const DeskEndpoint& endpoint, const Question& question) {
  transport::FetchRequest request;
  request.addresses = endpoint.addresses;
  request.connect_host = endpoint.connect_host;
  request.connect_port = endpoint.connect_port;
  request.tls = endpoint.tls;
  request.tls_settings = endpoint.tls_settings;
  request.host = endpoint.host;
  request.method = question.method;
  request.headers = question.headers;
  request.body = question.body;
  request.body_limit = question.body_limit;
  request.cut_body = question.cut_body;
  request.deadline = question.deadline;

  std::string query = question.query;
  if (question.names_task_hub && !endpoint.task_hub_name.empty())
    append_parameter(query, "taskHub", durable::percent_encode(endpoint.task_hub_name));
  if (question.names_connection && !endpoint.connection.empty())
    append_parameter(query, "connection", durable::percent_encode(endpoint.connection));
  if (uses_own_key(endpoint, question.credential)) {
    request.headers.emplace_back("x-functions-key", endpoint.durable_key.reveal());
  } else {
    if (!question.credential.code.empty())
      append_parameter(query, "code", question.credential.code);
    if (!question.credential.header_key.empty())
      request.headers.emplace_back("x-functions-key", question.credential.header_key);
  }
  if (endpoint.secret_header)
    request.headers.emplace_back(endpoint.secret_header->name, endpoint.secret_header->value);
  request.target = endpoint.base_path;
  request.target += durable_base;
  request.target += question.path;
  if (!query.empty()) request.target += '?' + query;
  return request;
}

std::string trouble_text(const Reply& reply) {
  if (!reply) return to_string(reply.error());
  return "HTTP " + std::to_string(reply->status);
}

Answer problem(Answer::Outcome outcome, int status, std::string_view kind, std::string detail,
               std::vector<std::string> missing) {
  Answer answer;
  answer.outcome = outcome;
  answer.status = status;
  nlohmann::ordered_json json{
      {"title", phrase(status)}, {"status", status}, {"kind", kind}, {"detail", std::move(detail)}};
  if (!missing.empty()) json["missing"] = missing;
  answer.missing = std::move(missing);
  answer.headers.emplace_back("Content-Type", "application/problem+json");
  if (status == 503) answer.headers.emplace_back("Retry-After", "5");
  answer.body = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return answer;
}

Answer missing_regions(std::vector<std::string> missing) {
  std::string detail = "this needs every region, and there was no answer from: ";
  detail += join_names(missing) + ". Ask again later, or with ?partial=allow for the others alone";
  return problem(Answer::Outcome::missing, 503, "region_missing", std::move(detail),
                 std::move(missing));
}

std::string join_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

std::vector<std::string> names_of_away(const DeskPicture& picture) {
  std::vector<std::string> names;
  for (const DeskEndpoint& each : picture)
    if (each.away) names.push_back(each.name);
  return names;
}

}  // namespace desk
