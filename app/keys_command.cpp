#include "app/keys_command.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/inspect.hpp"
#include "app/key_api.hpp"
#include "app/key_undo.hpp"
#include "app/keys_report.hpp"
#include "durable/key_plan.hpp"

namespace app {
namespace {

using durable::AppKeys;
using durable::KeyChange;
using durable::KeyGroup;
using durable::KeyScope;

constexpr std::size_t most_functions = 1000;  // each costs a call to either app

// Why the verb ends before it has a report to print.
struct Refusal {
  int exit_code = exit_bad_input;
  std::string text;
};

volatile std::sig_atomic_t interrupted = 0;

void on_interrupt(int) {
  interrupted = 1;
}

// The first Ctrl-C lets the call under way end, so that what was written can be told; a second one
// ends the process.
void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // an undo file over the limit is an error like a full disk
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int refuse(const Command& command, const Refusal& refusal) {
  if (command.json)
    print(nlohmann::ordered_json{{"error", refusal.text}, {"exitCode", refusal.exit_code}}.dump(
              2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
          "\n");
  else
    std::fprintf(stderr, "understudy keys %s: %s\n",
                 std::string{to_string(command.keys.action)}.c_str(), refusal.text.c_str());
  return refusal.exit_code;
}

KeysReport::App app_of(const config::Endpoint& endpoint) {
  return {endpoint.name, endpoint.url.origin() + endpoint.url.base_path};
}

// ---- which endpoints

const config::Endpoint* find_endpoint(const config::Config& config, const std::string& name,
                                      Refusal& refusal) {
  std::vector<std::string> names;
  for (const config::Endpoint& endpoint : config.endpoints) {
    if (endpoint.name == name) return &endpoint;
    names.push_back(endpoint.name);
  }
  const std::string_view guess = nearest(name, names);
  refusal.text =
      guess.empty()
          ? fmt::format("the config has no endpoint \"{}\"; it has {}", name,
                        fmt::join(names, ", "))
          : fmt::format("the config has no endpoint \"{}\"; did you mean \"{}\"?", name, guess);
  return nullptr;
}

// Whether its keys may travel to this endpoint at all.
bool may_be_asked(const config::Endpoint& endpoint, bool insecure, Refusal& refusal) {
  if (!endpoint.url.tls && !config::is_loopback(endpoint.url.host) && !insecure) {
    refusal.text = fmt::format(
        "{} ({}) is not encrypted: everyone on the way could read the master key and every key "
        "that is copied. Use its https URL, or --insecure if the way there is safe",
        endpoint.name, endpoint.url.origin());
    return false;
  }
  if (endpoint.keys.admin.empty() && endpoint.auth == config::AuthMode::keys) {
    refusal.text = fmt::format(
        "{} has no keys.admin in the config: write the app's master key (\"_master\") there, as "
        "\"${{ENV_NAME}}\" or {{\"file\": \"path\"}}",
        endpoint.name);
    return false;
  }
  return true;
}

// From and to; the two best priorities where they are not named.
std::optional<std::pair<const config::Endpoint*, const config::Endpoint*>> choose_endpoints(
    const config::Config& config, const KeysOptions& options, Refusal& refusal) {
  if (config.endpoints.size() < 2) {
    refusal.text = "the config has only one endpoint: there is nothing to compare it with";
    return std::nullopt;
  }
  const config::Endpoint* from = config.endpoints.data();
  if (!options.from.empty()) from = find_endpoint(config, options.from, refusal);
  if (from == nullptr) return std::nullopt;
  const config::Endpoint* to = from == config.endpoints.data() ? from + 1 : config.endpoints.data();
  if (!options.to.empty()) to = find_endpoint(config, options.to, refusal);
  if (to == nullptr) return std::nullopt;
  if (from == to) {
    refusal.text = fmt::format("--from and --to are both \"{}\"", from->name);
    return std::nullopt;
  }
  for (const config::Endpoint* endpoint : {from, to})
    if (!may_be_asked(*endpoint, options.insecure, refusal)) return std::nullopt;
  return std::pair{from, to};
}

// ---- reading

Refusal unread(const KeyProblem& problem, std::string_view consequence) {
  return {exit_inconclusive, fmt::format("{}.\n{}", problem.text, consequence)};
}

Refusal stopped() {
  return {exit_interrupted, "interrupted; nothing was changed"};
}

std::optional<AppKeys> read_keys(const KeyApi& api, const std::vector<KeyGroup>& groups,
                                 Refusal& refusal) {
  AppKeys keys;
  for (const KeyGroup& group : groups) {
    KeyProblem problem;
    auto list = interrupted == 0 ? api.read(group, problem) : std::nullopt;
    if (!list) {
      refusal = interrupted != 0 ? stopped() : unread(problem, "Nothing was changed.");
      return std::nullopt;
    }
    keys.push_back(*std::move(list));
  }
  return keys;
}

bool same_name(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return low(x) == low(y);
  });
}

void add_functions(std::vector<KeyGroup>& groups, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const bool known = std::any_of(groups.begin(), groups.end(), [&](const KeyGroup& group) {
      return group.scope == KeyScope::function && same_name(group.function, name);
    });
    if (!known) groups.push_back({KeyScope::function, name});
  }
}

