// Any bytes are a Config or a list of issues: no crash, no hang, no secret in a message. What
// parses is also explained and resolved again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/explain.hpp"
#include "config/parse.hpp"
#include "config/resolve.hpp"

namespace {

constexpr const char* secret = "Zq7-the-secret-Zq7";

void require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  config::Environment environment;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SECRET") return "from-the-environment";  // allowed in any text, so may be shown
    return std::nullopt;
  };
  environment.file = [](const std::string& path) -> std::optional<std::string> {
    if (path.ends_with("key")) return std::string(secret) + "\n";  // reaches secrets only
    if (path.ends_with("pem")) return "-----BEGIN CERTIFICATE-----";
    return std::nullopt;
  };
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool may_repeat = text.find(secret) != std::string::npos;
  const config::ParseResult result = config::parse_text(text, "fuzz.json", environment);
  require(result.config.has_value() != config::has_errors(result.issues));
  std::string printed = config::to_text(result.issues) + config::to_json(result.issues);
  require(may_repeat || printed.find(secret) == std::string::npos);
  if (!result.config) return 0;
  printed = config::explain_text(*result.config, result.source) +
            config::explain_json(*result.config, result.source);
  require(may_repeat || printed.find(secret) == std::string::npos);
  config::Config again = *result.config;
  config::resolve(again);
  require(again == *result.config);
  return 0;
}
