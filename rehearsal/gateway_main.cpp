// understudy-gateway: a stand-in for a platform's front end, see gateway.hpp.
#include <cstdio>
#include <exception>

#include "config/url.hpp"
#include "rehearsal/cli.hpp"
#include "rehearsal/gateway.hpp"
#include "rehearsal/process.hpp"

namespace {

using config::Problem;
using rehearsal::GatewayCut;
using rehearsal::GatewayMode;

void add_app(const std::string& text, std::vector<config::Url>& apps) {
  config::Url app;
  auto problem = config::parse_url(text, app);
  if (!problem && app.tls) problem = Problem{"the app speaks plain HTTP", "write http://"};
  if (problem)
    throw CLI::ValidationError("--app", text + ": " + problem->rule + "; " + problem->hint);
  apps.push_back(std::move(app));
}

std::optional<Problem> parse_cut(std::string_view text, GatewayCut& cut) {
  const auto parsed = rehearsal::parse_gateway_cut(text);
  if (!parsed) return Problem{"not a way to give up", "write 500 to 599, close or reset"};
  cut = *parsed;
  return std::nullopt;
}

std::optional<Problem> parse_mode(std::string_view text, GatewayMode& mode) {
  const auto parsed = rehearsal::parse_gateway_mode(text);
  if (!parsed) return Problem{"not a mode", "write forward or stopped"};
  mode = *parsed;
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  rehearsal::GatewayOptions options;
  CLI::App app{"A stand-in for the front end that a platform puts before an app"};
  rehearsal::add_parsed(app, "--listen", options.listen, config::parse_listen_address,
                        "Address to listen on; port 0 takes a free one (127.0.0.1:0)");
  app.add_option_function<std::vector<std::string>>(
         "--app",
         [&options](const std::vector<std::string>& urls) {
           for (const std::string& url : urls) add_app(url, options.apps);
         },
         "URL of the app; repeatable: instances of it, which get the requests in turn")
      ->required();
  rehearsal::add_parsed(app, "--cut-after", options.cut_after, config::parse_duration,
                        "How long the app may take before the client is given up (230s)");
  rehearsal::add_parsed(app, "--cut-with", options.cut, parse_cut,
                        "How that looks: 500 to 599, close or reset (502)");
  rehearsal::add_parsed(app, "--mode", options.mode, parse_mode,
                        "forward, or stopped: 403 with the page of a stopped app (forward)");
  app.add_option("--host", options.hosts,
                 "Host that is served, others get 404; repeatable; the first is the app's own");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : rehearsal::bad_input;
  }
  try {
    boost::asio::io_context context{1};
    rehearsal::Gateway gateway{context.get_executor(), options};
    return rehearsal::run_until_signal(
        context, gateway.server().address(),
        [&gateway](std::function<void()> done) { gateway.stop(std::move(done)); });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "understudy-gateway: %s\n", error.what());
    return rehearsal::bad_input;
  }
}
