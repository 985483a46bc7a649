#include "app/instances_command.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "app/admin.hpp"
#include "app/config_hash.hpp"
#include "app/state_folder.hpp"
#include "app/text_table.hpp"
#include "config/parse.hpp"
#include "ledger/ledger_file.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;
using Kind = InstanceCommand::Kind;

constexpr auto list_limit = 20s;    // ten thousand lines, and a ledger that is busy
constexpr auto action_limit = 20s;  // it is written down first; a search of the hub takes longer

ledger::WallTime wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

bool is_list(const Command& command) {
  return command.verb == Verb::instances &&
         command.instances.action == InstancesOptions::Action::list;
}

Kind kind_of(const Command& command) {
  if (command.verb == Verb::storage) return Kind::failed_over;
  return command.instances.action == InstancesOptions::Action::resubmit ? Kind::resubmit
                                                                        : Kind::forget;
}

std::string dumped(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

int show_answer(const Command& command, const AdminReply& reply) {
  const int code = exit_code_of_status(reply.status);
  const Json body = Json::parse(reply.text);
  if (command.json) {
    print(dumped(body));
  } else if (code != exit_ok) {
    return report_problem(command,
                          body.is_object() ? body.value("detail", body.dump()) : body.dump(), code);
  } else if (is_list(command)) {
    print(instances_text(body, terminal_output()));
  } else {
    print(body.value("message", "done") + "\n");
  }
  return code;
}

// ---- without a proxy

// As ledger::leave_request wants it.
std::string_view request_word(Kind kind) {
  switch (kind) {
    case Kind::resubmit:
      return "resubmit";
    case Kind::forget:
      return "forget";
    case Kind::failed_over:
      break;
  }
  return "failed_over";
}

std::string user_name() {
  const passwd* user = getpwuid(geteuid());
  return user != nullptr ? user->pw_name : fmt::format("uid {}", geteuid());
}

void add_starts(InstancesReport& report, ledger::LedgerFile& file) {
  ledger::NameTable places;
  const auto name_of = [&places](ledger::Place place) { return places.name_of(place); };
  file.read_starts(ledger::LedgerFile::Which::of_interest, places, [&](ledger::StartEntry&& entry) {
    ledger::StartLine line = line_of(entry);
    // Nobody waits for an answer any more.
    const bool cut_off = ledger::is_open(entry) && line.state == "in_flight";
    if (cut_off) line.state = "unknown";
    const bool wanted = belongs(entry, start_list_of(report.list)) ||
                        (cut_off && report.list == InstanceList::unknown);
    if (wanted) report.rows.push_back(row_of(line, name_of));
    if (report.rows.size() >= 3 * most_instances) keep_oldest(report, most_instances);
  });
}

void add_unfinished(InstancesReport& report, ledger::LedgerFile& file, std::size_t most) {
  report.notes.push_back(
      "No proxy runs, so nobody knows which region is away: all instances are shown that are not "
      "known to have ended, with the endpoint whose hub has them.");
  const auto take = [&](const ledger::StoredInstance& stored) {
    if (is_final(stored.instance.status)) return;
    report.rows.push_back(row_of(stored.key, stored.instance, stored.endpoint,
                                 "it was not known to have ended when the proxy did"));
    if (report.rows.size() >= 3 * most_instances) keep_oldest(report, most);
  };
  file.read_instances(std::numeric_limits<std::int64_t>::max(), 0, take);
}

void note_requests(InstancesReport& report, ledger::LedgerFile& file) {
  const std::size_t waiting = file.requests().size();
  if (waiting > 0)
    report.notes.push_back(
        fmt::format("{} decision{} of an operator wait{} here for the next start of the proxy.",
                    waiting, waiting == 1 ? "" : "s", waiting == 1 ? "s" : ""));
}

// What is asked for must be there, or nobody would ever hear that it was not.
std::string find_start(const std::string& path, const std::string& name, std::uint64_t& number) {
  std::vector<std::uint64_t> of_id, of_number;
  ledger::LedgerFile file{path};
  ledger::NameTable places;
  file.read_starts(ledger::LedgerFile::Which::of_interest, places, [&](ledger::StartEntry&& entry) {
    if (entry.id == name) of_id.push_back(entry.number);
    if (fmt::format("{}", entry.number) == name) of_number.push_back(entry.number);
  });
  const std::vector<std::uint64_t>& found = of_id.empty() ? of_number : of_id;
  if (found.empty())
    return fmt::format("{} has no start \"{}\" that waits or needs a decision", path, shown(name));
  if (found.size() > 1)
    return fmt::format("several starts have the id \"{}\"; name one by its number: {}", shown(name),
                       fmt::join(found, ", "));
  number = found.front();
  return {};
}

int list_from_file(const Command& command, const std::string& path) {
  const InstancesReport report =
      report_from_file(path, command.instances.list, command.instances.limit, wall_now());
  const Json json = instances_json(report);
  if (command.json)
    print(dumped(json));
  else
    print(fmt::format("No proxy runs; from {}\n", path) + instances_text(json, terminal_output()));
  return exit_ok;
}

int leave_decision(const Command& command, const std::string& path) {
  ledger::OperatorAction request;
  request.at_ms = wall_now().time_since_epoch().count();
  request.who = user_name();
  const Kind kind = kind_of(command);
  request.action = request_word(kind);
  std::string what;
  if (kind == Kind::failed_over) {
    if (*command.last_sync > wall_now())
      return report_problem(command, "--last-sync-time lies in the future", exit_bad_input);
    what = request.text = rfc3339(*command.last_sync);
  } else {
    if (const std::string why_not = find_start(path, command.instances.id, request.number);
        !why_not.empty())
      return report_problem(command, why_not, exit_bad_input);
    request.text = command.instances.id;
    what = shown(command.instances.id);
  }
  leave_request(path, request);
  const std::string message = fmt::format(
      "{}: no proxy runs. The decision is written down in {}; the next proxy that starts with this "
      "ledger carries it out.",
      what, path);
  if (command.json)
    print(dumped(
        {{"action", to_string(kind)}, {"message", message}, {"source", path}, {"pending", true}}));
  else
    print(message + "\n");
  return exit_ok;
}

int use_file(const Command& command, const std::string& path, const std::string& nobody) {
  try {
    // A proxy on the same file may be listening elsewhere; it knows more than its file, and would
    // not see the request.
    if (!ledger::ledger_is_in_use(path))
      return is_list(command) ? list_from_file(command, path) : leave_decision(command, path);
    return report_problem(command,
                          fmt::format("a proxy is using {}: ask it with --admin ADDR:PORT{}", path,
                                      nobody.empty() ? "" : "; " + nobody),
                          exit_inconclusive);
  } catch (const ledger::StoreError& error) {
    return report_problem(command, (nobody.empty() ? "" : nobody + "\n") + error.what(),
                          exit_inconclusive);
  }
}

}  // namespace

