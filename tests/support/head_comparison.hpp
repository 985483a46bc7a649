// Compares proxy/head_parser.cpp with Beast's parser on one input. What may differ is listed here,
// each with its reason; everything else is a bug in one of the two.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "proxy/head.hpp"
#include "tests/support/beast_head_oracle.hpp"

namespace test_support {

using Verdict = OracleHead::Verdict;

inline std::string describe(std::string_view what, std::string_view ours, std::string_view beasts) {
  return std::string{what} + ": ours \"" + std::string{ours} + "\", Beast's \"" +
         std::string{beasts} + '"';
}

inline std::string compare_fields(const proxy::FieldList& ours, const OracleHead& beast) {
  if (ours.count != beast.fields.size())
    return describe("number of fields", std::to_string(ours.count),
                    std::to_string(beast.fields.size()));
  for (std::size_t i = 0; i < ours.count; ++i) {
    const auto& [name, value] = beast.fields[i];
    if (ours.items[i].name != name) return describe("a field's name", ours.items[i].name, name);
    if (ours.items[i].value != value)
      return describe("a field's value", ours.items[i].value, value);
    if (ours.items[i].id != proxy::field_name(name)) return "a field's id";
  }
  return {};
}

inline std::string compare_start(const proxy::RequestHead& ours, const OracleHead& beast) {
  if (ours.method != beast.method) return describe("method", ours.method, beast.method);
  if (ours.target != beast.target) return describe("target", ours.target, beast.target);
  return {};
}

inline std::string compare_start(const proxy::ResponseHead& ours, const OracleHead& beast) {
  if (ours.status != beast.status)
    return describe("status", std::to_string(ours.status), std::to_string(beast.status));
  if (ours.reason != beast.reason) return describe("reason", ours.reason, beast.reason);
  return {};
}

// Ours is stricter: why what Beast accepts may be refused.
inline bool refused_on_purpose(std::string_view input, const OracleHead& beast, bool is_request) {
  if (beast.folded) return true;  // RFC 9112 section 5.2: a server may refuse obs-fold
  for (const auto& [name, value] : beast.fields)
    for (const char c : value)  // a fold that left nothing but white space to join
      if (c == '\r' || c == '\n') return true;
  // A fold whose continuation is empty leaves a value that lies within the input.
  const std::string_view head = input.substr(0, beast.size);
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2))
    if (at + 2 < head.size() && (head[at + 2] == ' ' || head[at + 2] == '\t')) return true;
  if (is_request) return false;
  // Beast lets a status of any three digits pass and so do we; control characters in the reason
  // phrase (RFC 9112 section 4) we do not.
  for (const char c : beast.reason)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return true;
  return false;
}

// Beast refuses a Connection field that is no list of tokens. For us it is one that names fields
// which nobody sends: `"close` is not close, and is removed with the field.
inline bool odd_connection(const proxy::FieldList& fields) {
  for (const proxy::Field& field : fields) {
    if (field.id != proxy::FieldName::connection && field.id != proxy::FieldName::proxy_connection)
      continue;
    bool after_space = false, in_token = false;
    for (const char c : field.value) {
      const bool blank = c == ' ' || c == '\t';
      if (std::string_view{"\"()/:;<=>?@[\\]{}"}.find(c) != std::string_view::npos) return true;
      if (static_cast<unsigned char>(c) >= 0x80) return true;
      if (!blank && c != ',' && in_token && after_space) return true;  // two words, no comma
      if (c == ',') in_token = false;
      if (!blank && c != ',') in_token = true;
      after_space = blank;
    }
  }
  return false;
}

// Ours is laxer: why what Beast refuses may be accepted.
template <class Head>
bool accepted_on_purpose(const Head& ours, const OracleHead& beast) {
  if (beast.verdict == Verdict::meaning) return true;  // framing.hpp judges lengths and codings
  if (beast.bad_value && odd_connection(ours.fields)) return true;
  if constexpr (std::is_same_v<Head, proxy::ResponseHead>)
    return ours.reason.empty();  // some servers leave out the space before an empty reason
  return false;
}

// "" when both agree or differ on purpose, else what is wrong.
template <class Head>
std::string compare_heads(std::string_view input) {
  constexpr bool is_request = std::is_same_v<Head, proxy::RequestHead>;
  const auto ours = std::make_unique<Head>();
  proxy::HeadState state;
  std::string_view rest = input;
  if constexpr (is_request) {
    state = proxy::parse_request_head(input, proxy::most_fields, *ours);
    for (int i = 0; i < 4 && rest.substr(0, 2) == "\r\n"; ++i) rest.remove_prefix(2);
  } else {
    state = proxy::parse_response_head(input, proxy::most_fields, *ours);
  }
  const OracleHead beast = ask_beast<is_request>(rest);
  switch (state) {
    case proxy::HeadState::complete: {
      if (beast.verdict != Verdict::complete)
        return accepted_on_purpose(*ours, beast) ? "" : "Beast refuses it: " + beast.error;
      if (ours->version != beast.version) return "version";
      if (ours->size != beast.size + (input.size() - rest.size())) return "size of the head";
      if (ours->fields_end != input.data() + ours->size - 2) return "end of the fields";
      const std::string start = compare_start(*ours, beast);
      return start.empty() ? compare_fields(ours->fields, beast) : start;
    }
    case proxy::HeadState::incomplete:
      return beast.verdict == Verdict::incomplete ? "" : "ours waits for more of a complete head";
    case proxy::HeadState::too_many_fields:
      return "";
    case proxy::HeadState::bad_version:
    case proxy::HeadState::malformed:
      if (beast.verdict != Verdict::complete || refused_on_purpose(rest, beast, is_request))
        return "";
      return "Beast accepts it";
  }
  return "no state";
}

}  // namespace test_support
