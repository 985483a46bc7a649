// The chunked decoder: however the input is split, the body, the verdict and the bytes consumed are
// the same, and a decoded body encoded again decodes to itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proxy/chunked.hpp"

namespace {

using proxy::ChunkedDecoder;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Result {
  std::string body;
  std::size_t consumed = 0;
  ChunkedDecoder::Status status = ChunkedDecoder::Status::need_more;
  proxy::ChunkedError error = proxy::ChunkedError::none;
  bool operator==(const Result&) const = default;
};

Result decode(std::string_view input, std::size_t piece_size) {
  ChunkedDecoder decoder;
  Result result;
  while (!input.empty() && !decoder.done() && decoder.error() == proxy::ChunkedError::none) {
    const std::string_view piece = input.substr(0, piece_size);
    const ChunkedDecoder::Step step = decoder.next(piece);
    require(step.consumed <= piece.size());
    require(step.consumed > 0);
    require(step.data.size() <= step.consumed);
    result.body += step.data;
    result.consumed += step.consumed;
    result.status = step.status == ChunkedDecoder::Status::data ? ChunkedDecoder::Status::need_more
                                                                : step.status;
    input.remove_prefix(step.consumed);
  }
  result.error = decoder.error();
  require(decoder.body_bytes() == result.body.size());
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const Result whole = decode(input, input.size() + 1);
  require(whole == decode(input, 1));
  require(whole == decode(input, 2));
  require(whole == decode(input, 7));
  require(whole.body.size() <= whole.consumed);
  if (whole.status == ChunkedDecoder::Status::done) {
    std::string again;
    for (std::size_t i = 0; i < whole.body.size(); i += 3) {
      const std::string piece = whole.body.substr(i, 3);
      again += std::to_string(piece.size()) + "\r\n" + piece + "\r\n";
    }
    const Result second = decode(again + "0\r\n\r\n", again.size() + 5);
    require(second.status == ChunkedDecoder::Status::done && second.body == whole.body);
  }
  return 0;
}
