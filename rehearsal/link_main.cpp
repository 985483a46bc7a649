// understudy-link: a TCP link that can be made bad, see transport/link.hpp.
#include <boost/asio/co_spawn.hpp>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "config/url.hpp"
#include "rehearsal/cli.hpp"
#include "rehearsal/process.hpp"
#include "rehearsal/uri.hpp"
#include "transport/link.hpp"
#include "transport/resolver.hpp"

namespace {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;
using rehearsal::Query;
using transport::ServerRequest;
using transport::ServerResponse;

constexpr const char* commands = R"(
Commands, over HTTP to --control:
  POST /_control/fault?mode=forward|refuse|reset|blackhole|answer
      [&delay=300ms][&jitter=50ms][&rate=64KiB/s][&cut_after=1KiB][&first_byte_delay=2s]
      [&status=503][&path=/api/][&times=3]    takes the place of the fault before it
  POST /_control/heal
  POST /_control/tls?certificate=FILE&key=FILE
  GET  /_control/state)";

struct Options {
  config::Address listen{"127.0.0.1", 0};
  config::Address control{"127.0.0.1", 0};
  std::string to;
  std::string certificate, key;
};

ServerResponse refuse(int status, const std::string& why) {
  return {status, "application/json", Json{{"error", why}}.dump() + "\n"};
}

std::string words(const std::exception& error) {
  return error.what();
}

// The commands of one link. Owned by main, on the thread of the link.
class Control {
 public:
  Control(transport::Link& link, bool tls) : link_{link}, tls_{tls} {}

  asio::awaitable<ServerResponse> handle(ServerRequest request) { co_return answer(request); }

 private:
  ServerResponse answer(const ServerRequest& request) {
    const std::string_view path = request.path();
    const std::string what = request.method + " " + std::string{path};
    std::string problem;
    if (what == "POST /_control/fault") {
      problem = set_fault(request.query());
    } else if (what == "POST /_control/heal") {
      link_.set_fault({});
    } else if (what == "POST /_control/tls") {
      problem = set_tls(request.query());
    } else if (what != "GET /_control/state") {
      return refuse(404, what + ": no such command; see understudy-link --help");
    }
    if (!problem.empty()) return refuse(400, problem);
    return {200, "application/json", state().dump() + "\n"};
  }

  // All values or, when one is bad, none.
  std::string set_fault(std::string_view query) {
    transport::LinkFault fault;
    const Query parsed{query};
    for (const auto& [name, value] : parsed.all())
      if (std::string problem = transport::set_link_value(fault, name, value); !problem.empty())
        return problem;
    if (std::string problem = transport::check_link_fault(fault); !problem.empty()) return problem;
    link_.set_fault(fault);
    return {};
  }

  std::string set_tls(std::string_view text) {
    const Query query{text};
    const transport::ServerTls files{query.get("certificate"), query.get("key")};
    if (!tls_) return "this link does not end TLS; start it with --tls-certificate and --tls-key";
    if (files.certificate_file.empty() || files.key_file.empty())
      return "write certificate=FILE and key=FILE";
    try {
      link_.set_tls(files);
    } catch (const std::exception& error) {
      return words(error);
    }
    return {};
  }

  Json state() const {
    const transport::LinkFault& fault = link_.fault();
    const transport::LinkCounts counts = link_.counts();
    return Json{{"mode", transport::to_string(fault.mode)},
                {"fault", transport::describe(fault)},
                {"connections", counts.connections},
                {"open", counts.open},
                {"refusedByPeer", counts.refused_by_peer},
                {"reset", counts.reset},
                {"answered", counts.answered},
                {"bytesUp", counts.bytes_up},
                {"bytesDown", counts.bytes_down}};
  }

  transport::Link& link_;
  bool tls_;
};

asio::awaitable<void> look_up(config::Url peer, std::vector<config::SocketAddress>& addresses,
                              std::string& problem) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  auto found = co_await transport::resolve(peer.host, peer.port, deadline);
  if (found)
    addresses = std::move(*found);
  else
    problem = transport::to_string(found.error());
}

std::vector<config::SocketAddress> peers_of(asio::io_context& context, const std::string& to) {
  config::Url peer;
  const bool has_port = to.find(':') != std::string::npos && to.back() != ']';
  const auto wrong = config::parse_url("http://" + to, peer);
  if (wrong || !has_port || !peer.base_path.empty())
    throw std::runtime_error("--to " + to + ": is not HOST:PORT; write it like 127.0.0.1:7071");
  std::vector<config::SocketAddress> addresses;
  std::string problem;
  asio::co_spawn(context, look_up(peer, addresses, problem), [](std::exception_ptr) {});
  context.run();
  context.restart();
  if (!problem.empty()) throw std::runtime_error("--to " + to + ": " + problem);
  return addresses;
}

int run(const Options& options) {
  asio::io_context context{1};
  transport::LinkOptions link_options;
  link_options.listen = options.listen;
  link_options.peers = peers_of(context, options.to);
  if (!options.certificate.empty())
    link_options.tls = transport::ServerTls{options.certificate, options.key};
  transport::Link link{context.get_executor(), link_options};
  Control control{link, link_options.tls.has_value()};
  transport::HttpServer server{
      context.get_executor(), options.control,
      [&control](ServerRequest request) { return control.handle(std::move(request)); }};
  std::printf("control on %s\n", server.address().c_str());
  return rehearsal::run_until_signal(context, link.address_text(),
                                     [&link, &server](std::function<void()> done) {
                                       server.stop();
                                       link.stop(std::move(done));
                                     });
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"A TCP link that forwards bytes, and that can be made bad"};
  app.footer(commands);
  rehearsal::add_parsed(app, "--listen", options.listen, config::parse_listen_address,
                        "Address to listen on; port 0 takes a free one (127.0.0.1:0)");
  app.add_option("--to", options.to, "HOST:PORT that the bytes go to")->required();
  rehearsal::add_parsed(app, "--control", options.control, config::parse_listen_address,
                        "Address of the commands; loopback (127.0.0.1:0)");
  auto* certificate = app.add_option("--tls-certificate", options.certificate,
                                     "PEM: TLS ends here, and the peer gets cleartext");
  auto* key = app.add_option("--tls-key", options.key, "PEM: the certificate's key");
  certificate->needs(key);
  key->needs(certificate);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : rehearsal::bad_input;
  }
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "understudy-link: %s\n", error.what());
    return rehearsal::bad_input;
  }
}