// Host, system, and the functions that were named, or else those of either app.
std::optional<std::vector<KeyGroup>> choose_groups(const KeyApi& source, const KeyApi& target,
                                                   const std::vector<std::string>& named,
                                                   Refusal& refusal) {
  std::vector<KeyGroup> groups{{KeyScope::host, ""}, {KeyScope::system, ""}};
  add_functions(groups, named);
  for (const KeyApi* api : {&source, &target}) {
    if (!named.empty()) break;
    KeyProblem problem;
    const auto names = api->functions(problem);
    if (!names) {
      refusal = unread(problem, "Nothing was changed. --functions a,b needs no list of functions.");
      return std::nullopt;
    }
    if (names->size() > most_functions) {
      refusal.text = fmt::format("{} has {} functions: name those that matter with --functions a,b",
                                 api->label(), names->size());
      return std::nullopt;
    }
    add_functions(groups, *names);
  }
  return groups;
}

struct BothKeys {
  AppKeys source, target;
};

std::optional<BothKeys> read_both(const KeyApi& source, const KeyApi& target,
                                  const std::vector<std::string>& functions, Refusal& refusal) {
  const auto groups = choose_groups(source, target, functions, refusal);
  if (!groups) return std::nullopt;
  auto at_source = read_keys(source, *groups, refusal);
  if (!at_source) return std::nullopt;
  auto at_target = read_keys(target, *groups, refusal);
  if (!at_target) return std::nullopt;
  for (std::size_t i = 0; i < groups->size(); ++i) {
    if ((*at_source)[i].exists || (*at_target)[i].exists) continue;
    refusal = {exit_bad_input, fmt::format("neither {} nor {} has a function \"{}\"",
                                           source.label(), target.label(), (*groups)[i].function)};
    return std::nullopt;
  }
  return BothKeys{*std::move(at_source), *std::move(at_target)};
}

// ---- writing

struct Applied {
  std::string result = "not_tried";  // as in KeyRow
  std::string problem;
};

// A list per group that was written to, as the app has it now. Ends early when nobody answers.
AppKeys read_back(const KeyApi& api, const std::vector<KeyChange>& changes) {
  AppKeys keys;
  for (const KeyChange& change : changes) {
    const bool known = std::any_of(keys.begin(), keys.end(), [&](const durable::KeyList& list) {
      return list.group == change.group;
    });
    if (known) continue;
    KeyProblem problem;
    auto list = api.read(change.group, problem);
    if (!list && problem.give_up) break;
    if (list) keys.push_back(*std::move(list));
  }
  return keys;
}

// What the app shows afterwards is the truth, whatever it said to the write.
void judge(const KeyChange& change, const AppKeys& now, Applied& applied) {
  const durable::NamedKey* key = durable::find_key(now, change.group, change.name);
  if (key != nullptr && key->value == change.value) {
    applied = {"written", ""};
  } else if (applied.result == "written") {
    applied = {"unverified",
               "the app took it, but reading back does not show it; other instances of an app "
               "learn of a new key within a minute: run keys diff then"};
  }
}

std::vector<Applied> write_keys(const KeyApi& api, const std::vector<KeyChange>& changes) {
  std::vector<Applied> out(changes.size());
  std::size_t sent = 0;
  for (bool give_up = false; sent < changes.size() && !give_up && interrupted == 0; ++sent) {
    const auto problem = api.write(changes[sent]);
    out[sent] = problem ? Applied{"failed", problem->text} : Applied{"written", ""};
    give_up = problem && problem->give_up;
  }
  const std::vector<KeyChange> tried{changes.begin(),
                                     changes.begin() + static_cast<std::ptrdiff_t>(sent)};
  const AppKeys now = read_back(api, tried);
  for (std::size_t i = 0; i < sent; ++i) judge(changes[i], now, out[i]);
  return out;
}

