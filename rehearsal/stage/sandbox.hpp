// A scene of our own processes on loopback: storage accounts, the reader's processes, stand-in apps
// or the reader's commands with gateways and links before them, and the proxy.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "rehearsal/stage/clock.hpp"
#include "rehearsal/stage/scene.hpp"

namespace stage {

struct SandboxOptions {
  SandboxOptions() = default;

  std::string bin;       // folder of understudy, understudy-app, -storage, -gateway, -link
  std::string scratch;   // files of the parts; removed by whoever made it
  std::string evidence;  // logs, the proxy's configuration
};

// `scenario` and `clock` must outlive it.
std::unique_ptr<Scene> make_sandbox(boost::asio::any_io_executor executor,
                                    const scenario::Scenario& scenario, const Clock& clock,
                                    SandboxOptions options);

}  // namespace stage
