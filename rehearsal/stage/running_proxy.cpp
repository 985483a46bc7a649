#include "rehearsal/stage/running_proxy.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "config/parse.hpp"
#include "rehearsal/stage/call.hpp"
#include "transport/spawn.hpp"

namespace stage {

namespace asio = boost::asio;
using config::Millis;
using nlohmann::json;

namespace {

Call call_of(const std::string& admin_url, const std::string& path, const std::string& token) {
  Call call;
  call.url = admin_url + path;
  if (!token.empty()) call.headers.push_back({"Authorization", "Bearer " + token});
  return call;
}

std::optional<Millis> seconds_at(const json& bounds, const char* name) {
  const auto found = bounds.find(name);
  if (found == bounds.end() || !found->is_number()) return std::nullopt;
  return Millis{static_cast<Millis::rep>(found->get<double>() * 1000)};
}

// They differ by what a rehearsal is, or must not be read side by side.
bool is_of_the_place(std::string_view path) {
  constexpr std::array<std::string_view, 14> places{"profile",
                                                    "listen",
                                                    "admin",
                                                    "log",
                                                    "clients",
                                                    "faults",
                                                    "trusted_proxies",
                                                    "public_origin",
                                                    "durable.ledger.path",
                                                    ".url",
                                                    ".probe.port",
                                                    ".keys",
                                                    ".tls",
                                                    ".host"};
  for (const std::string_view place : places)
    if (place.front() == '.' ? path.find(place) != std::string_view::npos : path.starts_with(place))
      return true;
  return false;
}

std::map<std::string, std::string> settings_of(const json& explained) {
  std::map<std::string, std::string> settings;
  const auto list = explained.find("settings");
  if (list == explained.end() || !list->is_array()) return settings;
  for (const json& one : *list) {
    if (!one.is_object() || !one.contains("path") || !one["path"].is_string()) continue;
    const std::string path = one["path"].get<std::string>();
    const json value = one.value("value", json{});
    if (!is_of_the_place(path))
      settings[path] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return settings;
}

asio::awaitable<void> fetch_into(Call request, Answer& answer) {
  answer = co_await call(request);
}

}  // namespace

asio::awaitable<std::optional<config::ProfileTimes>> bounds_of(std::string admin_url,
                                                               std::string token) {
  const Call request = call_of(admin_url, "/api/status", token);
  const Answer answer = co_await call(request);
  const json status = json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !status.is_object()) co_return std::nullopt;
  const auto bounds = status.find("bounds");
  if (bounds == status.end() || !bounds->is_object()) co_return std::nullopt;
  std::optional<config::ProfileTimes> times;
  times.emplace();
  times->worst.detect_frozen = times->worst.detect_refused =
      seconds_at(*bounds, "detectSeconds").value_or(Millis{0});
  times->worst.failover_new = times->worst.failover_sticky =
      seconds_at(*bounds, "failoverSeconds").value_or(Millis{0});
  times->worst.failback_new = times->worst.failback_sticky = seconds_at(*bounds, "failbackSeconds");
  co_return times;
}

std::optional<std::vector<report::Run::Difference>> differences_from(
    const std::string& admin_url, const std::string& token, const std::string& config_text,
    const config::Environment& environment, std::string& problem) {
  const auto parsed = config::parse_text(config_text, "understudy.json", environment);
  if (!parsed.config) {
    problem = "the settings of this run cannot be compared";
    return std::nullopt;
  }
  Answer answer;
  asio::io_context context{1};
  transport::spawn(context.get_executor(), "settings of a running proxy",
                   fetch_into(call_of(admin_url, "/api/config", token), answer));
  context.run();
  const json there = json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !there.is_object()) {
    problem = "no settings from " + admin_url + ": " +
              (answer.status == 0 ? answer.problem : "status " + std::to_string(answer.status));
    return std::nullopt;
  }
  const auto own = settings_of(json::parse(config::explain_json(*parsed.config, parsed.source)));
  const auto others = settings_of(there);
  std::vector<report::Run::Difference> differences;
  const std::string none = "(not there)";
  for (const auto& [path, value] : own) {
    const auto other = others.find(path);
    if (other == others.end() || other->second != value)
      differences.push_back({path, value, other == others.end() ? none : other->second});
  }
  for (const auto& [path, value] : others)
    if (!own.contains(path)) differences.push_back({path, none, value});
  return differences;
}

}  // namespace stage
