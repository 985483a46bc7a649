// The key API of one function app, as `understudy keys` uses it: reads lists of keys, writes single
// ones, deletes nothing. Each call is one connection with a deadline, certificates always verified,
// redirects never followed, answers bounded. No message holds a key or a byte of a body.
// Blocking: this is the command-line side, one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "durable/key_plan.hpp"
#include "transport/http_client.hpp"

namespace app {

struct KeyProblem {
  std::string text;  // "primary (https://...) answers 500 to PUT /admin/host/..."
  bool give_up =
      false;  // the next call would fare no better: nobody answers, or the key is refused
};

// The API's answers. Nullopt: the body is something else; `reason` says what, quoting nothing.
std::optional<std::vector<durable::NamedKey>> parse_key_list(std::string_view body,
                                                             std::string& reason);
// Names of the functions that HTTP can call (all, where the answer does not say how each is
// called): a Durable app has mostly orchestrators and activities, which no key opens.
std::optional<std::vector<std::string>> parse_function_list(std::string_view body,
                                                            std::string& reason);

class KeyApi {
 public:
  KeyApi(const config::Endpoint& endpoint, config::Millis limit)
      : endpoint_{endpoint}, limit_{limit} {}

  // Unset: `problem` says why. A function that the app does not have is a list that does not exist.
  std::optional<durable::KeyList> read(const durable::KeyGroup&, KeyProblem& problem) const;
  std::optional<std::vector<std::string>> functions(KeyProblem& problem) const;
  // Nullopt: the app says that it has taken the key.
  std::optional<KeyProblem> write(const durable::KeyChange&) const;

  const config::Endpoint& endpoint() const { return endpoint_; }
  std::string label() const;  // "primary (https://orders-weu.azurewebsites.net)"

 private:
  transport::Result<transport::FetchResponse> call(std::string method, const std::string& path,
                                                   std::string body) const;
  KeyProblem unreachable(const transport::Failure&) const;
  KeyProblem refused(int status, std::string_view method, const std::string& path) const;
  KeyProblem unreadable(const std::string& path, const std::string& reason) const;

  const config::Endpoint& endpoint_;
  config::Millis limit_;
};

}  // namespace app