// The proxy itself may be using a key that is about to change.
void note_own_keys(KeysReport& report, const config::Endpoint& endpoint,
                   const std::vector<KeyChange>& changes) {
  const auto replaced = [&](const config::Secret& key) {
    return !key.empty() && std::any_of(changes.begin(), changes.end(), [&](const KeyChange& c) {
      return c.before && *c.before == key && c.value != key;
    });
  };
  std::vector<std::string> names;
  if (replaced(endpoint.keys.function)) names.emplace_back("keys.function");
  if (replaced(endpoint.keys.durable)) names.emplace_back("keys.durable");
  if (endpoint.probe.key != endpoint.keys.durable && replaced(endpoint.probe.key))
    names.emplace_back("probe.key");
  if (names.empty()) return;
  report.notes.push_back(
      fmt::format("{} of {} in the config {} replaced by this: change the config's source of it "
                  "too, and reload "
                  "the proxy, or the app refuses what the proxy sends",
                  fmt::join(names, " and "), endpoint.name, names.size() == 1 ? "is" : "are"));
}

int exit_code_of(const KeysReport& report) {
  if (interrupted != 0) return exit_interrupted;
  const bool done = report.results("failed") + report.results("unverified") +
                        report.results("not_tried") + report.changes("changed_since") ==
                    0;
  return done ? exit_ok : exit_check_failed;
}

int finish(const Command& command, const KeysReport& report) {
  print(command.json ? keys_json(report) : keys_text(report));
  return report.exit_code;
}

// Writes the undo file under the name given, or under one that nobody has; the name, or nothing.
std::optional<std::string> write_undo_file(const Command& command, const KeyUndo& undo,
                                           Refusal& refusal) {
  const std::string text = to_json(undo);
  std::string path = command.keys.undo_file;
  int error = EEXIST;
  if (!path.empty()) {
    error = create_secret_file(path, text);
  } else {
    for (int copy = 1; error == EEXIST && copy < 100; ++copy) {
      path = default_undo_path(undo.endpoint, copy);
      error = create_secret_file(path, text);
    }
  }
  if (error == 0) return path;
  refusal.exit_code = error == EEXIST ? exit_bad_input : exit_check_failed;
  refusal.text = fmt::format(
      "the undo file {} cannot be written: {}. Nothing was changed; name another one with "
      "--undo FILE",
      path, std::strerror(error));
  return std::nullopt;
}

// ---- the verbs

int run_diff(const Command& command, const config::Config& config) {
  Refusal refusal;
  const auto chosen = choose_endpoints(config, command.keys, refusal);
  if (!chosen) return refuse(command, refusal);
  const KeyApi source{*chosen->first, command.keys.timeout};
  const KeyApi target{*chosen->second, command.keys.timeout};
  const auto keys = read_both(source, target, command.keys.functions, refusal);
  if (!keys) return refuse(command, refusal);

  const durable::KeyComparison comparison = compare_keys(keys->source, keys->target);
  KeysReport report;
  report.action = "diff";
  report.from = app_of(source.endpoint());
  report.to = app_of(target.endpoint());
  for (const durable::ComparedKey& key : comparison.keys)
    report.rows.push_back({key.group, key.name, std::string{to_string(key.verdict)}, "", ""});
  report.functions_only_at_from = comparison.functions_missing_at_target;
  report.functions_only_at_to = comparison.functions_missing_at_source;
  report.exit_code = comparison.equal() ? exit_ok : exit_check_failed;
  return finish(command, report);
}

