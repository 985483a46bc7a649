// The Durable extension's HTTP API over a task hub in another process. Answers are those of the
// documented API, down to the order of keys and the empty body of a 404. A storage that cannot be
// reached is a 500, as it is in the real thing.
// Owned by FunctionApp, one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "rehearsal/app_options.hpp"
#include "rehearsal/check_status_payload.hpp"
#include "rehearsal/durable_route.hpp"
#include "rehearsal/orchestration_worker.hpp"
#include "rehearsal/storage_client.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

class DurableApi {
 public:
  // Both null: the app has no task hub.
  DurableApi(const AppOptions& options, const FunctionKeys& keys, StorageClient* storage,
             OrchestrationWorker* worker);

  // Whoever calls has checked the request's key.
  boost::asio::awaitable<transport::ServerResponse> handle(transport::ServerRequest request,
                                                           DurableRoute route);
  // A starter function of one's own: it uses its binding, and its SDK writes the answer.
  boost::asio::awaitable<transport::ServerResponse> start_from_function(
      transport::ServerRequest request, std::string function);

 private:
  struct Call;  // what the handlers of one request share
  using Response = boost::asio::awaitable<transport::ServerResponse>;

  Response start(Call& call);
  Response create(Call& call, const NewInstance& start);
  Response wait_for_output(Call& call, const std::string& id, std::chrono::milliseconds timeout,
                           std::chrono::milliseconds interval);
  Response restart(Call& call);
  Response make_primary();

  Response status(Call& call);
  Response list(Call& call);
  Response purge_one(Call& call);
  Response purge_many(Call& call);
  Response raise_event(Call& call);
  Response control(Call& call, std::string_view action);

  Response entity(Call& call);
  Response list_entities(Call& call);
  Response signal(Call& call);

  transport::ServerResponse status_answer(const Call& call, const Instance& instance,
                                          const std::vector<HistoryEvent>& history) const;
  void there_is_work();

  const AppOptions& options_;
  const FunctionKeys& keys_;
  StorageClient* storage_;
  OrchestrationWorker* worker_;
};

}  // namespace rehearsal
