// An app's calls to its storage account. Each call has a deadline; a storage that is gone or frozen
// is a Failure, never a wait. Owned by the app, one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "rehearsal/instance.hpp"
#include "transport/http_client.hpp"

namespace rehearsal {

class StorageClient {
 public:
  // `app` is told with each call: the storage counts, and can be slow, for each app by itself.
  StorageClient(config::Url storage, std::chrono::milliseconds timeout, std::string app = {});

  // `path` starts with '/' and is below /hubs/{hub}. Nothing that is passed need outlive the call.
  boost::asio::awaitable<transport::Result<transport::FetchResponse>> call(
      std::string_view method, std::string_view hub, std::string_view path,
      std::string_view body = {}) const;

 private:
  config::Url storage_;
  std::chrono::milliseconds timeout_;
  std::string app_;
};

}  // namespace rehearsal
