#include "rehearsal/stage/command_line.hpp"

#include <CLI/CLI.hpp>
#include <sstream>

#include "config/units.hpp"
#include "config/url.hpp"

namespace stage {
namespace {

constexpr const char* footer = R"(
A rehearsal plays an outage on this machine, with no cloud and no containers, and hands over a
report of what clients saw next to what the configuration promised.

  understudy rehearse list                       the built-in scenarios
  understudy rehearse primary-freeze             plays one; the report's place is printed at the end
  understudy rehearse primary-freeze --config understudy.json    your own profile, on stand-ins
  understudy rehearse init understudy.json       writes a commented scenario file to start from
  understudy rehearse my-scenario.json --report out/
  understudy rehearse my-scenario.json --attach http://127.0.0.1:8081 --target http://127.0.0.1:8080 \
      --i-mean-it --max-error-rate 5% --time-limit 5m

Exit codes: 0 every objective met, 1 an objective was missed, 2 bad input, 3 inconclusive (a part did
not start, or the steady state was not reached), 130 interrupted, and healed.)";

std::optional<config::Problem> parse_share(const std::string& text, std::optional<double>& share) {
  double value = -1;
  std::size_t used = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
  }
  const bool percent = used + 1 == text.size() && text.back() == '%';
  if (percent) value /= 100;
  if ((!percent && used != text.size()) || !(value >= 0 && value <= 1))
    return config::Problem{"is not a share", "write 0 to 1, or a percentage like 5%"};
  share = value;
  return std::nullopt;
}

std::optional<config::Problem> check_url(const std::string& text) {
  config::Url url;
  return config::parse_url(text, url);
}

template <class Parse>
std::function<std::string(const std::string&)> checked(Parse parse) {
  return [parse](const std::string& text) -> std::string {
    const auto problem = parse(text);
    return problem ? text + " " + problem->rule + "; " + problem->hint : "";
  };
}

void declare_play(CLI::App& app, Command& command) {
  app.add_option("--config", command.config,
                 "Play it with the profile of this configuration file, on stand-ins");
  app.add_option("--report", command.report,
                 "Folder of the report (understudy-rehearsals/NAME-TIME)");
  app.add_option("--meta", command.meta,
                 "JSON file with the fields of a test protocol: test_id, people, approver, ...");
  app.add_option("--time-scale", command.time_scale,
                 "Divide every interval, wait and fault; said in the report")
      ->check(CLI::Range(1, 100));
  app.add_option("--seed", command.seed, "Of the load, instead of the scenario's");
  app.add_option("--rate", command.rate, "Requests a second, instead of the scenario's")
      ->check(CLI::Range(0.1, 2000.0));
  app.add_flag("--quiet", command.quiet, "Print the verdict only");
  app.add_flag("--plain", command.plain, "Plain lines, also on a terminal");
  app.add_option("--compare-with", command.compare_with,
                 "Admin URL of a running proxy: the report names the settings that differ")
      ->check(checked(check_url));
}

void declare_attach(CLI::App& app, Command& command) {
  auto* attach =
      app.add_option("--attach", command.attach,
                     "Admin URL of a running proxy with faults.allow: nothing is started, faults "
                     "are played in its upstream leg")
          ->check(checked(check_url));
  app.add_option("--target", command.target, "With --attach: where clients reach that proxy")
      ->check(checked(check_url))
      ->needs(attach);
  app.add_option("--admin-token-file", command.token_file,
                 "With --attach: file with the admin token (or UNDERSTUDY_ADMIN_TOKEN)")
      ->needs(attach);
  app.add_flag("--i-mean-it", command.i_mean_it, "With --attach: this disturbs real clients")
      ->needs(attach);
  app.add_option_function<std::string>(
         "--max-error-rate",
         [&command](const std::string& text) {
           if (const auto problem = parse_share(text, command.max_error_rate))
             throw CLI::ValidationError("--max-error-rate",
                                        text + " " + problem->rule + "; " + problem->hint);
         },
         "Stop and heal when more of the requests of the last 5 s failed, as 5%")
      ->option_text("SHARE");
  app.add_option_function<std::string>(
         "--time-limit",
         [&command](const std::string& text) {
           if (const auto problem = config::parse_duration(text, command.time_limit))
             throw CLI::ValidationError("--time-limit",
                                        text + " " + problem->rule + "; " + problem->hint);
         },
         "Stop and heal after so long, instead of the scenario's limit")
      ->option_text("DURATION");
}

// What the options need of each other beyond what CLI11 checks; "" all is well.
std::string odd(const Command& command) {
  if (command.attach.empty()) return "";
  if (command.target.empty()) return "--attach needs --target, the URL where clients come in";
  if (!command.i_mean_it)
    return "--attach breaks a running proxy's upstream leg on purpose: say --i-mean-it";
  if (!command.max_error_rate)
    return "--attach needs a stop condition: --max-error-rate 5%, say, heals when more fail";
  if (!command.config.empty()) return "--config plays on stand-ins; it cannot go with --attach";
  if (command.time_scale != 1) return "--time-scale cannot go with --attach: its times are real";
  return "";
}

}  // namespace

ParsedLine parse_command_line(const std::vector<std::string>& arguments) {
  ParsedLine parsed;
  Command command;
  CLI::App app{"Rehearse the failure of a region", "understudy rehearse"};
  app.footer(footer);
  app.require_subcommand(0, 1);
  app.fallthrough();
  std::string scenario;
  app.add_option("SCENARIO", scenario, "Name of a built-in scenario, or a scenario file");
  app.add_flag("--json", command.json, "Print JSON on standard output");
  declare_play(app, command);
  declare_attach(app, command);

  const auto verb = [&](const char* name, const char* description, Action action,
                        std::vector<std::string> files) {
    CLI::App* sub = app.add_subcommand(name, description);
    sub->callback([&command, action] { command.action = action; });
    for (std::size_t i = 0; i < files.size(); ++i)
      sub->add_option_function<std::string>(
             files[i], [&command](const std::string& text) { command.names.push_back(text); }, "")
          ->required();
  };
  verb("list", "The built-in scenarios, one line each", Action::list, {});
  verb("show", "Print the file of a built-in scenario", Action::show, {"NAME"});
  verb("check", "Say what is wrong with a scenario file", Action::check, {"FILE"});
  verb("schema", "Print the JSON Schema of scenario files, for editors", Action::schema, {});
  verb("init", "Print a commented scenario file for a configuration", Action::init, {"CONFIG"});
  verb("compare", "Compare two runs: folders of reports, or their result.json", Action::compare,
       {"A", "B"});

  std::vector<std::string> reversed{arguments.rbegin(), arguments.rend()};
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const int code = app.exit(error, out, err);
    parsed.exit_code = code == 0 ? exit_ok : exit_bad_input;
    parsed.out = out.str();
    parsed.err = err.str();
    return parsed;
  }
  const auto refuse = [&parsed](const std::string& why) {
    parsed.exit_code = exit_bad_input;
    parsed.err = "understudy rehearse: " + why + "\n";
    return parsed;
  };
  if (app.get_subcommands().empty()) {
    if (scenario.empty()) {
      parsed.out = app.help();
      parsed.exit_code = exit_bad_input;
      return parsed;
    }
    command.action = Action::play;
    command.names = {scenario};
    if (const std::string why = odd(command); !why.empty()) return refuse(why);
  }
  parsed.command = std::move(command);
  return parsed;
}

}  // namespace stage
