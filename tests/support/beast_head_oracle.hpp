// A second opinion on request and response heads: Beast's basic_parser, which the data path used
// before it had a parser of its own. Slow and allocating; for tests and fuzzing only.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_support {

namespace http = boost::beast::http;

struct OracleHead {
  enum class Verdict {
    complete,
    incomplete,  // no CRLF CRLF yet: Beast is not asked
    malformed,
    bad_version,
    meaning,  // Beast also judges lengths and codings, which is not a matter of syntax
  };
  Verdict verdict = Verdict::incomplete;
  std::string error;  // Beast's, for messages
  std::string method, target;
  int status = 0, version = 0;
  std::string reason;
  bool bad_value = false;  // a field's: of its characters, or of what Beast makes of it
  bool folded = false;     // Beast joins folded lines (obs-fold)
  std::vector<std::pair<std::string, std::string>> fields;
  std::size_t size = 0;  // of the head, without leading empty lines
};

template <bool is_request>
class OracleParser final : public http::basic_parser<is_request> {
 public:
  explicit OracleParser(OracleHead& head, std::string_view text) : head_{head}, text_{text} {
    this->body_limit(boost::none);
    this->header_limit(0x7fffffff);
    this->eager(false);
  }

 private:
  using View = boost::beast::string_view;
  using Error = boost::beast::error_code;
  static std::string text(View view) { return {view.data(), view.size()}; }

  void on_request_impl(http::verb, View method, View target, int version, Error&) override {
    head_.method = text(method);
    head_.target = text(target);
    head_.version = version;
  }
  void on_response_impl(int status, View reason, int version, Error&) override {
    head_.status = status;
    head_.reason = text(reason);
    head_.version = version;
  }
  void on_field_impl(http::field, View name, View value, Error&) override {
    const bool inside = value.data() >= text_.data() && value.data() <= text_.data() + text_.size();
    if (!value.empty() && !inside) head_.folded = true;  // joined in a buffer of the parser
    head_.fields.emplace_back(text(name), text(value));
  }
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(View, Error&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, View, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View, Error&) override { return 0; }
  void on_finish_impl(Error&) override {}

  OracleHead& head_;
  std::string_view text_;
};

template <bool is_request>
OracleHead ask_beast(std::string_view input) {
  OracleHead head;
  const std::size_t end = input.find("\r\n\r\n");
  if (end == std::string_view::npos) return head;
  head.size = end + 4;
  OracleParser<is_request> parser{head, input.substr(0, head.size)};
  boost::beast::error_code failed;
  parser.put(boost::asio::const_buffer{input.data(), head.size}, failed);
  using Verdict = OracleHead::Verdict;
  if (!failed) {
    head.verdict = parser.is_header_done() ? Verdict::complete : Verdict::malformed;
    return head;
  }
  head.error = failed.message();
  head.verdict = Verdict::malformed;
  head.bad_value = failed == http::error::bad_value;
  if (failed == http::error::bad_version) head.verdict = Verdict::bad_version;
  if (failed == http::error::bad_content_length || failed == http::error::bad_transfer_encoding ||
      failed == http::error::multiple_content_length)
    head.verdict = Verdict::meaning;
  return head;
}

}  // namespace test_support
