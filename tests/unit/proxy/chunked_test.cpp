#include "proxy/chunked.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace proxy {
namespace {

using Status = ChunkedDecoder::Status;

struct Result {
  std::string body;
  std::size_t consumed = 0;
  Status status = Status::need_more;
  ChunkedError error = ChunkedError::none;
  bool operator==(const Result&) const = default;
};

// Feeds the pieces one after the other, the way a connection would.
Result decode(const std::vector<std::string_view>& pieces) {
  ChunkedDecoder decoder;
  Result result;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const ChunkedDecoder::Step step = decoder.next(piece);
      EXPECT_LE(step.consumed, piece.size());
      EXPECT_EQ(step.data.empty(), step.status != Status::data);
      if (step.status == Status::data) {
        EXPECT_EQ(step.data.data() + step.data.size(), piece.data() + step.consumed);
      }
      result.body += step.data;
      result.consumed += step.consumed;
      result.status = step.status == Status::data ? Status::need_more : step.status;
      piece.remove_prefix(step.consumed);
      if (step.status != Status::data) break;
    }
    if (result.status == Status::done || result.status == Status::error) break;
    EXPECT_TRUE(piece.empty()) << "need_more must have consumed everything";
  }
  result.error = decoder.error();
  EXPECT_EQ(decoder.done(), result.status == Status::done);
  EXPECT_EQ(decoder.body_bytes(), result.body.size());
  return result;
}

