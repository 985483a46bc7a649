// A stand-in for the front end that a platform puts before an app. It forwards, and when the app
// takes too long it gives the client up (502, 504, a close or a reset) while the app goes on with
// the request: the case in which nobody can say whether a start took place. An app may have several
// instances, which get the requests in turn: one of them that is frozen makes every n-th request
// run into the cut, and one that is dead is passed over, as long as it was sent nothing.
// Owned by gateway_main or a test, one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "transport/http_client.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

struct GatewayCut {
  enum class Way { answer, close, reset };
  Way way = Way::answer;
  int status = 502;  // of an answer
};

// "500" to "599", "close" or "reset".
std::optional<GatewayCut> parse_gateway_cut(std::string_view);

enum class GatewayMode {
  forward,
  stopped,  // 403 with the page of a stopped app; nothing reaches it
};
std::optional<GatewayMode> parse_gateway_mode(std::string_view);

struct GatewayOptions {
  config::Address listen{"127.0.0.1", 0};
  std::vector<config::Url> apps;   // the instances of the app; one or more
  std::vector<std::string> hosts;  // any other Host is a 404; empty: all are served
  GatewayMode mode = GatewayMode::forward;
  std::chrono::milliseconds cut_after{230'000};
  GatewayCut cut;
};

class Gateway {
 public:
  // Listens; throws std::runtime_error when it cannot, or when there is no app.
  Gateway(boost::asio::any_io_executor executor, GatewayOptions options);

  const transport::HttpServer& server() const { return *server_; }
  void stop(std::function<void()> stopped);

  // For whoever calls from this machine and not by way of a proxy:
  //   GET  /_gateway
  //   POST /_gateway/set?[mode=forward|stopped][&after=230s][&with=502|504|close|reset]
  //   POST /_gateway/cut      gives up what is in flight, now
  // All of them answer with the settings and counts.
 private:
  struct Exchange;  // one request on its way to the app
  using Response = boost::asio::awaitable<transport::ServerResponse>;

  Response handle(transport::ServerRequest request);
  Response forward(transport::ServerRequest request);
  boost::asio::awaitable<void> ask_app(std::shared_ptr<Exchange> exchange,
                                       transport::FetchRequest request);
  transport::ServerResponse command(const transport::ServerRequest& request);
  bool set(std::string_view query);
  transport::ServerResponse give_up();
  bool serves(const transport::ServerRequest& request) const;
  transport::FetchRequest to_app(transport::ServerRequest request) const;
  std::string describe() const;

  boost::asio::any_io_executor executor_;
  GatewayOptions options_;
  std::unique_ptr<transport::HttpServer> server_;
  std::size_t next_app_ = 0;
  std::set<std::shared_ptr<Exchange>> waited_for_;
  std::uint64_t forwarded_ = 0;
  std::uint64_t cut_ = 0;
  std::uint64_t answered_too_late_ = 0;  // the app's answers that found nobody
};

}  // namespace rehearsal
