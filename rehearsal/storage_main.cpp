// understudy-storage: one storage account. Owns the SQLite file of its task hubs, so that freezing
// or killing an app never holds its lock.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "config/units.hpp"
#include "config/url.hpp"
#include "rehearsal/process.hpp"
#include "rehearsal/storage_account.hpp"
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
  std::string journal;
  std::string from_replica;
  std::string replicate_to;
  std::string replicate_every;
  std::string replica_skew = "0s";
};

constexpr const char* what_is_modelled = R"(
An asynchronous replica (--replicate-to, --replicate-every) is a copy of the file, made every so
often while calls are served. GET /_control/replica tells its Last Sync Time: all writes until then
are in it. An account failover, over HTTP from this machine:

  POST /_control/failover?kind=planned[&takes=2s]     nothing is lost; stays geo-redundant
  POST /_control/failover?kind=unplanned[&takes=2s]   what came after the Last Sync Time is lost;
                                                      no replica until it is configured again:
  POST /_control/replication?every=15s[&skew=2s]      also every=off

Calls are answered 503 until it is through; its answer names what was lost. With --replica-skew
tables and queues are cut at different moments: an instance whose row was cut without its message
stays Pending or Running for ever, and a message without its row is dropped. Leases are copied as
they are. Not modelled: a failover of an hour, DNS, one service or partition that lags behind.

GET /_control/executions[?hub=&id=&after=&top=] lists every run of an orchestrator: instance, app,
run, created, started, finished, status. It is kept in a journal that is no part of the replica, so
that it shows too what a failover has undone, and each run of an id that was used again.
GET /_control/activities[?hub=] adds up what each app did.

POST /_control/read-only?on=true makes writes fail with SQLite's words while reads go on.)";

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

// Nothing, when replication is off.
bool read_replication(const Options& options, rehearsal::Replication& replication) {
  if (options.replicate_every.empty()) {
    if (options.replicate_to.empty()) return true;
    return refuse("--replicate-to", options.replicate_to, "also say --replicate-every, as 15s");
  }
  replication.file = options.replicate_to;
  if (const auto problem = config::parse_duration(options.replicate_every, replication.every))
    return refuse("--replicate-every", options.replicate_every,
                  problem->rule + "; " + problem->hint);
  if (replication.every < std::chrono::milliseconds{10})
    return refuse("--replicate-every", options.replicate_every, "take 10ms or more");
  const auto skew = rehearsal::parse_skew(options.replica_skew);
  if (!skew)
    return refuse("--replica-skew", options.replica_skew,
                  "write a duration of at most 60m, as 2s or -2s");
  replication.skew = *skew;
  return true;
}

// The account begins as what a replica knows.
bool begin_from_replica(const Options& options) {
  if (options.from_replica.empty()) return true;
  if (std::filesystem::exists(options.file))
    return refuse("--from-replica", options.from_replica,
                  "there is a primary, " + options.file + "; name another file with --db");
  const auto replica = rehearsal::read_replica(options.from_replica);
  if (!replica) return refuse("--from-replica", options.from_replica, "there is no such file");
  rehearsal::take_place(options.from_replica, options.file, true);
  std::printf("from a replica with Last Sync Time %s\n",
              rehearsal::exact_time_text(replica->last_sync()).c_str());
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
  rehearsal::StorageFaults faults{context.get_executor()};
  rehearsal::Replication replication;
  if (!set_faults(faults, options) || !read_replication(options, replication) ||
      !begin_from_replica(options))
    return bad_input;
  rehearsal::StorageAccount account{context.get_executor(), options.file, options.journal, faults};
  account.replicate(replication);
  rehearsal::StorageApi api{account, faults};
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
  app.add_option("--journal", options.journal, "File that tells what ran; no part of the account")
      ->option_text("FILE (DB.runs)");
  app.add_option("--replicate-to", options.replicate_to,
                 "File of the asynchronous replica; unfinished copies never count")
      ->option_text("FILE (DB.replica)");
  app.add_option("--replicate-every", options.replicate_every,
                 "Make one so often, as 15s; without it the account is locally redundant")
      ->option_text("DURATION");
  app.add_option("--replica-skew", options.replica_skew,
                 "Cut the queues this much after the tables, or before: -2s")
      ->capture_default_str();
  app.add_option("--from-replica", options.from_replica,
                 "Begin as the new primary, with a copy of this replica; --db must not exist")
      ->option_text("FILE");
  app.footer(what_is_modelled);
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
