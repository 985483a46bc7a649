#include "config/explain.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "config/units.hpp"
#include "config/url.hpp"
#include "config/words.hpp"

namespace config {
namespace {

using Table = std::vector<std::vector<std::string>>;

// Columns two spaces apart, as wide as their widest cell; no spaces at the ends of lines.
std::string aligned(const Table& table) {
  std::vector<std::size_t> widths;
  for (const auto& row : table)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto& row : table) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i)
      line += " " + row[i] + std::string(widths[i] - row[i].size() + 1, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

// To the tenth of a second from a minute up ("2m 10s"), exactly below.
std::string readable(Millis value) {
  if (value < 1min) {
    if (value < 1s || value.count() % 1000 == 0) return duration_text(value);
    return number_text(static_cast<double>(value.count()) / 1000) + "s";
  }
  const auto hours = value / 1h;
  const auto minutes = value % 1h / 1min;
  const double seconds = static_cast<double>((value % 1min).count()) / 1000;
  std::string text;
  if (hours > 0) text += std::to_string(hours) + "h";
  if (minutes > 0) text += (text.empty() ? "" : " ") + std::to_string(minutes) + "m";
  if (seconds > 0) text += (text.empty() ? "" : " ") + number_text(seconds) + "s";
  return text;
}

std::string live_detection(const Endpoint& endpoint, const EndpointTimes& times) {
  if (!times.detect_live) return "live traffic does not count";
  if (endpoint.evidence.degrades)
    return "at once (" + std::to_string(endpoint.evidence.connect_failures) +
           " failed connects in " + duration_text(endpoint.evidence.connect_window) + ")";
  return readable(*times.detect_live) + " (traffic starts a probe)";
}

std::string thousands(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

Table times_table(const Config& config, const ProfileTimes& times) {
  const auto optional_time = [](const std::optional<Millis>& value) {
    return value ? readable(*value) : std::string("by command");
  };
  using Cell = std::function<std::string(const EndpointTimes&)>;
  const std::string flapping = config.failback.effective_healthy_for == 0ms
                                   ? "failback, relapsing (no penalty)"
                                   : "failback, relapsing (longest penalty)";
  const std::vector<std::pair<std::string, Cell>> lines{
      {"detect: connections refused", [&](auto& t) { return readable(t.detect_refused); }},
      {"detect: frozen, no answers", [&](auto& t) { return readable(t.detect_frozen); }},
      {"failover: new clients", [&](auto& t) { return readable(t.failover_new); }},
      {"failover: sticky clients", [&](auto& t) { return readable(t.failover_sticky); }},
      {"back online after the outage", [&](auto& t) { return readable(t.recover); }},
      {"failback: new clients", [&](auto& t) { return optional_time(t.failback_new); }},
      {"failback: sticky clients", [&](auto& t) { return optional_time(t.failback_sticky); }},
      {flapping, [&](auto& t) { return optional_time(t.failback_flapping); }}};
  Table table;
  std::vector<std::string> head{"at most"};
  for (const EndpointTimes& endpoint : times.endpoints) head.push_back(endpoint.name);
  table.push_back(std::move(head));
  for (const auto& [name, cell] : lines) {
    std::vector<std::string> row{name};
    for (const EndpointTimes& endpoint : times.endpoints) row.push_back(cell(endpoint));
    table.push_back(std::move(row));
  }
  return table;
}

std::string notes(const Config& config, const ProfileTimes& times) {
  std::string text;
  for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
    const EndpointTimes& endpoint = times.endpoints[i];
    text += "  " + endpoint.name +
            ", failed connects under traffic: " + live_detection(config.endpoints[i], endpoint) +
            "\n";
    if (endpoint.slow_start > 0ms)
      text += "  " + endpoint.name + ", after idling: " + readable(endpoint.slow_start) +
              " more while slow answers are forgiven (cold_grace)\n";
  }
  text += "  probes per month: ";
  for (std::size_t i = 0; i < times.endpoints.size(); ++i) {
    const EndpointTimes& endpoint = times.endpoints[i];
    text += (i == 0 ? "" : ", ") + endpoint.name + " " + thousands(endpoint.probes_per_month);
    if (endpoint.standby_probes_per_month != endpoint.probes_per_month)
      text += " (" + thousands(endpoint.standby_probes_per_month) + " while it serves nothing)";
  }
  return text + "\n";
}

nlohmann::ordered_json times_json(const EndpointTimes& times) {
  const auto optional_ms = [](const std::optional<Millis>& value) {
    return value ? nlohmann::ordered_json(value->count()) : nlohmann::ordered_json();
  };
  return {{"detect_refused_ms", times.detect_refused.count()},
          {"detect_frozen_ms", times.detect_frozen.count()},
          {"detect_live_ms", optional_ms(times.detect_live)},
          {"slow_start_ms", times.slow_start.count()},
          {"failover_new_ms", times.failover_new.count()},
          {"failover_sticky_ms", times.failover_sticky.count()},
          {"recover_ms", times.recover.count()},
          {"failback_new_ms", optional_ms(times.failback_new)},
          {"failback_sticky_ms", optional_ms(times.failback_sticky)},
          {"failback_flapping_ms", optional_ms(times.failback_flapping)},
          {"probes_per_month", times.probes_per_month}};
}

}  // namespace

std::string preset_reason(const Config& config, const Source& source, std::size_t endpoint) {
  const std::size_t place =
      endpoint < source.endpoint_index.size() ? source.endpoint_index[endpoint] : endpoint;
  const Endpoint& it = config.endpoints[endpoint];
  const std::string name(to_string(it.probe.preset));
  if (source.wrote("endpoints[" + std::to_string(place) + "].probe.preset"))
    return name + " (written for this endpoint)";
  if (source.wrote("probe.preset")) return name + " (written in probe.preset)";
  return name + (it.url.tls ? " (default for https)" : " (default for http)");
}

std::string probe_summary(const Endpoint& endpoint) {
  const ProbePolicy& probe = endpoint.probe;
  if (probe.protocol == Protocol::tcp)
    return "TCP connect to port " + std::to_string(probe.port) + "; proves only that it listens";
  std::string question = probe.method + " " + printable_url(probe.path);
  if (probe.durable) return question + " (Durable probe; proves host and task hub)";
  if (probe.host_only) return question + " (proves only the host)";
  return question;
}

std::string explain_text(const Config& config, const Source& source) {
  const ProfileTimes times = compute_times(config);
  std::string text = "Profile " + config.profile + ", from " +
                     (source.file.empty() ? "the command line" : source.file) + "\n\nEndpoints\n";
  Table endpoints{{"priority", "name", "url", "preset", "probe"}};
  for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
    const Endpoint& endpoint = config.endpoints[i];
    endpoints.push_back({std::to_string(endpoint.priority), endpoint.name,
                         endpoint.url.origin() + endpoint.url.base_path,
                         preset_reason(config, source, i), probe_summary(endpoint)});
  }
  text += aligned(endpoints) + "\nWorst case, computed from the probe schedule\n" +
          aligned(times_table(config, times)) + notes(config, times) + "\nSettings\n";
  Table rows{{"key", "value", "from"}};
  for (const Setting& setting : settings(config, source))
    rows.push_back(
        {setting.path, setting.value,
         std::string(to_string(setting.origin)) + (setting.later ? ", not in this version" : "")});
  return text + aligned(rows);
}

std::string explain_json(const Config& config, const Source& source) {
  const ProfileTimes times = compute_times(config);
  nlohmann::ordered_json root;
  root["profile"] = config.profile;
  root["source"] = source.file.empty() ? "command line" : source.file;
  root["endpoints"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
    const Endpoint& endpoint = config.endpoints[i];
    nlohmann::ordered_json item{{"name", endpoint.name},
                                {"url", endpoint.url.origin() + endpoint.url.base_path},
                                {"priority", endpoint.priority},
                                {"preset", to_string(endpoint.probe.preset)},
                                {"preset_reason", preset_reason(config, source, i)},
                                {"probe", probe_summary(endpoint)},
                                {"proves_only_host", endpoint.probe.host_only}};
    item["worst_case"] = times_json(times.endpoints[i]);
    root["endpoints"].push_back(std::move(item));
  }
  root["worst_case"] = times_json(times.worst);
  root["settings"] = nlohmann::ordered_json::array();
  for (const Setting& setting : settings(config, source))
    root["settings"].push_back({{"path", setting.path},
                                {"value", setting.value},
                                {"from", to_string(setting.origin)},
                                {"in_this_version", !setting.later}});
  return root.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace config
