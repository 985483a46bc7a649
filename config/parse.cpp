#include "config/parse.hpp"

#include <algorithm>
#include <fstream>
#include <tuple>
#include <utility>

#include "config/check.hpp"
#include "config/read.hpp"
#include "config/resolve.hpp"
#include "config/tree.hpp"
#include "config/url.hpp"

namespace config {
namespace {

void finish(Config config, const Environment& environment, const std::set<std::string>& refused,
            ParseResult& result) {
  resolve_values(config);
  Findings findings{result.source, refused, result.issues};
  check(config, environment, findings);
  sort_by_place(result.issues);
  result.source.endpoint_index = priority_order(config);
  const bool refused_it = has_errors(result.issues);
  shorten(result.issues);
  if (refused_it) return;
  resolve(config);
  result.config = std::move(config);
}

}  // namespace

// Not std::stable_sort: the one of libstdc++ 12 calls what C++20 deprecates, and clang says so.
void sort_by_place(std::vector<Issue>& issues) {
  std::vector<std::tuple<int, int, std::size_t>> order;
  for (std::size_t i = 0; i < issues.size(); ++i)
    order.emplace_back(issues[i].line, issues[i].column, i);
  std::sort(order.begin(), order.end());
  std::vector<Issue> sorted;
  for (const auto& [line, column, index] : order) sorted.push_back(std::move(issues[index]));
  issues = std::move(sorted);
}

void shorten(std::vector<Issue>& issues) {
  constexpr std::size_t most = 100;
  if (issues.size() <= most) return;
  const std::size_t more = issues.size() - most;
  const Severity severity = has_errors(issues) ? Severity::error : Severity::warning;
  const Issue last = issues[most];
  issues.resize(most);
  issues.push_back({severity, last.file, last.line, last.column, "", "",
                    "there are " + std::to_string(more) + " more problems from here on",
                    "mend the first ones and try again"});
}

std::optional<std::string> Environment::read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return std::nullopt;
  std::string text(max_text + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::nullopt;
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

Position Source::at(std::string path) const {
  while (!path.empty()) {
    if (const auto found = written.find(path); found != written.end()) return found->second;
    const std::size_t cut = path.find_last_of(".[");
    path = cut == std::string::npos ? "" : path.substr(0, cut);
  }
  const auto whole = written.find("");
  return whole == written.end() ? Position{} : whole->second;
}

ParseResult parse_text(std::string_view text, std::string file_name,
                       const Environment& environment) {
  ParseResult result;
  const std::size_t slash = file_name.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "" : file_name.substr(0, std::max<std::size_t>(slash, 1));
  result.source.file = std::move(file_name);
  const auto tree = parse_tree(text, result.source.file, result.issues);
  if (!tree) {
    shorten(result.issues);
    return result;
  }
  result.source.written[""] = tree->at;
  ReadContext context{environment, folder, result.source, result.issues, {}};
  Config config = read_config(*tree, context);
  finish(std::move(config), environment, context.refused, result);
  return result;
}

ParseResult parse_file(const std::string& path, const Environment& environment) {
  const auto text = environment.file(path);
  if (text) return parse_text(*text, path, environment);
  ParseResult result;
  result.source.file = path;
  result.issues.push_back({Severity::error, path, 0, 0, "", "", "the file cannot be read",
                           "check its name and permissions"});
  return result;
}

ParseResult quick_config(std::string_view primary, const std::vector<std::string>& secondaries,
                         std::string_view listen) {
  ParseResult result;
  std::set<std::string> refused;
  const auto refuse = [&](const std::string& path, std::string found, Problem problem) {
    refused.insert(path);
    result.issues.push_back({Severity::error, "", 0, 0, path, std::move(found),
                             std::move(problem.rule), std::move(problem.hint)});
  };
  Config config;
  const auto add = [&](const std::string& name, const std::string& option, std::string_view text) {
    const std::string path = endpoint_path(config.endpoints.size());
    Url url;
    if (auto problem = parse_url(text, url)) {
      refused.insert(path);
      refuse(option, quoted(printable_url(text)), std::move(*problem));
    }
    result.source.written[path + ".name"] = result.source.written[path + ".url"] = {};
    const int priority = static_cast<int>(config.endpoints.size()) + 1;
    config.endpoints.push_back(make_endpoint(name, std::move(url), priority));
  };
  add("primary", "--primary", primary);
  for (std::size_t i = 0; i < secondaries.size(); ++i)
    add(i == 0 ? "secondary" : "secondary-" + std::to_string(i + 1), "--secondary", secondaries[i]);
  if (!listen.empty()) {
    Listener listener;
    if (auto problem = parse_listen_address(listen, listener.address))
      refuse("--listen", quoted(listen), std::move(*problem));
    else
      config.listen.push_back(std::move(listener));
    result.source.written["listen[0].address"] = {};
  }
  finish(std::move(config), Environment{}, refused, result);
  return result;
}

}  // namespace config
