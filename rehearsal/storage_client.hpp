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
  StorageClient(config::Url storage, std::chrono::milliseconds timeout);

  // `path` starts with '/' and is below /hubs/{hub}.
  boost::asio::awaitable<transport::Result<transport::FetchResponse>> call(std::string method,
                                                                           std::string hub,
                                                                           std::string path,
                                                                           std::string body);

 private:
  config::Url storage_;
  std::chrono::milliseconds timeout_;
};

}  // namespace rehearsal
