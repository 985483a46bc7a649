#include "durable/management_urls.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace durable {
namespace {

constexpr std::string_view marker = "statusquerygeturi";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::uint16_t default_port(bool tls) {
  return tls ? 443 : 80;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Reads the characters of a JSON string, or of plain text, one by one. Escapes that stand for
// ASCII are undone: some serialisers write "https:\/\/host\/" or "\u002f".
class Reader {
 public:
  Reader(std::string_view text, bool json) : text_{text}, json_{json} {}

  std::size_t position() const { return at_; }
  bool at_end() const { return at_ >= text_.size(); }
  // 0 at the end and for what no origin contains.
  char peek() const { return decode().first; }
  void advance() { at_ += decode().second; }

 private:
  std::pair<char, std::size_t> decode() const {
    if (at_end()) return {'\0', 0};
    const char c = text_[at_];
    if (!json_ || c != '\\') return {c, 1};
    if (at_ + 1 >= text_.size()) return {'\0', 1};
    const char escaped = text_[at_ + 1];
    if (escaped == '/') return {'/', 2};
    if (escaped != 'u' || at_ + 5 >= text_.size()) return {'\0', 2};
    int code = 0;
    for (std::size_t i = at_ + 2; i < at_ + 6; ++i) {
      const int digit = hex_value(text_[i]);
      if (digit < 0) return {'\0', 2};
      code = code * 16 + digit;
    }
    return {code > 0x20 && code < 0x7f ? static_cast<char>(code) : '\0', 6};
  }

  std::string_view text_;
  bool json_;
  std::size_t at_ = 0;
};

bool take(Reader& reader, std::string_view lower_case_word) {
  for (const char wanted : lower_case_word) {
    if (lower(reader.peek()) != wanted) return false;
    reader.advance();
  }
  return true;
}

// "host[:port]" in front of '/', '?', '#' or the end, as one of `origins` (of one scheme, if
// given).
bool take_authority(Reader& reader, std::span<const Origin> origins, std::optional<bool> tls) {
  std::array<char, 262> host{};
  std::size_t length = 0;
  const bool bracketed = reader.peek() == '[';
  if (bracketed) reader.advance();
  for (char c = reader.peek(); c != '\0'; c = reader.peek()) {
    if (bracketed ? c == ']' : (c == ':' || c == '/' || c == '?' || c == '#')) break;
    if (length == host.size()) return false;
    host[length++] = lower(c);
    reader.advance();
  }
  if (bracketed) {
    if (reader.peek() != ']') return false;
    reader.advance();
  }
  std::uint32_t port = 0;
  bool has_port = false;
  if (reader.peek() == ':') {
    reader.advance();
    for (char c = reader.peek(); c >= '0' && c <= '9'; c = reader.peek()) {
      port = port * 10 + static_cast<std::uint32_t>(c - '0');
      if (port > 65535) return false;
      has_port = true;
      reader.advance();
    }
  }
  const char next = reader.peek();
  if (!reader.at_end() && next != '/' && next != '?' && next != '#') return false;
  const std::string_view name{host.data(), length};
  return std::any_of(origins.begin(), origins.end(), [&](const Origin& origin) {
    if (origin.host != name || (tls && origin.tls != *tls)) return false;
    return origin.port == (has_port ? port : default_port(origin.tls));
  });
}

// Bytes of `text` that are the origin of an endpoint; 0 when it begins with none.
std::size_t origin_length(std::string_view text, bool json, std::span<const Origin> origins) {
  Reader reader{text, json};
  if (!take(reader, "http")) return 0;
  const bool tls = lower(reader.peek()) == 's';
  if (tls) reader.advance();
  if (!take(reader, "://") || !take_authority(reader, origins, tls)) return 0;
  return reader.position();
}

// The public origin comes from the configuration or from a Host field; neither holds anything to
// escape once checked, but a body must stay JSON whatever comes.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out;
}

// Walks over one JSON text and copies it with the origins replaced. It accepts a little more than
// JSON (numbers and words are not looked into), but never loses track of what is a string.
class Walker {
 public:
  Walker(std::string_view body, std::span<const Origin> origins, std::string_view replacement)
      : body_{body}, origins_{origins}, replacement_{escaped(replacement)} {}

  std::optional<std::string> rewrite() {
    if (body_.substr(0, 3) == "\xef\xbb\xbf") at_ = 3;
    skip_blanks();
    if (at_ >= body_.size() || body_[at_] != '{') return {};
    if (!walk() || !has_marker_ || copied_ == 0) return {};
    out_ += body_.substr(copied_);
    return std::move(out_);
  }

 private:
  enum class Expect { key, key_or_end, colon, value, value_or_end, comma_or_end };

  void skip_blanks() {
    while (at_ < body_.size() &&
           (body_[at_] == ' ' || body_[at_] == '\t' || body_[at_] == '\n' || body_[at_] == '\r'))
      ++at_;
  }

  bool walk() {
    Expect expect = Expect::value;
    for (;;) {
      skip_blanks();
      if (at_ >= body_.size()) return open_.empty() && expect == Expect::comma_or_end;
      if (open_.empty() && expect == Expect::comma_or_end) return false;  // something follows
      const char c = body_[at_];
      switch (expect) {
        case Expect::key_or_end:
        case Expect::key:
          if (c == '}' && expect == Expect::key_or_end) {
            if (!close('{')) return false;
            expect = Expect::comma_or_end;
          } else {
            if (!take_string(true)) return false;
            expect = Expect::colon;
          }
          break;
        case Expect::colon:
          if (c != ':') return false;
          ++at_;
          expect = Expect::value;
          break;
        case Expect::value_or_end:
        case Expect::value:
          if (c == ']' && expect == Expect::value_or_end) {
            if (!close('[')) return false;
            expect = Expect::comma_or_end;
          } else if (!take_value(c, expect)) {
            return false;
          }
          break;
        case Expect::comma_or_end:
          if (c == ',') {
            ++at_;
            expect = open_.back() == '{' ? Expect::key : Expect::value;
          } else if (!((c == '}' && close('{')) || (c == ']' && close('[')))) {
            return false;
          }
          break;
      }
    }
  }

