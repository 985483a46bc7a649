// The switches of a stand-in app: its state and the failures it was told to play. Decides, before
// any route is looked at, whether an ordinary request is answered at all.
// Owned by FunctionApp, one thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "rehearsal/app_options.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

// The page in front of an app that its owner has stopped.
transport::ServerResponse stopped_answer();

// As long as the platform runs and the Functions host does not.
transport::ServerResponse host_not_running_answer();

// Whoever reaches a stand-in only by way of a proxy must not find its switches.
bool is_from_operator(const transport::ServerRequest&);

class AppControl {
 public:
  explicit AppControl(AppState state) : state_{state} {}

  AppState state() const { return state_; }
  std::chrono::milliseconds slowness() const { return slowness_; }

  // The answer that takes the place of the app's own; nullopt: the app answers.
  std::optional<transport::ServerResponse> intercept(std::string_view path);

  // POST /_control/state/{running|stopped|offline|app_offline|error}
  // POST /_control/fail?status=503[&times=N][&path=/prefix][&body=text]
  // POST /_control/reset[?times=N][&path=/prefix]   connections are reset instead of answered
  // POST /_control/slow?ms=N                         before every answer
  // POST /_control/heal                              ends fail, reset and slow
  // GET  /_control/state
  transport::ServerResponse command(std::string_view method, std::string_view path,
                                    std::string_view query);

 private:
  struct Fault {
    int status = 503;
    bool reset = false;
    std::string body;
    std::string path_prefix;        // "" is every path
    std::optional<long long> left;  // nullopt: until healed
  };

  transport::ServerResponse set_state(std::string_view word);
  transport::ServerResponse set_fault(std::string_view query, bool reset);
  std::string describe() const;

  AppState state_;
  std::optional<Fault> fault_;
  std::chrono::milliseconds slowness_{0};
};

}  // namespace rehearsal
