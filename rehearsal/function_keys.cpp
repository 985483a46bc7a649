#include "rehearsal/function_keys.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <random>

#include "rehearsal/app_options.hpp"
#include "rehearsal/uri.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

namespace {

using Json = nlohmann::json;

// The stand-in's own HTTP functions, after the first part of their path under /api.
constexpr std::array<std::string_view, 6> plain_functions{"bytes",  "delay", "echo",
                                                          "health", "sink",  "status"};

bool holds(const KeySet& keys, std::string_view value) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const auto& key) { return key.second == value; });
}

std::optional<KeySet> read_set(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  KeySet keys;
  for (const auto& [name, value] : json.items()) {
    if (name.empty() || !value.is_string() || value.get_ref<const std::string&>().empty())
      return std::nullopt;
    keys[name] = value.get<std::string>();
  }
  return keys;
}

bool read_functions(const Json& json, GivenKeys& keys) {
  if (!json.is_object()) return false;
  for (const auto& [function, set] : json.items()) {
    auto found = read_set(set);
    if (!found) return false;
    keys.functions[function] = std::move(*found);
  }
  return true;
}

template <class Functions>
auto find_function(Functions& functions, std::string_view name) {
  return std::find_if(functions.begin(), functions.end(),
                      [&](const auto& one) { return same_ignoring_case(one.first, name); });
}

}  // namespace

std::optional<GivenKeys> parse_keys(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false, true);
  if (!json.is_object()) return std::nullopt;
  GivenKeys keys;
  for (const auto& [name, value] : json.items()) {
    if (name == "master") {
      if (!value.is_string()) return std::nullopt;
      keys.master = value.get<std::string>();
    } else if (name == "host" || name == "system") {
      auto set = read_set(value);
      if (!set) return std::nullopt;
      (name == "host" ? keys.host : keys.system) = std::move(*set);
    } else if (name != "functions" || !read_functions(value, keys)) {
      return std::nullopt;
    }
  }
  return keys;
}

// 40 random bytes in base64's alphabet for URLs, as long as the real ones.
std::string generate_key() {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::random_device source;
  std::string key;
  while (key.size() < 54) key += alphabet[source() % alphabet.size()];
  return key + "==";
}

std::string presented_key(const transport::ServerRequest& request) {
  const std::string* header = transport::find_header(request.headers, "x-functions-key");
  return header != nullptr ? *header : Query{request.query()}.get("code");
}

std::optional<std::string> function_of(std::string_view path) {
  constexpr std::string_view prefix = "/api/";
  if (!same_ignoring_case(path.substr(0, prefix.size()), prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  const std::string_view name = path.substr(0, path.find('/'));
  if (same_ignoring_case(name, "orchestrators")) return std::string{starter_function};
  for (const std::string_view known : plain_functions)
    if (same_ignoring_case(known, name)) return std::string{known};
  return std::nullopt;
}

FunctionKeys::FunctionKeys(const AppOptions& options)
    : keys_{options.keys},
      asks_{!options.key.empty() || !options.master_key.empty() || options.auth_function ||
            options.keys != GivenKeys{}},
      functions_ask_{options.auth_function} {
  if (!options.key.empty())
    keys_.system.insert_or_assign(std::string{durable_key_name}, options.key);
  if (!options.master_key.empty()) keys_.master = options.master_key;
  const auto complete = [](KeySet& keys, std::string_view name) {
    if (keys.find(name) == keys.end()) keys.emplace(name, generate_key());
  };
  if (keys_.master.empty()) keys_.master = generate_key();
  complete(keys_.system, durable_key_name);
  complete(keys_.host, default_key_name);
  std::vector<std::string> known{options.functions};
  known.emplace_back(starter_function);
  known.insert(known.end(), plain_functions.begin(), plain_functions.end());
  for (const std::string& name : known)
    if (find_function(keys_.functions, name) == keys_.functions.end()) keys_.functions[name];
  for (auto& [name, keys] : keys_.functions) complete(keys, default_key_name);
}

bool FunctionKeys::opens_admin(std::string_view presented) const {
  return !asks_ || presented == keys_.master;
}

bool FunctionKeys::opens_extension(std::string_view presented) const {
  if (opens_admin(presented)) return true;
  const auto key = keys_.system.find(durable_key_name);
  return key != keys_.system.end() && presented == key->second;
}

bool FunctionKeys::opens_function(std::string_view function, std::string_view presented) const {
  if (!functions_ask_ || opens_admin(presented) || holds(keys_.host, presented)) return true;
  const auto own = find_function(keys_.functions, function);
  return own != keys_.functions.end() && holds(own->second, presented);
}

std::string FunctionKeys::extension_key() const {
  const auto key = keys_.system.find(durable_key_name);
  return !asks_ || key == keys_.system.end() ? std::string{} : key->second;
}

KeySet* FunctionKeys::function(std::string_view name) {
  const auto found = find_function(keys_.functions, name);
  return found == keys_.functions.end() ? nullptr : &found->second;
}

}  // namespace rehearsal
