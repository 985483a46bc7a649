// A request or response head as string views into the bytes that were received, and the names of
// fields that the data path treats specially. Syntax is judged by `head_parser.cpp`, what may be
// forwarded by framing.hpp. Plain values; the views live as long as the buffer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proxy {

enum class FieldName : std::uint8_t {
  accept_encoding,
  other,
  connection,
  client_only,  // what only a platform or proxy may set: stripped from every request
  content_encoding,
  content_length,
  content_type,
  cookie,
  date,
  expect,
  forwarded,
  functions_key,  // x-functions-key: Azure Functions' access key
  host,
  keep_alive,
  location,
  proxy_connection,
  proxy_authenticate,
  proxy_authorization,
  retry_after,
  set_cookie,
  te,
  traceparent,
  trailer,
  transfer_encoding,
  upgrade,
  via,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,  // the last: below 32, see FieldList::seen
};

FieldName field_name(std::string_view name);  // ASCII case-insensitive

struct Field {
  std::string_view name;
  std::string_view value;  // without surrounding white space
  FieldName id = FieldName::other;
};

inline constexpr std::size_t most_fields = 256;

struct FieldList {
  std::array<Field, most_fields> items;
  std::size_t count = 0;
  std::uint32_t seen = 0;  // bit of each FieldName that is there, so that looking for one is cheap
  bool has(FieldName id) const { return (seen >> static_cast<unsigned>(id) & 1U) != 0; }
  const Field* begin() const { return items.data(); }
  const Field* end() const { return items.data() + count; }
  // The raw line of field i, its CRLF included: lines are contiguous.
  std::string_view line(std::size_t i, const char* fields_end) const {
    const char* from = items[i].name.data();
    const char* to = i + 1 < count ? items[i + 1].name.data() : fields_end;
    return {from, static_cast<std::size_t>(to - from)};
  }
};

inline const Field* find_field(const FieldList& fields, FieldName id) {
  if (!fields.has(id)) return nullptr;
  for (const Field& field : fields)
    if (field.id == id) return &field;
  return nullptr;
}

struct RequestHead {
  std::string_view method;
  std::string_view target;
  int version = 11;  // 10 or 11
  FieldList fields;
  const char* fields_end = nullptr;  // the CRLF that ends the head
  std::size_t size = 0;              // bytes of the head, leading empty lines included
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;
  int version = 11;
  FieldList fields;
  const char* fields_end = nullptr;
  std::size_t size = 0;
};

enum class HeadState {
  incomplete,
  complete,
  malformed,
  too_many_fields,
  bad_version,
};

// Parses a head at the start of `input`. `incomplete` also for an empty input; what can be told to
// be no HTTP/1 head before its end is `malformed` at once, so that nobody waits for the rest.
HeadState parse_request_head(std::string_view input, std::size_t most, RequestHead& head);
HeadState parse_response_head(std::string_view input, std::size_t most, ResponseHead& head);

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace proxy