int run_sync(const Command& command, const config::Config& config) {
  Refusal refusal;
  const auto chosen = choose_endpoints(config, command.keys, refusal);
  if (!chosen) return refuse(command, refusal);
  const KeyApi source{*chosen->first, command.keys.timeout};
  const KeyApi target{*chosen->second, command.keys.timeout};
  const auto keys = read_both(source, target, command.keys.functions, refusal);
  if (!keys) return refuse(command, refusal);

  const std::vector<KeyChange> changes = plan_sync(keys->source, keys->target);
  const durable::KeyComparison comparison = compare_keys(keys->source, keys->target);
  KeysReport report;
  report.action = "sync";
  report.from = app_of(source.endpoint());
  report.to = app_of(target.endpoint());
  report.functions_only_at_from = comparison.functions_missing_at_target;
  report.functions_only_at_to = comparison.functions_missing_at_source;
  report.only_at_target = comparison.count(durable::KeyVerdict::missing_at_source);
  note_own_keys(report, target.endpoint(), changes);

  std::vector<Applied> applied(changes.size());
  if (command.keys.apply && !changes.empty()) {
    const auto path =
        write_undo_file(command, KeyUndo{report.to.name, report.to.url, changes}, refusal);
    if (!path) return refuse(command, refusal);
    report.applied = true;
    report.undo_file = *path;
    report.notes.push_back(fmt::format(
        "the undo file {} holds keys: keep it secret, and delete it once it is not needed any more",
        *path));
    applied = write_keys(target, changes);
  }
  for (std::size_t i = 0; i < changes.size(); ++i)
    report.rows.push_back({changes[i].group, changes[i].name, changes[i].before ? "replace" : "add",
                           report.applied ? applied[i].result : "planned", applied[i].problem});
  report.exit_code = exit_code_of(report);
  return finish(command, report);
}

std::optional<KeyUndo> read_undo_file(const std::string& path, Refusal& refusal) {
  const auto text = read_undo_text(path);
  std::string reason = "cannot be read";
  auto undo = text ? parse_undo(*text, reason) : std::nullopt;
  if (!undo) refusal.text = fmt::format("{} {}", path, reason);
  return undo;
}

int run_undo(const Command& command, const config::Config& config) {
  Refusal refusal;
  const auto undo = read_undo_file(command.keys.undo_file, refusal);
  if (!undo) return refuse(command, refusal);
  const config::Endpoint* endpoint = find_endpoint(config, undo->endpoint, refusal);
  if (endpoint == nullptr) return refuse(command, refusal);
  KeysReport report;
  report.action = "undo";
  report.to = app_of(*endpoint);
  report.undo_file = command.keys.undo_file;
  if (report.to.url != undo->url)
    return refuse(
        command,
        {exit_bad_input, fmt::format("{} was written for {} at {}, and the config has it at {}",
                                     report.undo_file, undo->endpoint, undo->url, report.to.url)});
  if (!may_be_asked(*endpoint, command.keys.insecure, refusal)) return refuse(command, refusal);

  const KeyApi api{*endpoint, command.keys.timeout};
  std::vector<KeyGroup> groups;
  for (const KeyChange& change : undo->written)
    if (std::find(groups.begin(), groups.end(), change.group) == groups.end())
      groups.push_back(change.group);
  const auto current = read_keys(api, groups, refusal);
  if (!current) return refuse(command, refusal);

  const std::vector<durable::UndoneKey> plan = plan_undo(undo->written, *current);
  std::vector<KeyChange> changes;
  for (const durable::UndoneKey& undone : plan)
    if (undone.step == durable::UndoStep::restore) changes.push_back(undone.change);
  note_own_keys(report, *endpoint, changes);
  report.applied = command.keys.apply && !changes.empty();
  std::vector<Applied> applied(changes.size());
  if (report.applied) applied = write_keys(api, changes);
  std::size_t next = 0;
  for (const durable::UndoneKey& undone : plan) {
    KeyRow row{undone.change.group, undone.change.name, std::string{to_string(undone.step)}, "",
               ""};
    if (undone.step == durable::UndoStep::restore) {
      row.result = report.applied ? applied[next].result : "planned";
      row.problem = applied[next].problem;
      ++next;
    }
    report.rows.push_back(std::move(row));
  }
  report.exit_code = exit_code_of(report);
  return finish(command, report);
}

}  // namespace

int run_keys(const Command& command) {
  prctl(PR_SET_DUMPABLE, 0);  // no core file, no debugger of the same user: every key is in memory
  catch_interrupts();
  for (const std::string& name : command.keys.functions)
    if (!durable::is_usable_name(name))
      return refuse(command, {exit_bad_input, "--functions has a name that no function can have"});
  const config::ParseResult parsed = load_config(command);
  if (!parsed.config || config::has_errors(parsed.issues)) {
    std::fputs(config::to_text(parsed.issues).c_str(), stderr);
    return refuse(command, {exit_bad_input, "the configuration cannot be used"});
  }
  switch (command.keys.action) {
    case KeysAction::diff:
      return run_diff(command, *parsed.config);
    case KeysAction::sync:
      return run_sync(command, *parsed.config);
    case KeysAction::undo:
      break;
  }
  return run_undo(command, *parsed.config);
}

}  // namespace app
