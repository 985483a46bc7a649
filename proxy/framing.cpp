#include "proxy/framing.hpp"

#include <array>

namespace proxy {
namespace {

constexpr FramingVerdict good{};

FramingVerdict refuse(std::string_view rule, ProblemKind problem = ProblemKind::bad_request) {
  return {false, problem, rule};
}

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// Digits only and below 2^63: "+5", "5, 5", " 5" and "0x5" are how smuggling begins.
bool parse_length(std::string_view text, std::uint64_t& length) {
  if (text.empty() || text.size() > 19) return false;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!digit(c)) return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (value > 0x7fffffffffffffffULL) return false;
  length = value;
  return true;
}

template <class Use>
void each_token(std::string_view list, Use use) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view token = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t'))
      token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    if (!token.empty()) use(token);
  }
}

struct ConnectionOptions {
  bool close = false, keep_alive = false, upgrade = false, names_fields = false;

  void read(std::string_view value) {
    if (value == "keep-alive") {  // by far the most frequent
      keep_alive = true;
      return;
    }
    each_token(value, [this](std::string_view token) {
      if (equal_ignoring_case(token, "close")) {
        close = true;
      } else if (equal_ignoring_case(token, "keep-alive")) {
        keep_alive = true;
      } else if (equal_ignoring_case(token, "upgrade")) {
        upgrade = true;
      } else {
        names_fields = true;
      }
    });
  }
};

constexpr auto reg_name = [] {  // RFC 3986 section 3.2.2, without ','
  std::array<bool, 256> table{};
  for (const char c :
       std::string_view{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "-._~%!$&'()*+;="})
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();
bool reg_name_char(char c) {
  return reg_name[static_cast<unsigned char>(c)];
}

bool scheme_is(std::string_view target, std::string_view scheme) {
  return target.size() > scheme.size() &&
         equal_ignoring_case(target.substr(0, scheme.size()), scheme);
}

FramingVerdict check_target(const RequestHead& head, RequestFraming& framing) {
  const std::string_view target = head.target;
  if (target.find('#') != std::string_view::npos)
    return refuse("a request target has no fragment (RFC 9112 section 3.2)");
  if (target.front() == '/') {
    framing.path = target;
    return good;
  }
  if (target == "*") {
    if (head.method != "OPTIONS")
      return refuse("\"*\" is a target of OPTIONS only (RFC 9112 section 3.2.4)");
    framing.path = target;
    return good;
  }
  std::size_t authority_at = 0;
  if (scheme_is(target, "http://")) authority_at = 7;
  if (scheme_is(target, "https://")) authority_at = 8;
  if (authority_at == 0)
    return refuse(
        "a request target is a path, \"*\" or an absolute http URL (RFC 9112 section 3.2)");
  const std::string_view rest = target.substr(authority_at);
  const std::size_t path_at = rest.find_first_of("/?");
  framing.host = rest.substr(0, path_at);
  if (!valid_authority(framing.host))
    return refuse("the authority of an absolute target is host[:port] (RFC 9110 section 4.2)");
  if (path_at == std::string_view::npos) {
    framing.path = head.method == "OPTIONS" ? "*" : "/";
  } else if (rest[path_at] == '?') {
    return refuse("an absolute target needs a path before its query");
  } else {
    framing.path = rest.substr(path_at);
  }
  return good;
}

struct Lengths {
  int content_length = 0;
  int transfer_encoding = 0;
  std::string_view length, coding;
};

FramingVerdict check_request_body(const Lengths& lengths, int version, RequestFraming& framing) {
  if (lengths.content_length > 1)
    return refuse("Content-Length is given more than once (RFC 9112 section 6.3)");
  if (lengths.transfer_encoding > 0) {
    if (lengths.content_length > 0)
      return refuse("Content-Length and Transfer-Encoding together (RFC 9112 section 6.1)");
    if (version < 11) return refuse("Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)");
    if (lengths.transfer_encoding > 1 || !equal_ignoring_case(lengths.coding, "chunked"))
      return refuse("the one transfer coding supported is \"chunked\" (RFC 9112 section 6.1)");
    framing.body = BodyKind::chunked;
    return good;
  }
  if (lengths.content_length == 1) {
    if (!parse_length(lengths.length, framing.length))
      return refuse("Content-Length is not a decimal number (RFC 9110 section 8.6)");
    framing.body = framing.length > 0 ? BodyKind::length : BodyKind::none;
  }
  return good;
}

}  // namespace

