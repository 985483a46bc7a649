#include "app/inspect.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "app/config_hash.hpp"
#include "app/status_text.hpp"
#include "config/explain.hpp"
#include "desk/hub_desk.hpp"
#include "health/prober.hpp"
#include "transport/spawn.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

struct Probed {
  std::string endpoint;
  std::string url;
  bool enabled = true;
  health::ProbeOutcome outcome;
};

boost::asio::awaitable<void> probe_one(config::Endpoint endpoint, Probed& into) {
  std::vector<config::SocketAddress> none;  // the name is resolved as part of the probe
  auto running = health::run_probe(std::move(endpoint), std::move(none));
  into.outcome = co_await std::move(running);
}

// All endpoints at once, each within its own timeout.
std::vector<Probed> probe_endpoints(const config::Config& config) {
  boost::asio::io_context io{1};
  std::vector<Probed> results(config.endpoints.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    const config::Endpoint& endpoint = config.endpoints[i];
    results[i].endpoint = endpoint.name;
    results[i].url = endpoint.url.origin();
    results[i].enabled = endpoint.enabled;
    if (endpoint.enabled)
      transport::spawn(io.get_executor(), "validate --probe", probe_one(endpoint, results[i]));
  }
  io.run();
  return results;
}

double milliseconds(const health::ProbeOutcome& outcome) {
  return std::chrono::duration<double, std::milli>(outcome.latency).count();
}

Json probe_json(const Probed& probed) {
  if (!probed.enabled)
    return {{"endpoint", probed.endpoint}, {"url", probed.url}, {"result", "disabled"}};
  return {{"endpoint", probed.endpoint},
          {"url", probed.url},
          {"passed", probed.outcome.passed()},
          {"result", std::string{to_string(probed.outcome.result)}},
          {"status", probed.outcome.status},
          {"latencyMs", milliseconds(probed.outcome)},
          {"detail", probed.outcome.detail}};
}

std::string probe_line(const Probed& probed) {
  if (!probed.enabled) return fmt::format("probe {}: disabled, not tried\n", probed.endpoint);
  return fmt::format("probe {} ({}): {} in {}{}\n", probed.endpoint, probed.url,
                     to_string(probed.outcome.result),
                     seconds_text(milliseconds(probed.outcome) / 1000),
                     probed.outcome.detail.empty() ? "" : ": " + probed.outcome.detail);
}

bool any_failed(const std::vector<Probed>& probes) {
  for (const Probed& probed : probes)
    if (probed.enabled && !probed.outcome.passed()) return true;
  return false;
}

constexpr std::chrono::seconds claim_time{30};  // an app that starts may take that long

// What the hubs themselves say about durable.task_hub; nothing when nothing is claimed of two.
std::optional<durable::HubClaim> check_task_hub(const config::Config& config) {
  desk::DeskPicture picture;
  for (const config::Endpoint& endpoint : config.endpoints)
    if (endpoint.enabled) picture.push_back(desk::desk_endpoint(endpoint));
  if (config.durable.task_hub == config::TaskHub::none || picture.size() < 2) return std::nullopt;
  desk::HubClaimJob job;
  job.picture = std::make_shared<const desk::DeskPicture>(std::move(picture));
  job.claimed = config.durable.task_hub;
  job.deadline = std::chrono::steady_clock::now() + claim_time;
  return desk::check_hub_claim_blocking(std::move(job));
}

struct Checks {  // of `validate --probe`
  std::vector<Probed> probes;
  std::optional<durable::HubClaim> task_hub;
  bool failed() const {
    return any_failed(probes) ||
           (task_hub && task_hub->verdict == durable::HubClaim::Verdict::contradiction);
  }
};

std::string source_name(const Command& command) {
  return command.config.empty() ? "the command line" : command.config;
}

// stdout is for the issues: they are what was asked for.
int print_issues_json(const config::ParseResult& parsed, const Checks* checks, int code) {
  Json out{{"ok", code == exit_ok}, {"issues", Json::parse(config::to_json(parsed.issues))}};
  if (checks != nullptr) {
    out["probes"] = Json::array();
    for (const Probed& probed : checks->probes) out["probes"].push_back(probe_json(probed));
    if (const auto& claim = checks->task_hub)
      out["taskHub"] = {{"verdict", to_string(claim->verdict)},
                        {"hubs", to_string(claim->hubs)},
                        {"message", claim->message}};
  }
  print(out.dump(2) + "\n");
  return code;
}

}  // namespace

config::ParseResult load_config(const Command& command) {
  if (command.config.empty())
    return config::quick_config(command.primary, command.secondaries, command.listen);
  return config::parse_file(command.config, process_environment());
}

int run_validate(const Command& command) {
  const config::ParseResult parsed = load_config(command);
  const bool usable = parsed.config && !config::has_errors(parsed.issues);
  if (!usable) {
    if (command.json) return print_issues_json(parsed, nullptr, exit_bad_input);
    print(config::to_text(parsed.issues));
    return exit_bad_input;
  }
  Checks checks;
  if (command.probe) {
    checks.probes = probe_endpoints(*parsed.config);
    checks.task_hub = check_task_hub(*parsed.config);
  }
  const int code = checks.failed() ? exit_check_failed : exit_ok;
  if (command.json) return print_issues_json(parsed, command.probe ? &checks : nullptr, code);
  print(config::to_text(parsed.issues));
  print(fmt::format("{}: fine, {} endpoint{}, {} warning{}\n", source_name(command),
                    parsed.config->endpoints.size(),
                    parsed.config->endpoints.size() == 1 ? "" : "s", parsed.issues.size(),
                    parsed.issues.size() == 1 ? "" : "s"));
  for (const Probed& probed : checks.probes) print(probe_line(probed));
  if (const auto& claim = checks.task_hub)
    print(fmt::format("task_hub: {}: {}\n", to_string(claim->verdict), claim->message));
  return code;
}

int run_explain(const Command& command) {
  const config::ParseResult parsed = load_config(command);
  if (!parsed.config) {
    if (command.json) return print_issues_json(parsed, nullptr, exit_bad_input);
    std::fputs(config::to_text(parsed.issues).c_str(), stderr);
    return exit_bad_input;
  }
  const std::string text = command.json ? config::explain_json(*parsed.config, parsed.source)
                                        : config::explain_text(*parsed.config, parsed.source);
  print(text);
  if (!text.ends_with('\n')) print("\n");
  if (!command.json) std::fputs(config::to_text(parsed.issues).c_str(), stderr);
  return exit_ok;
}

}  // namespace app
