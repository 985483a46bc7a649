#include "proxy/problem.hpp"

#include <array>

namespace proxy {
namespace {

struct Row {
  ProblemKind kind;
  std::string_view word;
  int status;
};

constexpr std::array rows{
    Row{ProblemKind::bad_request, "bad_request", 400},
    Row{ProblemKind::unauthorized, "unauthorized", 401},
    Row{ProblemKind::forbidden, "forbidden", 403},
    Row{ProblemKind::method_not_allowed, "method_not_allowed", 405},
    Row{ProblemKind::request_timeout, "request_timeout", 408},
    Row{ProblemKind::length_required, "length_required", 411},
    Row{ProblemKind::body_too_large, "body_too_large", 413},
    Row{ProblemKind::uri_too_long, "uri_too_long", 414},
    Row{ProblemKind::expectation_failed, "expectation_failed", 417},
    Row{ProblemKind::lease_unsafe, "lease_unsafe", 409},
    Row{ProblemKind::id_in_use, "id_in_use", 409},
    Row{ProblemKind::id_elsewhere, "id_elsewhere", 409},
    Row{ProblemKind::already_exists, "already_exists", 409},
    Row{ProblemKind::not_known_to_run, "not_known_to_run", 409},
    Row{ProblemKind::misdirected, "misdirected", 421},
    Row{ProblemKind::key_reused, "key_reused", 422},
    Row{ProblemKind::too_many_requests, "too_many_requests", 429},
    Row{ProblemKind::head_too_large, "head_too_large", 431},
    Row{ProblemKind::internal, "internal", 500},
    Row{ProblemKind::not_implemented, "not_implemented", 501},
    Row{ProblemKind::connect_failed, "connect_failed", 502},
    Row{ProblemKind::tls_failed, "tls_failed", 502},
    Row{ProblemKind::upstream_closed, "upstream_closed", 502},
    Row{ProblemKind::bad_response, "bad_response", 502},
    Row{ProblemKind::key_refused, "key_refused", 502},
    Row{ProblemKind::no_endpoint, "no_endpoint", 503},
    Row{ProblemKind::overloaded, "overloaded", 503},
    Row{ProblemKind::shutting_down, "shutting_down", 503},
    Row{ProblemKind::away, "away", 503},
    Row{ProblemKind::ledger_unavailable, "ledger_unavailable", 503},
    Row{ProblemKind::held_start, "held_start", 503},
    Row{ProblemKind::first_byte_timeout, "first_byte_timeout", 504},
    Row{ProblemKind::outcome_unknown, "outcome_unknown", 504},
    Row{ProblemKind::version_not_supported, "version_not_supported", 505},
    Row{ProblemKind::loop_detected, "loop_detected", 508},
};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].kind != static_cast<ProblemKind>(i)) return false;
  return true;
}
static_assert(rows_are_in_order());

const Row& row_of(ProblemKind kind) {
  return rows[static_cast<std::size_t>(kind)];
}

// Length of the valid UTF-8 sequence at the front of `text` (RFC 3629), 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&byte](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (first == 0xed && byte(1) > 0x9f) return 0;  // a surrogate
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && byte(1) < 0x90) return 0;  // overlong
    if (first == 0xf4 && byte(1) > 0x8f) return 0;  // above U+10FFFF
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += ",\"";
  out += name;
  out += "\":\"";
  append_json_escaped(out, value);
  out += '"';
}

}  // namespace

std::string_view to_string(ProblemKind kind) {
  return row_of(kind).word;
}

int status_of(ProblemKind kind) {
  return row_of(kind).status;
}

std::string_view status_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 508:
      return "Loop Detected";
    default:
      return "";
  }
}

ProblemKind problem_of(AttemptFailureKind kind, Outcome outcome, durable::RequestKind request,
                       bool held) {
  if (outcome == Outcome::unknown) return ProblemKind::outcome_unknown;
  if (held && outcome == Outcome::not_run && request == durable::RequestKind::start)
    return ProblemKind::held_start;
  const bool unreachable = kind == AttemptFailureKind::connect || kind == AttemptFailureKind::tls;
  // Nothing could be reached at all and nothing ran: a start is worth sending again later.
  if (unreachable && request == durable::RequestKind::start) return ProblemKind::no_endpoint;
  switch (kind) {
    case AttemptFailureKind::connect:
      return ProblemKind::connect_failed;
    case AttemptFailureKind::tls:
      return ProblemKind::tls_failed;
    case AttemptFailureKind::stale_connection:
    case AttemptFailureKind::reset_before_response:
    case AttemptFailureKind::closed_before_response:
      return ProblemKind::upstream_closed;
    case AttemptFailureKind::bad_response:
      return ProblemKind::bad_response;
    case AttemptFailureKind::key_refused:
      return ProblemKind::key_refused;
    case AttemptFailureKind::answer_proves_not_run:  // normally the answer itself is relayed
    case AttemptFailureKind::answer_502_503_504:
      return ProblemKind::no_endpoint;
    case AttemptFailureKind::first_byte_timeout:
    case AttemptFailureKind::rescued_by_degraded:
    case AttemptFailureKind::rescued_by_drain:
      return ProblemKind::first_byte_timeout;
  }
  return ProblemKind::internal;
}

std::string problem_json(const Problem& problem) {
  const int status = status_of(problem.kind);
  std::string out;
  out.reserve(256 + problem.detail.size());
  out += "{\"title\":\"";
  out += status_phrase(status);
  out += "\",\"status\":";
  out += std::to_string(status);
  append_member(out, "kind", to_string(problem.kind));
  append_member(out, "detail", problem.detail);
  append_member(out, "endpoint", problem.endpoint);
  append_member(out, "reason", problem.reason);
  append_member(out, "outcome", problem.outcome);
  append_member(out, "instanceId", problem.instance_id);
  append_member(out, "statusUrl", problem.status_url);
  append_member(out, "traceId", problem.trace_id);
  if (problem.attempts > 0) {
    out += ",\"attempts\":";
    out += std::to_string(problem.attempts);
  }
  out += "}\n";
  return out;
}

void append_json_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    std::size_t length = 1;
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text.front();
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 0xf];
    } else if ((length = utf8_length(text)) > 0) {
      out += text.substr(0, length);
    } else {
      out += "\\ufffd";
      length = 1;
    }
    text.remove_prefix(length);
  }
}

}  // namespace proxy
