#include "transport/link_request.hpp"

#include <algorithm>

namespace transport {

namespace {

constexpr std::size_t longest_method = 32;
constexpr std::size_t longest_line = 16 * 1024;

bool is_upper(char c) {
  return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

}  // namespace

LinkRequest look_at(std::string_view bytes, std::string_view path) {
  LinkRequest request;
  const std::size_t method_end = bytes.find(' ');
  const std::string_view method = bytes.substr(0, method_end);
  const std::size_t line_end = bytes.find('\n');
  if (method.empty() || method.size() > longest_method ||
      !std::all_of(method.begin(), method.end(), is_upper) ||
      (line_end == std::string_view::npos && bytes.size() > longest_line)) {
    request.verdict = LinkRequest::Verdict::forward;
    return request;
  }
  if (line_end == std::string_view::npos) return request;
  request.verdict = LinkRequest::Verdict::forward;
  const std::string_view line = bytes.substr(0, line_end);
  const std::size_t target_end = line.rfind(" HTTP/1.");
  if (target_end == std::string_view::npos || target_end <= method_end) return request;
  std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  if (!target.starts_with('/')) {  // absolute form
    const std::size_t scheme = target.find("://");
    const std::size_t slash =
        scheme == std::string_view::npos ? scheme : target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view{"/"} : target.substr(slash);
  }
  if (!target.starts_with(path)) return request;
  request.verdict = LinkRequest::Verdict::answer;
  request.is_head = method == "HEAD";
  return request;
}

std::string link_answer(int status, bool to_head) {
  const std::string body = "This answer is a fault of a rehearsal.\n";
  const bool may_have_body = status != 204 && status != 304;
  std::string answer = "HTTP/1.1 " + std::to_string(status) + " Rehearsal\r\nConnection: close\r\n";
  if (may_have_body)
    answer += "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  answer += "\r\n";
  if (may_have_body && !to_head) answer += body;
  return answer;
}

}  // namespace transport
