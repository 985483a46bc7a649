#include "rehearsal/answer_style.hpp"

#include <zlib.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <stdexcept>

#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

constexpr std::string_view cookie_name = "ARRAffinity";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Whether an Accept-Encoding field lists a coding, and not with q=0.
bool accepts(std::string_view field, std::string_view coding) {
  while (!field.empty()) {
    const std::string_view item = field.substr(0, field.find(','));
    field.remove_prefix(std::min(field.size(), item.size() + 1));
    const auto semicolon = item.find(';');
    const std::string_view name = trimmed(item.substr(0, semicolon));
    if (name != "*" && !same_ignoring_case(name, coding)) continue;
    if (semicolon == std::string_view::npos) return true;
    const std::string_view weight = trimmed(item.substr(semicolon + 1));
    return weight.substr(0, 3) != "q=0" ||
           weight.find_first_of("123456789") != std::string_view::npos;
  }
  return false;
}

std::string_view name_of(AnswerCoding coding) {
  return coding == AnswerCoding::gzip ? "gzip" : "deflate";
}

asio::awaitable<std::optional<std::string>> piece_or_end(std::string text) {  // of nothing: the end
  std::optional<std::string> piece;
  if (!text.empty()) piece = std::move(text);
  co_return piece;
}

// Small pieces, so that a name or URL of the body is cut in many places, but not too many of them.
void send_in_chunks(ServerResponse& response) {
  constexpr std::size_t smallest = 100;
  constexpr std::size_t most = 64;
  const std::size_t size = std::max(smallest, response.body.size() / most);
  response.next_chunk = [left = std::move(response.body), size]() mutable {
    std::string piece = left.substr(0, size);
    left.erase(0, size);
    return piece_or_end(std::move(piece));
  };
  response.body.clear();
}

}  // namespace

std::string code_body(const std::string& body, AnswerCoding coding) {
  constexpr int zlib_format = 15;
  constexpr int gzip_format = zlib_format + 16;
  constexpr int memory_level = 8;
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                   coding == AnswerCoding::gzip ? gzip_format : zlib_format, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib cannot start");
  std::string out(deflateBound(&stream, static_cast<uLong>(body.size())), '\0');
  std::string in = body;  // zlib's input is not const
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (end != Z_STREAM_END) throw std::runtime_error("zlib did not finish");
  return out;
}

AnswerStyle::AnswerStyle(const ServerRequest& request, const AppOptions& options)
    : chunked_{options.chunked_answers} {
  const auto field = [&request](std::string_view name) -> std::string_view {
    const std::string* value = transport::find_header(request.headers, name);
    return value == nullptr ? std::string_view{} : std::string_view{*value};
  };
  if (options.answer_coding != AnswerCoding::identity) {
    varies_ = true;
    if (accepts(field("Accept-Encoding"), name_of(options.answer_coding)))
      coding_ = options.answer_coding;
  }
  const bool has_cookie = field("Cookie").find(cookie_name) != std::string_view::npos;
  if (!options.affinity_cookie || has_cookie) return;
  const std::string_view host = options.own_host.empty() ? field("Host") : options.own_host;
  affinity_domain_ = std::string{host.substr(0, host.rfind(':'))};
  affinity_ = std::to_string(std::hash<std::string>{}(options.name));
}

void AnswerStyle::apply(ServerResponse& response) const {
  if (!affinity_.empty()) {
    const std::string end = affinity_ + ";Path=/;HttpOnly;";
    const std::string name{cookie_name};
    response.headers.emplace_back("Set-Cookie",
                                  name + "=" + end + "Secure;Domain=" + affinity_domain_);
    response.headers.emplace_back(
        "Set-Cookie", name + "SameSite=" + end + "SameSite=None;Secure;Domain=" + affinity_domain_);
  }
  if (response.next_chunk || response.body.empty()) return;
  if (varies_) response.headers.emplace_back("Vary", "Accept-Encoding");
  if (coding_ != AnswerCoding::identity) {
    response.body = code_body(response.body, coding_);
    response.headers.emplace_back("Content-Encoding", name_of(coding_));
  }
  if (chunked_) send_in_chunks(response);
}

}  // namespace rehearsal
