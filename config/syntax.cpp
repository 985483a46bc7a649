#include "config/syntax.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

#include "config/tree.hpp"
#include "config/url.hpp"

namespace config {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_json_pointer(std::string_view text) {  // RFC 6901
  if (!text.empty() && text.front() != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')))
      return false;
  return true;
}

// Letters wrong, missing, too many, or two swapped (optimal string alignment), row by row.
std::size_t slips(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last.back();
}

}  // namespace

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alphanumeric(c) || marks.find(c) != std::string_view::npos;
  });
}

std::optional<Problem> check_profile_name(std::string_view text) {
  const bool good = std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
  });
  if (text.empty()) return Problem{"is empty", "give it a short name"};
  if (text.size() > 64) return Problem{"is too long", "use at most 64 characters"};
  if (!good) return Problem{"is not a name", "use letters, digits, \"-\", \"_\" and \".\""};
  return std::nullopt;
}

std::optional<Problem> check_label(std::string_view text) {
  if (text.size() > 64) return Problem{"is too long", "use at most 64 characters"};
  for (const char c : text)
    if (c < 0x20 || c == 0x7f || c == '"')
      return Problem{"has a character that a label cannot have", "use letters, digits and spaces"};
  return std::nullopt;
}

std::optional<Problem> check_not_empty(std::string_view text) {
  if (text.empty()) return Problem{"is empty", "give it a value or leave the key out"};
  return std::nullopt;
}

std::optional<Problem> check_method(std::string_view text) {
  if (!is_token(text)) return Problem{"is not an HTTP method", "write it like \"GET\""};
  if (text == "CONNECT") return Problem{"cannot be a probe", "use GET, HEAD or OPTIONS"};
  if (lower(text) == "get" || lower(text) == "head" || lower(text) == "post") {
    if (std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
      return Problem{"is not the method it looks like", "methods are written in capitals"};
  }
  return std::nullopt;
}

std::optional<Problem> check_path(std::string_view text) {
  if (!text.starts_with('/'))
    return Problem{"does not start with \"/\"", "write it like \"/api/health\""};
  for (const char c : text) {
    if (c == '#') return Problem{"has a fragment", "remove it; it is never sent"};
    if (c <= 0x20 || c == 0x7f)
      return Problem{"has a character that a path cannot have", "percent-encode it"};
  }
  return std::nullopt;
}

std::optional<Problem> check_field_name(std::string_view text) {
  static constexpr std::array<std::string_view, 10> own{
      "connection",        "keep-alive", "proxy-connection", "te",     "trailer",
      "transfer-encoding", "upgrade",    "content-length",   "expect", "proxy-authorization"};
  if (!is_token(text)) return Problem{"is not a header name", "write it like \"X-Probe\""};
  if (std::find(own.begin(), own.end(), lower(text)) != own.end())
    return Problem{"belongs to the connection", "this proxy sets it where it is needed"};
  return std::nullopt;
}

std::optional<Problem> check_cookie_name(std::string_view text) {
  if (!is_token(text)) return Problem{"is not a cookie name", "write it like \"understudy\""};
  if (text.size() > 64) return Problem{"is longer than 64 characters", "shorten it"};
  return std::nullopt;
}

std::optional<Problem> check_field_value(std::string_view text) {
  for (const char c : text)
    if ((c >= 0 && c < 0x20 && c != '\t') || c == 0x7f)
      return Problem{"has a line break or another control character", "a header is one line"};
  if (text != trimmed(text)) return Problem{"starts or ends with a space", "remove the space"};
  return std::nullopt;
}

std::optional<Problem> check_host_value(std::string_view text) {
  Url url;
  if (text.find('*') != std::string_view::npos)
    return Problem{"has a \"*\"", "a Host header names one host"};
  if (text.find('/') != std::string_view::npos || parse_url("http://" + std::string(text), url))
    return Problem{"is not a host name", "write it like \"app.example.com\""};
  return std::nullopt;
}

std::optional<Problem> check_host_name(std::string_view text) {
  if (!is_host_name(text) || is_ipv4(text))
    return Problem{"is not a host name", "write it like \"app.example.com\""};
  return std::nullopt;
}

std::optional<Problem> check_webhook(std::string_view text) {
  if (auto problem = check_path(text)) return problem;
  for (const std::string_view prefix : {"/runtime/webhooks/", "/admin/"})
    if (lower(text).starts_with(prefix) && text.size() > prefix.size()) return std::nullopt;
  return Problem{"is neither a webhook nor below /admin",
                 "write it like \"/runtime/webhooks/eventgrid\" or \"/admin/host/ping\""};
}

std::optional<Problem> parse_status_range(std::string_view text, StatusRange& range) {
  Problem problem{"is not a range of statuses", "write 200, or \"200-299\" for a range"};
  StatusRange result;
  const char* const end = text.data() + text.size();
  const auto [dash, first] = std::from_chars(text.data(), end, result.min);
  result.max = result.min;
  if (first != std::errc{}) return problem;
  if (dash != end) {
    if (*dash != '-') return problem;
    const auto [after, second] = std::from_chars(dash + 1, end, result.max);
    if (second != std::errc{} || after != end) return problem;
  }
  if (result.min < 100 || result.max > 599) return Problem{"is outside 100..599", problem.hint};
  if (result.max < result.min)
    return Problem{"is a range that ends before it starts", problem.hint};
  range = result;
  return std::nullopt;
}

std::optional<Problem> parse_json_match(std::string_view text, JsonMatch& match) {
  const std::string hint = R"(write it like "/state == \"Running\"")";
  const std::size_t equals = text.find("==");
  if (equals == std::string_view::npos) return Problem{"compares nothing", hint};
  const std::string_view pointer = trimmed(text.substr(0, equals));
  if (!is_json_pointer(pointer)) return Problem{"has a malformed JSON pointer", hint};
  auto expected = normal_scalar(trimmed(text.substr(equals + 2)));
  if (!expected)
    return Problem{"has no JSON string, number, true, false or null after \"==\"", hint};
  match = {std::string(pointer), std::move(*expected)};
  return std::nullopt;
}

