// A stand-in for a function app with the Durable extension: what `understudy-app` serves. Plain
// routes to look at a proxy with, the Durable API over a task hub in the storage process, and
// switches under /_control (loopback only) to make it play dead in the documented ways.
// Owned by app_main or a test, one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "rehearsal/app_control.hpp"
#include "rehearsal/app_options.hpp"
#include "rehearsal/blob_lease.hpp"
#include "rehearsal/cold_start.hpp"
#include "rehearsal/durable_api.hpp"
#include "rehearsal/function_keys.hpp"
#include "rehearsal/orchestration_worker.hpp"
#include "rehearsal/storage_client.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

class FunctionApp {
 public:
  // Listens, and starts to take work when it has a storage. Throws std::runtime_error when it
  // cannot listen or the place of its blob is none.
  FunctionApp(boost::asio::any_io_executor executor, AppOptions options);

  const transport::HttpServer& server() const { return *server_; }
  // Finishes what is in flight, gives leases back, then calls `stopped`.
  void stop(std::function<void()> stopped);

 private:
  boost::asio::awaitable<transport::ServerResponse> handle(transport::ServerRequest request);
  boost::asio::awaitable<transport::ServerResponse> respond(transport::ServerRequest request);
  boost::asio::awaitable<void> wait_until(std::chrono::steady_clock::time_point time);
  boost::asio::awaitable<transport::ServerResponse> api(transport::ServerRequest request);
  boost::asio::awaitable<void> run_worker();
  boost::asio::awaitable<void> run_blob_lease();
  boost::asio::awaitable<std::optional<transport::ServerResponse>> hub_control(
      const transport::ServerRequest& request);
  transport::ServerResponse control(const transport::ServerRequest& request);
  transport::ServerResponse statistics() const;
  bool lacks_required_header(const transport::ServerRequest& request) const;
  bool lacks_lease() const;  // on a blob, when it needs one
  void part_ended();

  boost::asio::any_io_executor executor_;
  const AppOptions options_;
  AppControl control_;
  ColdStart cold_start_;
  FunctionKeys keys_;
  std::optional<StorageClient> storage_;
  std::optional<OrchestrationWorker> worker_;
  std::optional<DurableApi> durable_;
  std::optional<BlobLease> blob_lease_;
  std::unique_ptr<transport::HttpServer> server_;
  std::uint64_t requests_ = 0;
  int parts_running_ = 0;
  std::function<void()> stopped_;
};

}  // namespace rehearsal
