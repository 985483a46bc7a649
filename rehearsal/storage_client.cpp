#include "rehearsal/storage_client.hpp"

#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace asio = boost::asio;

StorageClient::StorageClient(config::Url storage, std::chrono::milliseconds timeout,
                             std::string app)
    : storage_{std::move(storage)}, timeout_{timeout}, app_{std::move(app)} {}

// Not a coroutine itself: its arguments are views.
asio::awaitable<transport::Result<transport::FetchResponse>> StorageClient::call(
    std::string_view method, std::string_view hub, std::string_view path,
    std::string_view body) const {
  constexpr std::size_t largest_answer = 64 * 1024 * 1024;  // a page of instances with their inputs
  transport::FetchRequest request;
  request.connect_host = storage_.host;
  request.connect_port = storage_.port;
  request.host = storage_.authority();
  request.method = std::string{method};
  request.target = storage_.base_path + "/hubs/" + percent_encode(hub) + std::string{path};
  if (!app_.empty()) request.headers.emplace_back("X-App", percent_encode(app_));
  request.body = std::string{body};
  request.body_limit = largest_answer;
  request.deadline = std::chrono::steady_clock::now() + timeout_;
  return transport::fetch(std::move(request));
}

}  // namespace rehearsal
