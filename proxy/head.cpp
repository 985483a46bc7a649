#include "proxy/head.hpp"

#include <cstring>

namespace proxy {
namespace {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// The comparison with | 0x20 is exact here: `known` holds lower-case letters and '-' only, and no
// other character of a token becomes one of these by it. The sizes are equal; words that overlap
// compare a name of 4 to 16 bytes in two steps.
template <class Word>
bool is_by_words(const char* name, const char* known, std::size_t size) {
  constexpr Word lower_bits = static_cast<Word>(0x2020202020202020ULL);
  Word a = 0, b = 0, c = 0, d = 0;
  std::memcpy(&a, name, sizeof a);
  std::memcpy(&b, known, sizeof b);
  std::memcpy(&c, name + size - sizeof c, sizeof c);
  std::memcpy(&d, known + size - sizeof d, sizeof d);
  return (((a | lower_bits) ^ b) | ((c | lower_bits) ^ d)) == 0;
}

inline bool is(std::string_view name, std::string_view known) {
  if (known.size() >= 8 && known.size() <= 16)
    return is_by_words<std::uint64_t>(name.data(), known.data(), known.size());
  if (known.size() >= 4 && known.size() < 8)
    return is_by_words<std::uint32_t>(name.data(), known.data(), known.size());
  for (std::size_t i = 0; i < known.size(); ++i)
    if ((name[i] | 0x20) != known[i]) return false;
  return true;
}

// App Service and Functions take identity from these; only the platform may set them.
bool platform_only(std::string_view name) {
  switch (lower(name[0])) {
    case 'x':
      return starts_with(name, "x-arr-") || starts_with(name, "x-ms-client-principal") ||
             starts_with(name, "x-ms-token-");
    case 'c':
      return starts_with(name, "client-cert");
    case 'd':
      return equal_ignoring_case(name, "disguised-host");
    case 'w':
      return equal_ignoring_case(name, "was-default-hostname");
    default:
      return false;
  }
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  return true;
}

// By length and first letter: almost every name is compared with one candidate or none.
FieldName field_name(std::string_view name) {
  using F = FieldName;
  if (name.empty()) return F::other;
  const char first = lower(name[0]);
  const auto only = [&](char letter, std::string_view known, F id) {
    return first == letter && is(name, known) ? id : F::other;
  };
  F id = F::other;
  switch (name.size()) {
    case 2:
      id = only('t', "te", F::te);
      break;
    case 3:
      id = only('v', "via", F::via);
      break;
    case 4:
      id = first == 'h' ? only('h', "host", F::host) : only('d', "date", F::date);
      break;
    case 6:
      id = first == 'c' ? only('c', "cookie", F::cookie) : only('e', "expect", F::expect);
      break;
    case 7:
      id = first == 'u' ? only('u', "upgrade", F::upgrade) : only('t', "trailer", F::trailer);
      break;
    case 8:
      id = only('l', "location", F::location);
      break;
    case 9:
      id = only('f', "forwarded", F::forwarded);
      break;
    case 10:
      id = first == 'c'   ? only('c', "connection", F::connection)
           : first == 's' ? only('s', "set-cookie", F::set_cookie)
                          : only('k', "keep-alive", F::keep_alive);
      break;
    case 11:
      id = first == 't' ? only('t', "traceparent", F::traceparent)
                        : only('r', "retry-after", F::retry_after);
      break;
    case 12:
      id = only('c', "content-type", F::content_type);
      break;
    case 14:
      id = only('c', "content-length", F::content_length);
      break;
    case 15:
      id = only('x', "x-forwarded-for", F::x_forwarded_for);
      if (id == F::other) id = only('x', "x-functions-key", F::functions_key);
      if (first == 'a') id = only('a', "accept-encoding", F::accept_encoding);
      break;
    case 16:
      id = first == 'c'   ? only('c', "content-encoding", F::content_encoding)
           : first == 'p' ? only('p', "proxy-connection", F::proxy_connection)
                          : only('x', "x-forwarded-host", F::x_forwarded_host);
      break;
    case 17:
      id = first == 't' ? only('t', "transfer-encoding", F::transfer_encoding)
                        : only('x', "x-forwarded-proto", F::x_forwarded_proto);
      break;
    case 18:
      id = only('p', "proxy-authenticate", F::proxy_authenticate);
      break;
    case 19:
      id = only('p', "proxy-authorization", F::proxy_authorization);
      break;
    default:
      break;
  }
  return id == F::other && platform_only(name) ? F::client_only : id;
}

}  // namespace proxy
