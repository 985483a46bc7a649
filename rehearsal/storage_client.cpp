#include "rehearsal/storage_client.hpp"

#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace asio = boost::asio;

StorageClient::StorageClient(config::Url storage, std::chrono::milliseconds timeout)
    : storage_{std::move(storage)}, timeout_{timeout} {}

asio::awaitable<transport::Result<transport::FetchResponse>> StorageClient::call(std::string method,
                                                                                 std::string hub,
                                                                                 std::string path,
                                                                                 std::string body) {
  constexpr std::size_t largest_answer = 64 * 1024 * 1024;  // a page of instances with their inputs
  transport::FetchRequest request;
  request.connect_host = storage_.host;
  request.connect_port = storage_.port;
  request.host = storage_.authority();
  request.method = std::move(method);
  request.target = storage_.base_path + "/hubs/" + percent_encode(hub) + path;
  request.body = std::move(body);
  request.body_limit = largest_answer;
  request.deadline = std::chrono::steady_clock::now() + timeout_;
  auto answer = co_await transport::fetch(std::move(request));
  co_return answer;
}

}  // namespace rehearsal