std::optional<Problem> parse_route(std::string_view text, StartRoute& route) {
  const std::string hint = "write it like \"POST /api/orchestrators/{function}\"";
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return Problem{"is not a route", hint};
  const std::string_view method = text.substr(0, space);
  const std::string_view path = text.substr(space + 1);
  if (check_method(method)) return Problem{"has a malformed method", hint};
  if (check_path(path) || path.find('?') != std::string_view::npos)
    return Problem{"has a malformed path", hint};
  std::vector<std::string_view> seen;
  for (std::size_t open = path.find_first_of("{}"); open != std::string_view::npos;
       open = path.find_first_of("{}", open)) {
    const std::size_t close = path.find('}', open);
    const std::string_view name =
        close == std::string_view::npos ? "" : path.substr(open + 1, close - open - 1);
    if (path[open] != '{' || (name != "function" && name != "instanceId"))
      return Problem{"has an unknown placeholder", "use {function} and {instanceId}"};
    const bool alone =
        path[open - 1] == '/' && (close + 1 == path.size() || path[close + 1] == '/');
    if (!alone) return Problem{"has a placeholder that is not a whole path segment", hint};
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return Problem{"has the same placeholder twice", hint};
    seen.push_back(name);
    open = close + 1;
  }
  route.method = method;
  route.path = path;
  return std::nullopt;
}

std::string status_text(const StatusRange& range) {
  if (range.min == range.max) return std::to_string(range.min);
  return std::to_string(range.min) + "-" + std::to_string(range.max);
}

std::string json_match_text(const JsonMatch& match) {
  return match.pointer + " == " + match.expected;
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = slips(lower(word), lower(candidate));
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

}  // namespace config