std::string repeat(const std::string& text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

struct Row {
  const char* source;  // section of RFC 9112 or 9110, or the attack
  std::string input;
  ChunkedError error = ChunkedError::none;
  std::string body = "";  // decoded before the end or the error
  std::size_t rest = 0;   // bytes behind the message, when it is complete
  bool complete = true;   // of rows without an error
};

Row bad(const char* source, std::string input, ChunkedError error, std::string body = "") {
  return {source, std::move(input), error, std::move(body), 0, false};
}
Row open(const char* source, std::string input, std::string body = "") {
  return {source, std::move(input), ChunkedError::none, std::move(body), 0, false};
}

using E = ChunkedError;

std::vector<Row> rows() {  // NOLINT(readability-function-size): a table
  return {
      // Well formed.
      {"9112 7.1: an empty body", "0\r\n\r\n"},
      {"9112 7.1: one chunk", "5\r\nhello\r\n0\r\n\r\n", E::none, "hello"},
      {"9112 7.1: two chunks", "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", E::none, "hello!"},
      {"9112 7.1: upper-case HEXDIG", "A\r\n0123456789\r\n0\r\n\r\n", E::none, "0123456789"},
      {"9112 7.1: lower-case hex digit", "a\r\n0123456789\r\n0\r\n\r\n", E::none, "0123456789"},
      {"9112 7.1: leading zeros", "0005\r\nhello\r\n000\r\n\r\n", E::none, "hello"},
      {"9112 7.1: sixteen digits", "0000000000000005\r\nhello\r\n0\r\n\r\n", E::none, "hello"},
      {"9112 7.1: data that looks like framing", "7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", E::none,
       "0\r\n\r\n\r\n"},
      {"9112 7.1: a pipelined message follows", "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n", E::none,
       "x", 16},
      {"9112 7.1.1: an extension", "5;name=value\r\nhello\r\n0\r\n\r\n", E::none, "hello"},
      {"9112 7.1.1: an extension of the last chunk", "0;last\r\n\r\n"},
      {"9112 7.1.1: BWS around the semicolon", "5 \t; \tname\r\nhello\r\n0\r\n\r\n", E::none,
       "hello"},
      {"9112 7.1.1: a quoted value", "5;a=\"b;c\\\"d\"\r\nhello\r\n0\r\n\r\n", E::none, "hello"},
      {"9112 7.1.2: a trailer field", "1\r\nx\r\n0\r\nDigest: abc\r\n\r\n", E::none, "x"},
      {"9112 7.1.2: several, empty value, obs-text", "0\r\na:\r\nb: \xc3\xa4\t\r\n\r\n"},
      {"9110 6.5.1: framing fields in a trailer are dropped, not used",
       "1\r\nx\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: identity\r\n\r\n", E::none, "x"},
      // Not complete yet.
      open("nothing at all", ""),
      open("9112 8: cut in a size", "5"),
      open("9112 8: cut in the data", "5\r\nhel", "hel"),
      open("9112 8: cut after the data", "5\r\nhello", "hello"),
      open("9112 8: cut before the last CRLF", "0\r\n"),
      open("9112 8: cut in the last CRLF", "0\r\n\r"),
      open("9112 8: cut in a trailer", "0\r\na: b\r\n"),
      open("9112 7.1: the largest size", "7fffffffffffffff\r\nx", "x"),
      // Sizes.
      bad("9112 7.1: no size", "\r\nhello\r\n", E::bad_size),
      bad("9112 7.1: no size, only an extension", ";a\r\n", E::bad_size),
      bad("9112 7.1: a sign", "-5\r\nhello\r\n", E::bad_size),
      bad("strtol smuggling: plus sign", "+5\r\nhello\r\n", E::bad_size),
      bad("strtol smuggling: 0x prefix", "0x5\r\nhello\r\n", E::bad_size),
      bad("strtol smuggling: leading blank", " 5\r\nhello\r\n", E::bad_size),
      bad("underscore in a number (Go CVE-2021-44716 family, Python int())", "1_0\r\n",
          E::bad_size),
      bad("9112 7.1: a letter beyond F", "5g\r\nhello\r\n", E::bad_size),
      bad("9112 7.1.1: blank before CRLF without an extension", "5 \r\nhello\r\n", E::bad_size),
      bad("9112 7.1.1: blank inside a size", "5 5\r\n", E::bad_size),
      bad("9112 7.1: NUL in a size", std::string{"5\0\r\nhello", 9}, E::bad_size),
      bad("comma instead of semicolon", "5,a\r\nhello", E::bad_size),
      bad("9112 7.1: overflow to 2^63", "8000000000000000\r\n", E::size_overflow),
      bad("9112 7.1: overflow to 2^64 (wraps to 0 when unchecked)", "10000000000000000\r\n",
          E::size_overflow),
      bad("9112 7.1: overflow (wraps to 5 when unchecked)", "10000000000000005\r\nhello\r\n",
          E::size_overflow),
      bad("endless leading zeros", std::string(17, '0'), E::size_overflow),
      // Line ends.
      bad("9112 2.2 / TERM.EXT: bare LF after a size", "5\nhello\r\n0\r\n\r\n", E::bare_line_end),
      bad("9112 2.2: bare CR after a size", "5\rhello\r\n", E::bare_line_end),
      bad("9112 2.2: two CRs", "5\r\r\nhello", E::bare_line_end),
      bad("TERM.EXT: LF inside an extension (Kestrel CVE-2025-55315)", "1;\nx\r\n0\r\n\r\n",
          E::bare_line_end),
      bad("TERM.EXT: CR inside an extension", "1;a\rb\r\nx\r\n", E::bare_line_end),
      bad("EXT.TERM: LF ends an extension after blanks", "1 \n", E::bare_line_end),
      bad("TERM.SPILL: data longer than its size", "1\r\nxy\r\n0\r\n\r\n", E::bad_data_end, "x"),
      bad("ONE.TWO: LF alone after the data", "1\r\nx\n0\r\n\r\n", E::bad_data_end, "x"),
      bad("9112 7.1: CR alone after the data", "1\r\nx\r0\r\n\r\n", E::bad_data_end, "x"),
      bad("9112 7.1: no line end after the data", "1\r\nx0\r\n\r\n", E::bad_data_end, "x"),
      bad("0.CL leftovers: a blank line before a size", "1\r\nx\r\n\r\n0\r\n\r\n", E::bad_size,
          "x"),
      bad("9112 7.1: bare LF after the last chunk", "0\n\r\n", E::bare_line_end),
      bad("9112 7.1.2: bare LF as the final line", "0\r\n\n", E::bare_line_end),
      bad("9112 7.1.2: CR without LF as the final line", "0\r\n\rX", E::bare_line_end),
      // Extensions.
      bad("9112 7.1.1: control character", std::string{"5;a\0b\r\n", 7}, E::bad_extension),
      bad("9112 7.1.1: DEL", "5;a\x7f\r\n", E::bad_extension),
      bad("quoted line break in an extension", "5;a=\"\r\n\"\r\nhello", E::bad_extension),
      bad("quoted pair of a line break", "5;a=\"\\\n\"\r\nhello", E::bad_extension),
      bad("Go CVE-2023-39326: one endless extension", "1;" + std::string(300, 'a') + "\r\nx",
          E::extension_limit),
      bad("endless blanks before an extension", "1" + std::string(300, ' '), E::extension_limit),
      bad("Go CVE-2023-39326: small chunks with large extensions",
          repeat("1;" + std::string(200, 'a') + "\r\nx\r\n", 30), E::extension_limit,
          std::string(20, 'x')),
      // Trailers.
      bad("9112 7.1.2: a trailer without colon", "0\r\nabc\r\n\r\n", E::bad_trailer),
      bad("9112 5.1: blank before the colon", "0\r\na : b\r\n\r\n", E::bad_trailer),
      bad("9110 5.1: empty name", "0\r\n: b\r\n\r\n", E::bad_trailer),
      bad("9112 5.2: obs-fold", "0\r\na: b\r\n c\r\n\r\n", E::bad_trailer),
      bad("9112 5.2: a leading blank", "0\r\n a: b\r\n\r\n", E::bad_trailer),
      bad("9110 5.5: NUL in a value", std::string{"0\r\na: \0\r\n\r\n", 11}, E::bad_trailer),
      bad("9112 2.2: bare LF in a trailer", "0\r\na: b\n\r\n", E::bare_line_end),
      bad("9112 2.2: bare CR in a trailer", "0\r\na: b\rc: d\r\n\r\n", E::bare_line_end),
      bad("a request hidden behind the last chunk", "0\r\nGET /admin HTTP/1.1\r\n\r\n",
          E::bad_trailer),
      bad("limit: trailer bytes", "0\r\na: " + std::string(9000, 'b'), E::trailer_limit),
      bad("limit: trailer fields", "0\r\n" + repeat("a:b\r\n", 101) + "\r\n", E::trailer_limit),
      {"limit: a hundred trailer fields are fine", "0\r\n" + repeat("a:b\r\n", 100) + "\r\n"},
      {"limit: an extension of 255 bytes is fine",
       "1;" + std::string(255, 'a') + "\r\nx\r\n0\r\n\r\n", E::none, "x"},
  };
}

TEST(ChunkedDecoder, has_a_row_for_every_error) {
  ASSERT_GE(rows().size(), 60U);
  for (const E error : {E::bad_size, E::size_overflow, E::bare_line_end, E::bad_data_end,
                        E::bad_extension, E::extension_limit, E::bad_trailer, E::trailer_limit}) {
    bool seen = false;
    for (const Row& row : rows()) seen = seen || row.error == error;
    EXPECT_TRUE(seen) << to_string(error);
  }
}

TEST(ChunkedDecoder, decodes_or_refuses_each_row) {
  for (const Row& row : rows()) {
    const Result got = decode({row.input});
    EXPECT_EQ(to_string(got.error), to_string(row.error)) << row.source;
    EXPECT_EQ(got.body, row.body) << row.source;
    const Status expected = row.error != E::none ? Status::error
                            : row.complete       ? Status::done
                                                 : Status::need_more;
    EXPECT_EQ(got.status, expected) << row.source;
    if (row.complete) {
      EXPECT_EQ(got.consumed, row.input.size() - row.rest) << row.source;
    }
  }
}

TEST(ChunkedDecoder, decides_the_same_byte_by_byte) {
  for (const Row& row : rows()) {
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < row.input.size(); ++i)
      bytes.push_back(std::string_view{row.input}.substr(i, 1));
    EXPECT_EQ(decode(bytes), decode({row.input})) << row.source;
  }
}