  bool close(char opened_by) {
    if (open_.empty() || open_.back() != opened_by) return false;
    open_.pop_back();
    ++at_;
    return true;
  }

  bool take_value(char c, Expect& expect) {
    expect = Expect::comma_or_end;
    if (c == '{' || c == '[') {
      if (open_.size() == most_depth) return false;
      open_ += c;
      ++at_;
      expect = c == '{' ? Expect::key_or_end : Expect::value_or_end;
      return true;
    }
    if (c == '"') return take_string(false);
    const std::size_t begin = at_;  // a number, true, false or null
    while (at_ < body_.size() &&
           (std::string_view{"+-.0123456789"}.find(body_[at_]) != std::string_view::npos ||
            (lower(body_[at_]) >= 'a' && lower(body_[at_]) <= 'z')))
      ++at_;
    return at_ > begin;
  }

  bool take_string(bool is_key) {
    if (body_[at_] != '"') return false;
    const std::size_t begin = ++at_;
    while (at_ < body_.size() && body_[at_] != '"') {
      if (static_cast<unsigned char>(body_[at_]) < 0x20) return false;
      at_ += body_[at_] == '\\' ? 2 : 1;
    }
    if (at_ >= body_.size()) return false;
    const std::string_view text = body_.substr(begin, at_ - begin);
    ++at_;
    if (is_key) {
      if (open_.size() == 1 && is_marker(text)) has_marker_ = true;
      return true;
    }
    if (const std::size_t length = origin_length(text, true, origins_); length > 0) {
      out_ += body_.substr(copied_, begin - copied_);
      out_ += replacement_;
      copied_ = begin + length;
    }
    return true;
  }

  static bool is_marker(std::string_view key) {
    Reader reader{key, true};
    return take(reader, marker) && reader.at_end();
  }

  static constexpr std::size_t most_depth = 256;

  std::string_view body_;
  std::span<const Origin> origins_;
  std::string replacement_;
  std::string out_;
  std::string open_;  // brackets not closed yet
  std::size_t at_ = 0;
  std::size_t copied_ = 0;  // bytes of the body that are in out_ or replaced
  bool has_marker_ = false;
};

}  // namespace

std::optional<Origin> parse_origin(std::string_view text) {
  Reader reader{text, false};
  if (!take(reader, "http")) return {};
  const bool tls = lower(reader.peek()) == 's';
  if (tls) reader.advance();
  if (!take(reader, "://")) return {};
  std::string_view authority = text.substr(reader.position());
  authority = authority.substr(0, authority.find_first_of("/?#"));
  std::string_view host = authority, port;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return {};
    host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (!port.empty() && port.front() != ':') return {};
  } else {
    host = authority.substr(0, authority.find(':'));
    port = authority.substr(host.size());
  }
  if (host.empty() || host.find('@') != std::string_view::npos) return {};
  Origin origin{tls, std::string{host}, default_port(tls)};
  std::transform(origin.host.begin(), origin.host.end(), origin.host.begin(), lower);
  if (port.size() > 1) {
    const auto [end, error] =
        std::from_chars(port.data() + 1, port.data() + port.size(), origin.port);
    if (error != std::errc{} || end != port.data() + port.size()) return {};
  }
  return origin;
}

std::vector<Origin> endpoint_origins(const config::Config& config) {
  std::vector<Origin> origins;
  const auto add = [&origins](const Origin& origin) {
    if (std::find(origins.begin(), origins.end(), origin) == origins.end())
      origins.push_back(origin);
  };
  for (const config::Endpoint& endpoint : config.endpoints) {
    const config::Url& url = endpoint.url;
    std::string host = url.host;
    std::transform(host.begin(), host.end(), host.begin(), lower);
    add({url.tls, host, url.port});
    // Under the other scheme on the same port, or on that scheme's own one if the port is implied.
    const bool implied = url.port == default_port(url.tls);
    add({!url.tls, host, implied ? default_port(!url.tls) : url.port});
    if (endpoint.host == config::HostPolicy::explicit_value && !endpoint.host_value.empty()) {
      for (const char* scheme : {"https://", "http://"})
        if (const auto origin = parse_origin(scheme + endpoint.host_value)) add(*origin);
    }
  }
  return origins;
}

std::optional<std::string> rewrite_management_urls(std::string_view body,
                                                   std::span<const Origin> origins,
                                                   std::string_view public_origin) {
  return Walker{body, origins, public_origin}.rewrite();
}

std::optional<std::string> rewrite_location(std::string_view value, std::span<const Origin> origins,
                                            std::string_view public_origin) {
  std::size_t length = origin_length(value, false, origins);
  if (length == 0 && value.substr(0, 2) == "//") {
    Reader reader{value.substr(2), false};
    if (take_authority(reader, origins, {})) length = 2 + reader.position();
  }
  if (length == 0) return {};
  std::string out{public_origin};
  out += value.substr(length);
  return out;
}

}  // namespace durable
