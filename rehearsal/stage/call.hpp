// One HTTP call to a part of the scene, by URL.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>

#include "transport/http_client.hpp"

namespace stage {

struct Answer {
  Answer() = default;

  int status = 0;  // 0: none came
  transport::HeaderList headers;
  std::string body;
  std::string problem;  // why none came
};

// `url`: scheme, authority and target. https is verified against the system's roots, or `ca_file`.
struct Call {
  Call() = default;

  std::string method = "GET";
  std::string url;
  transport::HeaderList headers;
  std::string body;
  std::chrono::milliseconds limit{5'000};
  std::string ca_file;
};
boost::asio::awaitable<Answer> call(Call call);

}  // namespace stage
