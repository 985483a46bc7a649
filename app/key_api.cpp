#include "app/key_api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "transport/endpoint_client.hpp"

namespace app {
namespace {

using Json = nlohmann::json;

constexpr std::size_t largest_answer = 4 * 1024 * 1024;  // bytes; a list of functions may be long
constexpr std::string_view function_list = "/admin/functions";

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

const std::string* text_member(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_string() ? found->get_ptr<const std::string*>() : nullptr;
}

// False only where the answer lists the function's bindings and none of them is an HTTP trigger.
bool may_be_called(const Json& function) {
  const Json* settings = member(function, "config");
  const Json* bindings = settings == nullptr ? nullptr : member(*settings, "bindings");
  if (bindings == nullptr || !bindings->is_array() || bindings->empty()) return true;
  return std::any_of(bindings->begin(), bindings->end(), [](const Json& binding) {
    const std::string* type = text_member(binding, "type");
    return type != nullptr && (*type == "httpTrigger" || *type == "HttpTrigger");
  });
}

template <class T>
std::optional<T> not_json(std::string& reason, std::string_view what) {
  reason = what;
  return std::nullopt;
}

}  // namespace

std::optional<std::vector<durable::NamedKey>> parse_key_list(std::string_view body,
                                                             std::string& reason) {
  using Keys = std::vector<durable::NamedKey>;
  const Json answer = Json::parse(body, nullptr, false);
  const Json* list = member(answer, "keys");
  if (answer.is_discarded()) return not_json<Keys>(reason, "no JSON");
  if (list == nullptr || !list->is_array()) return not_json<Keys>(reason, "no list of keys");
  Keys keys;
  std::set<std::string_view> seen;
  for (const Json& entry : *list) {
    const std::string* name = text_member(entry, "name");
    const std::string* value = text_member(entry, "value");
    if (name == nullptr || !durable::is_usable_name(*name))
      return not_json<Keys>(reason, "a key whose name cannot be used");
    if (!seen.insert(*name).second) return not_json<Keys>(reason, "one key name twice");
    if (durable::is_master_key(*name)) continue;
    if (value == nullptr || value->empty()) return not_json<Keys>(reason, "a key without a value");
    keys.push_back({*name, config::Secret{*value}});
  }
  return keys;
}

std::optional<std::vector<std::string>> parse_function_list(std::string_view body,
                                                            std::string& reason) {
  using Names = std::vector<std::string>;
  const Json answer = Json::parse(body, nullptr, false);
  if (answer.is_discarded()) return not_json<Names>(reason, "no JSON");
  if (!answer.is_array()) return not_json<Names>(reason, "no list of functions");
  Names names;
  for (const Json& entry : answer) {
    const std::string* name = text_member(entry, "name");
    if (name == nullptr || !durable::is_usable_name(*name))
      return not_json<Names>(reason, "a function whose name cannot be used");
    if (may_be_called(entry)) names.push_back(*name);
  }
  return names;
}

std::string KeyApi::label() const {
  return fmt::format("{} ({})", endpoint_.name, endpoint_.url.origin());
}

transport::Result<transport::FetchResponse> KeyApi::call(std::string method,
                                                         const std::string& path,
                                                         std::string body) const {
  transport::FetchRequest request;
  request.connect_host = endpoint_.url.host;
  request.connect_port = endpoint_.url.port;
  request.tls = endpoint_.url.tls;
  request.tls_settings = transport::client_tls(endpoint_);
  request.host = transport::host_field(endpoint_);
  request.method = std::move(method);
  request.target = endpoint_.url.base_path + path;
  request.headers.emplace_back("User-Agent", "understudy-keys");
  request.headers.emplace_back("Accept", "application/json");
  if (endpoint_.secret_header)
    request.headers.emplace_back(endpoint_.secret_header->name, endpoint_.secret_header->value);
  // The header, never the query: a query string ends up in the logs of what lies between.
  if (!endpoint_.keys.admin.empty())
    request.headers.emplace_back("x-functions-key", endpoint_.keys.admin.reveal());
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  request.body_limit = largest_answer;
  request.deadline = std::chrono::steady_clock::now() + limit_;
  return transport::fetch_blocking(std::move(request));
}

KeyProblem KeyApi::unreachable(const transport::Failure& failure) const {
  return {fmt::format("{} gave no answer: {}", label(), to_string(failure)), true};
}

KeyProblem KeyApi::refused(int status, std::string_view method, const std::string& path) const {
  if (status == 401 || status == 403) {
    const std::string_view given =
        endpoint_.keys.admin.empty() ? "no keys.admin is configured" : "it was sent keys.admin";
    return {fmt::format(
                "{} refuses access to its key API ({}; {}). keys.admin must be the app's master "
                "key (\"_master\"). If it is: FUNCTIONS_ADMIN_ISOLATION_ENABLED=1 in the app's "
                "settings closes this API to callers from outside, and so does an access "
                "restriction",
                label(), status, given),
            true};
  }
  if (status / 100 == 3)
    return {fmt::format("{} answers {} {} with a redirect ({}), and a key is never sent after one: "
                        "write the app's own URL in the config",
                        label(), method, path, status),
            true};
  if (status == 404)
    return {fmt::format("{} answers 404 to {} {}: it has no such key API or function", label(),
                        method, path),
            false};
  return {fmt::format("{} answers {} to {} {}", label(), status, method, path), false};
}

KeyProblem KeyApi::unreadable(const std::string& path, const std::string& reason) const {
  return {fmt::format("{} answers GET {} with something that the key API does not say: {}", label(),
                      path, reason),
          false};
}

std::optional<durable::KeyList> KeyApi::read(const durable::KeyGroup& group,
                                             KeyProblem& problem) const {
  const std::string path = durable::key_path(group);
  const auto answer = call("GET", path, "");
  durable::KeyList list;
  list.group = group;
  if (!answer) {
    problem = unreachable(answer.error());
    return std::nullopt;
  }
  if (answer->status == 404 && group.scope == durable::KeyScope::function) {
    list.exists = false;
    return list;
  }
  if (answer->status != 200) {
    problem = refused(answer->status, "GET", path);
    return std::nullopt;
  }
  std::string reason;
  auto keys = parse_key_list(answer->body, reason);
  if (!keys) {
    problem = unreadable(path, reason);
    return std::nullopt;
  }
  list.keys = *std::move(keys);
  return list;
}

std::optional<std::vector<std::string>> KeyApi::functions(KeyProblem& problem) const {
  const std::string path{function_list};
  const auto answer = call("GET", path, "");
  if (!answer) {
    problem = unreachable(answer.error());
    return std::nullopt;
  }
  if (answer->status != 200) {
    problem = refused(answer->status, "GET", path);
    return std::nullopt;
  }
  std::string reason;
  auto names = parse_function_list(answer->body, reason);
  if (!names) problem = unreadable(path, reason);
  return names;
}

std::optional<KeyProblem> KeyApi::write(const durable::KeyChange& change) const {
  const std::string path = durable::key_path(change.group, change.name);
  if (durable::is_master_key(change.name) || !durable::is_usable_name(change.name))
    return KeyProblem{"this key is never written", false};
  const Json body{{"name", change.name}, {"value", change.value.reveal()}};
  const auto answer = call("PUT", path, body.dump());
  if (!answer) return unreachable(answer.error());
  if (answer->status == 200 || answer->status == 201) return std::nullopt;
  return refused(answer->status, "PUT", path);
}

}  // namespace app
