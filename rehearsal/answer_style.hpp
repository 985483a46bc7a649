// How answers look on the wire beside what they say: coded, in chunks, with the cookie by which the
// platform's front ends keep a client on one instance. Taken from the request and the options
// before the request is handled. One thread.
#pragma once

#include <string>

#include "rehearsal/app_options.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

class AnswerStyle {
 public:
  AnswerStyle(const transport::ServerRequest&, const AppOptions&);

  void apply(transport::ServerResponse&) const;

 private:
  AnswerCoding coding_ = AnswerCoding::identity;  // only what the client accepts
  bool varies_ = false;                           // another client would get it coded
  bool chunked_ = false;
  std::string affinity_;         // value of the cookie; "" when there is none to set
  std::string affinity_domain_;  // the app's host
};

// zlib's format for "deflate", as the standard says. The way back is in the tests.
std::string code_body(const std::string& body, AnswerCoding);

}  // namespace rehearsal
