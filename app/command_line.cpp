#include "app/command_line.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <sstream>

#include "config/units.hpp"
#include "config/url.hpp"

namespace app {
namespace {

struct VerbText {
  Verb verb;
  const char* name;
  const char* summary;
  const char* examples;
};

constexpr std::array verbs{
    VerbText{Verb::run, "run", "Run the proxy, with a config file or with URLs alone",
             "  understudy run understudy.json\n"
             "  understudy run --primary http://127.0.0.1:7071 --secondary http://127.0.0.1:7072\n"
             "Signals: SIGTERM and SIGINT drain and end it, SIGHUP reloads the config file."},
    VerbText{Verb::validate, "validate", "Print every problem of a config file; starts nothing",
             "  understudy validate understudy.json\n"
             "  understudy validate understudy.json --probe      also try each endpoint once\n"
             "Exit code: 0 fine, 1 a probe failed, 2 the file has errors."},
    VerbText{Verb::explain, "explain",
             "Print the effective config and the computed worst-case times",
             "  understudy explain understudy.json\n"
             "  understudy explain --primary https://a.example --secondary https://b.example"},
    VerbText{Verb::status, "status", "Show the endpoints of a running proxy and who is active",
             "  understudy status\n"
             "  understudy status --watch        keeps going, Ctrl-C ends it\n"
             "Exit code: 0 an endpoint is in rotation, 1 none is, 3 the proxy cannot be reached."},
    VerbText{Verb::events, "events", "Show the latest transitions, commands and alerts",
             "  understudy events\n  understudy events --watch"},
    VerbText{Verb::enable, "enable", "Give an endpoint its turn again after `disable`",
             "  understudy enable primary"},
    VerbText{Verb::disable, "disable", "Take an endpoint out: no probes, no new requests",
             "  understudy disable primary"},
    VerbText{Verb::drain, "drain", "Give an endpoint no new requests; those under way finish",
             "  understudy drain primary\n  understudy drain primary --undo"},
    VerbText{Verb::hold, "hold", "Stay where traffic is now: no failback until `release`",
             "  understudy hold\n  understudy hold --for 10m"},
    VerbText{Verb::release, "release", "End a hold", "  understudy release"},
    VerbText{Verb::failback, "failback",
             "Move new traffic to the best online endpoint now, without waiting",
             "  understudy failback"},
    VerbText{
        Verb::makeprimary, "makeprimary",
        "Have the orchestrations of a shared hub run at an endpoint",
        "  understudy makeprimary primary\n"
        "Sent only while all apps are alive: on a lease that has run out it would block them.\n"
        "Exit code: 0 accepted, 1 refused, 3 no answer came, so that it may have been taken."},
    VerbText{Verb::reload, "reload", "Read the config file again, as SIGHUP does",
             "  understudy reload"},
    VerbText{
        Verb::keys, "keys", "Compare and copy the keys of two function apps",
        "  understudy keys diff understudy.json\n"
        "  understudy keys sync understudy.json --from primary --to secondary\n"
        "  understudy keys sync understudy.json --from primary --to secondary --apply\n"
        "  understudy keys undo keys-undo-secondary-….json understudy.json --apply\n"
        "Each endpoint's keys.admin must be its app's master key. No value is ever printed.\n"
        "Exit code: 0 equal or done, 1 they differ or not everything was written, 2 bad input,\n"
        "3 an app could not be read."},
    VerbText{Verb::instances, "instances",
             "List starts whose outcome is unsure or that wait, and decide about them",
             "  understudy instances unknown\n"
             "  understudy instances stranded --limit 1000 --json\n"
             "  understudy instances resubmit order-4711\n"
             "  understudy instances forget order-4711 --config understudy.json\n"
             "A running proxy is asked at its admin listener. When none runs, lists come from its\n"
             "ledger file, and a decision is left there for the next start of the proxy.\n"
             "Exit code: 0 done (an empty list too), 1 refused, 2 bad input, 3 nobody could be\n"
             "asked."},
    VerbText{
        Verb::storage, "storage",
        "Tell the proxy what happened to the storage account below a task hub",
        "  understudy storage failed-over --last-sync-time 2026-11-23T16:00:00Z\n"
        "Every start that ran after that time is looked up again; those that the hub does not\n"
        "know any more are in `understudy instances listed`, to be resubmitted.\n"
        "Exit code: 0 taken, 1 refused, 2 bad input, 3 nobody could be asked."},
    VerbText{Verb::rehearse, "rehearse", "Play an outage on this machine and report what it did",
             "  understudy rehearse list\n"
             "  understudy rehearse primary-freeze\n"
             "  understudy rehearse primary-freeze --config understudy.json --report out/\n"
             "Run by understudy-rehearse, beside this executable: understudy rehearse --help"},
    VerbText{Verb::version, "version", "Print the version", "  understudy version --json"},
};

void add_endpoint_options(CLI::App& app, Command& command) {
  app.add_option("CONFIG", command.config, "Config file (JSON, comments allowed)");
  app.add_option("--primary", command.primary, "URL of the preferred endpoint, instead of CONFIG");
  app.add_option("--secondary", command.secondaries,
                 "URL of the next endpoint; may be given several times");
}

void add_operator_options(CLI::App& app, Command& command) {
  app.add_option(
      "--admin", command.admin,
      "Admin listener of the proxy, ADDR:PORT or URL (default " + std::string{default_admin} + ")");
}

void add_duration(CLI::App& app, const std::string& name, const std::string& help,
                  std::function<void(config::Millis)> take) {
  app.add_option_function<std::string>(
      name,
      [name, take](const std::string& written) {
        config::Millis value{};
        if (const auto problem = config::parse_duration(written, value))
          throw CLI::ValidationError(name, written + " " + problem->rule + "; " + problem->hint);
        take(value);
      },
      help);
}

void add_keys_options(CLI::App& app, KeysAction action, Command& command) {
  KeysOptions& keys = command.keys;
  const bool undo = action == KeysAction::undo;
  if (undo)
    app.add_option("FILE", keys.undo_file, "Undo file that `keys sync --apply` wrote")->required();
  app.add_option("CONFIG", command.config, "Config file (JSON, comments allowed)")->required();
  if (!undo) {
    CLI::Option* from = app.add_option("--from", keys.from, "Endpoint whose keys count");
    CLI::Option* to = app.add_option("--to", keys.to, "Endpoint that is compared or written to");
    from->required(action == KeysAction::sync);
    to->required(action == KeysAction::sync);
    app.add_option("--functions", keys.functions,
                   "Only these functions, a,b (default: all that HTTP can call)")
        ->delimiter(',')
        ->allow_extra_args(false);  // what follows is CONFIG
  }
  if (action == KeysAction::sync)
    app.add_option("--undo", keys.undo_file,
                   "Where to write the values that are replaced (default: a new file here)");
  if (action != KeysAction::diff)
    app.add_flag("--apply", keys.apply, "Write; without it, only say what would be written");
  app.add_flag("--insecure", keys.insecure, "Send keys to an http:// endpoint elsewhere");
  add_duration(app, "--timeout", "For each call, such as 30s (the default)",
               [&keys](config::Millis value) { keys.timeout = value; });
  app.add_flag("--json", command.json, "Print JSON");
}

// One verb below another: the last of them that was named is the action.
void add_keys_verbs(CLI::App& app, Command& command) {
  struct Row {
    KeysAction action;
    const char* summary;
  };
  constexpr std::array rows{
      Row{KeysAction::diff, "Say which keys are the same, differ, or are missing"},
      Row{KeysAction::sync, "Give --to every key of --from; nothing is deleted"},
      Row{KeysAction::undo, "Put back what `keys sync --apply` replaced"},
  };
  app.require_subcommand(0, 1);  // its absence is said better by relation_problem
  for (const Row& row : rows) {
    CLI::App* below = app.add_subcommand(std::string{to_string(row.action)}, row.summary);
    add_keys_options(*below, row.action, command);
    below->callback([&command, action = row.action] { command.keys.action = action; });
  }
}

// Whose starts: those of a proxy that runs, or of one whose file is there.
void add_ledger_options(CLI::App& app, Command& command) {
  app.add_option("--config", command.config,
                 "Config file of the proxy: says where its admin listener and its ledger are");
  add_operator_options(app, command);
  app.add_option("--ledger", command.instances.ledger,
                 "Ledger file to use when no proxy runs; without --admin, no proxy is asked");
  app.add_flag("--json", command.json, "Print JSON");
}

struct InstancesRow {
  std::string_view name;
  InstancesOptions::Action action;
  InstanceList list;
  const char* summary;
};
constexpr std::array instances_rows{
    InstancesRow{"unknown", InstancesOptions::Action::list, InstanceList::unknown,
                 "Starts that may have run or not"},
    InstancesRow{"queued", InstancesOptions::Action::list, InstanceList::queued,
                 "Starts that wait for an endpoint"},
    InstancesRow{"possible-duplicates", InstancesOptions::Action::list,
                 InstanceList::possible_duplicates, "Starts that may have run twice, or did"},
    InstancesRow{"listed", InstancesOptions::Action::list, InstanceList::listed,
                 "Starts that were given up, refused late or lost: somebody must look"},
    InstancesRow{"stranded", InstancesOptions::Action::list, InstanceList::stranded,
                 "Unfinished instances that live in a region that is away now"},
    InstancesRow{
        "resubmit", InstancesOptions::Action::resubmit, {}, "Start one again under its id"},
    InstancesRow{"forget",
                 InstancesOptions::Action::forget,
                 {},
                 "Take one off the lists and drop its input"},
};

void add_instances_verbs(CLI::App& app, Command& command) {
  app.require_subcommand(0, 1);  // its absence is said better by relation_problem
  for (const InstancesRow& row : instances_rows) {
    CLI::App* below = app.add_subcommand(std::string{row.name}, row.summary);
    InstancesOptions& options = command.instances;
    if (row.action == InstancesOptions::Action::list)
      below->add_option("--limit", options.limit, "Show at most this many (default 100)");
    else
      below->add_option("ID", options.id, "As the lists show it")->required();
    add_ledger_options(*below, command);
    below->callback([&command, row] {
      command.name = row.name;
      command.instances.action = row.action;
      command.instances.list = row.list;
    });
  }
}

void add_storage_verbs(CLI::App& app, Command& command) {
  app.require_subcommand(0, 1);
  CLI::App* below = app.add_subcommand(
      "failed-over",
      "The storage account failed over: look for what was lost with its last writes");
  below
      ->add_option_function<std::string>(
          "--last-sync-time",
          [&command](const std::string& text) {
            command.last_sync = parse_sync_time(text);
            if (!command.last_sync)
              throw CLI::ValidationError("--last-sync-time", std::string{sync_time_rule});
          },
          "What the account's Last Sync Time was, such as 2026-11-23T16:00:00Z")
      ->required();
  add_ledger_options(*below, command);
  below->callback([&command] { command.name = "failed-over"; });
}

void add_options(CLI::App& app, const VerbText& text, Command& command) {
  if (text.verb == Verb::keys) return add_keys_verbs(app, command);
  if (text.verb == Verb::instances) return add_instances_verbs(app, command);
  if (text.verb == Verb::storage) return add_storage_verbs(app, command);
  app.add_flag("--json", command.json, "Print JSON");
  switch (text.verb) {
    case Verb::run:
      add_endpoint_options(app, command);
      app.add_option("--listen", command.listen,
                     "Listen on ADDR:PORT (default " + std::string{default_listen} +
                         " without CONFIG); port 0 takes a free one");
      app.add_option("--admin", command.admin,
                     "Admin listener on ADDR:PORT (default " + std::string{default_admin} + ")");
      app.add_option("--workers", command.workers, "Worker threads (default: one per core)");
      app.add_option("--time-scale", command.time_scale,
                     "Divide the documented times of the app lease by this, for rehearsals");
      break;
    case Verb::validate:
      add_endpoint_options(app, command);
      app.add_flag("--probe", command.probe, "Try each endpoint once");
      break;
    case Verb::explain:
      add_endpoint_options(app, command);
      break;
    case Verb::status:
    case Verb::events:
      add_operator_options(app, command);
      app.add_flag("--watch", command.watch, "Keep showing what changes");
      break;
    case Verb::drain:
      app.add_flag("--undo", command.undo, "End the drain");
      [[fallthrough]];
    case Verb::enable:
    case Verb::disable:
    case Verb::makeprimary:
      app.add_option("NAME", command.name, "Endpoint name")->required();
      add_operator_options(app, command);
      break;
    case Verb::hold:
      add_duration(app, "--for", "End the hold by itself after this long, e.g. 10m",
                   [&command](config::Millis value) { command.hold_for = value; });
      [[fallthrough]];
    case Verb::release:
    case Verb::failback:
    case Verb::reload:
      add_operator_options(app, command);
      break;
    case Verb::keys:
    case Verb::instances:
    case Verb::storage:
    case Verb::rehearse:
    case Verb::version:
      break;
  }
}

Parsed failed(std::string message) {
  Parsed out;
  out.exit_code = exit_bad_input;
  out.err = std::move(message);
  return out;
}

Parsed usage_error(std::string_view verb, std::string_view problem) {
  return failed("understudy " + std::string{verb} + ": " + std::string{problem} +
                "\nTry: understudy " + std::string{verb} + " --help\n");
}

// What stands where a verb must: said better than CLI11 does.
std::optional<Parsed> check_word(const std::string& word, const std::vector<std::string>& names,
                                 const std::string& before) {
  if (std::find(names.begin(), names.end(), word) != names.end()) return std::nullopt;
  std::string message = before + ": there is no verb \"" + word + "\"";
  if (const std::string_view guess = nearest(word, names); !guess.empty())
    message += "; did you mean \"" + std::string{guess} + "\"?";
  else
    message += ".";
  return failed(message + "\nTry: " + before + " --help\n");
}

std::optional<Parsed> check_verbs(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with('-')) return std::nullopt;
  std::vector<std::string> names;
  for (const VerbText& text : verbs) names.emplace_back(text.name);
  if (auto refused = check_word(arguments.front(), names, "understudy")) return refused;
  if (arguments.front() != to_string(Verb::instances) || arguments.size() < 2 ||
      arguments[1].starts_with('-'))
    return std::nullopt;
  names.clear();
  for (const InstancesRow& row : instances_rows) names.emplace_back(row.name);
  return check_word(arguments[1], names, "understudy instances");
}

std::optional<std::string> endpoint_source_problem(const Command& command) {
  if (command.config.empty() && command.primary.empty())
    return "give a CONFIG file, or --primary URL and --secondary URL";
  if (!command.config.empty() && (!command.primary.empty() || !command.secondaries.empty()))
    return "give either a CONFIG file or --primary and --secondary, not both";
  if (command.config.empty() && command.secondaries.empty())
    return "--primary needs at least one --secondary to fail over to";
  return std::nullopt;
}

std::optional<std::string> address_problem(std::string_view option, const std::string& text) {
  config::Address address;
  if (text.empty()) return std::nullopt;
  const auto problem = config::parse_listen_address(text, address);
  if (!problem) return std::nullopt;
  return std::string{option} + ": \"" + text + "\" " + problem->rule + "; " + problem->hint;
}

std::optional<std::string> instances_problem(const Command& command) {
  const InstancesOptions& options = command.instances;
  if (command.name.empty())
    return "say what to do: instances unknown, queued, possible-duplicates, listed, stranded, "
           "resubmit ID or forget ID";
  if (options.action == InstancesOptions::Action::list &&
      (options.limit < 1 || options.limit > most_instances))
    return "--limit: must be between 1 and " + std::to_string(most_instances);
  if (options.action != InstancesOptions::Action::list &&
      (options.id.empty() || options.id.size() > longest_instance_id))
    return "ID: must be the id of a start that `understudy instances` lists";
  return std::nullopt;
}

// What CLI11 cannot say: relations between options.
std::optional<std::string> relation_problem(const Command& command) {
  if (command.verb == Verb::run || command.verb == Verb::validate ||
      command.verb == Verb::explain) {
    if (const auto problem = endpoint_source_problem(command)) return problem;
  }
  if (command.verb == Verb::keys && command.config.empty())  // CONFIG is required below each
    return "say what to do: keys diff, keys sync or keys undo";
  if (command.verb == Verb::keys && command.keys.timeout <= config::Millis{0})
    return "--timeout: must be longer than 0s";
  if (command.verb == Verb::instances) return instances_problem(command);
  if (command.verb == Verb::storage && command.name.empty())
    return "say what happened: storage failed-over --last-sync-time T";
  if (command.verb == Verb::run) {
    if (const auto problem = address_problem("--listen", command.listen)) return problem;
    if (const auto problem = address_problem("--admin", command.admin)) return problem;
    if (command.workers && (*command.workers < 1 || *command.workers > 256))
      return "--workers: must be between 1 and 256";
    if (command.time_scale < 1 || command.time_scale > 1000)
      return "--time-scale: must be between 1 and 1000";
  }
  return std::nullopt;
}

constexpr std::string_view description =
    "An HTTP reverse proxy that keeps Durable Functions apps, and any HTTP service, reachable when "
    "a region fails.";
constexpr std::string_view first_steps =
    "Start here:\n"
    "  understudy run --primary http://127.0.0.1:7071 --secondary http://127.0.0.1:7072\n"
    "  understudy status --watch\n"
    "`understudy VERB --help` shows the options and examples of a verb.\n"
    "Exit codes: 0 ok, 1 check failed, 2 bad input, 3 inconclusive, 130 interrupted.";

}  // namespace

