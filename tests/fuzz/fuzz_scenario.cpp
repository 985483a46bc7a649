// Any bytes are a Scenario or a list of issues: no crash, no hang, no secret in a message. What
// parses makes a configuration of the proxy and can be described and shortened.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "rehearsal/scenario/adopt.hpp"
#include "rehearsal/scenario/parse.hpp"

namespace {

void require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  config::Environment environment;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name == "WORD") return "from-the-environment";
    return std::nullopt;
  };
  environment.file = [](const std::string& path) -> std::optional<std::string> {
    if (path.ends_with("pem")) return "-----BEGIN CERTIFICATE-----";
    return std::nullopt;
  };
  const std::string text(reinterpret_cast<const char*>(data), size);
  const scenario::ParseResult result = scenario::parse_text(text, "fuzz.json", environment);
  require(result.scenario.has_value() != config::has_errors(result.issues));
  require(!config::to_text(result.issues).empty() || result.issues.empty());
  if (!result.scenario) return 0;
  const auto proxy =
      config::parse_text(scenario::proxy_config(*result.scenario, {}), "", environment);
  require(proxy.config.has_value());
  for (const scenario::Step& step : result.scenario->steps)
    require(!scenario::describe(step).empty());
  for (const scenario::Endpoint& endpoint : result.scenario->topology.endpoints) {
    require(!scenario::describe(endpoint).empty());
    (void)scenario::needs_link(*result.scenario, endpoint);
  }
  scenario::Scenario scaled = *result.scenario;
  std::vector<config::Issue> issues;
  (void)scenario::apply_time_scale(scaled, 10, issues);
  return 0;
}
