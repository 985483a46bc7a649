#include "rehearsal/scenario/parse.hpp"

#include <algorithm>
#include <utility>

#include "config/tree.hpp"
#include "rehearsal/scenario/check_scenario.hpp"
#include "rehearsal/scenario/read_scenario.hpp"

namespace scenario {
namespace {

std::string folder_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, std::max<std::size_t>(slash, 1));
}

// The proxy's configuration cannot be made of a topology that is not understood.
bool topology_is_good(const std::vector<config::Issue>& issues) {
  return std::none_of(issues.begin(), issues.end(), [](const config::Issue& issue) {
    return issue.path.starts_with("topology") || issue.path == "proxy";
  });
}

void sort_endpoints(Scenario& scenario) {
  std::vector<Endpoint> sorted;
  for (const Endpoint* endpoint : by_priority(scenario)) sorted.push_back(*endpoint);
  scenario.topology.endpoints = std::move(sorted);
}

}  // namespace

ParseResult parse_text(std::string_view text, std::string file_name,
                       const config::Environment& environment) {
  ParseResult result;
  config::Source source;
  source.file = std::move(file_name);
  const auto tree = config::parse_tree(text, source.file, result.issues);
  if (tree) {
    source.written[""] = tree->at;
    config::ReadContext context{environment, folder_of(source.file), source, result.issues, {}};
    Scenario scenario = read_scenario(*tree, context);
    config::Findings findings{source, context.refused, result.issues};
    complete(scenario, findings);
    resolve_roles(scenario);
    check_scenario(scenario, findings);
    if (!context.refused.contains("") && topology_is_good(result.issues))
      check_proxy(scenario, environment, findings);
    config::sort_by_place(result.issues);
    if (!config::has_errors(result.issues)) {
      sort_endpoints(scenario);
      result.scenario = std::move(scenario);
    }
  }
  config::shorten(result.issues);
  return result;
}

ParseResult parse_file(const std::string& path, const config::Environment& environment) {
  if (const auto text = environment.file(path))
    return scenario::parse_text(*text, path, environment);
  ParseResult result;
  result.issues.push_back({config::Severity::error, path, 0, 0, "", "", "the file cannot be read",
                           "check its name and permissions"});
  return result;
}

}  // namespace scenario
