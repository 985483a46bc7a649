#include "durable/content_coding.hpp"

#include <zlib.h>

#include <algorithm>

#include "durable/text.hpp"

namespace durable {
namespace {

// What zlib calls window bits, with the kind of wrapper added to it.
constexpr int gzip_wrapper = 15 + 16, zlib_wrapper = 15, no_wrapper = -15;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

class Inflater {
 public:
  explicit Inflater(int window_bits) { good_ = inflateInit2(&stream_, window_bits) == Z_OK; }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // `members`: the body may be several compressed texts one after the other, as gzip's may.
  std::optional<std::string> run(std::string_view body, std::size_t limit, bool members) {
    if (!good_ || body.empty() || body.size() > UINT32_MAX) return {};
    // zlib's interface lacks the const that its documentation promises.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    stream_.avail_in = static_cast<uInt>(body.size());
    std::string out;
    std::array<char, 16 * 1024> piece{};
    for (;;) {
      stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream_.avail_out = static_cast<uInt>(piece.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END) return {};  // damaged, or it ends too early
      const std::size_t made = piece.size() - stream_.avail_out;
      if (made > limit - out.size()) return {};
      out.append(piece.data(), made);
      if (result != Z_STREAM_END) continue;
      if (stream_.avail_in == 0) return out;
      if (!members || inflateReset(&stream_) != Z_OK) return {};
    }
  }

 private:
  z_stream stream_{};
  bool good_ = false;
};

std::optional<std::string> inflated(std::string_view body, int window_bits, std::size_t limit) {
  return Inflater{window_bits}.run(body, limit, window_bits == gzip_wrapper);
}

std::optional<std::string> decode_step(std::string_view body, ContentCoding coding,
                                       std::size_t limit) {
  if (coding == ContentCoding::gzip) return inflated(body, gzip_wrapper, limit);
  if (auto out = inflated(body, zlib_wrapper, limit)) return out;
  return inflated(body, no_wrapper, limit);
}

}  // namespace

std::optional<ContentCodings> parse_content_encoding(std::string_view value) {
  ContentCodings out;
  for (;;) {
    const std::size_t comma = value.find(',');
    const std::string_view name = trimmed(value.substr(0, comma));
    const bool gzip = same_word(name, "gzip") || same_word(name, "x-gzip");
    if (gzip || same_word(name, "deflate")) {
      if (out.count == out.items.size()) return {};
      out.items[out.count++] = gzip ? ContentCoding::gzip : ContentCoding::deflate;
    } else if (!name.empty() && !same_word(name, "identity")) {
      return {};
    }
    if (comma == std::string_view::npos) return out;
    value.remove_prefix(comma + 1);
  }
}

std::optional<std::string> decode_content(std::string_view body, const ContentCodings& codings,
                                          std::size_t limit) {
  if (codings.count == 0)
    return body.size() <= limit ? std::optional<std::string>{body} : std::nullopt;
  std::string decoded;
  for (std::size_t i = codings.count; i-- > 0;) {
    auto next = decode_step(body, codings.items[i], limit);
    if (!next) return {};
    decoded = std::move(*next);
    body = decoded;
  }
  return decoded;
}

}  // namespace durable
