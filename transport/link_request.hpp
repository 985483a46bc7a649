// What a link that answers by itself (link.hpp) has to know of HTTP: where a request asks for, by
// its first line alone, and the answer. Pure.
#pragma once

#include <string>
#include <string_view>

namespace transport {

struct LinkRequest {
  enum class Verdict { undecided, answer, forward };
  Verdict verdict = Verdict::undecided;
  bool is_head = false;  // its answer has no body
};

// `bytes`: the beginning of a request, at least one. What is no HTTP/1 request is forwarded; what
// is for a target that does not begin with `path`, too.
LinkRequest look_at(std::string_view bytes, std::string_view path);

// Closes the connection.
std::string link_answer(int status, bool to_head);

}  // namespace transport
