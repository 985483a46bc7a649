#include "durable/content_coding.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

namespace durable {
namespace {

constexpr std::size_t plenty = 1 << 22;
constexpr int gzip = 31, zlib = 15, raw = -15;

std::string compressed(const std::string& text, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&stream, text.size()) + 32, '\0'), in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string decoded(const std::string& body, const char* coding, std::size_t limit = plenty) {
  const auto codings = parse_content_encoding(coding);
  if (!codings) return "(unknown coding)";
  return decode_content(body, *codings, limit).value_or("(refused)");
}

const std::string text =
    R"({"statusQueryGetUri":"http://127.0.0.1:7071/x"})" + std::string(100'000, ' ');

TEST(ContentCoding, undoes_gzip_and_both_kinds_of_deflate) {
  EXPECT_EQ(decoded(text, "identity"), text);
  EXPECT_EQ(decoded(compressed(text, gzip), "gzip"), text);
  EXPECT_EQ(decoded(compressed(text, gzip), " X-GZip\t"), text);
  EXPECT_EQ(decoded(compressed(text, zlib), "deflate"), text);
  EXPECT_EQ(decoded(compressed(text, raw), "Deflate"), text);
  EXPECT_EQ(decoded(compressed("", gzip), "gzip"), "");
  EXPECT_EQ(decoded(compressed(text, gzip) + compressed("second", gzip), "gzip"), text + "second");
}

TEST(ContentCoding, undoes_two_codings_last_one_first) {
  EXPECT_EQ(decoded(compressed(compressed(text, gzip), zlib), "gzip, deflate"), text);
  EXPECT_EQ(decoded(compressed(compressed(text, raw), gzip), "deflate,identity,,gzip"), text);
  EXPECT_EQ(decoded(compressed(compressed(text, gzip), zlib), "deflate, gzip"), "(refused)");
}

TEST(ContentCoding, of_another_kind_is_unknown) {
  for (const char* value :
       {"br", "zstd", "gzip, br", "compress", "gzip;q=1", "gzip gzip", "gzip, gzip, gzip"})
    EXPECT_EQ(decoded("", value), "(unknown coding)") << value;
  EXPECT_EQ(parse_content_encoding("")->count, 0U);
  EXPECT_EQ(parse_content_encoding("identity, identity, identity")->count, 0U);
}

TEST(ContentCoding, refuses_what_is_cut_or_damaged_or_goes_on) {
  for (const int kind : {gzip, zlib, raw}) {
    const char* coding = kind == gzip ? "gzip" : "deflate";
    const std::string whole = compressed(text, kind);
    for (std::size_t cut = 0; cut < whole.size(); ++cut)
      EXPECT_EQ(decoded(whole.substr(0, cut), coding), "(refused)") << coding << " cut at " << cut;
    EXPECT_EQ(decoded(whole + "x", coding), "(refused)") << coding;
  }
  std::string damaged = compressed(text, gzip);
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  EXPECT_EQ(decoded(damaged, "gzip"), "(refused)");
  EXPECT_EQ(decoded(text, "gzip"), "(refused)");
}

TEST(ContentCoding, stops_at_the_limit) {
  const std::string bomb = compressed(std::string(8 << 20, 'x'), gzip);
  EXPECT_EQ(decoded(bomb, "gzip"), "(refused)");
  EXPECT_EQ(decoded(compressed(bomb, gzip), "gzip, gzip"), "(refused)");
  EXPECT_EQ(decoded(compressed(text, gzip), "gzip", text.size()), text);
  EXPECT_EQ(decoded(compressed(text, gzip), "gzip", text.size() - 1), "(refused)");
  EXPECT_EQ(decoded(compressed(text, raw), "deflate", text.size() - 1), "(refused)");
  EXPECT_EQ(decoded(text, "identity", text.size() - 1), "(refused)");
  EXPECT_EQ(decoded(compressed("", gzip), "gzip", 0), "");
}

}  // namespace
}  // namespace durable
