// Writes the heads that leave this proxy: the received lines byte for byte, minus what belongs to
// one hop and what only we may say, plus ours. Pure; into memory of the caller.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "config/config.hpp"
#include "config/copy_short.hpp"
#include "proxy/framing.hpp"
#include "proxy/head.hpp"

namespace proxy {

// Appends text to fixed memory; what does not fit sets `overflow` and is dropped.
class Writer {
 public:
  Writer(char* into, std::size_t capacity) : begin_{into}, at_{into}, end_{into + capacity} {}
  // Texts and literals, one behind the other; what belongs together costs one look at the room.
  template <class... Parts>
  void add(const Parts&... parts) {
    if ((size_of(parts) + ...) > static_cast<std::size_t>(end_ - at_)) {
      overflow_ = true;
      return;
    }
    (put(parts), ...);
  }
  void add_number(std::uint64_t number, int base = 10);
  std::string_view text() const { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }
  char* position() const { return at_; }
  bool overflow() const { return overflow_; }

 private:
  static std::size_t size_of(std::string_view text) { return text.size(); }
  template <std::size_t N>
  static constexpr std::size_t size_of(const char (&)[N]) {
    return N - 1;
  }
  void put(std::string_view text) {
    config::copy_short(at_, text.data(), text.size());
    at_ += text.size();
  }
  template <std::size_t N>
  void put(const char (&literal)[N]) {
    std::memcpy(at_, literal, N - 1);
    at_ += N - 1;
  }

  char* begin_;
  char* at_;
  char* end_;
  bool overflow_ = false;
};

struct ClientFacts {
  std::string_view address;  // text; IPv6 without brackets
  bool v6 = false;
  bool tls = false;
  bool trusted = false;  // the peer is a listed proxy: its forwarded fields are kept
};

struct RequestRewrite {
  const config::Endpoint* endpoint = nullptr;
  std::string_view path;             // origin form or "*", behind the endpoint's base path
  std::string_view host_line_value;  // what to send as Host
  ClientFacts client;
  std::string_view via;             // "1.1 understudy-1a2b3c"
  std::string_view traceparent;     // used when the request has none
  bool drop_functions_key = false;  // the client's x-functions-key is for this proxy alone
  std::string_view functions_key;   // the endpoint's own, in its place
  std::string_view own_cookie;      // is for this proxy alone; empty: there is none
  // Every endpoint's secret header: what a client sends under such a name goes nowhere.
  std::span<const std::string_view> lock_names;
  // The answer may hold URLs that have to be found: codings that cannot be undone are not offered.
  bool readable_answer = false;
};

void write_request_head(Writer& out, const RequestHead& head, const RequestFraming& framing,
                        const RequestRewrite& rewrite);

struct ResponseRewrite {
  bool close = false;            // tell the client that the connection ends
  bool keep_alive_note = false;  // an HTTP/1.0 client that asked for it
  bool chunked = false;          // we frame the body in chunks
  bool drop_length = false;      // the length of the body changed or is not known
  bool drop_coding = false;      // the body was decoded
  bool has_length = false;       // say `length`
  std::uint64_t length = 0;
  bool switching = false;       // 101: keep Upgrade
  std::string_view location;    // replaces the Location value when not empty
  std::string_view cookies;     // whole lines that replace every Set-Cookie when not empty
  std::string_view own_cookie;  // which no endpoint may set; empty: there is none
  std::string_view extra;       // whole lines, each with its CRLF
  std::string_view date;        // used when the answer has none
};

void write_response_head(Writer& out, const ResponseHead& head, const ResponseFraming& framing,
                         const ResponseRewrite& rewrite);

}  // namespace proxy
