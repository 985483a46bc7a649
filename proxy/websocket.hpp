// Just enough of WebSocket framing (RFC 6455 section 5) to end a tunnel between two frames and with
// a reason: where frames end in the bytes that pass, and a Close frame to put there. Payloads are
// neither unmasked nor read. Pure; each tunnel owns one follower per direction, on its worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proxy {

class FrameFollower {
 public:
  // `masked`: the sender is the client, whose every frame is masked; a server's never are.
  explicit FrameFollower(bool masked) : masked_{masked} {}

  // Takes bytes up to the end of the frame at hand; returns how many. Once the sender has said
  // Close, or what it sends is no WebSocket, it takes everything.
  std::size_t next(std::string_view bytes);
  void follow(std::string_view bytes);  // takes them all

  bool between_frames() const { return state_ == State::header && have_ == 0; }
  bool closed() const { return state_ == State::closed; }  // a whole Close frame has passed
  bool lost() const { return state_ == State::lost; }      // nothing is known of frames any more

 private:
  enum class State : std::uint8_t { header, payload, closed, lost };
  bool begin_frame();  // false: the header is none

  std::uint64_t left_ = 0;  // of the payload
  std::array<unsigned char, 14> header_{};
  std::uint8_t have_ = 0;  // bytes of the header
  State state_ = State::header;
  bool masked_;
};

// A whole Close frame. Reasons above 123 bytes are cut: a control frame holds no more.
class CloseFrame {
 public:
  CloseFrame(std::uint16_t code, std::string_view reason);                      // from a server
  CloseFrame(std::uint16_t code, std::string_view reason, std::uint32_t mask);  // from a client
  std::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 2 + 4 + 125> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace proxy
