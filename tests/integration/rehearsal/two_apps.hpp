// Two stand-in apps and their storage, all on one io_context over real sockets.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "rehearsal/function_app.hpp"
#include "rehearsal/storage_account.hpp"
#include "rehearsal/storage_api.hpp"
#include "tests/integration/transport/loopback.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::FetchRequest;
using transport::FetchResponse;
using namespace std::chrono_literals;

inline constexpr const char* webhooks = "/runtime/webhooks/durabletask";

class TwoApps : public ::testing::Test {
 public:
  TwoApps() {
    std::string pattern = (std::filesystem::temp_directory_path() / "apps-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder = pattern;
    start_storage(0);
  }
  ~TwoApps() override {
    primary.reset();
    secondary.reset();
    stop_storage();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

 protected:
  void start_storage(std::uint16_t port) {
    faults = std::make_unique<StorageFaults>(context.get_executor());
    account = std::make_unique<StorageAccount>(context.get_executor(), (folder / "hub.db").string(),
                                               "", *faults);
    api = std::make_unique<StorageApi>(*account, *faults);
    storage = std::make_unique<transport::HttpServer>(
        context.get_executor(), config::Address{"127.0.0.1", port},
        [this](transport::ServerRequest request) { return api->handle(std::move(request)); });
    storage_port = storage->port();
  }
  void stop_storage() {
    storage.reset();
    api.reset();
    account.reset();
    faults.reset();
  }

  AppOptions options(const std::string& name) {
    AppOptions out;
    out.name = name;
    out.storage.emplace();
    out.storage->host = "127.0.0.1";
    out.storage->port = storage_port;
    out.hub = "Orders";
    out.plan.steps = 3;
    out.plan.step_time = 20ms;
    out.lease = 300ms;
    out.poll_interval = 50ms;
    return out;
  }
  void start_apps() {
    primary = std::make_unique<FunctionApp>(context.get_executor(), options("primary"));
    secondary = std::make_unique<FunctionApp>(context.get_executor(), options("secondary"));
  }

  FetchResponse send(FunctionApp& app, const std::string& method, const std::string& target,
                     const std::string& body = "", transport::HeaderList headers = {}) {
    FetchRequest request;
    request.addresses = {transport_test::loopback(app.server().port())};
    request.host = "orders.example";
    request.method = method;
    request.target = target;
    request.body = body;
    request.headers = std::move(headers);
    request.deadline = transport_test::in(10s);
    auto answer = transport_test::run_until_done(context, transport::fetch(request));
    if (!answer) throw std::runtime_error(to_string(answer.error()));
    return std::move(*answer);
  }
  FetchResponse durable(FunctionApp& app, const std::string& method, const std::string& path,
                        const std::string& body = "") {
    return send(app, method, webhooks + path, body, {{"Content-Type", "application/json"}});
  }

  // Polls until the status object contains the text; the answer that did.
  FetchResponse poll_until(FunctionApp& app, const std::string& id, const std::string& text) {
    return get_until(app, webhooks + ("/instances/" + id), text);
  }
  FetchResponse get_until(FunctionApp& app, const std::string& target, const std::string& text) {
    const auto limit = transport_test::in(20s);
    for (;;) {
      FetchResponse answer = send(app, "GET", target);
      if (answer.body.find(text) != std::string::npos) return answer;
      if (transport_test::in(0ms) > limit)
        throw std::runtime_error("never saw " + text + " but " + answer.body);
    }
  }

  std::filesystem::path folder;
  asio::io_context context;
  HubStore* store() { return &account->hubs(); }  // another one after an account failover

  std::unique_ptr<StorageFaults> faults;
  std::unique_ptr<StorageAccount> account;
  std::unique_ptr<StorageApi> api;
  std::unique_ptr<transport::HttpServer> storage;
  std::uint16_t storage_port = 0;
  std::unique_ptr<FunctionApp> primary, secondary;
};

inline std::string header(const FetchResponse& response, std::string_view name) {
  const std::string* value = transport::find_header(response.headers, name);
  return value == nullptr ? "(absent)" : *value;
}

}  // namespace rehearsal
