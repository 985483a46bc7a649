// The frame follower: wherever the stream is split, frames end at the same bytes and the verdict is
// the same; and a Close frame put at any such end is the last that a follower sees.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/websocket.hpp"

namespace {

using proxy::FrameFollower;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Result {
  std::vector<std::size_t> ends;
  bool closed = false, lost = false, between = false;
  bool operator==(const Result&) const = default;
};

Result follow(std::string_view input, bool masked, std::size_t piece_size) {
  FrameFollower follower{masked};
  Result result;
  for (std::size_t at = 0; at < input.size();) {
    const std::size_t taken = follower.next(input.substr(at, piece_size));
    require(taken > 0 && taken <= piece_size);
    at += taken;
    if (follower.closed() && result.closed) continue;
    result.closed = follower.closed();
    if (follower.between_frames() || follower.closed()) result.ends.push_back(at);
  }
  result.lost = follower.lost();
  result.between = follower.between_frames();
  require(result.lost + result.between + result.closed <= 1);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool masked = (data[0] & 1) != 0;
  const std::string_view input{reinterpret_cast<const char*>(data) + 1, size - 1};
  const Result whole = follow(input, masked, input.size() + 1);
  for (const std::size_t piece : std::initializer_list<std::size_t>{1, 2, 7})
    require(whole == follow(input, masked, piece));
  for (const std::size_t end : whole.ends) {
    const bool its_own = whole.closed && end == whole.ends.back();
    const proxy::CloseFrame close = masked ? proxy::CloseFrame{1001, "reason", data[0] * 16777619U}
                                           : proxy::CloseFrame{1001, "reason"};
    std::string cut{input.substr(0, end)};
    if (!its_own) cut += close.bytes();
    const Result ended = follow(cut, masked, cut.size() + 1);
    require(ended.closed && ended.ends.back() == cut.size());
  }
  return 0;
}