TEST(ChunkedDecoder, decides_the_same_at_every_split) {
  for (const Row& row : rows()) {
    const std::string_view input{row.input};
    const Result whole = decode({input});
    const std::size_t step = input.size() < 1000 ? 1 : 7;  // the long rows only repeat themselves
    for (std::size_t i = 0; i <= input.size(); i += step)
      ASSERT_EQ(decode({input.substr(0, i), input.substr(i)}), whole)
          << row.source << " split at " << i;
  }
}

TEST(ChunkedDecoder, stays_at_its_verdict) {
  ChunkedDecoder done;
  EXPECT_EQ(done.next("0\r\n\r\nrest").consumed, 5U);
  EXPECT_EQ(done.next("rest").consumed, 0U);
  EXPECT_EQ(done.next("rest").status, Status::done);
  ChunkedDecoder failed;
  EXPECT_EQ(failed.next("x").status, Status::error);
  EXPECT_EQ(failed.next("0\r\n\r\n").status, Status::error);
  EXPECT_EQ(failed.next("0\r\n\r\n").consumed, 0U);
}

TEST(ChunkedDecoder, says_how_much_of_a_chunk_is_known_to_follow) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.next("10\r\nabc").data, "abc");
  EXPECT_EQ(decoder.chunk_remaining(), 13U);
  EXPECT_EQ(decoder.body_bytes(), 3U);
}

TEST(ChunkedDecoder, extensions_may_grow_with_the_data) {
  // 85 bytes of extension on every 1000 bytes of data: signed chunks, say.
  ChunkedDecoder decoder;
  const std::string chunk =
      "3e8;chunk-signature=" + std::string(64, 'f') + "\r\n" + std::string(1000, 'x') + "\r\n";
  for (int i = 0; i < 500; ++i) {
    std::string_view input = chunk;
    while (!input.empty()) {
      const ChunkedDecoder::Step step = decoder.next(input);
      ASSERT_NE(step.status, Status::error) << "chunk " << i;
      input.remove_prefix(step.consumed);
    }
  }
  EXPECT_EQ(decoder.body_bytes(), 500000U);
}

}  // namespace
}  // namespace proxy
