// The Durable extension's HTTP API over a task hub in another process. Answers are those of the
// documented API, down to the order of keys and the empty body of a 404. A storage that cannot be
// reached is a 500, as it is in the real thing.
// Owned by FunctionApp, one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>

#include "rehearsal/app_options.hpp"
#include "rehearsal/durable_route.hpp"
#include "rehearsal/storage_client.hpp"
#include "rehearsal/uri.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

class DurableApi {
 public:
  // `storage` null: the app has no task hub. `started` is called after each accepted start.
  DurableApi(const AppOptions& options, StorageClient* storage, std::function<void()> started);

  boost::asio::awaitable<transport::ServerResponse> handle(transport::ServerRequest request,
                                                           DurableRoute route);
  // The same without a key: a starter function of one's own uses its binding, not the HTTP API.
  boost::asio::awaitable<transport::ServerResponse> start_from_function(
      transport::ServerRequest request, std::string function);

 private:
  struct Call;  // what the handlers of one request share
  using Response = boost::asio::awaitable<transport::ServerResponse>;

  Response start(Call& call);
  Response create(Call& call, NewInstance start);
  Response wait_for_output(Call& call, std::string id);
  Response status(Call& call);
  Response list(Call& call);
  Response purge_one(Call& call);
  Response purge_many(Call& call);
  Response raise_event(Call& call);
  Response control(Call& call, const char* action);
  Response restart(Call& call);
  bool is_authorized(const Call& call) const;

  const AppOptions& options_;
  StorageClient* storage_;
  std::function<void()> started_;
};

// The scheme and authority that the app believes to be reached under.
std::string origin_of(const transport::ServerRequest& request, const AppOptions& options);

}  // namespace rehearsal
