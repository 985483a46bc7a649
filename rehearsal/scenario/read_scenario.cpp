#include "rehearsal/scenario/read_scenario.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/reader.hpp"
#include "rehearsal/scenario/read_steps.hpp"
#include "rehearsal/scenario/words.hpp"

namespace scenario {
namespace {

using config::Node;
using config::Problem;
using config::ReadContext;
using config::Reader;

constexpr Millis no_time{0};
constexpr Millis a_minute = 1min, an_hour = 1h;

std::optional<Problem> check_line(std::string_view text) {
  if (text.empty()) return Problem{"is empty", "say it in one line"};
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20) return Problem{"has a line break", "use one line"};
  return std::nullopt;
}

std::optional<Problem> check_about(std::string_view text) {
  if (text.empty()) return Problem{"is empty", "say what it shows and why, or leave it out"};
  return std::nullopt;
}

std::optional<Problem> check_scenario_name(std::string_view text) {
  const bool good = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (text.empty()) return Problem{"is empty", "give it a short name"};
  if (text.size() > 64) return Problem{"is too long", "use at most 64 characters"};
  if (!good) return Problem{"is not a name", "use a-z, 0-9 and \"-\""};
  return std::nullopt;
}

std::optional<Problem> check_ready_path(std::string_view text) {
  return text.empty() ? std::nullopt : config::check_path(text);
}

// A value that may be a key: no message repeats it.
void read_hidden(Reader& reader, const std::string& path, const Node& node, std::string& value,
                 ReadContext& context) {
  if (node.kind != Node::Kind::text)
    return reader.refuse_at(path, node, "", "is not a string", "write it in quotes");
  config::Expansion expanded = config::expand(node.text, context.environment);
  if (expanded.problem)
    return reader.refuse_at(path, node, "", expanded.problem->rule, expanded.problem->hint);
  if (expanded.text.find('\0') != std::string::npos)
    return reader.refuse_at(path, node, "", "has a character that ends it", "remove \\u0000");
  value = std::move(expanded.text);
}

void read_key(Reader& reader, const char* name, std::string& value, ReadContext& context) {
  const Node* node = reader.take(name);
  if (!node) return;
  const std::string path = reader.at(name);
  read_hidden(reader, path, *node, value, context);
  if (!context.refused.contains(path) && (value.empty() || config::check_field_value(value)))
    reader.refuse_at(path, *node, "", "is empty, or cannot stand in a header",
                     "a key is one line of text");
}

void read_env(Reader& reader, Command& command, ReadContext& context) {
  const Node* node = reader.take("env");
  if (!node) return;
  if (node->kind != Node::Kind::object)
    return reader.refuse_at(reader.at("env"), *node, config::name_of(node->kind),
                            "is not an object", "write {\"NAME\": \"value\"}");
  for (const config::Member& member : node->members) {
    const std::string path = reader.at("env") + "." + member.key;
    context.source.written[path] = member.key_at;
    if (member.key.empty() || member.key.find('=') != std::string::npos ||
        member.key.find('\0') != std::string::npos) {
      reader.refuse_at(path, member.value, "", "is no name of an environment variable",
                       "write it like FUNCTIONS_WORKER_RUNTIME");
      continue;
    }
    std::string value;
    read_hidden(reader, path, member.value, value, context);
    command.environment.push_back({member.key, std::move(value)});
  }
}

void read_command(Reader& reader, Command& command, ReadContext& context) {
  reader.texts("command", command.words, config::check_not_empty);
  if (const Node* node = reader.find("command");
      node && node->kind == Node::Kind::array && node->items.empty())
    reader.refuse_at(reader.at("command"), *node, "", "is empty",
                     "write the words, like [\"func\", \"start\", \"--port\", \"{port}\"]");
  read_env(reader, command, context);
  reader.file("folder", command.folder);
  reader.group("ready", [&](Reader& r) {
    r.text("path", command.ready.path, check_ready_path);
    r.time("within", command.ready.within, 100ms, 10 * a_minute);
  });
}

void read_stand_in(Reader& r, StandIn& app, ReadContext& context) {
  r.text("storage", app.storage, config::check_profile_name);
  r.text("hub", app.hub, config::check_profile_name);
  r.number("instances", app.instances, 1, 16);
  r.flag("gateway", app.gateway);
  r.time("cut_after", app.cut_after, 100ms, an_hour);
  r.flag("tls", app.tls);
  r.flag("app_lease", app.app_lease);
  r.time("cold_start", app.cold_start, no_time, 10 * a_minute);
  r.time("idle_after", app.idle_after, 100ms, an_hour);
  r.time("storage_latency", app.storage_latency, no_time, a_minute);
  r.texts("functions", app.functions, config::check_profile_name);
  read_key(r, "durable_key", app.durable_key, context);
  r.text("lease_store", app.lease_store, config::check_profile_name);
  if (app.instances > 1 && !r.find("gateway")) app.gateway = true;
}

void read_endpoint(Reader& r, Endpoint& endpoint, ReadContext& context) {
  endpoint.priority = 0;
  r.text("name", endpoint.name, config::check_profile_name);
  r.text("region", endpoint.region, config::check_label);
  r.number("priority", endpoint.priority, 1, 1000);
  r.flag("link", endpoint.link);
  std::vector<const char*> kinds;
  for (const char* kind : {"stand_in", "command", "url"})
    if (r.find(kind)) kinds.push_back(kind);
  for (std::size_t i = 1; i < kinds.size(); ++i)
    r.refuse_at(r.at(kinds[i]), *r.find(kinds[i]), "",
                std::string("cannot stand beside \"") + kinds[0] + "\"",
                "an endpoint is a stand_in, a command or a url");
  Command command;
  read_command(r, command, context);
  if (!r.find("command"))
    for (const char* key : {"env", "folder", "ready"})
      if (const Node* node = r.find(key))
        r.refuse_at(r.at(key), *node, "", "has no meaning without a command",
                    "remove it, or add \"command\"");
  StandIn stand_in;
  r.group("stand_in", [&](Reader& inside) { read_stand_in(inside, stand_in, context); });
  config::Url url;
  r.parsed("url", url, config::parse_url, nullptr);
  if (kinds.empty() || kinds[0] == std::string_view{"stand_in"})
    endpoint.is = std::move(stand_in);
  else if (kinds[0] == std::string_view{"command"})
    endpoint.is = std::move(command);
  else
    endpoint.is = std::move(url);
}

std::optional<Problem> parse_skew(std::string_view text, Millis& value) {
  const bool before = text.starts_with('-');
  auto problem = config::parse_duration(before ? text.substr(1) : text, value);
  if (!problem && value > an_hour) return Problem{"is outside -60m..60m", "choose one inside"};
  if (before) value = -value;
  return problem;
}

void read_topology(Reader& r, Topology& topology, ReadContext& context) {
  r.word("task_hub", topology.task_hub);
  r.flag("claim", topology.claim);
  r.number("lease_scale", topology.lease_scale, 1, 600);
  r.list("endpoints", topology.endpoints,
         [&](Reader& item, Endpoint& endpoint) { read_endpoint(item, endpoint, context); });
  r.list("storage", topology.storage, [](Reader& item, Storage& storage) {
    item.text("name", storage.name, config::check_profile_name);
    item.time("replicate_every", storage.replicate_every, 50ms, an_hour);
    item.parsed("skew", storage.skew, parse_skew, nullptr);
  });
  r.list("processes", topology.processes, [&](Reader& item, Process& process) {
    item.text("name", process.name, config::check_profile_name);
    read_command(item, process.command, context);
  });
}

void read_objectives(Reader& r, Objectives& o) {
  for (const auto& [key, member] :
       {std::pair{"http_rto", &o.http_rto}, std::pair{"work_rto", &o.work_rto},
        std::pair{"detect", &o.detect}, std::pair{"failback", &o.failback},
        std::pair{"p95_during", &o.p95_during},
        std::pair{"instance_recovery", &o.instance_recovery}})
    r.time(key, *member, 1ms, 24h);
  r.group("alert", [&](Reader& alert) {
    alert.text("kind", o.alert, config::check_label);
    o.alert_within = 1min;
    alert.time("within", o.alert_within, 1ms, 24h);
  });
  r.share("failed_share", o.failed_share, 0, 1);
  for (const auto& [key, member] :
       {std::pair{"failed_requests", &o.failed_requests},
        std::pair{"refused_starts", &o.refused_starts},
        std::pair{"failed_starts", &o.failed_starts},
        std::pair{"unknown_starts", &o.unknown_starts}, std::pair{"ghost_starts", &o.ghost_starts},
        std::pair{"duplicate_starts", &o.duplicate_starts},
        std::pair{"lost_starts", &o.lost_starts}, std::pair{"stranded_starts", &o.stranded_starts},
        std::pair{"lost_instances", &o.lost_instances},
        std::pair{"not_found_polls", &o.not_found_polls}})
    r.number(key, *member, 0, 1'000'000'000);
}

void read_steady(Reader& r, Scenario& scenario) {
  Steady& steady = scenario.steady;
  r.time("for", steady.lasts, 100ms, an_hour);
  r.time("within", steady.within, 100ms, an_hour);
  if (const Node* node = r.find("p95_below"); node && node->text == "none") {
    r.take("p95_below");
    steady.p95_below.reset();
  } else {
    r.time("p95_below", steady.p95_below, 1ms, an_hour);
  }
  r.share("errors_below", steady.errors_below, 0, 1);
  r.flag("after", scenario.steady_after);
}

void read_load(Reader& r, Load& load, ReadContext& context) {
  r.share("rate", load.rate, 0.1, 2000);
  r.group("mix", [&](Reader& mix) {
    mix.number("get", load.gets, 0, 1000);
    mix.number("start", load.starts, 0, 1000);
    if (load.gets + load.starts == 0)
      mix.refuse_object("sends nothing", "give \"get\" or \"start\" a share above 0");
  });
  r.number("seed", load.seed, 0, std::numeric_limits<std::int64_t>::max());
  r.text("path", load.path, config::check_path);
  r.text("function", load.function, config::check_profile_name);
  r.share("custom_share", load.custom_share, 0, 1);
  r.share("chosen_id_share", load.chosen_id_share, 0, 1);
  r.time("work", load.work, no_time, an_hour);
  r.number("work_steps", load.work_steps, 1, 100);
  r.word("work_kind", load.kind);
  r.time("poll_every", load.poll_every, 50ms, an_hour);
  r.time("patience", load.patience, 100ms, an_hour);
  r.number("clients", load.clients, 1, 10'000);
  read_key(r, "key", load.key, context);
}

nlohmann::ordered_json value_of(const Node& node) {
  using Json = nlohmann::ordered_json;
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::boolean:
      return node.truth;
    case Node::Kind::integer:
      return node.integer;
    case Node::Kind::decimal:
      return node.decimal;
    case Node::Kind::text:
      return node.text;
    case Node::Kind::array: {
      Json items = Json::array();
      for (const Node& item : node.items) items.push_back(value_of(item));
      return items;
    }
    case Node::Kind::object: {
      Json members = Json::object();
      for (const config::Member& member : node.members)
        members[member.key] = value_of(member.value);
      return members;
    }
  }
  return nullptr;
}

void note_places(const Node& node, const std::string& path, config::Source& source) {
  source.written[path] = node.at;
  for (const config::Member& member : node.members) {
    note_places(member.value, path + "." + member.key, source);
    source.written[path + "." + member.key] = member.value.at;
  }
  for (std::size_t i = 0; i < node.items.size(); ++i)
    note_places(node.items[i], path + "[" + std::to_string(i) + "]", source);
}

void read_proxy(Reader& r, std::string& proxy, ReadContext& context) {
  const Node* node = r.take("proxy");
  if (!node) return;
  if (node->kind != Node::Kind::object)
    return r.refuse_at("proxy", *node, config::name_of(node->kind), "is not an object",
                       "write { ... }");
  note_places(*node, "proxy", context.source);
  using Handler = nlohmann::ordered_json::error_handler_t;
  proxy = value_of(*node).dump(-1, ' ', false, Handler::replace);
}

}  // namespace

Scenario read_scenario(const Node& root, ReadContext& context) {
  Scenario scenario;
  if (root.kind != Node::Kind::object) {
    context.issues.push_back({config::Severity::error, context.source.file, root.at.line,
                              root.at.column, "", config::name_of(root.kind), "is not an object",
                              "a file is { ... }"});
    context.refused.insert("");
    return scenario;
  }
  Reader r{root, "", context};
  r.text("scenario", scenario.name, check_scenario_name);
  r.text("title", scenario.title, check_line);
  r.text("about", scenario.about, check_about);
  r.group("topology", [&](Reader& w) { read_topology(w, scenario.topology, context); });
  read_proxy(r, scenario.proxy, context);
  r.group("objectives", [&](Reader& w) { read_objectives(w, scenario.objectives); });
  r.group("steady", [&](Reader& w) { read_steady(w, scenario); });
  r.group("load", [&](Reader& w) { read_load(w, scenario.load, context); });
  r.list("steps", scenario.steps, read_step);
  r.word("expect", scenario.expect);
  r.time("limit", scenario.limit, 1s, 24h);
  r.finish();
  return scenario;
}

}  // namespace scenario
