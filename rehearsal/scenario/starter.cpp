#include <algorithm>

#include "config/explain.hpp"
#include "config/tree.hpp"
#include "config/units.hpp"
#include "config/words.hpp"
#include "rehearsal/scenario/parse.hpp"

namespace scenario {
namespace {

using config::duration_text;
using config::quoted;

// Whole seconds look like a promise; computed milliseconds do not.
std::string seconds(Millis time) {
  const auto whole = std::chrono::ceil<std::chrono::seconds>(time);
  return quoted(duration_text(whole));
}

std::string endpoint_lines(const config::Config& config) {
  std::string text;
  for (const config::Endpoint& endpoint : config.endpoints) {
    text += text.empty() ? "" : ",\n";
    text += "      {\"name\": " + quoted(endpoint.name) +
            ", \"region\": " + quoted(endpoint.region) +
            ", \"priority\": " + std::to_string(endpoint.priority) + ", \"stand_in\": {" +
            (endpoint.peer == config::Peer::gateway ? "\"gateway\": true" : "") + "}}";
  }
  return text;
}

// What the stand-ins' proxy has of the file: the numbers that the objectives follow from.
std::string proxy_lines(const config::Config& config) {
  const config::ProbePolicy& probe = config.endpoints.front().probe;
  const bool fixed = probe.preset == config::Preset::traffic_manager;
  std::string text = "    \"probe\": {\"preset\": " + quoted(config::to_string(probe.preset)) +
                     ", \"interval\": " + quoted(duration_text(probe.interval)) +
                     ", \"timeout\": " + quoted(duration_text(probe.timeout)) +
                     ",\n      \"tolerated_failures\": " + std::to_string(probe.tolerated_failures);
  if (!fixed)
    text += ", \"required_passes\": " + std::to_string(probe.required_passes) +
            ", \"doubt_interval\": " + quoted(duration_text(probe.doubt_interval));
  text += "},\n    \"failback\": {\"healthy_for\": " +
          quoted(duration_text(config.failback.effective_healthy_for)) +
          ", \"mode\": " + quoted(config::to_string(config.failback.mode)) +
          "},\n    \"stickiness\": {\"ttl\": " + quoted(duration_text(config.stickiness.ttl)) +
          ", \"client\": \"header\", \"header\": \"X-Client\", \"on_degraded\": " +
          quoted(config::to_string(config.stickiness.on_degraded)) + "}";
  return text;
}

std::string objective_lines(const config::EndpointTimes& worst, bool claimed) {
  constexpr Millis reserve{2'000};
  std::string text =
      "    // Worst cases of `understudy explain`, and two seconds for the machine.\n"
      "    \"detect\": " +
      seconds(worst.detect_frozen + reserve) +
      ",\n    \"http_rto\": " + seconds(worst.failover_sticky + reserve);
  if (worst.failback_sticky)
    text += ",\n    \"failback\": " + seconds(*worst.failback_sticky + reserve);
  if (claimed)
    text +=
        ",\n    // None of these may happen, however long it takes.\n"
        "    \"lost_starts\": 0, \"duplicate_starts\": 0, \"ghost_starts\": 0";
  return text;
}

std::string step_lines(const config::Config& config, const config::EndpointTimes& worst) {
  constexpr Millis reserve{5'000};
  const std::string first = quoted(config.endpoints.front().name);
  const std::string within = seconds(worst.failover_sticky + reserve);
  const std::string lasts = seconds(worst.failover_sticky + reserve);
  std::string text = "    {\"fault\": \"freeze\", \"target\": " + first + ", \"for\": " + lasts +
                     "},\n    {\"wait_until\": {\"degraded\": " + first +
                     "}, \"within\": " + within +
                     "},\n    {\"wait_until\": {\"healed\": true}, \"within\": " +
                     seconds(worst.failover_sticky + 2 * reserve) + "}";
  if (config.endpoints.size() < 2) return text;
  if (!worst.failback_sticky) text += ",\n    {\"operate\": \"failback\"}";
  const Millis back = worst.failback_sticky.value_or(worst.recover);
  return text + ",\n    {\"wait_until\": {\"active\": " + first +
         "}, \"within\": " + seconds(back + 2 * reserve) + "}";
}

std::string comment_text(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

}  // namespace

std::string starter(const config::Config& config, const std::string& config_file) {
  const config::EndpointTimes worst = config::compute_times(config).worst;
  const bool claimed = config.durable.task_hub != config::TaskHub::none;
  const Millis limit =
      3 * worst.failover_sticky + worst.failback_sticky.value_or(worst.recover) + 2min;
  return "// An outage of the best endpoint of " + comment_text(config_file) +
         ", played on stand-ins of this machine.\n"
         "// Comments are allowed; `understudy rehearse check FILE` names every mistake.\n"
         "{\n"
         "  \"scenario\": \"my-outage\",\n"
         "  \"title\": \"The primary freezes\",\n"
         "  \"topology\": {\n"
         "    // Where orchestrations live: shared, per_region, geo_replicated or none.\n"
         "    \"task_hub\": " +
         quoted(config::to_string(config.durable.task_hub)) +
         ",\n"
         "    // Instead of \"stand_in\": \"command\": [\"func\", \"start\", \"--port\", "
         "\"{port}\"], or \"url\".\n"
         "    \"endpoints\": [\n" +
         endpoint_lines(config) +
         "\n    ]\n  },\n"
         "  // Any key of a configuration, but listeners and endpoints' URLs.\n"
         "  \"proxy\": {\n" +
         proxy_lines(config) + "\n  },\n  \"objectives\": {\n" + objective_lines(worst, claimed) +
         "\n  },\n"
         "  // It has to run well for so long before the first fault, and again at the end.\n"
         "  \"steady\": {\"for\": \"2s\", \"within\": \"60s\", \"p95_below\": \"500ms\"},\n"
         "  \"load\": {\"rate\": 40, \"mix\": {\"get\": 70, \"start\": " +
         std::string(claimed ? "30" : "0") +
         "}, \"work\": \"1s\"},\n"
         "  // kill, freeze, stopped, host_down, slow, refuse, blackhole, storage_errors, ...\n"
         "  \"steps\": [\n" +
         step_lines(config, worst) + "\n  ],\n  \"limit\": " + seconds(limit) + "\n}\n";
}

}  // namespace scenario
