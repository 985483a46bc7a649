// Which messages may pass, and where they end: our own strict reading of RFC 9112 over a parsed
// head, because Beast's parser accepts framings that two servers can read differently. Pure; one
// test row per case. Whatever is refused here never reaches an upstream.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/head.hpp"
#include "proxy/problem.hpp"

namespace proxy {

enum class BodyKind : std::uint8_t { none, length, chunked, until_close };

struct RequestFraming {
  BodyKind body = BodyKind::none;
  std::uint64_t length = 0;  // with BodyKind::length
  bool keep_alive = true;    // the client may send another request
  bool expect_continue = false;
  bool upgrade = false;       // asked for, and of a kind we tunnel
  bool names_fields = false;  // Connection names fields besides the usual ones
  std::string_view host;      // authority: the absolute target's, else the Host field's
  std::string_view path;      // target to forward: origin form or "*", byte-exact
  std::string_view upgrade_value;
};

struct FramingVerdict {
  bool ok = true;
  ProblemKind problem = ProblemKind::bad_request;
  std::string_view rule;  // the rule that was broken, for the problem's detail
};

FramingVerdict check_request(const RequestHead& head, RequestFraming& framing);

struct ResponseFraming {
  BodyKind body = BodyKind::none;
  std::uint64_t length = 0;
  bool keep_alive = true;
  bool names_fields = false;
};

// `head_request`: the answer to HEAD has no body whatever its fields say (RFC 9112 section 6.3).
FramingVerdict check_response(const ResponseHead& head, bool head_request,
                              ResponseFraming& framing);

// True when a Connection field among `fields` names `name`.
bool named_by_connection(const FieldList& fields, std::string_view name);

bool valid_authority(std::string_view authority);  // host[:port]: no userinfo, no empty host

}  // namespace proxy
