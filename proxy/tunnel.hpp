// What an exchange knows of its tunnel, a WebSocket after its 101: how far each direction is, and
// when and why this proxy is to end it. Worker thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/counters.hpp"
#include "proxy/websocket.hpp"

namespace proxy {

struct Tunnel {
  struct Way {
    FrameFollower frames;
    bool ended = false;   // nothing more is read: the peer's end, or its Close after ours
    bool sealed = false;  // nothing more is sent: the last is our Close, the peer's own, or an end
  };
  Way up{FrameFollower{true}};     // client to upstream
  Way down{FrameFollower{false}};  // upstream to client

  TunnelEnd leaving = TunnelEnd::none;  // it is to end at leave_at, unless the cause goes away
  std::uint32_t leave_at = 0;
  TunnelEnd closing = TunnelEnd::none;  // it is being ended
  std::uint32_t closing_until = 0;
};

std::string_view to_string(TunnelEnd);  // also the reason that the peers are given

}  // namespace proxy
