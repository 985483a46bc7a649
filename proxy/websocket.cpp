#include "proxy/websocket.hpp"

#include <algorithm>

namespace proxy {
namespace {

constexpr unsigned final_fragment = 0x80, mask_bit = 0x80, length_bits = 0x7f;
constexpr unsigned two_byte_length = 126, eight_byte_length = 127;
constexpr unsigned opcode_bits = 0x0f, first_control = 0x8, close_opcode = 0x8, last_control = 0xa;
constexpr unsigned last_data = 0x2;
constexpr std::size_t longest_reason = 123;

// Known once the first two bytes are.
std::size_t header_size(unsigned char second) {
  const unsigned length = second & length_bits;
  const std::size_t extended = length == eight_byte_length ? 8 : length == two_byte_length ? 2 : 0;
  return 2 + extended + ((second & mask_bit) != 0 ? 4 : 0);
}

}  // namespace

std::size_t FrameFollower::next(std::string_view bytes) {
  if (state_ == State::closed || state_ == State::lost) return bytes.size();
  std::size_t at = 0;
  if (state_ == State::header) {
    for (; at < bytes.size() && (have_ < 2 || have_ < header_size(header_[1])); ++at)
      header_[have_++] = static_cast<unsigned char>(bytes[at]);
    if (have_ < 2 || have_ < header_size(header_[1])) return at;
    if (!begin_frame()) {
      state_ = State::lost;
      return bytes.size();
    }
    state_ = State::payload;
  }
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
  left_ -= taken;
  at += taken;
  if (left_ == 0) {
    const bool close = (header_[0] & opcode_bits) == close_opcode;
    state_ = close ? State::closed : State::header;
    have_ = 0;
  }
  return at;
}

void FrameFollower::follow(std::string_view bytes) {
  while (!bytes.empty()) bytes.remove_prefix(next(bytes));
}

// Reserved bits are an extension's, permessage-deflate's say, and do not change where a frame ends.
bool FrameFollower::begin_frame() {
  const unsigned opcode = header_[0] & opcode_bits;
  const bool control = opcode >= first_control;
  if (control ? opcode > last_control : opcode > last_data) return false;
  if (((header_[1] & mask_bit) != 0) != masked_) return false;
  left_ = header_[1] & length_bits;
  if (control) return (header_[0] & final_fragment) != 0 && left_ < two_byte_length;
  if (left_ < two_byte_length) return true;
  const std::size_t digits = left_ == two_byte_length ? 2 : 8;
  left_ = 0;
  for (std::size_t i = 0; i < digits; ++i) left_ = left_ << 8 | header_[2 + i];
  return digits == 2 ? left_ >= two_byte_length : left_ > 0xffff && left_ >> 63 == 0;
}

CloseFrame::CloseFrame(std::uint16_t code, std::string_view reason) {
  reason = reason.substr(0, longest_reason);
  const auto put = [this](unsigned value) {
    bytes_[size_++] = static_cast<char>(static_cast<unsigned char>(value));
  };
  put(final_fragment | close_opcode);
  put(static_cast<unsigned>(2 + reason.size()));
  put(code >> 8U);
  put(code & 0xffU);
  std::copy(reason.begin(), reason.end(), bytes_.begin() + 4);
  size_ += reason.size();
}

CloseFrame::CloseFrame(std::uint16_t code, std::string_view reason, std::uint32_t mask)
    : CloseFrame{code, reason} {
  const auto at = bytes_.begin();
  std::copy_backward(at + 2, at + static_cast<std::ptrdiff_t>(size_),
                     at + static_cast<std::ptrdiff_t>(size_) + 4);
  size_ += 4;
  bytes_[1] = static_cast<char>(static_cast<unsigned char>(bytes_[1]) | mask_bit);
  for (std::size_t i = 0; i < 4; ++i)
    bytes_[2 + i] = static_cast<char>(static_cast<unsigned char>(mask >> (8 * i)));
  for (std::size_t i = 6; i < size_; ++i)
    bytes_[i] = static_cast<char>(bytes_[i] ^ bytes_[2 + (i - 6) % 4]);
}

}  // namespace proxy
