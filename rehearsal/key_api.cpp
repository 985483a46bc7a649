#include "rehearsal/key_api.hpp"

#include <nlohmann/json.hpp>

#include "rehearsal/uri.hpp"

namespace rehearsal {

using transport::ServerRequest;
using transport::ServerResponse;

namespace {

using Json = nlohmann::ordered_json;

enum class Scope { host, system, function };

struct KeyPath {
  Scope scope = Scope::host;
  std::string function;
  std::optional<std::string> name;  // nullopt: all keys of the scope
};

// The rest of the path behind a prefix, without its slash; nullopt: another path.
std::optional<std::string_view> behind(std::string_view path, std::string_view prefix) {
  if (!same_ignoring_case(path.substr(0, prefix.size()), prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  if (!path.empty()) path.remove_prefix(1);
  return path;
}

std::optional<KeyPath> with_name(KeyPath path, std::string_view rest) {
  if (rest.find('/') != std::string_view::npos) return std::nullopt;
  if (!rest.empty()) path.name = percent_decode(rest);
  return path;
}

std::optional<KeyPath> parse_key_path(std::string_view path) {
  KeyPath out;
  for (const std::string_view word : {"keys", "functionkeys", "systemkeys"}) {
    const auto rest = behind(path, "/admin/host/" + std::string{word});
    if (!rest) continue;
    out.scope = word == "systemkeys" ? Scope::system : Scope::host;
    return with_name(out, *rest);
  }
  const auto function = behind(path, "/admin/functions");
  if (!function || function->empty()) return std::nullopt;
  const std::string_view name = function->substr(0, function->find('/'));
  const auto rest = behind(function->substr(name.size()), "/keys");
  if (!rest) return std::nullopt;
  out.scope = Scope::function;
  out.function = percent_decode(name);
  return with_name(out, *rest);
}

Json key_json(std::string_view name, std::string_view value) {
  return {{"name", name}, {"value", value}};
}

ServerResponse model(int status, Json content, const std::string& self) {
  Json link = Json::object();
  link["rel"] = "self";
  link["href"] = self;
  content["links"] = Json::array();
  content["links"].push_back(std::move(link));
  return {status, "application/json; charset=utf-8",
          content.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

ServerResponse empty(int status) {
  ServerResponse response;
  response.status = status;
  return response;
}

ServerResponse refuse(const char* why) {
  return {400, "text/plain; charset=utf-8", why};
}

// The value that a PUT gives; nullopt: none that can be used.
std::optional<std::string> given_value(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto value = json.find("value");
  if (value == json.end() || !value->is_string()) return std::nullopt;
  if (value->get_ref<const std::string&>().empty()) return std::nullopt;
  return value->get<std::string>();
}

ServerResponse list(const KeySet& keys, const std::string& self) {
  Json all = Json::array();
  for (const auto& [name, value] : keys) all.push_back(key_json(name, value));
  Json content = Json::object();
  content["keys"] = std::move(all);
  return model(200, std::move(content), self);
}

ServerResponse read(const KeySet& keys, const std::string& name, const std::string& self) {
  const auto found = keys.find(name);
  return found == keys.end() ? empty(404) : model(200, key_json(name, found->second), self);
}

ServerResponse write(KeySet& keys, const std::string& name, const std::string& value,
                     const std::string& self) {
  const bool created = keys.insert_or_assign(name, value).second;
  ServerResponse response = model(created ? 201 : 200, key_json(name, value), self);
  if (created) response.headers.emplace_back("Location", self);
  return response;
}

ServerResponse change_master(std::string& master, const std::string& method,
                             const std::string& value, const std::string& self) {
  master = value;
  return model(method == "POST" ? 201 : 200, key_json(master_key_name, value), self);
}

}  // namespace

std::optional<ServerResponse> key_api(const ServerRequest& request, std::string_view origin,
                                      FunctionKeys& all) {
  const auto path = parse_key_path(request.path());
  if (!path) return std::nullopt;
  const std::string self = std::string{origin} + std::string{request.path()};
  KeySet* keys = path->scope == Scope::function ? all.function(path->function)
                 : path->scope == Scope::system ? &all.system()
                                                : &all.host();
  if (!path->name) {
    if (request.method != "GET" || keys == nullptr) return empty(404);
    return list(*keys, self);
  }
  const std::string& name = *path->name;
  const bool is_master =
      path->scope != Scope::function && same_ignoring_case(name, master_key_name);
  if (request.method == "DELETE") {
    if (name.starts_with('_')) return refuse("Invalid key name.");
    return empty(keys != nullptr && keys->erase(name) == 1 ? 204 : 404);
  }
  if (request.method == "GET") {
    if (is_master && path->scope == Scope::system)
      return model(200, key_json(master_key_name, all.master()), self);
    return keys == nullptr ? empty(404) : read(*keys, name, self);
  }
  if (request.method != "PUT" && request.method != "POST") return empty(404);
  std::optional<std::string> value = generate_key();
  if (request.method == "PUT") value = given_value(request.body);
  if (!value) return refuse("Invalid key value");
  if (is_master) return change_master(all.master(), request.method, *value, self);
  return keys == nullptr ? empty(404) : write(*keys, name, *value, self);
}

}  // namespace rehearsal