std::string_view to_string(Verb verb) {
  for (const VerbText& text : verbs)
    if (text.verb == verb) return text.name;
  return "?";
}

std::string_view to_string(KeysAction action) {
  switch (action) {
    case KeysAction::diff:
      return "diff";
    case KeysAction::sync:
      return "sync";
    case KeysAction::undo:
      break;
  }
  return "undo";
}

std::string_view nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    // Optimal string alignment: a swap of neighbours counts once, for it is the usual slip.
    std::vector<std::size_t> before, row(candidate.size() + 1), last;
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= word.size(); ++i) {
      before = std::exchange(last, row);
      row[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t change = word[i - 1] == candidate[j - 1] ? 0 : 1;
        row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
        if (i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1])
          row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

Parsed parse_command_line(const std::vector<std::string>& arguments) {
  if (auto refused = check_verbs(arguments)) return *std::move(refused);
  CLI::App top{std::string{description}, "understudy"};
  top.require_subcommand(1);
  top.footer(std::string{first_steps});
  top.get_formatter()->column_width(28);
  bool version = false;
  top.add_flag("--version", version, "Print the version");
  std::array<Command, verbs.size()> commands;
  for (std::size_t i = 0; i < verbs.size(); ++i) {
    CLI::App* verb = top.add_subcommand(verbs[i].name, verbs[i].summary);
    verb->footer(std::string{"Examples:\n"} + verbs[i].examples);
    commands[i].verb = verbs[i].verb;
    add_options(*verb, verbs[i], commands[i]);
  }
  if (arguments.size() == 1 && arguments.front() == "--version") {
    Parsed out;
    out.command.emplace();
    return out;
  }
  try {
    std::vector<std::string> reversed{arguments.rbegin(), arguments.rend()};
    top.parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const bool help = top.exit(error, out, err) == 0;
    if (help) return {std::nullopt, exit_ok, out.str(), ""};
    const bool known = !arguments.empty() && !arguments.front().starts_with('-');
    return usage_error(known ? arguments.front() : "", error.what());
  }
  for (const Command& command : commands) {
    if (!top.got_subcommand(std::string{to_string(command.verb)})) continue;
    if (const auto problem = relation_problem(command))
      return usage_error(to_string(command.verb), *problem);
    return {command, exit_ok, "", ""};
  }
  return failed(top.help());
}

}  // namespace app
