// A scene of real things: a running proxy and its endpoints. Faults are played in the proxy's own
// upstream leg, by its admin API (`faults.allow`), each with a time after which the proxy heals it
// by itself: the rehearsal renews it while it lives, so its crash heals too. Starts nothing.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "rehearsal/stage/scene.hpp"

namespace stage {

struct AttachOptions {
  AttachOptions() = default;

  std::string admin;   // URL of the admin listener
  std::string target;  // URL where clients come in
  std::string token;   // admin token; never printed
};

std::unique_ptr<Scene> make_attached(boost::asio::any_io_executor executor,
                                     const scenario::Scenario& scenario, AttachOptions options);

}  // namespace stage
