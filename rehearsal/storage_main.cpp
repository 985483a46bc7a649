// understudy-storage: one storage account. Owns the SQLite file of its task hubs, so that freezing
// or killing an app never holds its lock.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "config/url.hpp"
#include "rehearsal/hub_store.hpp"
#include "rehearsal/process.hpp"
#include "rehearsal/storage_api.hpp"
#include "transport/http_server.hpp"

namespace {

constexpr int bad_input = 2;

int run(const std::string& listen, const std::string& file) {
  config::Address address;
  if (const auto problem = config::parse_listen_address(listen, address)) {
    std::fprintf(stderr, "understudy-storage: --listen %s: %s; %s\n", listen.c_str(),
                 problem->rule.c_str(), problem->hint.c_str());
    return bad_input;
  }
  boost::asio::io_context context{1};
  rehearsal::HubStore store{file};
  rehearsal::StorageApi api{store};
  transport::ServerOptions options;
  options.body_limit = 64 * 1024 * 1024;
  options.max_connections = 4096;
  transport::HttpServer server{
      context.get_executor(), address,
      [&api](transport::ServerRequest request) { return api.handle(std::move(request)); }, options};
  return rehearsal::run_until_signal(
      context, server.address(),
      [&server](std::function<void()> done) { server.stop(std::move(done)); });
}

}  // namespace

int main(int argc, char** argv) {
  std::string listen = "127.0.0.1:0";
  std::string file;
  CLI::App app{"A storage account of the rehearsal: task hubs in one SQLite file"};
  app.add_option("--listen", listen, "Address to listen on; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--db", file, "SQLite file, made when it does not exist")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : bad_input;
  }
  try {
    return run(listen, file);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "understudy-storage: %s\n", error.what());
    return bad_input;
  }
}
