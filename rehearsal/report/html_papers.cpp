// Chapters for whoever files the report: settings, where it comes from, protocol, evidence.
#include <fmt/format.h>

#include "config/words.hpp"
#include "rehearsal/report/page.hpp"

namespace report {
namespace {

std::string code(std::string_view text, std::size_t most = longest) {
  return text.empty() ? "–" : "<code>" + escape(text, most) + "</code>";
}

std::string or_line(std::string_view text) {
  return text.empty() ? "<span class=\"write\"></span>" : escape(text, 2'000);
}

// A command's environment may hold keys, so only its words are told; a URL only by its origin.
std::string what_it_is(const scenario::Endpoint& endpoint) {
  return escape(scenario::describe(endpoint));
}

}  // namespace

void add_topology(std::string& out, const Run& run) {
  heading(out, "Topology and settings");
  const scenario::Topology& topology = run.scenario.topology;
  Table endpoints{
      "Endpoints", {{"Name"}, {"Region"}, {"Priority", true}, {"What it is"}, {"Storage"}}, {}};
  for (const scenario::Endpoint& one : topology.endpoints) {
    const auto* app = std::get_if<scenario::StandIn>(&one.is);
    endpoints.rows.push_back({escape(one.name), escape(one.region), std::to_string(one.priority),
                              what_it_is(one), app ? escape(app->storage) : "–"});
  }
  endpoints.add_to(out);
  const scenario::Load& load = run.scenario.load;
  Table settings{"Load and settings", {{"Setting"}, {"Value"}}, {}};
  settings.rows = {
      {"task hub", std::string{config::to_string(topology.task_hub)}},
      {"load", fmt::format("{:g} a second from {} clients: {} GETs to {} starts; polls in addition",
                           load.rate, load.clients, load.gets, load.starts)},
      {"an orchestration",
       fmt::format("{} in {} activities", time_text(load.work), load.work_steps)},
      {"a client’s patience", time_text(load.patience)},
      {"seed", std::to_string(load.seed)},
      {"steady state", fmt::format("{} long, within {}", time_text(run.scenario.steady.lasts),
                                   time_text(run.scenario.steady.within))},
      {"limit of the run", time_text(run.scenario.limit)}};
  settings.add_to(out);
  out += "<h3>Steps</h3><ol>\n";
  for (const scenario::Step& step : run.scenario.steps)
    out += "<li>" + escape(scenario::describe(step)) + "</li>\n";
  out += "</ol>\n";
}

void add_provenance(std::string& out, const Run& run) {
  heading(out, "Where this report comes from");
  Table table{"", {{"What"}, {"Value"}}, {}};
  for (const auto& [name, version] : run.versions)
    table.rows.push_back({escape(name), escape(version)});
  const auto add = [&](std::string_view name, std::string value) {
    table.rows.push_back({std::string{name}, std::move(value)});
  };
  const Machine& machine = run.machine;
  add("machine", escape(machine.host.empty() ? "–" : machine.host));
  add("system", escape(machine.system.empty() ? "–" : machine.system));
  add("processor", escape(machine.processor) +
                       (machine.cores > 0 ? fmt::format(", {} cores", machine.cores) : ""));
  add("memory", escape(machine.memory.empty() ? "–" : machine.memory));
  add("scenario from", code(run.scenario_source));
  add("seed", std::to_string(run.scenario.load.seed));
  add("hash of the configuration", code(run.config_hash));
  add("command line", code(run.command_line, 2'000));
  table.add_to(out);
  if (!run.config_differences) {
    out +=
        "<p class=\"empty\">The configuration was not compared with that of a running "
        "proxy.</p>\n";
    return;
  }
  Table differences{"Settings that differ from those of " + escape(run.compared_with),
                    {{"Setting"}, {"Here"}, {"There"}},
                    {},
                    "The settings are those of the running proxy that was asked."};
  for (const Run::Difference& one : *run.config_differences)
    differences.rows.push_back({code(one.path), code(one.here), code(one.there)});
  differences.add_to(out);
}

void add_protocol(std::string& out, const Run& run) {
  heading(out, "Test protocol");
  const Meta& meta = run.meta;
  std::string people;
  for (const std::string& one : meta.people) people += (people.empty() ? "" : ", ") + one;
  Table table{"", {{"Field"}, {"Entry"}}, {}};
  const std::pair<std::string_view, std::string_view> fields[] = {
      {"Test id", meta.test_id},
      {"Purpose", meta.purpose},
      {"Environment", meta.environment},
      {"People", people},
      {"Ticket", meta.ticket},
      {"Business RTO", meta.business_rto},
      {"Business RPO", meta.business_rpo},
      {"Approver", meta.approver},
      {"Sign-off", meta.sign_off},
      {"Date of the next test", meta.retest_date}};
  for (const auto& [name, value] : fields)
    table.rows.push_back({std::string{name}, or_line(value)});
  table.add_to(out);
  out += "<h3>Deviations from the plan</h3>\n";
  if (meta.deviations.empty())
    out += "<p><span class=\"write\"></span><span class=\"write\"></span></p>\n";
  else {
    out += "<ul>";
    for (const std::string& one : meta.deviations) out += "<li>" + escape(one, 2'000) + "</li>";
    out += "</ul>\n";
  }
  Table actions{"Actions", {{"Action"}, {"Owner"}, {"Due"}}, {}};
  for (const Meta::Action& one : meta.actions)
    actions.rows.push_back({or_line(one.what), or_line(one.owner), or_line(one.due)});
  while (actions.rows.size() < 3) actions.rows.push_back({or_line(""), or_line(""), or_line("")});
  actions.add_to(out);
}

void add_evidence(std::string& out, const Run& run) {
  heading(out, "Evidence");
  Table table{"Files beside this page",
              {{"File"}, {"Bytes", true}, {"SHA-256"}},
              {},
              "No other file was kept."};
  for (const Evidence& one : run.evidence)
    table.rows.push_back({code(one.file), std::to_string(one.bytes), code(one.sha256)});
  table.add_to(out);
}

}  // namespace report
