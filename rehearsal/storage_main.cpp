// understudy-storage: one storage account. Owns the SQLite file of its task hubs, so that freezing
// or killing an app never holds its lock.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "config/units.hpp"
#include "config/url.hpp"
#include "rehearsal/hub_store.hpp"
#include "rehearsal/process.hpp"
#include "rehearsal/storage_api.hpp"
#include "rehearsal/storage_faults.hpp"
#include "transport/http_server.hpp"

namespace {

constexpr int bad_input = 2;

struct Options {
  std::string listen = "127.0.0.1:0";
  std::string file;
  std::string latency = "0ms";
  std::vector<std::string> app_latencies;  // "NAME=30ms"
  std::string outage = "none";
};

bool refuse(const char* option, const std::string& value, const std::string& why) {
  std::fprintf(stderr, "understudy-storage: %s %s: %s\n", option, value.c_str(), why.c_str());
  return false;
}

bool set_latency(rehearsal::StorageFaults& faults, const char* option, const std::string& app,
                 const std::string& text) {
  std::chrono::milliseconds latency{0};
  if (const auto problem = config::parse_duration(text, latency))
    return refuse(option, text, problem->rule + "; " + problem->hint);
  faults.set_latency(app, latency);
  return true;
}

bool set_faults(rehearsal::StorageFaults& faults, const Options& options) {
  if (!set_latency(faults, "--latency", "", options.latency)) return false;
  for (const std::string& text : options.app_latencies) {
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      return refuse("--app-latency", text, "write the app's name, \"=\" and a duration");
    if (!set_latency(faults, "--app-latency", text.substr(0, equals), text.substr(equals + 1)))
      return false;
  }
  const auto outage = rehearsal::parse_outage(options.outage);
  if (!outage) return refuse("--outage", options.outage, "write none, errors, resets or hangs");
  faults.set_outage(*outage);
  return true;
}

int run(const Options& options) {
  const std::string& listen = options.listen;
  config::Address address;
  if (const auto problem = config::parse_listen_address(listen, address)) {
    std::fprintf(stderr, "understudy-storage: --listen %s: %s; %s\n", listen.c_str(),
                 problem->rule.c_str(), problem->hint.c_str());
    return bad_input;
  }
  boost::asio::io_context context{1};
  rehearsal::HubStore store{options.file};
  rehearsal::StorageFaults faults{context.get_executor()};
  if (!set_faults(faults, options)) return bad_input;
  rehearsal::StorageApi api{store, faults};
  transport::ServerOptions server_options;
  server_options.body_limit = 64 * 1024 * 1024;
  server_options.max_connections = 4096;
  transport::HttpServer server{
      context.get_executor(), address,
      [&api](transport::ServerRequest request) { return api.handle(std::move(request)); },
      server_options};
  return rehearsal::run_until_signal(context, server.address(),
                                     [&server, &faults](std::function<void()> done) {
                                       faults.end();
                                       server.stop(std::move(done));
                                     });
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"A storage account of the rehearsal: task hubs in one SQLite file"};
  app.add_option("--listen", options.listen, "Address to listen on; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--db", options.file, "SQLite file, made when it does not exist")->required();
  app.add_option("--latency", options.latency, "Every call takes this much longer")
      ->capture_default_str();
  app.add_option("--app-latency", options.app_latencies,
                 "NAME=DURATION: the calls of that app take this much longer; repeatable");
  app.add_option("--outage", options.outage, "none, errors, resets or hangs")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : bad_input;
  }
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "understudy-storage: %s\n", error.what());
    return bad_input;
  }
}
