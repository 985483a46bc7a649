// understudy-app: a stand-in function app, see function_app.hpp.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "config/units.hpp"
#include "config/url.hpp"
#include "rehearsal/durable_route.hpp"
#include "rehearsal/function_app.hpp"
#include "rehearsal/process.hpp"

namespace {

constexpr int bad_input = 2;

using config::Problem;
using rehearsal::AppOptions;

// An option whose text is turned into a value by one of config's parsers.
template <class T, class Parse>
void add_parsed(CLI::App& app, const std::string& name, T& value, Parse parse,
                const std::string& description) {
  app.add_option_function<std::string>(
      name,
      [&value, parse, name](const std::string& text) {
        if (const auto problem = parse(text, value))
          throw CLI::ValidationError(name, text + ": " + problem->rule + "; " + problem->hint);
      },
      description);
}

std::optional<Problem> parse_storage(std::string_view text, std::optional<config::Url>& storage) {
  config::Url url;
  if (auto problem = config::parse_url(text, url)) return problem;
  if (url.tls) return Problem{"the storage speaks plain HTTP", "write http://"};
  storage = url;
  return std::nullopt;
}

std::optional<Problem> parse_state(std::string_view text, rehearsal::AppState& state) {
  const auto parsed = rehearsal::parse_app_state(text);
  if (!parsed) return Problem{"not a state", "write running, stopped or offline"};
  state = *parsed;
  return std::nullopt;
}

std::optional<Problem> parse_hub(std::string_view text, std::string& hub) {
  if (!rehearsal::is_valid_hub_name(text))
    return Problem{"not a task hub name", "3 to 45 letters and digits, a letter first"};
  hub = std::string{text};
  return std::nullopt;
}

void declare(CLI::App& app, AppOptions& options, double& lease_seconds) {
  add_parsed(app, "--listen", options.listen, config::parse_listen_address,
             "Address to listen on; port 0 takes a free one (127.0.0.1:0)");
  app.add_option("--name", options.name, "Name of the app, in X-Served-By and its answers")
      ->capture_default_str();
  app.add_option("--site-name", options.site_name,
                 "Name under which it takes leases; must differ between apps (the name)");
  add_parsed(app, "--storage", options.storage, parse_storage,
             "URL of its understudy-storage; without it there is no task hub");
  add_parsed(app, "--hub", options.hub, parse_hub, "Task hub (TestHub)");
  app.add_option("--key", options.key, "Key that the Durable API asks for; none by default");
  app.add_option("--function", options.functions,
                 "Known orchestrator; repeatable; any name by default");
  app.add_option("--steps", options.plan.steps, "Activities of an orchestration")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  add_parsed(app, "--step-time", options.plan.step_time, config::parse_duration,
             "How long an activity takes (200ms)");
  add_parsed(app, "--state", options.state, parse_state, "running, stopped or offline");
  app.add_option("--lease-seconds", lease_seconds,
                 "After this long without a word another app goes on with its orchestrations")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  add_parsed(app, "--storage-timeout", options.storage_timeout, config::parse_duration,
             "How long the storage may take to answer (2s)");
  app.add_flag("--forwarded-host", options.forwarded_host,
               "Make URLs from X-Forwarded-Host and X-Forwarded-Proto instead of Host");
}

}  // namespace

int main(int argc, char** argv) {
  AppOptions options;
  double lease_seconds = 5;
  CLI::App app{"A stand-in for a function app with Durable Functions"};
  declare(app, options, lease_seconds);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : bad_input;
  }
  options.lease = std::chrono::milliseconds{static_cast<long long>(lease_seconds * 1000)};
  try {
    boost::asio::io_context context{1};
    rehearsal::FunctionApp function_app{context.get_executor(), options};
    return rehearsal::run_until_signal(
        context, function_app.server().address(),
        [&function_app](std::function<void()> done) { function_app.stop(std::move(done)); });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "understudy-app: %s\n", error.what());
    return bad_input;
  }
}