bool valid_authority(std::string_view authority) {
  std::string_view port;
  if (authority.empty()) return false;
  if (authority.front() == '[') {  // IPv6 literal
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    for (const char c : authority.substr(1, end - 1)) {
      const bool hex = digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      if (!hex && c != ':' && c != '.') return false;
    }
    const std::string_view rest = authority.substr(end + 1);
    if (rest.empty()) return true;
    if (rest.front() != ':') return false;
    port = rest.substr(1);
  } else {
    std::size_t size = 0;
    while (size < authority.size() && reg_name_char(authority[size])) ++size;
    if (size == authority.size()) return true;
    if (size == 0 || authority[size] != ':') return false;
    port = authority.substr(size + 1);
  }
  if (port.size() > 5) return false;  // "host:" alone is allowed (RFC 3986 section 3.2.3)
  unsigned number = 0;
  for (const char c : port) {
    if (!digit(c)) return false;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return number <= 65535;
}

bool named_by_connection(const FieldList& fields, std::string_view name) {
  bool found = false;
  for (const Field& field : fields) {
    if (field.id != FieldName::connection) continue;
    each_token(field.value,
               [&](std::string_view token) { found = found || equal_ignoring_case(token, name); });
  }
  return found;
}

FramingVerdict check_request(const RequestHead& head, RequestFraming& framing) {
  framing = {};
  if (head.target.empty()) return refuse("the request target is empty");
  if (head.method == "CONNECT" || head.method == "TRACE")
    return refuse("CONNECT and TRACE are not served", ProblemKind::method_not_allowed);

  int hosts = 0;
  std::string_view host;
  Lengths lengths;
  ConnectionOptions options;
  for (const Field& field : head.fields) {
    switch (field.id) {
      case FieldName::host:
        ++hosts;
        host = field.value;
        break;
      case FieldName::content_length:
        ++lengths.content_length;
        lengths.length = field.value;
        break;
      case FieldName::transfer_encoding:
        ++lengths.transfer_encoding;
        lengths.coding = field.value;
        break;
      case FieldName::connection:
        options.read(field.value);
        break;
      case FieldName::expect:
        if (!equal_ignoring_case(field.value, "100-continue"))
          return refuse("the one expectation supported is 100-continue (RFC 9110 section 10.1.1)",
                        ProblemKind::expectation_failed);
        framing.expect_continue = head.version >= 11;
        break;
      case FieldName::upgrade:
        framing.upgrade_value = field.value;
        break;
      default:
        break;
    }
  }

  if (const FramingVerdict target = check_target(head, framing); !target.ok) return target;
  if (hosts > 1) return refuse("Host is given more than once (RFC 9112 section 3.2)");
  if (hosts == 0 && head.version >= 11) return refuse("Host is missing (RFC 9112 section 3.2)");
  if (hosts == 1 && !valid_authority(host))
    return refuse("Host is not host[:port] (RFC 9110 section 7.2)");
  if (framing.host.empty()) framing.host = host;
  if (const FramingVerdict body = check_request_body(lengths, head.version, framing); !body.ok)
    return body;

  framing.keep_alive = head.version >= 11 ? !options.close : options.keep_alive && !options.close;
  framing.names_fields = options.names_fields;
  // Only an upgrade that this proxy can hand to the upstream as a blind tunnel; h2c would let a
  // client speak past every rule above ("h2c smuggling"), so it is read as an ordinary request.
  framing.upgrade = options.upgrade && head.version >= 11 && framing.body == BodyKind::none &&
                    head.method == "GET" && equal_ignoring_case(framing.upgrade_value, "websocket");
  return good;
}

FramingVerdict check_response(const ResponseHead& head, bool head_request,
                              ResponseFraming& framing) {
  framing = {};
  if (head.status < 100 || head.status > 599)
    return refuse("the status code is not between 100 and 599", ProblemKind::bad_response);
  Lengths lengths;
  ConnectionOptions options;
  for (const Field& field : head.fields) {
    if (field.id == FieldName::content_length) {
      ++lengths.content_length;
      lengths.length = field.value;
    } else if (field.id == FieldName::transfer_encoding) {
      ++lengths.transfer_encoding;
      lengths.coding = field.value;
    } else if (field.id == FieldName::connection) {
      options.read(field.value);
    }
  }
  framing.keep_alive = head.version >= 11 ? !options.close : options.keep_alive && !options.close;
  framing.names_fields = options.names_fields;

  if (lengths.content_length > 1)
    return refuse("Content-Length is given more than once", ProblemKind::bad_response);
  if (lengths.content_length == 1 && !parse_length(lengths.length, framing.length))
    return refuse("Content-Length is not a decimal number", ProblemKind::bad_response);
  if (lengths.transfer_encoding > 0) {
    if (lengths.content_length > 0)
      return refuse("Content-Length and Transfer-Encoding together", ProblemKind::bad_response);
    if (lengths.transfer_encoding > 1 || !equal_ignoring_case(lengths.coding, "chunked"))
      return refuse("a transfer coding other than chunked", ProblemKind::bad_response);
    if (head.version < 11)
      return refuse("Transfer-Encoding in HTTP/1.0", ProblemKind::bad_response);
  }
  if (head_request || head.status < 200 || head.status == 204 || head.status == 304) {
    framing.body = BodyKind::none;
  } else if (lengths.transfer_encoding > 0) {
    framing.body = BodyKind::chunked;
  } else if (lengths.content_length == 1) {
    framing.body = framing.length > 0 ? BodyKind::length : BodyKind::none;
  } else {
    framing.body = BodyKind::until_close;
    framing.keep_alive = false;
  }
  return good;
}

}  // namespace proxy