Whereabouts whereabouts(const Command& command, const config::Config* config) {
  Whereabouts out;
  const std::string& file = command.instances.ledger;
  std::string admin = command.admin;
  if (admin.empty() && config != nullptr && config->admin.address.port != 0)
    admin = config->admin.address.text();
  // Whoever names a file and no proxy means the file: what listens at the default address may be
  // another one.
  const bool ask = !admin.empty() || (config == nullptr && file.empty());
  if (ask) {
    out.admin = parse_admin_target(admin);
    if (!out.admin)
      out.problem = fmt::format("--admin \"{}\" is not ADDR:PORT or http://ADDR:PORT, such as {}",
                                admin, default_admin);
  }
  if (!file.empty())
    out.ledger = file;
  else if (config != nullptr && ledger_settings(*config).mode == config::LedgerMode::durable)
    out.ledger = ledger_path(*config);
  else if (config == nullptr && command.admin.empty())
    out.ledger = ledger_path(config::Config{});
  if (out.problem.empty() && !out.admin && out.ledger.empty())
    out.problem =
        "the config keeps no ledger file and its admin listener has no fixed port: say where the "
        "proxy listens with --admin ADDR:PORT";
  return out;
}

AdminCall instances_call(const Command& command) {
  if (is_list(command))
    return {"GET",
            fmt::format("/api/instances?list={}&limit={}", to_string(command.instances.list),
                        command.instances.limit),
            list_limit};
  if (command.verb == Verb::storage)
    return {
        "POST",
        "/api/storage/failed-over?last_sync_time=" + percent_encoded(rfc3339(*command.last_sync)),
        action_limit};
  return {
      "POST",
      fmt::format("/api/{}?id={}",
                  kind_of(command) == Kind::resubmit ? "instances/resubmit" : "instances/forget",
                  percent_encoded(command.instances.id)),
      action_limit};
}

InstancesReport report_from_file(const std::string& path, InstanceList list, std::size_t most,
                                 ledger::WallTime now) {
  ledger::LedgerFile file{path};
  InstancesReport report;
  report.list = list;
  report.now = now;
  report.source = path;
  note_requests(report, file);
  if (list == InstanceList::stranded) add_unfinished(report, file, most);
  add_starts(report, file);
  keep_oldest(report, most);
  return report;
}

int run_instances_verb(const Command& command) {
  config::ParseResult parsed;
  if (!command.config.empty()) {
    parsed = config::parse_file(command.config, process_environment());
    if (!parsed.config) return report_problem(command, to_text(parsed.issues), exit_bad_input);
  }
  const Whereabouts where = whereabouts(command, parsed.config ? &*parsed.config : nullptr);
  if (!where.problem.empty()) return report_problem(command, where.problem, exit_bad_input);
  std::string nobody;
  if (where.admin) {
    const AdminReply reply = call_admin(*where.admin, instances_call(command));
    if (reply.status != 0) return show_answer(command, reply);
    if (!reply.refused || where.ledger.empty())
      return report_problem(command, reply.problem, exit_inconclusive);
    nobody = fmt::format("no proxy answers at {}", where.admin->text);
  }
  return use_file(command, where.ledger, nobody);
}

}  // namespace app
