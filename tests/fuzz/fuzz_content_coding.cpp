// Decoding of compressed bodies: whatever comes, the result keeps to the limit; and what was
// compressed comes back. The first byte chooses the codings.
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "durable/content_coding.hpp"

namespace {

constexpr std::size_t limit = 1 << 16;

void require(bool condition) {
  if (!condition) std::abort();
}

std::string compressed(std::string text, int window_bits) {
  z_stream stream{};
  require(deflateInit2(&stream, 1, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  require(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string body{reinterpret_cast<const char*>(data) + 1, size - 1};
  const bool first_gzip = (data[0] & 1) != 0, second_gzip = (data[0] & 2) != 0;
  const auto one = *durable::parse_content_encoding(first_gzip ? "gzip" : "deflate");
  const auto two = *durable::parse_content_encoding(std::string{first_gzip ? "gzip" : "deflate"} +
                                                    (second_gzip ? ", x-gzip" : ",deflate"));
  for (const auto& codings : {one, two}) {
    const auto decoded = durable::decode_content(body, codings, limit);
    require(!decoded || decoded->size() <= limit);
  }
  const std::string inner = compressed(body, first_gzip ? 31 : 15);
  const auto back = durable::decode_content(inner, one, limit);
  require(body.size() <= limit ? back == body : !back.has_value());
  const auto twice = durable::decode_content(compressed(inner, second_gzip ? 31 : 15), two, limit);
  require(!twice || *twice == body);
  durable::parse_content_encoding(body);
  return 0;
}
