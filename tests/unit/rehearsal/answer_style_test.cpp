// Coded and chunked answers, and the platform's cookie.
#include "rehearsal/answer_style.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

namespace rehearsal {

using ::testing::HasSubstr;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

ServerResponse styled(const AppOptions& options, transport::HeaderList headers,
                      const std::string& body) {
  ServerRequest request;
  request.headers = std::move(headers);
  const AnswerStyle style{request, options};
  ServerResponse response{200, "text/plain", body};
  style.apply(response);
  return response;
}

std::string header(const ServerResponse& response, std::string_view name) {
  const std::string* value = transport::find_header(response.headers, name);
  return value == nullptr ? "(absent)" : *value;
}

std::string decode(const std::string& coded) {
  constexpr int either_format = 15 + 32;
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, either_format), Z_OK);
  std::string in = coded;
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::vector<std::string> pieces(ServerResponse& response) {
  boost::asio::io_context context;
  std::vector<std::string> all;
  for (;;) {
    auto piece = boost::asio::co_spawn(context, response.next_chunk(), boost::asio::use_future);
    context.restart();
    context.run();
    auto text = piece.get();
    if (!text) return all;
    all.push_back(std::move(*text));
  }
}

}  // namespace

TEST(AnswerStyle, APlainAppLeavesAnswersAlone) {
  const auto response = styled(AppOptions{}, {{"Accept-Encoding", "gzip"}}, "text");
  EXPECT_EQ(response.body, "text");
  EXPECT_EQ(response.headers.size(), 1u);
}

struct CodingRow {
  AnswerCoding coding;
  const char* accepted;
  const char* expected;  // Content-Encoding
};

class AnswerCodings : public ::testing::TestWithParam<CodingRow> {};

TEST_P(AnswerCodings, AreUsedWhenTheClientAcceptsThem) {
  AppOptions options;
  options.answer_coding = GetParam().coding;
  const auto response = styled(options, {{"accept-encoding", GetParam().accepted}}, "some text");
  EXPECT_EQ(header(response, "Content-Encoding"), GetParam().expected);
  EXPECT_EQ(header(response, "Vary"), "Accept-Encoding");
  const bool coded = std::string_view{GetParam().expected} != "(absent)";
  EXPECT_EQ(coded ? decode(response.body) : response.body, "some text");
  EXPECT_EQ(coded, response.body != "some text");
}

INSTANTIATE_TEST_SUITE_P(
    Rows, AnswerCodings,
    ::testing::Values(CodingRow{AnswerCoding::gzip, "gzip", "gzip"},
                      CodingRow{AnswerCoding::gzip, "br, GZIP ;q=0.5", "gzip"},
                      CodingRow{AnswerCoding::gzip, "*", "gzip"},
                      CodingRow{AnswerCoding::gzip, "gzip;q=0", "(absent)"},
                      CodingRow{AnswerCoding::gzip, "gzip; q=0.000", "(absent)"},
                      CodingRow{AnswerCoding::gzip, "deflate", "(absent)"},
                      CodingRow{AnswerCoding::gzip, "", "(absent)"},
                      CodingRow{AnswerCoding::deflate, "gzip, deflate", "deflate"}));

TEST(AnswerStyle, ChunksCutAnAnswerInManyPlacesAndLoseNothing) {
  AppOptions options;
  options.chunked_answers = true;
  for (const std::size_t size : {1U, 100U, 101U, 5000U, 1'000'000U}) {
    std::string body;
    while (body.size() < size) body += static_cast<char>('a' + body.size() % 26);
    auto response = styled(options, {}, body);
    ASSERT_TRUE(response.next_chunk);
    EXPECT_FALSE(response.streamed_length);
    const auto all = pieces(response);
    EXPECT_LE(all.size(), 65u);
    std::string joined;
    for (const std::string& piece : all) joined += piece;
    EXPECT_EQ(joined, body);
  }
}

TEST(AnswerStyle, AnEmptyAnswerStaysEmpty) {
  AppOptions options;
  options.answer_coding = AnswerCoding::gzip;
  options.chunked_answers = true;
  const auto response = styled(options, {{"Accept-Encoding", "gzip"}}, "");
  EXPECT_FALSE(response.next_chunk);
  EXPECT_EQ(header(response, "Content-Encoding"), "(absent)");
}

TEST(AnswerStyle, TheAffinityCookieIsForTheAppsHostAndSetOnce) {
  AppOptions options;
  options.affinity_cookie = true;
  const auto first = styled(options, {{"Host", "app.example:8080"}}, "text");
  EXPECT_THAT(header(first, "Set-Cookie"), HasSubstr("ARRAffinity="));
  EXPECT_THAT(header(first, "Set-Cookie"), HasSubstr("Secure;Domain=app.example"));
  EXPECT_EQ(first.headers.size(), 3u);
  options.own_host = "own.example";
  EXPECT_THAT(header(styled(options, {{"Host", "app.example"}}, "text"), "Set-Cookie"),
              HasSubstr(";Domain=own.example"));
  EXPECT_EQ(header(styled(options, {{"Cookie", "a=b; ARRAffinity=1"}}, "text"), "Set-Cookie"),
            "(absent)");
}

}  // namespace rehearsal
