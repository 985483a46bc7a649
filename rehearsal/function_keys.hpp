// The keys of a stand-in app: which ones open what, and where the key API finds them. A change
// takes effect with the next request. Owned by FunctionApp, one thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace transport {
struct ServerRequest;
}

namespace rehearsal {

struct AppOptions;

inline constexpr std::string_view master_key_name = "_master";
inline constexpr std::string_view durable_key_name = "durabletask_extension";
inline constexpr std::string_view default_key_name = "default";
inline constexpr std::string_view starter_function = "HttpStart";

using KeySet = std::map<std::string, std::string, std::less<>>;  // value by name

// Keys by command line and file; what is absent is generated.
struct GivenKeys {
  std::string master;
  KeySet host, system;
  std::map<std::string, KeySet, std::less<>> functions;
  bool operator==(const GivenKeys&) const = default;
};

// {"master": "...", "host": {NAME: VALUE}, "system": {...}, "functions": {FUNCTION: {NAME:
// VALUE}}}, all of them optional. Nullopt for anything else.
std::optional<GivenKeys> parse_keys(std::string_view json);

std::string generate_key();

// The key that a request presents, "" when none: the header beats the query, even when it is wrong.
std::string presented_key(const transport::ServerRequest&);

// The function behind a path under /api; nullopt: there is none.
std::optional<std::string> function_of(std::string_view path);

class FunctionKeys {
 public:
  explicit FunctionKeys(const AppOptions&);

  // What a presented key opens: everything, when the app was given no key option.
  bool opens_admin(std::string_view presented) const;
  bool opens_extension(std::string_view presented) const;
  bool opens_function(std::string_view function, std::string_view presented) const;

  std::string extension_key() const;  // for management URLs; "" when the extension asks for none

  KeySet& host() { return keys_.host; }
  KeySet& system() { return keys_.system; }
  std::string& master() { return keys_.master; }
  KeySet* function(std::string_view name);  // null: there is no such function

 private:
  GivenKeys keys_;
  bool asks_ = false;           // any key option was given
  bool functions_ask_ = false;  // --auth function
};

}  // namespace rehearsal
