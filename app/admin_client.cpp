#include "app/admin_client.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/status_text.hpp"
#include "config/units.hpp"
#include "config/url.hpp"
#include "transport/http_client.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr auto makeprimary_limit = 20s;  // an app is asked, which may be slow

struct Reply {
  int status = 0;  // 0: nobody answered
  Json body;
  std::string problem;
};

Reply ask(const AdminTarget& target, const AdminCall& call) {
  AdminReply reply = call_admin(target, call);
  if (reply.status == 0) return {0, {}, std::move(reply.problem)};
  return {reply.status, Json::parse(reply.text), {}};
}

int status_exit_code(const Json& status) {
  const bool serving = status.at("active").at("endpoint").is_string() &&
                       !status.at("allDegraded").get<bool>() && !status.at("draining").get<bool>();
  return serving ? exit_ok : exit_check_failed;
}

volatile std::sig_atomic_t interrupted = 0;

void on_interrupt(int) {
  interrupted = 1;
}

// Prints again and again until Ctrl-C: a terminal is redrawn, anything else gets a line per change.
template <class Show>
int watch(const Command& command, const AdminTarget& target, Show show) {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  bool reachable = true;
  while (interrupted == 0) {
    const Reply reply = ask(target, admin_call(command));
    if (reply.status / 100 == 2)
      show(reply.body);
    else if (reachable)
      report_problem(command, reply.status == 0 ? reply.problem : reply.body.dump(),
                     exit_inconclusive);
    reachable = reply.status / 100 == 2;
    for (int i = 0; i < 5 && interrupted == 0; ++i) std::this_thread::sleep_for(100ms);
  }
  return exit_interrupted;
}

int watch_status(const Command& command, const AdminTarget& target) {
  const bool terminal = terminal_output();
  std::string shown;
  return watch(command, target, [&](const Json& status) {
    if (terminal && !command.json) return print("\033[H\033[2J" + status_text(status, true));
    const std::string summary = status_summary(status);
    if (summary == std::exchange(shown, summary)) return;
    print(command.json ? status.dump() + "\n"
                       : status.at("now").get<std::string>() + "  " + summary + "\n");
  });
}

int watch_events(const Command& command, const AdminTarget& target) {
  const bool colours = terminal_output();
  std::uint64_t seen = 0;
  return watch(command, target, [&](const Json& body) {
    for (const Json& event : body.at("events")) {
      const auto sequence = event.at("sequence").get<std::uint64_t>();
      if (sequence <= seen) continue;
      seen = sequence;
      print(command.json ? event.dump() + "\n" : event_line(event, colours));
    }
  });
}

int print_reply(const Command& command, const Reply& reply) {
  const bool good = reply.status / 100 == 2;
  if (command.json) {
    print(reply.body.dump(2) + "\n");
  } else if (!good) {
    return report_problem(command, reply.body.value("detail", reply.body.dump()),
                          exit_code_of_status(reply.status));
  } else if (command.verb == Verb::status) {
    print(status_text(reply.body, terminal_output()));
  } else if (command.verb == Verb::events) {
    print(events_text(reply.body.at("events"), terminal_output()));
  } else {
    print(reply.body.value("message", "done") + "\n");
  }
  if (good && command.verb == Verb::status) return status_exit_code(reply.body);
  return exit_code_of_status(reply.status);
}

}  // namespace

bool terminal_output() {
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr && term != nullptr &&
         std::strcmp(term, "dumb") != 0;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

AdminReply call_admin(const AdminTarget& target, const AdminCall& call) {
  transport::FetchRequest request;
  request.connect_host = target.host;
  request.connect_port = target.port;
  request.host = target.text;
  request.method = call.method;
  request.target = call.target;
  request.body_limit = 16 * 1024 * 1024;
  request.deadline = std::chrono::steady_clock::now() + call.limit;
  auto answer = transport::fetch_blocking(std::move(request));
  AdminReply reply;
  if (!answer) {
    reply.refused = answer.error().cause == boost::system::errc::connection_refused;
    reply.problem = fmt::format(
        "no proxy answers at {} ({}).\nIs it running? Start it with `understudy run …`, or name "
        "another admin listener with --admin ADDR:PORT.",
        target.text, to_string(answer.error()));
    return reply;
  }
  if (!Json::accept(answer->body)) {
    reply.problem = target.text + " answers, but not as an Understudy admin listener does";
    return reply;
  }
  reply.status = answer->status;
  reply.text = std::move(answer->body);
  return reply;
}

int exit_code_of_status(int status) {
  if (status / 100 == 2) return exit_ok;
  if (status == 404 || status == 400) return exit_bad_input;
  if (status == 504) return exit_inconclusive;
  return exit_check_failed;
}

int report_problem(const Command& command, const std::string& problem, int code) {
  if (command.json)
    print(Json{{"error", problem}, {"exitCode", code}}.dump(2) + "\n");
  else
    std::fprintf(stderr, "understudy %s: %s\n", std::string{to_string(command.verb)}.c_str(),
                 problem.c_str());
  return code;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::optional<AdminTarget> parse_admin_target(std::string_view text) {
  if (text.empty()) text = default_admin;
  constexpr std::string_view scheme = "http://";
  if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  while (text.ends_with('/')) text.remove_suffix(1);
  config::Address address;
  if (config::parse_listen_address(text, address) || address.port == 0) return std::nullopt;
  return AdminTarget{address.host, address.port, address.text()};
}

AdminCall admin_call(const Command& command) {
  const auto on_endpoint = [&](std::string_view action) {
    return AdminCall{"POST",
                     fmt::format("/api/endpoints/{}/{}", percent_encoded(command.name), action)};
  };
  switch (command.verb) {
    case Verb::status:
      return {"GET", "/api/status"};
    case Verb::events:
      return {"GET", "/api/events"};
    case Verb::enable:
      return on_endpoint("enable");
    case Verb::disable:
      return on_endpoint("disable");
    case Verb::drain:
      return on_endpoint(command.undo ? "undrain" : "drain");
    case Verb::makeprimary:
      return {"POST", on_endpoint("makeprimary").target, makeprimary_limit};
    case Verb::hold:
      if (!command.hold_for) return {"POST", "/api/hold"};
      return {"POST", "/api/hold?for=" + config::duration_text(*command.hold_for)};
    default:
      return {"POST", fmt::format("/api/{}", to_string(command.verb))};
  }
}

int run_operator_verb(const Command& command) {
  const auto target = parse_admin_target(command.admin);
  if (!target)
    return report_problem(
        command,
        fmt::format("--admin \"{}\" is not ADDR:PORT or http://ADDR:PORT, such as "
                    "{}",
                    command.admin, default_admin),
        exit_bad_input);
  if (command.watch && command.verb == Verb::status) return watch_status(command, *target);
  if (command.watch) return watch_events(command, *target);
  const Reply reply = ask(*target, admin_call(command));
  if (reply.status == 0) return report_problem(command, reply.problem, exit_inconclusive);
  return print_reply(command, reply);
}

}  // namespace app
